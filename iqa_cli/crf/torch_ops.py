"""The steps of a pass in torch. Overwrites nothing, so that every step can be differentiated."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.crf.passes import Kind
    from iqa_cli.hexgraph.layout import Layout
    from iqa_cli.hexgraph.segments import Blocks


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
        """A tensor to write results into: "float", "double" or "cells"."""
        dtype = {"float": self.dtype, "double": torch.float64, "cells": torch.int64}[kind]
        return torch.empty(shape, dtype=dtype, device=like.device)

    def where(self, mask: Tensor) -> Tensor:
        """Numbers of the true entries of (B,)."""
        return mask.nonzero()[:, 0]

    def floored(self, values: Tensor, mask: Tensor, floor: float) -> Tensor:
        """The values, and the floor where the mask is false."""
        return values.masked_fill(~mask, floor)

    def numbers(self, mask: Tensor, n_labels: int) -> Tensor:
        """(B, L) cells that are on, of a (C, B) mask with one per label."""
        return mask.T.nonzero()[:, 1].reshape(-1, n_labels)

    def take(self, values: Tensor, index: Tensor) -> Tensor:
        return values.index_select(0, index)

    def rows(self, values: Tensor, start: int, count: int) -> Tensor:
        return values.narrow(0, start, count)

    def append(self, values: Tensor, *fills: float) -> Tensor:
        return torch.cat([values, *(values.new_full((1, values.shape[1]), fill) for fill in fills)])

    def concat(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts))

    def reduce(self, kind: Kind, values: Tensor, n: int, k: int) -> Tensor:
        block = values.reshape(n, k, values.shape[1])
        if kind == "sum":
            return block.sum(1)
        if kind == "product":
            return block.prod(1)
        if kind == "highest":
            return block.amax(1)
        if kind == "lowest":
            return block.amin(1)
        return block.any(1) if kind == "any" else torch.logsumexp(block, 1)

    def total(self, values: Tensor) -> Tensor:
        return values.sum(0, dtype=torch.float64)

    def add(self, left: Tensor, right: Tensor) -> Tensor:
        return left + right

    def subtract(self, left: Tensor, right: Tensor) -> Tensor:
        return left - right

    def multiply(self, left: Tensor, right: Tensor) -> Tensor:
        return left * right

    def plus_groups(self, values: Tensor, groups: Tensor, blocks: Blocks) -> Tensor:
        return _joined([rows + group for rows, group in _by_group(values, groups, blocks)], values.shape[1])

    def times_groups(self, values: Tensor, groups: Tensor, blocks: Blocks, *, keep: bool = False) -> Tensor:  # noqa: ARG002 - nothing is overwritten here
        return _joined([rows * group for rows, group in _by_group(values, groups, blocks)], values.shape[1])

    def first_reaching(self, values: Tensor, groups: Tensor, blocks: Blocks) -> Tensor:
        chosen = []
        for rows, group in _by_group(values, groups, blocks):
            first = (rows >= group).to(torch.uint8).argmax(1, keepdim=True)
            chosen.append(torch.zeros_like(rows, dtype=torch.bool).scatter_(1, first, value=True))
        return _joined(chosen, values.shape[1])

    def running_sum(self, values: Tensor, blocks: Blocks) -> Tensor:
        batch = values.shape[1]
        parts = [values.narrow(0, start, n * k).reshape(n, k, batch).cumsum(1) for start, n, k in blocks]
        return _joined(parts, batch)

    def last_rows(self, values: Tensor, blocks: Blocks) -> Tensor:
        batch = values.shape[1]
        return torch.cat([values.narrow(0, start, n * k).reshape(n, k, batch)[:, -1] for start, n, k in blocks])

    def negative(self, values: Tensor) -> Tensor:
        return -values

    def exp(self, values: Tensor) -> Tensor:
        return values.exp()

    def log(self, values: Tensor) -> Tensor:
        return values.log()

    def inverse(self, values: Tensor) -> Tensor:
        return torch.where(values == 0, 0.0, 1.0 / values)

    def constant(self, values: Tensor) -> Tensor:
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


def _by_group(values: Tensor, groups: Tensor, blocks: Blocks) -> list[tuple[Tensor, Tensor]]:
    """Per block its rows (n, k, B) and the values of its groups (n, 1, B)."""
    pairs, first = [], 0
    for start, n, k in blocks:
        rows = values.narrow(0, start, n * k).reshape(n, k, -1)
        pairs.append((rows, groups.narrow(0, first, n)[:, None]))
        first += n
    return pairs


def _joined(parts: list[Tensor], batch: int) -> Tensor:
    flat = [part.reshape(-1, batch) for part in parts]
    return flat[0] if len(flat) == 1 else torch.cat(flat)
