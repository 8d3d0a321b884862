"""Part: what is found against who is accused, as the operating point moves.

A constant is added to the log-odds of every threshold on top of the checkpoint's own operating point, and levels are
named anew by the same rule. A checkpoint that is better, and not only more or less brave, has a front that is better.
"""

from __future__ import annotations

import csv
import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.records import PhotoRef
from quality_parts.camera import counts, worst
from quality_parts.document import Part, Share, Table, share
from quality_parts.judges import Moved
from quality_parts.questions import (
    ALL,
    BACKLIT,
    CLEAR,
    DARK,
    HARD_ORDINARY,
    HARD_SEVERE,
    HAZE,
    MILD,
    NORMAL_ORDINARY,
    NORMAL_SEVERE,
    OVEREXPOSED,
    levels_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from iqa_cli.records import PhotoReport
    from quality_parts.camera import Camera
    from quality_parts.document import Cell
    from quality_parts.folders import Judged, Photo
    from quality_parts.judges import Judge
    from quality_parts.questions import Question

DELTAS = tuple(step / 4 for step in range(-6, 7))
"""Log-odds."""
COLUMNS: dict[str, tuple[Question, str]] = {
    "haze clear found": (HAZE, CLEAR),
    "haze mild found": (HAZE, MILD),
    "backlit clear found": (BACKLIT, CLEAR),
    "dark clear found": (DARK, CLEAR),
    "overexposed clear found": (OVEREXPOSED, CLEAR),
    "normal severe": (NORMAL_SEVERE, ALL),
    "normal ordinary": (NORMAL_ORDINARY, ALL),
    "hard severe": (HARD_SEVERE, ALL),
    "hard ordinary": (HARD_ORDINARY, ALL),
}
"""Found: of the photographs with a fault. Severe and ordinary: good photographs that are called so or worse."""


CAMERA = ("dcim found", "dcim accused")
"""Camera files with any problem that are called ordinary or worse, and those without."""


def front_part(judged: Judged, judges: Sequence[Judge], camera: Camera | None = None, file: Path | None = None) -> Part:
    """All folders together, every judge at every operating point.

    camera  camera files labelled by eye, for two columns more
    file    where the figures go as CSV as well; None for nowhere
    """
    heads = (*COLUMNS, *(CAMERA if camera is not None else ()))
    tables, notes, lines = [], [_NOTE], []
    for judge in judges:
        known = _Photos.of(judge, [(photo.name, photo.path) for photo in judged.photos], judged.reports[judge.name])
        files = None if camera is None else _Photos.of(judge, camera.paths.items(), camera.reports[judge.name])
        if differing := known.differing(judged.reports[judge.name]):
            notes.append(f"`{judge.name}`: {differing} photographs have other levels here at 0 than in their reports.")
        rows: list[tuple[Cell, ...]] = []
        for delta in DELTAS:
            shares = list(_shares(judged.photos, known.levels(delta)))
            if camera is not None and files is not None:
                shares += _of_camera(camera, judge, files.levels(delta))
            rows.append((f"{delta:+.2f}", *(_short(cell) for cell in shares)))
            lines.append([judge.name, f"{delta:+.2f}", *_numbers(shares)])
        offsets = ", ".join(
            f"{label} {offset:g}"
            for label, offset in zip(judge.checkpoint.graph.label_names, judge.checkpoint.offsets, strict=True)
        )
        tables.append(Table(f"`{judge.name}` (at 0: {offsets})", ("delta", *heads), tuple(rows)))
    if file is not None:
        _write(file, heads, lines)
    return Part("front", "Found against accused as the operating point moves", tuple(notes), tuple(tables))


@dataclasses.dataclass(frozen=True)
class _Photos:
    """Photos that a judge is sure enough of, ready for any operating point."""

    names: tuple[str, ...]
    moved: Moved

    @classmethod
    def of(cls, judge: Judge, files: Iterable[tuple[str, Path]], reports: Mapping[str, PhotoReport]) -> _Photos:
        trusted = [PhotoRef(path, name) for name, path in files if reports[name].status == "ok"]
        return cls(tuple(ref.source_file for ref in trusted), Moved(judge, trusted))

    def levels(self, delta: float) -> dict[str, dict[str, int]]:
        """By photo and label."""
        return dict(zip(self.names, self.moved.levels(delta), strict=True))

    def differing(self, reports: Mapping[str, PhotoReport]) -> int:
        """Photos that have other levels in their reports than at the checkpoint's operating point; should be none."""
        return sum(levels != levels_of(reports[name]) for name, levels in self.levels(0.0).items())


_NOTE = (
    "Delta is added to the log-odds of every threshold of every label, on top of the checkpoint's operating point, "
    "which is at 0; levels are then named by the same rule under the same graph. *Found*: of clear or mild cases as in "
    "the part on real photographs, where the intervals are. *Severe*, *ordinary*: good photographs, clear and mild "
    "together, that are called so or worse. An operating point chosen by these figures would be chosen by the set that "
    "it is judged on."
)


def _shares(photos: Sequence[Photo], levels: Mapping[str, Mapping[str, int]]) -> Iterator[Share]:
    for question, cases in COLUMNS.values():
        own = [photo for photo in photos if photo.kind == question.kind and cases in (photo.cases, ALL)]
        yield share(sum(question.yes(levels.get(photo.name)) for photo in own), len(own))


def _of_camera(camera: Camera, judge: Judge, levels: Mapping[str, Mapping[str, int]]) -> list[Share]:
    rows, names = camera.photographs(judge.name), tuple(camera.paths)
    labels = judge.checkpoint.graph.label_names
    called = [[levels[names[row]][label] - 1 if names[row] in levels else 0 for label in labels] for row in rows]
    truth, predicted = worst(camera.truth[rows], np.array(called, np.int64).reshape(len(rows), len(labels)))
    return [cell for cell in counts(truth, predicted)[: len(CAMERA)] if isinstance(cell, Share)]


def _short(cell: Share) -> str:
    return f"{cell.hits}/{cell.of} = {100 * cell.value:.0f} %" if cell.of else "no case"


def _numbers(shares: Sequence[Share]) -> list[str]:
    return [text for cell in shares for text in ("" if not cell.of else f"{cell.value:.4f}", str(cell.of))]


def _write(file: Path, columns: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    names = [column.replace(" ", "_") for column in columns]
    heads = [head for name in names for head in (name, f"{name}_of")]
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["checkpoint", "delta", *heads])
        writer.writerows(lines)
