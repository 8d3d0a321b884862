"""Reading regular files only: whatever else a name leads to is told in words, at once."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from iqa_cli.regular import kind_of, open_regular, read_regular

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_and_a_link_to_it_are_read_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file", 3) == read_regular(tmp_path / "link", 3) == b"abc"
    stream, size = open_regular(tmp_path / "file")
    with stream:
        assert (stream.read(), size) == (b"abc", 3)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(10**11)
    with pytest.raises(OSError, match="100,000,000,000 bytes, more than the 1,000") as error:
        read_regular(tmp_path / "sparse", 1000)
    assert error.value.strerror == "100,000,000,000 bytes, more than the 1,000 that are read"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in its folders")
def test_nothing_else_is_opened(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name, words in (
        ("folder", "it is a folder, not a regular file"),
        ("pipe", "it is a named pipe, not a regular file"),
        ("endless", "it is a device, not a regular file"),
        ("circle", "symbolic links"),
    ):
        with pytest.raises(OSError, match=words):
            open_regular(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "nothing")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in its folders")
def test_a_file_that_becomes_a_pipe_between_two_looks_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    before = (tmp_path / "file").stat()
    (tmp_path / "file").unlink()
    os.mkfifo(tmp_path / "file")
    monkeypatch.setattr(os, "stat", lambda _: before)
    with pytest.raises(OSError, match="a named pipe"):
        open_regular(tmp_path / "file")


def test_kinds_have_words(tmp_path: Path) -> None:
    assert kind_of(tmp_path.stat().st_mode) == "a folder"
    with socket.socket(socket.AF_UNIX) as listening:
        short = os.path.relpath(tmp_path / "s")
        listening.bind(short if len(short) < 100 else str(tmp_path / "s"))
    assert kind_of((tmp_path / "s").stat().st_mode) == "a socket"
