"""Nothing is ever renamed over anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from iqa_cli.writing.placing import holds_nothing_else, place

CONTENT = b"photo " + b"a" * 40


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In a folder with one file."""
    monkeypatch.chdir(tmp_path)
    Path("a").write_bytes(CONTENT)
    return tmp_path


def content_of(folder: Path) -> dict[str, object]:
    """What each name in a folder holds or leads to."""
    found: dict[str, object] = {}
    for entry in os.scandir(folder):
        is_file = entry.is_file(follow_symlinks=False)
        found[entry.name] = Path(entry.path).read_bytes() if is_file else entry.is_symlink() and os.readlink(entry.path)
    return found


@pytest.mark.usefixtures("each_way_to_place")
def test_a_file_goes_to_a_free_place_as_it_is(here: Path) -> None:
    number = Path("a").stat().st_ino
    place("a", "b")
    assert content_of(here) == {"b": CONTENT}
    assert Path("b").stat().st_ino == number


@pytest.mark.usefixtures("each_way_to_place")
@pytest.mark.parametrize("there", ["file", "folder", "link", "dangling"])
def test_what_is_there_stays(here: Path, there: str) -> None:
    match there:
        case "file":
            Path("b").write_bytes(b"theirs")
        case "folder":
            Path("b").mkdir()
        case "link":
            Path("b").symlink_to("a")
        case _:
            Path("b").symlink_to("nowhere")
    before = content_of(here)
    with pytest.raises(FileExistsError):
        place("a", "b")
    assert content_of(here) == before


@pytest.mark.usefixtures("each_way_to_place")
def test_a_file_that_is_gone_takes_no_place(here: Path) -> None:
    before = content_of(here)
    with pytest.raises(FileNotFoundError):
        place("gone", "b")
    assert content_of(here) == before


@pytest.mark.parametrize(
    ("content", "holds"),
    [(b"", True), (b"photo", True), (CONTENT, True), (b"photx", False), (CONTENT + b"a", False)],
)
def test_beginnings_and_copies_hold_nothing_else(content: bytes, holds: bool) -> None:
    Path("b").write_bytes(content)
    assert holds_nothing_else("b", "a") is holds


def test_the_same_file_holds_nothing_else_and_a_link_to_it_is_not_looked_at() -> None:
    Path("b").hardlink_to("a")
    Path("c").symlink_to("elsewhere")
    Path("elsewhere").write_bytes(CONTENT)
    assert holds_nothing_else("b", "a")
    assert not holds_nothing_else("c", "a")
