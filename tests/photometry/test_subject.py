"""What is no photograph is told from its fine structure; what is one stays one, however dark, bright or coarse."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from iqa_cli.photometry import Doubt, examine, measure
from iqa_cli.photometry.luma import count_tones
from iqa_cli.photometry.subject import structure

if TYPE_CHECKING:
    from collections.abc import Callable

Picture = NDArray[np.uint8]
LINEAR = np.where(np.arange(256) <= 10, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4)


def scene(seed: int, height: int = 384, width: int = 512) -> Picture:
    """Sky, ground and things, shaded and with texture of several sizes: what photographs are like."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:height, 0:width] / max(height, width)
    horizon = rng.uniform(0.25, 0.5)
    sky = np.array([0.5, 0.65, 0.85]) * (0.7 + 0.3 * (1 - down[..., None]))
    picture = np.where(down[..., None] < horizon, sky, rng.uniform(0.25, 0.5, 3) * (0.6 + 0.6 * across[..., None]))
    for _ in range(8):
        y, x, radius = rng.uniform(0.05, 0.75, 3) * [1, 1, 0.25]
        inside = (down - y) ** 2 + (across - x) ** 2 < radius**2
        picture = np.where(inside[..., None], rng.uniform(0.05, 0.9, 3) * (0.7 + 0.5 * across[..., None]), picture)
    for size in (4, 8, 16, 32):
        rough = rng.standard_normal((height // size + 1, width // size + 1)).astype(np.float32)
        texture = np.asarray(Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC))
        picture = picture * (1 + 0.08 * texture[..., None])
    picture = picture + 0.008 * rng.standard_normal((height, width, 1))
    return (picture.clip(0, 1) * 255).round().astype(np.uint8)


def exposed(picture: Picture, ev: float, airlight: float = 0.0) -> Picture:
    """Exposed `ev` stops more, behind a veil that takes this share of the light."""
    light = (LINEAR[picture] * 2.0**ev * (1 - airlight) + 0.7 * airlight).clip(0, 1)
    encoded = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((encoded * 255).round().astype(np.uint8))


def jpeg(picture: Picture, quality: int = 75, side: int | None = None) -> Picture:
    """Saved as JPEG and read again, made smaller before if asked."""
    image = Image.fromarray(picture)
    if side is not None:
        image.thumbnail((side, side))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def on_white(picture: Picture) -> Picture:
    """A round piece of it, cut out as in a catalogue."""
    height, width = picture.shape[:2]
    down, across = np.mgrid[0:height, 0:width]
    inside = (down / height - 0.5) ** 2 + (across / width - 0.5) ** 2 < 0.1
    return np.where(inside[..., None], picture, np.uint8(255))


def grainy(picture: Picture, sigma: float) -> Picture:
    """With the noise of a high sensitivity."""
    noise = np.random.default_rng(7).normal(0, sigma, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8)


def flat(value: tuple[int, int, int]) -> Picture:
    return np.full((384, 512, 3), value, np.uint8)


def noise(sigma: float) -> Picture:
    return grainy(flat((120, 120, 120)), sigma)


def gradient() -> Picture:
    ramp = np.linspace(20, 230, 512).round().astype(np.uint8)
    return np.broadcast_to(ramp[None, :, None], (384, 512, 3)).copy()


def logo() -> Picture:
    image = Image.new("RGB", (1024, 768), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((120, 150, 560, 590), fill=(200, 30, 60))
    draw.polygon([(500, 600), (820, 120), (940, 640)], fill=(20, 60, 160))
    draw.text((180, 320), "ACME", font=ImageFont.load_default(150), fill=(255, 220, 0))
    return np.asarray(image.resize((512, 384), Image.Resampling.LANCZOS))


def text() -> Picture:
    image = Image.new("RGB", (512, 384), (252, 252, 248))
    draw, letters = ImageDraw.Draw(image), random.Random(3)  # noqa: S311 - nothing is secret here
    for line in range(24):
        words = " ".join("".join(letters.choices("etaoinshrdlu", k=letters.randint(2, 9))) for _ in range(11))
        draw.text((24, 14 + 15 * line), words, font=ImageFont.load_default(11), fill=(30, 30, 30))
    return np.asarray(image)


def screenshot() -> Picture:
    image = Image.new("RGB", (384, 512), (242, 242, 247))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 384, 50), fill=(10, 110, 220))
    for row in range(9):
        top = 60 + 50 * row
        draw.rounded_rectangle((10, top, 374, top + 44), 8, fill="white")
        draw.ellipse((18, top + 7, 48, top + 37), fill=(40 * row % 255, 90, 200 - 20 * row))
        draw.text((60, top + 6), "Settings and accounts", font=ImageFont.load_default(14), fill=(20, 20, 20))
    return np.asarray(image)


def checkerboard() -> Picture:
    down, across = np.mgrid[0:384, 0:512] // 32
    return np.where(((down + across) % 2)[..., None], np.uint8(230), np.uint8(25)).repeat(3, 2)


NO_PHOTOGRAPHS: list[tuple[str, Callable[[], Picture], Doubt]] = [
    ("black", lambda: flat((0, 0, 0)), "flat"),
    ("white", lambda: flat((255, 255, 255)), "flat"),
    ("blue", lambda: flat((30, 60, 200)), "flat"),
    ("faint noise", lambda: noise(2), "flat"),
    ("noise", lambda: noise(25), "noise"),
    ("strong noise", lambda: noise(80), "noise"),
    ("gradient", gradient, "gradient"),
    ("gradient down", lambda: np.ascontiguousarray(gradient().transpose(1, 0, 2)), "gradient"),
    ("logo", logo, "drawing"),
    ("text", text, "drawing"),
    ("screenshot", screenshot, "drawing"),
    ("checkerboard", checkerboard, "drawing"),
]


@pytest.mark.parametrize("as_jpeg", [False, True], ids=["png", "jpeg"])
@pytest.mark.parametrize(("draw", "doubt"), [entry[1:] for entry in NO_PHOTOGRAPHS], ids=[e[0] for e in NO_PHOTOGRAPHS])
def test_what_is_drawn_or_empty_is_no_photograph(draw: Callable[[], Picture], doubt: Doubt, as_jpeg: bool) -> None:
    picture = draw()
    assert examine(jpeg(picture) if as_jpeg else picture).doubt == doubt


PHOTOGRAPHS: dict[str, Callable[[Picture], Picture]] = {
    "as it is": lambda picture: picture,
    "four stops too dark": lambda picture: exposed(picture, -4),
    "six stops too dark": lambda picture: exposed(picture, -6),
    "three stops too bright": lambda picture: exposed(picture, 3),
    "hazy": lambda picture: exposed(picture, 0, airlight=0.8),
    "grainy": lambda picture: grainy(picture, 25),
    "dark and grainy": lambda picture: grainy(exposed(picture, -4), 8),
    "cut out on white": on_white,
    "badly compressed": lambda picture: jpeg(picture, 20),
    "small": lambda picture: jpeg(picture, 40, side=128),
    "grey": lambda picture: picture[..., 1:2].repeat(3, 2),
}


@pytest.mark.parametrize("change", PHOTOGRAPHS.values(), ids=PHOTOGRAPHS)
@pytest.mark.parametrize("seed", range(4))
def test_a_photograph_stays_one_however_bad_it_is(seed: int, change: Callable[[Picture], Picture]) -> None:
    picture = change(scene(seed))
    assert examine(picture).doubt is None
    assert examine(jpeg(picture, 85)).doubt is None


def test_a_night_sky_with_a_few_stars_is_no_noise() -> None:
    rng = np.random.default_rng(1)
    sky = np.full((384, 512, 3), 2, np.uint8)
    for row, column in rng.integers(4, 380, (150, 2)):
        sky[row : row + 2, column : column + 2] = rng.integers(60, 255)
    assert examine(sky).doubt != "noise"


@pytest.mark.parametrize("turn", [lambda picture: picture[:, ::-1], lambda picture: picture[::-1]], ids=["left", "up"])
@pytest.mark.parametrize("draw", [logo, text, gradient, lambda: scene(0), lambda: exposed(scene(1), 3)])
def test_a_mirror_image_is_what_the_picture_is(draw: Callable[[], Picture], turn: Callable[[Picture], Picture]) -> None:
    assert examine(turn(draw())).doubt == examine(draw()).doubt


@pytest.mark.parametrize("shape", [(1, 1), (15, 400), (16, 16), (17, 300)])
def test_every_shape_has_an_answer(shape: tuple[int, int]) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    seen = examine(picture)
    assert seen.measurements == measure(picture)
    assert seen.doubt == ("flat" if min(shape) >= 16 else None)


@pytest.mark.parametrize("shape", [(16, 16), (17, 23), (40, 16)])
@pytest.mark.parametrize("values", [(0, 256), (0, 30), (240, 256)])
def test_neighbours_are_those_of_the_same_row_or_column(shape: tuple[int, int], values: tuple[int, int]) -> None:
    picture = np.random.default_rng(shape[1]).integers(*values, (*shape, 3), dtype=np.uint8)
    planes = picture.transpose(2, 0, 1)
    found = structure(np.ascontiguousarray(planes), count_tones(planes))
    assert found is not None
    wide = picture.astype(np.int64)
    end = ((wide >= 250) | (wide <= 5)).all(2)
    steps, inside, bends = [], [], 0
    for axis in (0, 1):
        steps.append(np.abs(np.diff(wide, axis=axis)).max(2).ravel())
        one, other = np.split(end.swapaxes(0, axis), [1])[1], np.split(end.swapaxes(0, axis), [-1])[0]
        inside.append((one & other).swapaxes(0, axis).ravel())
        bends += np.count_nonzero(np.abs(np.diff(wide.sum(2), 2, axis=axis)) > 15)
    step, clipped = np.concatenate(steps), np.concatenate(inside)
    counted = step[~(clipped & (step <= 5))]
    assert found.stepped == pytest.approx(counted.size / step.size)
    assert found.equal == pytest.approx(np.count_nonzero((step == 0) & ~clipped) / max(1, counted.size))
    assert found.large == pytest.approx(np.mean(counted > 24) if counted.size else 0)
    assert found.huge == pytest.approx(np.mean(counted > 48) if counted.size else 0)
    assert found.bent == pytest.approx(bends / (2 * end.size))
