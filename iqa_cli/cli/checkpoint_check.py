"""`iqa checkpoint-check`: checkpoints in, whether they are safe and sound out."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_cli.cli import completion
from iqa_cli.errors import ExitCode

if TYPE_CHECKING:
    from iqa_cli.inspection import CheckpointReport


def checkpoint_check(
    checkpoints: Annotated[
        list[str],
        typer.Argument(
            metavar="DIR...",
            help="Checkpoint folders, or names of shipped checkpoints.",
            autocompletion=completion.checkpoints,
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
) -> None:
    """Say whether checkpoints are safe and sound, and what they contain: before a stranger's one is used.

    Exit codes: 0 all are sound, 2 wrong usage, 3 one is not; the others are checked all the same.
    """
    from iqa_cli.cli.streams import say

    try:
        reports = _check(checkpoints, as_json=json)
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not all(report.sound for report in reports):
        raise typer.Exit(ExitCode.INVALID_INPUT)


def _check(checkpoints: list[str], *, as_json: bool) -> list[CheckpointReport]:
    """Check every checkpoint, and print what was found while it goes on; JSON comes at the end, in one piece."""
    from iqa_cli.inspection import check_checkpoint
    from iqa_cli.report.checkpoint.json_file import checkpoint_reports_json
    from iqa_cli.report.checkpoint.table import print_checkpoint_report, print_closing_line
    from iqa_cli.report.output import OutputStream, told_as_output_error

    reports = []
    # After `iqa checkpoint-check DIR | head -1` the reader has what it wants.
    with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
        for name in checkpoints:
            report = check_checkpoint(name)
            reports.append(report)
            if not as_json:
                print_checkpoint_report(report, file=sys.stdout)
        if as_json:
            OutputStream(sys.stdout.buffer).write(checkpoint_reports_json(reports))
        else:
            print_closing_line(reports, file=sys.stdout)
    return reports
