"""The photographs that attacks begin with are sound; what is made of them is the same for the same seed."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest

from campaign.mutation import CHANGES, SIZES, mutant
from campaign.photographs import Photograph, exif, given
from campaign.pieces import directories, mended, pieces
from iqa_cli.photos import read_photo
from iqa_cli.photos.exif import capture_of_block
from iqa_cli.records import Photo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_every_photograph_is_read_in_every_mode(drawn: tuple[Photograph, ...]) -> None:
    assert {photograph.suffix for photograph in drawn} == {".jpg", ".mpo", ".png", ".webp", ".heic", ".avif"}
    for photograph in drawn:
        for mode in ("scaled", "full", "thumbnail", "auto"):
            photo, _ = read_photo(photograph.data, mode=mode)
            assert isinstance(photo, Photo), (photograph.name, mode, photo)


def test_settings_and_preview_are_where_they_belong(drawn: tuple[Photograph, ...]) -> None:
    capture, notes = capture_of_block(exif("Maker", "Model")[6:], 320, 240)
    assert (capture.make, capture.model, capture.iso, capture.f_number) == ("Maker", "Model", 100, 1.8)
    assert not notes
    (baseline,) = (photograph for photograph in drawn if photograph.name == "jpeg baseline")
    assert len(directories(baseline.data)) == 3


def test_a_sound_file_needs_no_mending_and_its_pieces_cover_it(drawn: tuple[Photograph, ...]) -> None:
    for photograph in drawn:
        assert mended(photograph.data) == photograph.data, photograph.name
        covered = bytearray(len(photograph.data))
        found = pieces(photograph.data)
        assert found, photograph.name
        for piece in found:
            assert piece.start < piece.end <= len(photograph.data), photograph.name
            covered[piece.start : piece.end] = b"\1" * (piece.end - piece.start)
        assert covered.count(0) <= 12 + len(b"film and its boxes" * 3), photograph.name


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_every_change_changes_most_formats(change: Callable[..., bytes | None], drawn: tuple[Photograph, ...]) -> None:
    draw = random.Random(1)  # noqa: S311 - attacks, not secrets
    changed = {
        photograph.suffix
        for photograph in drawn
        for _ in range(4)
        if change(photograph.data, draw, drawn) not in (None, photograph.data)
    }
    assert len(changed) >= 4


def fingerprint(seed: int, photographs: tuple[Photograph, ...]) -> str:
    content = hashlib.sha256()
    for number in range(300):
        made = mutant(random.Random(f"{seed} {number}"), photographs)  # noqa: S311 - as above
        assert len(made.data) in SIZES
        content.update(made.data + made.suffix.encode() + made.recipe.encode())
    return content.hexdigest()


def test_a_seed_gives_the_same_mutants(drawn: tuple[Photograph, ...]) -> None:
    assert fingerprint(1, drawn) == fingerprint(1, drawn) != fingerprint(2, drawn)


def test_photographs_of_a_folder_join(tmp_path: Path, save_grey: Callable[..., Path]) -> None:
    save_grey("roll/a.png", 120)
    save_grey("roll/b.jpg", 120)
    (tmp_path / "roll" / "empty.jpg").touch()
    assert [(photograph.name, photograph.suffix) for photograph in given(tmp_path / "roll")] == [
        ("a", ".png"),
        ("b", ".jpg"),
    ]
