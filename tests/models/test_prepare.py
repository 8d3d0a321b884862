"""What a model is given: every value of every channel, exactly as the arithmetic has it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from iqa_cli.checkpoint import Preprocessing
from iqa_cli.models.prepare import normalise, squash

MEAN, STD = (0.481, 0.458, 0.408), (0.269, 0.261, 0.276)


def plainly(picture: np.ndarray) -> np.ndarray:
    """(value / 255 - mean) / std in 32 bits, (3, S, S)."""
    values = picture.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
    mean, std = (np.array(numbers, np.float32)[:, None, None] for numbers in (MEAN, STD))
    return (values - mean) / std


@pytest.mark.parametrize("turned", [False, True])
def test_every_value_of_every_channel_is_normalised_to_the_last_bit(turned: bool) -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    picture = np.stack([ramp, ramp[::-1], ramp.T], -1)
    picture = picture.transpose(1, 0, 2) if turned else picture
    others = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    given = normalise([picture, *others], Preprocessing(16, "bilinear", MEAN, STD))
    assert given.dtype == np.float32
    assert np.array_equal(given, np.stack([plainly(one) for one in (picture, *others)]))


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (17, 300), (120, 160)])
def test_a_squashed_picture_is_what_pillow_makes_of_each_channel(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    channels = [Image.fromarray(picture[..., c].copy()).resize((24, 24), Image.Resampling.BILINEAR) for c in range(3)]
    assert np.array_equal(squash(picture, 24), np.stack([np.asarray(channel) for channel in channels], -1))
