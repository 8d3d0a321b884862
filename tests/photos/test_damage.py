"""JPEG files with damage in the middle, drawn in code, so that what was there before is known."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from iqa_cli.photos.decode import decode
from iqa_cli.records import Photo, Unreadable

LUMA = (0.2126, 0.7152, 0.0722)


def photograph(seed: int, width: int = 900, height: int = 600) -> Image.Image:
    """Something as rich as a photograph: areas of many sizes and brightnesses, and grain."""
    chance = np.random.default_rng(seed)
    rgb = np.zeros((height, width, 3))
    for cells in (3, 9, 30, 120):
        field = chance.uniform(-60, 60, (cells, cells * 3 // 2, 3)) * (3 / cells) ** 0.4
        small = [Image.fromarray(field[:, :, channel].astype(np.float32)) for channel in range(3)]
        rgb += np.stack(
            [np.asarray(plane.resize((width, height), Image.Resampling.BICUBIC)) for plane in small], axis=2
        )
    rgb += chance.normal(0, 4, rgb.shape)
    return Image.fromarray(np.clip(rgb + 120, 0, 255).astype(np.uint8))


def overwritten(data: bytes, share: float, block: bytes) -> bytes:
    """The file with a block of other bytes at this share of it."""
    at = int(len(data) * share)
    return data[:at] + block + data[at + len(block) :]


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2, "quality": 80}, {"optimize": True}])
@pytest.mark.parametrize("size", [512, 4096])
@pytest.mark.parametrize("kind", ["noise", "zeros", "ones", "text"])
def test_a_block_that_was_overwritten_is_told(encode, options, size, kind) -> None:
    """Of 12 places and pictures at most one may go by that changes the picture, and that only by little."""
    chance = random.Random(f"{options} {size} {kind}")  # noqa: S311 - damage, not secrets
    quiet = 0
    for seed in range(4):
        data = encode(photograph(seed), **options)
        whole = decode(data)
        assert isinstance(whole, Photo)
        assert whole.damage is None
        for share in (0.2, 0.5, 0.8):
            block = {
                "noise": chance.randbytes(size),
                "zeros": bytes(size),
                "ones": b"\xff" * size,
                "text": (b"There is no photograph here. " * size)[:size],
            }[kind]
            result = decode(overwritten(data, share, block))
            if isinstance(result, Unreadable) or result.damage is not None:
                continue
            change = (result.rgb - whole.rgb.astype(float)) @ LUMA
            assert abs(change.mean()) < 3
            quiet += abs(change).mean() > 0.5  # the last passes of a progressive file bring no more than that
    assert quiet <= 1


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
@pytest.mark.parametrize("change", ["missing", "twice"])
def test_a_sector_too_few_or_too_many_is_told(encode, options, change) -> None:
    data = encode(photograph(5), **options)
    first, second = int(0.3 * len(data)), int(0.3 * len(data)) + 4096
    changed = {
        "missing": data[:first] + data[second:],
        "twice": data[:second] + data[first:],
    }[change]
    result = decode(changed)
    assert isinstance(result, Unreadable) or result.damage is not None


def test_the_reason_is_the_same_for_the_same_trouble(encode) -> None:
    data = encode(photograph(7))
    chance = random.Random(7)  # noqa: S311 - damage, not secrets
    results = [decode(overwritten(data, share / 10, chance.randbytes(2048))) for share in range(2, 8)]
    told = {result.damage for result in results if isinstance(result, Photo)}
    assert all(reason is not None and reason.startswith("the file is damaged: its picture data ") for reason in told)
    assert len(told) <= 3


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (90, 40, 200)])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}, {"subsampling": 2}])
def test_flat_pictures_are_not_damaged(encode, colour, options) -> None:
    """With codes made for them they are rows of zeros."""
    assert decode(encode(Image.new("RGB", (3000, 2000), colour), **options)).damage is None


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}, {"restart_marker_rows": 2}])
def test_a_night_with_lights_is_not_damaged(encode, mode, options) -> None:
    sky = np.zeros((1500, 2000, 3), np.uint8)
    sky[1400:, ::50] = 200
    assert decode(encode(Image.fromarray(sky).convert(mode), **options)).damage is None


def test_zeros_before_the_end_marker_are_padding(encode) -> None:
    data = encode(photograph(8))
    result = decode(data[:-2] + bytes(512) + data[-2:])
    assert result.damage is None


def test_zeros_in_other_parts_of_a_file_are_none_of_the_pictures_business(encode) -> None:
    data = encode(photograph(9))
    comment = b"\xff\xfe\x04\x02" + bytes(1024)
    assert decode(data[:2] + comment + data[2:]).damage is None
    assert decode(data + bytes(4096)).damage is None
