"""`iqa compare`: parse, audit both sides or read their reports, compare, render."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import itertools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict

import typer

from iqa_cli.cli import completion
from iqa_cli.cli.options import DecodeMode, Device, Lang, Strictness, choice_of
from iqa_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.cli.outputs import Sink
    from iqa_cli.comparison import Comparison, Side
    from iqa_cli.hexgraph import HexGraph
    from iqa_cli.photos.discover import Discovery
    from iqa_cli.pipeline import Auditor
    from iqa_cli.provenance import Provenance
    from iqa_cli.report.comparison.sentences import Names


class Regression(enum.StrEnum):
    """What fails a gate."""

    REGRESSION = "regression"
    SEVERE = "severe-regression"


def compare(
    a: Annotated[
        str,
        typer.Argument(metavar="A", help="What was before: a folder of photos, or what iqa assess wrote with --jsonl."),
    ],
    b: Annotated[
        str | None, typer.Argument(metavar="B", help="The same scenes, as they are now: a folder or a report.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="REPORT",
            help="What was before, in a script that names only what is new: iqa compare NEW --baseline REPORT.",
        ),
    ] = None,
    pair: Annotated[
        str,
        typer.Option(
            metavar="HOW",
            help="Which photos belong together: path, those at the same path below A and B; regex:PATTERN, those in "
            "whose paths its named groups, or else group 1, find the same; time:SECONDS, those taken that close.",
        ),
    ] = "path",
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY,...",
            help="Also test groups of pairs by A's settings; keys as for `iqa assess`.",
            autocompletion=completion.groupings,
        ),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write a page with the pairs side by side; any browser opens it."),
    ] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write all counts and tests as a JSON document; - is stdout.")
    ] = None,
    csv: Annotated[str | None, typer.Option(metavar="FILE", help="Write a row for every pair; - is stdout.")] = None,
    top: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many pairs to show that got worse, and that got better.")
    ] = 10,
    fail_on: Annotated[
        Regression | None,
        typer.Option(
            metavar=choice_of(Regression),
            help="Exit with code 1 if B is shown to be worse in a problem: at any level, or severe and above.",
        ),
    ] = None,
    checkpoint: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            help="The model that judges folders: by name, or the folder of your own.",
            autocompletion=completion.checkpoints,
        ),
    ] = "default",
    strictness: Annotated[
        Strictness | None,
        typer.Option(
            metavar=choice_of(Strictness),
            help="How readily a problem is named, as for `iqa assess`; by default as in the other report, or normal.",
            show_default=False,
        ),
    ] = None,
    decode: Annotated[
        DecodeMode | None,
        typer.Option(
            metavar=choice_of(DecodeMode),
            help="How photos are read, as for `iqa assess`; by default as in the other report, or scaled: the picture "
            "itself is measured.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Photos to work on at once; by default one per processor.")
    ] = None,
    device: Annotated[
        Device, typer.Option(metavar=choice_of(Device), help="Where the model runs, as for `iqa assess`.")
    ] = Device.AUTO,
    cache: Annotated[
        bool,
        typer.Option("--cache/--no-cache", help="Take photos that were judged before from the cache, and remember."),
    ] = True,
    lang: Annotated[Lang, typer.Option(metavar=choice_of(Lang), help="Language of the report.")] = Lang.EN,
) -> None:
    r"""Say whether B is better than A on the same scenes: counts, exact tests, pictures side by side.

    For instance: iqa compare build41 build42 --html compare.html

    Folders are judged as `iqa assess` does, and from its cache. Photos are paired by their path below A and B, unless
    --pair says otherwise. What has no partner, or several, is counted and left out.

    Exit codes: 0 done, 1 a regression as --fail-on means it, 2 wrong usage, 3 a missing or invalid input, no pair, or
    an output that cannot be written, 4 no photo could be read, 70 a bug in iqa, 130 interrupted.
    """
    # Before numpy is imported: it would start a thread per processor for sums that nothing here computes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from iqa_cli import comparison
    from iqa_cli.checkpoint import load_checkpoint
    from iqa_cli.cli.auditing import load_auditor, provenance_of
    from iqa_cli.cli.outputs import open_sinks, page_path
    from iqa_cli.cli.streams import say
    from iqa_cli.grouping import grouping_of
    from iqa_cli.paths import find_checkpoint
    from iqa_cli.report.output import OutputStream, told_as_output_error
    from iqa_cli.sides import read_side

    sources = _sources(a, b, baseline)
    pairing = comparison.pairing_of(pair)
    groupings = tuple(map(grouping_of, by or ()))
    try:
        named = {"--json": json, "--csv": csv}
        found = [_photos(source, named | {"--html": html}) for source in sources]
        photos = [photo for discovery in found if discovery is not None for photo in discovery.photos]
        model = find_checkpoint(checkpoint)
        with contextlib.ExitStack() as stack:
            sinks = open_sinks(named, photos, stack)
            page = None if html is None else page_path("--html", html, named, photos)
            # Reports first: they say how the other side is to be judged.
            sides = {at: read_side(sources[at]) for at, part in enumerate(found) if part is None}
            graph = load_checkpoint(model).graph
            if photos:
                manner = _manner(decode, strictness, [run for side in sides.values() for run in side.runs[-1:]])
                auditor = load_auditor(model, jobs=jobs, lang=lang, device=device, **manner)
                graph = auditor.graph
                for at, part in enumerate(found):
                    if part is not None:
                        sides[at] = _audit(sources[at], part, auditor, cache)
                        sides[at].runs.append(provenance_of(auditor, model, sources[at : at + 1], **manner))
            result = comparison.compare(sides[0], sides[1], pairing, by=groupings)
            names = _names(result, graph, lang)
            _write(result, names, lang, sinks, page, top=top)
            if not any(isinstance(sink, OutputStream) for sink in sinks.values()):
                from iqa_cli.report.comparison.table import print_comparison

                with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
                    print_comparison(result, names, lang.code, top=top, file=sys.stdout)
    except KeyboardInterrupt:
        say("interrupted: nothing was compared")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    fails = {Regression.REGRESSION: result.is_regression, Regression.SEVERE: result.is_severe_regression}
    if fail_on is not None and fails[fail_on]:
        raise typer.Exit(ExitCode.FINDINGS)


class _Manner(TypedDict):
    """How folders are judged."""

    decode: DecodeMode
    strictness: Strictness


def _sources(a: str, b: str | None, baseline: str | None) -> tuple[str, str]:
    """What was before, and what is now.

    raises  UsageError  if there is too little, or too much
    """
    if (b is None) == (baseline is None):
        raise UsageError(
            "B is missing" if b is None else "--baseline takes the place of A, and both are given",
            hint="iqa compare A B, or iqa compare NEW --baseline REPORT",
        )
    return (a, b) if baseline is None and b is not None else (str(baseline), a)


def _manner(decode: DecodeMode | None, strictness: Strictness | None, runs: Sequence[Provenance]) -> _Manner:
    """How a folder is judged: as was asked for, else as the report beside it, else so that the picture is measured."""
    of_report = runs[0] if runs else None
    if decode is None:
        known = of_report is not None and of_report.decode in list(DecodeMode)
        decode = DecodeMode(of_report.decode) if of_report is not None and known else DecodeMode.SCALED
    if strictness is None:
        known = of_report is not None and of_report.strictness in list(Strictness)
        strictness = Strictness(of_report.strictness) if of_report is not None and known else Strictness.NORMAL
    return {"decode": decode, "strictness": strictness}


def _photos(source: str, outputs: dict[str, str | None]) -> Discovery | None:
    """The photos of a folder; None for a file, which is a report.

    raises  UsageError  if an output would write over that report
    """
    from iqa_cli.cli.finding import find_photos
    from iqa_cli.photos.discover import SUFFIXES

    if os.path.isdir(source):  # noqa: PTH112 - Path's own raises for a locked folder before Python 3.14
        return find_photos([source])
    for option, name in outputs.items():
        if name is not None and os.path.realpath(name) == os.path.realpath(source):
            raise UsageError(f"{option} {name}: this is an input", hint=f"{option} names another file")
    if Path(source).suffix.lower() in SUFFIXES:
        raise UsageError(f"{source}: this is one photo; iqa compare takes folders of them, or reports")
    return None


def _audit(source: str, found: Discovery, auditor: Auditor, cache: bool) -> Side:
    """Judge a folder.

    raises  NothingReadable  if no photo of it could be read
    """
    from iqa_cli.cli.auditing import judging, opened_cache
    from iqa_cli.errors import NothingReadable
    from iqa_cli.sides import side_of_folder

    side = side_of_folder(source)
    with opened_cache(auditor, cache) as known, judging(auditor, found, known) as reports:
        for report in reports:
            side.add(report)
    if all(shot.status == "unreadable" for shot in side.shots):
        raise NothingReadable(f"{side.name}: no photo could be read, of {len(side.shots)} found")
    return side


def _names(found: Comparison, graph: HexGraph, lang: Lang) -> Names:
    """By the checkpoint's graph, or by the shipped one that has the labels of these reports."""
    from iqa_cli.hexgraph import read_graph
    from iqa_cli.paths import find_graph, graph_names
    from iqa_cli.report.comparison.sentences import Names

    labels = found.a.labels
    graphs = itertools.chain([graph], (read_graph(find_graph(name)) for name in graph_names()))
    return Names.of(labels, next((one for one in graphs if one.label_names == labels), None), lang.code)


def _write(
    found: Comparison, names: Names, lang: Lang, sinks: dict[str, Sink | None], page: Path | None, *, top: int
) -> None:
    """Every file that was asked for.

    raises  OutputError  if one cannot be written
    """
    from iqa_cli.cli.outputs import deliver
    from iqa_cli.report.comparison.csv_file import comparison_csv
    from iqa_cli.report.comparison.json_file import comparison_json
    from iqa_cli.report.comparison.sentences import Sentences

    made = dt.datetime.now().astimezone()
    say = Sentences(found, names, lang.code)
    if (sink := sinks["--json"]) is not None:
        deliver(sink, [comparison_json(say, top=top, made=made)])
    if (sink := sinks["--csv"]) is not None:
        deliver(sink, comparison_csv(found))
    if page is not None:
        from iqa_cli.report.comparison.html.writer import write_page

        write_page(page, say, lang.code, top=top, made=made)
