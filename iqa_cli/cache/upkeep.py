"""How large the cache is, what is in it, and how it is emptied."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from pathlib import Path

from iqa_cli.cache.place import FILE, SUFFIXES, default_folder


@dataclasses.dataclass(frozen=True, slots=True)
class Context:
    """Photos that were judged under the same conditions."""

    name: str
    """The `context` that the cache was opened with."""
    photos: int
    """How many."""
    last_used: dt.date | None
    """When one of them was last asked for or judged, to within a week; None where that is damaged in all of them."""


@dataclasses.dataclass(frozen=True, slots=True)
class CacheInfo:
    """What is in a cache."""

    path: Path
    """Its file, whether it is there or not."""
    size_bytes: int
    """On disk, with what is not merged into the file yet; 0 if there is no cache."""
    contexts: tuple[Context, ...] = ()
    """Those that hold photos, the last used first, then the largest."""
    problem: str | None = None
    """Why it cannot be looked into, if so; the next run starts a new one."""

    @property
    def photos(self) -> int:
        """How many photos are remembered; one that was judged under two conditions counts twice."""
        return sum(context.photos for context in self.contexts)


def cache_info(folder: Path | None = None) -> CacheInfo:
    """What is in the cache of a folder; nothing is made or changed.

    folder  None for `default_folder`
    raises  RuntimeError  if there is no folder for it
    """
    path = (default_folder() if folder is None else folder) / FILE
    size = _size(path)
    try:
        if not _is_there(path):
            return CacheInfo(path, size)
    except OSError as error:
        return CacheInfo(path, size, problem=error.strerror)
    try:
        from iqa_cli.cache.database import DatabaseError, describe
    except ImportError:
        return CacheInfo(path, size, problem="this Python has no sqlite3")
    try:
        rows = describe(path)
    except DatabaseError as error:
        return CacheInfo(path, size, problem=str(error))
    rows.sort(key=lambda row: (-(row[2] or 0), -row[1], row[0]))
    contexts = (Context(name, photos, None if day is None else dt.date.fromordinal(day)) for name, photos, day in rows)
    return CacheInfo(path, size, tuple(contexts))


def clear(folder: Path | None = None) -> int:
    """Forget every photo of a cache, also while somebody uses it; what is no cache of ours is left alone.

    folder   None for `default_folder`
    returns  bytes that the disk has more now
    raises   RuntimeError  if there is no folder for it
             OutputError   if it cannot be emptied
    """
    from iqa_cli.errors import OutputError

    path = (default_folder() if folder is None else folder) / FILE
    before = _size(path)
    hint = "remove the file by hand"
    try:
        if not _is_there(path):
            return 0
        from iqa_cli.cache.database import DatabaseError, empty
    except OSError as error:
        raise OutputError(f"{path}: cannot be emptied ({error})", hint=hint) from None
    except ImportError:
        raise OutputError(f"{path}: cannot be emptied, this Python has no sqlite3") from None
    try:
        empty(path)
    except (DatabaseError, OSError) as error:
        raise OutputError(f"{path}: cannot be emptied ({error})", hint=hint) from None
    return max(0, before - _size(path))


def _is_there(path: Path) -> bool:
    """Whether a file is there; raises OSError where that cannot be told, as in a folder that may not be entered."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _size(path: Path) -> int:
    total = 0
    for suffix in SUFFIXES:
        with contextlib.suppress(OSError):
            total += Path(f"{path}{suffix}").stat().st_size
    return total
