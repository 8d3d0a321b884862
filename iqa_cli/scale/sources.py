"""What photos are read from: a bucket, or a folder that every worker sees under the same path."""

from __future__ import annotations

import itertools
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from iqa_cli.errors import InvalidInput
from iqa_cli.photos.discover import as_utf8, discover
from iqa_cli.records import PhotoRef, StoredPhoto
from iqa_cli.scale.listing import BucketLister, Entry, photos_of
from iqa_cli.stores.places import Place, folder_of, is_bucket
from iqa_cli.stores.remote import RemotePhoto

if TYPE_CHECKING:
    from collections.abc import Generator

    from iqa_cli.photos.left_out import LeftOut

Photo = PhotoRef | StoredPhoto


class Source(Protocol):
    """Where the photos of a run are."""

    name: str
    """In front of keys, as reports show it."""
    skipped: list[tuple[str, str]]
    """Folders that could not be searched, and why."""

    def entries(self, after: Entry | None, left_out: LeftOut) -> Generator[Entry, None, None]:
        """All photos in order of `Entry.place`, those behind this one; counts what is passed over before each."""

    def photo(self, entry: Entry, *, whole: bool) -> Photo:
        """One of them, to be read."""

    def is_changed(self, entry: Entry) -> bool:
        """Whether it is known to be another one than planned; what reads a bucket finds out when it reads."""


class BucketSource:
    """A prefix of a bucket."""

    def __init__(self, url: str) -> None:
        self.name = name_of(url)
        self.skipped: list[tuple[str, str]] = []
        self._place = Place(url)

    def entries(self, after: Entry | None, left_out: LeftOut) -> Generator[Entry, None, None]:
        """See `Source`; raises StoreError."""
        return photos_of(BucketLister(self._place), None if after is None else after.key, left_out, self._place.url)

    def photo(self, entry: Entry, *, whole: bool) -> RemotePhoto:
        """See `Source`."""
        return RemotePhoto(self._place, entry.key, entry.etag, entry.size, self.name + entry.key, whole=whole)

    def is_changed(self, entry: Entry) -> bool:  # noqa: ARG002 - see Source
        """See `Source`."""
        return False


class FolderSource:
    """A folder; its photos are found as `iqa assess` finds them, and read where they lie.

    name  as the user wrote it
    root  the same, absolute
    """

    def __init__(self, name: str, root: str) -> None:
        self.name = name_of(name)
        self.skipped: list[tuple[str, str]] = []
        self._root = root

    def entries(self, after: Entry | None, left_out: LeftOut) -> Generator[Entry, None, None]:
        """See `Source`; raises InvalidInput if there is no such folder."""
        found = discover([self._root])
        self.skipped = [(self._shown(folder), reason) for folder, reason in found.skipped]
        base = len(self._root if self._root.endswith(os.sep) else self._root + os.sep)
        if after is None:  # else an earlier search counted them
            left_out.kinds.update(found.left_out.kinds)
            left_out.copies.update(found.left_out.copies)
            left_out.hidden += found.left_out.hidden
        entries = (self._entry(ref.path, base) for ref in found.photos)
        for _, same in itertools.groupby(entries, key=lambda entry: entry.key):  # bytes that are shown alike
            for entry in sorted(same, key=lambda entry: entry.place):
                if after is None or entry.place > after.place:
                    yield entry

    def _entry(self, path: Path, base: int) -> Entry:
        """A file; its name begins at `base` of its path."""
        name = os.fspath(path)[base:]
        size, modified_ns = _seen(path)
        raw = None if _is_utf8(name) else os.fsencode(name)
        return Entry(as_utf8(name), size, _etag(size, modified_ns), modified_ns // 1000, raw)

    def _shown(self, path: str) -> str:
        root = as_utf8(self._root)
        return self.name.rstrip("/") + path[len(root) :] if path.startswith(root) else path

    def photo(self, entry: Entry, *, whole: bool) -> PhotoRef:  # noqa: ARG002 - see Source
        """See `Source`."""
        return PhotoRef(Path(self._path(entry)), self.name + entry.key)

    def is_changed(self, entry: Entry) -> bool:
        """See `Source`; one that is gone is not: reading it says so."""
        path = Path(self._path(entry))
        size, modified_ns = _seen(path)
        return bool(modified_ns) and _etag(size, modified_ns) != entry.etag

    def _path(self, entry: Entry) -> str:
        path = entry.key if entry.raw is None else os.fsdecode(entry.raw)
        return os.path.join(self._root, path)  # noqa: PTH118 - a plain string


def name_of(text: str) -> str:
    """What stands in front of keys in reports: a source as it was given, and a slash."""
    if is_bucket(text):
        return text if text.endswith("/") else f"{text}/"
    folder = as_utf8(folder_of(text))
    return folder if folder.endswith("/") else f"{folder}/"


def open_source(text: str, root: str | None = None) -> Source:
    """The source that this names.

    root    of a folder, when it was planned; None to look for it from the folder that this runs in
    raises  UsageError    for a URL of another kind
            InvalidInput  if there is no such folder
    """
    if is_bucket(text):
        return BucketSource(text)
    folder = folder_of(text)
    if root is None:
        root = os.path.abspath(folder)  # noqa: PTH100 - a plain string
    if not os.path.isdir(root):  # noqa: PTH112 - Path's own raises for a locked folder before Python 3.14
        if os.path.isfile(root):  # noqa: PTH113 - the same
            raise InvalidInput(f"{as_utf8(root)}: this is a file", hint="name the folder that it is in")
        raise InvalidInput(
            f"{as_utf8(root)}: there is no such folder", hint="check the spelling, and whether it is mounted"
        )
    return FolderSource(folder, root)


def _seen(path: Path) -> tuple[int, int]:
    """Bytes and time of a file; zeros for what is none."""
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else (0, 0)


def _etag(size: int, modified_ns: int) -> str:
    return f"{modified_ns:x}-{size:x}" if modified_ns else ""


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
