"""`iqa gather`: parse, read the results, render them as `iqa assess` does."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_cli.cli.options import Level, choice_of
from iqa_cli.cli.signals import end_quickly
from iqa_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from iqa_cli.provenance import Provenance
    from iqa_cli.records import Language
    from iqa_cli.scale.card import Run


def gather(
    place: Annotated[str, typer.Argument(metavar="RUN", help="A run whose shards are all done.")],
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a row for every photo to this file; - writes to stdout.")
    ] = None,
    csv_bom: Annotated[
        bool, typer.Option("--csv-bom", help="Begin that file with the mark by which Excel knows UTF-8.")
    ] = False,
    jsonl: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write everything known, a JSON object a line; - is stdout.")
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write what the report counts as a JSON document; - is stdout.")
    ] = None,
    parquet: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the rows of the CSV with types; - is stdout.")
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a page; needs a run planned with --pages for its small pictures."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY,...", help="Also count by camera, lens, folder ...; keys as for `iqa assess`."),
    ] = None,
    top: Annotated[int, typer.Option(min=0, metavar="N", help="How many of the worst photos to list.")] = 20,
    min_severity: Annotated[
        Level, typer.Option(metavar=choice_of(Level), help="List photos among the worst from this severity on.")
    ] = Level.ORDINARY,
) -> None:
    """Write the reports of a run: those of a local audit.

    Exit codes: 0 done, 2 wrong usage, 3 a result is missing, or something cannot be read or written, 70 a bug in iqa,
    130 interrupted.
    """
    from iqa_cli.cli.outputs import open_outputs
    from iqa_cli.cli.progress import progress
    from iqa_cli.cli.streams import say
    from iqa_cli.grouping import grouping_of
    from iqa_cli.photos.discover import Discovery
    from iqa_cli.provenance import Ending
    from iqa_cli.report.audit.json_file import audit_json
    from iqa_cli.report.audit.table import print_table
    from iqa_cli.report.audit.tally import Tally
    from iqa_cli.report.audit.words import WORDS
    from iqa_cli.report.output import told_as_output_error
    from iqa_cli.scale.card import load_model, load_run
    from iqa_cli.scale.gather import reports
    from iqa_cli.stores.places import Place

    end_quickly()
    if csv_bom and csv is None:
        raise UsageError("--csv-bom is about the file of --csv, which is missing", hint="--csv audit.csv --csv-bom")
    groupings = tuple(map(grouping_of, by or ()))
    where = Place(place)
    for option, name in {"--csv": csv, "--jsonl": jsonl, "--json": json, "--parquet": parquet, "--html": html}.items():
        if name is not None and where.holds(name):
            raise UsageError(f"{option} {name}: this is inside the run", hint="name a file beside it")
    run = load_run(where)
    if html is not None and not run.settings.pages:
        raise UsageError(
            f"{place}: the run keeps nothing that a page shows", hint="plan another with --pages; --csv takes this one"
        )
    lang: Language = "zh" if run.settings.lang == "zh" else "en"
    graph = load_model(run.settings, for_judging=False).graph
    tally = Tally(top=top, min_level=min_severity.number, between=WORDS[lang].between, by=groupings)
    found = Discovery((), run.skipped, run.left_out)
    about = _provenance(run, graph.name)
    started = time.perf_counter()
    try:
        with (
            open_outputs(csv, jsonl, json, html, (), parquet=parquet) as outputs,
            contextlib.closing(reports(where, run)) as rows,
            progress(run.photos, lang) as advance,
        ):
            outputs.start(graph, lang, about, csv_bom=csv_bom, by=groupings)
            for report in rows:
                outputs.write(report)
                if outputs.is_deserted:
                    return
                tally.add(report)
                advance()
            ending = Ending(
                at=dt.datetime.now().astimezone(),
                seconds=time.perf_counter() - started,
                remembered=0,
                photos=tally.statuses,
            )
            if not outputs.on_stdout:
                with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
                    print_table(
                        tally,
                        graph,
                        elapsed_s=None,  # that of gathering is not that of judging
                        lang=lang,
                        file=sys.stdout,
                        left_out=run.left_out,
                    )
            outputs.finish(lambda: audit_json(tally, graph, found, about, ending), ending)
    except KeyboardInterrupt:
        say(f"interrupted: {tally.photos} photos gathered")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _provenance(run: Run, graph: str) -> Provenance:
    """Of the run, not of this command: it says who judged, and how."""
    from pathlib import PurePath

    from iqa_cli.cli.auditing import command_line
    from iqa_cli.photos.discover import as_utf8
    from iqa_cli.provenance import Provenance

    settings = run.settings
    return Provenance(
        places=(as_utf8(settings.source),),
        checkpoint=as_utf8(PurePath(settings.checkpoint).name),
        decode=settings.decode,
        strictness=settings.strictness,
        made=dt.datetime.fromisoformat(settings.planned),
        card_sha256=settings.card_sha256,
        graph=graph,
        graph_sha256=settings.graph_sha256,
        lang=settings.lang,
        command=command_line(),
    )
