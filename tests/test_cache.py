"""The cache of judged photos: exact, never stale, shared by processes, and harmless whatever happens to its file."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import iqa_cli
from iqa_cli.cache import Cache, cache_info, clear, codec, context_key, default_folder, store
from iqa_cli.cache.database import BUSY_S, Database, set_aside
from iqa_cli.cache.place import FILE
from iqa_cli.errors import OutputError
from iqa_cli.records import Capture, Finding, Influence, Measurement, PhotoRef, PhotoReport, Unreadable

ROOT = Path(iqa_cli.__file__).parents[1]
TAKEN_AT = dt.datetime(2024, 2, 29, 23, 59, 59, 5)  # noqa: DTZ001 - the camera's clock has no zone
LONG_AGO_NS = 1_600_000_000_123_456_789
AWKWARD = (0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, float("inf"), 0.30000000000000004)


def report_of(path: Path | str, level: int = 2, evidence: str = "median luma 0.71") -> PhotoReport:
    """A report with something in every field."""
    return PhotoReport(
        str(path),
        "ok",
        notes=("an HDR picture (PQ curve)", "很亮"),
        findings=(
            Finding("too bright", level, 0.1 + 0.2, evidence, margin=-0.0, nearly=3, measured="more"),
            Finding("too dark", 1, 1 / 3, "", margin=5e-324),
        ),
        marginals={"too bright": AWKWARD[:4], "too dark": (1.0, 0.0)},
        independent={"too bright": (0.25, 0.75)},
        influence=(Influence(("/exclusions/0",), ("too bright", "too dark"), "too dark", 2, 0.5, 1 / 7, 0.25),),
        measurements=tuple(Measurement(f"luma_{place}", value, "luma") for place, value in enumerate(AWKWARD)),
        capture=Capture("Apple", None, "", TAKEN_AT, 1 / 60, 1.8, 50, -1 / 3, False, 6, 4032, 3024),
    )


def unreadable(path: Path | str, reason: str) -> PhotoReport:
    return PhotoReport(str(path), "unreadable", error=reason)


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., PhotoRef]:
    """Writes a file and dates it back, so that its times can be trusted."""

    def write(name: str = "a.jpg", content: bytes = b"content", mtime_ns: int | None = LONG_AGO_NS) -> PhotoRef:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if mtime_ns is not None:
            os.utime(path, ns=(mtime_ns, mtime_ns))
        return PhotoRef(path, str(path))

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def remember(folder: Path, ref: PhotoRef, report: PhotoReport | None = None, context: str = "c", **how: Any) -> None:
    with Cache.open(folder, context, **how) as cache:
        assert cache.lookup([ref]) == [None]
        cache.store(ref, report or report_of(ref.source_file))


def recall(folder: Path, ref: PhotoRef, context: str = "c", **how: Any) -> PhotoReport | None:
    with Cache.open(folder, context, **how) as cache:
        (found,) = cache.lookup([ref])
        assert cache.hits == (found is not None)
    return found


# Exact


def bits(value: object) -> object:
    """A value in which floats are compared by their bits and nothing is equal across types."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), [bits(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return [(key, bits(entry)) for key, entry in value.items()]
    if isinstance(value, tuple):
        return tuple, [bits(entry) for entry in value]
    return type(value), value


def test_a_report_comes_back_bit_for_bit(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref)
    assert bits(recall(folder, ref)) == bits(report_of(ref.source_file))


@pytest.mark.parametrize("text", ["", "\udcff half", "\ud83d\ude00", "😀 很亮", "a\0b\r\n\u2028", '"\\'], ids=ascii)
def test_any_text_comes_back(text: str) -> None:
    report = report_of("x.jpg", evidence=text)
    assert codec.unpack(codec.pack(report), "x.jpg") == report


def test_no_field_of_the_reports_is_left_out_of_these_tests() -> None:
    full = report_of("x.jpg")
    default = PhotoReport("", "ok", findings=full.findings[1:])
    for field in dataclasses.fields(PhotoReport):
        if field.name not in ("status", "error"):  # of which unreadable photos have others
            assert getattr(full, field.name) != getattr(default, field.name), f"{field.name}: give it a value above"


def test_numbers_of_numpy_are_refused_unless_they_are_floats() -> None:
    numpy = pytest.importorskip("numpy")
    report = report_of("x.jpg")
    as_float = dataclasses.replace(report, measurements=(Measurement("luma", numpy.float64(0.1), "luma"),))
    assert codec.unpack(codec.pack(as_float), "x.jpg") == as_float
    with pytest.raises(TypeError):
        codec.pack(dataclasses.replace(report, measurements=(Measurement("luma", numpy.float32(0.1), "luma"),)))


def test_another_shape_of_the_records_is_another_context(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = photo()
    remember(folder, ref)
    monkeypatch.setattr(codec, "records_key", lambda: "other")
    assert recall(folder, ref) is None


def test_the_key_of_the_records_tells_fields_apart() -> None:
    known = codec._fields_of(PhotoReport, {})
    assert set(known) == {"PhotoReport", "Finding", "Influence", "Measurement", "Capture"} | set(known)
    assert "exposure_bias_ev" in known["Capture"]
    assert len(codec.records_key()) == 16


def test_a_field_that_cannot_be_remembered_says_so() -> None:
    with pytest.raises(TypeError, match="complex"):
        codec._steps(complex)


# Known, and not known


def test_another_context_does_not_know_it(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref, context="model A")
    assert recall(folder, ref, "model B") is None
    assert recall(folder, ref, "model A") is not None


def test_the_report_has_the_path_that_was_asked_for(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = photo()
    remember(folder, ref)
    monkeypatch.chdir(ref.path.parent)
    found = recall(folder, PhotoRef(Path("a.jpg"), "./a.jpg"))
    assert found is not None
    assert found.source_file == "./a.jpg"


def test_a_link_to_the_folder_leads_to_the_same_photos(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref)
    link = ref.path.parent.with_name("link")
    link.symlink_to(ref.path.parent)
    assert recall(folder, PhotoRef(link / "a.jpg", "link/a.jpg")) is not None


@pytest.mark.parametrize("by_content", [False, True])
def test_a_name_that_is_not_utf8_is_known(folder: Path, photo: Callable[..., PhotoRef], by_content: bool) -> None:
    try:
        ref = photo(os.fsdecode(b"caf\xe9.jpg"))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    remember(folder, ref, report_of("caf\\xe9.jpg"), by_content=by_content)
    assert recall(folder, ref, by_content=by_content) is not None


def test_what_was_written_to_is_judged_again(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref)
    photo(content=b"longer content")
    assert recall(folder, ref) is None
    remember(folder, ref, report_of(ref.source_file, level=4))
    photo(content=b"other longer c", mtime_ns=LONG_AGO_NS + 1)
    assert recall(folder, ref) is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no time of the last change there")
def test_an_edit_that_puts_the_time_of_writing_back_is_noticed(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo(content=b"orientation 1")
    remember(folder, ref)
    time.sleep(0.05)  # longer than a tick of any clock that stamps changes
    photo(content=b"orientation 6")
    assert ref.path.stat().st_mtime_ns == LONG_AGO_NS
    assert recall(folder, ref) is None


def test_a_photo_that_changes_while_it_is_judged_is_not_remembered(
    folder: Path, photo: Callable[..., PhotoRef]
) -> None:
    ref = photo()
    with Cache.open(folder, "c") as cache:
        cache.lookup([ref])
        photo(content=b"changed meanwhile")
        cache.store(ref, report_of(ref.source_file))
    assert recall(folder, ref) is None


def test_what_was_not_looked_up_is_not_stored(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    with Cache.open(folder, "c") as cache:
        cache.store(ref, report_of(ref.source_file))
    assert recall(folder, ref) is None


def test_what_is_no_file_is_never_known(folder: Path, tmp_path: Path) -> None:
    paths = [tmp_path, tmp_path / "gone.jpg", Path("a\0b.jpg")]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
        paths.append(tmp_path / "pipe.jpg")
    refs = [PhotoRef(path, "x") for path in paths]
    for _ in range(2):
        with Cache.open(folder, "c", by_content=True) as cache:
            assert cache.lookup(refs) == [None] * len(refs)
            for ref in refs:
                cache.store(ref, unreadable("x", "this is a folder, not a photo"))


# Written to a moment ago


def test_a_fresh_photo_is_known_by_its_content(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo(mtime_ns=None)
    remember(folder, ref)
    assert recall(folder, ref) is not None


def fake_status(monkeypatch: pytest.MonkeyPatch, mtime_ns: Callable[[], int]) -> None:
    """A file system whose clock stands still: times say nothing."""

    def status(path: str) -> os.stat_result:
        real = Path(path).stat()
        fake: Any = type("Status", (), {"st_size": real.st_size, "st_mtime_ns": mtime_ns(), "st_ctime_ns": 0})()
        return fake

    monkeypatch.setattr(store, "_status", status)


def test_a_second_write_within_a_tick_of_the_clock_is_noticed(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    fake_status(monkeypatch, lambda: now)
    ref = photo(content=b"first!")
    remember(folder, ref)
    assert recall(folder, ref) is not None
    photo(content=b"second")
    assert recall(folder, ref) is None


def test_a_second_write_while_a_fresh_photo_is_judged_is_noticed(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    fake_status(monkeypatch, lambda: now)
    ref = photo(content=b"first!")
    with Cache.open(folder, "c") as cache:
        cache.lookup([ref])
        photo(content=b"second")
        cache.store(ref, report_of(ref.source_file))
    assert recall(folder, ref) is None


def test_a_fresh_photo_found_unchanged_later_is_known_by_its_times_from_then_on(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = photo(mtime_ns=None)
    remember(folder, ref)
    later = time.time_ns() + 10 * store.RACY_NS
    monkeypatch.setattr("iqa_cli.cache.store.time.time_ns", lambda: later)
    assert recall(folder, ref) is not None
    monkeypatch.setattr(store, "_content", lambda _: pytest.fail("it was read again"))
    assert recall(folder, ref) is not None


def test_a_file_of_a_year_that_sqlite_cannot_hold_is_judged_anew(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    in_2300_ns = 10_413_792_000_000_000_000
    try:
        ref = photo(mtime_ns=in_2300_ns)
    except OSError:
        pytest.skip("this file system has no such year")
    if ref.path.stat().st_mtime_ns != in_2300_ns:
        pytest.skip("this file system has no such year")
    remember(folder, ref)
    assert recall(folder, ref) is None


# By content


def test_moved_copied_and_touched_photos_are_known_by_content_if_asked(
    folder: Path, photo: Callable[..., PhotoRef], tmp_path: Path
) -> None:
    ref = photo()
    remember(folder, ref, by_content=True)
    os.utime(ref.path, ns=(LONG_AGO_NS + 7, LONG_AGO_NS + 7))
    copy = Path(shutil.copy(ref.path, tmp_path / "copy.jpg"))
    moved = Path(shutil.move(ref.path, tmp_path / "moved.jpg"))
    for path in (copy, moved):
        now = PhotoRef(path, path.name)
        assert recall(folder, now) is None
        assert recall(folder, now, by_content=True) == report_of(path.name)


def test_what_was_known_by_content_is_known_by_its_times_from_then_on(
    folder: Path, photo: Callable[..., PhotoRef], tmp_path: Path
) -> None:
    ref = photo()
    remember(folder, ref, by_content=True)
    moved = Path(shutil.move(ref.path, tmp_path / "moved.jpg"))
    assert recall(folder, PhotoRef(moved, "m"), by_content=True) is not None
    assert recall(folder, PhotoRef(moved, "m")) is not None


def test_other_content_is_not_known(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    remember(folder, photo("a.jpg", b"this one"), by_content=True)
    assert recall(folder, photo("b.jpg", b"that one"), by_content=True) is None


# Unreadable photos


@pytest.mark.parametrize("reason", ["the file is empty (0 bytes)", "cut off: only 40 % of the picture is there"])
def test_what_is_wrong_with_a_file_is_remembered(folder: Path, photo: Callable[..., PhotoRef], reason: str) -> None:
    ref = photo()
    remember(folder, ref, unreadable(ref.source_file, reason))
    assert recall(folder, ref) == unreadable(ref.source_file, reason)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (PermissionError(13, "Permission denied"), "permission denied"),
        (OSError(5, "Input/output error"), "reading failed: Input/output error"),
        (OSError(116, "Stale file handle"), "reading failed: Stale file handle"),
        (FileNotFoundError(2, "No such file"), "the file is not there any more"),
    ],
    ids=str,
)
def test_what_may_pass_is_not_remembered(
    folder: Path, photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch, error: OSError, why: str
) -> None:
    from iqa_cli.photos.files import read_file

    ref = photo()

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", fail)
        reason = read_file(ref.path)
    assert reason == Unreadable(why)
    with Cache.open(folder, "c") as cache:
        cache.lookup([ref])
        cache.store(ref, unreadable(ref.source_file, reason.reason))
    assert recall(folder, ref) is None


def test_neither_are_a_lack_of_memory_and_our_own_mistakes(
    photo: Callable[..., PhotoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    from iqa_cli.photos import decode
    from iqa_cli.pipeline import reading

    reasons = [decode._why(MemoryError(), None, b"").reason]
    monkeypatch.setattr(reading, "read_photo", lambda *_, **__: 1 / 0)
    failed: Any = reading.look_at(photo(), "scaled", None)  # type: ignore[arg-type]
    reasons.append(failed.error)
    for reason in reasons:
        assert reason.startswith(store.PASSING), reason


# Shared by processes, killed, full, damaged


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


def recall_all(folder: Path, refs: list[PhotoRef]) -> list[PhotoReport | None]:
    with Cache.open(folder, "c") as cache:
        found = cache.lookup(refs)
    assert cache.notes == ()
    return found


def is_whole(folder: Path) -> bool:
    with sqlite3.connect(folder / FILE) as connection:
        answer: tuple[str] = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return answer == ("ok",)


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


def zeros(file: Path) -> None:
    file.write_bytes(b"\0" * 5000)


def text(file: Path) -> None:
    file.write_text("notes of somebody else, long enough to be taken for a header\n" * 3)


def foreign_database(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE photos (key TEXT)")
    connection.close()


def half(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096)


def overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    file.write_bytes(content)


def lacks_a_table(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE contexts")
    connection.close()


@pytest.mark.parametrize("damage", [zeros, text, foreign_database, half, overwritten, lacks_a_table])
def test_a_damaged_or_foreign_file_is_set_aside(
    folder: Path, photo: Callable[..., PhotoRef], damage: Callable[[Path], None]
) -> None:
    refs = [photo(f"{number}.jpg") for number in range(300)]
    with Cache.open(folder, "c") as cache:
        cache.lookup(refs)
        for ref in refs:
            cache.store(ref, report_of(ref.source_file))
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


def test_emptying_forgets_everything_and_frees_the_disk(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    refs = [photo(f"{number}.jpg") for number in range(200)]
    with Cache.open(folder, "c") as cache:
        cache.lookup(refs)
        for ref in refs:
            cache.store(ref, report_of(ref.source_file))
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
    with Cache.open(folder, "c") as cache:
        cache.lookup(refs)
        for ref in refs:
            cache.store(ref, report_of(ref.source_file))
    overwritten(folder / FILE)
    clear(folder)
    assert cache_info(folder).size_bytes == 0


def test_the_order_of_what_judgements_depend_on_does_not_matter() -> None:
    assert context_key(lang="zh", decode="full") == context_key(decode="full", lang="zh")
    assert context_key(lang="zh") != context_key(lang="en")


def test_importing_it_loads_neither_sqlite_nor_numpy() -> None:
    code = "import sys, iqa_cli.cache; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    assert not {"sqlite3", "numpy", "PIL", "typer"} & set(loaded.split())


def test_a_closed_cache_knows_nothing(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref)
    cache = Cache.open(folder, "c")
    cache.close()
    cache.close()
    assert cache.lookup([ref]) == [None]


def test_a_connection_that_fails_to_open_is_closed(folder: Path) -> None:
    later_schema(folder)
    with pytest.raises(sqlite3.Error, match="later version"):
        Database(folder / FILE)
