"""The cache as a run uses it: which file is the one that was judged, and no fault of a disk that ends a run.

A file is known by its real folder and name, size, and the times of its last write and last change. The last change is
looked at because programs that edit metadata in place put the time of writing back. A file that was written to less
than two seconds before it was looked at may be written to again within the same tick of its file system's clock
(two seconds on FAT) and look the same: it is known by its content only, until it is found unchanged later. Git calls
this racy and does the same (https://git-scm.com/docs/racy-git).
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import hashlib
import json
import logging
import os
import stat
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from iqa_cli.cache import codec
from iqa_cli.cache.place import FILE, default_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from iqa_cli.cache.database import Database, DatabaseError, Row
    from iqa_cli.records import PhotoRef, PhotoReport

logger = logging.getLogger(__name__)

BATCH = 256
"""Photos per transaction; as many are lost at most if the process is killed."""
BATCH_S = 5.0
"""Seconds after which a smaller batch is written."""
RACY_NS = 2_000_000_000
"""The coarsest clock of a file system in use: FAT's."""
_LAST_NS = (1 << 63) - 1
"""Times beyond it (the year 2262) do not fit SQLite's integers; ext4 goes on to 2446, NTFS to 60056."""
DAYS = 180
"""Photos that were not asked for since are forgotten."""
MOST_ROWS = 1_000_000
MOST_BYTES = 2 << 30
"""Beyond either, those that were not asked for the longest are forgotten."""
_FORGET_AT_ONCE = 20_000
"""Rows per run beside those that it added: a tenth of a second's work."""
_DAYS_BETWEEN_TOUCHES = 7
"""When a photo was used is noted once a week: an unchanged folder is read without writing."""
_TOUCHES_PER_ROW = 16
"""Rows whose day of use is noted in the time that one is written in."""
_MOST_WAITING = 16 * BATCH
"""Photos that are kept for later while another process holds the file."""

# How the reasons begin that may not hold the next time; the others are in the file itself.
PASSING = (
    "permission denied",
    "reading failed",
    "reading it failed",
    "not enough memory",
    "the file is not there",
    "the link leads",
    "the decoder crashed on it",
    "the process that read it",
)


@dataclasses.dataclass(slots=True)
class _Seen:
    """A file as it was before it was judged."""

    key: int
    """Hash of context and path."""
    size: int
    mtime_ns: int
    ctime_ns: int
    is_settled: bool
    """Whether its last write is long enough ago."""
    content: bytes | None = None
    """Hash of its bytes, where that was needed."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Waiting:
    """A judged photo that is not written yet."""

    seen: _Seen
    packed: bytes


class Cache:
    """Judgements of earlier runs. Made by `open`; used from one thread at a time, by any number of processes at once.

    Nothing that is wrong with its file is an error: it is told, and the cache goes on with what is left of it, or
    without anything.
    """

    def __init__(self, context: str, *, by_content: bool, tell: Callable[[str], object]) -> None:
        self._context = context
        self._by_content = by_content
        self._tell = tell
        self._told: list[str] = []
        self._database: Database | None = None
        self._may_write = True
        self._replaced = False
        self._busy = 0
        self._context_row: int | None = None
        self._dictionary = b""
        self._hash = hashlib.blake2b(
            repr((context, codec.records_key())).encode(errors="backslashreplace"), digest_size=8
        )
        self._before: dict[str, _Seen] = {}  # by path; looked up, not known, not stored yet
        self._waiting: list[_Waiting] = []
        self._used: list[int] = []
        self._settled: list[int] = []
        self._flushed = time.monotonic()
        self._written = 0
        self.hits = 0

    @classmethod
    def open(
        cls,
        folder: str | os.PathLike[str] | None,
        context: str,
        *,
        by_content: bool = False,
        tell: Callable[[str], object] = logger.warning,
    ) -> Self:
        """The cache in a folder, which is made if need be.

        folder      None for `default_folder`
        context     everything that judgements depend on but the photo, see `context_key`: photos are known in the
                    context that they were judged in, and in no other
        by_content  compare the bytes of photos that are not known by name and times, so that moved, copied and touched
                    ones are; costs reading them
        tell        takes a line for the user on what is wrong with the cache; once per reason
        returns     a cache, also where there can be none: it then knows nothing
        """
        cache = cls(context, by_content=by_content, tell=tell)
        try:
            from iqa_cli.cache.database import DatabaseError, is_unwritable, open_or_replace, open_to_read
        except ImportError:
            cache._say("no cache: this Python has no sqlite3")
            return cache
        where, path = "the cache folder", None
        try:
            path = (default_folder() if folder is None else Path(folder)) / FILE
            where = str(path)
            cache._database, note = open_or_replace(path)
        except (DatabaseError, OSError, RuntimeError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            if path is not None and is_unwritable(error):
                cache._database = open_to_read(path)
            if cache._database is None:
                cache._say(f"{where}: no cache ({reason}); every photo is judged anew")
            else:
                cache._may_write = False
                cache._replaced = True  # whatever becomes of it, it is not ours to set aside
                cache._say(f"{where}: cannot be written ({reason}); it is read, new photos are not remembered")
        else:
            if note is not None:
                cache._say(note)
        return cache

    @property
    def is_enabled(self) -> bool:
        """Whether it can know anything."""
        return self._database is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """Everything that was told."""
        return tuple(self._told)

    def lookup(self, refs: Sequence[PhotoRef]) -> list[PhotoReport | None]:
        """The reports of photos that were judged before and have not changed since; None for the others.

        Photos that are not known are remembered as they are now, for `store`. A few hundred at once are quickest.
        """
        found: list[PhotoReport | None] = []
        for start in range(0, len(refs), BATCH):
            part = refs[start : start + BATCH]
            known = self._guarded(functools.partial(self._lookup, refs=part), reading=True)
            found += known or [None] * len(part)
        self._flush_if_due()
        return found

    def _lookup(self, database: Database, refs: Sequence[PhotoRef]) -> list[PhotoReport | None]:
        seen = self._look_at(refs)
        self._find_context(database)
        rows: dict[int, Row] = {}
        if self._context_row is not None:
            rows = database.rows([entry.key for entry in seen if entry is not None])
        today = dt.date.today().toordinal()  # noqa: DTZ011 - whole days, from one clock
        found: list[PhotoReport | None] = []
        for ref, entry in zip(refs, seen, strict=True):
            report = None
            if entry is not None:
                row = rows.get(entry.key)
                if row is not None and row.context == self._context_row and self._is_same(ref, entry, row):
                    report = self._report(ref, row)
                    if report is not None and not _is_recent(row.day, today):
                        self._used.append(row.key)
                    if report is not None and entry.is_settled and not row.is_settled:
                        self._settled.append(row.key)
                if report is None and self._by_content:
                    report = self._same_content(database, ref, entry)
                if report is None:
                    if not entry.is_settled and entry.content is None:
                        entry.content = _content(ref)
                    self._before[os.fspath(ref.path)] = entry
                else:
                    self.hits += 1
            found.append(report)
        return found

    def _look_at(self, refs: Sequence[PhotoRef]) -> list[_Seen | None]:
        """The files as they are; None for what is no regular file, not there, or of no year that SQLite can hold."""
        folders: dict[str, bytes] = {}
        settled_until = time.time_ns() - RACY_NS
        seen: list[_Seen | None] = []
        for ref in refs:
            path = os.fspath(ref.path)
            status = _status(path)
            if status is None:
                seen.append(None)
                continue
            folder, name = os.path.split(path)
            place = folders.get(folder)
            if place is None:
                place = folders[folder] = os.fsencode(os.path.realpath(folder)) + b"/"
            digest = self._hash.copy()
            digest.update(place + os.fsencode(name))
            key = int.from_bytes(digest.digest(), "big", signed=True)
            mtime_ns, ctime_ns = status.st_mtime_ns, status.st_ctime_ns
            if max(abs(mtime_ns), abs(ctime_ns)) > _LAST_NS:
                seen.append(None)
                continue
            seen.append(_Seen(key, status.st_size, mtime_ns, ctime_ns, mtime_ns < settled_until))
        return seen

    def _find_context(self, database: Database) -> None:
        if self._context_row is None:
            found = database.context(self._context, codec.records_key())
            if found is not None:
                self._context_row, self._dictionary = found

    def _is_same(self, ref: PhotoRef, entry: _Seen, row: Row) -> bool:
        """Whether a file is the one that was judged."""
        if (entry.size, entry.mtime_ns, entry.ctime_ns) != (row.size, row.mtime_ns, row.ctime_ns):
            return False
        if row.is_settled:
            return True
        entry.content = _content(ref)
        return entry.content is not None and entry.content == row.content

    def _report(self, ref: PhotoRef, row: Row) -> PhotoReport | None:
        """What a row holds; None if it is damaged, which is found out by its checksum."""
        try:
            return codec.unpack(codec.inflate(row.report, self._dictionary), ref.source_file)
        except (ValueError, TypeError, KeyError, IndexError, RecursionError, zlib.error) as error:
            logger.debug("a row of the cache is damaged", exc_info=error)
            return None

    def _same_content(self, database: Database, ref: PhotoRef, entry: _Seen) -> PhotoReport | None:
        """The report of a photo with the same bytes under another name or with other times."""
        if entry.content is None:
            entry.content = _content(ref)
        if entry.content is None or self._context_row is None:
            return None
        row = database.row_of_content(self._context_row, entry.content)
        report = None if row is None or row.size != entry.size else self._report(ref, row)
        if report is not None:
            self._remember(ref, entry, report)
        return report

    def store(self, ref: PhotoRef, report: PhotoReport) -> None:
        """Remember the judgement of a photo that `lookup` did not know.

        Not remembered: what `lookup` was not asked for, what has changed since, and what could not be read for a
        reason that may pass (`PASSING`).
        """
        entry = self._before.pop(os.fspath(ref.path), None)
        if entry is None or self._database is None or not self._may_write:
            return
        if report.error is None or not report.error.startswith(PASSING):
            self._remember(ref, entry, report)
        self._flush_if_due()

    def _remember(self, ref: PhotoRef, entry: _Seen, report: PhotoReport) -> None:
        if not entry.is_settled and entry.content is None:
            return
        status = _status(os.fspath(ref.path))
        if status is None:
            return
        if (status.st_size, status.st_mtime_ns, status.st_ctime_ns) != (entry.size, entry.mtime_ns, entry.ctime_ns):
            return
        # Its times may be the same and its bytes not: they have to be those from before it was judged.
        if not entry.is_settled and _content(ref) != entry.content:
            return
        self._waiting.append(_Waiting(entry, codec.pack(report)))

    def flush(self) -> None:
        """Write what was not written yet, in one transaction."""
        is_due = self._waiting or self._used or self._settled
        if self._database is not None and self._may_write and is_due and self._guarded(self._write, reading=False):
            self._written += len(self._waiting)
            self._waiting, self._used, self._settled, self._busy = [], [], [], 0
        # Not before: a database that is held by others takes as long to say so as there is between two writings.
        self._flushed = time.monotonic()

    def _flush_if_due(self) -> None:
        waiting = len(self._waiting) + len(self._settled) + len(self._used) // _TOUCHES_PER_ROW
        # Rarer each time that others hold the file, because finding that out stops the run for some seconds.
        patience = 1 + self._busy
        if waiting >= BATCH * patience or (waiting and time.monotonic() - self._flushed >= BATCH_S * patience):
            self.flush()

    def _write(self, database: Database) -> bool:
        today = dt.date.today().toordinal()  # noqa: DTZ011 - whole days, from one clock
        with database.transaction():
            # Asked for each time: the cache may have been emptied.
            found = database.context(self._context, codec.records_key())
            if found is None and self._waiting:
                dictionary = self._dictionary or codec.dictionary_of([waiting.packed for waiting in self._waiting])
                found = database.add_context(self._context, codec.records_key(), dictionary), dictionary
            if found is not None:
                self._context_row, self._dictionary = found
                database.write([self._row(waiting, found[0], today) for waiting in self._waiting])
            database.touch(self._used, today)
            database.settle(self._settled)
        return True

    def _row(self, waiting: _Waiting, context: int, today: int) -> Row:
        from iqa_cli.cache.database import Row

        seen = waiting.seen
        report = codec.deflate(waiting.packed, self._dictionary)
        times = (seen.size, seen.mtime_ns, seen.ctime_ns)
        return Row(seen.key, context, *times, seen.content, seen.is_settled, today, report)

    def close(self) -> None:
        """Write what was not written yet, forget what is too old or too much, and let go of the file."""
        self.flush()
        if self._waiting and self._database is not None and self._may_write:
            self._say(
                f"{self._database.path}: another process holds the cache; {len(self._waiting)} photos not remembered"
            )
        if self._written and self._may_write:
            self._guarded(self._prune, reading=False)
        database, self._database = self._database, None
        if database is not None:
            from iqa_cli.cache.database import DatabaseError

            with contextlib.suppress(DatabaseError):
                database.close()

    def _prune(self, database: Database) -> bool:
        before = dt.date.today().toordinal() - DAYS  # noqa: DTZ011 - whole days, from one clock
        at_most = 2 * self._written + _FORGET_AT_ONCE
        with database.transaction():
            database.prune(before_day=before, most_rows=MOST_ROWS, most_bytes=MOST_BYTES, at_most=at_most)
        return True

    def _guarded(self, action: Callable[[Database], Any], *, reading: bool) -> Any:
        """What an action returns; None without a database, or if it fails, which has been dealt with then."""
        if self._database is None:
            return None
        from iqa_cli.cache.database import DatabaseError

        try:
            return action(self._database)
        except DatabaseError as error:
            self._fail(self._database, error, reading=reading)
            return None

    def _fail(self, database: Database, error: DatabaseError, *, reading: bool) -> None:
        """Go on with a new file, without writing, or without a cache."""
        from iqa_cli.cache.database import DatabaseError, is_busy, is_damage, replace

        if is_busy(error):
            self._busy += 1
            if len(self._waiting) >= _MOST_WAITING:
                self._may_write = False
                self._say(f"{database.path}: another process holds the cache; photos are not remembered any more")
            return
        self._context_row, self._dictionary = None, b""
        if is_damage(error) and not self._replaced:
            self._replaced = True
            with contextlib.suppress(DatabaseError):
                database.close()
            self._database = None
            try:
                self._database, note = replace(database.path, database.file, error)
            except (DatabaseError, OSError) as again:
                error = again if isinstance(again, DatabaseError) else error
            else:
                self._say(note)
                return
        elif not reading:
            self._may_write = False
            self._waiting, self._used, self._settled = [], [], []
            self._say(f"{database.path}: cannot be written ({error}); photos are not remembered any more")
            return
        self._database = None
        with contextlib.suppress(DatabaseError):
            database.close()
        self._say(f"{database.path}: the cache cannot be used any more ({error}); photos are judged anew")

    def _say(self, note: str) -> None:
        if note not in self._told:
            self._told.append(note)
            self._tell(note)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def context_key(**parts: object) -> str:
    """A context from everything that judgements depend on: `checkpoint=..., decode="scaled", lang="en"`.

    parts    anything that JSON holds; the order does not matter
    returns  the parts in words that tell contexts apart, as `iqa cache info` shows them
    """
    return json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _is_recent(day: object, today: int) -> bool:
    """Whether a day of use is near enough to be left as it is; one that is none (a damaged row) is written anew."""
    return isinstance(day, int) and abs(today - day) < _DAYS_BETWEEN_TOUCHES


def _status(path: str) -> os.stat_result | None:
    """Of a regular file, links followed; None for anything else."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a plain string, hot path
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _content(ref: PhotoRef) -> bytes | None:
    """Hash of a file's bytes; None if they cannot be read."""
    try:
        with ref.path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()
    except OSError:
        return None
