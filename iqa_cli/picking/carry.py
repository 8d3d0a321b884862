"""Links to photos and copies of them in a folder of their own; what was there before stays as it is."""

from __future__ import annotations

import dataclasses
import errno
import filecmp
import os
import secrets
from typing import TYPE_CHECKING

from iqa_cli.errors import OutputError
from iqa_cli.photos.discover import as_utf8
from iqa_cli.picking.copying import copy
from iqa_cli.picking.undo_list import part_name
from iqa_cli.report.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from iqa_cli.picking.plan import Deed, Group, Plan, Step

HOPELESS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""What the next file would fail with as well."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a group."""

    group: Group
    """The photos and what belongs to them."""
    left: str | None = None
    """Why it stays, in one line; None if it went."""
    was_there: bool = False
    """Whether all of it was at its place before."""


def link(plan: Plan) -> Generator[Outcome, None, None]:
    """Make symbolic links, one group at a time; they lead to absolute places.

    raises  OutputError  if nothing more can be written there; what was made stays
    """

    def put(step: Step, to: str) -> None:
        os.symlink(real_place(step.source), to)

    return _carry(plan, _is_link_to, put)


def copy_to(plan: Plan) -> Generator[Outcome, None, None]:
    """Make copies that are read back and compared, one group at a time.

    raises  OutputError  if nothing more can be written there; what was made stays
    """
    part = part_name(secrets.token_hex(4))

    def put(step: Step, to: str) -> None:
        copy(step.source, to, os.path.join(os.path.dirname(to), part))

    return _carry(plan, _is_copy_of, put)


def rehearse(plan: Plan, deed: Deed) -> Generator[Outcome, None, None]:
    """What would become of each group; nothing is written."""
    is_done = {"link": _is_link_to, "copy": _is_copy_of, "move": lambda _step, _to: False}[deed]
    return _carry(plan, is_done, None)


def _is_link_to(step: Step, to: str) -> bool:
    return os.path.islink(to) and os.readlink(to) == real_place(step.source)


def _is_copy_of(step: Step, to: str) -> bool:
    return not os.path.islink(to) and os.path.isfile(to) and filecmp.cmp(step.source, to, shallow=False)


def _carry(
    plan: Plan, is_done: Callable[[Step, str], bool], put: Callable[[Step, str], None] | None
) -> Generator[Outcome, None, None]:
    """Do one deed to every file.

    is_done  whether what is at the place is what would be put there
    put      does it; None to leave it at that
    """
    for group in plan.groups:
        n_put = 0
        left = None
        for step in group.steps:
            to = os.path.join(plan.target, step.below)
            try:
                if os.path.lexists(to):
                    if not is_done(step, to):
                        raise FileExistsError
                    continue
                n_put += 1
                if put is not None:
                    os.makedirs(os.path.dirname(to), exist_ok=True)
                    put(step, to)
            except OSError as error:
                left = why(step, to, error)
                break
        yield Outcome(group, left, was_there=left is None and not n_put)


def why(step: Step, to: str, error: OSError) -> str:
    """Why a file could not be brought to its place, in one line.

    raises  OutputError  if no other can be either
    """
    is_source = error.filename in (step.source, real_place(step.source)) and error.filename2 is None
    if error.errno in HOPELESS and is_source:
        raise OutputError(
            f"{shown(as_utf8(step.source))}: cannot be moved ({error.strerror})",
            hint="--copy-to leaves photos where they are",
        ) from None
    if error.errno in HOPELESS:
        raise cannot_be_written(to, error) from None
    if isinstance(error, FileExistsError):
        return f"{shown(as_utf8(str(error.filename2 or error.filename or to)))} is there already"
    if is_source or error.filename2 is not None:
        return error.strerror or str(error)
    return f"{shown(as_utf8(to))}: {error.strerror or error}"


def cannot_be_written(path: str, error: OSError) -> OutputError:
    """The error of a file that there is no room for."""
    return OutputError(
        f"{shown(as_utf8(path))}: cannot be written ({error.strerror})", hint="make room, or write elsewhere"
    )


def real_place(path: str) -> str:
    """Where a file is: its folder resolved, its own name kept, so that a link stays one."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)
