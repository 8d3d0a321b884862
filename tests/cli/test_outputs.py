"""What `iqa assess` may write to: told by little work, before there is any other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from iqa_cli.cli.outputs import open_outputs
from iqa_cli.errors import UsageError
from iqa_cli.records import PhotoRef

if TYPE_CHECKING:
    import os


@pytest.fixture
def photos(tmp_path: Path) -> list[PhotoRef]:
    paths = [tmp_path / "roll" / f"{number}.jpg" for number in range(20)]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_bytes(b"\xff\xd8 a picture")
    return [PhotoRef(path, path.name) for path in paths]


@pytest.fixture
def looked_at(photos: list[PhotoRef], monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Photos whose file was asked for, in order."""
    paths = {photo.path for photo in photos}
    seen: list[Path] = []
    real = Path.stat

    def counted(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path in paths:
            seen.append(path)
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", counted)
    return seen


@pytest.mark.parametrize(
    "content",
    [
        b"SourceFile,status,error\n",
        b'{"format_version": 1, "SourceFile": "none"}\n',
        b'{"format_version": 2, "type": "run", "SourceFile": "none"}\n',
        b"<!doctype html>\n<!-- iqa audit page, format_version 1 -->",
    ],
)
def test_an_earlier_result_is_known_without_looking_at_any_photo(
    tmp_path: Path, photos: list[PhotoRef], looked_at: list[Path], content: bytes
) -> None:
    earlier = tmp_path / "audit.csv"
    earlier.write_bytes(content)
    with open_outputs(str(earlier), None, None, None, photos):
        pass
    assert looked_at == []


def test_a_photo_under_any_other_name_is_told_to_be_one(
    tmp_path: Path, photos: list[PhotoRef], looked_at: list[Path]
) -> None:
    hidden = tmp_path / "audit.csv"
    hidden.hardlink_to(photos[-1].path)
    with pytest.raises(UsageError, match="this is a photo"), open_outputs(str(hidden), None, None, None, photos):
        pass
    assert looked_at == [photo.path for photo in photos]


def test_a_name_of_a_photo_is_refused_whatever_it_holds(tmp_path: Path, photos: list[PhotoRef]) -> None:
    named = tmp_path / "audit.jpg"
    named.write_bytes(b"SourceFile,status,error\n")
    with pytest.raises(UsageError, match="this is a photo"), open_outputs(str(named), None, None, None, photos):
        pass


@pytest.mark.parametrize("content", [b"SourceFile,Make\na.jpg,Canon\n", b"SourceFile\n", b"filename,dark\n"])
def test_a_table_of_another_program_is_not_overwritten(tmp_path: Path, photos: list[PhotoRef], content: bytes) -> None:
    table = tmp_path / "exif.csv"
    table.write_bytes(content)
    with pytest.raises(UsageError, match="not written by iqa"), open_outputs(str(table), None, None, None, photos):
        pass
    assert table.read_bytes() == content
