r"""From the paths of a report back to files.

A report spells bytes that are not UTF-8 as \xNN; `photos.spelling` finds what is meant. Relative paths start where
`iqa assess` ran: in the current folder, or else in that of the report.
"""

from __future__ import annotations

import dataclasses
import os
import posixpath
from typing import TYPE_CHECKING

from iqa_cli.photos.discover import as_utf8
from iqa_cli.photos.spelling import files_spelled
from iqa_cli.stores.places import is_of_bucket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.picking.rows import Report, Row


@dataclasses.dataclass(frozen=True, slots=True)
class Photo:
    """A photo that was picked and found."""

    row: Row
    """What the report says of it."""
    path: str
    """Where it is, spelled as the report does; may hold bytes that are not UTF-8 (surrogate-escaped)."""


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What became of the paths of rows."""

    photos: tuple[Photo, ...]
    """In the rows' order, no file twice."""
    gone: tuple[Row, ...]
    """Rows whose file is not there."""
    unclear: tuple[Row, ...]
    """Rows of which several files are spelled alike, and not all of them were picked."""
    elsewhere: tuple[Row, ...] = ()
    """Rows of a bucket's photos: they are no files of this machine, and nobody asks whether they are there."""


def base_of(report: Report) -> str:
    """The folder that the relative paths of a report start from: the first that holds one of its photos.

    returns  "" for the current folder, also where no photo is found; else the report's own
    """
    relative = [row for row in report.rows if not (posixpath.isabs(row.source_file) or is_of_bucket(row.source_file))]
    for base in ("", report.folder):
        if any(_files(row, base) for row in relative):
            return base
    return ""


def find(rows: Sequence[Row], report: Report, base: str = "") -> Found:
    """The files of rows.

    rows  some of the report's
    base  from `base_of`
    """
    picked: dict[str, list[Row]] = {}
    for row in rows:
        picked.setdefault(row.source_file, []).append(row)
    alike: dict[str, int] = {}
    for row in report.rows:
        alike[row.source_file] = alike.get(row.source_file, 0) + 1
    photos: list[Photo] = []
    gone, unclear, elsewhere = [], [], []
    for spelling, group in picked.items():
        if is_of_bucket(spelling):
            elsewhere += group
            continue
        files = _files(group[0], base)
        if not files:
            gone += group
        elif len(files) == 1:
            photos.append(Photo(group[0], files[0]))
        elif len(group) == len(files) == alike[spelling]:
            photos += (Photo(row, file) for row, file in zip(group, files, strict=True))
        else:
            unclear += group
    return Found(tuple(photos), tuple(gone), tuple(unclear), tuple(elsewhere))


def _files(row: Row, base: str) -> list[str]:
    """The files that a row may mean."""
    spellings = (row.source_file,) if row.also is None else (row.source_file, row.also)
    return [file for spelling in spellings for file in files_spelled(spelling, base)]


class Structure:
    """The folders of a report's photos below the one that holds them all.

    report  its rows are at least one
    base    from `base_of`
    """

    def __init__(self, report: Report, base: str) -> None:
        self._rows = report.rows
        self._here = as_utf8(os.path.abspath(base))
        self._parent = posixpath.commonpath({posixpath.dirname(self._absolute(row)) for row in report.rows})
        self._depth = len(self._parts(self._parent))

    def below(self, path: str) -> str:
        """Where a file lies below the folder that holds all photos.

        path  of a photo that was found, or of a file beside it
        """
        return os.path.join(*self._parts(os.path.abspath(path))[self._depth :])

    def spelled_below(self, row: Row) -> str:
        """The same of a row whose file is not there: its path as a report spells it."""
        return "/".join(self._parts(self._absolute(row))[self._depth :])

    def sources(self) -> list[str]:
        """The folders that an audit would search again to find these photos, as far as paths tell; resolved.

        That is the folder that holds them all. Where it is only the place that the paths of several folders start from
        (`iqa assess DCIM Pictures`), or the root, they are the folders in there.
        """
        was_searched = self._depth > 0 and not (self._parent == self._here and self._names_what_is_here())
        folders = {self._parent}
        if not was_searched:
            folders = {"/" + "/".join(self._parts(self._absolute(row))[: self._depth + 1]) for row in self._rows}
        found = (place for folder in sorted(folders) for place in files_spelled(folder))
        return [os.path.realpath(place) for place in found if os.path.isdir(place)]

    def _names_what_is_here(self) -> bool:
        """Whether no path begins with a dot, as all do when `.` or `..` was searched."""
        return not any(row.source_file.startswith((".", "/")) for row in self._rows)

    def _absolute(self, row: Row) -> str:
        return "/" + posixpath.normpath(posixpath.join(self._here, row.source_file)).lstrip("/")

    @staticmethod
    def _parts(path: str) -> list[str]:
        """The names on the way from the root."""
        return [name for name in path.split("/") if name]
