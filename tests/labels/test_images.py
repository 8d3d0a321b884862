"""Photos that a label file names: which of them are there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iqa_cli.errors import LabelsError
from iqa_cli.labels import image_path, missing_images, require_images
from iqa_cli.labels.copies import content_keys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.labels import LabelTable


def test_names_lead_from_the_folder_wherever_they_say(tmp_path: Path, read: Callable[..., LabelTable]) -> None:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for path in (folder / "a.jpg", folder / "sub" / "b.jpg", tmp_path / "c.jpg"):
        path.write_bytes(b"x")
    names = ["a.jpg", "sub/b.jpg", "../c.jpg", str(tmp_path / "c.jpg"), "sub", "x" * 300, "no.jpg"]
    table = read(*(f"{name},0,0,0,0,0,0" for name in names))
    assert missing_images(table, folder) == (4, 5, 6)
    assert image_path(folder, names[3]) == tmp_path / "c.jpg"


def test_missing_photos_are_named_with_what_there_is_instead(tmp_path: Path, read: Callable[..., LabelTable]) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "IMG_1.JPG").touch()
    (folder / "IMG_2.heic").touch()
    table = read(*(f"{name},0,0,0,0,0,0" for name in ("IMG_1.jpg", "IMG_2.jpg", "no/a.jpg")))
    with pytest.raises(LabelsError, match=r"3 of 3 photos are not in") as error:
        require_images(table, folder)
    assert list(error.value.problems) == [
        'line 2, "IMG_1.jpg" (there is "IMG_1.JPG")',
        'line 3, "IMG_2.jpg" (there is "IMG_2.heic")',
        'line 4, "no/a.jpg"',
    ]
    with pytest.raises(LabelsError, match="no such folder"):
        require_images(table, tmp_path / "elsewhere")


def test_of_many_missing_photos_twenty_are_named(tmp_path: Path, read: Callable[..., LabelTable]) -> None:
    with pytest.raises(LabelsError, match="50 of 50") as error:
        require_images(read(*(f"{number}.jpg,0,0,0,0,0,0" for number in range(50))), tmp_path)
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
