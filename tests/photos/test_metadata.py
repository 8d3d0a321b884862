"""EXIF and XMP as containers keep them: in several segments, in texts, in bounded amounts."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from iqa_cli.photos import read_photo
from iqa_cli.photos.exif import EXIF_DAMAGED, LEFT_OUT, capture_of_header, read_capture
from iqa_cli.photos.headers import read_header
from iqa_cli.photos.metadata import Segments, Texts
from iqa_cli.records import Photo, PhotoRef
from tests.photos.exif_blocks import CAMERA, EXPOSED, WHEN, block, exif_segments, jpeg, oddities, segment

if TYPE_CHECKING:
    from pathlib import Path

XMP = b"http://ns.adobe.com/xap/1.0/\0"
READ = {"make": "Maker", "model": "Model X", "exposure_time_s": 0.008, "f_number": 1.8, "iso": 400, "orientation": 6}


def settings(data: bytes) -> dict[str, object]:
    capture = read_capture(data)
    return {name: value for name in capture.__slots__ if (value := getattr(capture, name)) is not None}


def notes(data: bytes) -> tuple[str, ...]:
    return capture_of_header(read_header("jpeg", data))[1]


@pytest.mark.parametrize(
    "name",
    ["as_it_should", "in_the_main_directory", "in_the_other_directories", "bias_unsigned", "a_short_block_first",
     "garbage_first", "nothing_first", "longer_than_a_segment", "in_capitals", "behind_garbage"],
)  # fmt: skip
def test_the_camera_is_found_wherever_it_is_written(name: str) -> None:
    data = oddities()[name]
    found = settings(data)
    assert found | READ == found
    assert found.get("exposure_bias_ev", -0.7) == -0.7
    assert notes(data) == ()


def test_of_two_blocks_the_last_that_has_a_setting_counts_and_the_first_that_has_an_orientation() -> None:
    found = settings(oddities()["two_blocks"])
    assert (found["make"], found["model"], found["iso"], found["orientation"]) == ("Other", "Model X", 200, 6)


@pytest.mark.parametrize("name", sorted({"gbk", "shift_jis", "latin_1", "beyond_the_block"}))
def test_a_maker_that_cannot_be_read_is_named_in_a_note(name: str) -> None:
    data = oddities()[name]
    assert "make" not in settings(data)
    (note,) = notes(data)
    assert note.startswith(f"{LEFT_OUT} Make (")


def test_garbage_alone_is_told_as_damage() -> None:
    assert notes(jpeg(exif_segments(b"garbage and more garbage"))) == (EXIF_DAMAGED,)


def test_a_look_at_the_head_finds_the_same(tmp_path: Path) -> None:
    for name, data in oddities().items():
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(data + bytes(300_000))
        head = read_photo(PhotoRef(path, name), mode="thumbnail")[1]
        assert head == read_photo(PhotoRef(path, name))[1] == read_capture(data)


def test_segments_are_kept_up_to_a_limit() -> None:
    segments = Segments()
    body = b"Exif\0\0" + block(CAMERA, EXPOSED) + bytes(60_000)
    for _ in range(500):
        segments.add(body)
    assert len(segments.exif()) == 4
    for _ in range(500):
        segments.add(b"Exif\0\0" + bytes(60_000))
    assert sum(map(len, segments.exif())) < 5_000_000
    assert not segments.wants(body)


def test_only_the_first_packet_of_xmp_is_kept() -> None:
    segments = Segments()
    for packet in (b"one", b"two"):
        segments.add(XMP + packet)
    segments.add(b"http://ns.adobe.com/xmp/extension/\0" + bytes(40))
    assert segments.xmp == b"one"
    assert segments.exif() == ()


def profile(content: bytes, name: bytes = b"exif") -> bytes:
    """A raw profile as ImageMagick writes it."""
    digits = content.hex().encode()
    lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return b"\n" + name + b"\n%8d\n" % len(content) + lines + b"\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes) -> bytes:
    """A PNG, darker to the right, with these chunks behind its header."""
    file = io.BytesIO()
    picture = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_270).resize((96, 64)).convert("RGB")
    picture.save(file, "PNG")
    return file.getvalue()[:33] + b"".join(chunks) + file.getvalue()[33:]


EXIF = b"Exif\0\0" + block(CAMERA, [*EXPOSED, WHEN])


@pytest.mark.parametrize(
    "written",
    [
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(EXIF))),
        chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(profile(EXIF, b"generic"))),
        chunk(b"tEXt", b"Raw profile type exif\0" + profile(EXIF)),
        chunk(b"iTXt", b"Raw profile type exif\0\0\0\0\0" + profile(EXIF)),
        chunk(b"iTXt", b"Raw profile type exif\0\1\0en\0word\0" + zlib.compress(profile(EXIF))),
        chunk(b"eXIf", EXIF[6:]),
    ],
)
def test_a_png_is_turned_by_exif_in_any_of_its_forms(written: bytes) -> None:
    data = png(written)
    found = settings(data)
    assert found | READ == found
    photo, _ = read_photo(data)
    assert isinstance(photo, Photo)
    assert photo.rgb.shape[:2] == (96, 64)
    brightness = photo.rgb.mean(axis=(1, 2))
    assert np.all(np.diff(brightness[2:-2]) <= 0.5)  # dark to the right has become dark to the bottom


@pytest.mark.parametrize(
    "written",
    [
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(EXIF))[:-20]),
        chunk(b"zTXt", b"Raw profile type exif\0\0no zip"),
        chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 20\nno digits"),
        chunk(b"tEXt", b"Raw profile type exif\0"),
        chunk(b"tEXt", b"Raw profile type exif"),
        chunk(b"tEXt", b"Comment\0" + profile(EXIF)),
    ],
)
def test_damaged_and_other_texts_do_no_harm(written: bytes) -> None:
    photo, capture = read_photo(png(written))
    assert isinstance(photo, Photo)
    assert capture.orientation in (None, 6)


def test_texts_are_unpacked_up_to_a_limit() -> None:
    bomb = memoryview(b"Raw profile type exif\0\0" + zlib.compress(bytes(200_000_000)))
    texts = Texts()
    tracemalloc.start()
    for _ in range(100):
        texts.add(b"zTXt", bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert texts.exif is None
    assert peak < 30_000_000


def test_an_app1_profile_may_be_xmp() -> None:
    texts = Texts()
    texts.add(b"tEXt", memoryview(b"Raw profile type APP1\0" + profile(XMP + b"<x/>", b"APP1")))
    assert (texts.exif, texts.xmp) == (None, b"<x/>")


def test_a_segment_of_another_kind_is_none() -> None:
    assert settings(jpeg(segment(b"QVCI\0" + block(CAMERA)))) == {"image_width": 96, "image_height": 64}
