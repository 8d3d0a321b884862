"""Tone operators on batches of pictures: what cameras, weather and bad processing do to a photograph.

Every operator takes one strength per picture, so a batch may hold a different fault in each row. A strength of zero
(one for factors) leaves the picture as it is. Pictures are (B, 3, S, S) float32; "encoded" means sRGB-encoded values
0..1, "linear" means light, 0.. with 1 the display's white, "scene" means light before the camera's shoulder, which may
be above 1.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_REC709 = (0.2126, 0.7152, 0.0722)
_SHOULDER_REACH = 4.0
"""White is reached this many times the room above the knee; beyond it 8 bits hold no detail to bring back."""


def linear_from_srgb(encoded: Tensor) -> Tensor:
    """Light from sRGB-encoded values, IEC 61966-2-1. (B, 3, S, S) 0..1 to the same."""
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055).pow(2.4))


def linear_from_srgb8(quantised_picture: Tensor) -> Tensor:
    """`linear_from_srgb` of 8-bit values by table. (..., S, S) uint8 to the same, float32 0..1."""
    table = linear_from_srgb(torch.arange(256, dtype=torch.float32) / 255)
    return table.to(quantised_picture.device)[quantised_picture.int()]


def srgb_from_linear(linear: Tensor) -> Tensor:
    """sRGB-encoded values from light, IEC 61966-2-1; light above 1 gives values above 1."""
    linear = linear.clamp_min(0.0)
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(1e-9).pow(1 / 2.4) - 0.055)


def weighted_rec709(picture: Tensor) -> Tensor:
    """Rec.709 sum of the channels: luminance of light, luma of encoded values. (B, 3, S, S) to (B, 1, S, S)."""
    weights = torch.tensor(_REC709, dtype=picture.dtype, device=picture.device).view(1, 3, 1, 1)
    return (picture * weights).sum(1, keepdim=True)


def lstar_from_luminance(luminance: Tensor) -> Tensor:
    """CIE 1976 lightness L*, 0..100, of luminance relative to white, 0..1 (CIE 015:2018)."""
    cube_root = luminance.clamp_min(1e-9).pow(1 / 3)
    return torch.where(luminance > 216 / 24389, 116 * cube_root - 16, luminance * (24389 / 27))


def around(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of the 5 x 5 pixels around each, of those within the frame. (B, 1, S, S) to two of the same.

    The variance is a difference of rounded numbers: it may be a little below zero.
    """
    mean = functional.avg_pool2d(values, 5, stride=1, padding=2, count_include_pad=False)
    square = functional.avg_pool2d(values * values, 5, stride=1, padding=2, count_include_pad=False)
    return mean, square - mean * mean


def scene_from_linear(linear: Tensor, knee: Tensor) -> Tensor:
    """Undo a camera's highlight shoulder: the inverse of `linear_from_scene`; white comes back as the least light
    that gives white.

    linear  (B, 3, S, S)  0..1
    knee    (B, 1, 1, 1)  light at which the shoulder begins; 1 means a hard clip and gives the input back
    """
    room = (1 - knee).clamp_min(1e-3)
    above = ((linear - knee) / room).clamp(0.0, 1.0) * (1 - math.exp(-_SHOULDER_REACH))
    return torch.where((linear > knee) & (knee < 1), knee - room * torch.log1p(-above), linear)


def linear_from_scene(scene: Tensor, knee: Tensor) -> Tensor:
    """A camera's highlight shoulder: linear below the knee, exponential roll-off to white above it.

    scene    (B, 3, S, S)  light, 0..
    knee     (B, 1, 1, 1)  light at which the roll-off begins, up to 1 = hard clip
    returns  (B, 3, S, S)  0..1
    """
    room = (1 - knee).clamp_min(1e-3)
    rise = (1 - torch.exp(-(scene - knee).clamp_min(0.0) / room)) / (1 - math.exp(-_SHOULDER_REACH))
    return torch.where((scene > knee) & (knee < 1), knee + room * rise, scene).clamp(0.0, 1.0)


def hazed(scene: Tensor, share: Tensor, airlight: Tensor) -> Tensor:
    """Light scattered into the path: Koschmieder's law with a transmission that differs over the frame.

    share     (B, 1, S, S)  share of airlight, 0..1: 1 - transmission, which falls with depth
    airlight  (B, 3, 1, 1)  colour of the veil, light
    """
    return scene * (1 - share) + airlight * share


def flared(scene: Tensor, amount: Tensor, glow: Tensor) -> Tensor:
    """Veiling glare: light spread by the lens is added, most around its source and a part of it everywhere.

    amount  (B, 1, 1, 1)  light added at the source, 0..
    glow    (B, 1, S, S)  shape of the glow, 0..1
    """
    return scene + amount * (0.2 + 0.8 * glow)


def relit(scene: Tensor, stops: Tensor, side: Tensor) -> Tensor:
    """Light that differs between large areas: from behind (stops above 0), or evened out as phones do (below 0).

    stops  (B, 1, 1, 1)  EV between the lit and the unlit side
    side   (B, 1, S, S)  1 on the lit side, -1 on the other, in between where they meet
    """
    return scene * torch.exp2(stops * 0.5 * side)


def bright_side(scene: Tensor) -> Tensor:
    """Where large areas are brighter (towards 1) or darker (towards -1) than the picture on average in EV.

    scene    (B, 3, S, S)
    returns  (B, 1, S, S)  -1..1
    """
    luminance = weighted_rec709(scene).clamp_min(1e-4).log2()
    coarse = functional.avg_pool2d(luminance, 8, stride=4, padding=2, count_include_pad=False)
    region = functional.interpolate(coarse, size=scene.shape[-2:], mode="bilinear", align_corners=False)
    return torch.tanh((region - region.mean((2, 3), keepdim=True)) / 1.5)


def contrast_scaled(encoded: Tensor, factor: Tensor, softness: Tensor) -> Tensor:
    """Stretch or squeeze encoded values around the picture's mean luma.

    factor    (B, 1, 1, 1)  1 leaves the picture; above 1 more contrast, below 1 less
    softness  (B, 1, 1, 1)  how far what a stretch pushes out is bent in by a sigmoid (1) or left to be clipped (0)
    """
    pivot = weighted_rec709(encoded).mean((2, 3), keepdim=True)
    offset = (encoded - pivot) * factor
    room = torch.where(offset > 0, 1 - pivot, pivot).clamp_min(0.05)
    bent = room * torch.tanh(offset / room)
    # The sigmoid comes in with the stretch, so that no strength is a step away from its neighbours.
    return pivot + offset + softness * (1 - 1 / factor.clamp_min(1.0)) * (bent - offset)


def highlights_lifted(encoded: Tensor, gain: Tensor, start: Tensor) -> Tensor:
    """Raise what is already bright until it clips, and leave the rest: a blown sky over a fine foreground.

    gain   (B, 1, 1, 1)  added share at white, 0..
    start  (B, 1, 1, 1)  luma at which the rise begins, 0..1
    """
    luma = weighted_rec709(encoded)
    reach = ((luma - start) / (1 - start).clamp_min(0.05)).clamp(0.0, 1.0)
    return encoded * (1 + gain * reach * reach * (3 - 2 * reach))


def highlights_suppressed(encoded: Tensor, squeeze: Tensor, start: Tensor) -> Tensor:
    """Compress luma above a start point and take from its colour: over-recovered, grey and dull highlights.

    squeeze  (B, 1, 1, 1)  0 leaves the picture, 1 flattens all above `start` to one luma, white to half its colour
    start    (B, 1, 1, 1)  luma at which the compression begins, 0..1
    """
    luma = weighted_rec709(encoded).clamp_min(1e-4)
    excess = (luma - start).clamp_min(0.0)
    scaled = encoded * ((luma - squeeze * excess) / luma)
    greyed = squeeze * 0.5 * (excess / (1 - start).clamp_min(0.05)).clamp_max(1.0)
    return scaled + greyed * (weighted_rec709(scaled) - scaled)


def noisy(encoded: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """Add sensor noise: Gaussian, mostly luma, partly chroma.

    sigma  (B, 1, 1, 1) or (B, 1, S, S)  standard deviation in encoded units, 0..0.1
    """
    size = encoded.shape
    luma = torch.randn(size[0], 1, *size[2:], generator=generator, dtype=encoded.dtype)
    chroma = torch.randn(size, generator=generator, dtype=encoded.dtype)
    return encoded + sigma * (0.8 * luma + 0.6 * chroma).to(encoded.device)


def quantised(encoded: Tensor) -> Tensor:
    """Clip and round to 8 bits, as every file does. (B, 3, S, S) to the same, uint8."""
    return (encoded.clamp(0.0, 1.0) * 255).round().to(torch.uint8)
