"""Pictures of as many pixels as a model asks for: never blown up, and what is measured stays the working picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from iqa_cli.checkpoint import Preprocessing
from iqa_cli.models.prepare import squash
from iqa_cli.photos import costs, pixels
from iqa_cli.photos.decode import read_photo
from iqa_cli.photos.pixels import KEPT_SHORT_SIDE, WORKING_LONG_SIDE, working_size
from iqa_cli.pipeline.reading import Manner, look_at_source
from iqa_cli.records import Photo


def drawn(width: int, height: int) -> Image.Image:
    """A gradient with rings, in colour, and a bright corner at the upper left."""
    down, across = np.mgrid[:height, :width] / max(width, height)
    rings = 0.5 + 0.3 * np.sin(60 * np.hypot(down - 0.2, across - 0.4))
    colours = np.stack([0.3 + 0.5 * across, rings, 0.2 + 0.4 * down], -1)
    colours[: height // 10, : width // 10] = 0.95
    return Image.fromarray((255 * colours.clip(0, 1)).astype(np.uint8))


def stored(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def read(source: bytes | Image.Image | np.ndarray, side: int, mode: str = "scaled") -> Photo:
    photo, _ = read_photo(source, mode=mode, side=side)  # type: ignore[arg-type]
    assert isinstance(photo, Photo), photo
    return photo


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "array", "image"])
@pytest.mark.parametrize(
    ("size", "side"), [((1200, 900), 512), ((1600, 900), 300), ((600, 1100), 448), ((3000, 330), 300)]
)
def test_the_shorter_side_has_the_pixels_that_are_asked_for(kind: str, size: tuple[int, int], side: int) -> None:
    image = drawn(*size)
    source = image if kind == "image" else np.asarray(image) if kind == "array" else stored(image, kind)
    photo = read(source, side)
    seen = photo.largest
    assert side <= min(seen.shape[:2]) <= min(size)
    assert max(photo.rgb.shape[:2]) <= WORKING_LONG_SIDE
    assert seen.shape[1] / seen.shape[0] == pytest.approx(size[0] / size[1], rel=0.01)
    assert (photo.width, photo.height) == size
    # The same picture: the corner is where it was.
    assert seen[: seen.shape[0] // 20, : seen.shape[1] // 20].mean() > 230
    small = np.asarray(Image.fromarray(seen).resize(photo.rgb.shape[1::-1], Image.Resampling.BOX)).astype(float)
    assert np.abs(small - photo.rgb).mean() < 6


def test_nothing_is_enlarged() -> None:
    photo = read(stored(drawn(400, 200), "PNG"), 512)
    assert photo.large is None
    assert photo.rgb.shape[:2] == (200, 400)
    photo = read(stored(drawn(900, 300), "JPEG"), 512)
    assert photo.large is not None
    assert photo.large.shape[:2] == (300, 900)


@pytest.mark.parametrize("mode", ["scaled", "full", "thumbnail"])
@pytest.mark.parametrize("side", [16, 96, 224, KEPT_SHORT_SIDE])
def test_what_asks_for_little_gets_what_it_always_got(mode: str, side: int) -> None:
    data = stored(drawn(3000, 700), "JPEG", quality=90)
    before, now = read(data, 0, mode), read(data, side, mode)
    assert now.large is None
    assert np.array_equal(before.rgb, now.rgb)


@pytest.mark.parametrize(("size", "long", "short"), [((1, 1), 1, 1), ((10_000, 1000), 4480, 448), ((512, 3), 512, 3)])
def test_working_sizes_of_extreme_shapes(size: tuple[int, int], long: int, short: int) -> None:
    assert working_size(size, 448) == (long, short)
    assert working_size(size[::-1], 448) == (short, long)


def test_a_border_is_cut_off_both_pictures() -> None:
    inner = drawn(1500, 1000)
    image = Image.new("RGB", (1500, 1400))
    image.paste(inner, (0, 200))
    photo = read(stored(image, "PNG"), 600)
    assert photo.large is not None
    assert photo.rgb.shape[1] / photo.rgb.shape[0] == pytest.approx(1.5, rel=0.03)
    assert photo.large.shape[1] / photo.large.shape[0] == pytest.approx(1.5, rel=0.03)
    for rgb in (photo.rgb, photo.large):
        assert rgb[[0, -1]].max(axis=(1, 2)).min() > 40, "a black row is left"


def test_a_turned_picture_is_turned_in_both() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = read(stored(drawn(1600, 900), "JPEG", exif=exif), 448)
    assert photo.large is not None
    assert photo.large.shape[0] > photo.large.shape[1] >= 448
    assert photo.large[:20, -20:].mean() > 230


def test_a_huge_picture_that_is_made_small_in_bands_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image = drawn(2600, 1300).convert("RGBA")
    whole = read(image, 448)
    monkeypatch.setattr(pixels, "_LARGE_PIXELS", 1_000_000)
    banded = read(image, 448)
    assert whole.large is not None
    assert banded.large is not None
    assert whole.large.shape == banded.large.shape == (448, 896, 3)
    assert np.abs(whole.large.astype(int) - banded.large).max() <= 2


def test_what_would_take_too_much_is_smaller_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    data = stored(drawn(4000, 500), "JPEG")
    assert read(data, 448).notes == ()
    assert costs.SCALED_INSTEAD not in read(data, 0).notes
    monkeypatch.setattr(costs, "MAX_MEMORY_BYTES", 4_000_000)
    photo = read(data, 448)
    assert costs.SCALED_INSTEAD in photo.notes
    assert photo.large is None
    assert read(data, 0).notes == ()


@pytest.mark.parametrize(("size", "several"), [(448, "one"), (512, "one"), (224, "nine"), (336, "five")])
def test_the_model_is_shown_the_larger_picture_and_the_small_one_is_measured(size: int, several: str) -> None:
    preprocessing = Preprocessing(size, "bicubic", (0.5,) * 3, (0.5,) * 3).seen_in(several)  # type: ignore[arg-type]
    data = stored(drawn(1920, 1080), "PNG")
    look = look_at_source("", data, Manner("scaled", preprocessing))
    photo = read(data, preprocessing.largest_side)
    assert look.views is not None
    assert photo.large is not None
    assert min(photo.large.shape[:2]) >= preprocessing.largest_side
    assert np.array_equal(look.views[0], squash(photo.large, size, "bicubic"))
    plain = look_at_source("", data, Manner("scaled", Preprocessing(96, "bicubic", (0.5,) * 3, (0.5,) * 3)))
    for mine, other in zip(look.measurements, plain.measurements, strict=True):
        assert mine.name == other.name
        assert mine.value == pytest.approx(other.value, rel=0.05, abs=0.3), mine.name
