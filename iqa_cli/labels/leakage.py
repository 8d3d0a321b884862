"""Whether the parts of a split are apart: no photo in two of them, and which scenes they share.

A photo that was learned from tells nothing when a model is judged by it, so a shared photo is an error. A shared
scene makes figures better than they are, by how much nobody can say, so it is a warning.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels.scenes import is_alone, scenes_across
from iqa_cli.labels.table import same_file_key
from iqa_cli.wording import SHOWN, counted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iqa_cli.labels.images import Images
    from iqa_cli.labels.scenes import SceneRule
    from iqa_cli.labels.table import LabelTable


@dataclasses.dataclass(frozen=True)
class SharedPhoto:
    """One photo in several parts."""

    places: tuple[tuple[str, int], ...]
    """Part and row in it, of every time it comes."""
    is_copy: bool = False
    """Whether the names differ and only the bytes are the same."""


@dataclasses.dataclass(frozen=True)
class Overlap:
    """What one part shares with an earlier one."""

    part: str
    """The later part, such as test."""
    other: str
    """The earlier one, such as train."""
    photos: int
    """Photos of `part` that are in `other` as well, by name or content."""
    scenes: int
    """Scenes of `part` that are in `other` as well."""
    scenes_of_part: int
    """Scenes of `part` in all."""
    photos_of_scenes: int
    """Photos of `part` that show a shared scene."""


@dataclasses.dataclass(frozen=True)
class Leakage:
    """What the parts of a split share."""

    tables: Mapping[str, LabelTable]
    """The parts, by name."""
    photos: tuple[SharedPhoto, ...]
    """Every photo that is in more than one part, in the order of the files."""
    overlaps: tuple[Overlap, ...]
    """One for every two parts."""
    compared_scenes: bool
    """Whether there was anything to tell scenes by."""
    notes: tuple[str, ...] = ()
    """Photos whose scene could not be told."""

    def refuse(self) -> None:
        """Raise for shared photos.

        raises  LabelsError  naming them, with the lines where they stand
        """
        if not self.photos:
            return
        photos = [self._named(shared) for shared in self.photos[:SHOWN]]
        raise LabelsError(
            f"the split leaks: {counted(len(self.photos), 'photo')} in more than one part",
            problems=[*self._shares(), *shortened(photos, len(self.photos))],
            hint="figures of such a split mean nothing: join the files, each photo once, and split them with iqa "
            "split; to compare with figures that others published of this one, take it as it is by --allow-shared",
        )

    def photo_warnings(self) -> list[str]:
        """A sentence for every two parts that share photos, for those who allow it."""
        return [
            f"{shares}: figures of {shares.partition(':')[0]} tell in part what was learned by heart, and compare with "
            "others of this very split only"
            for shares in self._shares()
        ]

    def _shares(self) -> list[str]:
        """How many photos every two parts share that share any."""
        return [
            f"{overlap.part}: {overlap.photos:,} of {counted(len(self.tables[overlap.part]), 'photo')} "
            f"{'is' if overlap.photos == 1 else 'are'} in {overlap.other} as well"
            for overlap in self.overlaps
            if overlap.photos
        ]

    def scene_warnings(self) -> list[str]:
        """A sentence for every two parts that share scenes."""
        return [
            f"{overlap.part}: {overlap.scenes:,} of {counted(overlap.scenes_of_part, 'scene')} "
            f"{'is' if overlap.scenes == 1 else 'are'} in {overlap.other} as well "
            f"({overlap.photos_of_scenes:,} of {counted(len(self.tables[overlap.part]), 'photo')})"
            for overlap in self.overlaps
            if overlap.scenes
        ]

    def _named(self, shared: SharedPhoto) -> str:
        (part, row), *_ = shared.places
        name = quote(self.tables[part].names[row])
        if shared.is_copy:
            others = (
                f"{self._place(*place)} as {quote(self.tables[place[0]].names[place[1]])}"
                for place in shared.places[1:]
            )
            return f"{name}: {self._place(part, row)}; a copy, {'; '.join(others)}"
        return f"{name}: {'; '.join(self._place(*place) for place in shared.places)}"

    def _place(self, part: str, row: int) -> str:
        return f"{part} line {self.tables[part].lines[row]}"


def leakage(tables: Mapping[str, LabelTable], by: SceneRule | None = None, images: Images | None = None) -> Leakage:
    """Compare the parts of a split.

    tables  the parts by name, train first; of one file with a `split` column: `table.parts()`
    by      how to tell scenes; None takes the `scene` column if every part has one, else scenes are not compared
    images  where the photos are; with it, copies (equal bytes under two names) count as the same photo
    raises  LabelsError  if a scene rule fits nothing, or a photo is not there
            StoreError   if a bucket does not give what it listed
    """
    parts = list(tables.values())
    scenes = scenes_across(parts, by, images)
    photos = [*_shared(tables, images)]
    in_parts = {
        part: {
            row: {other for other, _ in shared.places}
            for shared in photos
            for place, row in shared.places
            if place == part
        }
        for part in tables
    }
    overlaps = []
    names = list(tables)
    for later, part in enumerate(names):
        own = [scene for scene in scenes[later].of if not is_alone(scene)]
        for earlier, other in enumerate(names[:later]):
            both = set(own).intersection(scenes[earlier].of)
            overlaps.append(
                Overlap(
                    part=part,
                    other=other,
                    photos=sum(other in those for those in in_parts[part].values()),
                    scenes=len(both),
                    scenes_of_part=scenes[later].count,
                    photos_of_scenes=sum(scene in both for scene in own),
                )
            )
    notes = tuple(note for found in scenes for note in found.notes)
    told = any(not is_alone(scene) for scenes_of_part in scenes for scene in scenes_of_part.of)
    return Leakage(dict(tables), tuple(photos), tuple(overlaps), told, notes)


def _shared(tables: Mapping[str, LabelTable], images: Images | None) -> Iterator[SharedPhoto]:
    """Photos in more than one part, each once: those of one name first, then those with copies under other names."""
    rows = [(part, row, same_file_key(name)) for part, table in tables.items() for row, name in enumerate(table.names)]
    by_name: dict[str, list[tuple[str, int]]] = {}
    for part, row, key in rows:
        by_name.setdefault(key, []).append((part, row))
    copies = [] if images is None else _copies(tables, by_name, images)
    copied = {key for keys in copies for key in keys}
    yield from (SharedPhoto(tuple(places)) for key, places in by_name.items() if len(places) > 1 and key not in copied)
    for keys in copies:
        places = tuple(place for key in keys for place in by_name[key])
        if len({part for part, _ in places}) > 1:
            yield SharedPhoto(places, is_copy=True)


def _copies(
    tables: Mapping[str, LabelTable], by_name: Mapping[str, Sequence[tuple[str, int]]], images: Images
) -> list[list[str]]:
    """The names of each content that has several."""
    names = {key: tables[part].names[row] for key, ((part, row), *_) in by_name.items()}
    contents = images.content_keys(names.values())
    by_content: dict[str, list[str]] = {}
    for key, name in names.items():
        if name in contents:
            by_content.setdefault(contents[name], []).append(key)
    return [keys for keys in by_content.values() if len(keys) > 1]
