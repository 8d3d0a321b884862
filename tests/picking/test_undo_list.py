"""Undo lists keep every byte of a name; what is no list of ours, or not whole, is told."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING

import pytest
from drawn import make_files
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.errors import InvalidInput
from iqa_cli.picking.undo_list import UndoWriter, read_undo_list, spelled, unspelled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


ABSENT = object()


@given(st.binary(max_size=40).filter(lambda name: b"\0" not in name))
def test_every_path_comes_back_as_it_was(name: bytes) -> None:
    text = spelled(os.fsdecode(name))
    text.encode("utf-8")
    assert os.fsencode(unspelled(text)) == name


def test_names_that_are_utf8_stay_readable() -> None:
    assert spelled("雪 100%.jpg") == "雪 100%25.jpg"
    assert spelled(os.fsdecode(b"caf\xe9")) == "caf%E9"


@pytest.fixture
def undo_list(tmp_path: Path) -> Path:
    """A list of two moves, of which one was not possible, and a folder."""
    make_files(tmp_path, "a", "b", "target/x")
    with UndoWriter(str(tmp_path / "target"), [str(tmp_path / "target")]) as writer:
        announced = writer.announce(["deep"], [(str(tmp_path / name), f"deep/{name}") for name in "ab"])
        writer.keep(announced[:1])
    return writer.path


def test_a_list_reads_back(undo_list: Path, tmp_path: Path) -> None:
    found = read_undo_list(undo_list)
    assert (found.target, found.made, found.folders) == (f"{tmp_path}/target", (f"{tmp_path}/target",), ("deep",))
    (moved,) = found.moves
    assert (moved.number, moved.source, moved.to) == (2, f"{tmp_path}/b", "deep/b")
    assert (moved.size, moved.mtime_ns) == ((tmp_path / "b").stat().st_size, (tmp_path / "b").stat().st_mtime_ns)


def test_two_lists_of_one_second_have_two_names(tmp_path: Path) -> None:
    paths = set()
    for _ in range(3):
        with UndoWriter(str(tmp_path), ()) as writer:
            paths.add(writer.path)
    assert len(paths) == 3


def test_a_last_line_without_an_end_was_never_acted_on(undo_list: Path) -> None:
    content = undo_list.read_bytes()
    start = content.index(b'{"move": 2')
    for end in range(start, content.index(b"\n", start)):
        undo_list.write_bytes(content[:end])
        assert [moved.number for moved in read_undo_list(undo_list).moves] == [1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda _: b"", "no undo list of iqa pick"),
        (lambda _: b"SourceFile,status\n", "no undo list of iqa pick"),
        (lambda _: b'{"format_version": 1, "source_file": "a.jpg"}\n', "no undo list of iqa pick"),
        (lambda content: content[:40], "no undo list of iqa pick"),
        (lambda content: content.replace(b'"format_version": 1', b'"format_version": 2'), "of another version of iqa"),
        (lambda content: content.replace(b'"move": 2', b'"mvoe": 2'), "line 4 is damaged, nothing was done"),
        (lambda content: content.replace(b'"to": "deep/b"', b'"to": "../b"'), "line 4 is damaged"),
        (lambda content: content.replace(b'"to": "deep/b"', b'"to": "/b"'), "line 4 is damaged"),
        (lambda content: content.replace(b'{"folder"', b'"folder"'), "line 2 is damaged"),
        (lambda content: content.replace(b'"kept": 1', b'"kept": 7'), "line 5 is damaged"),
        (lambda content: content.replace(b'"from": "/', b'"from": "'), "line 3 is damaged"),
        (lambda content: content.replace(b'"from": "/', b'"from": "/%00'), "line 3 is damaged"),
        (lambda content: content.replace(b'"to": "deep/b"', b'"to": "%00"'), "line 4 is damaged"),
        (lambda content: content.replace(b'"move": 2', b'"move": "2"'), "line 4 is damaged"),
        (lambda content: re.sub(rb'"size": \d+', b'"size": Infinity', content), "line 3 is damaged"),
        (lambda content: re.sub(rb'"mtime_ns": \d+', b'"mtime_ns": null', content), "line 3 is damaged"),
        (lambda content: content.replace(b'{"folder": "deep"}', b"[" * 99_999), "line 2 is damaged"),
        (lambda content: b"[" * 99_999 + content, "no undo list of iqa pick"),
        (lambda _: b'["kind"]\n', "no undo list of iqa pick"),
    ],
)
def test_what_is_no_whole_list_is_refused(undo_list: Path, change: Callable[[bytes], bytes], said: str) -> None:
    undo_list.write_bytes(change(undo_list.read_bytes()))
    with pytest.raises(InvalidInput, match=said):
        read_undo_list(undo_list)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            (field, value)
            for field in ("target", "made", "token")
            for value in (ABSENT, None, 5, {}, [5], "", "\ud800")
        ),
        ("target", "relative"),
        ("target", "/nul%00"),
        ("made", "/text"),
        ("made", ["relative"]),
        ("token", "../x"),
    ],
)
def test_a_header_with_a_field_that_is_none_of_ours_is_refused(undo_list: Path, field: str, value: object) -> None:
    head, rest = undo_list.read_bytes().split(b"\n", 1)
    header = {**json.loads(head), field: value}
    if value is ABSENT:
        del header[field]
    undo_list.write_bytes(json.dumps(header).encode() + b"\n" + rest)
    with pytest.raises(InvalidInput, match=f"line 1 is damaged, nothing was done \\({field}\\)"):
        read_undo_list(undo_list)


@pytest.mark.parametrize("version", [None, "1", True, 1.0, [1]])
def test_a_version_that_is_not_ours_is_told(undo_list: Path, version: object) -> None:
    written = json.dumps(version).encode()
    undo_list.write_bytes(undo_list.read_bytes().replace(b'"format_version": 1', b'"format_version": ' + written))
    with pytest.raises(InvalidInput, match="of another version of iqa"):
        read_undo_list(undo_list)


def test_the_program_that_wrote_another_version_moves_no_cursor(undo_list: Path) -> None:
    first = {"kind": "iqa undo list", "format_version": 2, "iqa": "9\x1b[2J"}
    undo_list.write_bytes(json.dumps(first).encode() + b"\n")
    with pytest.raises(InvalidInput) as caught:
        read_undo_list(undo_list)
    assert caught.value.hint == "iqa 9\\x1b[2J wrote it and can undo it"


def test_a_move_that_is_written_twice_is_as_it_was_written_last(undo_list: Path) -> None:
    before = read_undo_list(undo_list).moves[0]
    last = undo_list.read_bytes().splitlines()[3].replace(str(before.mtime_ns).encode(), b"5")
    undo_list.write_bytes(undo_list.read_bytes() + last + b"\n")
    (moved,) = read_undo_list(undo_list).moves
    assert (moved.number, moved.to, moved.mtime_ns) == (2, "deep/b", 5)


def test_a_folder_is_answered_with_the_lists_in_it(undo_list: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_undo_list(undo_list.parent)
    assert str(caught.value).splitlines() == [
        f"{undo_list.parent}: this is a folder",
        f"hint: name its undo list: {undo_list}",
    ]
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_undo_list(undo_list.parent / "none")
