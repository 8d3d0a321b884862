"""`iqa assess`: parse, audit, render."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_cli.cli import completion
from iqa_cli.cli.options import DecodeMode, Device, Lang, Level, Strictness, choice_of
from iqa_cli.errors import ExitCode, InvalidInput, NothingReadable, UsageError

if TYPE_CHECKING:
    from iqa_cli.cache import Cache
    from iqa_cli.cli.outputs import Outputs
    from iqa_cli.photos.discover import Discovery
    from iqa_cli.pipeline import Auditor
    from iqa_cli.provenance import Provenance
    from iqa_cli.report.audit.tally import Tally


def assess(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Photos and folders; folders are searched to the bottom. - takes paths from stdin."
        ),
    ],
    checkpoint: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            help="The model: a shipped one by name, or the folder of your own.",
            autocompletion=completion.checkpoints,
        ),
    ] = "default",
    csv: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a row for every photo found to this file; - writes to stdout."),
    ] = None,
    csv_bom: Annotated[
        bool,
        typer.Option("--csv-bom", help="Begin that file with the mark by which Excel knows UTF-8 (byte order mark)."),
    ] = False,
    jsonl: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write everything known, a JSON object a line; - writes to stdout."),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write what the report counts as one JSON document, with what it was made with; - writes to stdout.",
        ),
    ] = None,
    parquet: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write the rows of --csv with types, as Parquet, for DuckDB, pandas and the like; - writes to stdout. "
            "Needs the parquet extra.",
        ),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a page to look at, filter and review; any browser opens it."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY,...",
            autocompletion=completion.groupings,
            help="Also count by camera, lens, iso, exposure-time, focal-length, flash, hour, month, folder or "
            "regex:PATTERN on the path, and mark groups that differ. With commas together; may be repeated.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(min=0, metavar="N", help="How many of the worst photos to list.")] = 20,
    min_severity: Annotated[
        Level, typer.Option(metavar=choice_of(Level), help="List photos among the worst from this severity on.")
    ] = Level.ORDINARY,
    fail_on: Annotated[
        Level | None,
        typer.Option(
            metavar=choice_of(Level), help="Exit with code 1 if any photo has a problem this severe or worse."
        ),
    ] = None,
    fail_on_unsearched: Annotated[
        bool | None,
        typer.Option(
            "--fail-on-unsearched/--no-fail-on-unsearched",
            help="Exit with code 3 if a folder could not be searched; with --fail-on that is the default.",
            show_default=False,
        ),
    ] = None,
    strictness: Annotated[
        Strictness,
        typer.Option(
            metavar=choice_of(Strictness),
            help="How readily a problem is named, and a grave one: strict misses fewer and accuses more good photos, "
            "lenient the other way round. Probabilities stay the same.",
        ),
    ] = Strictness.NORMAL,
    decode: Annotated[
        DecodeMode,
        typer.Option(
            metavar=choice_of(DecodeMode),
            help="auto is scaled, but judges a HEIC file by its preview where parts of the picture agree with it and "
            "no level is close, ten times faster; scaled reads large JPEGs at a fraction of their size; full reads all "
            "pixels; thumbnail judges the preview that the camera wrote: a first look, five times faster where photos "
            "have one.",
        ),
    ] = DecodeMode.AUTO,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Photos to work on at once; by default one per processor, and more is no faster."
        ),
    ] = None,
    include_copies: Annotated[
        bool,
        typer.Option(
            "--include-copies",
            help="Look into folders where programs keep copies or deleted photos, too: thumbnails, bins, snapshots.",
        ),
    ] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Pass over these names, as in a .gitignore file. May be repeated."),
    ] = None,
    exclude_from: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Pass over what this file lists, a pattern a line.")
    ] = None,
    device: Annotated[
        Device,
        typer.Option(
            metavar=choice_of(Device),
            help="Where the model runs: cuda is an NVIDIA card, by way of onnxruntime-gpu; auto takes one for a large "
            "model such as a ViT, if it is there.",
        ),
    ] = Device.AUTO,
    cache: Annotated[
        bool,
        typer.Option(
            "--cache/--no-cache",
            help="Remember what was judged: photos that have not changed since are not opened again. See `iqa cache`.",
        ),
    ] = True,
    lang: Annotated[Lang, typer.Option(metavar=choice_of(Lang), help="Language of the report.")] = Lang.EN,
) -> None:
    """Find the photos with tone problems: which, how bad, how sure.

    The report goes to the terminal; --csv, --jsonl, --json, --parquet and --html keep
    it. Photos that cannot be read are listed
    with the reason.

    Exit codes: 0 done, 1 problems at or above --fail-on, 2 wrong usage, 3 a missing or invalid checkpoint or
    path, an output that cannot be written to its end, or with --fail-on a folder that could not be searched, 4 no
    photo could be read, 70 a bug in iqa or processes of it that are killed again and again, 130 interrupted.
    """
    # Cheap checks first, heavy libraries last: a mistyped path fails at once.
    from iqa_cli.cli.auditing import load_auditor, opened_cache, provenance_of
    from iqa_cli.cli.finding import find_photos
    from iqa_cli.cli.outputs import open_outputs
    from iqa_cli.cli.streams import say
    from iqa_cli.grouping import grouping_of
    from iqa_cli.paths import find_checkpoint
    from iqa_cli.report.audit.tally import Tally
    from iqa_cli.report.audit.words import WORDS
    from iqa_cli.report.text import shown
    from iqa_cli.wording import counted, shortened

    if csv_bom and csv is None:
        raise UsageError("--csv-bom is about the file of --csv, which is missing", hint="--csv audit.csv --csv-bom")
    groupings = tuple(map(grouping_of, by or ()))
    tally = Tally(top=top, min_level=min_severity.number, between=WORDS[lang.code].between, by=groupings)
    outputs: Outputs | None = None
    try:
        found = find_photos(paths, include_copies=include_copies, exclude=exclude or (), exclude_from=exclude_from)
        model = find_checkpoint(checkpoint)
        with open_outputs(csv, jsonl, json, html, found.photos, parquet=parquet) as outputs:
            auditor = load_auditor(
                model,
                decode=decode,
                jobs=jobs,
                lang=lang,
                strictness=strictness,
                device=device,
                explain=jsonl is not None or html is not None,
                thumbnails=html is not None,
            )
            with opened_cache(auditor, cache) as known:
                about = provenance_of(auditor, model, paths, decode=decode, strictness=strictness)
                outputs.start(auditor.graph, lang.code, about, csv_bom=csv_bom, by=groupings)
                complete = _audit(auditor, found, known, outputs, tally, about, to_the_end=fail_on is not None)
    except KeyboardInterrupt:
        rows = "" if outputs is None or not outputs.said_of_kept else f", {outputs.said_of_kept}"
        onward = "; the same command goes on from there" if cache and tally.photos else ""
        say(f"interrupted: {tally.photos} photos judged{rows}{onward}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except BaseException:
        if outputs is not None and outputs.said_of_kept:
            say(f"note: {outputs.said_of_kept}")
        raise
    if complete and tally.photos == tally.unreadable.total:
        raise NothingReadable(f"no photo could be read, of {tally.photos} found")
    if fail_on is not None and tally.reaches(fail_on.number):
        raise typer.Exit(ExitCode.FINDINGS)
    if found.skipped and (fail_on is not None if fail_on_unsearched is None else fail_on_unsearched):
        raise InvalidInput(
            f"{counted(len(found.skipped), 'folder')} could not be searched: what is in there was not judged",
            problems=shortened([f"{shown(folder)}: {reason}" for folder, reason in found.skipped]),
            hint="--no-fail-on-unsearched accepts that",
        )


def _audit(
    auditor: Auditor,
    found: Discovery,
    cache: Cache | None,
    outputs: Outputs,
    tally: Tally,
    provenance: Provenance,
    *,
    to_the_end: bool,
) -> bool:
    """Judge every photo: rows go out while it runs, the table at its end.

    to_the_end  judge the rest as well when nobody reads any more
    returns     whether every photo was judged
    """
    from iqa_cli.cli.auditing import judging
    from iqa_cli.provenance import Ending
    from iqa_cli.report.audit.json_file import audit_json
    from iqa_cli.report.audit.table import print_table
    from iqa_cli.report.output import told_as_output_error

    started = time.perf_counter()
    with judging(auditor, found, cache) as reports:
        for report in reports:
            outputs.write(report)
            if outputs.is_deserted and not to_the_end:
                return False
            tally.add(report)
    ending = Ending(
        at=dt.datetime.now().astimezone(),
        seconds=time.perf_counter() - started,
        remembered=0 if cache is None else cache.hits,
        photos=tally.statuses,
    )
    try:
        if not outputs.on_stdout:
            # After `iqa assess DCIM | head -1` the reader has what it wants.
            with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
                print_table(
                    tally,
                    auditor.graph,
                    elapsed_s=ending.seconds,
                    lang=auditor.lang,
                    file=sys.stdout,
                    remembered=ending.remembered,
                    left_out=found.left_out,
                )
    finally:
        # Files that are complete take their places even if the table cannot be printed.
        outputs.finish(lambda ended: audit_json(tally, auditor.graph, found, provenance, ended), ending)
    return True
