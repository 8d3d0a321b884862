"""A cache that several processes use, that are killed, or that find the disk full."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from remembered import ROOT, is_whole, recall, recall_all, remember, report_of

from iqa_cli.cache import Cache, store
from iqa_cli.cache.database import BUSY_S
from iqa_cli.cache.place import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from iqa_cli.records import PhotoRef

WORKER = """
import sys
from pathlib import Path
from iqa_cli.cache import Cache
from iqa_cli.records import Finding, PhotoRef, PhotoReport

folder, photos, mine, level = sys.argv[1:]
refs = [PhotoRef(path, path.name) for path in sorted(Path(photos).iterdir())]
print("ready", flush=True)
sys.stdin.readline()
cache = Cache.open(folder, "c")
for count, ref in enumerate(ref for ref in refs if ref.source_file.startswith(mine)):
    assert cache.lookup([ref]) == [None]
    cache.store(ref, PhotoReport(ref.source_file, "ok", findings=(Finding("dark", int(level), 1 / 3, ""),)))
    if count % 50 == 0:
        cache.flush()
        cache.lookup([ref for ref in refs if not ref.source_file.startswith(mine)])
print("stored", flush=True)
sys.stdin.readline()
cache.close()
assert cache.notes == (), cache.notes
"""


@contextlib.contextmanager
def worker(folder: Path, photos: Path, mine: str, level: int = 2) -> Iterator[subprocess.Popen[str]]:
    """A process that remembers the photos whose names begin so, and goes on with every line it is sent."""
    arguments = [sys.executable, "-c", WORKER, str(folder), str(photos), mine, str(level)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True, bufsize=1
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")


def test_processes_share_one_cache(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    levels, count = (1, 2, 3, 4), 300
    refs = [photo(f"{level}_{number:03d}.jpg") for level in levels for number in range(count)]
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(worker(folder, refs[0].path.parent, f"{level}_", level)) for level in levels]
        assert [said(process) for process in running] == ["ready"] * 4
        for process in running:  # all at once: they make the cache, its tables and its context side by side
            go_on(process)
        assert [said(process) for process in running] == ["stored"] * 4
        for process in running:
            go_on(process)
        assert [process.wait(60) for process in running] == [0] * 4
    found = [recalled.findings[0].level for recalled in recall_all(folder, refs) if recalled is not None]
    assert found == [level for level in levels for _ in range(count)]
    assert is_whole(folder)


def test_a_killed_process_loses_its_last_batch_only(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    count = 2 * store.BATCH + 30
    refs = [photo(f"{number:04d}.jpg") for number in range(count)]
    with worker(folder, refs[0].path.parent, "") as process:
        go_on(process)
        assert [said(process), said(process)] == ["ready", "stored"]
        process.kill()
        process.wait()
    known = [report is not None for report in recall_all(folder, refs)]
    assert sum(known) >= count - store.BATCH
    assert known == sorted(known, reverse=True)
    assert is_whole(folder)


@pytest.mark.parametrize("moment", range(3))
def test_a_process_killed_at_any_moment_damages_nothing(
    folder: Path, photo: Callable[..., PhotoRef], moment: int
) -> None:
    refs = [photo(f"{number:04d}.jpg") for number in range(1000)]
    with worker(folder, refs[0].path.parent, "") as process:
        assert said(process) == "ready"
        go_on(process)
        time.sleep(0.02 + 0.07 * moment)
        process.kill()
        process.wait()
    for ref, known in zip(refs, recall_all(folder, refs), strict=True):
        assert known is None or known.source_file == ref.source_file
    assert is_whole(folder)


def test_a_reader_does_not_wait_for_a_writer_and_a_writer_tries_again(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqa_cli.cache.database.BUSY_S", 0.05)
    assert BUSY_S > 1
    old, new = photo("old.jpg"), photo("new.jpg")
    remember(folder, old)
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Cache.open(folder, "c") as cache:
        assert [report is not None for report in cache.lookup([old, new])] == [True, False]
        cache.store(new, report_of(new.source_file))
        cache.flush()
        other.execute("COMMIT")
    other.close()
    assert cache.notes == ()
    assert recall(folder, new) is not None


def test_a_file_that_others_hold_is_not_waited_for_at_every_photo(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Waiting for it takes as long as there is between two writings, so every photo would be due again."""
    monkeypatch.setattr("iqa_cli.cache.database.BUSY_S", 0.05)
    monkeypatch.setattr(store, "BATCH_S", 0.05)
    refs = [photo(f"{place}.jpg") for place in range(10)]
    remember(folder, photo("old.jpg"))
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Cache.open(folder, "c") as cache:
        cache.lookup(refs)
        time.sleep(0.06)
        for ref in refs:
            cache.store(ref, report_of(ref.source_file))
        assert cache._busy == 1
        other.execute("COMMIT")
    other.close()
    assert all(recall(folder, ref) is not None for ref in refs)


def test_what_could_not_be_written_at_the_end_is_told(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqa_cli.cache.database.BUSY_S", 0.05)
    ref = photo()
    remember(folder, photo("old.jpg"))
    other = sqlite3.connect(folder / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    notes: list[str] = []
    with Cache.open(folder, "c", tell=notes.append) as cache:
        cache.lookup([ref])
        cache.store(ref, report_of(ref.source_file))
    other.close()
    assert len(notes) == 1
    assert "another process holds the cache" in notes[0]


def test_a_full_disk_ends_writing_and_nothing_else(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    old = photo("old.jpg")
    remember(folder, old)
    notes: list[str] = []
    refs = [photo(f"{number}.jpg") for number in range(3)]
    with Cache.open(folder, "c", tell=notes.append) as cache:
        assert cache._database is not None
        cache._database._connection.execute("PRAGMA max_page_count = 1")  # it stays at what is there already
        cache.lookup(refs)
        for ref in refs:
            cache.store(ref, report_of(ref.source_file, evidence=os.urandom(20_000).hex()))
        cache.flush()
        assert cache.lookup([old])[0] is not None
        cache.lookup(refs)
        cache.store(refs[0], report_of(refs[0].source_file))
    assert len(notes) == 1
    assert "full" in notes[0]
    assert cache.notes == tuple(notes)
    assert recall(folder, old) is not None
    assert is_whole(folder)
