"""`iqa assess`: parse, audit, render."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_cli.cli.options import DecodeMode, Lang, Level
from iqa_cli.errors import ExitCode, NothingReadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.cli.outputs import Outputs
    from iqa_cli.pipeline import Auditor
    from iqa_cli.records import PhotoRef
    from iqa_cli.report.tally import Tally


def assess(
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Photos and folders; folders are searched to the bottom."),
    ],
    checkpoint: Annotated[
        str,
        typer.Option(metavar="NAME|PATH", help="The model: a shipped one by name, or the folder of your own."),
    ] = "default",
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a row for every photo found to this file; - writes to stdout."),
    ] = None,
    jsonl: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write everything known, a JSON object a line; - writes to stdout."),
    ] = None,
    top: Annotated[int, typer.Option(min=0, metavar="N", help="How many of the worst photos to list.")] = 20,
    min_severity: Annotated[
        Level, typer.Option(help="List photos among the worst from this severity on.")
    ] = Level.ORDINARY,
    fail_on: Annotated[
        Level | None, typer.Option(help="Exit with code 1 if any photo has a problem this severe or worse.")
    ] = None,
    decode: Annotated[
        DecodeMode,
        typer.Option(help="scaled reads large JPEGs at a fraction of their size, much faster; full reads every pixel."),
    ] = DecodeMode.SCALED,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Photos to decode at once; by default one per processor."),
    ] = None,
    lang: Annotated[Lang, typer.Option(help="Language of the report.")] = Lang.EN,
) -> None:
    """Find the photos with tone problems: which, how bad, how sure.

    The report goes to the terminal; --csv and --jsonl keep it. Photos that cannot be read are listed with the
    reason.

    Exit codes: 0 done, 1 problems at or above --fail-on, 2 wrong usage, 3 a missing or invalid checkpoint or
    path, 4 no photo could be read, 70 a bug in iqa, 130 interrupted.
    """
    # Cheap checks first, heavy libraries last: a mistyped path fails at once.
    from iqa_cli.cli.outputs import open_outputs
    from iqa_cli.paths import find_checkpoint
    from iqa_cli.photos.discover import discover
    from iqa_cli.report.tally import Tally
    from iqa_cli.report.text import shown

    tally = Tally(top=top, min_level=min_severity.number)
    try:
        found = discover(paths)
        for folder, reason in found.skipped:
            typer.echo(f"warning: {shown(folder)}: not searched ({reason})", err=True)
        if not found.photos:
            raise NothingReadable(f"no photos found in {', '.join(map(shown, paths))}")
        model = find_checkpoint(checkpoint)
        with open_outputs(csv, jsonl, found.photos) as outputs:
            from iqa_cli.pipeline import Auditor

            auditor = Auditor.load(model, decode=decode.code, jobs=jobs, lang=lang.code)
            complete = _audit(auditor, found.photos, outputs, tally)
    except KeyboardInterrupt:
        kept = " and ".join(str(path) for path in (csv, jsonl) if path is not None and str(path) != "-")
        rows = f", rows kept in {kept}" if kept and tally.photos else ""
        typer.echo(f"interrupted: {tally.photos} photos judged{rows}", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if not complete:
        return
    if tally.photos == tally.unreadable.total:
        raise NothingReadable(f"none of the {tally.photos} photos could be read")
    if fail_on is not None and tally.reaches(fail_on.number):
        raise typer.Exit(ExitCode.FINDINGS)


def _audit(auditor: Auditor, photos: Sequence[PhotoRef], outputs: Outputs, tally: Tally) -> bool:
    """Judge every photo: rows go out while it runs, the table at its end; False if their reader left before."""
    from iqa_cli.cli.progress import progress
    from iqa_cli.report.table import print_table

    started = time.perf_counter()
    try:
        writers = outputs.writers(auditor.graph.label_names)
        # Closed at once if anything stops the loop: the decoding threads end before the message is printed.
        with contextlib.closing(auditor.run(photos)) as reports, progress(len(photos)) as advance:
            for report in reports:
                for writer in writers:
                    writer.write(report)
                tally.add(report)
                advance()
    except BrokenPipeError:
        _drop_stdout()
        return False
    if not outputs.on_stdout:
        elapsed_s = time.perf_counter() - started
        try:
            print_table(tally, auditor.graph, elapsed_s=elapsed_s, lang=auditor.lang, file=sys.stdout)
        except BrokenPipeError:
            _drop_stdout()
    return True


def _drop_stdout() -> None:
    """After `iqa ... | head`: the reader has what it wants, and Python must not complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
