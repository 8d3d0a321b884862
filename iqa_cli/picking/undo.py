"""Undoing a move by its list.

The list says what was about to be done; what was done shows in the places of each file. It may be called again after
it was interrupted or killed itself: what is back is left alone.

    old place   new place     then
    free        the file      it is moved back
    the file    not the file  it is back, or never went
    taken       free          the same: it was written to since
    the file    the same      the step was cut in the middle: what is at the new place holds nothing else, and goes
    taken       the file      nothing is done and it is told: somebody put a file there
    free        free          it is told: somebody moved it on
    not the file   another    nothing is done and it is told: a later move took it there, or it was written to

The new place is looked for where the list lies, because a folder may have been renamed and another have its name by
now, and then in the folder of that name. A file is the one that was moved if it has the size and time in the list.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING, Literal

from iqa_cli.errors import OutputError
from iqa_cli.picking.copying import bring
from iqa_cli.picking.undo_list import part_name, rewritten
from iqa_cli.writing import write_atomically
from iqa_cli.writing.placing import holds_nothing_else

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from iqa_cli.picking.undo_list import Moved, UndoList

State = Literal["moved", "back", "half", "taken", "lost", "other"]
"""Where a file is, in the order of the table above."""


@dataclasses.dataclass(frozen=True, slots=True)
class Undone:
    """What became of one file."""

    moved: Moved
    """Of the list."""
    at: str
    """Its new place, where it is or was."""
    state: State
    """As it was found."""
    problem: str | None = None
    """Why it is not back, in one line; None if it is."""

    @property
    def is_moved_back(self) -> bool:
        """Whether undoing changes anything for it."""
        return self.problem is None and self.state != "back"


def look(undo_list: UndoList) -> Iterator[Undone]:
    """What undoing would do to each file, the last that was moved first; nothing is changed."""
    for moved in reversed(undo_list.moves):
        at = _new_place(undo_list, moved)
        state = _state(moved, at)
        yield Undone(moved, at, state, _PROBLEMS.get(state))


def undo(undo_list: UndoList) -> Iterator[Undone]:
    """Put every file back, the last that was moved first. A place that is taken is never written over.

    Nothing is raised for a file that cannot be put back: it is told, and the others go on. `tidy` has to follow.
    """
    for found in look(undo_list):
        for place in (*_places(undo_list, found.moved), found.moved.source):
            with contextlib.suppress(OSError):  # the unfinished copy of a move that was killed
                os.unlink(os.path.join(os.path.dirname(place), part_name(undo_list.token)))
        problem = found.problem
        try:
            _put_back(found, undo_list.token)
        except FileExistsError:
            problem = _PROBLEMS["taken"]
        except OSError as error:
            problem = error.strerror or str(error)
        yield dataclasses.replace(found, problem=problem)


def _put_back(found: Undone, token: str) -> None:
    """Put one file back, if it can be. Raises OSError if it can not after all."""
    source = found.moved.source
    if found.state == "moved":
        folder = os.path.dirname(source)
        os.makedirs(folder, exist_ok=True)
        bring(found.at, source, os.path.join(folder, part_name(token)), mtime_ns=_time(found.moved, found.at))
    elif found.state == "half":
        os.unlink(found.at)


def tidy(undo_list: UndoList, remaining: Iterable[Moved]) -> None:
    """Leave a list of what could not be put back; without that remove the list and the folders that the move made.

    Folders that hold anything stay.

    raises  OutputError  if the list cannot be written; it then stays as it was, which does no harm
    """
    moves = sorted(remaining, key=lambda moved: moved.number)
    if moves:
        try:
            write_atomically(undo_list.path, rewritten(undo_list, moves))
        except OutputError as error:
            raise OutputError(error.message, hint="it stays as it was, which does no harm") from None
        return
    for folder in reversed(undo_list.folders):
        for target in _targets(undo_list):
            with contextlib.suppress(OSError):
                os.rmdir(os.path.join(target, folder))
    with contextlib.suppress(OSError):
        undo_list.path.unlink()
    made = undo_list.made if undo_list.target not in undo_list.made else (*_targets(undo_list), *undo_list.made)
    for folder in made:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


_PROBLEMS: dict[State, str] = {
    "taken": "its old place is taken again",
    "lost": "it is at neither of its places any more",
    "other": "the file at its new place is another one, or was changed there",
}


def _targets(undo_list: UndoList) -> tuple[str, ...]:
    """The folder that was moved to: the one that the list lies in, and the one that is called so now."""
    return tuple(dict.fromkeys([os.path.abspath(undo_list.path.parent), undo_list.target]))


def _places(undo_list: UndoList, moved: Moved) -> list[str]:
    """Where a file may be that was moved."""
    return [os.path.join(target, moved.to) for target in _targets(undo_list)]


def _new_place(undo_list: UndoList, moved: Moved) -> str:
    """Where a file is that was moved; or what is there in its place; or where it went, if nothing is."""
    places = _places(undo_list, moved)
    there = [place for place in places if os.path.lexists(place)]
    return next(filter(moved.is_at, there), there[0] if there else places[-1])


def _state(moved: Moved, at: str) -> State:
    is_taken = os.path.lexists(moved.source)
    if not os.path.lexists(at):
        return "back" if is_taken else "lost"
    if not moved.is_at(at):
        return "back" if moved.is_at(moved.source) else "other"
    if not is_taken:
        return "moved"
    return "half" if _is_half_done(moved, at) else "taken"


def _is_half_done(moved: Moved, at: str) -> bool:
    """Whether a step was cut between the new name and the loss of the old one.

    Then the original is as it was, and what lies at the new place is the same or a copy.
    """
    try:
        status = os.lstat(moved.source)
        is_original = status.st_size == moved.size and status.st_mtime_ns == moved.mtime_ns
        return is_original and holds_nothing_else(at, moved.source)
    except OSError:
        return False


def _time(moved: Moved, at: str) -> int | None:
    """The time of writing to give back, unless it was written to since; some file systems keep times less exactly."""
    try:
        now = os.lstat(at).st_mtime_ns
    except OSError:
        return None
    return moved.mtime_ns if moved.has_time(now) else None
