"""What goes along with a photo, and what stays because another photo needs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from drawn import make_files

from iqa_cli.photos.discover import RAW_SUFFIXES, SUFFIXES
from iqa_cli.picking.companions import COMPANIONS, RAW_KINDS, Companions


def companions(names: str, going: str, of: str | None = None) -> tuple[str, str]:
    """Names of what goes along and of what stays, of photos that go in a folder of files."""
    make_files(Path(), *(f"D/{name}" for name in names.split()))
    who = Companions(f"D/{name}" for name in going.split())
    along, staying = who.of([f"D/{name}" for name in (of or going).split()])
    return " ".join(path[2:] for path in along), " ".join(
        f"{shared.path[2:]}:{'+'.join(shared.also_of)}" for shared in staying
    )


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("suffix", sorted(suffix for kind in COMPANIONS if kind.instead for suffix in kind.suffixes))
def test_every_kind_in_place_of_the_suffix_goes_along_in_any_case(suffix: str) -> None:
    assert companions(f"IMG_1.JPG img_1{suffix.upper()} IMG_2{suffix} IMG_1.txt", "IMG_1.JPG") == (
        f"img_1{suffix.upper()}",
        "",
    )


@pytest.mark.parametrize("suffix", sorted(suffix for kind in COMPANIONS if kind.behind for suffix in kind.suffixes))
def test_every_kind_behind_the_suffix_goes_along_with_that_photo_alone(suffix: str) -> None:
    files = f"IMG_1.JPG IMG_1.HEIC IMG_1.JPG{suffix} IMG_1.HEIC{suffix}"
    assert companions(files, "IMG_1.JPG") == (f"IMG_1.JPG{suffix}", "")


def test_no_photo_is_a_companion() -> None:
    """But for raw pictures, which go with the photo beside them unless they are picked themselves."""
    assert not (SUFFIXES - RAW_SUFFIXES) & {suffix for kind in COMPANIONS for suffix in kind.suffixes}


@pytest.mark.parametrize(
    ("names", "going", "along", "staying"),
    [
        ("a.JPG a.HEIC a.xmp a.MOV", "a.JPG", "", "a.MOV:a.HEIC a.xmp:a.HEIC"),
        ("a.JPG a.HEIC a.xmp a.MOV", "a.JPG a.HEIC", "a.MOV a.xmp", ""),
        ("a.JPG a.DNG", "a.JPG a.DNG", "", ""),
        ("a.JPG a.DNG a.DNG.xmp", "a.DNG", "a.DNG.xmp", ""),
        ("a.JPG a.DNG a.DNG.xmp a.dng.pp3 a.xmp", "a.JPG", "a.DNG a.DNG.xmp a.dng.pp3 a.xmp", ""),
        ("a.JPG a.HEIC a.DNG a.DNG.xmp", "a.JPG", "", "a.DNG:a.HEIC a.DNG.xmp:a.HEIC"),
        ("a.JPG a.MOV a.MOV.json", "a.JPG", "a.MOV a.MOV.json", ""),
        # Two photos whose names differ by case have each its own; one without its own is that of both.
        ("a.jpg A.JPG a.xmp A.xmp", "a.jpg", "a.xmp", ""),
        ("a.jpg A.JPG a.JPG.xmp", "a.jpg", "", "a.JPG.xmp:A.JPG"),
        ("a.jpg a.jpg.png a.jpg.xmp", "a.jpg", "a.jpg.xmp", ""),
        ("a.jpg a.jpg.png a.jpg.xmp", "a.jpg.png", "", ""),
        ("a.jpg a.jpg.supplemental-metadata.json a.jpg.supplemental-met.json", "a.jpg",
         "a.jpg.supplemental-met.json a.jpg.supplemental-metadata.json", ""),
        ("a.jpg a.jpg.some.json a.json", "a.jpg", "", ""),
        # Takeout counts equal names behind the suffix of the photo in the names of its own files.
        ("a.jpg a(1).jpg a.jpg.json a.jpg(1).json", "a(1).jpg", "a.jpg(1).json", ""),
        ("a.jpg a(1).jpg a.jpg.json a.jpg(1).json", "a.jpg", "a.jpg.json", ""),
        ("a.jpg a(1).jpg a.jpg.supplemental-metadata.json a.jpg.supplemental-metadata(1).json", "a(1).jpg",
         "a.jpg.supplemental-metadata(1).json", ""),
        ("a.jpg a(1).jpg a.jpg.supplemental-metadata.json a.jpg.supplemental-metadata(1).json", "a.jpg",
         "a.jpg.supplemental-metadata.json", ""),
        ("a.JPG a(12).JPG a.jpg.supplemental-m(12).json a.JPG.supplemental-m(2).json", "a(12).JPG",
         "a.jpg.supplemental-m(12).json", ""),
        ("a(1).jpg a.jpg.some(1).json a(1).json a.jpg(x).json a.jpg().json a.jpg(1).xmp", "a(1).jpg", "", ""),
        ("a.jpg a.jpg(1).json", "a.jpg", "", ""),
        ("a(1).HEIC a(1).MP4 a.HEIC(1).json a.MP4(1).json", "a(1).HEIC", "a(1).MP4 a.HEIC(1).json a.MP4(1).json", ""),
        ("a(1).jpg a(1)(2).jpg a(1).jpg(2).json a(1).jpg.json", "a(1)(2).jpg", "a(1).jpg(2).json", ""),
        ("a.jpg(1) a(1).jpg a.jpg(1).json", "a(1).jpg", "", ""),
        ("a.jpg a_01.jpg.xmp a_01.jpg.json", "a.jpg", "a_01.jpg.xmp", ""),
        ("a.jpg a_01.jpg a_01.jpg.xmp", "a.jpg", "", ""),
        ("a.nef a.xmp", "a.nef", "a.xmp", ""),
        ("a.nef a.jpg a.xmp", "a.nef", "", "a.xmp:a.jpg"),
        ("a.jpg .xmp xmp .jpg.xmp", "a.jpg", "", ""),
    ],
)  # fmt: skip
def test_who_goes_with_whom(names: str, going: str, along: str, staying: str) -> None:
    assert companions(names, going) == (along, staying)


def test_a_raw_picture_that_is_picked_itself_is_a_photo() -> None:
    assert ".nef" in RAW_KINDS
    assert companions("a.jpg a.nef a.xmp", "a.jpg a.nef") == ("a.xmp", "")


def test_folders_and_links_are_no_companions() -> None:
    Path("D/a.mov").mkdir(parents=True)
    Path("D/a.xmp").symlink_to("elsewhere")
    assert companions("a.jpg", "a.jpg") == ("", "")


def test_other_folders_hold_no_companions() -> None:
    make_files(Path(), "E/a.xmp", "a.xmp")
    assert companions("a.jpg", "a.jpg") == ("", "")
