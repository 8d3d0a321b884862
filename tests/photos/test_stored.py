"""Photos that are no files of this machine: what comes of them is what comes of the same bytes in a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pytest
from PIL import Image

from iqa_cli.photos import read_photo
from iqa_cli.photos.files import read_file
from iqa_cli.photos.limits import MAX_FILE_BYTES
from iqa_cli.photos.preview import read_preview
from iqa_cli.records import Photo, PhotoRef, StoredPhoto, Unreadable

if TYPE_CHECKING:
    from pathlib import Path


class InMemory(StoredPhoto):
    """Bytes that pretend to be somewhere else."""

    def __init__(self, content: bytes, size: int | None = None, error: OSError | None = None) -> None:
        super().__init__("far/away.jpg", len(content) if size is None else size)
        self.content = content
        self.error = error
        self.opened = 0

    def open(self) -> BinaryIO:
        self.opened += 1
        if self.error is not None:
            raise self.error
        return io.BytesIO(self.content)


def drawn() -> bytes:
    picture = np.linspace(0, 255, 400 * 300 * 3).reshape(300, 400, 3).astype(np.uint8)
    saved = io.BytesIO()
    Image.fromarray(picture).save(saved, "JPEG", quality=90)
    return saved.getvalue()


@pytest.mark.parametrize("mode", ["scaled", "full", "thumbnail", "auto"])
def test_a_stored_photo_reads_as_the_same_file(mode: str, tmp_path: Path) -> None:
    content = drawn()
    (tmp_path / "away.jpg").write_bytes(content)
    there, _ = read_photo(InMemory(content), mode=mode)
    here, _ = read_photo(PhotoRef(tmp_path / "away.jpg", "far/away.jpg"), mode=mode)
    assert isinstance(there, Photo)
    assert isinstance(here, Photo)
    assert np.array_equal(there.rgb, here.rgb)
    assert there.notes == here.notes


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(), "the file is not there any more"),
        (PermissionError(), "permission denied"),
        (OSError(5, "it changed"), "reading failed: it changed"),
    ],
)
def test_what_cannot_be_opened_is_unreadable_with_the_reason(error: OSError, reason: str) -> None:
    assert read_file(InMemory(b"", error=error)) == Unreadable(reason)
    assert read_preview(InMemory(b"", error=error)).photo is None


def test_one_that_is_no_photo_is_refused_by_its_first_bytes() -> None:
    found = read_file(InMemory(b"%PDF-1.4 and so on"))
    assert isinstance(found, Unreadable)
    assert "PDF" in found.reason


def test_one_beyond_the_limit_is_not_opened() -> None:
    huge = InMemory(drawn(), size=MAX_FILE_BYTES + 1)
    assert isinstance(read_file(huge), Unreadable)
    assert read_preview(huge).photo is None
    assert huge.opened == 0
