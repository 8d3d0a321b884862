"""Files written whole, one or several; a full disk leaves the old ones."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from iqa_cli.errors import OutputError
from iqa_cli.writing import make_writable, staged, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def test_an_atomic_write_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_names_the_file_and_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    write_atomically(path, b"one")
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OutputError, match=r"file: cannot be written \(No space left on device\)"):
        write_atomically(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="file: cannot be written"):
        write_atomically(tmp_path / "missing" / "file", b"one")


def test_several_files_are_all_on_the_disk_before_the_first_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "c").mkdir()
    with (
        pytest.raises(OutputError, match=r"c: cannot be written \(Is a directory\)"),
        staged({tmp_path / "a": b"new", tmp_path / "b": b"new", tmp_path / "c": b"new"}),
    ):
        raise AssertionError("none of them may be placed")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "c"]


def test_what_is_not_committed_is_gone(tmp_path: Path) -> None:
    with staged({tmp_path / "a": b"a" * 200_000, tmp_path / "b": b"b"}) as (first, _):
        assert not (tmp_path / "a").exists()
        first.commit()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"a" * 200_000


def test_a_file_that_somebody_else_writes_takes_its_place_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    write_atomically(tmp_path / "a", lambda path: path.write_bytes(b"new" * 100_000))
    assert (tmp_path / "a").read_bytes() == b"new" * 100_000

    def half(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OutputError, match=r"a: cannot be written \(No space left on device\)"):
        write_atomically(tmp_path / "a", half)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new" * 100_000


def test_a_folder_is_proven_writable_without_a_trace(tmp_path: Path) -> None:
    make_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file: cannot be written"):
        make_writable(tmp_path / "file")
