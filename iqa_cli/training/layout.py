"""Where things lie in a frame: smooth maps that tell sky from ground, near from far, lit from unlit.

Photographs come without depth or light, so plausible maps are drawn. All are (B, 1, S, S) float32.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_UNEVEN = 5
"""Nodes a side of the random field that makes borders crooked: features of about a quarter of the frame."""


def uniform(count: int, generator: torch.Generator, low: float, high: float) -> Tensor:
    """A strength for each of `count` pictures, (count, 1, 1, 1), low..high."""
    return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)


def uneven(count: int, size: int, generator: torch.Generator) -> Tensor:
    """A smooth random field, mean about 0, standard deviation about 1. (count, 1, size, size)."""
    nodes = torch.randn(count, 1, _UNEVEN, _UNEVEN, generator=generator)
    return functional.interpolate(nodes, size=(size, size), mode="bilinear", align_corners=True) * 1.5


def upper_side(count: int, size: int, generator: torch.Generator, sharpness: Tensor) -> Tensor:
    """The upper part of a frame against the lower one, with a tilted and crooked border near the middle.

    sharpness  (count, 1, 1, 1)  1 is a slope over the whole frame, 10 a skyline
    returns    -1 (below) to 1 (above)
    """
    tilt = (torch.rand(count, 1, 1, 1, generator=generator) - 0.5) * 1.2
    height = (torch.rand(count, 1, 1, 1, generator=generator) - 0.5) * 1.0
    across, up = _grid(size)
    return torch.tanh(sharpness * (up + tilt * across - height + 0.2 * uneven(count, size, generator)))


def near(scene: Tensor, generator: torch.Generator) -> Tensor:
    """Things that stand in front, with the hard edges that real ones have. 0 (behind) or 1 (in front).

    A twentieth to two fifths of each frame: a wall or a kerb at one side, leaves, trunks and poles, and, in most of the
    pictures, edges that follow what the photograph shows, because haze ends where a thing ends.

    scene    (B, 3, S, S)  encoded
    returns  (B, 1, S, S)
    """
    count, size = len(scene), scene.shape[-1]
    angle = torch.randn(count, 1, 1, 1, generator=generator) * 1.1 + math.pi  # from below, mostly
    across, up = _grid(size)
    side = 1.7 * (up * torch.cos(angle) + across * torch.sin(angle))
    # Towards the dark, mostly: before fog or a sky, what is near is what is dark.
    shown = (scene * (torch.randn(count, 3, 1, 1, generator=generator) - 0.7)).sum(1, keepdim=True)
    shown = functional.avg_pool2d(shown, 3, stride=1, padding=1, count_include_pad=False)
    shown = (shown - shown.mean((2, 3), keepdim=True)) / shown.std((2, 3), keepdim=True).clamp_min(1e-3)
    leaves = functional.interpolate(
        torch.randn(count, 1, size // 4, size // 4, generator=generator), size=(size, size), mode="bicubic"
    )
    trunks = functional.interpolate(
        torch.randn(count, 1, 1, size // 3, generator=generator), size=(size, size), mode="nearest"
    )
    field = side * uniform(count, generator, 0.2, 1.2) + uneven(count, size, generator) * 0.5
    for part, often in ((shown, 0.8), (leaves, 0.25), (trunks, 0.2)):
        drawn = (uniform(count, generator, 0, 1) < often).float()
        field = field + part * drawn * uniform(count, generator, 0.4, 1.4)
    share = 0.05 + 0.35 * torch.rand(count, generator=generator)
    ranked = field.flatten(1).sort(1, descending=True).values
    place = (share * size * size).long().clamp_max(size * size - 1)
    return (field >= ranked.gather(1, place[:, None]).view(-1, 1, 1, 1)).float()


def depth(scene: Tensor, generator: torch.Generator) -> Tensor:
    """How far away things are. 0 (near) to 1 (far).

    A third of the frames slope smoothly, with near places at any side; a third are a ground that runs to a horizon; in
    the rest all is equally far. Before most of them stand one or two layers of things that are nearer, with hard edges.

    scene    (B, 3, S, S)  encoded, whose edges the layers may follow
    returns  (B, 1, S, S)
    """
    count, size = len(scene), scene.shape[-1]
    angle = torch.randn(count, 1, 1, 1, generator=generator) * 0.8
    across, up = _grid(size)
    plane = up * torch.cos(angle) + across * torch.sin(angle)
    slope = torch.sigmoid(2.0 * plane + 1.2 * uneven(count, size, generator))
    # A flat ground seen from above it: distance is the inverse of the height below the horizon.
    horizon = uniform(count, generator, -0.4, 0.6)
    below = (horizon - up + 0.15 * uneven(count, size, generator)).clamp_min(0.0)
    ground = 1 / (1 + below * uniform(count, generator, 2.0, 9.0))
    kind = uniform(count, generator, 0, 1)
    far = torch.where(kind < 0.35, slope, torch.where(kind < 0.7, ground, torch.ones_like(slope)))
    for often, closest, furthest in ((0.4, 0.25, 0.75), (0.65, 0.0, 0.15)):
        stands = (uniform(count, generator, 0, 1) < often).float()
        layer = near(scene, generator) * stands
        far = far * (1 - layer * (1 - uniform(count, generator, closest, furthest)))
    return far


def spots(count: int, size: int, generator: torch.Generator, *, low: float, high: float, most: int = 3) -> Tensor:
    """One to `most` round spots at random places, fading like a Gaussian. 0 to 1.

    low, high  standard deviation of a spot as a share of the frame
    """
    across, up = _grid(size)
    result = torch.zeros(count, 1, size, size)
    how_many = torch.randint(1, most + 1, (count, 1, 1, 1), generator=generator)
    for index in range(most):
        x, y = (torch.rand(2, count, 1, 1, 1, generator=generator) * 1.8 - 0.9).unbind(0)
        width, height = (low + (high - low) * torch.rand(2, count, 1, 1, 1, generator=generator)).mul(2).unbind(0)
        spot = torch.exp(-0.5 * (((across - x) / width) ** 2 + ((up - y) / height) ** 2))
        result = torch.maximum(result, spot * (index < how_many))
    return result


def subject(count: int, size: int, generator: torch.Generator) -> Tensor:
    """A thing in the middle that fills a seventh to two thirds of the frame, softly. 0 (ground) to 1 (thing)."""
    across, up, width, height = _placed(count, size, generator)
    radius = torch.sqrt((across / width) ** 2 + (up / height) ** 2)
    return torch.sigmoid(16.0 * (1 - radius + 0.1 * uneven(count, size, generator)))


def page(count: int, size: int, generator: torch.Generator) -> Tensor:
    """A sheet that fills a third to all of the frame, a little turned. 0 (what it lies on) to 1 (sheet)."""
    across, up, width, height = _placed(count, size, generator)
    turn = 0.15 * torch.randn(count, 1, 1, 1, generator=generator)
    radius = torch.maximum((across + turn * up).abs() / width, (up - turn * across).abs() / height)
    return torch.sigmoid(60.0 * (1.25 - radius))


def _placed(count: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Places relative to a middle near that of the frame, and half the width and height of what lies there."""
    across, up = _grid(size)
    width, height = (0.45 + 0.45 * torch.rand(2, count, 1, 1, 1, generator=generator)).unbind(0)
    x, y = (0.4 * torch.rand(2, count, 1, 1, 1, generator=generator) - 0.2).unbind(0)
    return across - x, up - y, width, height


def text_lines(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Ink of a page of text: lines of words with gaps and margins. 0 (paper) to 1 (ink)."""
    across, up = _grid(size)
    lines = 10 + 18 * torch.rand(count, 1, 1, 1, generator=generator)
    tilt = 0.06 * torch.randn(count, 1, 1, 1, generator=generator)
    row = (up + tilt * across) * lines
    words = torch.rand(count, 1, size, size // 4, generator=generator)
    words = functional.interpolate(words, size=(size, size), mode="nearest") > 0.25
    margin = 0.75 + 0.2 * torch.rand(count, 1, 1, 1, generator=generator)
    inside = (across.abs() < margin) & (up.abs() < margin)
    return ((torch.sin(math.pi * row) > 0.3) & words & inside).float() * (
        0.35 + 0.5 * torch.rand(count, 1, 1, 1, generator=generator)
    )


def _grid(size: int) -> tuple[Tensor, Tensor]:
    """Place across (-1 left, 1 right) and up (-1 bottom, 1 top), (1, 1, 1, size) and (1, 1, size, 1)."""
    line = torch.linspace(-1, 1, size)
    return line.view(1, 1, 1, -1), -line.view(1, 1, -1, 1)
