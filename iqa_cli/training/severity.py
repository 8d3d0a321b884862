"""Severity: how far a picture's tone is from the good rendering of the same scene, and which level that is.

A level must be visible in the final picture, so it is computed from the picture that came out against the one that
went in, never from the knob that was turned. The yardstick is the *re-exposed reference*: the good rendering in linear
light times the one gain at which, clipped at white, its middle half (by light) reaches the mean lightness that the same
pixels have in the picture under judgement. The gain is the exposure error; lamps, skies and shadows do not move it, so
that lost highlights are not mistaken for a darker exposure. Contrast and highlights are compared against the re-exposed
reference, so that a picture that is only dark is not also called flat, and one that is only bright is not also called
washed out. Likewise highlights count as suppressed only as far as the darker half of the picture was not flattened with
them.
`docs/severity.md` gives the reasons and the thresholds in words.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.nn import functional

from iqa_cli.training.tone import around, linear_from_srgb8, lstar_from_luminance, weighted_rec709

CLIPPED = 250
"""8-bit value from which a channel counts as clipped: JPEG ringing and rounding keep blown areas at 250..255."""
DETAIL, PLAIN = 240, 226
"""A reference pixel below `PLAIN` (L* 90) showed something that is missed if it clips; from there on to `DETAIL` only
if it differed from its surroundings: a pale, plain sky that turns white has lost nothing that anyone would look for."""
_TEXTURE = 3.0
"""Standard deviation within 5 x 5 pixels, in steps of 255, from which a pixel differs from its surroundings."""

THRESHOLDS: dict[str, tuple[float, float, float]] = {
    "bright": (0.7, 1.2, 2.0),  # EV above the good exposure
    "dark": (0.9, 1.5, 2.5),  # EV below it
    "high_contrast": (1.35, 1.7, 2.3),  # spread of L* over that of the re-exposed reference
    "low_contrast": (1 / 0.75, 1 / 0.55, 1 / 0.35),  # the inverse of that ratio, of the frame or within small areas
    "overexposed": (0.02, 0.05, 0.15),  # fraction of pixels clipped where the reference had detail
    "over_suppressed": (8.0, 14.0, 22.0),  # mean L* lost in the brightest tenth beyond what the darker half explains
}
"""Where ordinary, severe and blocking begin, in the unit of each deviation."""

_FLARE = 0.001
"""Light that any screen and room add to black, as a share of white. It keeps ratios finite: without it no gain turns
black into anything else, and a night sky would be an infinite exposure error away from a night sky with noise."""
_KEY_LUMINANCE = 0.184
"""Luminance of L* 50, the middle of the lightness scale."""
_KEY_MARGIN_EV = {"bright": 0.3, "dark": 0.4}
"""How far beyond the middle an exposure error may reach: a picture whose mean lightness is ordinary is not blocked for
being too bright only because its scene was a dark one. +0.7 EV needs L* 57 or lighter, +2.0 EV L* 82; -0.9 EV needs
L* 43 or darker, -2.5 EV L* 25."""
_HARD_SPREAD = 20.0
"""Standard deviation of L* of the median of 1,012 good photographs."""
_HARD_POWER = 1.6
"""A spread counts as hard only if it is large: (spread / 20)^1.6 is 1.35 at 24, where a fifth of good photographs lie
above, 1.7 at 28 (one in twenty) and 2.3 at 34 (one in two hundred)."""
_FLAT_SPREAD = 23.5
"""And as flat only if it is small: 23.5 / spread is 1 / 0.75 at 17.6, 1 / 0.55 at 12.9 (three in a hundred good
photographs lie below) and 1 / 0.35 at 8.2 (none)."""
_FLAT_DETAIL = 9.0
"""The same for the standard deviation within blocks, whose median is 8.4: 1 / 0.75 at 6.8, 1 / 0.35 at 3.2."""
_DETAIL_MARGIN = 1.05
"""Detail has to lose a little more than the frame: noise, JPEG and blown areas take some of it in any case."""
_FAR_MARGIN, _FAR_DETAIL, _FAR_GOOD = 1.25, 6.0, 5.0
"""And where the half of the frame that lost most is looked at by itself, it has to lose more than that, because it was
chosen for its loss: 1.67 for ordinary, 2.3 for severe. It looks flat from 6.0 / 4.5 on, severe is 3.3; and it must have
shown something, 5 or more, for a plain sky that lost its last shades is no veil."""
_BLOCK = 8
"""Pixels a side of the blocks in which detail is measured: a twelfth of the frame."""
_CRUSHED_BELOW, _CRUSHED_FROM = 8.0, 14.0
"""L* below which the picture shows next to nothing, and from which the re-exposed reference showed something.
Photographs taken against the light have a fifth to a half of their pixels below L* 10, good ones hardly a tenth."""
_CRUSHED_SLOPE = (1.0, 5.0)
"""Share c of crushed pixels counts as a ratio of 1 + 5 c: 1.35 at 7 %, 1.7 at 14 %, 2.3 at 26 %."""
_END = 3
_BOTH_ENDS = (1.0, 8.0)
"""Channel values within 3 of 255 of an end count as lost there. Share e at the rarer end counts as a ratio of 1 + 8 e:
1.35 at 4.4 %, 1.7 at 8.8 %, 2.3 at 16 %: a stretch that only makes posters of colours hardly moves the spread."""
_WHITE, _WHITE_SLOPE = 85.0, 0.8
"""A loss counts only as far as whites look grey: up to 0.8 (85 - L*) for a brightest tenth at L*. 8 needs L* 75 or
darker, 14 needs 67, 22 needs 57; the brightest tenth of the median good photograph is at 81."""
_PLAIN_LOSS, _PLAIN_SPREAD, _PLAIN_POWER = 8.0, 4.5, 1.4
"""And highlights that still differ were not pressed down: a loss counts up to 8 (4.5 / s)^1.4, s the standard deviation
of L* within the brightest tenth. 8 needs 4.5 or less, the median of good photographs, 14 needs 3.0 and 22 needs 2.2."""
_SPREAD_FLOOR = 1.0
"""L* added to both spreads: below about one step of L* nobody sees a difference, and a ratio of nothings is noise."""
_MAX_EV = 6.0
_BISECTIONS = 12  # 12 EV of range halved 12 times: 0.003 EV
_QUANTILE_STEP = 16  # every 16th of the sorted pixels stands for its neighbours: mean L* to 0.05


_EXCLUSIVE = (("high_contrast", "low_contrast"), ("overexposed", "over_suppressed"))
"""Pairs of which a picture may have both by measure: crushed shadows below a veil, a lamp in a greyed sky."""


@dataclasses.dataclass(frozen=True)
class Deviation:
    """Six deviations per picture, all growing with severity."""

    values: dict[str, Tensor]
    """Per label (B,) float, in the unit of `THRESHOLDS`."""

    def positions(self, labels: tuple[str, ...]) -> Tensor:
        """Zero-based level positions (B, L) int64 in the order of `labels`.

        Of two labels that our graphs exclude, measured in different parts of a picture, the graver one is kept; of
        equal ones the first of the pair, which is harder to repair.

        raises  KeyError    for a label the ladder does not measure
                ValueError  for a deviation that is not a number
        """
        for name, value in self.values.items():
            if bool(value.isnan().any()):
                raise ValueError(f"the deviation of {name} is not a number")
        level = {
            name: torch.bucketize(value, torch.tensor(THRESHOLDS[name], dtype=value.dtype), right=True)
            for name, value in self.values.items()
        }
        for one, other in _EXCLUSIVE:
            if {one, other} <= set(labels):
                first = level[one] >= level[other]
                level[one], level[other] = level[one] * first, level[other] * ~first
        return torch.stack([level[label] for label in labels], 1)


def deviation(reference: Tensor, picture: Tensor) -> Deviation:
    """How far `picture` is from `reference`, its good rendering.

    reference, picture  (B, 3, S, S) uint8, sRGB-encoded
    returns             the six deviations of `THRESHOLDS`
    """
    seen, lstar = _seen(reference), lstar_from_luminance(_seen(picture))
    flat, order = seen.flatten(1).sort(1)
    ranked = lstar.flatten(1).gather(1, order)
    middle = slice(flat.shape[1] // 4, -(flat.shape[1] // 4))
    exposure_ev = _exposure_error_ev(
        flat[:, middle][:, _QUANTILE_STEP // 2 :: _QUANTILE_STEP], ranked[:, middle].mean(1)
    )
    good = lstar_from_luminance((seen * torch.exp2(exposure_ev)[:, None, None, None]).clamp_max(1.0))
    key_ev = torch.log2(_luminance_from_lstar(ranked.mean(1)) / _KEY_LUMINANCE)
    newly_clipped = (second_highest(picture) >= CLIPPED) & _showed_something(second_highest(reference))
    return Deviation(
        {
            "bright": torch.minimum(exposure_ev, key_ev + _KEY_MARGIN_EV["bright"]),
            "dark": torch.minimum(-exposure_ev, -key_ev + _KEY_MARGIN_EV["dark"]),
            "high_contrast": torch.maximum(_hardness(good, lstar), _both_ends(reference, picture)),
            "low_contrast": _flatness(good, lstar),
            "overexposed": newly_clipped.float().mean((1, 2)),
            "over_suppressed": _highlight_loss(good.flatten(1).gather(1, order), ranked),
        }
    )


def _hardness(good: Tensor, lstar: Tensor) -> Tensor:
    """How much harder than good: the ratio of spreads as far as the spread is large, or shadows that were crushed.

    good, lstar  (B, 1, S, S) float  L* of the re-exposed reference and the picture
    returns      (B,)         float  as a ratio, 1 is as good
    """
    spread = lstar.flatten(1).std(1)
    ratio = (spread + _SPREAD_FLOOR) / (good.flatten(1).std(1) + _SPREAD_FLOOR)
    crushed = ((lstar < _CRUSHED_BELOW) & (good >= _CRUSHED_FROM)).float().mean((1, 2, 3))
    base, slope = _CRUSHED_SLOPE
    return torch.maximum(torch.minimum(ratio, (spread / _HARD_SPREAD) ** _HARD_POWER), base + slope * crushed)


def _both_ends(reference: Tensor, picture: Tensor) -> Tensor:
    """How much harder than good, by the share of channel values that ran into the end of the scale where fewer did.

    One end alone is exposure or clipping; both are what a stretch does.

    reference, picture  (B, 3, S, S) uint8
    returns             (B,)         float  as a ratio, 1 is as good
    """
    black = (picture <= _END) & (reference > 3 * _END)
    white = (picture >= 255 - _END) & (reference < 255 - 3 * _END)
    base, slope = _BOTH_ENDS
    return base + slope * torch.minimum(black.float().mean((1, 2, 3)), white.float().mean((1, 2, 3)))


def _showed_something(value: Tensor) -> Tensor:
    """Where a pixel, by its second highest channel, had detail to lose. (B, S, S) uint8 to the same, bool."""
    _, variance = around(value.float().unsqueeze(1))
    textured = (variance >= _TEXTURE**2).squeeze(1)
    return (value < PLAIN) | (textured & (value < DETAIL))


def _flatness(good: Tensor, lstar: Tensor) -> Tensor:
    """How much flatter than good, in the frame as a whole or in its detail, as far as it looks flat.

    Haze over the distance leaves the frame its spread, because near things keep their blacks; what it takes is the
    contrast within small areas. Where sharp things fill a part of the frame the mean over all areas is theirs, so the
    half that lost most is looked at by itself as well.

    good, lstar  (B, 1, S, S) float  L* of the re-exposed reference and the picture
    returns      (B,)         float  as an inverse ratio, 1 is as good
    """
    spread = lstar.flatten(1).std(1)
    detail_good, detail = _detail(good), _detail(lstar)
    frame = (good.flatten(1).std(1) + _SPREAD_FLOOR) / (spread + _SPREAD_FLOOR)
    result = torch.minimum(frame, _FLAT_SPREAD / spread.clamp_min(0.1))
    result = torch.maximum(result, _flatness_within(detail_good.mean(1), detail.mean(1), _DETAIL_MARGIN, _FLAT_DETAIL))
    most = (detail_good - detail).topk(detail.shape[1] // 2, dim=1).indices
    before, after = detail_good.gather(1, most).mean(1), detail.gather(1, most).mean(1)
    far = _flatness_within(before, after, _FAR_MARGIN, _FAR_DETAIL)
    return torch.maximum(result, far * (before >= _FAR_GOOD))


def _flatness_within(good: Tensor, left: Tensor, margin: float, looks_flat: float) -> Tensor:
    """The inverse ratio of details (B,), as far as what is left looks flat."""
    ratio = (good + _SPREAD_FLOOR) / (left + _SPREAD_FLOOR) / margin
    return torch.minimum(ratio, looks_flat / left.clamp_min(0.1))


def _detail(lstar: Tensor) -> Tensor:
    """Standard deviation of L* within each block. (B, 1, S, S) to (B, blocks)."""
    mean = functional.avg_pool2d(lstar, _BLOCK)
    variance = functional.avg_pool2d(lstar * lstar, _BLOCK) - mean * mean
    return variance.clamp_min(0.0).sqrt().flatten(1)


def _seen(picture: Tensor) -> Tensor:
    """Luminance as it reaches an eye, flare included. (B, 3, S, S) uint8 to (B, 1, S, S) float 0..1."""
    return weighted_rec709(linear_from_srgb8(picture)) * (1 - _FLARE) + _FLARE


def second_highest(picture: Tensor) -> Tensor:
    """The middle one of three channels. (B, 3, S, S) to (B, S, S)."""
    red, green, blue = picture.unbind(1)
    return torch.maximum(torch.minimum(red, green), torch.minimum(torch.maximum(red, green), blue))


def _highlight_loss(good: Tensor, lstar: Tensor) -> Tensor:
    """Mean L* the brightest tenth lost, beyond what follows from the darker half being flatter, as far as it is flat.

    good, lstar  (B, P) float  L* of the re-exposed reference and the picture, pixels in the reference's order of light
    returns      (B,)   float  L*
    """
    tenth = max(1, good.shape[1] // 10)
    half = max(1, good.shape[1] // 2)
    body_good, body = good[:, :half], lstar[:, :half]
    spread_good, spread = body_good.std(1, correction=0), body.std(1, correction=0)
    flattening = ((spread + _SPREAD_FLOOR) / (spread_good + _SPREAD_FLOOR)).clamp_max(1.0)
    expected = body.mean(1) + flattening * (good[:, -tenth:].mean(1) - body_good.mean(1))
    left = lstar[:, -tenth:]
    loss = torch.minimum(expected - left.mean(1), _WHITE_SLOPE * (_WHITE - left.mean(1)))
    flat = _PLAIN_LOSS * (_PLAIN_SPREAD / left.std(1, correction=0).clamp_min(0.1)) ** _PLAIN_POWER
    return torch.minimum(loss, flat)


def _luminance_from_lstar(lstar: Tensor) -> Tensor:
    """The inverse of `lstar_from_luminance`. 0..100 to 0..1, at least 1e-4."""
    return torch.where(lstar > 8, ((lstar + 16) / 116) ** 3, lstar * (27 / 24389)).clamp_min(1e-4)


def _exposure_error_ev(luminance: Tensor, mean_lstar: Tensor) -> Tensor:
    """The gain in EV at which the clipped reference has the given mean lightness, by bisection.

    luminance   (B, Q) float  light of the reference, evenly spaced quantiles
    mean_lstar  (B,)   float  0..100
    returns     (B,)   float  -6..6
    """
    low = torch.full_like(mean_lstar, -_MAX_EV)
    high = torch.full_like(mean_lstar, _MAX_EV)
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        lightness = lstar_from_luminance((luminance * torch.exp2(middle)[:, None]).clamp_max(1.0)).mean(1)
        too_dark = lightness < mean_lstar
        low = torch.where(too_dark, middle, low)
        high = torch.where(too_dark, high, middle)
    return (low + high) / 2
