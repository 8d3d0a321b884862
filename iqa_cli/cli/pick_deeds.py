"""What `iqa pick` does with photos: prints, links, copies or moves them, writes their sidecars, undoes a move."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.cli.signals import noted
from iqa_cli.cli.streams import say
from iqa_cli.errors import InvalidInput
from iqa_cli.picking import words
from iqa_cli.picking.plan import Left, make_plan, missing
from iqa_cli.report.output import told_as_output_error
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iqa_cli.picking.carry import Outcome
    from iqa_cli.picking.places import Found
    from iqa_cli.picking.plan import Deed, Plan
    from iqa_cli.picking.rows import Report


class Picked:
    """The photos that are meant, and what could not be done with them so far.

    report    that names them
    base      the folder that its relative paths start in
    found     its photos that are meant
    unlisted  how many paths of the list it does not have
    """

    def __init__(self, report: Report, base: str, found: Found, unlisted: int) -> None:
        self.report = report
        self.base = base
        self.found = found
        self.total = len(found.photos) + len(found.gone) + len(found.unclear) + len(found.elsewhere)
        """How many are meant."""
        self._unlisted = unlisted
        self._left = 0
        self._what = ""

    def leave(self, left: Sequence[Left], what: str) -> None:
        """Tell of photos that nothing was done with; `what` says that of them."""
        for line in words.left_lines(left):
            say(line)
        self._left += len(left)
        self._what = what

    def complain(self) -> None:
        """Raise InvalidInput if anything that was asked for was not there or not done."""
        told = []
        if self._left:
            told.append(f"{self._left:,} of {counted(self.total, 'photo')} {self._what}")
        if self._unlisted:
            told.append(f"{self._unlisted:,} of the list not in {self.report.name}")
        hint = None
        if self.found.gone and not self.found.photos:
            hint = "relative paths start in the folder that assess ran in: go there first"
        if told:
            raise InvalidInput("; ".join(told), hint=hint)


def print_paths(picked: Picked, end: bytes) -> None:
    """The paths on stdout, `end` behind each."""
    paths = [photo.path for photo in picked.found.photos] + [row.source_file for row in picked.found.elsewhere]
    _put_out(paths, end)
    if end == b"\n" and any("\n" in path for path in paths):
        say("note: a name among them holds a line end; --print0 keeps them apart")
    picked.leave(missing(picked.found), "not found")


def carry(picked: Picked, deed: Deed, target: str, *, dry_run: bool) -> None:
    """Link, copy or move the photos, one name after the other.

    raises  UsageError         if the target cannot be one
            OutputError        if there is no room for more
            KeyboardInterrupt  if it was asked to end before the last
    """
    from iqa_cli.picking.carry import copy_to, link, rehearse
    from iqa_cli.picking.move import move
    from iqa_cli.picking.places import Structure

    plan = make_plan(picked.found, Structure(picked.report, picked.base), target, deed)
    for line in words.shared_lines(plan.shared):
        say(line)
    if plan.other_disk and deed == "move":
        say("note: the target is on another file system: photos are copied, compared, and only then removed here")
    tally = _Tally(plan, deed, dry_run=dry_run)
    if dry_run:
        outcomes = rehearse(plan, deed)
    elif deed == "move":
        outcomes = move(plan, tally.note_list)
    else:
        outcomes = link(plan) if deed == "link" else copy_to(plan)
    try:
        with noted() as is_asked, contextlib.closing(outcomes):
            for outcome in outcomes:
                tally.add(outcome)
                if is_asked():
                    break
    finally:
        picked.leave([*plan.left, *tally.left], f"not {words.DONE[deed]}")
        tally.tell()
    if tally.rest:
        raise KeyboardInterrupt


class _Tally:
    """What became of the groups of a plan so far."""

    def __init__(self, plan: Plan, deed: Deed, *, dry_run: bool) -> None:
        self.left: list[Left] = []
        """Photos that stay."""
        self.rest = sum(len(group.photos) for group in plan.groups)
        """Photos whose turn has not come."""
        self._target = plan.target
        self._deed = deed
        self._dry_run = dry_run
        self._photos = self._companions = 0
        self._there = plan.there
        self._list: Path | None = None

    def note_list(self, path: Path) -> None:
        """Take the undo list of a move."""
        self._list = path

    def add(self, outcome: Outcome) -> None:
        """Count a group; in a rehearsal print what would become of each of its files."""
        group = outcome.group
        self.rest -= len(group.photos)
        if outcome.left is not None:
            self.left += (Left(words.path(step.source), outcome.left) for step in group.photos)
        elif outcome.was_there:
            self._there += len(group.photos)
        else:
            self._photos += len(group.photos)
            self._companions += len(group.companions)
            if self._dry_run:
                lines = [words.arrow(step.source, str(Path(self._target, step.below))) for step in group.steps]
                _put_out(lines, b"\n")

    def tell(self) -> None:
        """Say how many went where, and how that is undone."""
        count = words.with_companions(self._photos, self._companions)
        would = "would be " if self._dry_run else ""
        there = f"; {self._there:,} there already" if self._there else ""
        rest = f"; {counted(self.rest, 'photo')} not reached" if self.rest else ""
        say(f"{count} {would}{words.DONE[self._deed]} to {words.path(self._target)}{there}{rest}")
        if self._list is not None and self._list.exists():
            say(f"to put them back: iqa pick --undo {_quoted(Path(self._target, self._list.name))}")


def write_sidecars(picked: Picked, *, dry_run: bool) -> None:
    """Write or renew a sidecar beside each photo.

    raises  OutputError        if there is no room for more
            KeyboardInterrupt  if it was asked to end before the last
    """
    from iqa_cli.picking.names import names_of
    from iqa_cli.picking.sidecars import write_sidecars as write

    left = missing(picked.found)
    count = {"new": 0, "merged": 0, "unchanged": 0, "left": 0}
    labels, photos = picked.report.labels, picked.found.photos
    try:
        with noted() as is_asked:
            for entry in write(photos, labels, names_of(labels), dry_run=dry_run):
                count[entry.how] += 1
                if entry.how == "left":
                    left.append(Left(words.path(entry.path), str(entry.reason)))
                elif dry_run and entry.how != "unchanged":
                    _put_out([words.arrow(entry.photo.path, entry.path)], b"\n")
                if is_asked():
                    break
    finally:
        picked.leave(left, "without a new sidecar")
        would = "would be " if dry_run else ""
        up_to_date = f"; {count['unchanged']:,} up to date" if count["unchanged"] else ""
        new = f"{counted(count['new'], 'sidecar')} {would}written"
        say(f"{new}, {count['merged']:,} {would}merged{up_to_date}")
    if sum(count.values()) < len(photos):
        raise KeyboardInterrupt
    if count["new"] or count["merged"]:
        say(f"note: {words.NOT_READ}\n  {words.EXIFTOOL}")


def undo_move(path: Path, *, dry_run: bool) -> None:
    """Put back what a move moved.

    raises  InvalidInput       if it is no undo list, or not all files could be put back
            KeyboardInterrupt  if it was asked to end before the last
    """
    from iqa_cli.picking.undo import look, tidy, undo
    from iqa_cli.picking.undo_list import read_undo_list

    undo_list = read_undo_list(path)
    seen = []
    with noted() as is_asked:
        for entry in look(undo_list) if dry_run else undo(undo_list):
            seen.append(entry)
            if dry_run and entry.is_moved_back:
                _put_out([words.arrow(entry.at, entry.moved.source)], b"\n")
            if is_asked():
                break
    problems = [entry for entry in seen if entry.problem is not None]
    told = [
        Left(words.path(entry.moved.source), f"{entry.problem}; it went to {words.path(entry.at)}")
        for entry in problems
    ]
    for line in words.left_lines(told):
        say(line)
    back = sum(entry.is_moved_back for entry in seen)
    say(f"{counted(back, 'file')} {'would be ' if dry_run else ''}put back")
    if len(seen) < len(undo_list.moves):
        raise KeyboardInterrupt
    if not dry_run:
        tidy(undo_list, [entry.moved for entry in problems])
    if problems:
        raise InvalidInput(
            f"{len(problems):,} of {counted(len(seen), 'file')} not put back",
            hint=f"they stay in the undo list: iqa pick --undo {_quoted(path)} tries them again",
        )


def _put_out(paths: Iterable[str], end: bytes) -> None:
    """Paths on stdout, byte for byte; a terminal gets what would move its cursor spelled out."""
    with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
        if end == b"\n" and sys.stdout.isatty():
            sys.stdout.writelines(f"{words.path(path)}\n" for path in paths)
        else:
            sys.stdout.buffer.write(b"".join(os.fsencode(path) + end for path in paths))
        sys.stdout.flush()


def _quoted(path: Path) -> str:
    """A path for a shell."""
    return shlex.quote(words.path(path))
