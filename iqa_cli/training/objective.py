"""The config's loss as a function, with weights against rare levels."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

import torch

from iqa_cli.crf.losses import nll, threshold_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from iqa_cli.config import LossConfig
    from iqa_cli.crf.torch_crf import TorchCRF
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.plan import HexPlan

_BETA = 0.999
"""Of the effective number of photographs, (1 - beta^n) / (1 - beta): a level seen a thousand times counts like 630.
Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019."""


class Objective(Protocol):
    """A loss of a batch."""

    def __call__(self, unary: Tensor, allowed: Tensor) -> Tensor:
        """Mean loss () float64 of cell potentials (B, C) and allowed cells (B, C)."""


def level_weights(counts: Sequence[Tensor], balance: str) -> Tensor:
    """A weight per cell that evens out how often levels occur.

    counts   per label (K,) how often each level occurs; a level that never occurs gets the weight of one that did once
    balance  none, inverse or effective
    returns  (C,) float64, label after label; mean 1 over the photographs whose level of a label is known
    """
    weights = []
    for count in counts:
        seen = count.double().clamp_min(1.0)
        weight = {
            "none": torch.ones_like(seen),
            "inverse": 1.0 / seen,
            "effective": (1.0 - _BETA) / (1.0 - _BETA**seen),
        }[balance]
        known = count.double() if bool(count.any()) else seen
        weights.append(weight * known.sum() / (weight * known).sum())
    return torch.cat(weights)


def make_objective(
    config: LossConfig, crf: TorchCRF, counts: Sequence[Tensor] | None, device: torch.device
) -> Objective:
    """The loss that a config names.

    counts  per label (K,) how often each level occurs in training; None is enough without balance
    """
    per_cell = None
    if config.balance != "none" and counts is not None:
        per_cell = level_weights(counts, config.balance).to(device)
    if config.name == "nll":
        return _Likelihood(crf, per_cell)
    return _OnThresholds(config, crf, per_cell)


class _Likelihood:
    """Negative log-likelihood; with balance, a photograph weighs as its labels' levels do on average."""

    def __init__(self, crf: TorchCRF, per_cell: Tensor | None) -> None:
        self._crf = crf
        self._per_cell = per_cell

    def __call__(self, unary: Tensor, allowed: Tensor) -> Tensor:
        if self._per_cell is None:
            return nll(self._crf, unary, allowed)
        return nll(self._crf, unary, allowed, _label_weights(self._crf.plan, self._per_cell, allowed).mean(1))


class _OnThresholds:
    """A focal loss; with balance, a node weighs as the level does that decides it."""

    def __init__(self, config: LossConfig, crf: TorchCRF, per_cell: Tensor | None) -> None:
        assert config.name != "nll"  # noqa: S101 - tells mypy which names are left
        self._name = config.name
        self._gamma, self._alpha = config.gamma, config.alpha
        self._crf = crf
        self._per_cell = per_cell

    def __call__(self, unary: Tensor, allowed: Tensor) -> Tensor:
        weights = None
        if self._per_cell is not None:
            plan = self._crf.plan
            node_label = torch.tensor(plan.node_label.tolist(), device=allowed.device)
            weights = _label_weights(plan, self._per_cell, allowed)[:, node_label]
        return threshold_loss(
            self._crf, unary, allowed, name=self._name, gamma=self._gamma, alpha=self._alpha, weights=weights
        )


def _label_weights(plan: HexPlan, per_cell: Tensor, allowed: Tensor) -> Tensor:
    """(B, L) weight of each label's level; 1 where it is not known exactly and so has nothing to say."""
    cell_label = torch.tensor(plan.cell_label.tolist(), device=allowed.device)
    sums = per_cell.new_zeros((len(allowed), plan.n_labels))
    n_open = sums.index_add(1, cell_label, allowed.to(per_cell.dtype))
    return torch.where(n_open == 1, sums.index_add(1, cell_label, per_cell * allowed), 1.0)


def without_rules(graph: HexGraph) -> HexGraph:
    """The same labels, each for itself; what a label says about its own levels is no rule between labels."""
    own = tuple(rule for rule in graph.subsumptions if rule.label_a == rule.label_b)
    return dataclasses.replace(graph, exclusions=(), subsumptions=own)
