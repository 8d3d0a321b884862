"""How much is kept, where it lies, what is in it, and emptying it."""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from damage import foreign_database, overwritten, text
from remembered import ROOT, recall, remember, remember_all, report_of

from iqa_cli.cache import Cache, cache_info, clear, default_folder, store
from iqa_cli.cache.place import FILE
from iqa_cli.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.records import PhotoRef

# Bounded


def test_what_was_not_used_for_long_is_forgotten(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    unused, used = photo("unused.jpg"), photo("used.jpg")
    remember(folder, unused)
    remember(folder, used)
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("UPDATE photos SET day = day - ?", (store.DAYS + 1,))
    connection.close()
    assert recall(folder, used) is not None  # notes that it is used
    remember(folder, photo("new.jpg"))
    assert cache_info(folder).photos == 2
    assert recall(folder, used) is not None
    assert recall(folder, unused) is None


@pytest.mark.parametrize("limit", [{"MOST_ROWS": 40}, {"MOST_BYTES": 100_000}])
def test_beyond_the_limits_the_longest_unused_are_forgotten(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch, limit: dict[str, int]
) -> None:
    refs = [photo(f"{number:03d}.jpg") for number in range(100)]
    with Cache.open(folder, "c") as cache:
        cache.lookup(refs)
        for ref in refs:
            cache.store(ref, report_of(ref.source_file, evidence=os.urandom(2000).hex()))
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("UPDATE photos SET day = day - 100 + id % 100 WHERE id < 100")
    connection.close()
    for name, value in limit.items():
        monkeypatch.setattr(store, name, value)
    remember(folder, photo("new.jpg"))
    left = cache_info(folder).photos
    assert 20 <= left <= 40
    assert recall(folder, photo("new.jpg")) is None  # written again: its time of change is another
    with Cache.open(folder, "c") as cache:
        assert [report is not None for report in cache.lookup(refs)] == [False] * (101 - left) + [True] * (left - 1)


def test_an_unchanged_folder_is_read_without_writing(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref)
    before = (folder / FILE).read_bytes()
    assert recall(folder, ref) is not None
    assert (folder / FILE).read_bytes() == before


# Where it lies, what is in it, and emptying it


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("linux", {"IQA_CACHE_DIR": "/x/y", "XDG_CACHE_HOME": "/xdg"}, "/x/y"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/iqa"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "~/.cache/iqa"),
        ("linux", {"IQA_CACHE_DIR": ""}, "~/.cache/iqa"),
        ("darwin", {"XDG_CACHE_HOME": "/xdg"}, "~/Library/Caches/iqa"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/iqa"),
        ("win32", {}, "~/AppData/Local/iqa"),
    ],
)
def test_the_folder_is_the_systems(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, environment: dict[str, str], expected: str
) -> None:
    for name in ("IQA_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", platform)
    assert default_folder() == Path(expected.replace("~", str(tmp_path)))


def test_info_counts_by_context_and_makes_nothing(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    assert cache_info(folder).size_bytes == 0
    assert not folder.exists()
    remember(folder, photo("a.jpg"), context="A")
    remember(folder, photo("b.jpg"), context="A")
    remember(folder, photo("b.jpg"), context="B")
    info = cache_info(folder)
    assert {context.name: context.photos for context in info.contexts} == {"A": 2, "B": 1}
    assert {context.last_used for context in info.contexts} == {dt.date.today()}  # noqa: DTZ011 - as the cache does
    assert info.photos == 3
    assert info.size_bytes >= (folder / FILE).stat().st_size > 0


def test_a_place_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    below = tmp_path / "file" / "cache"
    assert cache_info(below).problem == "Not a directory"
    with pytest.raises(OutputError, match="cannot be emptied"):
        clear(below)


def test_emptying_forgets_everything_and_frees_the_disk(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    refs = [photo(f"{number}.jpg") for number in range(200)]
    remember_all(folder, refs)
    freed = clear(folder)
    assert freed >= 32_768
    assert cache_info(folder).photos == 0
    assert clear(folder / "nowhere") == 0


def test_emptying_while_a_run_writes_harms_neither(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    first, second, third = (photo(f"{number}.jpg") for number in range(3))
    with Cache.open(folder, "c") as cache:
        for ref in (first, second, third):
            cache.lookup([ref])
            cache.store(ref, report_of(ref.source_file))
            cache.flush()
            if ref is second:
                clear(folder)
    assert cache.notes == ()
    assert [recall(folder, ref) is not None for ref in (first, second, third)] == [False, False, True]


@pytest.mark.parametrize("damage", [text, foreign_database])
def test_somebody_elses_file_is_not_emptied(folder: Path, damage: Callable[[Path], None]) -> None:
    Cache.open(folder, "c").close()
    damage(folder / FILE)
    content = (folder / FILE).read_bytes()
    assert cache_info(folder).problem is not None
    with pytest.raises(OutputError, match="cannot be emptied"):
        clear(folder)
    assert (folder / FILE).read_bytes() == content


def test_a_damaged_cache_is_emptied(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    refs = [photo(f"{number}.jpg") for number in range(300)]
    remember_all(folder, refs)
    overwritten(folder / FILE)
    clear(folder)
    assert cache_info(folder).size_bytes == 0


def test_importing_it_loads_neither_sqlite_nor_numpy() -> None:
    code = "import sys, iqa_cli.cache; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert not {"sqlite3", "numpy", "PIL", "typer"} & set(loaded.split())
