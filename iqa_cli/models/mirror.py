"""A visual tower that does not know left from right.

Where every kernel equals its mirror image, the maps of a mirrored picture are the mirrored maps, and a pooling whose
positions are symmetric too gives the same features. Tone does not know left from right, so nothing is lost, and a
mirrored copy of a photograph gets the same levels. One layer is not exact: the first convolution takes every second
column, and those of an even width are not their own mirror image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from iqa_cli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

Twin = tuple[nn.Parameter, "Callable[[Tensor], Tensor]"]
"""A parameter and what makes its mirror image."""


def mirrored_twins(visual: Any) -> tuple[Twin, ...]:
    """The parameters of a CLIP residual network that know left from right, each with what mirrors it.

    raises  ConfigError  for another kind of tower
    """
    pool = getattr(visual, "attnpool", None)
    if not isinstance(pool, nn.Module):
        raise ConfigError(
            "model.mirror: this backbone is not one of CLIP's residual networks", hint="leave model.mirror out"
        )
    kernels = [parameter for parameter in visual.parameters() if parameter.ndim == 4]
    positions = pool.positional_embedding
    assert isinstance(positions, nn.Parameter)  # noqa: S101 - open_clip's AttentionPool2d
    side = round((len(positions) - 1) ** 0.5)
    order = torch.arange(side * side).view(side, side).flip(-1).flatten() + 1
    order = torch.cat([torch.zeros(1, dtype=torch.int64), order])  # the first one is the mean of all
    return (
        *((kernel, _flipped) for kernel in kernels),
        (positions, lambda embedding: embedding[order.to(embedding.device)]),
    )


def _flipped(kernel: Tensor) -> Tensor:
    return kernel.flip(-1)
