"""The cache's file: all of its SQL.

One row per photo and context, found by a hash of both. Rows lie in the order they were written, which is the order
they will be asked for, so that a disk reads them one after the other. Paths are not stored: nobody can list a user's
photos from the cache.

Write-ahead log, `synchronous=NORMAL`: readers never wait, writers wait for each other, a process that is killed loses
what it has not committed and damages nothing, and no commit waits for the disk.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from iqa_cli.cache.place import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

DatabaseError = sqlite3.Error

BUSY_S = 5.0
"""How long a writer waits for another; a batch takes some milliseconds."""
SCHEMA_VERSION = 1
APPLICATION_ID = 0x69716131
"""Marks the file as ours (https://www.sqlite.org/fileformat.html, offset 68): `iqa1`."""
_AT_ONCE = 64
"""Keys per query."""
_PAGES_IN_MEMORY = 500
"""2 MB: rows lie in the order they are asked for, so more only makes a long run larger than a short one."""

_SCHEMA = """
CREATE TABLE contexts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice: a row can only meet the dictionary it was written with
    name TEXT NOT NULL,
    records TEXT NOT NULL,
    dictionary BLOB NOT NULL,
    UNIQUE (name, records)
);
CREATE TABLE photos (
    id INTEGER PRIMARY KEY,
    key INTEGER NOT NULL UNIQUE,
    context INTEGER NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    content BLOB,
    is_settled INTEGER NOT NULL,
    day INTEGER NOT NULL,
    report BLOB NOT NULL
);
CREATE INDEX photos_by_content ON photos (context, content) WHERE content IS NOT NULL;
CREATE INDEX photos_by_day ON photos (day, context);
"""
_COLUMNS = "key, context, size, mtime_ns, ctime_ns, content, is_settled, day, report"
_BY_KEY = f"SELECT {_COLUMNS} FROM photos WHERE key IN ({', '.join('?' * _AT_ONCE)})"  # noqa: S608 - constants only
_BY_CONTENT = f"SELECT {_COLUMNS} FROM photos WHERE context = ? AND content = ? LIMIT 1"  # noqa: S608 - see above
_WRITE = f"INSERT OR REPLACE INTO photos ({_COLUMNS}) VALUES ({', '.join('?' * 9)})"  # noqa: S608 - see above


class Row(NamedTuple):
    """What is remembered of one photo."""

    key: int
    """Hash of context and path, 64 bits with a sign."""
    context: int
    """Row of the context."""
    size: int
    """Of the file, in bytes."""
    mtime_ns: int
    """When the file was last written to, as its file system says."""
    ctime_ns: int
    """When anything about the file last changed; on Windows when it was made."""
    content: bytes | None
    """Hash of the file's bytes, if it was asked for."""
    is_settled: bool
    """Whether size and times suffice to know the file; else its content has to be compared."""
    day: int
    """When it was last used, as a proleptic Gregorian ordinal."""
    report: bytes
    """See `codec`."""


class ForeignFile(DatabaseError):  # noqa: N818 - it is no error of the file
    """Not a cache of ours."""


class NewerFile(DatabaseError):  # noqa: N818 - see above
    """A cache of a later iqa."""


def is_damage(error: DatabaseError) -> bool:
    """Whether the file is at fault, rather than the disk, its rights, or another process."""
    return isinstance(error, ForeignFile) or _code(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_busy(error: DatabaseError) -> bool:
    """Whether another process held the file for too long."""
    return _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_unwritable(error: Exception) -> bool:
    """Whether a file may be sound and only the files beside it cannot be made: no right to, or no room."""
    codes = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)
    return isinstance(error, OSError) or (isinstance(error, DatabaseError) and _code(error) in codes)


def _code(error: DatabaseError) -> int:
    """The primary result code of sqlite, 0 if there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


class Database:
    """An open cache file.

    path       made if it is not there; of an older schema its rows are dropped
    read_only  nothing is made or written, and nobody is kept from writing meanwhile
    raises     ForeignFile    if it is not ours
               NewerFile      if a later iqa made it
               DatabaseError  if it cannot be opened, read or written
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._connection = _connect_as_it_lies(path) if read_only else _connect(path)
        try:
            self._prepare(read_only=read_only)
            self.file = _identity(path)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, *, read_only: bool) -> None:
        run = self._connection.execute
        if self._needs_schema():
            if read_only:
                raise sqlite3.OperationalError("it is empty, or of an earlier version of iqa")
            # Several processes may come here at once. Changing the journal does not always wait by itself.
            _patiently(lambda: run("PRAGMA journal_mode = WAL"))
            with self.transaction():
                if self._needs_schema():
                    for table in ("photos", "contexts"):
                        run(f"DROP TABLE IF EXISTS {table}")
                    for statement in _SCHEMA.split(";\n"):
                        run(statement)
                    run(f"PRAGMA application_id = {APPLICATION_ID}")
                    run(f"PRAGMA user_version = {SCHEMA_VERSION}")
        run("PRAGMA synchronous = NORMAL")
        run(f"PRAGMA cache_size = {_PAGES_IN_MEMORY}")
        try:
            run(f"SELECT {_COLUMNS}, id FROM photos LIMIT 0")  # noqa: S608 - constants only
            run("SELECT id, name, records, dictionary FROM contexts LIMIT 0")
        except sqlite3.OperationalError as error:
            if _code(error) == sqlite3.SQLITE_ERROR:
                raise ForeignFile(f"it lacks a part: {error}") from None
            raise

    def _needs_schema(self) -> bool:
        """Whether the file is new, or ours of an older schema."""
        # In one statement, which sees one state of the file: another process may make the schema in this moment, and
        # what is half there would look like somebody else's.
        application, version, things = self._connection.execute(
            "SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema) "
            "FROM pragma_application_id AS a, pragma_user_version AS v"
        ).fetchone()
        if application == APPLICATION_ID:
            if version > SCHEMA_VERSION:
                raise NewerFile("a later version of iqa made it")
            return bool(version < SCHEMA_VERSION)
        if application != 0 or version != 0 or things != 0:
            raise ForeignFile("another program made it")
        return True

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is written in here, or nothing of it."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # After a full disk sqlite has rolled back by itself.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def context(self, name: str, records: str) -> tuple[int, bytes] | None:
        """Number and dictionary of a context; None if no photo was judged in it yet."""
        found: tuple[int, bytes] | None = self._connection.execute(
            "SELECT id, dictionary FROM contexts WHERE name = ? AND records = ?", (name, records)
        ).fetchone()
        return found

    def add_context(self, name: str, records: str, dictionary: bytes) -> int:
        """Its number. Inside a transaction in which `context` found none."""
        added = self._connection.execute(
            "INSERT INTO contexts (name, records, dictionary) VALUES (?, ?, ?)", (name, records, dictionary)
        )
        return int(added.lastrowid or 0)

    def rows(self, keys: Sequence[int]) -> dict[int, Row]:
        """The rows there are, by key."""
        found: dict[int, Row] = {}
        for start in range(0, len(keys), _AT_ONCE):
            part = list(keys[start : start + _AT_ONCE])
            part += [part[0]] * (_AT_ONCE - len(part))  # one statement for any number, so that it is prepared once
            found.update((row[0], Row._make(row)) for row in self._connection.execute(_BY_KEY, part))
        return found

    def row_of_content(self, context: int, content: bytes) -> Row | None:
        """A row of a photo with the same bytes."""
        row = self._connection.execute(_BY_CONTENT, (context, content)).fetchone()
        return None if row is None else Row._make(row)

    def write(self, rows: Sequence[Row]) -> None:
        """Add or replace rows. Inside a transaction."""
        self._connection.executemany(_WRITE, rows)

    def touch(self, keys: Sequence[int], day: int) -> None:
        """Rows that were used on a day. Inside a transaction."""
        self._connection.executemany("UPDATE photos SET day = ? WHERE key = ?", ((day, key) for key in keys))

    def settle(self, keys: Sequence[int]) -> None:
        """Rows that size and times suffice for from now on. Inside a transaction."""
        self._connection.executemany("UPDATE photos SET is_settled = 1 WHERE key = ?", ((key,) for key in keys))

    def prune(self, *, before_day: int, most_rows: int, most_bytes: int, at_most: int) -> int:
        """Forget rows that were not used since a day, and the longest unused of those beyond either limit.

        Inside a transaction, which others have to wait for: no more than `at_most` rows go at once. The file keeps its
        size, its free pages are used again.

        returns  how many rows went
        """
        run = self._connection.execute
        (rows,) = run("SELECT count(*) FROM photos").fetchone()
        used = self._used_bytes()
        excess = max(rows - most_rows, rows - int(rows * most_bytes / used) if used > most_bytes else 0, 0)
        expired = "SELECT id FROM photos WHERE day < ? ORDER BY day, context LIMIT ?"
        oldest = "SELECT id FROM photos ORDER BY day, context LIMIT ?"
        gone = run(f"DELETE FROM photos WHERE id IN ({expired})", (before_day, at_most)).rowcount  # noqa: S608 - constant
        excess = min(excess, at_most) - gone
        if excess > 0:
            gone += run(f"DELETE FROM photos WHERE id IN ({oldest})", (excess,)).rowcount  # noqa: S608 - constant
        if gone:
            run("DELETE FROM contexts WHERE id NOT IN (SELECT DISTINCT context FROM photos)")
        return int(gone)

    def _used_bytes(self) -> int:
        names = ("page_count", "freelist_count", "page_size")
        pages, free, size = (self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
        return int((pages - free) * size)

    def empty(self) -> None:
        """Forget everything and give the room back, as far as nobody else is reading."""
        with self.transaction():
            self._connection.execute("DELETE FROM photos")
            self._connection.execute("DELETE FROM contexts")
        with contextlib.suppress(sqlite3.OperationalError):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close it; the last to do so merges the log into the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _connect(path: Path | str, *, uri: bool = False) -> sqlite3.Connection:
    # Transactions are ours to begin. A generator may be finished by another thread than the one that began it.
    return sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, uri=uri)


def _connect_as_it_lies(path: Path) -> sqlite3.Connection:
    """A file that is read without a lock and without the files that sqlite puts beside it, so without a right to write.

    raises  DatabaseError  if a log lies beside it: what is in there would not be seen, and the file may be half of both
    """
    log = Path(f"{path}-wal")
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size:
            raise sqlite3.OperationalError(f"{log.name} is not merged into it")
    return _connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)


def _patiently(action: Callable[[], object]) -> None:
    """Try until nobody else is at it: of what can be answered with busy at once, waiting or not."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            action()
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)


def open_or_replace(path: Path) -> tuple[Database, str | None]:
    """The cache at a path; a file there that is damaged or not ours is set aside for a new one.

    returns  the database, and what was done with the file that was there, if so
    raises   DatabaseError  if it cannot be opened, read or written
             OSError        if the folder cannot be made, or the file not be set aside
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = _identity(path)
    try:
        return Database(path), None
    except DatabaseError as error:
        if not is_damage(error):
            raise
        return replace(path, before, error)


def open_to_read(path: Path) -> Database | None:
    """The cache at a path where nothing can be written; None if there is none or it is of no use."""
    try:
        return Database(path, read_only=True)
    except (DatabaseError, OSError):
        return None


def replace(path: Path, file: tuple[int, int] | None, error: DatabaseError) -> tuple[Database, str]:
    """A new cache in the place of one that turned out to be no good.

    file    `Database.file` of the one that is meant: another process may have replaced it already
    error   what it turned out with
    raises  as `open_or_replace`
    """
    kept = set_aside(path, foreign=isinstance(error, ForeignFile)) if _identity(path) == file else None
    where = f", kept as {kept.name}" if kept else ""
    return Database(path), f"{path}: not usable as a cache ({error}); a new one was begun{where}"


def set_aside(path: Path, *, foreign: bool) -> Path:
    """Rename a cache's files: one of ours over what was set aside before, one of somebody else's over nothing.

    The database goes first: sqlite throws a log away that it finds beside no database, or an empty one.

    raises  OSError  if it cannot be renamed
    """
    aside = Path(f"{path}.{'foreign' if foreign else 'damaged'}")
    number = 1
    while foreign and os.path.lexists(aside):
        number += 1
        aside = Path(f"{path}.foreign-{number}")
    for suffix in SUFFIXES:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
    return aside


def describe(path: Path) -> list[tuple[str, int, int | None]]:
    """(name, photos, last day of use) of every context that has photos; nothing is written.

    A day that is damaged does not count: None if all are.

    raises  DatabaseError  if it is not a cache that this iqa reads
    """
    with contextlib.closing(_connect_to_look(path)) as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (things,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if application == version == things == 0:
            return []  # a run that made the file was killed before it came to anything
        if application != APPLICATION_ID:
            raise ForeignFile("another program made it")
        if version != SCHEMA_VERSION:
            raise ForeignFile(f"an {'older' if version < SCHEMA_VERSION else 'later'} version of iqa made it")
        return connection.execute(
            "SELECT name, sum(photos), max(day) FROM contexts JOIN (SELECT context, count(*) AS photos, "
            "max(CASE WHEN typeof(day) = 'integer' AND day BETWEEN ? AND ? THEN day END) AS day "
            "FROM photos GROUP BY context) ON id = context GROUP BY name",
            (dt.date.min.toordinal(), dt.date.max.toordinal()),
        ).fetchall()


def _connect_to_look(path: Path) -> sqlite3.Connection:
    """A file that is there, looked at beside others that write if that can be."""
    connection = _connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema")
    except DatabaseError as error:
        connection.close()
        if not is_unwritable(error):
            raise
        return _connect_as_it_lies(path)
    return connection


def empty(path: Path) -> None:
    """Forget every photo of the cache at a path, and what damaged cache was set aside.

    A cache that is whole is not removed: a process that has it open would remove the log of the cache that comes after.

    raises  DatabaseError  if it is not a cache of ours, or cannot be written
            OSError        if a damaged one cannot be removed
    """
    try:
        with Database(path) as database:
            database.empty()
    except DatabaseError as error:
        if _code(error) != sqlite3.SQLITE_CORRUPT:
            raise
        set_aside(path, foreign=False)
    for suffix in SUFFIXES:
        Path(f"{path}.damaged{suffix}").unlink(missing_ok=True)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
