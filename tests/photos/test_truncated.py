"""JPEG files that end early: how much is there is known, because we cut them."""

import io

import numpy as np
import pytest
from PIL import Image

from iqa_cli.photos.decode import decode
from iqa_cli.photos.jpeg import read_layout
from iqa_cli.photos.truncated import measure
from iqa_cli.records import Photo, Unreadable

SIZE = (640, 800)


@pytest.fixture
def scene(picture):
    """Texture everywhere, so that bytes are spread evenly over the rows; the red part of each row is its number."""
    rgb = np.asarray(picture(*SIZE)).astype(int) + np.random.default_rng(5).integers(-25, 25, (SIZE[1], SIZE[0], 1))
    return Image.fromarray(rgb.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("options", [{"subsampling": 0}, {"subsampling": 2}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("mode", ["scaled", "full"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.97])
def test_the_rows_that_are_found_are_the_rows_that_are_there(scene, encode, options, mode, share):
    data = encode(scene, **options)
    whole = np.asarray(measure(read_layout(data), mode).image)
    cut = measure(read_layout(data[: int(len(data) * share)]), mode)
    assert cut.share == pytest.approx(share, abs=0.03)
    assert cut.rows <= cut.share * cut.image.height + 1
    found = np.asarray(cut.image)[: cut.rows]
    assert np.array_equal(found, whole[: cut.rows])
    block = 16 * cut.image.height / SIZE[1]
    below = slice(cut.rows + int(2 * block), None)
    assert (np.asarray(cut.image)[below] == 128).all()  # and nothing more was there


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_really_cut_is_unreadable_and_says_how_much_is_there(scene, encode, share):
    result = decode(encode(scene)[: int(share * len(encode(scene)))])
    assert isinstance(result, Unreadable)
    percent = int(result.reason.removeprefix("cut off: only ").removesuffix(" % of the picture is there"))
    assert percent == pytest.approx(100 * share, abs=3)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_file_that_ends_a_little_early_is_judged_without_the_missing_rows(scene, encode, orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    data = encode(scene, exif=block)
    result = decode(data[: int(0.975 * len(data))], mode="full")
    assert isinstance(result, Photo)
    assert any(note.startswith("the file ends early: 97 %") for note in result.notes)
    assert (result.width, result.height) == (SIZE if orientation != 6 else SIZE[::-1])
    rows, columns = result.rgb.shape[:2] if orientation != 6 else result.rgb.shape[1::-1]
    assert 0.95 <= rows / columns * SIZE[0] / SIZE[1] < 0.985
    assert not (result.rgb == 128).all(axis=2).all(axis=0).any()  # no column of filling
    assert not (result.rgb == 128).all(axis=2).all(axis=1).any()  # no row of filling


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_file_that_lacks_its_end_marker_is_whole(picture, encode, missing, options):
    data = encode(picture(), **options)
    result, whole = decode(data[:-missing]), decode(data)
    assert np.array_equal(result.rgb, whole.rgb)
    assert result.notes == ()


def test_a_small_picture_that_lacks_its_last_block_is_judged(picture, encode):
    data = encode(picture())
    result = decode(data[:-6])
    assert isinstance(result, Photo)
    assert result.notes[0].startswith("the file ends early: 9")
    assert result.rgb.shape[0] in (55, 56)  # of 64, in blocks of 8


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_cut_file_with_an_end_marker_is_not_taken_for_whole(scene, encode, mode):
    data = encode(scene.convert(mode))
    assert decode(data[: len(data) // 2] + b"\xff\xd9").reason.startswith("cut off: only")
    nearly = decode(data[: int(0.98 * len(data))] + b"\xff\xd9")
    assert nearly.damage.startswith("the file is damaged: its picture data end early, 9")


def test_a_file_whose_rest_is_zeros_is_not_taken_for_whole(scene, encode):
    data = encode(scene)
    half = len(data) // 2
    assert decode(data[:half] + bytes(half)).reason.startswith("cut off: only")


@pytest.mark.parametrize("colour", [(128, 128, 128), (0, 0, 0), (255, 255, 255)])
def test_a_flat_picture_is_whole(encode, colour):
    result = decode(encode(Image.new("RGB", (200, 100), colour)))
    assert result.rgb.shape == (100, 200, 3)
    assert result.notes == ()


def test_a_black_floor_counts_as_picture(scene, encode):
    scene.paste((0, 0, 0), (0, 700, *SIZE))
    data = encode(scene)
    assert decode(data[:-2]).notes == ()


def scan_starts(data):
    return [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]


def test_a_progressive_file_cut_in_its_first_scan_has_the_rows_of_that_scan(scene, encode):
    data = encode(scene, progressive=True)
    first, second = scan_starts(data)[:2]
    cut = measure(read_layout(data[: (first + second) // 2]), "full")
    assert cut.share == pytest.approx(0.5, abs=0.1)
    assert decode(data[: (first + second) // 2]).reason.startswith("cut off: only")


def test_a_progressive_file_cut_in_a_late_scan_is_judged_with_a_note(scene, encode):
    data = encode(scene, progressive=True)
    result, whole = decode(data[: scan_starts(data)[-1] + 200]), decode(data)
    assert result.notes == ("the file ends early: the whole picture is there, without its finest detail",)
    assert result.rgb.shape == whole.rgb.shape
    assert result.rgb.mean() == pytest.approx(whole.rgb.mean(), abs=2)


def test_block_averages_alone_are_enough_only_for_a_large_picture(picture, encode):
    for size, kind in (((800, 600), Unreadable), ((2400, 300), Photo)):
        data = encode(picture(*size), progressive=True)
        result = decode(data[: scan_starts(data)[1] + 40])
        assert isinstance(result, kind), result


def test_a_file_without_its_colours_is_unreadable(scene):
    luma_only = _with_separate_scans(scene)
    assert decode(luma_only).reason == "cut off: hardly any of the picture is there"


def _with_separate_scans(image):
    """A three-component file cut after the header of a scan that carries the first component only."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    data = buffer.getvalue()
    at = data.index(b"\xff\xda")
    return data[:at] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x5a" * 400
