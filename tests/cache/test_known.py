"""What is known, and what is judged again: a stale report is worse than none."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from remembered import LONG_AGO_NS, recall, remember, report_of, unreadable

from iqa_cli.cache import Cache, context_key, store
from iqa_cli.records import PhotoRef, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable


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
    failed: Any = reading.look_at(photo(), reading.Manner("scaled", None))  # type: ignore[arg-type]
    reasons.append(failed.error)
    for reason in reasons:
        assert reason.startswith(store.PASSING), reason


def test_the_order_of_what_judgements_depend_on_does_not_matter() -> None:
    assert context_key(lang="zh", decode="full") == context_key(decode="full", lang="zh")
    assert context_key(lang="zh") != context_key(lang="en")


def test_a_closed_cache_knows_nothing(folder: Path, photo: Callable[..., PhotoRef]) -> None:
    ref = photo()
    remember(folder, ref)
    cache = Cache.open(folder, "c")
    cache.close()
    cache.close()
    assert cache.lookup([ref]) == [None]
