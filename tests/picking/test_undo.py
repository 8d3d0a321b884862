"""Undoing a move gives back every byte and path, and touches nothing that is somebody else's."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from drawn import content_of, make_files, undone
from moves import PHOTOS, across, moved, planned

from iqa_cli.picking import copying
from iqa_cli.picking.undo_list import part_name, read_undo_list

pytestmark = pytest.mark.usefixtures("here")


def test_undoing_leaves_what_a_user_put_into_the_new_folder(here: Path) -> None:
    _, undo_list = moved(planned())
    make_files(here, "out/1/note.txt")
    undone(undo_list)
    assert [path.relative_to(here).as_posix() for path in sorted(here.rglob("out/**/*"))] == ["out/1", "out/1/note.txt"]


def test_a_folder_that_was_there_before_stays(here: Path) -> None:
    Path("out/1").mkdir(parents=True)
    before = content_of(here)
    undone(moved(planned())[1])
    assert content_of(here) == before


def test_undoing_twice_changes_nothing_more(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    content = path.read_bytes()
    undone(path)
    path.parent.mkdir()
    path.write_bytes(content)
    assert {entry.state for entry in undone(path)} == {"back"}
    assert content_of(here) == before


@pytest.mark.usefixtures("way")
def test_a_place_that_is_taken_again_is_not_written_over_and_stays_in_the_list(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    taken = here / "D/2/IMG_1.JPG"
    taken.write_bytes(b"another")
    entries = undone(path)
    assert [entry.moved.source for entry in entries if entry.problem == "its old place is taken again"] == [str(taken)]
    assert taken.read_bytes() == b"another"
    assert [entry.source for entry in read_undo_list(path).moves] == [str(taken)]
    taken.unlink()
    assert [entry.state for entry in undone(path)] == ["moved"]
    assert content_of(here) == before


def test_an_equal_file_at_the_old_place_is_somebodys_unless_its_time_is_that_of_the_original(here: Path) -> None:
    _, path = moved(planned())
    copied, original = here / "D/2/IMG_1.JPG", here / "out/2/IMG_1.JPG"
    copied.write_bytes(original.read_bytes())
    assert {entry.state for entry in undone(path)} == {"moved", "taken"}
    assert original.exists()
    os.utime(copied, ns=(0, original.stat().st_mtime_ns))
    assert [entry.state for entry in undone(path)] == ["half"]
    assert copied.exists()
    assert not original.exists()


def test_a_file_that_somebody_moved_on_is_told_and_the_others_come_back(here: Path) -> None:
    _, path = moved(planned())
    (here / "out/2/IMG_1.JPG").rename(here / "mine.jpg")
    lost = [entry for entry in undone(path) if entry.problem is not None]
    assert [(entry.moved.to, entry.state) for entry in lost] == [("2/IMG_1.JPG", "lost")]
    assert (here / "mine.jpg").exists()
    assert len(read_undo_list(path).moves) == 1


@pytest.mark.parametrize("change", ["size", "time", "folder", "link"])
def test_what_is_not_the_file_that_was_moved_stays_and_is_told(here: Path, change: str) -> None:
    _, path = moved(planned())
    there, away = here / "out/2/IMG_1.JPG", here / "away.jpg"
    status = there.stat()
    match change:
        case "size":
            there.write_bytes(b"edited")
            os.utime(there, ns=(0, status.st_mtime_ns))
        case "time":
            os.utime(there, ns=(0, status.st_mtime_ns + 2_000_000_001))
        case "folder":
            there.rename(away)
            there.mkdir()
        case _:
            there.rename(away)
            there.symlink_to(away)
    (other,) = [entry for entry in undone(path) if entry.problem is not None]
    assert (other.moved.to, other.state, other.at) == ("2/IMG_1.JPG", "other", str(there))
    assert os.path.lexists(there)
    assert not (here / "D/2/IMG_1.JPG").exists()
    assert [entry.to for entry in read_undo_list(path).moves] == ["2/IMG_1.JPG"]


@pytest.mark.parametrize("difference", [-2_000_000_000, 2_000_000_000])
def test_a_time_that_a_file_system_keeps_less_exactly_is_that_of_the_file(here: Path, difference: int) -> None:
    before = content_of(here)
    _, path = moved(planned())
    there = here / "out/2/IMG_1.JPG"
    os.utime(there, ns=(0, there.stat().st_mtime_ns + difference))
    assert {entry.state for entry in undone(path)} == {"moved"}
    assert content_of(here).keys() == before.keys()


def test_copies_whose_time_a_file_system_does_not_keep_come_back(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    before = content_of(here)
    across(monkeypatch)
    monkeypatch.setattr(copying.os, "utime", refuse)
    _, path = moved(planned())
    monkeypatch.undo()
    os.chdir(here)
    assert {entry.state for entry in undone(path)} == {"moved"}
    assert {name: content and content[0] for name, content in content_of(here).items()} == {  # type: ignore[index]
        name: content and content[0]  # type: ignore[index]
        for name, content in before.items()
    }


@pytest.fixture
def two_moves(here: Path) -> tuple[Path, dict[bytes, object], dict[bytes, object]]:
    """A move whose target was renamed, and one of new photos under the same names to a target of the old name.

    The list of the first, the photos of the first, and those of the second.
    """
    shutil.rmtree(here / "D")
    make_files(here, *PHOTOS)
    first = content_of(here / "D")
    _, path = moved(planned())
    (here / "out").rename(here / "out-2023")
    for number, name in enumerate(PHOTOS):
        (here / os.fsdecode(name)).write_bytes(b"new photo" * (number + 1))
    second = content_of(here / "D")
    moved(planned())
    return here / "out-2023" / path.name, first, second


def test_a_list_whose_folder_was_renamed_brings_back_its_own_photos_and_no_others(
    here: Path, two_moves: tuple[Path, dict[bytes, object], dict[bytes, object]]
) -> None:
    path, first, second = two_moves
    assert {entry.problem for entry in undone(path)} == {None}
    assert content_of(here / "D") == first
    assert not (here / "out-2023").exists()
    shutil.rmtree(here / "D")
    (path,) = (here / "out").glob("*undo*")
    assert {entry.problem for entry in undone(path)} == {None}
    assert content_of(here / "D") == second


def test_a_list_whose_photos_are_gone_moves_no_others_under_the_same_names(
    here: Path, two_moves: tuple[Path, dict[bytes, object], dict[bytes, object]]
) -> None:
    path, _, _ = two_moves
    (here / "out-2023/2/IMG_1.JPG").unlink()
    (other,) = [entry for entry in undone(path) if entry.problem is not None]
    assert (other.state, other.at) == ("other", str(here / "out/2/IMG_1.JPG"))
    assert (here / "out/2/IMG_1.JPG").read_bytes() == b"new photo" * 2
    assert [entry.to for entry in read_undo_list(path).moves] == ["2/IMG_1.JPG"]


def test_a_list_that_was_taken_out_of_its_folder_finds_its_photos_there(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    make_files(here, "lists/2/IMG_1.JPG")
    path = path.rename(here / "lists" / path.name)
    assert {entry.state for entry in undone(path)} == {"moved"}
    (here / "lists/2/IMG_1.JPG").unlink()
    (here / "lists/2").rmdir()
    (here / "lists").rmdir()
    assert content_of(here) == before


def test_another_file_at_the_new_place_is_left_alone_if_the_photo_never_went(here: Path) -> None:
    _, path = moved(planned())
    content = path.read_bytes()
    undone(path)
    make_files(here, "out/2/IMG_1.JPG")
    (here / "out/2/IMG_1.JPG").write_bytes(b"")
    path.write_bytes(content)
    assert {entry.state for entry in undone(path)} == {"back"}
    assert (here / "out/2/IMG_1.JPG").read_bytes() == b""


def test_a_target_that_was_renamed_or_mounted_elsewhere_is_found_by_its_list(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    (here / "out").rename(here / "elsewhere")
    undone(here / "elsewhere" / path.name)
    assert content_of(here) == before


def test_an_unfinished_copy_goes_from_a_target_that_was_renamed(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    (here / "out/1/IMG_1.JPG").rename(here / "D/1/IMG_1.JPG")  # as if its copy had been cut
    (here / "out/1" / part_name(read_undo_list(path).token)).write_bytes(b"pho")
    (here / "out").rename(here / "elsewhere")
    undone(here / "elsewhere" / path.name)
    assert content_of(here) == before


def test_an_old_folder_that_was_removed_is_made_again(here: Path) -> None:
    before = content_of(here)
    _, path = moved(planned())
    os.rmdir(b"D/\xff\xfe")
    undone(path)
    assert content_of(here) == before
