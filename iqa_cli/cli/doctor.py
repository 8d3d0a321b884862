"""`iqa doctor`: this installation in, whether it works out."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Annotated

import typer

from iqa_cli.errors import ExitCode


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
) -> None:
    """Say whether this installation works: libraries, formats of pictures, the shipped model, extras, the cache.

    Every format is tried out with a small picture, and the model judges one. The screen is made to be pasted into a
    report of a bug: it names no user and no machine.

    Exit codes: 0 everything that iqa needs works, 3 a part of it is broken, 70 a bug in iqa, 130 interrupted.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from iqa_cli.cli.streams import say
    from iqa_cli.inspection.install import examine
    from iqa_cli.report.install.json_file import install_report_json
    from iqa_cli.report.install.table import print_install_report
    from iqa_cli.report.output import OutputStream, told_as_output_error

    try:
        report = examine()
        # After `iqa doctor | head -1` the reader has what it wants.
        with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
            if json:
                OutputStream(sys.stdout.buffer).write(install_report_json(report))
            else:
                print_install_report(report, file=sys.stdout)
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if report.bad:
        raise typer.Exit(ExitCode.INVALID_INPUT)
