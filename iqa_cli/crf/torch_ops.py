"""The steps of a pass in torch. Overwrites nothing, so that every step can be differentiated."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iqa_cli.crf.passes import Kind
    from iqa_cli.hexgraph.layout import Layout
    from iqa_cli.hexgraph.segments import Blocks, Segments

_REDUCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda block: block.sum(0),
    "product": lambda block: block.prod(0),
    "highest": lambda block: block.amax(0),
    "lowest": lambda block: block.amin(0),
    "any": lambda block: block.any(0),
    "log_sum_exp": lambda block: torch.logsumexp(block, 0),
}


class TorchOps:
    """`passes.Ops` of tensors on one device."""

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        self.dtype = dtype
        self.device = device

    def cells(self, values: Tensor) -> Tensor:
        """(B, C) of any number type as (C, B) of ours."""
        return values.T.to(self.dtype).contiguous()

    def mask(self, allowed: Tensor) -> Tensor:
        """(B, C) bool as (C, B)."""
        return allowed.T.contiguous()

    def column(self, values: np.ndarray) -> Tensor:
        """(n, 1) of (n,)."""
        return torch.tensor(values, dtype=self.dtype, device=self.device)[:, None]

    def empty(self, shape: tuple[int, ...], like: Tensor, kind: str) -> Tensor:
        """A tensor to write results into: "float", "double" or "position"."""
        dtype = {"float": self.dtype, "double": torch.float64, "position": torch.int64}[kind]
        return torch.empty(shape, dtype=dtype, device=like.device)

    def where(self, mask: Tensor) -> Tensor:
        """Numbers of the true entries of (B,)."""
        return mask.nonzero()[:, 0]

    def photos(self, values: Tensor, index: Tensor) -> Tensor:
        """Some photos of (C, B)."""
        return values.index_select(1, index)

    def floored(self, values: Tensor, mask: Tensor, floor: float) -> Tensor:
        """The values, and the floor where the mask is false."""
        return values.masked_fill(~mask, floor)

    def positions(self, mask: Tensor, layout: Layout) -> Tensor:
        """(B, L) positions 0..K-1 of the cells that are on, of a (C, B) mask with one per label."""
        start: Any = layout.cell_start
        cells = mask.T.nonzero()[:, 1].reshape(-1, len(start))
        return torch.sub(cells, start)

    def take(self, values: Tensor, index: Tensor) -> Tensor:
        """See `passes.Ops`, here and below; every result is a new tensor or a view."""
        return values.index_select(0, index)

    def rows(self, values: Tensor, start: int, stop: int) -> Tensor:
        """View."""
        return values.narrow(0, start, stop - start)

    def append(self, values: Tensor, fill: float) -> Tensor:
        """Copy."""
        return torch.cat([values, values.new_full((1, values.shape[1]), fill)])

    def concat(self, parts: Sequence[Tensor]) -> Tensor:
        """Copy."""
        return torch.cat(list(parts))

    def factors(self, cells: Tensor, index: Tensor, floor: float, below: Tensor | None, neutral: float) -> Tensor:
        """Joined."""
        row = (1, cells.shape[1])
        parts = [cells.index_select(0, index), cells.new_full(row, floor), cells.new_full(row, neutral)]
        if below is not None:
            parts.insert(2, below)
        return torch.cat(parts)

    def gather(self, kind: Kind, values: Tensor, segments: Segments, neutral: float) -> Tensor:
        """A gather and reductions of contiguous blocks, no scatter: the same bits on every run, on every device."""
        index: Any = segments.gather
        parts = _blocks(kind, values.index_select(0, index), segments.blocks)
        last = values.new_full((1, values.shape[1]), neutral)
        if segments.position is None:
            return torch.cat([*parts, last])
        position: Any = segments.position
        return torch.cat([torch.cat(parts).index_select(0, position), last])

    def group(self, kind: Kind, rows: Tensor, blocks: Blocks) -> Tensor:
        """The rows of a group lie together."""
        parts = _blocks(kind, rows, blocks)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def plus_groups(self, rows: Tensor, groups: Tensor, blocks: Blocks) -> Tensor:
        """Block by block."""
        return _joined([block + group for block, group in _by_group(rows, groups, blocks)], rows[-1:])

    def times_groups(self, rows: Tensor, groups: Tensor, blocks: Blocks, *, keep: bool = False) -> Tensor:  # noqa: ARG002 - nothing is overwritten here
        """Block by block."""
        return _joined([block * group for block, group in _by_group(rows, groups, blocks)], rows[-1:])

    def first_reaching(self, rows: Tensor, groups: Tensor, blocks: Blocks) -> Tensor:
        """The argmax of a mask is the first that is on."""
        chosen = []
        for block, group in _by_group(rows, groups, blocks):
            first = (block >= group).to(torch.uint8).argmax(0, keepdim=True)
            chosen.append(torch.zeros_like(block, dtype=torch.bool).scatter_(0, first, value=True))
        return _joined(chosen, torch.zeros_like(rows[-1:], dtype=torch.bool))

    def running_sum(self, rows: Tensor, blocks: Blocks) -> Tensor:
        """Block by block."""
        return _joined([_block(rows, block).cumsum(0) for block in blocks], rows[-1:])

    def last_rows(self, rows: Tensor, blocks: Blocks) -> Tensor:
        """Copy."""
        return torch.cat([_block(rows, block)[-1] for block in blocks])

    def total(self, values: Tensor) -> Tensor:
        """In double precision."""
        return values.sum(0, dtype=torch.float64)

    def add(self, left: Tensor, right: Tensor) -> Tensor:
        """New."""
        return left + right

    def subtract(self, left: Tensor, right: Tensor) -> Tensor:
        """New."""
        return left - right

    def multiply(self, left: Tensor, right: Tensor) -> Tensor:
        """New."""
        return left * right

    def negative(self, values: Tensor) -> Tensor:
        """New."""
        return -values

    def exp(self, values: Tensor) -> Tensor:
        """New."""
        return values.exp()

    def share(self, values: Tensor) -> Tensor:
        """New."""
        return values.exp()

    def log(self, values: Tensor) -> Tensor:
        """New."""
        return values.log()

    def inverse(self, values: Tensor) -> Tensor:
        """New."""
        return torch.where(values == 0, 0.0, 1.0 / values)

    def constant(self, values: Tensor) -> Tensor:
        """Detached."""
        return values.detach()


def layout_on(layout: Layout, device: torch.device) -> Layout:
    """The layout with tensors on a device in place of its index arrays."""

    def moved(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return torch.tensor(value, dtype=torch.int64, device=device)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.replace(
                value, **{field.name: moved(getattr(value, field.name)) for field in dataclasses.fields(value)}
            )
        if isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            return tuple(map(moved, value))
        return value

    on_device: Layout = moved(layout)
    return on_device


def _block(rows: Tensor, block: tuple[int, int, int]) -> Tensor:
    """(k, n, B) view of a block."""
    start, n, k = block
    return rows.narrow(0, start, n * k).reshape(k, n, rows.shape[1])


def _blocks(kind: Kind, rows: Tensor, blocks: Blocks) -> list[Tensor]:
    reduce = _REDUCTIONS[kind]
    return [_block(rows, block)[0] if block[2] == 1 else reduce(_block(rows, block)) for block in blocks]


def _by_group(rows: Tensor, groups: Tensor, blocks: Blocks) -> list[tuple[Tensor, Tensor]]:
    """Per block its rows (k, n, B) and the values of its groups (n, B)."""
    counts = [n for _, n, _ in blocks]
    return [(_block(rows, block), part) for block, part in zip(blocks, torch.split(groups, counts), strict=True)]


def _joined(parts: list[Tensor], last: Tensor) -> Tensor:
    """(rows + 1, B) of (k, n, B) parts and the row after them."""
    return torch.cat([*(part.reshape(-1, last.shape[1]) for part in parts), last])
