"""`Segments` of a plan in torch: a gather and sums over padded blocks, no scatter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.hexgraph.segments import IntArray, Segments


def index_tensor(values: IntArray) -> Tensor:
    """An index array as int64 tensor; a copy, because the plan's arrays are read-only."""
    return torch.tensor(values.tolist(), dtype=torch.int64).reshape(values.shape)


def reduce_blocks(rows: Tensor, blocks: tuple[tuple[int, int, int], ...], reduce: Callable[[Tensor], Tensor]) -> Tensor:
    """Reduce each block (n * k, B) over its k rows per group to (n, B); all groups in order."""
    parts = []
    for start, n, k in blocks:
        block = rows.narrow(0, start, n * k)
        parts.append(block if k == 1 else reduce(block.reshape(n, k, -1)))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class TorchSegments(nn.Module):
    """Sums over ragged lists. Differentiable any number of times; the same bits on every run."""

    gather: Tensor
    position: Tensor | None

    def __init__(self, segments: Segments) -> None:
        super().__init__()
        self.blocks = segments.blocks
        self.padded = segments.padded
        self.register_buffer("gather", index_tensor(segments.gather), persistent=False)
        position = None if segments.position is None else index_tensor(segments.position)
        self.register_buffer("position", position, persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """(n_targets, B) sum of each target's sources, of (n_sources, B) values."""
        return self._reduce(values, 0.0, lambda block: block.sum(1))

    def highest(self, values: Tensor) -> Tensor:
        """(n_targets, B) greatest of each target's sources."""
        return self._reduce(values, -torch.inf, lambda block: block.amax(1))

    def _reduce(self, values: Tensor, neutral: float, reduce: Callable[[Tensor], Tensor]) -> Tensor:
        if self.padded:
            values = torch.cat([values, values.new_full((1, values.shape[1]), neutral)])
        done = reduce_blocks(values.index_select(0, self.gather), self.blocks, reduce)
        return done if self.position is None else done.index_select(0, self.position)
