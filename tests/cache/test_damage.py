"""Whatever is wrong with its file or folder, a cache ends no run and harms nobody else's file."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest
from damage import foreign_database, half, lacks_a_table, overwritten, text, zeros
from remembered import recall, remember, remember_all, report_of

from iqa_cli.cache import Cache, cache_info, store
from iqa_cli.cache.database import Database, set_aside
from iqa_cli.cache.place import FILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.records import PhotoRef


def no_folder(folder: Path) -> None:
    folder.write_text("a file in the way")


def no_database(folder: Path) -> None:
    (folder / FILE).mkdir(parents=True)


def locked_folder(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("nothing is locked for this user")


def later_schema(folder: Path) -> None:
    Cache.open(folder, "c").close()
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()


@pytest.mark.parametrize("wrong", [no_folder, no_database, locked_folder, later_schema])
def test_where_there_can_be_no_cache_there_is_none(
    folder: Path, photo: Callable[..., PhotoRef], wrong: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    wrong(folder)
    ref = photo()
    for _ in range(2):
        with Cache.open(folder, "c") as cache:
            assert not cache.is_enabled
            assert cache.lookup([ref]) == [None]
            cache.store(ref, report_of(ref.source_file))
        assert len(cache.notes) == 1
        assert str(folder) in cache.notes[0]
    assert [record.message for record in caplog.records] == list(cache.notes) * 2


def test_no_sqlite_is_no_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "iqa_cli.cache.database", None)
    notes: list[str] = []
    with Cache.open(folder, "c", tell=notes.append) as cache:
        assert not cache.is_enabled
    assert notes == ["no cache: this Python has no sqlite3"]


def test_no_home_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(store, "default_folder", homeless)
    notes: list[str] = []
    with Cache.open(None, "c", tell=notes.append) as cache:
        assert not cache.is_enabled
    assert "home" in notes[0]


@pytest.mark.parametrize("damage", [zeros, text, foreign_database, half, overwritten, lacks_a_table])
def test_a_damaged_or_foreign_file_is_set_aside(
    folder: Path, photo: Callable[..., PhotoRef], damage: Callable[[Path], None]
) -> None:
    refs = [photo(f"{number}.jpg") for number in range(300)]
    remember_all(folder, refs)
    damage(folder / FILE)
    content = (folder / FILE).read_bytes()
    notes: list[str] = []
    with Cache.open(folder, "c", tell=notes.append) as cache:
        for start in range(0, 300, 100):
            part = refs[start : start + 100]
            for ref, known in zip(part, cache.lookup(part), strict=True):
                assert known in (None, report_of(ref.source_file))
                cache.store(ref, report_of(ref.source_file))
    assert len(notes) == 1
    assert "a new one was begun" in notes[0]
    kept = [path for path in folder.iterdir() if ".damaged" in path.name or ".foreign" in path.name]
    assert content in [path.read_bytes() for path in kept]
    with Cache.open(folder, "c", tell=notes.append) as cache:
        known = [report for report in cache.lookup(refs) if report is not None]
    assert len(known) >= 100
    assert len(notes) == 1


def test_an_empty_file_is_an_empty_cache(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    folder.mkdir()
    (folder / FILE).touch()
    ref = photo()
    remember(folder, ref)
    assert recall(folder, ref) is not None


def test_a_damaged_row_is_judged_again(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref)
    for broken in (
        "report = substr(report, 1, length(report) - 5)",
        "report = x'00'",
        "report = zeroblob(length(report))",
    ):
        with sqlite3.connect(folder / FILE) as connection:
            connection.execute(f"UPDATE photos SET {broken}")  # noqa: S608 - from the line above
        connection.close()
        remember(folder, ref)
    assert recall(folder, ref) == report_of(ref.source_file)


@pytest.mark.parametrize("day", ["'x'", "x'00ff'", "1.5", "0", "-1", "9223372036854775807"])
def test_a_damaged_day_of_use_is_written_anew(folder: Path, photo: Callable[..., PhotoRef], day: str) -> None:
    ref, other = photo(), photo("b.jpg")
    remember(folder, ref)
    remember(folder, other)
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute(f"UPDATE photos SET day = {day}")  # noqa: S608 - from the line above
    connection.close()
    assert [context.last_used for context in cache_info(folder).contexts] == [None]
    assert recall(folder, ref) == report_of(ref.source_file)
    today = dt.date.today()  # noqa: DTZ011 - as the cache does
    assert [(context.photos, context.last_used) for context in cache_info(folder).contexts] == [(2, today)]


def test_somebody_elses_file_is_never_overwritten(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / FILE).write_text(str(number))
        set_aside(tmp_path / FILE, foreign=True)
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["0", "1", "2"]


def test_one_replaced_by_another_process_is_not_replaced_again(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    from iqa_cli.cache.database import ForeignFile, replace

    ref = photo()
    remember(folder, ref)
    database, _ = replace(folder / FILE, (0, 0), ForeignFile("it was damaged before"))
    database.close()
    assert recall(folder, ref) is not None


def test_an_older_schema_is_dropped(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref)
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("PRAGMA user_version = 0")
        connection.execute("DROP TABLE contexts")
    connection.close()
    remember(folder, ref)
    assert recall(folder, ref) is not None


def test_a_connection_that_fails_to_open_is_closed(folder: Path) -> None:
    later_schema(folder)
    with pytest.raises(sqlite3.Error, match="later version"):
        Database(folder / FILE)
