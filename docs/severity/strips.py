"""Makes the pictures of `docs/severity.md`: every label at every level, and the scenes that are no fault by nature.

`python docs/severity/strips.py` writes its JPEG files beside itself, or into the folder that is named. It needs the
`[train]` extra and no network: the two photographs come with scikit-learn (CC BY 2.0, the document names the authors).

A strip is one photograph through one of the tone ladder's operators at four strengths: untouched, and in the middle of
ordinary, severe and blocking. The strength is searched by what `severity.deviation` measures of the picture shown,
shrunk to the size that training uses; that is what is written below it.
"""  # noqa: INP001 - a script beside a document, no package

from __future__ import annotations

import dataclasses
import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image
from torch import Tensor
from torch.nn import functional

from iqa_cli.models.prepare import squash
from iqa_cli.training import layout, tone
from iqa_cli.training.natures import NATURES
from iqa_cli.training.severity import THRESHOLDS, deviation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

SIZE = 96
"""Pixels a side at which severity is measured: the input size of the default model."""
LEVELS = ("none", "ordinary", "severe", "blocking")
_STEPS = 80
"""Strengths tried per strip, from nothing to all."""
_WIDTH, _HEIGHT, _GAP, _CAPTION = 244, 163, 8, 26
"""Pixels of one picture, between two, and of the line below."""
_HAZE_SEED = 1
"""Draws a ground that runs to a horizon, in full view."""
_KNEE = 0.8
"""Light at which the camera's shoulder begins."""


@dataclasses.dataclass(frozen=True)
class Strip:
    """One photograph at four strengths of one operator."""

    name: str
    """Of the file, without `.jpg`."""
    label: str
    photo: str
    """Of scikit-learn's sample images."""
    rows: slice
    columns: slice
    """The part of it that is taken."""
    operator: Callable[[Tensor, Tensor], Tensor]
    """Takes pictures (B, 3, H, W) uint8 and strengths (B, 1, 1, 1) from 0 to 1, gives encoded values."""
    words: Callable[[float], str]
    """The measured deviation as it is written below a picture."""


def _scene(picture: Tensor) -> Tensor:
    """Light before the shoulder. (B, 3, H, W) uint8 to float."""
    linear = tone.linear_from_srgb8(picture)
    return tone.scene_from_linear(linear, torch.full((len(picture), 1, 1, 1), _KNEE))


def _rendered(scene: Tensor) -> Tensor:
    """The inverse of `_scene`, encoded 0..1."""
    return tone.srgb_from_linear(tone.linear_from_scene(scene, torch.full((len(scene), 1, 1, 1), _KNEE)))


def _over(frame: Tensor, picture: Tensor) -> Tensor:
    """A square map laid over a picture of any shape. (1, 1, SIZE, SIZE) to (1, 1, H, W)."""
    return functional.interpolate(frame, size=picture.shape[-2:], mode="bilinear", align_corners=False)


def exposed(picture: Tensor, strength: Tensor, stops: float) -> Tensor:
    """More or less light."""
    return _rendered(_scene(picture) * torch.exp2(strength * stops))


def contrast(picture: Tensor, strength: Tensor, most: float) -> Tensor:
    """Values stretched around the mean by up to e^most, or squeezed where `most` is below 0."""
    return tone.contrast_scaled(picture / 255, torch.exp(strength * most), torch.tensor(0.3))


def lit_from_behind(picture: Tensor, strength: Tensor) -> Tensor:
    """Light areas lit, dark ones not, and the camera exposed for the light ones."""
    scene = _scene(picture)
    small = functional.interpolate(scene, size=(SIZE, SIZE), mode="area")
    stops = 9.0 * strength
    return _rendered(tone.relit(scene, stops, _over(tone.bright_side(small), picture)) * torch.exp2(-0.45 * stops))


def haze(picture: Tensor, strength: Tensor) -> Tensor:
    """A veil that thickens with the distance."""
    small = functional.interpolate(picture / 255, size=(SIZE, SIZE), mode="area")
    far = _over(layout.depth(small[:1], torch.Generator().manual_seed(_HAZE_SEED)), picture)
    airlight = torch.tensor([0.62, 0.66, 0.70]).view(1, 3, 1, 1)
    return _rendered(tone.hazed(_scene(picture), strength * (0.3 + 0.7 * far), airlight))


def burnt(picture: Tensor, strength: Tensor) -> Tensor:
    """Light tones raised until they clip."""
    return tone.highlights_lifted(picture / 255, 2.0 * strength, torch.tensor(0.25))


def greyed(picture: Tensor, strength: Tensor) -> Tensor:
    """Light tones pressed down."""
    return tone.highlights_suppressed(picture / 255, strength, torch.tensor(0.4))


def _ev(sign: str) -> Callable[[float], str]:
    return lambda value: f"{sign}{value:.1f} EV" if round(value, 1) > 0 else "0 EV"


def _inverse(value: float) -> str:
    return f"ratio {min(1 / value, 1.0):.2f}"


_ALL = slice(None)
STRIPS = (
    Strip("bright", "bright", "china.jpg", _ALL, _ALL, functools.partial(exposed, stops=5.0), _ev("+")),
    Strip("dark", "dark", "china.jpg", _ALL, _ALL, functools.partial(exposed, stops=-6.0), _ev("-")),
    Strip(
        "high_contrast_stretched",
        "high_contrast",
        "flower.jpg",
        _ALL,
        _ALL,
        functools.partial(contrast, most=2.5),
        "ratio {:.2f}".format,
    ),
    Strip(
        "high_contrast_behind",
        "high_contrast",
        "china.jpg",
        slice(107, 427),
        slice(480),
        lit_from_behind,
        "ratio {:.2f}".format,
    ),
    Strip(
        "low_contrast_even", "low_contrast", "flower.jpg", _ALL, _ALL, functools.partial(contrast, most=-2.0), _inverse
    ),
    Strip("low_contrast_haze", "low_contrast", "china.jpg", _ALL, _ALL, haze, _inverse),
    Strip("overexposed", "overexposed", "flower.jpg", slice(95, 305), slice(155, 470), burnt, "{:.1%} clipped".format),
    Strip(
        "over_suppressed",
        "over_suppressed",
        "china.jpg",
        _ALL,
        _ALL,
        greyed,
        lambda value: f"L* {max(value, 0.0):.0f} lost",
    ),
)


def targets(label: str) -> tuple[float, float, float]:
    """The middle of ordinary and severe, and of blocking a point as far in as the middle of severe."""
    ordinary, severe, blocking = THRESHOLDS[label]
    return (ordinary + severe) / 2, (severe + blocking) / 2, blocking + (blocking - severe) / 2


def draw(strip: Strip) -> tuple[Image.Image, list[str]]:
    """A strip and what is written in it.

    raises  ValueError  if the operator does not reach a level
    """
    part = load_sample_image(strip.photo)[strip.rows, strip.columns]
    large = _tensor(squash_to(part, 2 * _WIDTH, 2 * _HEIGHT))
    # Shrinking after the fault, as it befalls a file, not before: fine detail that was stretched averages out again.
    shown = [
        _array(tone.quantised(strip.operator(large, strength.view(1, 1, 1, 1))))
        for strength in torch.linspace(0.0, 1.0, _STEPS)
    ]
    shown[0] = _array(large)
    small = torch.cat([_tensor(squash(picture, SIZE)) for picture in shown])
    measured = deviation(small[:1].expand_as(small), small).values[strip.label]
    nearest = [0, *(int((measured - target).abs().argmin()) for target in targets(strip.label))]
    captions = []
    for level, place in zip(LEVELS, nearest, strict=True):
        value = float(measured[place])
        if LEVELS[sum(value >= threshold for threshold in THRESHOLDS[strip.label])] != level:
            raise ValueError(f"{strip.name}: no strength is {level}; up to {float(measured.max()):.3f} is reached")
        captions.append(f"{level}: {strip.words(value)}")
    return _contact([squash_to(shown[place], _WIDTH, _HEIGHT) for place in nearest], captions, columns=4), captions


def draw_natures() -> Image.Image:
    """Every nature once, made of a square of one of the photographs."""
    pictures, captions = [], []
    chosen = {"night": ("china.jpg", 21), "on_black": ("flower.jpg", 1), "on_white": ("flower.jpg", 3)}
    for nature, _ in NATURES:
        photo, seed = chosen.get(nature.__name__, ("china.jpg", 1))
        square = load_sample_image(photo)[:, 107:534]
        encoded = _tensor(squash_to(square, _WIDTH, _WIDTH)) / 255
        result = nature(encoded, torch.Generator().manual_seed(seed))
        pictures.append(_array(tone.quantised(result)))
        captions.append(f"{nature.__name__}: none")
    return _contact(pictures, captions, columns=4)


def squash_to(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A smaller copy. (H, W, 3) to (height, width, 3)."""
    return np.asarray(Image.fromarray(rgb).resize((width, height), Image.Resampling.BICUBIC))


def _tensor(rgb: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) to (1, 3, H, W)."""
    return torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None]


def _array(picture: Tensor) -> NDArray[np.uint8]:
    """The inverse of `_tensor`."""
    return np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())


def _contact(pictures: Sequence[NDArray[np.uint8]], captions: Sequence[str], columns: int) -> Image.Image:
    """Pictures of one size side by side on white, each with a line below."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (height + _CAPTION)), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for place, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = place % columns * (width + _GAP), place // columns * (height + _CAPTION)
        sheet.paste(Image.fromarray(picture), (left, top))
        pen.text((left + width / 2, top + height + _CAPTION / 2), caption, fill="black", font=font, anchor="mm")
    return sheet


def main(folder: Path) -> None:
    """Write all pictures into a folder."""
    for strip in STRIPS:
        sheet, captions = draw(strip)
        sheet.save(folder / f"{strip.name}.jpg", quality=85, optimize=True)
        print(strip.name, *captions, sep="  ")  # noqa: T201 - a script tells what it wrote
    draw_natures().save(folder / "natures.jpg", quality=60, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
