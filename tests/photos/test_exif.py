"""Camera settings: written by Pillow, read by us."""

import dataclasses
import datetime as dt
import io
import logging
import struct
from fractions import Fraction

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from iqa_cli.photos import exif as exif_module
from iqa_cli.photos import read_photo
from iqa_cli.photos.exif import read_capture
from iqa_cli.photos.tiff import camera_tags, directories
from iqa_cli.records import Capture
from tests.photos import exif_blocks

MAKE, MODEL, ORIENTATION = 0x010F, 0x0110, 0x0112
EXPOSURE, F_NUMBER, ISO, TAKEN, BIAS, FLASH, LENS = 0x829A, 0x829D, 0x8827, 0x9003, 0x9204, 0x9209, 0xA434
FOCAL_LENGTH = 0x920A


def block(main=None, **settings):
    exif = Image.Exif()
    exif.update(main or {})
    exif.get_ifd(0x8769).update({int(key[1:], 16): value for key, value in settings.items()})
    return exif


def tag(number, value):
    return {f"x{number:x}": value}


def full():
    settings = {
        EXPOSURE: IFDRational(1, 250), F_NUMBER: IFDRational(18, 10), ISO: 64, TAKEN: "2024:05:31 18:03:59",
        BIAS: IFDRational(-2, 3), FLASH: 0x19, LENS: "back camera 4.2mm",
    }  # fmt: skip
    main = {MAKE: "Apple", MODEL: "iPhone 99", ORIENTATION: 6}
    return block(main, **{f"x{number:x}": value for number, value in settings.items()})


EXPECTED = Capture(
    make="Apple",
    model="iPhone 99",
    lens_model="back camera 4.2mm",
    taken_at=dt.datetime(2024, 5, 31, 18, 3, 59),  # noqa: DTZ001 - EXIF knows no zone
    exposure_time_s=1 / 250,
    f_number=1.8,
    iso=64,
    exposure_bias_ev=float(Fraction(-2, 3)),
    flash_fired=True,
    orientation=6,
    image_width=60,
    image_height=40,
)


def image():
    return Image.fromarray(np.full((40, 60, 3), 99, np.uint8))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "MPO"])
def test_the_settings_are_read_from_every_container(encode, kind):
    assert read_capture(encode(image(), kind, exif=full())) == EXPECTED


def test_the_settings_are_read_from_avif(encode):
    # Pillow moves the orientation out of EXIF into the container when it writes AVIF.
    assert read_capture(encode(image(), "AVIF", exif=full())) == dataclasses.replace(EXPECTED, orientation=None)


def test_the_settings_are_read_from_heic():
    # Sizes in whole 64-pixel blocks: the encoder pads others, and the stored size is the padded one.
    file = pillow_heif.from_bytes("RGB", (128, 64), bytes(128 * 64 * 3))
    file[0].info["exif"] = full().tobytes()
    buffer = io.BytesIO()
    file.save(buffer)
    expected = dataclasses.replace(EXPECTED, image_width=128, image_height=64)
    assert read_capture(buffer.getvalue()) == expected


def test_file_bytes_and_image_give_the_same(encode, ref, tmp_path):
    data = encode(image(), exif=full())
    (tmp_path / "a.jpg").write_bytes(data)
    assert read_capture(ref(tmp_path / "a.jpg")) == EXPECTED
    with Image.open(io.BytesIO(data)) as opened:
        assert read_capture(opened) == EXPECTED


def test_exif_behind_a_large_block_is_found(encode, ref, tmp_path):
    data = encode(image(), exif=full())
    filler = b"\xff\xe2\xff\xff" + bytes(65533)
    (tmp_path / "a.jpg").write_bytes(data[:2] + 6 * filler + data[2:])
    assert read_capture(ref(tmp_path / "a.jpg")) == EXPECTED


def test_only_the_head_of_a_large_jpeg_is_read(encode, ref, tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(encode(image(), exif=full()) + bytes(3_000_000))
    asked = []
    real = exif_module.read_file
    monkeypatch.setattr(exif_module, "read_file", lambda path, limit=None: asked.append(limit) or real(path, limit))
    assert read_capture(ref(tmp_path / "a.jpg")) == EXPECTED
    assert asked == [256 * 1024]


def test_a_file_without_exif_has_its_size_only(encode):
    assert read_capture(encode(image())) == Capture(image_width=60, image_height=40)


@pytest.mark.parametrize("data", [b"", b"text", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP"])
def test_what_is_no_photo_has_no_settings(data):
    assert read_capture(data) == Capture()


def test_a_missing_file_has_no_settings(ref, tmp_path):
    assert read_capture(ref(tmp_path / "gone.jpg")) == Capture()


def test_a_wrong_type_is_the_callers_mistake():
    with pytest.raises(TypeError, match="expected PhotoRef"):
        read_capture("photo.jpg")


@pytest.mark.parametrize(
    ("settings", "field", "expected"),
    [
        (tag(EXPOSURE, IFDRational(0, 1)), "exposure_time_s", None),
        (tag(EXPOSURE, IFDRational(1, 0)), "exposure_time_s", None),
        (tag(EXPOSURE, IFDRational(0, 0)), "exposure_time_s", None),
        (tag(EXPOSURE, IFDRational(30, 1)), "exposure_time_s", 30.0),
        (tag(F_NUMBER, IFDRational(0, 1)), "f_number", None),
        (tag(BIAS, IFDRational(0, 1)), "exposure_bias_ev", 0.0),
        (tag(BIAS, IFDRational(0, 0)), "exposure_bias_ev", None),
        (tag(BIAS, IFDRational(-2147483648, 1)), "exposure_bias_ev", None),
        (tag(ISO, (0, 400)), "iso", 400),
        (tag(ISO, 0), "iso", None),
        (tag(FLASH, 0), "flash_fired", False),
        (tag(FLASH, 0x18), "flash_fired", False),
        (tag(FLASH, 1), "flash_fired", True),
        (tag(FLASH, 65535), "flash_fired", None),
        (tag(FOCAL_LENGTH, IFDRational(424, 100)), "focal_length_mm", 4.24),
        (tag(FOCAL_LENGTH, IFDRational(0, 1)), "focal_length_mm", None),
        (tag(FOCAL_LENGTH, IFDRational(1, 0)), "focal_length_mm", None),
        (tag(TAKEN, "0000:00:00 00:00:00"), "taken_at", None),
        (tag(TAKEN, "    :  :     :  :  "), "taken_at", None),
        (tag(TAKEN, "2023:02:30 10:00:00"), "taken_at", None),
        (tag(TAKEN, "2023-02-03T10:20:30"), "taken_at", dt.datetime(2023, 2, 3, 10, 20, 30)),  # noqa: DTZ001 - as above
        (tag(LENS, "  padded \0\0\0"), "lens_model", "padded"),
        (tag(LENS, "two\nlines"), "lens_model", "twolines"),
        (tag(LENS, "   "), "lens_model", None),
    ],
)
def test_odd_values(encode, settings, field, expected):
    capture = read_capture(encode(image(), exif=block(**settings)))
    assert getattr(capture, field) == expected


def test_text_that_is_not_utf8_is_left_out_and_not_read_in_part(encode):
    data = encode(image(), exif=block(**tag(LENS, "cafX lens"))).replace(b"cafX", b"caf\xe9")
    assert read_capture(data).lens_model is None
    photo, _ = read_photo(data)
    assert photo.notes == ("left out of the camera settings: LensModel (text that is not UTF-8)",)


@pytest.mark.parametrize("orientation", [0, 9, 255])
def test_an_orientation_out_of_range_is_none(encode, orientation):
    assert read_capture(encode(image(), exif=block({ORIENTATION: orientation}))).orientation is None


def test_a_hostile_block_does_not_expand():
    # 5,000 lists of 999 fractions each in 60 KB: libraries that read whole blocks make five million objects of them.
    entries = b"".join(struct.pack("<HHII", 0x829A + n % 4000, 5, 999, 8) for n in range(5000))
    block = b"II*\0" + struct.pack("<IH", 8, 5000) + entries + bytes(4)
    tags = camera_tags(block)
    assert tags
    assert set(tags.values()) == {None}


def test_as_many_directories_are_below_the_main_one_as_cameras_write():
    many = 1_000_000
    start = b"II*\0" + struct.pack("<IH", 8, 2) + struct.pack("<HHII", 0x0100, 4, 1, 640)
    block = start + struct.pack("<HHII", 0x014A, 4, many, 38) + bytes(4) + struct.pack("<I", 8) * many
    assert list(directories(block, frozenset({0x0100}))) == [{0x0100: 640}]
    assert (
        list(directories(block.replace(struct.pack("<I", many), struct.pack("<I", 3), 1), frozenset({0x0100})))
        == [{0x0100: 640}] * 4
    )


def test_a_tiff_may_have_its_directories_behind_megabytes_of_picture():
    at = 5 * 1024 * 1024
    entries = [*exif_blocks.CAMERA, *exif_blocks.EXPOSED, (0x0100, 4, 1, struct.pack("<I", 2048))]
    data = b"II*\0" + struct.pack("<I", at) + bytes(at - 8) + exif_blocks.directory(entries, at)
    capture = read_capture(data)
    assert (capture.model, capture.iso, capture.orientation, capture.image_width) == ("Model X", 400, 6, 2048)


def test_directories_that_point_at_each_other_are_read_once_each():
    settings = struct.pack("<H", 2) + struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHIHH", ISO, 3, 1, 400, 0)
    assert camera_tags(b"II*\0" + struct.pack("<I", 8) + settings + bytes(4)) == {ISO: (400,)}


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    main = struct.pack(f"{order}H", 3) + struct.pack(f"{order}HHI", 0x010F, 2, 4) + b"LG\0\0"
    main += struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 8, 0) + struct.pack(f"{order}HHII", 0x8769, 4, 1, 50)
    settings = struct.pack(f"{order}H", 1) + struct.pack(f"{order}HHII", 0x829A, 5, 1, 68)
    block = mark + struct.pack(f"{order}I", 8) + main + bytes(4) + settings + bytes(4) + struct.pack(f"{order}II", 1, 8)
    capture, notes = exif_module.capture_of_block(block, 0, 0)
    assert capture == Capture(make="LG", orientation=8, exposure_time_s=0.125)
    assert notes == ()


def test_damage_is_quiet(encode, caplog, capsys):
    data = bytearray(encode(image(), exif=full()))
    at = data.index(b"Exif\0\0") + 16
    data[at : at + 60] = b"\xff" * 60
    with caplog.at_level(logging.WARNING):
        read_capture(bytes(data))
    assert caplog.records == []
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("seed", range(150))
def test_mutated_blocks_never_raise_and_stay_in_range(encode, seed):
    random_numbers = np.random.default_rng(seed)
    data = bytearray(encode(image(), exif=full()))
    start = data.index(b"Exif\0\0")
    for at in random_numbers.integers(start, start + 330, random_numbers.integers(1, 40)):
        data[at] = random_numbers.integers(256)
    capture = read_capture(bytes(data))
    assert capture.exposure_time_s is None or 0 < capture.exposure_time_s < float("inf")
    assert capture.orientation in (None, *range(1, 9))
    assert all((text or "x").isprintable() for text in (capture.make, capture.model, capture.lens_model))
