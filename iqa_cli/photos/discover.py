"""Paths and folders to a sorted list of photos.

Which files count, inside a folder: by suffix, in any case (`SUFFIXES`). What is named on the command line is
always taken, whatever its name. Names that begin with a dot (`.thumbnails`, `.trashed-...`, `._IMG.jpg`) and
the folders that systems keep for themselves (`SYSTEM_FOLDERS`) are passed over in silence, unless named
directly: they hold copies and deleted photos.

What counts as the same photo: the same resolved path. Overlapping folders, a path given twice and a symbolic
link beside its target give one photo; links are followed after everything else, so the real name wins over
the link. Hard links stay apart: each is a full name of its own, like a copy. A linked folder that was already
walked is not walked again, which cuts loops.

Order: by the bytes of the name as shown, across all arguments.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.errors import InvalidInput
from iqa_cli.records import PhotoRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".avif", ".heic", ".heif", ".hif"})

# Synology's index, the bins of Windows and of NAS systems, what macOS puts into a zip, the repair folder of
# ext4 (readable by root only, so every ext4 card would be reported as partly unreadable).
SYSTEM_FOLDERS = frozenset(
    {"@eadir", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "__macosx", "lost+found"}
)


@dataclasses.dataclass(frozen=True, slots=True)
class Discovery:
    """What was found under the paths that were given."""

    photos: tuple[PhotoRef, ...]
    """Sorted by the bytes of `source_file`, no photo twice."""

    skipped: tuple[tuple[str, str], ...] = ()
    """(folder as shown, reason) for every folder that could not be listed, sorted."""


def as_utf8(path: str) -> str:
    r"""A path as it is written to reports: valid UTF-8, undecodable bytes as \xNN, `/` between folders.

    Control characters (a newline in a name) stay, so that the column joins with other tools; renderers quote
    them.
    """
    text = os.fsencode(path).decode("utf-8", errors="backslashreplace")
    return text.replace(os.sep, "/") if os.sep != "/" else text


def discover(paths: Iterable[str | os.PathLike[str]]) -> Discovery:
    """Find the photos in files and folders; folders are walked to the bottom.

    `source_file` continues the path as it was given: `DCIM` gives `DCIM/100/IMG.jpg`, `./DCIM` gives
    `./DCIM/100/IMG.jpg`, as exiftool prints it. A link to nothing inside a folder is listed: reading it says
    why it cannot be read.

    raises  InvalidInput  if a path does not exist or cannot be reached; every such path is named at once
    raises  TypeError     if `paths` is a single string or path: a list was meant
    """
    if isinstance(paths, str | bytes | os.PathLike):
        raise TypeError(f"expected a list of paths, got {paths!r}")
    walk = _Walk()
    problems: list[str] = []
    for given in paths:
        name = os.fspath(given)
        try:
            is_folder = stat.S_ISDIR(os.stat(name).st_mode)  # noqa: PTH116 - Path drops the "./" that we keep
        except (OSError, ValueError) as error:  # ValueError: a NUL inside the name
            problems.append(f"{as_utf8(name)}: {_why(error)}")
            continue
        real = os.path.realpath(name)
        if is_folder:
            walk.folder(name, real)
        else:
            walk.file(name, real)
    if problems:
        plural = "s" if len(problems) > 1 else ""
        raise InvalidInput(
            f"{len(problems)} path{plural} cannot be read",
            problems=problems,
            hint="check the spelling; a name with spaces needs quotes",
        )
    walk.follow_links()
    photos = sorted(walk.photos.values(), key=lambda photo: os.fsencode(photo.source_file))
    return Discovery(tuple(photos), tuple(sorted(walk.skipped)))


class _Walk:
    """What one call of `discover` has seen so far."""

    def __init__(self) -> None:
        self.photos: dict[str, PhotoRef] = {}  # by resolved path
        self.skipped: list[tuple[str, str]] = []
        self._folders: set[str] = set()  # resolved
        self._links: list[str] = []

    def file(self, name: str, real: str) -> None:
        """Take a file; the first name that reaches it stays."""
        if real not in self.photos:
            self.photos[real] = PhotoRef(Path(name), as_utf8(name))

    def folder(self, name: str, real: str) -> None:
        """Walk a folder without following links; those are kept for later."""
        stack = [(name, real)]
        while stack:
            name, real = stack.pop()
            if real in self._folders:
                continue
            self._folders.add(real)
            base = name if name.endswith(os.sep) else name + os.sep
            try:
                for entry in _wanted(name):
                    if entry.is_symlink():
                        self._links.append(base + entry.name)
                    elif entry.is_dir(follow_symlinks=False):
                        stack.append((base + entry.name, os.path.join(real, entry.name)))  # noqa: PTH118 - see above
                    elif _is_photo_name(entry.name):
                        self.file(base + entry.name, os.path.join(real, entry.name))  # noqa: PTH118 - see above
            except OSError as error:
                self.skipped.append((as_utf8(name), _why(error)))

    def follow_links(self) -> None:
        """Follow the links in order of their names; what they lead to may hold links again."""
        while self._links:
            links, self._links = sorted(self._links, key=os.fsencode), []
            for name in links:
                real = os.path.realpath(name)
                if os.path.isdir(real):  # noqa: PTH112 - a plain string, hot path
                    self.folder(name, real)
                elif _is_photo_name(name):
                    self.file(name, real)


def _wanted(folder: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.name.lower() not in SYSTEM_FOLDERS:
                yield entry


def _is_photo_name(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES  # noqa: PTH122 - a plain string, hot path


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    if isinstance(error, PermissionError):
        return "permission denied"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
