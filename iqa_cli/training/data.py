"""What a trainer learns from and is judged on, whatever it is made of: the tone ladder or labelled photographs."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Protocol

import torch

from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from iqa_cli.hexgraph.graph import HexGraph


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """Some pictures and what is known of them."""

    inputs: Tensor
    """(B, 3, S, S) uint8 pictures, (B, V, 3, S, S) uint8 views of what is judged in several, the whole picture first,
    or (B, D) float32 features where the visual tower is a constant."""
    positions: Tensor
    """(B, L) int64 zero-based levels, -1 where the level is not known exactly."""
    allowed: Tensor
    """(B, C) bool, the levels that the labels leave open."""

    @property
    def whole(self) -> Tensor | None:
        """(B, 3, S, S) uint8, the whole pictures; None of features."""
        return None if self.inputs.dtype != torch.uint8 else whole_pictures(self.inputs)


def whole_pictures(pixels: Tensor) -> Tensor:
    """The whole pictures (n, 3, S, S) of pictures, or of views (n, V, 3, S, S) of each."""
    return pixels[:, 0] if pixels.ndim == 5 else pixels


@dataclasses.dataclass(frozen=True)
class Share:
    """Which part of an epoch one of several training processes takes."""

    rank: int = 0
    """0..world-1."""
    world: int = 1
    """Processes."""

    def of(self, count: int) -> int:
        """How many of `count` each process takes: the same for all, or they would wait for each other for ever."""
        return count // self.world


FEW = 20
"""Photographs of a side below which its figures are mostly chance: of 19, one that is judged otherwise moves accuracy
by 5 %, and two epochs of one run differ by as much."""


def too_few(counts: Mapping[str, int]) -> tuple[str, ...]:
    """Warnings of sides that are too small to tell anything; photographs by side."""
    what = {"validation": "which epoch is the best is half chance", "test": "what the card says of it is half chance"}
    return tuple(
        f"{counted(counts[side], 'photograph')} for {side}: fewer than {FEW} tell little, {meaning}"
        for side, meaning in what.items()
        if side in counts and counts[side] < FEW
    )


class Data(Protocol):
    """A source of batches. Everything random in it comes from the run's seed and the number of the epoch."""

    unreadable: tuple[tuple[str, str], ...]
    """Files that were left out, with the reason."""
    notes: tuple[str, ...]
    """What the user should know before hours are spent, such as labels without a column."""
    warnings: tuple[str, ...]
    """What makes the figures worth less, such as scenes on both sides of a split."""

    @property
    def learned(self) -> tuple[tuple[str, Sequence[str], Tensor], ...]:
        """The photographs that are learned from: the config's key, M names and (M, 3, P, P) uint8 of each source."""

    def describe(self) -> str:
        """One line for people: what is learned from."""

    def batches_per_epoch(self, share: Share) -> int:
        """How many batches `epoch` gives one process."""

    def epoch(self, number: int, share: Share) -> Iterator[Batch]:
        """The training batches of an epoch, counted from 0; each has at least two pictures."""

    def validation(self) -> Iterator[Batch]:
        """What is judged after each epoch: the same every time."""

    def test(self) -> Iterator[Batch] | None:
        """What is judged once at the end, or None if there is nothing apart from the validation pictures."""

    def level_counts(self) -> list[Tensor]:
        """Per label (K,) int64: training pictures at each level, where the labels leave one level alone open."""

    def identity(self) -> dict[str, Any]:
        """What two runs must share for one to continue the other."""

    def card(self) -> dict[str, Any]:
        """What the checkpoint's card says about the data."""


def exactly(positions: Tensor, graph: HexGraph) -> Tensor:
    """Allowed cells (B, C) bool of levels that are all known, (B, L) int64 zero-based."""
    columns = [
        torch.nn.functional.one_hot(positions[:, index], len(label.levels)) for index, label in enumerate(graph.labels)
    ]
    return torch.cat(columns, 1).bool()


def counts_of(positions: Tensor, graph: HexGraph) -> list[Tensor]:
    """Per label (K,) int64 how often each level occurs in (n, L) positions; unknown ones are not counted."""
    return [
        torch.bincount(column[column >= 0], minlength=len(label.levels))
        for column, label in zip(positions.T, graph.labels, strict=True)
    ]
