"""Whether a picture is a photograph at all, told from its fine structure.

A model of tone has an answer for everything: noise is "contrast too low", a page of text "highlights clipped". This
module measures what photographs have in common whatever their exposure, haze, noise or compression, and drawings, flat
cards and noise have not: areas larger than pixels, and small steps between neighbours in them.

A step is the difference of two neighbours, across or down, in the channel where it is largest, 0..255. Steps inside
clipped white or black say nothing and are left out: a burnt sky is as even as a drawn one. All numbers are counts over
the whole picture, except that blocks leave out a strip at the right and the bottom that is less than one: a mirror
image has the same ones, or nearly.

Axes: H, W pixels of the working picture, P = H * W of them row after row. Neighbours are looked at in that one long
row, which is twice as quick as row by row; what would reach from the end of one row into the next is struck out.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from iqa_cli.photometry.luma import count_luma_bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.photometry.luma import Tones

Doubt = Literal["flat", "noise", "gradient", "drawing"]
"""What a picture seems to be instead of a photograph."""

_WHITE_FROM, _BLACK_UP_TO = 250, 5
_BLOCK = 8
_FINE_UP_TO, _LARGE_ABOVE, _HUGE_ABOVE = 16, 24, 48
_NO_STEP = 20
"""Neither fine nor large: counted nowhere."""
_BEND = 5
"""Steps, in the mean of the channels; JPEG of quality 75 bends drawn gradients by up to 4."""

_FLAT_BELOW = 6.0
"""Steps between block means. The flattest hazy photographs have 15."""
_NOISE_BELOW = 6.0
"""Coherence. Noise has 1 to 3.3 after shrinking and JPEG, photographs with strong grain 11 and more."""
_NOISE_BENT = 0.1
"""Noise bends everywhere; a night sky, black with a few stars, is as incoherent and bends in few places."""
_SMOOTH_BENT = 0.0002
"""Bent share. Drawn gradients rarely have more, the haziest photograph has 0.0003."""
_SMOOTH_SPREAD = 24.0
"""Steps between block means: below it a photograph in the dark may have no visible bend either."""
_RAMP_COHERENCE = 63.0
"""Above it a picture is as smooth as a ramp; one photograph in a hundred reaches 62."""

_DRAWN = {"fine": -3.5, "large": -11.0, "huge": 4.2, "common": 2.0, "coherence": -5.5, "side": -2.1}
_DRAWN_STEPPED, _DRAWN_LARGE_HUGE, _DRAWN_INTERCEPT = -3.8, -1.5, 31.95
"""Weights of a logistic regression of drawn pictures against photographs, also dark, burnt out, hazy, noisy, small and
badly compressed ones: of logarithms, of the share `stepped`, of a product. See docs/decisions/0070."""


@dataclasses.dataclass(frozen=True, slots=True)
class Structure:
    """Fine structure of a picture, in numbers."""

    side: int
    """The shorter side of the working picture, pixels."""
    spread: float
    """Lightest minus darkest block mean, 0..255."""
    coherence: float
    """Variance of block means over what it were if all pixels were independent: white noise has 1, an even ramp 64."""
    bent: float
    """Share of the pixels where the mean of the channels bends by more than `_BEND` steps, across or down, 0..1."""
    stepped: float
    """Share of the neighbours that are not alike because both are clipped, 0..1."""
    equal: float
    """Share of their steps that are 0."""
    fine: float
    """Share of their steps that are 1 to 16: texture, shading, grain."""
    large: float
    """Share of their steps that are above 24."""
    huge: float
    """Share of their steps that are above 48."""
    common: float
    """Share that the four commonest lumas have of the pixels that are not clipped, 0..1."""


def structure(planes: NDArray[np.uint8], tones: Tones) -> Structure | None:
    """Measure the fine structure.

    planes   (3, H, W) uint8, encoded sRGB, red first, contiguous
    tones    of the same picture
    returns  None for a picture that is less than two blocks (16 pixels) high or wide
    """
    height, width = planes.shape[1:]
    if min(height, width) < 2 * _BLOCK:
        return None
    flat = planes.reshape(3, -1)
    clipped = _at_an_end(flat)
    steps = _steps(flat, width)
    alike = steps == 0
    excluded = 0
    is_clipped_somewhere = bool(clipped.any())
    if is_clipped_somewhere:
        inside = np.empty_like(alike)
        np.logical_and(clipped[1:], clipped[:-1], out=inside[: clipped.size - 1])
        np.logical_and(clipped[width:], clipped[:-width], out=inside[clipped.size - 1 :])
        # Two pixels that are both clipped may still be a black letter on white.
        excluded = int(np.count_nonzero(inside & (steps <= _BLACK_UP_TO)))
        alike &= ~inside
    equal = int(np.count_nonzero(alike))
    small = int(np.count_nonzero(steps <= _FINE_UP_TO))
    large = int(np.count_nonzero(steps > _LARGE_ABOVE))
    huge = int(np.count_nonzero(steps > _HUGE_ABOVE))
    total = height * (width - 1) + (height - 1) * width
    counted = max(1, total - excluded)
    sums = flat[0].astype(np.int16)
    sums += flat[1]
    sums += flat[2]
    spread, coherence = _blocks(sums.reshape(height, width))
    return Structure(
        side=min(height, width),
        spread=spread,
        coherence=coherence,
        bent=_bends(sums, width) / (2 * sums.size),
        stepped=(total - excluded) / total,
        equal=equal / counted,
        fine=(small - excluded - equal) / counted,
        large=large / counted,
        huge=huge / counted,
        common=_common(tones, clipped if is_clipped_somewhere else None),
    )


def doubt(found: Structure | None) -> Doubt | None:
    """What the picture seems to be, if not a photograph.

    found    None for a picture too small to tell
    returns  None if nothing speaks against a photograph
    """
    if found is None:
        return None
    if found.spread < _FLAT_BELOW and found.large == 0:
        return "flat"
    if found.coherence < _NOISE_BELOW and found.bent > _NOISE_BENT:
        return "noise"
    if found.bent < _SMOOTH_BENT and (found.spread >= _SMOOTH_SPREAD or found.coherence > _RAMP_COHERENCE):
        return "gradient"
    return "drawing" if _is_drawn(found) else None


def _is_drawn(found: Structure) -> bool:
    """Even areas side by side with sharp edges, and little between."""
    if (
        found.equal > 0.5
        and found.fine < 0.15
        and (found.huge > 0.001 or (found.equal > 0.97 and found.large > 0.0002))
    ):
        return True  # nothing else, as in a PNG file
    if found.coherence < 18 and found.huge > 0.2 and (found.equal > 0.012 or found.common > 0.08):
        return True  # thin lines: text
    if found.large < 0.005:
        return False  # in the dark and in haze areas are even, but no edge is sharp
    if found.equal < 0.03 and found.huge < 0.6 and found.common < 0.1:
        return False  # hard light on sand or water has sharp edges, but no even areas
    large, huge = math.log(found.large + 0.01), math.log(found.huge + 0.01)
    logarithms = {
        "fine": math.log(found.fine + 0.02),
        "large": large,
        "huge": huge,
        "common": math.log(found.common + 0.02),
        "coherence": math.log(max(1.0, found.coherence)),
        "side": math.log(found.side),
    }
    score = _DRAWN_INTERCEPT + _DRAWN_STEPPED * found.stepped + _DRAWN_LARGE_HUGE * large * huge
    return score + sum(weight * logarithms[name] for name, weight in _DRAWN.items()) > 0


def _at_an_end(planes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(P,) where all channels are clipped, each at either end."""
    # One comparison instead of two: 8 bits wrap, so white comes to lie next to black.
    turned = planes + np.uint8(256 - _WHITE_FROM)
    return np.asarray(np.maximum.reduce(turned, 0) <= 256 - _WHITE_FROM + _BLACK_UP_TO)


def _steps(planes: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    """(2 P - 1 - width,) differences of neighbours, in the channel where they are largest: across, then down.

    All in one array, so that each question to them is one pass. `_NO_STEP` from the end of one row to the next.
    """
    pixels = planes.shape[1]
    steps = np.zeros(2 * pixels - 1 - width, np.uint8)
    for largest, distance in ((steps[: pixels - 1], 1), (steps[pixels - 1 :], width)):
        for plane in planes:
            one, other = plane[distance:], plane[:-distance]
            step = np.maximum(one, other)
            step -= np.minimum(one, other)
            np.maximum(largest, step, out=largest)
    steps[width - 1 : pixels - 1 : width] = _NO_STEP
    return steps


def _blocks(sums: NDArray[np.int16]) -> tuple[float, float]:
    """Spread and coherence of (H, W) sums of three channels."""
    rows, columns = (side // _BLOCK for side in sums.shape)
    strips = sums[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, -1)
    # Rows first, in the narrowest type that holds eight of them: 8 * 765 fits 16 bits, 8 * 765**2 fits 32. Then columns
    # in pairs: numpy takes four times as long to add up short stretches.
    blocks = np.add.reduce(strips, 1, dtype=np.int16).astype(np.int32)
    while blocks.shape[1] > columns:
        blocks = blocks[:, ::2] + blocks[:, 1::2]
    squares = np.add.reduce(np.square(strips, dtype=np.int32), 1, dtype=np.int32)
    area = _BLOCK * _BLOCK
    mean = int(blocks.sum()) / strips.size
    variance = int(squares.sum(dtype=np.int64)) / strips.size - mean**2
    deviations = blocks / area - mean
    between = float(np.square(deviations, out=deviations).sum()) / blocks.size
    spread = int(blocks.max() - blocks.min()) / area / 3
    return spread, between * area / variance if variance > 1e-6 else 0.0


def _bends(sums: NDArray[np.int16], width: int) -> int:
    """Of (P,) sums of the channels: pixels where a line bends visibly, those across and those down."""
    bends = 0
    for distance in (1, width):
        step = sums[distance:] - sums[:-distance]
        bend = step[distance:] - step[:-distance]
        if distance == 1:  # around the end of a row
            bend[width - 2 :: width] = bend[width - 1 :: width] = 0
        bends += int(np.count_nonzero(np.abs(bend, out=bend) > 3 * _BEND))
    return bends


def _common(tones: Tones, clipped: NDArray[np.bool_] | None) -> float:
    """See `Structure`; what a luma holds in clipped pixels, of any pure colour, is taken off."""
    pixels = tones.luma.total - (0 if clipped is None else int(np.count_nonzero(clipped)))
    if not pixels:
        return 1.0
    often = np.flatnonzero(tones.luma.counts > pixels // 256)
    counts = tones.luma.counts[often]
    if clipped is not None and often.size:
        counts -= count_luma_bins(tones.luma_bins[clipped])[often]
    return int(np.sort(counts)[-4:].sum()) / pixels
