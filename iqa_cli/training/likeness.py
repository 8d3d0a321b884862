"""Which photographs show the same scene: by fine structure, so that exposure, size and format do not count.

Axes: M, N photographs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from torch.nn import functional

from iqa_cli.training.tone import weighted_rec709

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

SAME_SCENE = 0.5
"""Correlation of fine luma structure (32x32, local mean taken off) from which two photographs count as one scene. Over
1,012 photographs unrelated ones stayed below 0.4, where plain luma joined every sky over every ground at 0.9; the same
frame at -1 and +1 EV has 0.93 and more, shifted by 2 % of the frame 0.53 and more."""


_AT_ONCE = 256
"""Photographs made into floats at a time: a collection may be larger than the memory, and lie in a file."""


def fine_structure(pictures: Tensor) -> Tensor:
    """What a photograph shows, as a direction. (M, 3, P, P) uint8 to (M, 1024) float32 of unit length.

    A picture without any structure gives zeros, which are like nothing.
    """
    return torch.cat([_structure(part) for part in torch.split(pictures, _AT_ONCE)])


def _structure(pictures: Tensor) -> Tensor:
    small = functional.adaptive_avg_pool2d(weighted_rec709(pictures.float()), 32)
    fine = small - functional.avg_pool2d(small, 5, stride=1, padding=2, count_include_pad=False)
    return functional.normalize(fine.flatten(1) - fine.mean((1, 2, 3))[:, None], dim=1)


def scenes(pictures: Tensor) -> NDArray[np.int32]:
    """A scene number per photograph: near-identical frames, such as brackets and bursts, share one.

    pictures  (M, 3, P, P) uint8
    returns   (M,)
    """
    unit = fine_structure(pictures)
    same = (unit @ unit.T).numpy() > SAME_SCENE
    numbers: NDArray[np.int32] = connected_components(csr_array(same), directed=False)[1]
    return numbers


def alike(one: Tensor, other: Tensor) -> list[tuple[int, int]]:
    """Pairs of photographs of two collections that show one scene, mirrored or not.

    one      (M, 3, P, P) uint8
    other    (N, 3, Q, Q) uint8
    returns  (place in `one`, place in `other`), ascending; of several likenesses of one photograph the greatest
    """
    unit = fine_structure(other)
    mirrored = torch.cat([_structure(part.flip(-1)) for part in torch.split(one, _AT_ONCE)])
    greatest, place = (fine_structure(one) @ unit.T).maximum(mirrored @ unit.T).max(1)
    return [(row, int(place[row])) for row in np.flatnonzero(greatest.numpy() > SAME_SCENE).tolist()]
