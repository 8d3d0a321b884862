"""What would go where: photos with their companions, each to its place below a target folder."""

from __future__ import annotations

import dataclasses
import os
import stat
from typing import TYPE_CHECKING, Literal

from iqa_cli.errors import UsageError
from iqa_cli.photos.discover import as_utf8
from iqa_cli.photos.spelling import files_spelled
from iqa_cli.picking.companions import Companions
from iqa_cli.report.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iqa_cli.picking.companions import Shared
    from iqa_cli.picking.places import Found, Photo, Structure
    from iqa_cli.picking.rows import Row

Deed = Literal["link", "copy", "move"]
"""What is done with a file."""
_GONE = "it is not there any more"


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One file and its new place."""

    source: str
    """Where it is, as the user would write it."""
    below: str
    """Where it goes, relative to the target."""


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Photos of one name with what belongs to them: they go together or not at all."""

    photos: tuple[Step, ...]
    """At least one."""
    companions: tuple[Step, ...]
    """What goes along."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """All of them."""
        return self.photos + self.companions


@dataclasses.dataclass(frozen=True, slots=True)
class Left:
    """A photo that stays where it is."""

    path: str
    """As shown."""
    reason: str
    """One line for a person."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What would be done. Making one changes nothing."""

    target: str
    """The folder, as the user wrote it."""
    groups: tuple[Group, ...]
    """In the report's order."""
    left: tuple[Left, ...]
    """Photos that cannot go."""
    shared: tuple[Shared, ...]
    """Companions that stay, because photos that stay need them."""
    there: int
    """Photos that are at their new place already, and not at the old one."""
    other_disk: bool
    """Whether the target lies on another file system than a photo."""


def make_plan(found: Found, structure: Structure, target: str, deed: Deed) -> Plan:
    """Give every file its place.

    found      the photos; of a row whose file is gone it is looked whether it lies at its new place
    structure  of the report
    target     a folder, which need not be there
    raises     UsageError  if the target cannot be one, or lies where the photos are
    """
    _refuse_target(structure, target)
    groups: list[Group] = []
    left: list[Left] = []
    shared: list[Shared] = []
    companions = Companions(photo.path for photo in found.photos)
    for photos in _together(found.photos):
        reason = _why_not(photos, deed)
        if reason is None:
            try:
                along, staying = companions.of([photo.path for photo in photos])
            except OSError as error:
                reason = f"its folder cannot be listed ({error.strerror})"
        if reason is not None:
            left += (Left(shown(as_utf8(photo.path)), reason) for photo in photos)
            continue
        shared += staying
        groups.append(
            Group(
                tuple(Step(photo.path, structure.below(photo.path)) for photo in photos),
                tuple(Step(path, structure.below(path)) for path in along),
            )
        )
    gone = tuple(row for row in found.gone if not (deed == "move" and _is_there(row, structure, target)))
    left += missing(dataclasses.replace(found, gone=gone))
    devices = {_device(os.path.dirname(group.photos[0].source)) for group in groups}
    other_disk = bool(devices - {_device(existing_part(target))})
    return Plan(target, tuple(groups), tuple(left), tuple(shared), len(found.gone) - len(gone), other_disk)


def missing(found: Found) -> list[Left]:
    """The photos that were picked and not found."""
    alike = (Left(shown(row.source_file), "several files are spelled so in the report") for row in found.unclear)
    return [*alike, *(Left(shown(row.source_file), _GONE) for row in found.gone)]


def existing_part(folder: str) -> str:
    """The folder itself or the nearest above it that is there, resolved."""
    path = os.path.realpath(folder)
    while not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _refuse_target(structure: Structure, target: str) -> None:
    """Raise UsageError for a target that is no folder, or that is mixed up with the folders of the photos.

    A target among the photos is found by the next audit; one that holds their folder takes photos in beside it.
    """
    name = shown(as_utf8(target))
    if not target:
        raise UsageError("the target needs a name")
    if not os.path.isdir(existing_part(target)):
        raise UsageError(f"{name}: this is no folder", hint="name a folder; it is made if it is not there")
    real = os.path.realpath(target)
    for source in structure.sources():
        photos = shown(as_utf8(os.path.relpath(source)))
        common = os.path.commonpath([real, source])
        beside = os.path.join(os.path.dirname(source), os.path.basename(real))
        beside += "-picked" if beside == source else ""
        hint = f"name a folder beside it, for instance {shown(as_utf8(os.path.relpath(beside)))}"
        if common == source:
            where = "is" if real == source else "lies in"
            raise UsageError(
                f"{name} {where} the folder of the photos, {photos}: the next audit would find them again", hint=hint
            )
        if common == real:
            raise UsageError(
                f"{name} holds the folder of the photos, {photos}: they would be mixed with it",
                hint="name a folder that holds none of the photos",
            )


def _together(photos: Sequence[Photo]) -> Iterator[list[Photo]]:
    """Photos of one folder and one name, with any suffix and in any case, in the order of the first of each."""
    groups: dict[tuple[str, str], list[Photo]] = {}
    for photo in photos:
        folder, name = os.path.split(photo.path)
        groups.setdefault((folder, os.path.splitext(name)[0].casefold()), []).append(photo)
    yield from groups.values()


def _why_not(photos: Sequence[Photo], deed: Deed) -> str | None:
    """Why photos cannot go, or None."""
    for photo in photos:
        if deed == "move" and os.path.islink(photo.path):
            return "it is a link, and moved ones may lead nowhere; --copy-to copies what it leads to"
        try:
            status = os.stat(photo.path)
        except OSError as error:
            if os.path.islink(photo.path):
                return "the link leads nowhere"
            return f"it cannot be reached ({error.strerror})"
        if not stat.S_ISREG(status.st_mode):
            return "it is no regular file"
    return None


def _is_there(row: Row, structure: Structure, target: str) -> bool:
    """Whether a photo that is gone lies at its new place: an earlier move took it."""
    return bool(files_spelled(structure.spelled_below(row), target))


def _device(path: str) -> int | None:
    try:
        return os.stat(path or os.curdir).st_dev
    except OSError:
        return None
