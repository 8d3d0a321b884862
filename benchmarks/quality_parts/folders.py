"""Folders of real photographs of known kind, and what the judges said of them.

A folder holds pictures and `labels.csv` with file, kind, confidence; further columns are order and scene (of frames
taken with several exposures) and repo (where a picture is from).
"""

from __future__ import annotations

import csv
import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from iqa_cli.records import PhotoReport
    from quality_parts.judges import Judge

LABELS = "labels.csv"
COLUMNS = ("file", "kind", "confidence")
"""That every label file has to have."""


@dataclasses.dataclass(frozen=True)
class Photo:
    """A real photograph and what is known of it."""

    folder: str
    """Name of its folder."""
    file: str
    """Within the folder."""
    path: Path
    """Where it lies."""
    kind: str
    """What is known of it; not a label of ours."""
    clear: bool
    """Whether that is plain to see."""
    source: str = ""
    """Where it is from; empty if the folder does not say."""
    order: str = ""
    """Its exposure among the frames of its scene."""
    scene: str = ""
    """Empty if there are no other frames of it."""

    @property
    def name(self) -> str:
        """Folder and file."""
        return f"{self.folder}/{self.file}"

    @property
    def cases(self) -> str:
        """Clear or mild, for people."""
        return "clear" if self.clear else "mild"


@dataclasses.dataclass(frozen=True)
class Judged:
    """Photographs and the reports of every judge."""

    photos: tuple[Photo, ...]
    """In the order of the folders and of their label files."""
    reports: Mapping[str, Mapping[str, PhotoReport]]
    """By judge, then by the photograph's `name`."""

    @property
    def folders(self) -> tuple[str, ...]:
        """Names of the folders, in order."""
        return tuple(dict.fromkeys(photo.folder for photo in self.photos))


def judge_folders(folders: Sequence[Path], judges: Sequence[Judge]) -> Judged:
    """Read the label files, have everything judged.

    raises  ValueError  if a label file lacks a column, or two folders have one name
            OSError     if a label file cannot be read
    """
    names = [folder.resolve().name for folder in folders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"--real: two folders are called {twice[0]}: results are told apart by the name")
    photos = tuple(photo for folder, name in zip(folders, names, strict=True) for photo in _read(folder, name))
    paths = {photo.name: photo.path for photo in photos}
    return Judged(photos, {judge.name: judge.reports(paths) for judge in judges})


def _read(folder: Path, name: str) -> Iterable[Photo]:
    with (folder / LABELS).open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{folder / LABELS}: has no column {', '.join(missing)}")
        for row in reader:
            yield Photo(
                name,
                row["file"],
                folder / row["file"],
                row["kind"],
                row["confidence"] == "high",
                row.get("repo") or "",
                row.get("order") or "",
                row.get("scene") or "",
            )
