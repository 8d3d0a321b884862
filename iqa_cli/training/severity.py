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

from iqa_cli.training.tone import linear_from_srgb8, lstar_from_luminance, weighted_rec709

CLIPPED = 250
"""8-bit value from which a channel counts as clipped: JPEG ringing and rounding keep blown areas at 250..255."""
DETAIL = 240
"""A reference pixel below this still showed something."""

THRESHOLDS: dict[str, tuple[float, float, float]] = {
    "bright": (0.7, 1.2, 2.0),  # EV above the good exposure
    "dark": (0.9, 1.5, 2.5),  # EV below it
    "high_contrast": (1.35, 1.7, 2.3),  # spread of L* over that of the re-exposed reference
    "low_contrast": (1 / 0.75, 1 / 0.55, 1 / 0.35),  # the inverse of that ratio
    "overexposed": (0.02, 0.05, 0.15),  # fraction of pixels clipped where the reference had detail
    "over_suppressed": (
        8.0,
        14.0,
        22.0,
    ),  # mean L* lost in the brightest tenth beyond what the darker half explains
}
"""Where ordinary, severe and blocking begin, in the unit of each deviation."""

_FLARE = 0.001
"""Light that any screen and room add to black, as a share of white. It keeps ratios finite: without it no gain turns
black into anything else, and a night sky would be an infinite exposure error away from a night sky with noise."""
_KEY_LUMINANCE = 0.184
"""Luminance of L* 50, the middle of the lightness scale."""
_KEY_MARGIN_EV = 1.3
"""How far beyond the middle an exposure error may reach: a picture whose mean lightness is ordinary is not blocked for
being too bright only because its scene was a dark one. +0.7 EV needs L* 41 or lighter, +2.0 EV L* 62; -0.9 EV needs
L* 56 or darker, -2.5 EV L* 34."""
_SPREAD_FLOOR = 1.0
"""L* added to both spreads: below about one step of L* nobody sees a difference, and a ratio of nothings is noise."""
_MAX_EV = 6.0
_BISECTIONS = 12  # 12 EV of range halved 12 times: 0.003 EV
_QUANTILE_STEP = 16  # every 16th of the sorted pixels stands for its neighbours: mean L* to 0.05


@dataclasses.dataclass(frozen=True)
class Deviation:
    """Six deviations per picture, all growing with severity."""

    values: dict[str, Tensor]
    """Per label (B,) float, in the unit of `THRESHOLDS`."""

    def positions(self, labels: tuple[str, ...]) -> Tensor:
        """Zero-based level positions (B, L) int64 in the order of `labels`.

        A picture whose highlights are both clipped and suppressed keeps the graver of the two, as our graphs exclude
        the pair; equal ones keep `overexposed`, which cannot be repaired.

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
        if {"overexposed", "over_suppressed"} <= set(labels):
            clipped, suppressed = level["overexposed"], level["over_suppressed"]
            nothing = torch.zeros_like(clipped)
            level["overexposed"] = torch.where(clipped >= suppressed, clipped, nothing)
            level["over_suppressed"] = torch.where(clipped >= suppressed, nothing, suppressed)
        return torch.stack([level[label] for label in labels], 1)


def deviation(reference: Tensor, picture: Tensor) -> Deviation:
    """How far `picture` is from `reference`, its good rendering.

    reference, picture  (B, 3, S, S) uint8, sRGB-encoded
    returns             the six deviations of `THRESHOLDS`
    """
    luminance, order = _seen(reference).sort(1)
    lstar = lstar_from_luminance(_seen(picture).gather(1, order))
    middle = slice(luminance.shape[1] // 4, -(luminance.shape[1] // 4))
    exposure_ev = _exposure_error_ev(
        luminance[:, middle][:, _QUANTILE_STEP // 2 :: _QUANTILE_STEP], lstar[:, middle].mean(1)
    )
    good = lstar_from_luminance((luminance * torch.exp2(exposure_ev)[:, None]).clamp_max(1.0))
    ratio = (lstar.std(1) + _SPREAD_FLOOR) / (good.std(1) + _SPREAD_FLOOR)
    key_ev = torch.log2(_luminance_from_lstar(lstar.mean(1)) / _KEY_LUMINANCE)
    newly_clipped = (_second_highest(picture) >= CLIPPED) & (_second_highest(reference) < DETAIL)
    return Deviation(
        {
            "bright": torch.minimum(exposure_ev, key_ev + _KEY_MARGIN_EV),
            "dark": torch.minimum(-exposure_ev, -key_ev + _KEY_MARGIN_EV),
            "high_contrast": ratio,
            "low_contrast": 1 / ratio,
            "overexposed": newly_clipped.float().mean((1, 2)),
            "over_suppressed": _highlight_loss(good, lstar),
        }
    )


def _seen(picture: Tensor) -> Tensor:
    """Luminance as it reaches an eye, flare included. (B, 3, S, S) uint8 to (B, S * S) float 0..1."""
    return weighted_rec709(linear_from_srgb8(picture)).flatten(1) * (1 - _FLARE) + _FLARE


def _second_highest(picture: Tensor) -> Tensor:
    """The middle one of three channels. (B, 3, S, S) to (B, S, S)."""
    red, green, blue = picture.unbind(1)
    return torch.maximum(torch.minimum(red, green), torch.minimum(torch.maximum(red, green), blue))


def _highlight_loss(good: Tensor, lstar: Tensor) -> Tensor:
    """Mean L* the brightest tenth lost, beyond what follows from the darker half being flatter.

    good, lstar  (B, P) float  L* of the re-exposed reference and the picture, pixels in the reference's order of light
    returns      (B,)   float  L*
    """
    tenth = max(1, good.shape[1] // 10)
    half = max(1, good.shape[1] // 2)
    body_good, body = good[:, :half], lstar[:, :half]
    spread_good, spread = body_good.std(1, correction=0), body.std(1, correction=0)
    flattening = ((spread + _SPREAD_FLOOR) / (spread_good + _SPREAD_FLOOR)).clamp_max(1.0)
    expected = body.mean(1) + flattening * (good[:, -tenth:].mean(1) - body_good.mean(1))
    return expected - lstar[:, -tenth:].mean(1)


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
