"""A JPEG's pixels, against Pillow's own decoding, and what libjpeg complains about."""

from __future__ import annotations

import dataclasses
import io
import random

import numpy as np
import pytest
from PIL import Image

from iqa_cli.photos import jpeg, jpeg_decoder

COMMENT = b"\xff\xfe\x00\x06abcd"


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 2}])
def test_a_whole_file_is_decoded_from_where_it_lies(picture, encode, options) -> None:
    data = encode(picture(), **options)
    data = data[:2] + COMMENT + data[2:]
    layout = jpeg.read_layout(data)
    assert layout.plain is data
    copied = jpeg_decoder.load(dataclasses.replace(layout, plain=None), "full").image
    assert jpeg_decoder.load(layout, "full").image.tobytes() == copied.tobytes() == _by_pillow(data).tobytes()


@pytest.mark.parametrize(
    ("before", "after"), [(b"\xff\xd8", b""), (b"\xff\xd0", b""), (b"", b"\0"), (b"", b"\xff\xd8")]
)
def test_a_file_that_is_more_than_its_picture_is_not_decoded_as_it_is(picture, encode, before, after) -> None:
    """A stray marker in the head stops libjpeg, and what follows the picture is none of its business."""
    plain = encode(picture())
    layout = jpeg.read_layout(plain[:2] + before + plain[2:] + after)
    assert layout.has_end
    assert layout.plain is None
    assert jpeg_decoder.load(layout, "full").image.tobytes() == _by_pillow(plain).tobytes()


def _by_pillow(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [(1700, 1100), (800, 37), (401, 399), (9, 9), (1, 1)])
def test_pixels_are_pillows_at_every_scale(picture, encode, mode, size) -> None:
    data = encode(picture(*size).convert(mode), quality=80)
    whole = jpeg_decoder.load(jpeg.read_layout(data), "full")
    scaled = jpeg_decoder.load(jpeg.read_layout(data), "scaled")
    assert whole.image.mode == scaled.image.mode == mode
    assert whole.complaint is scaled.complaint is None
    with Image.open(io.BytesIO(data)) as image:
        factor = next((f for f in (8, 4, 2) if max(size) / f >= 384), 1)
        assert whole.image.tobytes() == _by_pillow(data).tobytes()
        if factor > 1:
            image.draft(None, (max(1, size[0] // factor), max(1, size[1] // factor)))
        assert scaled.image.tobytes() == image.tobytes()


def test_the_colour_profile_comes_along(picture, encode) -> None:
    data = encode(picture(), icc_profile=b"a profile")
    assert jpeg_decoder.load(jpeg.read_layout(data), "full").image.info["icc_profile"] == b"a profile"


def test_what_the_simple_interface_does_not_take_is_left_to_pillow(picture, encode, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ValueError("tjDecompressHeader3(): Could not determine subsampling level of JPEG image")

    data = encode(picture())
    monkeypatch.setattr(jpeg_decoder.simplejpeg, "decode_jpeg", refuse)
    decoded = jpeg_decoder.load(jpeg.read_layout(data), "full")
    assert decoded.complaint is None
    assert decoded.image.tobytes() == _by_pillow(data).tobytes()


def test_a_picture_too_large_for_two_copies_is_left_to_pillow(picture, encode, monkeypatch) -> None:
    data = encode(picture())
    monkeypatch.setattr(jpeg_decoder, "MAX_CHECKED_PIXELS", 96 * 64 - 1)
    monkeypatch.setattr(jpeg_decoder.simplejpeg, "decode_jpeg", lambda *_, **__: pytest.fail("was asked"))
    assert jpeg_decoder.load(jpeg.read_layout(data), "full").image.tobytes() == _by_pillow(data).tobytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_noise_in_the_data_is_complained_about(picture, encode, options) -> None:
    data = encode(picture(640, 480), **options)
    middle = len(data) // 2
    noise = random.Random(3).randbytes(512)  # noqa: S311 - damage, not secrets
    layout = jpeg.read_layout(data[:middle] + noise + data[middle + 512 :])
    decoded = jpeg_decoder.load(layout, "full")
    assert decoded.complaint
    assert np.asarray(decoded.image).shape == (480, 640, 3)


def test_rows_that_never_came_are_not_what_the_memory_held_before(picture, encode) -> None:
    """The tables of a later scan are gone: libjpeg gives up after a complaint."""
    data = encode(picture(320, 240), progressive=True)
    last = data.rindex(b"\xff\xc4")
    data = data[:last] + data[data.index(b"\xff\xda", last) :]
    seen = set()
    for value in (0, 90, 200):
        used = [np.full((240, 320, 3), value, np.uint8) for _ in range(8)]
        del used
        try:
            seen.add(jpeg_decoder.load(jpeg.read_layout(data), "full").image.tobytes())
        except OSError:
            seen.add(b"")
    assert len(seen) == 1
