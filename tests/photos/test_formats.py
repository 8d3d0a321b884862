"""TIFF, BMP, GIF, JPEG XL and raw files: the picture that every viewer shows, or one line about why not."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_jxl  # noqa: F401 - Pillow writes JPEG XL with it
import pytest
from drawn_raw import dng
from PIL import Image

from iqa_cli.photos import decode as decode_module
from iqa_cli.photos import jxl, read_photo
from iqa_cli.photos.decode import decode
from iqa_cli.photos.files import sniff
from iqa_cli.photos.pixels import FIRST_FRAME, FIRST_PAGE
from iqa_cli.records import Photo, Unreadable


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[0x010F], block[0x0112] = "Maker", orientation
    return block


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other).mean())


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"compression": "jpeg", "quality": 95}),
        ("TIFF", {"tiffinfo": {278: 7}}),  # strips of seven rows
        ("BMP", {}),
        ("GIF", {}),
        ("JXL", {}),
        ("JXL", {"lossless": True}),
    ],
)
def test_each_kind_is_the_same_picture(picture, kind, options) -> None:
    image = picture(300, 200)
    photo = decode(saved(image, kind, **options))
    assert isinstance(photo, Photo)
    assert (photo.width, photo.height, photo.notes) == (300, 200, ())
    assert difference(photo.rgb, np.asarray(image)) < (6 if kind == "GIF" else 4)


@pytest.mark.parametrize("mode", ["L", "RGBA", "1", "P", "CMYK", "LA"])
def test_tiff_of_every_mode_is_read(picture, mode) -> None:
    photo = decode(saved(picture(120, 80).convert(mode), "TIFF"))
    assert isinstance(photo, Photo)
    assert photo.rgb.shape == (80, 120, 3)


@pytest.mark.parametrize("endian", ["<u2", ">u2"])
def test_tiff_of_16_bits_is_scaled(picture, endian) -> None:
    grey = np.asarray(picture(120, 80).convert("L"))
    mode = "I;16" if endian == "<u2" else "I;16B"
    image = Image.frombytes(mode, (120, 80), (grey.astype(np.uint16) * 257).astype(endian).tobytes())
    assert difference(decode(saved(image, "TIFF")).rgb[:, :, 0], grey) <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["TIFF", "DNG"])
def test_the_camera_held_otherwise_is_turned_upright(picture, kind, orientation) -> None:
    image = picture(300, 200)
    if kind == "DNG" and orientation in (2, 4, 5, 7):
        pytest.skip("no camera holds a mirror")
    data = (
        dng(image, orientation=orientation, raw=(900, 600))
        if kind == "DNG"
        else saved(image, kind, exif=exif(orientation))
    )
    photo, capture = read_photo(data)
    reference = decode(saved(image, "JPEG", quality=95, exif=exif(orientation)))
    assert difference(photo.rgb, reference.rgb) < 3
    assert (capture.make, capture.orientation) == ("Maker", orientation)
    assert (photo.width > photo.height) == (reference.width > reference.height)


def test_of_several_pages_and_frames_the_first_is_judged(picture) -> None:
    first, second = picture(120, 80), Image.new("RGB", (120, 80))
    for kind, note in (("TIFF", FIRST_PAGE), ("GIF", FIRST_FRAME)):
        photo = decode(saved(first, kind, save_all=True, append_images=[second]))
        assert difference(photo.rgb, np.asarray(first)) < 6
        assert photo.notes == (note,)


def test_a_small_version_behind_a_picture_is_no_page(picture) -> None:
    buffer = io.BytesIO()
    picture(120, 80).save(buffer, "TIFF", save_all=True, append_images=[picture(30, 20)])
    data = buffer.getvalue()
    # The second directory says of itself that it is a reduced version: ImageWidth's entry becomes NewSubfileType 1.
    at = data.index(struct.pack("<HHI", 0x0100, 4, 1) + struct.pack("<I", 30)) if data[:2] == b"II" else -1
    assert at > 0
    small = data[:at] + struct.pack("<HHII", 0x00FE, 4, 1, 1) + data[at + 12 :]
    assert decode(small).notes == ()


def test_a_raw_file_is_judged_by_its_preview_and_says_so(picture) -> None:
    image = picture(640, 480)
    photo, capture = read_photo(dng(image, raw=(1200, 900)))
    assert photo.notes == ("a raw file: the camera's preview of 640 x 480 pixels is judged",)
    assert (photo.width, photo.height) == (1200, 900)
    assert (capture.image_width, capture.image_height, capture.model) == (1200, 900, "Model X")
    assert difference(photo.rgb, decode(saved(image, "JPEG", quality=92)).rgb) < 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda _: dng(None), "a raw file without a preview"),
        (lambda image: dng(image(60, 40)), "a raw file with a preview of 60 x 40 pixels, too small to judge"),
        (lambda _: b"IIRO" + bytes(100), "damaged, or a kind of raw file that LibRaw does not know"),
        (lambda image: saved(image(), "JXL")[:200], "the JPEG XL data are damaged"),
        (lambda image: saved(image(), "TIFF")[:300], "could not be decoded"),
        (lambda image: saved(image(), "BMP")[:300], "could not be decoded"),
        (lambda image: saved(image(), "GIF")[:300], "could not be decoded"),
    ],
)
def test_what_cannot_be_read_says_why(picture, data, reason) -> None:
    result = decode(data(picture))
    assert isinstance(result, Unreadable)
    assert reason in result.reason
    assert "\n" not in result.reason


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "JXL"])
def test_an_absurd_size_is_refused_before_anything_is_decoded(picture, kind, monkeypatch) -> None:
    data = bytearray(saved(picture(300, 200), kind))
    if kind == "TIFF":
        for tag, old in ((0x0100, 300), (0x0101, 200)):
            at = next(
                at
                for at in range(len(data) - 12)
                if struct.unpack_from("<HHI", data, at)[::2] == (tag, 1)
                and int.from_bytes(data[at + 8 : at + 10], "little") == old
            )
            data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, 20000)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", 20000, -20000)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", 20000, 20000)
    else:
        monkeypatch.setattr(jxl, "size_of", lambda _: (20000, 20000))
    monkeypatch.setattr(decode_module, "_open_other", lambda *_: pytest.fail("a decoder was called"))
    assert "claims 20000 x 20000 = 400.0 megapixels" in decode(bytes(data)).reason


@pytest.mark.parametrize(
    "size", [(640, 480), (100, 37), (512, 512), (8, 8), (3000, 2000), (257, 1), (640, 360), (1, 300)]
)
@pytest.mark.parametrize("options", [{}, {"exif": b"Exif\0\0" + exif(6).tobytes()[6:]}])
def test_the_size_of_jpeg_xl_is_known_before_it_is_decoded(size, options) -> None:
    data = saved(Image.new("RGB", size, (90, 120, 60)), "JXL", **options)
    assert jxl.size_of(data) == size
    assert (jxl.exif_of(data) is not None) == bool(options)
    for cut in range(0, len(data), 7):
        jxl.size_of(data[:cut])  # never raises


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "JXL", "DNG"])
def test_mutants_never_raise(picture, kind) -> None:
    image = picture(120, 90)
    original = dng(image, raw=(64, 48)) if kind == "DNG" else saved(image, kind)
    chance = np.random.default_rng(5)
    for _ in range(60):
        data = bytearray(original)
        for at in chance.integers(0, min(len(data), 900), size=3):
            data[at] = chance.integers(256)
        photo, _ = read_photo(
            bytes(data[: chance.integers(1, len(data) + 1)]) if chance.random() < 0.3 else bytes(data)
        )
        assert isinstance(photo, Photo | Unreadable)


def test_a_bitmap_needs_a_header_that_there_is() -> None:
    assert sniff(b"BM" + bytes(62)) is None
