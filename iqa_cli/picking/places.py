r"""From the paths of a report back to files.

A report spells bytes that are not UTF-8 as \xNN, and a name may hold the same four characters itself. Which of them is
meant is asked of the file system, folder by folder. Relative paths start where `iqa assess` ran: in the current
folder, or else in that of the report.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import posixpath
import re
from typing import TYPE_CHECKING

from iqa_cli.photos.discover import as_utf8

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from iqa_cli.picking.rows import Report, Row

_ESCAPE = re.compile(r"\\x([89a-f][0-9a-f])")
_MOST_MIXED = 6
"""Spelled bytes in one name up to which every mixture with literal ones is tried; beyond, all or none."""


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


def base_of(report: Report) -> str:
    """The folder that the relative paths of a report start from: the first that holds one of its photos.

    returns  "" for the current folder, also where no photo is found; else the report's own
    """
    relative = [row for row in report.rows if not posixpath.isabs(row.source_file)]
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
    gone, unclear = [], []
    for spelling, group in picked.items():
        files = _files(group[0], base)
        if not files:
            gone += group
        elif len(files) == 1:
            photos.append(Photo(group[0], files[0]))
        elif len(group) == len(files) == alike[spelling]:
            photos += (Photo(row, file) for row, file in zip(group, files, strict=True))
        else:
            unclear += group
    return Found(tuple(photos), tuple(gone), tuple(unclear))


def files_spelled(path: str, base: str = "") -> list[str]:
    """The files and folders that a path of a report may mean and that are there; most often one or none.

    path  valid UTF-8, `/` between folders
    base  what a relative one starts from; empty for the current folder
    """
    if "\0" in path:
        return []
    if _ESCAPE.search(path) is None:
        name = os.path.join(base, os.fsdecode(path.encode()))
        return [name] if os.path.lexists(name) else []
    places = ["/" if posixpath.isabs(path) else base]
    for name in path.split("/"):
        if name:
            tried = (os.path.join(place, spelled) for place in places for spelled in _spelled_so(name))
            places = [place for place in tried if os.path.lexists(place)]
    return places


def _files(row: Row, base: str) -> list[str]:
    """The files that a row may mean."""
    spellings = (row.source_file,) if row.also is None else (row.source_file, row.also)
    return [file for spelling in spellings for file in files_spelled(spelling, base)]


def _spelled_so(name: str) -> Iterator[str]:
    r"""The names that `as_utf8` writes like this one: itself, and those where some \xNN were bytes."""
    yield os.fsdecode(name.encode())
    escapes = list(_ESCAPE.finditer(name))
    if not escapes:
        return
    starts, ends = [escape.start() for escape in escapes], [escape.end() for escape in escapes]
    pairs = zip([0, *ends], [*starts, len(name)], strict=True)
    texts = [name[start:end].encode() for start, end in pairs]
    mixtures: Iterable[tuple[bool, ...]] = [(True,) * len(escapes)]
    if len(escapes) <= _MOST_MIXED:
        mixtures = itertools.product((True, False), repeat=len(escapes))
    for are_bytes in mixtures:
        raw = texts[0]
        for escape, is_byte, text in zip(escapes, are_bytes, texts[1:], strict=True):
            raw += (bytes([int(escape[1], 16)]) if is_byte else escape[0].encode()) + text
        spelled = os.fsdecode(raw)
        if any(are_bytes) and as_utf8(spelled) == name:
            yield spelled


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
