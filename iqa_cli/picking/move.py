"""Moving photos so that it can be undone, whatever happens on the way."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from iqa_cli.errors import IqaError, OutputError
from iqa_cli.photos.discover import as_utf8
from iqa_cli.picking.carry import Outcome, real_place, why
from iqa_cli.picking.copying import bring
from iqa_cli.picking.undo import look, tidy
from iqa_cli.picking.undo_list import UndoWriter, part_name, read_undo_list
from iqa_cli.report.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from iqa_cli.picking.plan import Group, Plan
    from iqa_cli.picking.undo_list import Moved


def move(plan: Plan, tell: Callable[[Path], object]) -> Generator[Outcome, None, None]:
    """Move files, one group at a time; their list is written ahead of them, see `undo_list`.

    tell    is given the undo list once it is there. It goes again if nothing was moved in the end.
    raises  OutputError  if nothing more can be written; what was moved stays, and can be undone

    A group that cannot be moved whole is put back at once.
    """
    if not plan.groups:
        return
    target = os.path.abspath(plan.target)
    made = _missing(target)
    try:
        os.makedirs(target, exist_ok=True)
        writer = UndoWriter(target, made)
    except OSError as error:
        for folder in made:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        name = shown(as_utf8(plan.target))
        raise OutputError(f"{name}: cannot be written ({error.strerror})", hint="name another folder") from None
    try:
        with writer:
            tell(writer.path)
            for group in plan.groups:
                yield _move_group(group, plan.target, writer)
    finally:
        _forget_if_unused(writer.path)


def _move_group(group: Group, target: str, writer: UndoWriter) -> Outcome:
    """Move photos of one name and their companions, all or none. Raises OutputError if there is no room for more."""
    for step in group.steps:
        if os.path.lexists(to := os.path.join(target, step.below)):
            return Outcome(group, why(step, to, FileExistsError()))
    missing = reversed(_missing(os.path.dirname(os.path.join(os.path.abspath(target), group.steps[0].below))))
    pairs = [(real_place(step.source), step.below) for step in group.steps]
    try:
        announced = writer.announce([os.path.relpath(folder, target) for folder in missing], pairs)
    except OSError as error:
        if error.filename is not None:  # a file went away since it was found
            return Outcome(group, f"{shown(as_utf8(str(error.filename)))}: {error.strerror}")
        raise OutputError(
            f"{shown(as_utf8(str(writer.path)))}: cannot be written any further ({error.strerror})",
            hint="make room; nothing was moved that is not in this list",
        ) from None
    done: list[Moved] = []
    for step, moved in zip(group.steps, announced, strict=True):
        to = os.path.join(target, moved.to)
        folder = os.path.dirname(to)
        try:
            os.makedirs(folder, exist_ok=True)
            bring(moved.source, to, os.path.join(folder, part_name(writer.token)))
            _note_time(moved, to, writer)
        except OSError as error:
            stuck = _put_back(done, target, writer)
            with contextlib.suppress(OSError):
                writer.keep(moved for moved in announced if moved not in stuck)
            return Outcome(group, why(step, to, error))
        done.append(moved)
    return Outcome(group)


def _note_time(moved: Moved, to: str, writer: UndoWriter) -> None:
    """Have undoing know a file by the time that it has where its own could not be kept."""
    with contextlib.suppress(OSError):  # it is at its place; without that line undoing tells of it and leaves it there
        now = os.lstat(to).st_mtime_ns
        if not moved.has_time(now):
            writer.correct(moved, now)


def _put_back(done: list[Moved], target: str, writer: UndoWriter) -> list[Moved]:
    """Undo the part of a group that was moved before another of its files could not be; what cannot be is returned."""
    stuck = []
    for moved in reversed(done):
        part = os.path.join(os.path.dirname(moved.source), part_name(writer.token))
        try:
            bring(os.path.join(target, moved.to), moved.source, part, mtime_ns=moved.mtime_ns)
        except OSError:
            stuck.append(moved)
    return stuck


def _forget_if_unused(path: Path) -> None:
    """Remove a list by which nothing was moved, and the folders that were made for it."""
    with contextlib.suppress(IqaError):
        undo_list = read_undo_list(path)
        if all(found.state == "back" for found in look(undo_list)):
            tidy(undo_list, ())


def _missing(folder: str) -> list[str]:
    """The folders on the way to one (absolute) that are not there, the innermost first."""
    missing = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing
