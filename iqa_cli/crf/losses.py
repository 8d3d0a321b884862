"""What training minimises, on the CRF's own quantities: the likelihood of the labels, or losses on node marginals.

Evidence comes as *allowed* cells (B, C): one level of an observed label, k and above for "k or worse", all levels of an
unobserved label. The likelihood sums out exactly what the evidence leaves open; the losses on marginals judge the nodes
that the evidence decides and leave the others out, whose marginals are sums over everything open anyway.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

import torch

from iqa_cli.crf.unary import cumulative

if TYPE_CHECKING:
    from torch import Tensor

    from iqa_cli.crf.torch_crf import TorchCRF
    from iqa_cli.hexgraph.plan import HexPlan

_EPSILON = 1e-8
"""Inside the square roots, as in the published code: the root has no gradient at zero."""
_SMALLEST = 1e-12
"""Probability below which a logarithm is cut: a marginal may underflow to exactly zero."""


@dataclasses.dataclass(frozen=True)
class NodeTargets:
    """What the evidence says about every node "level >= k"."""

    on: Tensor
    """(B, N) float64, 1 where the level is known to reach the threshold, else 0."""
    known: Tensor
    """(B, N) bool, whether the evidence decides the node."""


def node_targets(allowed: Tensor, plan: HexPlan) -> NodeTargets:
    """Which nodes the evidence decides, and how.

    allowed  (B, C) bool, at least one level of every label
    """
    open_levels = allowed.double()
    reached = cumulative(open_levels, plan)  # open levels at or above each threshold
    label_of_node = torch.tensor(plan.node_label.tolist(), device=allowed.device)
    per_label = open_levels.new_zeros((len(allowed), plan.n_labels))
    cell_label = torch.tensor(plan.cell_label.tolist(), device=allowed.device)
    total = per_label.index_add(1, cell_label, open_levels)[:, label_of_node]
    on = reached == total
    return NodeTargets(on=on.double(), known=on | (reached == 0))


def nll(crf: TorchCRF, unary: Tensor, allowed: Tensor, weights: Tensor | None = None) -> Tensor:
    """Negative log-likelihood of what was observed, mean over the photos.

    unary    (B, C) float   log-potential of every level
    allowed  (B, C) bool    levels that the labels leave open; an unobserved label leaves all of its own open
    weights  (B,)   float   weight of each photo, or None for 1
    returns  ()     float64 nats per photo, at least 0 up to rounding; differentiable
    raises   ValueError     if a shape does not fit, a value is not finite, or the batch is empty
             GraphError     if the graph forbids everything that a row allows
    """
    _refuse_empty(unary)
    log_prob = crf.partial_log_prob(unary, allowed)
    return -(log_prob if weights is None else log_prob * weights).mean()


def focal(p: Tensor, on: Tensor, *, gamma: float, alpha: float) -> Tensor:
    """Focal loss of every node: -alpha_t (1 - p_t)^gamma log p_t.

    p, on    (...) float  probability of "on", 0..1, and its target, 0 or 1
    returns  (...) float  nats, weighted
    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
    """
    p_t = p * on + (1 - p) * (1 - on)
    alpha_t = alpha * on + (1 - alpha) * (1 - on)
    return -alpha_t * (1 - p_t) ** gamma * p_t.clamp_min(_SMALLEST).log()


def focal_fidelity(p: Tensor, on: Tensor, *, gamma: float, alpha: float) -> Tensor:
    """Focal fidelity loss of every node: alpha_t (1 - p_t)^gamma (1 - fidelity), the seed system's formula.

    p, on    (...) float  probability of "on", 0..1, and its target, 0 or 1
    returns  (...) float  0..1 times alpha_t

    fidelity = sqrt(p g) + sqrt((1 - p)(1 - g)), 1e-8 inside each root (Tsai et al., FRank, SIGIR 2007); gamma 2 and
    alpha 0.8 in the published code.
    """
    fidelity = (p * on + _EPSILON).sqrt() + ((1 - p) * (1 - on) + _EPSILON).sqrt()
    p_t = p * on + (1 - p) * (1 - on)
    alpha_t = alpha * on + (1 - alpha) * (1 - on)
    return (1 - fidelity) * alpha_t * (1 - p_t) ** gamma


def marginal_loss(
    crf: TorchCRF,
    unary: Tensor,
    allowed: Tensor,
    *,
    name: Literal["focal", "focal-fidelity"],
    gamma: float,
    alpha: float,
    weights: Tensor | None = None,
) -> Tensor:
    """A loss on the node marginals, mean over the nodes that the evidence decides.

    unary    (B, C) float   log-potential of every level
    allowed  (B, C) bool    levels that the labels leave open
    weights  (B, N) float   weight of each node, or None for 1
    returns  ()     float64 differentiable; 0 if nothing at all was observed
    raises   ValueError     if a shape does not fit, a value is not finite, or the batch is empty
             GraphError     if the graph forbids everything that a row allows
    """
    _refuse_empty(unary)
    if allowed.shape != unary.shape:
        raise ValueError(f"expected {tuple(unary.shape)}, got {tuple(allowed.shape)}")
    with torch.no_grad():
        crf.partial_log_prob(unary, allowed)  # the marginals alone would learn contradictory labels without a word
    p = cumulative(crf.marginals(unary), crf.plan).clamp(0.0, 1.0)
    targets = node_targets(allowed, crf.plan)
    formula = {"focal": focal, "focal-fidelity": focal_fidelity}[name]
    # A root or a power has no gradient at the end of its range; what is not known must not put its NaN into the sum.
    safe = torch.where(targets.known, p, torch.full_like(p, 0.5))
    values = formula(safe, targets.on, gamma=gamma, alpha=alpha)
    counted = targets.known.double() if weights is None else targets.known.double() * weights
    return (values * counted).sum() / targets.known.sum().clamp_min(1)


def _refuse_empty(unary: Tensor) -> None:
    if len(unary) == 0:
        raise ValueError("expected at least one photo, got an empty batch")
