"""PNG files that every viewer opens: long texts, wrong checksums beside the picture, gamma."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from iqa_cli.photos.decode import decode
from iqa_cli.photos.headers import read_header
from iqa_cli.records import Photo, Unreadable

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def wrong(kind: bytes, body: bytes) -> bytes:
    return chunk(kind, body)[:-1] + b"\x00"


def png(values: np.ndarray, *chunks: bytes, behind: bytes = b"") -> bytes:
    """A file of (H, W, 3) uint8 or uint16, or (H, W, 4), with chunks before its picture and behind it."""
    height, width, bands = values.shape
    rows = values.astype(values.dtype.newbyteorder(">")).reshape(height, -1)
    head = struct.pack(">IIBBBBB", width, height, 8 * values.itemsize, 2 if bands == 3 else 6, 0, 0, 0)
    picture = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    parts = (chunk(b"IHDR", head), *chunks, chunk(b"IDAT", picture), behind, chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def pixels(picture) -> np.ndarray:
    return np.asarray(picture())


LONG = b"0123456789abcdef" * 140_000


@pytest.mark.parametrize(
    "beside",
    [
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(LONG)),
        chunk(b"zTXt", b"workflow\0\0" + zlib.compress(LONG)),
        chunk(b"tEXt", b"Comment\0" + LONG),
        wrong(b"tEXt", b"Comment\0hello"),
        wrong(b"pHYs", bytes(9)),
        wrong(b"gAMA", struct.pack(">I", 100_000)),
        wrong(b"iCCP", b"name\0\0" + zlib.compress(b"no profile")),
        chunk(b"iCCP", b"name\0\0" + b"no zlib data"),
        chunk(b"teSt", b"a private chunk"),
    ],
    ids=["iTXt", "zTXt", "tEXt", "crc", "crc-pHYs", "crc-gAMA", "crc-iCCP", "bad-iCCP", "private"],
)
def test_what_stands_beside_the_picture_does_not_cost_it(pixels, beside) -> None:
    for data in (png(pixels, beside), png(pixels, behind=beside)):
        photo = decode(data)
        assert isinstance(photo, Photo)
        assert np.array_equal(photo.rgb, pixels)


def test_a_wrong_checksum_of_the_picture_itself_is_told(pixels) -> None:
    data = png(pixels)
    at = data.index(b"IDAT") + 20
    assert isinstance(decode(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]), Unreadable)


def test_a_profile_of_more_than_a_megabyte_counts(pixels) -> None:
    profile = SRGB + np.random.default_rng(1).bytes(1_500_000)
    long = struct.pack(">I", len(profile)) + profile[4:]
    header = read_header("png", png(pixels, chunk(b"iCCP", b"name\0\0" + zlib.compress(long))))
    assert header.png is not None
    assert header.png.profile == long
    assert (
        np.abs(decode(png(pixels, chunk(b"iCCP", b"name\0\0" + zlib.compress(long)))).rgb.astype(int) - pixels).max()
        <= 2
    )


def test_a_profile_that_unpacks_without_end_is_left_out(pixels) -> None:
    bomb = zlib.compress(bytes(200_000_000), 9)
    photo = decode(png(pixels, chunk(b"iCCP", b"name\0\0" + bomb)))
    assert np.array_equal(photo.rgb, pixels)


def light(pixels: np.ndarray) -> np.ndarray:
    values = pixels / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def gama(gamma: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(100_000 * gamma)))


def test_linear_light_that_says_so_is_shown_as_the_picture(pixels) -> None:
    linear = np.rint(light(pixels) * 65535).astype(np.uint16)
    assert np.abs(decode(png(linear, gama(1.0))).rgb.astype(int) - pixels).mean() < 1


@pytest.mark.parametrize("gamma", [1 / 1.8, 1 / 1.5, 1 / 3])
def test_other_gammas_are_brought_to_that_of_the_screen(pixels, gamma) -> None:
    shown = (pixels / 255) ** 2.2  # the light that a screen of gamma 2.2 gives
    coded = np.rint(255 * shown**gamma).astype(np.uint8)
    assert np.abs(decode(png(coded, gama(gamma))).rgb.astype(int) - pixels).mean() < 1.5


@pytest.mark.parametrize(
    "before",
    [
        [gama(0.45455)],
        [gama(1.0), chunk(b"sRGB", b"\0")],
        [gama(1.0), chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB))],
        [gama(1.0), chunk(b"cICP", bytes([1, 13, 0, 1]))],
        [gama(0)],
        [chunk(b"gAMA", b"")],
    ],
    ids=["as-srgb", "srgb", "profile", "cicp", "zero", "empty"],
)
def test_what_overrules_gamma_overrules_it(pixels, before) -> None:
    assert np.abs(decode(png(pixels, *before)).rgb.astype(int) - pixels).max() <= 2


def test_opacity_has_no_gamma(pixels) -> None:
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 128, np.uint8)])
    plain, bent = (decode(png(opaque, *chunks)).rgb for chunks in ((), (gama(1 / 1.8),)))
    assert plain.min() >= 127
    assert bent.min() >= 127  # half of white shows through, whatever the gamma


def test_an_animation_is_still_one(picture) -> None:
    buffer = io.BytesIO()
    picture().save(buffer, "PNG", save_all=True, append_images=[Image.new("RGB", (96, 64))], pnginfo=None)
    photo = decode(buffer.getvalue())
    assert photo.notes == ("an animation: its first frame is judged",)
