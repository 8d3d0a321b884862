"""Which photos show the same scene, so that a split never has one scene on both sides.

Frames of one scene, taken with another zoom or a second later, are nearly the same picture: a model that learned one
has seen the other. Three ways to tell scenes:

    regex:PATTERN   a regular expression searched in the name as the file has it, `/` between folders: group 1, or the
                    whole match
    time:SECONDS    photos of one camera (make and model), each at most so long after the one before (EXIF
                    DateTimeOriginal); a long series without a pause is one scene
    column:NAME     a column of the label file

A photo that the rule says nothing of is a scene of its own, and the notes count them.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING, Protocol

from iqa_cli.errors import LabelsError, UsageError
from iqa_cli.hexgraph.problems import Suggester, quote, suggested
from iqa_cli.labels.table import same_file_key
from iqa_cli.photos.exif import read_capture
from iqa_cli.photos.spelling import one_spelling
from iqa_cli.wording import counted

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from iqa_cli.labels.images import Images
    from iqa_cli.labels.table import LabelTable
    from iqa_cli.records import Capture

_ALONE = "\0"
"""Begins the scene of a photo that the rule says nothing of: no rule can give this character."""


class SceneRule(Protocol):
    """A way to tell scenes."""

    @property
    def lacking(self) -> str:
        """What is said of photos that the rule cannot place: "have no time"."""

    def of(self, tables: Sequence[LabelTable], images: Images | None) -> list[list[str]]:
        """The scene of every row of every table, "" where the rule says nothing."""


@dataclasses.dataclass(frozen=True)
class ByName:
    """Scenes by a regular expression on the name."""

    pattern: re.Pattern[str]
    """Searched; group 1 counts if there is one, else the whole match."""

    @property
    def lacking(self) -> str:
        """What is said of photos that the rule cannot place."""
        return f"do not match {self.pattern.pattern}"

    def of(self, tables: Sequence[LabelTable], images: Images | None) -> list[list[str]]:  # noqa: ARG002 - of the names alone
        """The scene of every row of every table, "" where the rule says nothing."""
        return [[self._scene(name) for name in table.names] for table in tables]

    def _scene(self, name: str) -> str:
        found = self.pattern.search(one_spelling(name))
        return "" if found is None else (found[1 if self.pattern.groups else 0] or "")


@dataclasses.dataclass(frozen=True)
class ByTime:
    """Scenes by pauses between the photos of one camera."""

    seconds: float
    """The longest pause inside a scene, above 0."""

    @property
    def lacking(self) -> str:
        """What is said of photos that the rule cannot place."""
        return "have no time (EXIF DateTimeOriginal)"

    def of(self, tables: Sequence[LabelTable], images: Images | None) -> list[list[str]]:
        """The scene of every row of every table, "" where the rule says nothing."""
        if images is None:
            raise UsageError("scenes by time need the photos", hint="name their folder: --images DIR")
        names = [name for table in tables for name in table.names]
        captures = list(images.each(names, read_capture, whole=False))
        scenes = iter(self.group(captures))
        return [[next(scenes) for _ in table.names] for table in tables]

    def group(self, captures: Sequence[Capture]) -> list[str]:
        """The scene of each photo by its camera and time, "" without a time."""
        by_camera: dict[str, list[tuple[dt.datetime, int]]] = {}
        for row, capture in enumerate(captures):
            if capture.taken_at is not None:
                camera = " ".join(filter(None, (capture.make, capture.model)))
                by_camera.setdefault(camera, []).append((capture.taken_at, row))
        found = [""] * len(captures)
        for camera, shots in by_camera.items():
            shots.sort()
            begin = before = shots[0][0]
            for taken_at, row in shots:
                if (taken_at - before).total_seconds() > self.seconds:
                    begin = taken_at
                before = taken_at
                found[row] = f"{camera} {begin.isoformat(sep=' ')}".lstrip()
        return found


@dataclasses.dataclass(frozen=True)
class ByColumn:
    """Scenes by a column of the label file."""

    name: str
    """The column's name; case counts only where two names differ by nothing else."""

    @property
    def lacking(self) -> str:
        """What is said of photos that the rule cannot place."""
        return f"have nothing in column {quote(self.name)}"

    def of(self, tables: Sequence[LabelTable], images: Images | None) -> list[list[str]]:  # noqa: ARG002 - of the cells alone
        """The scene of every row of every table, "" where the rule says nothing."""
        return [[cell.strip() for cell in self._cells(table)] for table in tables]

    def _cells(self, table: LabelTable) -> Sequence[str]:
        for name, cells in sorted(table.others.items(), key=lambda other: other[0] != self.name):
            if name.casefold() == self.name.casefold():
                return cells
        there = ", ".join(map(quote, table.others)) or "none"
        meant = suggested(Suggester(table.others).hint(self.name))
        raise LabelsError(
            f"{table.path}: no column {quote(self.name)} to tell scenes by{meant}",
            hint=f"columns that are no labels: {there}",
        )


@dataclasses.dataclass(frozen=True)
class Scenes:
    """The scene of every row of a table."""

    of: tuple[str, ...]
    """One per row; equal texts, same scene."""
    notes: tuple[str, ...] = ()
    """What the rule could not tell."""

    @property
    def count(self) -> int:
        """How many scenes there are."""
        return len(set(self.of))


def is_alone(scene: str) -> bool:
    """Whether a scene is one photo that no rule says anything of."""
    return scene.startswith(_ALONE)


def scene_rule(text: str) -> SceneRule:
    """The rule that a text names: `regex:PATTERN`, `time:SECONDS` or `column:NAME`.

    raises  UsageError  for anything else
    """
    kind, _, value = text.partition(":")
    if kind == "regex" and value:
        try:
            return ByName(re.compile(value))
        except re.error as error:
            raise UsageError(f"--by {text}: not a regular expression ({error})") from None
    if kind == "time" and value:
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds > 0):
            raise UsageError(f"--by {text}: expected a number of seconds above 0")
        return ByTime(seconds)
    if kind == "column" and value:
        return ByColumn(value)
    raise UsageError(f"--by {text}: expected regex:PATTERN, time:SECONDS or column:NAME")


def scenes(table: LabelTable, by: SceneRule | None = None, images: Images | None = None) -> Scenes:
    """The scene of every row of one table; see `scenes_across`."""
    return scenes_across([table], by, images)[0]


def scenes_across(
    tables: Sequence[LabelTable], by: SceneRule | None = None, images: Images | None = None
) -> tuple[Scenes, ...]:
    """The scenes of several tables, equal texts where they are the same scene.

    by      None takes the `scene` column if every table has one; else every photo is a scene of its own
    images  where the photos are; with it, copies (equal bytes under two names) share a scene
    raises  LabelsError  if the rule fits nothing: no name matches, there is no such column or nothing in it; or if a
                         photo is not there
            UsageError   for a rule by time without photos
            StoreError   if a bucket does not give what it listed
    """
    if images is not None:
        for table in tables:
            images.require(table)
    if by is None and tables and all(table.scene is not None for table in tables):
        by = ByColumn("scene")
    told = [[""] * len(table) for table in tables] if by is None else by.of(tables, images)
    # A pattern or a column that tells nothing is a mistake; photos without a time are as they are, which a note says.
    if by is not None and not isinstance(by, ByTime) and not any(map(any, told)) and any(told):
        files = ", ".join(dict.fromkeys(str(table.path) for table in tables))
        raise LabelsError(f"{files}: no scenes: all {sum(map(len, told)):,} photos {by.lacking}")
    placed = [
        [scene or _ALONE + same_file_key(name) for scene, name in zip(column, table.names, strict=True)]
        for column, table in zip(told, tables, strict=True)
    ]
    if images is not None:
        placed = _with_copies_together(tables, placed, images)
    found = []
    for table, column, scenes_of_table in zip(tables, told, placed, strict=True):
        n_alone = column.count("")
        notes = (
            ()
            if by is None or not n_alone
            else (
                f"{table.path}: {n_alone:,} of {counted(len(table), 'photo')} {by.lacking}: each is a scene of its own",
            )
        )
        found.append(Scenes(tuple(scenes_of_table), notes))
    return tuple(found)


def _with_copies_together(tables: Sequence[LabelTable], placed: list[list[str]], images: Images) -> list[list[str]]:
    """The scenes with those made one that hold copies of one photo."""
    contents = images.content_keys([name for table in tables for name in table.names])
    parent: dict[str, str] = {}

    def root(scene: str) -> str:
        while scene in parent:
            scene = parent[scene]
        return scene

    first: dict[str, str] = {}
    for table, scenes_of_table in zip(tables, placed, strict=True):
        for name, scene in zip(table.names, scenes_of_table, strict=True):
            if name in contents:
                a, b = root(first.setdefault(contents[name], scene)), root(scene)
                if a != b:
                    parent[max(a, b)] = min(a, b)
    return [[root(scene) for scene in column] for column in placed]
