"""Thumbnails: small, upright as the picture, with areas in the pixels that were measured."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from iqa_cli.photometry import examine
from iqa_cli.pipeline.thumbnail import LONG_SIDE, thumbnail_of


@pytest.mark.parametrize(("height", "width"), [(384, 512), (512, 96), (40, 30), (1, 512)])
def test_sizes(height: int, width: int) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = thumbnail_of(rgb, examine(rgb))
    with Image.open(io.BytesIO(found.jpeg)) as picture, Image.open(io.BytesIO(found.areas)) as areas:
        assert picture.format == "JPEG"
        assert max(picture.size) == min(LONG_SIDE, max(height, width))
        assert areas.size == (width, height)
        assert areas.info["transparency"] == 0


def test_clipped_areas_are_striped_and_crushed_ones_even() -> None:
    rgb = np.full((60, 80, 3), 128, np.uint8)
    rgb[:30, :40] = 255
    rgb[:30, 40:] = 0
    with Image.open(io.BytesIO(thumbnail_of(rgb, examine(rgb)).areas)) as areas:
        found = np.asarray(areas)
    assert set(np.unique(found[:30, :40])) == {1, 3}
    assert 0.4 < np.mean(found[:30, :40] == 3) < 0.6
    assert (found[:30, 40:] == 2).all()
    assert (found[30:] == 0).all()


def test_the_picture_is_that_of_the_photo() -> None:
    rgb = np.zeros((300, 400, 3), np.uint8)
    rgb[:, :200] = (200, 40, 40)
    rgb[:, 200:] = (40, 40, 200)
    with Image.open(io.BytesIO(thumbnail_of(rgb, examine(rgb)).jpeg)) as picture:
        small = np.asarray(picture).astype(int)
    assert np.abs(small[:, :140].mean((0, 1)) - [200, 40, 40]).max() < 8
    assert np.abs(small[:, -140:].mean((0, 1)) - [40, 40, 200]).max() < 8
