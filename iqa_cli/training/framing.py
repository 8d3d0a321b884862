"""A photograph framed anew: a part of it, perhaps mirrored. Tone is judged from whole frames, so the part is large."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def framed(photographs: Tensor, size: int, crop: float, generator: torch.Generator, *, mirror: bool = True) -> Tensor:
    """A random frame of each photograph.

    photographs  (B, 3, P, P) float32, 0..1
    size         S, pixels
    crop         smallest share of the photograph's sides that is kept; 1 keeps the whole frame
    mirror       whether half of them are mirrored, at random
    returns      (B, 3, S, S) float32, 0..1
    """
    count = len(photographs)
    scale = crop + (1 - crop) * torch.rand(count, 2, generator=generator)
    shift = (1 - scale) * (2 * torch.rand(count, 2, generator=generator) - 1)
    side = torch.where(torch.rand(count, generator=generator) < (0.5 if mirror else 0.0), -1.0, 1.0)
    transform = torch.zeros(count, 2, 3)
    transform[:, 0, 0] = scale[:, 0] * side
    transform[:, 1, 1] = scale[:, 1]
    transform[:, :, 2] = shift
    grid = functional.affine_grid(transform, [count, 3, size, size], align_corners=False)
    return functional.grid_sample(photographs, grid, padding_mode="border", align_corners=False).clamp(0.0, 1.0)
