"""Holes in HEVC data, which libheif decodes without a word."""

import io
import struct

import numpy as np
import pillow_heif
import pytest
from drawn_tiles import parts
from PIL import Image

from iqa_cli.photos import hevc, isobmff, read_photo
from iqa_cli.photos.damage import CORRUPT, HOLE
from iqa_cli.photos.hevc import HOLE_BYTES, has_hole, is_in_step, length_size
from iqa_cli.records import Photo

NOISE = np.random.default_rng(0).integers(0, 256, (256, 384, 3), np.uint8)


@pytest.fixture(scope="module")
def single():
    """A HEIC file with one picture that is not in tiles."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(NOISE)).save(buffer, quality=80)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def tiled():
    image = Image.fromarray(NOISE)
    return parts(image, image.resize((192, 128), Image.Resampling.BOX))


def with_block(data, at, block):
    return data[:at] + block + data[at + len(block) :]


def damage_of(data):
    photo, _ = read_photo(data)
    assert isinstance(photo, Photo)
    return photo.damage


def test_whole_files_are_not_called_damaged(single, tiled):
    assert damage_of(single) is None
    assert damage_of(tiled.file()) is None


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_hole_of_zeros_is_told_wherever_it_is(single, tiled, share):
    at = single.index(b"mdat") + 4
    place = at + int((len(single) - at - 512) * share)
    assert damage_of(with_block(single, place, bytes(512))) == HOLE
    number = 3 + int(share * 6)
    coded = tiled.items[number - 1].data
    holed = with_block(coded, len(coded) // 2, bytes(128))
    assert damage_of(tiled.with_item(number, data=holed).file()) == HOLE


def test_a_tile_that_is_damaged_keeps_the_preview_from_being_judged(tiled):
    coded = tiled.items[4].data
    broken = tiled.with_item(5, data=with_block(coded, 100, bytes(256))).file()
    photo, _ = read_photo(broken, mode="auto")
    assert not photo.is_checked_preview
    assert photo.damage == HOLE


def test_a_tile_out_of_step_is_told(tiled):
    """Its length leads nowhere, and there are no zeros: libheif leaves the place of the tile empty."""
    coded = with_block(tiled.items[4].data, 0, struct.pack(">I", 0x7F7F7F7F))
    assert damage_of(tiled.with_item(5, data=coded).file()) == CORRUPT


@pytest.mark.parametrize("quality", [5, 50, 95])
@pytest.mark.parametrize("level", [0, 127, 255])
def test_encoders_write_no_holes_into_even_pictures(level, quality):
    """The flattest picture there is: what is coded is mostly nothing."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", (2048, 1024), (level,) * 3)).save(buffer, quality=quality)
    assert damage_of(buffer.getvalue()) is None


def test_a_hole_is_as_long_as_no_padding():
    assert not has_hole(b"\1" + bytes(HOLE_BYTES - 1) + b"\1")
    assert has_hole(b"\1" + bytes(HOLE_BYTES) + b"\1")


def units(*sizes, length_bytes=4):
    rng = np.random.default_rng(1)
    return b"".join(size.to_bytes(length_bytes, "big") + b"\x26" + rng.bytes(size - 1) for size in sizes)


@pytest.mark.parametrize("length_bytes", [1, 2, 4])
def test_units_lead_from_one_to_the_next(length_bytes):
    whole = units(40, 3, 200, length_bytes=length_bytes)
    assert is_in_step(whole, length_bytes)
    assert is_in_step(whole + bytes(5), length_bytes)  # padding
    assert not is_in_step(whole + b"\0\1\2\3\4", length_bytes)
    assert not is_in_step(whole[:-1], length_bytes)
    assert not is_in_step(whole[1:], length_bytes)
    assert not is_in_step(b"", length_bytes)
    assert not is_in_step(bytes(10), length_bytes)
    assert not is_in_step(bytes(length_bytes - 1) + b"\3\x80ab", length_bytes)  # no unit begins with a bit that is set


def test_a_file_of_millions_of_units_is_given_up() -> None:
    """What is wrong behind the ten-thousandth is not looked for."""
    assert not is_in_step(units(3, length_bytes=1) * 5000 + b"\xff", 1)
    assert is_in_step(units(3, length_bytes=1) * 10_001 + b"\xff", 1)


def test_the_size_of_lengths_is_read_from_the_configuration():
    body = bytes([1]) + bytes(20)
    assert [length_size(body + bytes([0xFC | size - 1, 0])) for size in (1, 2, 4)] == [1, 2, 4]
    assert length_size(None) is None
    assert length_size(body) is None
    assert length_size(bytes(23)) is None


def test_tiles_of_tiles_are_found_and_circles_end():
    references = {b"dimg": ((1, (2, 3)), (2, (4, 5, 5)), (4, (1, 6)))}
    types = {1: b"grid", 2: b"grid", 3: b"hvc1", 4: b"grid", 5: b"hvc1", 6: b"hvc1", 7: b"hvc1"}
    assert list(hevc.coded_items(isobmff.Items(1, types, {}, {}, references))) == [3, 5, 6]


def test_pictures_that_share_their_data_a_thousand_times_are_not_read_a_thousand_times():
    types = {1: b"grid"} | dict.fromkeys(range(2, 1002), b"hvc1")
    spans = dict.fromkeys(range(2, 1002), ((0, 1_000_000),))
    items = isobmff.Items(1, types, spans, {}, {b"dimg": ((1, tuple(range(2, 1002))),)})
    assert hevc.trouble(items, lambda *_: pytest.fail("read"), 1_000_000) is None
