"""`iqa pick`: which photos of a report are meant; what is done with them is in `pick_deeds`."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_cli.cli.options import Level, choice_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.cli.pick_deeds import Picked
    from iqa_cli.picking.conditions import Conditions
    from iqa_cli.picking.plan import Deed
    from iqa_cli.picking.rows import Report


class Status(enum.StrEnum):
    """How far a photo was judged, as reports say it."""

    OK = "ok"
    UNCERTAIN = "uncertain"
    DAMAGED = "damaged"
    UNREADABLE = "unreadable"


def pick(
    report: Annotated[
        Path | None, typer.Argument(metavar="REPORT", help="What iqa assess wrote with --csv or --jsonl.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL,...", help="Photos with this problem. Several, with commas or repeated: with any of them."
        ),
    ] = None,
    min_severity: Annotated[
        Level | None,
        typer.Option(
            metavar=choice_of(Level), help="Photos with a problem this severe or worse; ordinary unless told."
        ),
    ] = None,
    min_probability: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="P", help="Photos with a problem at least this probable, 0..1."),
    ] = None,
    status: Annotated[
        list[Status] | None,
        typer.Option(metavar=choice_of(Status), help="Photos of this status; may be repeated."),
    ] = None,
    camera: Annotated[
        str | None, typer.Option(metavar="NAME", help="Photos by this model or maker; * stands for anything.")
    ] = None,
    iso: Annotated[
        str | None, typer.Option(metavar="A-B", help="Photos of this sensitivity; A- and -B are open to one side.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DATE", help="Photos taken on this day or later, as in 2024-05-01.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Photos taken on this day or earlier.")] = None,
    under: Annotated[str | None, typer.Option(metavar="DIR", help="Photos in this folder or below it.")] = None,
    paths: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Photos of this list: a path a line, as the page exports it.")
    ] = None,
    print0: Annotated[
        bool, typer.Option("--print0", help="Print paths with a NUL behind each, for xargs -0, not with a line end.")
    ] = False,
    link_to: Annotated[
        str | None, typer.Option(metavar="DIR", help="Make symbolic links to the photos in this folder.")
    ] = None,
    copy_to: Annotated[str | None, typer.Option(metavar="DIR", help="Copy the photos to this folder.")] = None,
    move_to: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Move the photos to this folder; first an undo list is written there."),
    ] = None,
    xmp: Annotated[
        bool, typer.Option("--xmp", help="Write what was judged into sidecars, NAME.EXT.xmp beside the photo.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    undo: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Put back what was moved; FILE is the undo list of the move.")
    ] = None,
) -> None:
    """Act on photos of a report: print their paths, link, copy or move them, or write XMP sidecars.

    For instance: iqa pick audit.csv --label dark --move-to ../dark

    All conditions have to hold. Without any, the photos with a problem are meant. Files that belong to a photo (the raw
    picture, a Live Photo's video, sidecars) go along with it. Photos are never edited, deleted or written over.

    Exit codes: 0 done, 2 wrong usage, 3 a missing or invalid report or list, photos that are gone or had to stay, or an
    output that cannot be written, 70 a bug in iqa, 130 interrupted.
    """
    from iqa_cli.cli import pick_deeds as deeds
    from iqa_cli.cli.streams import say
    from iqa_cli.errors import ExitCode, UsageError
    from iqa_cli.picking.conditions import Conditions
    from iqa_cli.picking.wishes import iso_range, moment, read_list

    targets: dict[Deed, str | None] = {"link": link_to, "copy": copy_to, "move": move_to}
    asked = [f"--{deed}-to" for deed, target in targets.items() if target is not None]
    asked += [option for option, is_asked in (("--xmp", xmp), ("--print0", print0)) if is_asked]
    try:
        if len(asked) > 1:
            raise UsageError(f"{' and '.join(asked)} cannot be done at once", hint="run it once for each")
        conditions = Conditions(
            labels=tuple(label or ()),
            min_level=None if min_severity is None else min_severity.number,
            min_probability=min_probability,
            statuses=frozenset(entry.value for entry in status or ()),
            camera=camera,
            iso=None if iso is None else iso_range(iso),
            since=None if since is None else moment("--since", since, after=False),
            until=None if until is None else moment("--until", until, after=True),
            under=under,
            paths=None if paths is None else read_list(paths),
        )
        if undo is not None:
            if report is not None or asked or not conditions.are_none:
                raise UsageError("--undo takes the undo list and nothing else", hint="iqa pick --undo FILE")
            deeds.undo_move(undo, dry_run=dry_run)
            return
        if report is None:
            raise UsageError(
                "the report is missing", hint="iqa pick audit.csv; iqa assess PATH --csv audit.csv writes it"
            )
        picked = _find(report, conditions)
        if picked.found.elsewhere and asked and not print0:
            raise UsageError(
                f"{asked[0]} is for files of this machine, and these photos are in a bucket",
                hint="without it their names are printed, for the bucket's own tools: see docs/scale.md",
            )
        if picked.total and xmp:
            deeds.write_sidecars(picked, dry_run=dry_run)
        elif picked.total and asked and not print0:
            for deed, target in targets.items():
                if target is not None:
                    deeds.carry(picked, deed, target, dry_run=dry_run)
        elif picked.total:
            deeds.print_paths(picked, end=b"\0" if print0 else b"\n")
        picked.complain()
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _find(path: Path, conditions: Conditions) -> Picked:
    """The photos of a report that fulfil the conditions; there may be none, which is said."""
    from iqa_cli.cli.pick_deeds import Picked
    from iqa_cli.cli.streams import say
    from iqa_cli.errors import InvalidInput
    from iqa_cli.picking import words
    from iqa_cli.picking.conditions import cameras, select
    from iqa_cli.picking.places import base_of, find
    from iqa_cli.picking.report import read_report
    from iqa_cli.wording import counted

    report = read_report(path)
    if not report.rows:
        raise InvalidInput(f"{report.name}: the report has no photo")
    conditions = dataclasses.replace(conditions, labels=_known(conditions.labels, report))
    base = base_of(report)
    selection = select(report, conditions, base)
    if base:
        say(f"note: paths start in the folder of the report, {words.path(base)}; from here they lead nowhere")
    for line in words.unlisted_lines(selection.not_listed, report.name):
        say(line)
    picked = Picked(report, base, find(selection.rows, report, base), len(selection.not_listed))
    if not selection.rows:
        say(f"no photo was picked of {len(report.rows):,} in {report.name}")
        if conditions.camera is not None:
            say(f"note: cameras in there: {', '.join(map(words.path, cameras(report))) or 'none is known'}")
            if not any(sign in conditions.camera for sign in "*?["):
                say(f"hint: a part of a name takes stars: --camera '*{words.path(conditions.camera)}*'")
    fine = sum(row.status == "ok" and row.worst_level == 1 for row in selection.rows)
    if fine and not (conditions.judges or conditions.statuses or conditions.paths):
        among = "among them is" if fine == 1 else "among them are"
        say(f"note: {among} {counted(fine, 'photo')} without a problem; --min-severity ordinary leaves out such")
    return picked


def _known(labels: Sequence[str], report: Report) -> tuple[str, ...]:
    """The labels of a report that are meant. Raises UsageError for one that it does not have."""
    from iqa_cli.picking.wishes import known_labels

    spoken = {}
    if not set(labels) <= set(report.labels):
        from iqa_cli.picking.names import names_of

        spoken = dict(names_of(report.labels).spoken)
    return tuple(dict.fromkeys(known for text in labels for known in known_labels(report, text, spoken)))
