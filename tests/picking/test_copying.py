"""Nothing is ever written over, and a copy is one before it has its name."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from drawn import content_of, make_files

from iqa_cli.picking import copying
from iqa_cli.picking.copying import bring, copy
from iqa_cli.writing.placing import place


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a folder with one file."""
    monkeypatch.chdir(tmp_path)
    make_files(tmp_path, "a")
    return tmp_path


def failing(error: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error))

    return fail


@pytest.mark.usefixtures("each_way_to_place")
def test_a_copy_has_bytes_time_and_rights_and_leaves_nothing_else(here: Path) -> None:
    (before,) = content_of(here).values()
    copy("a", "b", "part")
    assert content_of(here) == {os.fsencode(here / name): before for name in "ab"}


@pytest.mark.parametrize("rights", [0o600, 0o640, 0o444])
def test_nobody_else_reads_a_copy_before_it_has_the_rights_of_its_source(
    monkeypatch: pytest.MonkeyPatch, rights: int
) -> None:
    seen: list[int] = []
    real = copying._fill

    def fill(*arguments: Any) -> None:
        seen.append(stat.S_IMODE(os.stat("part").st_mode))
        real(*arguments)

    os.chmod("a", rights)
    monkeypatch.setattr(copying, "_fill", fill)
    umask = os.umask(0)
    try:
        copy("a", "b", "part")
    finally:
        os.umask(umask)
    assert seen == [0o600]
    assert stat.S_IMODE(os.stat("b").st_mode) == rights


def test_a_copy_whose_time_cannot_be_kept_has_the_rights_of_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying.os, "utime", failing(errno.EPERM))
    copy("a", "b", "part")
    assert stat.S_IMODE(os.stat("b").st_mode) == 0o640


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("full", errno.ENOSPC),
        ("differs", errno.EIO),
        ("changed", errno.EAGAIN),
        ("taken", errno.EEXIST),
        ("no file", errno.EINVAL),
    ],
)
def test_a_copy_that_fails_leaves_nothing(here: Path, monkeypatch: pytest.MonkeyPatch, fault: str, error: int) -> None:
    match fault:
        case "full":
            monkeypatch.setattr(copying.os, "fsync", failing(errno.ENOSPC))
        case "differs":
            monkeypatch.setattr(copying.hashlib, "file_digest", lambda _file, _name: copying.hashlib.blake2b(b"other"))
        case "changed":
            monkeypatch.setattr(copying, "_imitate", lambda *_: os.utime("a", ns=(0, 5)))
        case "taken":
            Path("b").write_bytes(b"theirs")
    before = set(content_of(here))
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number is looked at
        copy(os.devnull if fault == "no file" else "a", "b", "part")
    assert caught.value.errno == error
    assert set(content_of(here)) == before


def test_over_the_border_of_file_systems_the_source_goes_last(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = content_of(here).values()

    def across(source: str, to: str) -> None:
        if source == "a":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        assert Path("a").exists()
        place(source, to)

    monkeypatch.setattr(copying, "place", across)
    bring("a", "b", "part")
    assert content_of(here) == {os.fsencode(here / "b"): before}


def test_a_source_that_cannot_be_removed_leaves_no_copy(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content_of(here)
    unlink = os.unlink

    def across(source: str, to: str) -> None:
        if source == "a":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        place(source, to)

    def protected(path: str) -> None:
        if path == "a":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
        unlink(path)

    monkeypatch.setattr(copying, "place", across)
    monkeypatch.setattr(os, "unlink", protected)
    with pytest.raises(OSError, match="Read-only file system"):
        bring("a", "b", "part")
    assert content_of(here) == before


def test_a_real_border_is_crossed_with_everything_kept(here: Path) -> None:
    other = Path("/dev/shm")  # noqa: S108 - the only second file system that Linux surely has
    if not os.access(other, os.W_OK) or other.stat().st_dev == here.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    (before,) = content_of(here).values()
    away = other / f"iqa-test-{os.getpid()}"
    try:
        bring("a", str(away), f"{away}.part")
        assert content_of(here) == {}
        bring(str(away), "a", "part")
    finally:
        away.unlink(missing_ok=True)
    assert content_of(here) == {os.fsencode(here / "a"): before}
