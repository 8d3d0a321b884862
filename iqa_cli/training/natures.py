"""Scenes that are dark, bright or clipped by nature: good renderings that look like a fault and are none.

Training photographs are well exposed daylight for the most part. A model that never met a lamp at night, a snowfield or
a page of text calls each of them a fault, so a part of the photographs is turned into such scenes before anything is
done to them. What comes out is the good rendering; the label of an untouched one is "none" everywhere.

Fog, full silhouettes and deep night are not among them: where people were asked, they called fog flat, silhouettes hard
and a night street dark. So the dark scenes here stay readable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from iqa_cli.training import layout, tone

if TYPE_CHECKING:
    from collections.abc import Callable


def night(encoded: Tensor, generator: torch.Generator) -> Tensor:
    """Dark surroundings, some places lit, lamps that clip. (B, 3, S, S) encoded to the same, as all here."""
    count, size = len(encoded), encoded.shape[-1]
    light = tone.linear_from_srgb(encoded)
    lit = layout.spots(count, size, generator, low=0.15, high=0.4)
    ambient = layout.uniform(count, generator, 0.5, 2.0)
    cast = 1 + 0.12 * torch.randn(count, 3, 1, 1, generator=generator)
    lamps = _lamps(count, size, generator) * cast.clamp_min(0.6)
    return tone.srgb_from_linear(light * torch.exp2(-ambient * (1 - lit)) * (0.5 + 0.5 * cast) + 3 * lamps)


def on_black(encoded: Tensor, generator: torch.Generator) -> Tensor:
    """A thing before black, as in a studio or on a stage."""
    thing = layout.subject(len(encoded), encoded.shape[-1], generator)
    left = layout.uniform(len(encoded), generator, 0.05, 0.3)
    return encoded * (thing + (1 - thing) * left)


def on_white(encoded: Tensor, generator: torch.Generator) -> Tensor:
    """A thing before a white ground, as in a shop."""
    thing = layout.subject(len(encoded), encoded.shape[-1], generator)
    white = layout.uniform(len(encoded), generator, 0.93, 1.02)
    return encoded * thing + white * (1 - thing)


def snow(encoded: Tensor, generator: torch.Generator) -> Tensor:
    """A light ground or sky with its texture: snow, sand, a white wall. What stands on it keeps its tone."""
    count = len(encoded)
    side = layout.upper_side(count, encoded.shape[-1], generator, layout.uniform(count, generator, 3.0, 9.0))
    side = side * torch.where(torch.rand(count, 1, 1, 1, generator=generator) < 0.7, -1.0, 1.0)
    weight = (side * 0.5 + 0.5) * layout.uniform(count, generator, 0.7, 1.0)
    luma = tone.weighted_rec709(encoded)
    grain = luma - luma.mean((2, 3), keepdim=True)
    ground = layout.uniform(count, generator, 0.82, 0.93) + layout.uniform(count, generator, 0.15, 0.4) * grain
    tinted = ground + 0.25 * (encoded - luma)
    # Dark things stay what they are: a person on snow is no snow.
    weight = weight * ((luma - 0.15) / 0.2).clamp(0.0, 1.0)
    return encoded * (1 - weight) + tinted.clamp(0.0, 0.99) * weight


def white_sky(encoded: Tensor, generator: torch.Generator) -> Tensor:
    """A sky or a window that is white by nature."""
    count = len(encoded)
    side = layout.upper_side(count, encoded.shape[-1], generator, layout.uniform(count, generator, 4.0, 12.0))
    luma = tone.weighted_rec709(encoded)
    mean, variance = tone.around(luma)
    plain = 1 - variance.clamp_min(0.0).sqrt() / 0.08
    # Light, plain, and blue or grey: what else is white by nature in the upper part of a frame? No face, no facade.
    blue = (encoded[:, 2:] - encoded[:, :1] + 0.08) / 0.08
    open_sky = ((mean - 0.4) / 0.2).clamp(0, 1) * plain.clamp(0, 1) * blue.clamp(0, 1) * (side * 1.5).clamp(0, 1)
    open_sky = (open_sky * 2).clamp_max(1.0)
    return encoded * (1 - open_sky) + layout.uniform(count, generator, 0.96, 1.05) * open_sky


def lamps(encoded: Tensor, generator: torch.Generator) -> Tensor:
    """Lamps, the sun or its glints in a scene that is otherwise as it was."""
    count, size = len(encoded), encoded.shape[-1]
    tint = (1 + 0.08 * torch.randn(count, 3, 1, 1, generator=generator)).clamp_min(0.7)
    light = tone.linear_from_srgb(encoded) + 3 * _lamps(count, size, generator) * tint
    return tone.srgb_from_linear(light)


def shaded_front(encoded: Tensor, generator: torch.Generator) -> Tensor:
    """Leaves, trunks, a frame or a kerb in shade that stand before the scene with hard edges."""
    front = layout.near(encoded, generator)
    left = layout.uniform(len(encoded), generator, 0.1, 0.5)
    return encoded * (1 - front * (1 - left))


def document(encoded: Tensor, generator: torch.Generator) -> Tensor:
    """A page of text that fills most of the frame, lit unevenly; the photograph is what it lies on."""
    count, size = len(encoded), encoded.shape[-1]
    page = layout.page(count, size, generator)
    paper = layout.uniform(count, generator, 0.78, 0.97) * (1 + 0.03 * torch.randn(count, 3, 1, 1, generator=generator))
    shade = 1 + 0.05 * layout.uneven(count, size, generator)
    ink = layout.text_lines(count, size, generator)
    # At the size of the model's input letters are a grey texture, not black strokes.
    sheet = (paper * shade * (1 - 0.8 * ink)).clamp(0.0, 0.99)
    return encoded * (1 - page) + sheet * page


NATURES: tuple[tuple[Callable[[Tensor, torch.Generator], Tensor], float], ...] = (
    (night, 0.015),
    (on_black, 0.008),
    (on_white, 0.02),
    (snow, 0.025),
    (white_sky, 0.06),
    (lamps, 0.05),
    (document, 0.012),
    (shaded_front, 0.06),
)
"""Every nature with its share of the photographs."""


def with_natures(encoded: Tensor, generator: torch.Generator) -> Tensor:
    """Some of the photographs (B, 3, S, S), encoded 0..1, turned into scenes of another nature."""
    draw = torch.rand(len(encoded), generator=generator)
    result, low = encoded, 0.0
    for nature, share in NATURES:
        rows = ((draw >= low) & (draw < low + share)).nonzero()[:, 0]
        low += share
        if len(rows):
            result = result.index_copy(0, rows, nature(encoded[rows], generator).clamp(0.0, 1.0))
    return result


def _lamps(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Points of light with a small halo. (count, 1, size, size), light."""
    points = layout.spots(count, size, generator, low=0.004, high=0.022, most=6)
    halo = layout.spots(count, size, generator, low=0.05, high=0.15, most=2)
    return points + 0.04 * halo
