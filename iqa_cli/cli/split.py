"""`iqa split`: a label file into parts whose figures can be believed, or the proof that parts are such."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_cli.cli import completion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.hexgraph import HexGraph
    from iqa_cli.labels import Images, LabelTable
    from iqa_cli.labels.scenes import SceneRule


MOST_REPEATS = 1000
"""Splits of one file; far more than anybody trains on."""


def split(
    labels: Annotated[
        list[Path],
        typer.Argument(
            metavar="LABELS.csv...",
            help="The label file to split; with --check the parts of a split, or one file with a column `split`.",
        ),
    ],
    images: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|URL",
            help="Folder or bucket (s3://, gs://, az://) of the photos: they have to be there, and copies under two "
            "names count as one photo.",
        ),
    ] = None,
    graph: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH",
            help="The label graph: a shipped one by name, or a file of your own.",
            autocompletion=completion.graphs,
        ),
    ] = "smartphone-6",
    by: Annotated[
        str | None,
        typer.Option(
            metavar="RULE",
            help="How to tell which photos show one scene, which stays whole: regex:PATTERN on the name (group 1 or "
            "the match), time:SECONDS between photos of one camera, column:NAME. By default the column `scene`.",
        ),
    ] = None,
    fractions: Annotated[
        str, typer.Option(metavar="NAME=SHARE,...", help="The parts and their shares, which add up to 1.")
    ] = "train=0.7,val=0.15,test=0.15",
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="The same seed gives the same split.")
    ] = 0,
    repeat: Annotated[
        int,
        typer.Option(
            min=1,
            max=MOST_REPEATS,
            metavar="N",
            help="Split N times, by the seeds from --seed on, into numbered folders in --out.",
        ),
    ] = 1,
    out: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder that train.csv, val.csv and so on are written to; made if need be."),
    ] = Path(),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; look whether parts that exist share photos or scenes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over parts that are there already.")] = False,
    allow_shared: Annotated[
        bool, typer.Option("--allow-shared", help="With --check: photos in two parts are a warning, not an error.")
    ] = False,
) -> None:
    """Split a label file into train, val and test, evenly by every level of every label, whole scenes together.

    For instance: iqa split labels.csv --images photos --by time:60 --out splits

    Rows are written as they are. A photo in two parts is an error; scenes in two parts are a warning, and so is a
    level that occurs and that a part lacks.

    Exit codes: 0 done, 2 wrong usage, 3 wrong labels, a part that would be empty, photos in more than one part, or a
    missing library, 70 a bug in iqa, 130 interrupted.
    """
    from iqa_cli.cli.streams import say
    from iqa_cli.errors import ExitCode, UsageError
    from iqa_cli.hexgraph import read_graph
    from iqa_cli.labels import images_at
    from iqa_cli.labels.scenes import scene_rule
    from iqa_cli.labels.split import parse_fractions
    from iqa_cli.paths import find_graph

    try:
        rule = None if by is None else scene_rule(by)
        shares = parse_fractions(fractions)
        label_graph = read_graph(find_graph(graph))
        if allow_shared and not check:
            raise UsageError("--allow-shared goes with --check: iqa split itself puts no photo into two parts")
        photos = None if images is None else images_at(images)
        if check:
            _check(labels, label_graph, rule, photos, allow_shared=allow_shared)
        else:
            _split(labels, label_graph, rule, photos, shares, seeds=range(seed, seed + repeat), out=out, force=force)
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _split(
    labels: list[Path],
    graph: HexGraph,
    rule: SceneRule | None,
    images: Images | None,
    shares: Mapping[str, float],
    *,
    seeds: range,
    out: Path,
    force: bool,
) -> None:
    """Write the parts of one file, once for each seed; every mistake is found before the first is written."""
    from iqa_cli.cli.streams import say
    from iqa_cli.errors import LabelsError, UsageError
    from iqa_cli.labels import read_labels
    from iqa_cli.labels.counts import absent_warnings, repeated_warning
    from iqa_cli.labels.scenes import scenes
    from iqa_cli.labels.split import split as deal
    from iqa_cli.labels.write import part_files, refuse_overwriting, write_split

    if len(labels) != 1:
        raise UsageError(f"expected one label file to split, got {len(labels)}", hint="--check looks at several")
    (source,) = labels
    width = len(str(len(seeds)))
    folders = [out / f"{number:0{width}}" for number in range(1, len(seeds) + 1)] if len(seeds) > 1 else [out]
    files = [part_files(tuple(shares), folder) for folder in folders]
    refuse_overwriting([path for parts in files for path in parts.values()], source, force=force)
    table = read_labels(source, graph, no_labels=_columns(rule))
    if table.first_level:
        _say_notes(*table.notes)
        raise LabelsError(
            f"{source}: a part of it may not show any more that its levels count from {table.first_level}",
            hint="take 1 from every level, so that 0 is none, and split that file",
        )
    if table.split is not None:
        raise LabelsError(
            f"{source}: is split already, by its column `split`",
            hint="--check looks at that split; for a new one rename the column",
        )
    grouped = scenes(table, rule, images)
    _say_notes(*table.notes, *grouped.notes)
    if rule is None and table.scene is None:
        say("note: every photo counts as a scene of its own; --by tells which belong together")
    absent = []
    held = f"{source}: {len(table):,} photos, {grouped.count:,} scenes"
    for dealt, paths, seed in zip([deal(table, grouped, shares, seed) for seed in seeds], files, seeds, strict=True):
        write_split(table, dealt, paths)
        parts = {part: table.take(dealt.rows(part)) for part in dealt.parts}
        absent.append(_print_table(parts, graph, held if len(seeds) == 1 else f"{held}, seed {seed}"))
        if len(seeds) == 1:
            _warn(absent_warnings(absent[0]))
        say(f"wrote {', '.join(map(str, paths.values()))}")
    if len(seeds) > 1 and (warning := repeated_warning(absent)):
        _warn([warning])


def _check(
    labels: list[Path], graph: HexGraph, rule: SceneRule | None, images: Images | None, *, allow_shared: bool
) -> None:
    """Compare parts that exist."""
    from iqa_cli.cli.streams import say
    from iqa_cli.labels.counts import absent_warnings
    from iqa_cli.labels.leakage import leakage
    from iqa_cli.labels.parts import read_parts

    parts = read_parts(labels, graph, no_labels=_columns(rule))
    found = leakage(parts, rule, images)
    _say_notes(*(note for table in parts.values() for note in table.notes), *found.notes)
    _warn(
        absent_warnings(
            _print_table(parts, graph, f"{', '.join(map(str, labels))}: {sum(map(len, parts.values())):,} rows")
        )
    )
    _warn([*(found.photo_warnings() if allow_shared else ()), *found.scene_warnings()])
    if not found.compared_scenes:
        say("note: scenes were not compared; --by tells which photos show the same one")
    if not allow_shared:
        found.refuse()


def _columns(rule: SceneRule | None) -> tuple[str, ...]:
    """The column that tells scenes may hold small numbers: it is no label all the same."""
    from iqa_cli.labels.scenes import ByColumn

    return (rule.name,) if isinstance(rule, ByColumn) else ()


def _say_notes(*notes: str) -> None:
    """What a reader of the table should know, each once."""
    from iqa_cli.cli.streams import say
    from iqa_cli.report.text import shown

    for note in dict.fromkeys(notes):
        say(f"note: {shown(note)}")


def _warn(warnings: list[str]) -> None:
    from iqa_cli.cli.streams import say
    from iqa_cli.report.text import shown

    for warning in warnings:
        say(f"warning: {shown(warning)}")


def _print_table(parts: Mapping[str, LabelTable], graph: HexGraph, title: str) -> dict[str, list[str]]:
    """The table of the parts on stdout; returns the levels that they lack."""
    import contextlib

    from iqa_cli.labels.counts import absent_levels, count_photos
    from iqa_cli.report.output import told_as_output_error
    from iqa_cli.report.split.table import print_split_table

    counts = {part: count_photos(table, graph) for part, table in parts.items()}
    with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
        print_split_table(counts, graph, title=title, file=sys.stdout)
    return absent_levels(counts, graph)
