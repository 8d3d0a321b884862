"""Files that ask for more than a photograph does: each is a row, and what it takes is bounded before a decoder runs.

Nothing here looks at a clock: `benchmarks/bounded.py` measures. Here it is counted what is called, and how often.
"""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib

import bombs
import numpy as np
import pytest
from bombs import drawn_heif, drawn_jpeg, drawn_png, drawn_webp, pictures
from PIL import Image, PngImagePlugin

from iqa_cli.photos import costs, decode, heif, isobmff, jpeg, jpeg_decoder, pixels, truncated
from iqa_cli.photos.cicp import ColourCoding, of_profile
from iqa_cli.photos.colour import PROFILE_UNUSABLE
from iqa_cli.photos.exif import read_capture
from iqa_cli.photos.headers import read_header
from iqa_cli.photos.limits import MAX_FILE_BYTES, MAX_MEMORY_BYTES, MAX_PROFILE_BYTES, ExcessError
from iqa_cli.records import Capture, Photo, PhotoRef, Unreadable

BY_NAME = {bomb.name: bomb for bomb in bombs.BOMBS}


@pytest.fixture(scope="module")
def small():
    """small(name) -> the file of that bomb in its small size, made once."""
    made: dict[str, bytes] = {}

    def _small(name: str) -> bytes:
        if name not in made:
            made[name] = BY_NAME[name].make(BY_NAME[name].small)
        return made[name]

    return _small


@pytest.fixture
def no_decoder(monkeypatch):
    def never(*_args, **_kwargs):
        raise AssertionError("a decoder was called")

    monkeypatch.setattr(jpeg_decoder, "load", never)
    monkeypatch.setattr(heif, "HeifPicture", never)
    monkeypatch.setattr(decode, "HeifPicture", never)
    monkeypatch.setattr(decode, "_open_other", never)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_bomb_is_a_photo_or_a_reason_of_one_line_in_every_mode(small, name):
    data = small(name)
    assert isinstance(read_capture(data), Capture)
    for mode in ("scaled", "full", "thumbnail"):
        read = decode.decode(data, mode=mode)
        if isinstance(read, Unreadable):
            assert read.reason
            assert "\n" not in read.reason
        else:
            assert isinstance(read, Photo)


# Floods: counted, and given up.


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("jpeg-empty-segments", "too many segments; the limit is 10000"),
        ("jpeg-comments", "too many segments; the limit is 10000"),
        ("jpeg-fill-before-markers", "too many segments; the limit is 10000"),
        ("jpeg-starts-in-head", "too many segments; the limit is 10000"),
        ("jpeg-starts-in-scan", "too many segments; the limit is 10000"),
        ("jpeg-huffman-tables", "too many segments; the limit is 10000"),
        ("jpeg-tables-behind-scan", "too many segments; the limit is 10000"),
        ("jpeg-frames", "more than one frame header"),
        ("png-chunks", "too many chunks; the limit is 100000"),
        ("png-chunks-behind", "too many chunks; the limit is 100000"),
        ("png-picture-in-pieces", "too many chunks; the limit is 100000"),
        ("webp-chunks", "too many chunks; the limit is 10000"),
        ("heic-extents", "too many boxes or entries in one box"),
        ("heic-boxes-in-front", "too many boxes or entries in one box"),
        ("heic-boxes-behind", "too many boxes or entries in one box"),
        ("heic-boxes-in-meta", "too many boxes or entries in one box"),
        ("heic-properties", "too many boxes or entries in one box"),
        ("heic-profile", "the properties of its pictures are too large"),
        ("heic-items", "too many boxes or entries in one box"),
        ("heic-associations", "too many boxes or entries in one box"),
        ("heic-references", "too many boxes or entries in one box"),
        ("avif-boxes-in-front", "too many boxes or entries in one box"),
        ("avif-properties", "too many boxes or entries in one box"),
        ("avif-items", "too many boxes or entries in one box"),
        ("avif-places", "too many boxes or entries in one box"),
        ("avif-associations", "too many boxes or entries in one box"),
    ],
)
@pytest.mark.parametrize("mode", ["scaled", "full", "thumbnail"])
@pytest.mark.usefixtures("no_decoder")
def test_a_flood_is_given_up_before_a_decoder_sees_it(small, name, words, mode):
    read = decode.decode(small(name), mode=mode)
    assert isinstance(read, Unreadable)
    assert words in read.reason


def test_no_more_segments_are_looked_at_than_the_limit_says(monkeypatch):
    looked = []
    needed = jpeg._is_needed
    monkeypatch.setattr(jpeg, "_is_needed", lambda marker, body: looked.append(marker) or needed(marker, body))
    layout = jpeg.read_layout(BY_NAME["jpeg-empty-segments"].make(3 * jpeg.MAX_SEGMENTS))
    assert layout.excess
    assert len(looked) == jpeg.MAX_SEGMENTS


def test_as_many_segments_as_the_limit_says_are_read():
    data = pictures.encoded("JPEG")
    own = len(
        [at for at in range(len(data) - 1) if data[at] == 0xFF and data[at + 1] in (0xC4, 0xDB, 0xC0, 0xE0, 0xDA)]
    )
    for more, is_read in ((jpeg.MAX_SEGMENTS - own, True), (jpeg.MAX_SEGMENTS - own + 1, False)):
        read = decode.decode(data[:2] + drawn_jpeg.segment(0xFE) * more + data[2:])
        assert isinstance(read, Photo) is is_read


@pytest.mark.usefixtures("no_decoder")
def test_tables_of_more_than_the_limit_are_refused():
    data = BY_NAME["jpeg-profile-chunks"].make(600)
    read = decode.decode(data)
    assert isinstance(read, Unreadable)
    assert "too many tables before the picture" in read.reason


# Runs of bytes that mean nothing: passed over at once.


@pytest.mark.parametrize(
    "name",
    [
        "jpeg-fill-in-head",
        "jpeg-fill-in-scan",
        "jpeg-fill-at-end",
        "jpeg-restarts-in-head",
        "jpeg-restarts-in-scan",
        "jpeg-stuffing-in-head",
        "jpeg-stuffing-in-scan",
        "jpeg-noise-in-scan",
    ],
)
def test_a_run_without_meaning_costs_a_step(small, name, monkeypatch):
    steps = []
    search = jpeg._next_marker
    monkeypatch.setattr(jpeg, "_next_marker", lambda data, at: steps.append(at) or search(data, at))
    jpeg.read_layout(small(name))
    assert len(steps) < 10


@pytest.mark.parametrize("run", [b"\xff" * 1_000_001, bytes(1_000_001)])
def test_what_a_failed_copy_left_at_the_end_is_no_picture(run):
    data = pictures.encoded("JPEG")[:-2]
    assert bytes(jpeg.read_layout(data + run).picture) == bytes(jpeg.read_layout(data).picture)


@pytest.mark.parametrize("between", [b"\xff" * 10, b"\xff" * 100_000, b"\xff\xd0\xff\xd7", b"\xff\0" * 100, b"abc"])
def test_what_lies_between_segments_changes_no_pixel(between):
    data = pictures.encoded("JPEG")
    plain, odd = decode.decode(data), decode.decode(data[:20] + between + data[20:])
    assert isinstance(plain, Photo)
    assert isinstance(odd, Photo)
    assert np.array_equal(plain.rgb, odd.rgb)


# Claims: what a header asks for is reckoned.


def png_that_claims(width, height, *, depth=8, colour=2, interlace=0):
    header = drawn_png.chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))
    body = drawn_png.chunk(b"IDAT", zlib.compress(bytes(1000))) + drawn_png.chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + header + body


def boxes_that_claim(kind, width, height):
    data = pictures.encoded(kind)
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (png_that_claims(17_000, 17_000), "17000 x 17000 pixels: 1.2 GB of memory; the limit is 1 GB"),
        (png_that_claims(15_400, 15_400, depth=16, colour=6, interlace=1), "about 6 s; the limit is 4.5 s"),
        (boxes_that_claim("HEIC", 15_000, 15_000), "2.3 GB of memory; the limit is 1 GB"),
        (boxes_that_claim("AVIF", 15_000, 15_000), "2.3 GB of memory; the limit is 1 GB"),
        (drawn_webp.webp_animation(100), "1.7 GB of memory; the limit is 1 GB"),
        (drawn_jpeg.huge_claim(200, progressive=True, subsampling=0), "GB of memory; the limit is 1 GB"),
        (drawn_jpeg.many_scans(100), "in 500 scans: about"),
        (BY_NAME["heic-same-part"].make(65_535), "640 x 640 pixels: about"),
        (BY_NAME["heic-overlays"].make(200), "512 x 512 pixels: about"),
    ],
    ids=["png", "png-slow", "heic", "avif", "webp", "jpeg-progressive", "jpeg-scans", "one-part", "overlays"],
)
@pytest.mark.parametrize("mode", ["scaled", "full"])
@pytest.mark.usefixtures("no_decoder")
def test_what_would_take_too_much_is_refused_by_its_header(data, words, mode):
    read = decode.decode(data, mode=mode)
    assert isinstance(read, Unreadable)
    assert read.reason.startswith("takes too much to decode (")
    assert words in read.reason


@pytest.mark.parametrize(
    ("kind", "size", "coded_bytes"),
    [
        ("jpeg", (16_320, 12_240), 90_000_000),  # 200 megapixels, as the largest sensors give them
        ("png", (12_000, 9_000), 300_000_000),
        ("webp", (8_000, 6_000), 15_000_000),
        ("heif", (8_064, 6_048), 12_000_000),  # 48 megapixels
        ("avif", (8_064, 6_048), 12_000_000),
    ],
)
def test_what_cameras_write_is_affordable(kind, size, coded_bytes):
    if kind == "jpeg":
        layout = jpeg.read_layout(drawn_jpeg.claiming(pictures.encoded("JPEG", subsampling=2), *size))
        layout = dataclasses.replace(layout, picture=memoryview(bytes(coded_bytes)))
        assert costs.affordable(layout, "full") == ("full", 0)
        return
    header = dataclasses.replace(read_header("png", png_that_claims(*size)), kind=kind)
    costs.check_other(header, bytes(coded_bytes))


def test_a_part_counts_as_often_as_it_is_used():
    assert isobmff.read_demand(BY_NAME["heic-same-part"].make(100)).pixels == 100 * 512 * 512
    assert isobmff.read_demand(BY_NAME["heic-overlays"].make(3)).pixels == 3**3 * 512 * 512
    assert isobmff.read_demand(BY_NAME["heic-grid"].make(4)).pixels == (3 * 512) ** 2
    plain = pictures.encoded("HEIC", 128, 128)
    demand = isobmff.read_demand(plain)
    assert demand.pixels == demand.largest_pixels == 128 * 128
    assert 0 < demand.coded_bytes < len(plain)


def test_what_lies_beside_a_picture_takes_no_time():
    """A film that belongs to the photo, or frames that are not judged."""
    film = drawn_heif.box(b"mpvd", bytes(60_000_000))
    assert isinstance(decode.decode(drawn_heif.heif_with(behind=film)), Photo)
    size = bytes((95, 0, 0, 63, 0, 0))
    frame = bytes(6) + size + bytes(4) + pictures.encoded("WEBP")[12:]
    animation = drawn_webp.riff(
        (b"VP8X", b"\x02\0\0\0" + size), (b"ANIM", bytes(6)), (b"ANMF", frame), (b"junk", bytes(60_000_000))
    )
    assert isinstance(decode.decode(animation), Photo)


def frames_that_differ():
    data = pictures.encoded("JPEG")
    huge = drawn_jpeg.table(drawn_jpeg.claiming(data, 16_000, 16_000), b"\xff\xc0")
    at = data.index(b"\xff\xda")
    return data[:at] + huge + data[at:]


def headers_that_differ():
    small, huge = pictures.encoded("PNG"), png_that_claims(16_000, 16_000, colour=6)
    return huge[:33] + small[8:]


def pictures_that_differ(behind):
    again = drawn_heif.full_box(b"pitm", struct.pack(">I", 9), version=1)
    return (
        drawn_heif.heif_with(behind=drawn_heif.full_box(b"meta", again))
        if behind
        else drawn_heif.heif_with(in_meta=again)
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (frames_that_differ(), "more than one frame header"),
        (headers_that_differ(), "more than one header"),
        (pictures_that_differ(behind=False), "is there twice"),
        (pictures_that_differ(behind=True), "is there twice"),
    ],
    ids=["jpeg", "png", "heic", "heic-meta"],
)
@pytest.mark.parametrize("mode", ["scaled", "full", "thumbnail"])
@pytest.mark.usefixtures("no_decoder")
def test_a_file_that_states_its_size_twice_is_refused(data, words, mode):
    """Or the size that is reckoned with would not be the one that is decoded."""
    read = decode.decode(data, mode=mode)
    assert isinstance(read, Unreadable)
    assert words in read.reason


def test_the_first_picture_chunk_of_a_webp_file_states_its_size():
    size = bytes((0xFF, 0x3F, 0)) * 2
    first = drawn_webp.riff((b"VP8X", bytes(4) + size), (b"VP8X", bytes(10)))
    assert read_header("webp", first).width == 16_384
    plain = pictures.encoded("WEBP")
    assert read_header("webp", plain + b"VP8X" + struct.pack("<I", 10) + bytes(10)).width == 96


def test_all_tables_of_properties_count():
    """A file may have several (ISO/IEC 23008-12, 9.3.1)."""
    coded = drawn_heif.coded_tile("HEIC", 128)
    links = struct.pack(">IIBB", 1, 1, 1, len(coded.properties) + 1)
    item = drawn_heif.Item(1, b"hvc1", coded.data, tuple(range(1, len(coded.properties) + 1)))
    data = drawn_heif.heif([item], [*coded.properties, drawn_heif.ispe(9000, 9000)])
    at = data.index(b"iprp") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    table = drawn_heif.full_box(b"ipma", links, version=1)
    meta = data.index(b"meta") - 4
    grown = bytearray(data[: at + size] + table + data[at + size :])
    for place in (at, meta):
        grown[place : place + 4] = struct.pack(">I", int.from_bytes(grown[place : place + 4], "big") + len(table))
    assert isobmff.read_demand(bytes(grown)).pixels == 9000 * 9000


def test_a_picture_that_is_made_of_itself_has_no_size():
    item = drawn_heif.Item(1, b"iovl", bytes(20), (1,), (1,))
    data = drawn_heif.heif([item], [drawn_heif.ispe(64, 64)])
    with pytest.raises(ExcessError):
        isobmff.read_demand(data)
    read = decode.decode(data)
    assert isinstance(read, Unreadable)
    assert "without an end" in read.reason


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "disk.jpg"
    path.write_bytes(pictures.encoded("JPEG"))
    with path.open("r+b") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    read = decode.decode(PhotoRef(path, "disk.jpg"))
    assert isinstance(read, Unreadable)
    assert read.reason == f"the file has {MAX_FILE_BYTES + 1} bytes; the limit is {MAX_FILE_BYTES}"


# Large pictures: less at once, the same pixels.


def test_where_all_pixels_would_take_too_much_a_fraction_is_decoded_and_said(monkeypatch):
    data = pictures.encoded("JPEG", 3200, 2400)
    scaled, full = decode.decode(data), decode.decode(data, mode="full")
    monkeypatch.setattr(costs, "MAX_MEMORY_BYTES", 8_000_000)
    instead = decode.decode(data, mode="full")
    assert isinstance(scaled, Photo)
    assert isinstance(full, Photo)
    assert isinstance(instead, Photo)
    assert np.array_equal(instead.rgb, scaled.rgb)
    assert not np.array_equal(instead.rgb, full.rgb)
    assert instead.notes == (costs.SCALED_INSTEAD,)
    assert scaled.notes == full.notes == ()


def test_a_large_file_that_ends_early_is_measured_at_a_fraction_of_its_size(monkeypatch):
    layout = jpeg.read_layout(pictures.encoded("JPEG", 3200, 2400)[:-400])
    whole = truncated.measure(layout, "full")
    monkeypatch.setattr(costs, "MAX_MEMORY_BYTES", 8_000_000)
    fraction = truncated.measure(layout, "full")
    assert fraction.image.width < whole.image.width
    assert fraction.share == pytest.approx(whole.share, abs=0.02)


@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("kind", ["L", "RGB", "CMYK"])
def test_bands_find_the_first_difference(rows, kind, monkeypatch):
    monkeypatch.setattr(truncated, "_BAND_ROWS", rows)
    one = Image.new(kind, (40, 100))
    other = one.copy()
    assert truncated._first_difference(one, other) is None
    white = {"L": 255, "RGB": (0, 0, 255), "CMYK": (0, 0, 0, 255)}[kind]
    other.putpixel((31, 70), white)
    other.putpixel((3, 71), white)
    assert truncated._first_difference(one, other) == (70, 31)


def _seen_through(image):
    holes = image.convert("RGBA")
    holes.putalpha(image.convert("L").point(lambda value: 255 if value > 120 else value))
    return holes


@pytest.mark.parametrize("size", [(1500, 1100), (2049, 513), (700, 2600)])
@pytest.mark.parametrize("kind", ["RGBA", "LA", "P", "1", "P-opacity", "L-opacity", "RGB-opacity"])
def test_a_large_picture_is_made_small_in_bands_to_the_same_pixels(size, kind, monkeypatch):
    scene = pictures.scene(*size)
    mode = kind.partition("-")[0]
    image = {"RGBA": _seen_through, "LA": lambda i: _seen_through(i).convert("LA")}.get(
        mode, lambda i: i.convert(mode)
    )(scene)
    buffer = io.BytesIO()
    transparent = {"P": 3, "L": 90, "RGB": (20, 20, 110)}[mode] if kind.endswith("opacity") else None
    image.save(buffer, "PNG", **({} if transparent is None else {"transparency": transparent}))
    whole = decode.decode(buffer.getvalue())
    monkeypatch.setattr(pixels, "_LARGE_PIXELS", 0)
    with PngImagePlugin.PngImageFile(io.BytesIO(buffer.getvalue())) as opened:
        assert pixels._is_copied(opened)
    bands = decode.decode(buffer.getvalue())
    assert isinstance(whole, Photo)
    assert isinstance(bands, Photo)
    assert np.array_equal(whole.rgb, bands.rgb)
    assert whole.notes == bands.notes


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_standard_rendition_of_an_image_is_that_of_its_samples(mode):
    image = pictures.scene(1300, 900, mode)
    pq = ColourCoding(9, 16)
    of_image, of_samples = pixels.in_standard(image, pq), pixels.in_standard(np.asarray(image), pq)
    assert of_image.mode == of_samples.mode
    assert np.array_equal(np.asarray(of_image), np.asarray(of_samples))


def test_a_huge_colour_profile_is_not_used_and_not_remembered():
    of_profile.cache_clear()
    image = pictures.scene()
    image.info["icc_profile"] = bytes(MAX_PROFILE_BYTES + 1)
    seen = pixels.finish(image, size=image.size, orientation=1)
    assert seen.notes == (PROFILE_UNUSABLE,)
    assert of_profile.cache_info().currsize == 0


def test_only_a_few_of_the_previews_that_an_index_lists_are_tried(monkeypatch):
    tried = []
    monkeypatch.setattr("iqa_cli.photos.preview._open_jpeg", lambda data, _profile: tried.append(len(data)))
    decode.decode(BY_NAME["jpeg-previews"].make(64), mode="thumbnail")
    assert 1 <= len(tried) <= 4


def test_the_limits_hold_for_a_claim_that_once_took_six_gigabytes():
    layout = jpeg.read_layout(drawn_jpeg.huge_claim(299))
    mode, _ = costs.affordable(layout, "full")
    assert mode == "scaled"
    assert costs.of_jpeg(layout, mode, pictures=2).memory_bytes < MAX_MEMORY_BYTES // 2
