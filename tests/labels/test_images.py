"""Photos that a label file names: which of them are there."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from iqa_cli.errors import LabelsError
from iqa_cli.labels import ImageFolder
from iqa_cli.labels.copies import content_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.labels import LabelTable


def test_names_lead_from_the_folder_wherever_they_say(tmp_path: Path, read: Callable[..., LabelTable]) -> None:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for path in (folder / "a.jpg", folder / "sub" / "b.jpg", tmp_path / "c.jpg"):
        path.write_bytes(b"x")
    names = ["a.jpg", "sub/b.jpg", "../c.jpg", str(tmp_path / "c.jpg"), "sub", "x" * 300, "no.jpg"]
    table = read(*(f"{name},0,0,0,0,0,0" for name in names))
    assert ImageFolder(folder).missing(table) == (4, 5, 6)
    assert ImageFolder(folder).path(names[3]) == tmp_path / "c.jpg"


def test_missing_photos_are_named_with_what_there_is_instead(tmp_path: Path, read: Callable[..., LabelTable]) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "IMG_1.JPG").touch()
    (folder / "IMG_2.heic").touch()
    table = read(*(f"{name},0,0,0,0,0,0" for name in ("IMG_1.jpg", "IMG_2.jpg", "no/a.jpg")))
    with pytest.raises(LabelsError, match=r"3 of 3 photos are not in") as error:
        ImageFolder(folder).require(table)
    assert list(error.value.problems) == [
        'line 2, "IMG_1.jpg" (there is "IMG_1.JPG")',
        'line 3, "IMG_2.jpg" (there is "IMG_2.heic")',
        'line 4, "no/a.jpg"',
    ]
    assert "another folder" in str(error.value.hint)
    with pytest.raises(LabelsError, match="no such folder"):
        ImageFolder(tmp_path / "elsewhere").require(table)


def test_a_name_is_found_as_other_systems_spell_it(tmp_path: Path, read: Callable[..., LabelTable]) -> None:
    apart, joined = (unicodedata.normalize(form, "Kühe") for form in ("NFD", "NFC"))
    for name in (f"{apart}.jpg", f"{joined}/{apart}2.jpg", f"{apart}/{joined}3.jpg", "sub/s.jpg", "with\\stroke.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).touch()
    found = {
        f"{joined}.jpg": f"{apart}.jpg",
        f"{joined}/{joined}2.jpg": f"{joined}/{apart}2.jpg",
        f"{joined}\\{apart}3.jpg": f"{apart}/{joined}3.jpg",
        "sub\\s.jpg": "sub/s.jpg",
        "with\\stroke.jpg": "with\\stroke.jpg",
        "caf\\xe9.jpg": os.fsdecode(b"caf\xe9.jpg"),
    }
    table = read(*(f"{name},0,0,0,0,0,0" for name in found))
    assert ImageFolder(tmp_path).missing(table) == ()
    assert {name: str(ImageFolder(tmp_path).path(name).relative_to(tmp_path)) for name in found} == found
    assert ImageFolder(tmp_path).missing(read("SUB\\s.jpg,0,0,0,0,0,0")) == (0,)


def test_one_photo_under_two_spellings_comes_twice(read: Callable[..., LabelTable]) -> None:
    with pytest.raises(LabelsError) as error:
        read("sub/s.jpg,0,0,0,0,0,0", "sub\\s.jpg,0,0,0,0,0,0")
    assert error.value.problems == ('line 3, "sub\\s.jpg": the same photo is in line 2, with the same labels',)


def test_a_photo_elsewhere_in_the_folder_is_offered_the_likeliest_first(
    tmp_path: Path, read: Callable[..., LabelTable]
) -> None:
    for name in ("a.jpg", "x/b.jpg", "y/b.jpg", "Z/c.jpg", "x/d.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    names = ("a.jpg", "b.jpg", "Y/b.jpg", "C:\\camera\\z\\C.JPG", "d.jpg", "e.jpg", " a.jpg")
    with pytest.raises(LabelsError) as error:
        ImageFolder(tmp_path).require(read(*(f"{name},0,0,0,0,0,0" for name in names)))
    assert [line.partition(" (")[2] for line in error.value.problems] == [
        'there is "x/b.jpg" and 1 more)',
        'there is "y/b.jpg" and 1 more)',
        'there is "Z/c.jpg")',
        'there is "x/d.heic")',
        "",
        'there is "a.jpg")',
    ]
    assert error.value.hint == "write the names as the files are called, or take out the rows"


@pytest.mark.parametrize(("named", "right"), [("photos/day", "photos"), ("photos", "photos/day"), ("photos", ".")])
def test_a_folder_in_which_all_names_are_right_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: Callable[..., LabelTable], named: str, right: str
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("photos/day")
    folder.mkdir(parents=True)
    names = [f"{letter}.jpg" for letter in "abcde"]
    for name in names:
        (folder / name).touch()
    written = [str((folder / name).relative_to(right)) for name in names]
    table = read(*(f"{name},0,0,0,0,0,0" for name in written))
    with pytest.raises(LabelsError) as error:
        ImageFolder(Path(named)).require(table)
    assert error.value.message.endswith(f"are not in {named}, all of them are in {right}: name that folder")
    rows = [f'line {line}, "{name}"' for line, name in enumerate(written[:3], 2)]
    assert error.value.problems == (*rows, "... and 2 more")


def test_of_many_missing_photos_twenty_are_named(tmp_path: Path, read: Callable[..., LabelTable]) -> None:
    with pytest.raises(LabelsError, match="50 of 50") as error:
        ImageFolder(tmp_path).require(read(*(f"{number}.jpg,0,0,0,0,0,0" for number in range(50))))
    assert error.value.problems[20:] == ("... and 30 more",)


def test_copies_share_a_key_and_nothing_else_has_one(tmp_path: Path) -> None:
    contents = {"a": b"one", "b": b"two", "c": b"one", "d": b"three", "e": b"ten"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "link").symlink_to(tmp_path / "d")
    keys = content_keys(tmp_path / name for name in (*contents, "link"))
    assert {path.name for path in keys} == {"a", "c", "d", "link"}
    assert keys[tmp_path / "a"] == keys[tmp_path / "c"] != keys[tmp_path / "d"] == keys[tmp_path / "link"]
    with pytest.raises(LabelsError, match="cannot be read"):
        content_keys([tmp_path / "gone"])
