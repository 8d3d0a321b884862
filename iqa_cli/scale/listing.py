"""The keys of a bucket in order, listed in parallel by prefix, in memory that does not grow with them.

A store lists keys in the order of their bytes, a thousand a request, one request after the other. So where a page ends
within a folder, what comes behind that folder is asked for at the same time as the rest of it; what they give is put
one behind the other again. Folders that fit into a page cost nothing of their own. A bucket without folders is one
long list.

What is passed over is what a search of a folder passes over (`photos.left_out`): names that begin with a dot, folders
in which programs keep copies, folders with a `.nomedia`.
"""

from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import dataclasses
import itertools
import os
import queue
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from iqa_cli.errors import StoreError
from iqa_cli.photos.discover import SUFFIXES
from iqa_cli.photos.left_out import MARKED, NO_MEDIA, LeftOut, keeper_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from iqa_cli.stores.places import Place

PAGE = 1000
"""Keys that a store gives at once."""
PARALLEL = 16
"""Prefixes that are listed side by side."""
_PAGES_AHEAD = 4
"""Pages of each that wait for those before them."""
_DEEPEST = 4
"""Levels of folders that are opened to find enough to do side by side."""
_LAST = "\U0010ffff"
"""Behind every other character."""


class Entry(NamedTuple):
    """One photo as the plan freezes it."""

    key: str
    """Below the source, valid UTF-8, as reports show it."""
    size: int
    """Bytes."""
    etag: str
    """By which the store tells this content from another; empty if it does not."""
    modified_us: int
    """When it was written: microseconds since 1970, UTC."""
    raw: bytes | None = None
    """The name as the file system has it, where it is not UTF-8."""

    @property
    def place(self) -> tuple[str, bytes]:
        """By which entries are ordered: two that are shown alike are two."""
        return self.key, self.raw or b""


class Lister(Protocol):
    """What lists a store."""

    def pages(self, prefix: str, after: str | None) -> Iterator[Sequence[Entry]]:
        """All keys in this folder (`a/b/`, or empty) and below, behind this key, in order."""

    def has(self, key: str) -> bool:
        """Whether there is an object."""


class BucketLister:
    """Lists a place by its client."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def pages(self, prefix: str, after: str | None) -> Iterator[Sequence[Entry]]:
        """See `Lister`; raises StoreError."""
        for page in self._place.pages(prefix.rstrip("/"), after):
            yield [Entry(*found) for found in page]

    def has(self, key: str) -> bool:
        """See `Lister`; raises StoreError."""
        return self._place.has(key)


def photos_of(lister: Lister, after: str | None, left_out: LeftOut, url: str) -> Generator[Entry, None, None]:
    """The photos of a store in order.

    after     the last one that is known already: what comes behind it is given
    left_out  counts what is passed over; when a photo is given it has counted all before it
    url       of the store, for messages
    raises    StoreError  if it cannot be listed, or lists its keys in another order
    """
    passing = _Passing(lister, after, left_out)
    last = after
    # Closed here: a pool that is left to the garbage collector may be ended in one of its own threads.
    with contextlib.closing(_in_order(lister, after)) as pages:
        for entry in itertools.chain.from_iterable(pages):
            if last is not None and entry.key <= last:
                if entry.size == 0:  # a folder that somebody made: `a/`, which the client calls `a`
                    continue
                raise StoreError(
                    f"{url}: the store lists its keys out of order ({entry.key!r} after {last!r})",
                    hint="copy it into a store that lists them by their bytes, as S3 does, or mount it as a folder",
                )
            last = entry.key
            if not passing.passes_over(entry):
                yield entry


class _Passing:
    """What is passed over, of keys that come in order: all keys of a folder come together."""

    def __init__(self, lister: Lister, after: str | None, left_out: LeftOut) -> None:
        self._lister = lister
        self._left_out = left_out
        # A photo was found there: none of its folders is passed over.
        self._open: list[str] = [] if after is None else after.split("/")[:-1]
        self._shut: str | None = None
        """The folder that is passed over at present, with its slash."""

    def passes_over(self, entry: Entry) -> bool:
        """Whether this key is; then it is counted, or its folder was."""
        key = entry.key
        if self._shut is not None:
            if key.startswith(self._shut):
                return True
            self._shut = None
        *folders, name = key.split("/")
        same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(folders, self._open)))  # noqa: B905 - up to the shorter
        for depth in range(same, len(folders)):
            if self._enters(folders[: depth + 1], key):
                self._open = folders[:depth]
                self._shut = "/".join(folders[: depth + 1]) + "/"
                return True
        self._open = folders
        suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a plain string, hot path
        if entry.size == 0 and (not suffix or (suffix in SUFFIXES and not self._lister.has(key))):
            return True  # a folder that somebody made, as above
        if name.startswith("."):
            self._left_out.hidden += suffix in SUFFIXES
            return True
        if suffix not in SUFFIXES:
            self._left_out.kinds[suffix] += 1
            return True
        return False

    def _enters(self, folders: list[str], first_key: str) -> bool:
        """Whether a folder is passed over; then it is counted. `first_key` is the first one in it."""
        *above, name = folders
        keeper = keeper_of(name, "/".join(above))
        if keeper is not None:
            self._left_out.copies[keeper] += 1
            return True
        if name.startswith("."):
            self._left_out.hidden += 1
            return True
        mark = "/".join(folders) + "/" + NO_MEDIA
        # Behind its place in the order there is none; before it only the store knows.
        if first_key == mark or (first_key < mark and self._lister.has(mark)):
            self._left_out.copies[MARKED] += 1
            return True
        return False


@dataclasses.dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to be listed to the bottom."""

    prefix: str
    after: str | None
    """From where on."""


_Part = _Folder | list[Entry]


def _in_order(lister: Lister, after: str | None) -> Generator[Sequence[Entry], None, None]:
    """All pages behind this key, folders listed side by side."""
    over = threading.Event()
    pool = concurrent.futures.ThreadPoolExecutor(PARALLEL + 1, thread_name_prefix="iqa-list")
    waiting: collections.deque[Sequence[Entry] | queue.Queue[Any]] = collections.deque()
    parts = _parts(lister, "", after, _DEEPEST)
    try:
        while True:
            while len(waiting) < 2 * PARALLEL and (part := next(parts, None)) is not None:
                if isinstance(part, _Folder):
                    pages: queue.Queue[Any] = queue.Queue(_PAGES_AHEAD)
                    pool.submit(_list, lister, part, pages, over)
                    waiting.append(pages)
                else:
                    waiting.append(part)
                    break  # keys between folders come one page at a time: nothing is gained by having more
            if not waiting:
                return
            first = waiting.popleft()
            if isinstance(first, queue.Queue):
                yield from _taken(first)
            else:
                yield first
    finally:
        over.set()
        pool.shutdown(wait=False, cancel_futures=True)


def _parts(lister: Lister, prefix: str, after: str | None, depth: int) -> Iterator[_Part]:
    """A folder in parts: keys that lie in it directly, and the folders in it; all in order."""
    ahead = _level(lister, prefix, after)
    first = list(itertools.islice(ahead, PARALLEL))
    is_few = len(first) < PARALLEL and depth > 0
    for part in itertools.chain(first, ahead):
        if isinstance(part, _Folder) and is_few:
            yield from _parts(lister, part.prefix, part.after, depth - 1)
        else:
            yield part


def _level(lister: Lister, prefix: str, after: str | None) -> Iterator[_Part]:
    """A folder page by page, without looking into folders of which a page does not show the end.

    A page costs one request. What begins and ends in it is given as it is, however many folders that are; of the last
    folder of a page it is not known how much more there is, so it is a part of its own.
    """
    while True:
        with contextlib.closing(lister.pages(prefix, after)) as pages:  # type: ignore[type-var]
            page = next(pages, None)
        keys = [entry for entry in page or () if after is None or entry.key > after]
        if not keys:
            return
        yield keys
        last = keys[-1].key
        folder, slash, _ = last[len(prefix) :].partition("/")
        if slash:
            yield _Folder(f"{prefix}{folder}/", last)
            after = f"{prefix}{folder}/{_LAST}"
        else:
            after = last


def _list(lister: Lister, folder: _Folder, pages: queue.Queue[Any], over: threading.Event) -> None:
    """All pages of a folder into its queue, then None or what went wrong."""
    last: object = None
    try:
        for page in lister.pages(folder.prefix, folder.after):
            if not _put(pages, page, over):
                return
    except BaseException as error:  # noqa: BLE001 - whoever takes the pages raises it
        last = error
    _put(pages, last, over)


def _put(pages: queue.Queue[Any], item: object, over: threading.Event) -> bool:
    while not over.is_set():
        with contextlib.suppress(queue.Full):
            pages.put(item, timeout=0.2)
            return True
    return False


def _taken(pages: queue.Queue[Any]) -> Iterator[Sequence[Entry]]:
    while True:
        page = pages.get()
        if page is None:
            return
        if isinstance(page, BaseException):
            raise page
        yield page
