"""What a search passes over: copies that programs keep, marked and hidden folders, what the caller excludes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tree import make

from iqa_cli.errors import UsageError
from iqa_cli.photos.discover import discover
from iqa_cli.photos.left_out import MARKED, LeftOut, keeper_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX names and links")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*paths: str, include_copies: bool = False, exclude: tuple[str, ...] = ()) -> list[str]:
    return [photo.source_file for photo in discover(paths, include_copies=include_copies, exclude=exclude).photos]


LIBRARY = "d/Photos Library.photoslibrary"


@pytest.mark.parametrize(
    ("copy", "photo", "keeper"),
    [
        (f"{LIBRARY}/resources/derivatives/A/A_1_105_c.jpeg", f"{LIBRARY}/originals/A/A.jpeg", "Apple Photos"),
        ("d/iPhoto Library/Thumbnails/a.jpg", "d/iPhoto Library/Masters/a.jpg", "iPhoto and Aperture"),
        ("d/immich/thumbs/u/x-preview.jpeg", "d/immich/library/u/a.jpg", "immich"),
        ("d/photoprism/storage/cache/thumbnails/a.jpg", "d/photoprism/originals/a.jpg", "PhotoPrism"),
        ("d/CaptureOne/Cache/Thumbnails/a.jpg", "d/CaptureOne/Output/a.jpg", "Capture One"),
        ("d/Previews.lrdata/a.jpg", "d/a.jpg", "Lightroom"),
        ("d/.dtrash/a.jpg", "d/a.jpg", "digiKam"),
        ("d/Android/data/org.app/cache/a.jpg", "d/Android/media/org.app/a.jpg", "Android"),
        ("d/x/@EADIR/a.jpg", "d/x/a.jpg", "Synology"),
        ("d/@Recently-Snapshot/1/a.jpg", "d/a.jpg", "QNAP"),
        ("d/.snapshots/1/a.jpg", "d/a.jpg", "snapshots of file systems"),
        ("d/$Recycle.Bin/a.jpg", "d/a.jpg", "the system"),
        ("d/gallery/thumbs/a.jpg", "d/gallery/a.jpg", "thumbnail folders"),
    ],
)
def test_copies_are_passed_over_counted_and_found_if_wanted(copy: str, photo: str, keeper: str) -> None:
    make(copy, photo)
    found = discover(["d"])
    assert [each.source_file for each in found.photos] == [photo]
    assert dict(found.left_out.copies) == {keeper: 1}
    everything = discover(["d"], include_copies=True)
    assert {each.source_file for each in everything.photos} == {photo, copy}
    assert not everything.left_out.copies


def test_a_store_that_is_named_is_searched() -> None:
    make("d/thumbs/a.jpg", "d/thumbs/b/c.jpg", f"{LIBRARY}/resources/derivatives/A/a.jpeg")
    assert names("d/thumbs") == ["d/thumbs/a.jpg", "d/thumbs/b/c.jpg"]
    assert names(f"{LIBRARY}/resources") == [f"{LIBRARY}/resources/derivatives/A/a.jpeg"]


def test_a_library_that_is_named_shows_its_photos_only() -> None:
    make(f"{LIBRARY}/resources/derivatives/A/a.jpeg", f"{LIBRARY}/originals/A/A.jpeg")
    assert names(LIBRARY) == [f"{LIBRARY}/originals/A/A.jpeg"]


@pytest.mark.parametrize("name", ["data", "cache", "storage", "Cache", "profile", "Modified", "Thumbnail photos"])
def test_a_name_alone_is_not_taken_for_a_store_that_has_a_place(name: str) -> None:
    make(f"d/{name}/a.jpg")
    assert names("d") == [f"d/{name}/a.jpg"]


def test_a_folder_marked_for_galleries_is_passed_over_with_all_below_it() -> None:
    make("d/a.jpg", "d/stickers/.nomedia", "d/stickers/b.jpg", "d/stickers/more/c.jpg")
    found = discover(["d"])
    assert [photo.source_file for photo in found.photos] == ["d/a.jpg"]
    assert found.left_out == LeftOut(copies=found.left_out.copies)
    assert dict(found.left_out.copies) == {MARKED: 1}
    assert len(names("d", include_copies=True)) == 3
    assert names("d/stickers") == ["d/stickers/b.jpg", "d/stickers/more/c.jpg"]


def test_hidden_photos_and_folders_are_counted() -> None:
    make("d/a.jpg", "d/._a.jpg", "d/.trashed-1-b.jpg", "d/.git/c.jpg", "d/.notes.txt")
    assert discover(["d"]).left_out == LeftOut(hidden=3)


def test_a_link_to_a_store_is_one() -> None:
    make("d/a.jpg", "elsewhere/@eaDir/b.jpg")
    Path("d/link").symlink_to("../elsewhere/@eaDir")
    found = discover(["d"])
    assert [photo.source_file for photo in found.photos] == ["d/a.jpg"]
    assert dict(found.left_out.copies) == {"Synology": 1}


@pytest.mark.parametrize(
    ("patterns", "left"),
    [
        (("*.png",), ["d/2019/b.jpg", "d/2020/IMG_1.jpg", "d/a.jpg"]),
        (("2019/",), ["d/2020/IMG_1.jpg", "d/2020/x.png", "d/a.jpg"]),
        (("/a.jpg", "2020/*.png"), ["d/2019/b.jpg", "d/2020/IMG_1.jpg"]),
        (("*.jpg", "!IMG_*"), ["d/2020/IMG_1.jpg", "d/2020/x.png"]),
        (("# a comment", ""), ["d/2019/b.jpg", "d/2020/IMG_1.jpg", "d/2020/x.png", "d/a.jpg"]),
    ],
)
def test_patterns_are_read_as_git_reads_them(patterns: tuple[str, ...], left: list[str]) -> None:
    make("d/a.jpg", "d/2019/b.jpg", "d/2020/IMG_1.jpg", "d/2020/x.png")
    found = discover(["d"], exclude=patterns)
    assert [photo.source_file for photo in found.photos] == left
    assert found.left_out.excluded == 4 - len(left)


@pytest.mark.parametrize("pattern", ["d/x", "./d/x", "d/x/", "x", "x/", "/x", "d/x/*.jpg", "d/**/c.jpg"])
def test_a_pattern_may_be_spelled_as_the_report_spells_the_path(pattern: str) -> None:
    make("d/a.jpg", "d/x/c.jpg")
    for root in ("d", "./d"):
        assert names(root, exclude=(pattern,)) == [f"{root}/a.jpg"]
    assert names(str(Path("d").resolve()), exclude=(str(Path("d/x").resolve()),)) == [str(Path("d/a.jpg").resolve())]


@pytest.mark.parametrize("pattern", ["d", "d/", "**/d/**", "D/x", "e/x"])
def test_a_pattern_without_the_way_does_not_exclude_the_folder_that_is_searched(pattern: str) -> None:
    make("d/a.jpg", "d/x/c.jpg")
    found = discover(["d"], exclude=[pattern, "c.jpg"])
    assert [photo.source_file for photo in found.photos] == ["d/a.jpg"]
    assert found.unused == (pattern,)


def test_files_that_are_given_are_excluded_too() -> None:
    make("d/a.jpg", "d/a_edited.jpg")
    assert names("d/a.jpg", "d/a_edited.jpg", exclude=("*_edited*",)) == ["d/a.jpg"]


def test_every_pattern_that_is_none_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        discover([], exclude=["!", "*.png", "/"])
    assert "'!'" in str(caught.value)


def test_every_store_in_the_list_is_recognised_where_it_lies() -> None:
    assert keeper_of("RESOURCES", "/home/me/A.photoslibrary") == "Apple Photos"
    assert keeper_of("resources", "/home/me") is None
    assert keeper_of("mipmaps-0123.d", "/home/me/darktable") == "darktable"
    assert keeper_of("thumbs", "/") == "thumbnail folders"
