"""HEIC pictures in tiles: judged from the preview only where the picture is plain and its tiles look like it."""

import dataclasses
import struct

import numpy as np
import pytest
from bombs.drawn_heif import box, full_box
from drawn_tiles import TILE, TURNED_LEFT, coded, parts
from PIL import Image, ImageOps

from iqa_cli.photos import heif_tiles, read_photo
from iqa_cli.photos.preview import DAMAGED, OTHER_SHAPE, UNLIKE, read_checked_preview
from iqa_cli.records import Photo, Unreadable

SIZE = (608, 448)  # 5 x 4 tiles, of which those at the edges are cut
SMALL = (152, 112)
AGREES = "judged from the camera's {} preview, which agrees with 3 of the picture's 20 tiles"


def scene(width=SIZE[0], height=SIZE[1]):
    """Nothing is symmetric, one corner is bright, one is dark, and shapes lie over the edges of tiles."""
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    light = 40 + 120 * x + 60 * y * y + 30 * np.sin(9 * x + 5 * y * y) + 60 * (np.hypot(x - 0.3, y - 0.6) < 0.2)
    return Image.fromarray(np.stack([light, 0.9 * light, 0.8 * light], axis=2).clip(0, 255).astype(np.uint8))


def small_of(image):
    return image.resize(SMALL, Image.Resampling.LANCZOS)


@pytest.fixture(scope="module")
def whole():
    return parts(scene(), small_of(scene()))


def preview_replaced(whole, image):
    """The same file with another picture as its thumbnail."""
    data, properties = coded(image)
    at = len(whole.properties)
    return dataclasses.replace(whole, properties=[*whole.properties, *properties]).with_item(
        2, data=data, properties=tuple(range(at + 1, at + 1 + len(properties)))
    )


def fallback(data):
    """The notes that "auto" adds to what "scaled" says; everything else is the same."""
    auto, capture = read_photo(data, mode="auto")
    scaled, plain_capture = read_photo(data)
    assert capture == plain_capture
    if isinstance(scaled, Unreadable):
        assert auto == scaled
        return ()
    assert np.array_equal(auto.rgb, scaled.rgb)
    assert (auto.width, auto.height, auto.is_checked_preview) == (scaled.width, scaled.height, False)
    assert auto.notes[: len(scaled.notes)] == scaled.notes
    return auto.notes[len(scaled.notes) :]


def test_a_preview_that_shows_the_same_is_judged_in_place_of_the_picture(whole):
    photo, capture = read_photo(whole.file(), mode="auto")
    plain, plain_capture = read_photo(whole.file())
    assert photo.is_checked_preview
    assert photo.notes == (AGREES.format("152 x 112"),)
    assert (photo.width, photo.height) == (plain.width, plain.height) == SIZE
    assert photo.rgb.shape == (SMALL[1], SMALL[0], 3)
    assert np.abs(photo.rgb.mean((0, 1)) - plain.rgb.mean((0, 1))).max() < 1
    assert capture == plain_capture


def test_a_turned_picture_is_compared_as_it_lies_in_the_file():
    data = parts(scene(), small_of(scene()), turn=TURNED_LEFT).file()
    photo, _ = read_photo(data, mode="auto")
    plain, _ = read_photo(data)
    assert photo.notes == (AGREES.format("112 x 152"),)
    assert (photo.width, photo.height) == (plain.width, plain.height) == SIZE[::-1]
    like = Image.fromarray(plain.rgb).resize(photo.rgb.shape[1::-1], Image.Resampling.BOX)
    assert np.abs(photo.rgb.astype(float) - np.asarray(like)).mean() < 3


def test_tiles_are_where_the_standard_puts_them(monkeypatch):
    """Each tile has a level of its own, so that a tile taken for another would differ by 8 of 255 at least."""
    rows, columns = 4, 5
    levels = 30 + 10 * np.random.default_rng(1).permutation(rows * columns).reshape(rows, columns)
    pixels = np.repeat(np.repeat(levels, TILE, 0), TILE, 1)[: SIZE[1], : SIZE[0], None].repeat(3, 2).astype(np.uint8)
    image = Image.fromarray(pixels)
    compared = []
    monkeypatch.setattr(heif_tiles.Grid, "_choice", lambda grid, _: list(range(len(grid.tiles))))
    monkeypatch.setattr(
        heif_tiles, "is_alike", lambda tile, place: compared.append((tile.mean(), place.mean())) or True
    )
    seen = read_checked_preview(parts(image, image.resize(SMALL, Image.Resampling.BOX)).file())
    assert seen.photo is not None
    tiles, places = np.array(compared).T
    assert np.abs(tiles - levels.ravel()).max() < 2
    assert np.abs(places - levels.ravel()).max() < 4


@pytest.mark.parametrize("level", [0, 3, 128, 255])
def test_a_picture_of_one_level_is_compared_as_well(level):
    def even(value):
        return Image.new("RGB", SIZE, (value,) * 3)

    same = parts(even(level), small_of(even(level)))
    assert read_checked_preview(same.file()).photo is not None
    other = preview_replaced(same, small_of(even(level + 20 if level < 200 else level - 20)))
    assert fallback(other.file()) == (UNLIKE,)


def exposed(image, factor):
    return image.point([min(255, round(value * factor)) for value in range(256)] * 3)


def letterboxed(image):
    framed = Image.new("RGB", image.size)
    framed.paste(image.resize((image.width, image.height * 3 // 4)), (0, image.height // 8))
    return framed


@pytest.mark.parametrize(
    "change",
    [
        lambda image: Image.new("RGB", image.size),
        lambda image: Image.new("RGB", image.size, (128,) * 3),
        lambda image: Image.new("RGB", image.size, (255,) * 3),
        lambda image: exposed(image, 0.85),
        lambda image: exposed(image, 1.15),
        ImageOps.flip,
        ImageOps.mirror,
        ImageOps.invert,
        letterboxed,
        lambda image: image.crop((20, 15, 132, 97)).resize(image.size),
        lambda image: Image.effect_noise(image.size, 80).convert("RGB"),
    ],
    ids=["black", "grey", "white", "darker", "brighter", "flipped", "mirrored", "inverted", "bars", "cut", "noise"],
)
def test_a_preview_of_something_else_is_not_used(whole, change):
    assert fallback(preview_replaced(whole, change(small_of(scene()))).file()) == (UNLIKE,)


def test_a_black_preview_of_a_night_with_one_light_is_not_used():
    """What the preview shows as equal is told apart by how much is coded there."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    pixels[300:380, 400:500] = np.random.default_rng(0).integers(150, 256, (80, 100, 1))
    assert fallback(parts(Image.fromarray(pixels), Image.new("RGB", SMALL)).file()) == (UNLIKE,)


@pytest.mark.parametrize("size", [(152, 86), (112, 152), (152, 120)])
def test_a_preview_of_another_shape_is_not_used(whole, size):
    assert fallback(preview_replaced(whole, scene(*size)).file()) == (OTHER_SHAPE,)


def test_a_preview_that_is_too_small_for_the_model_is_not_used(whole):
    assert read_checked_preview(whole.file(), 112).photo is not None
    assert read_checked_preview(whole.file(), 113).photo is None
    assert read_photo(whole.file(), mode="auto", side=224)[0].rgb.shape[1] == 512


def test_a_damaged_preview_is_not_used(whole):
    size = len(whole.items[1].data)
    assert fallback(whole.with_item(2, data=bytes(size)).file()) == (DAMAGED,)


def test_bars_that_belong_to_the_picture_are_found_in_the_picture():
    image = letterboxed(scene())
    photo, _ = read_photo(parts(image, small_of(image)).file(), mode="auto")
    assert not photo.is_checked_preview
    assert fallback(parts(image, small_of(image)).file()) == ()


@pytest.mark.parametrize("number", [3, 12, 22])
def test_damage_in_a_tile_that_is_looked_at_is_seen(whole, monkeypatch, number):
    monkeypatch.setattr(heif_tiles.Grid, "_choice", lambda *_: [number - 3])
    monkeypatch.setattr(heif_tiles.Grid, "is_intact", lambda *_: True)
    damaged = whole.with_item(number, data=bytes(len(whole.items[number - 1].data)))
    assert read_checked_preview(damaged.file()).note == UNLIKE


def grid(rows, columns, size=SIZE, version=0):
    return struct.pack(">BBBBHH", version, 0, rows - 1, columns - 1, *size)


def alpha(whole):
    return dataclasses.replace(
        whole.with_property(22, full_box(b"auxC", b"urn:mpeg:hevc:2015:auxid:1\0")), alphas=((22, 1),)
    )


def colours(number):
    return lambda whole: whole.with_property(number, box(b"colr", b"nclx", struct.pack(">HHHB", 12, 13, 6, 128)))


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole.with_item(1, data=grid(4, 4)),
        lambda whole: whole.with_item(1, data=grid(5, 4)),
        lambda whole: whole.with_item(1, data=grid(4, 5, (600, 448))),
        lambda whole: whole.with_item(1, data=grid(4, 5, version=1)),
        lambda whole: whole.with_item(1, data=b""),
        lambda whole: whole.with_item(1, parts=tuple(range(3, 22))),
        lambda whole: whole.with_item(1, parts=(*range(3, 22), 21)),
        lambda whole: whole.with_item(1, parts=(*range(3, 22), 99)),
        lambda whole: whole.with_item(22, kind=b"av01"),
        lambda whole: whole.with_item(22, data=b""),
        lambda whole: whole.with_property(1, box(b"clap", struct.pack(">8I", 400, 1, 300, 1, 0, 1, 0, 1))),
        lambda whole: whole.with_property(22, box(b"irot", bytes([2]))),
        lambda whole: whole.with_property(22, full_box(b"ispe", struct.pack(">II", 64, 64))),
        colours(1),
        colours(2),
        colours(22),
        alpha,
        lambda whole: dataclasses.replace(whole, thumbnails=((2, 3),)),
    ],
    ids=[
        "more tiles than places", "fewer", "another size", "version", "no layout", "one missing", "one twice",
        "one that is not there", "of another codec", "empty", "cut", "turned tile", "small tile", "other colours",
        "of the preview", "of a tile", "alpha", "of a tile only",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_decoded_whole(whole, change):
    assert fallback(change(whole).file()) == ()


def moved_extent(data, whole, number, at, size):
    """The same file with other bytes for one item."""
    table = data.index(b"iloc") + 4 + 10
    place = table + 18 * [item.number for item in whole.items].index(number) + 10
    assert struct.unpack_from(">I", data, place + 4)[0] == len(whole.items[number - 1].data)
    return data[:place] + struct.pack(">II", at, size) + data[place + 8 :]


@pytest.mark.parametrize(("at", "size"), [(0, 40), (0, 0), (1, 40)], ids=["overlapping", "empty", "outside"])
def test_tiles_that_lie_where_no_tile_can_be_are_never_compared(whole, monkeypatch, at, size):
    data = whole.file()
    start = data.index(whole.items[9].data)
    place = len(data) - 20 if at else start + 4
    broken = moved_extent(data, whole, 22, place, size)
    monkeypatch.setattr(heif_tiles.Grid, "agreeing_tiles", lambda *_: pytest.fail("compared"))
    assert read_checked_preview(broken).photo is None
    assert fallback(broken) == ()


def test_a_file_that_is_cut_is_unreadable_in_this_mode_too(whole):
    assert isinstance(read_photo(whole.file()[:-50], mode="auto")[0], Unreadable)


def test_nothing_is_read_twice(tmp_path):
    noise = np.random.default_rng(0).integers(0, 60, (640, 640, 3), np.uint8)
    image = Image.fromarray((np.asarray(scene(640, 640)) * 0.7 + noise).astype(np.uint8))
    data = parts(image, image.resize((160, 160), Image.Resampling.BOX)).file()
    (tmp_path / "a.heic").write_bytes(data)
    seen = read_checked_preview(tmp_path / "a.heic")
    assert isinstance(seen.photo, Photo)
    assert seen.bytes_read <= len(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_other_formats_are_read_as_by_scaled(picture, encode, kind):
    assert fallback(encode(picture(400, 300), kind)) == ()


def test_pixels_in_memory_are_judged_as_they_are(picture):
    assert np.array_equal(read_photo(picture(), mode="auto")[0].rgb, read_photo(picture())[0].rgb)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_heads_never_raise(whole, seed):
    data, rng = whole.file(), np.random.default_rng(seed)
    end = data.index(b"mdat")
    for _ in range(40):
        broken = bytearray(data)
        for at in rng.integers(0, end, 3):
            broken[at] = rng.integers(256)
        read_checked_preview(bytes(broken))
