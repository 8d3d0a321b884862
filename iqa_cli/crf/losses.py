"""What training minimises: the likelihood of the labels under the CRF, or focal losses on thresholds.

Evidence comes as *allowed* cells (B, C): one level of an observed label, k and above for "k or worse", all levels of an
unobserved label. The likelihood sums out exactly what the evidence leaves open; the focal losses judge the nodes that
the evidence decides and leave the others out.
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

_NO_LEVEL = -1e300
"""Stands for the log-potential of a level that a label does not have: minus infinity would have no gradient."""


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


def log_thresholds(unary: Tensor, plan: HexPlan) -> tuple[Tensor, Tensor]:
    """Log-probabilities of every node "level >= k" and of its opposite, if no rule between labels held.

    unary    (B, C) float  log-potential of every level, finite
    returns  two (B, N) float, at most 0 up to rounding: log P(level >= k) and log P(level < k)

    Both are found as sums of exponentials, not one from the other, so that neither loses its gradient where the other
    is 1 to all its digits.
    """
    counts = torch.tensor(plan.level_counts.tolist(), device=unary.device)
    first = torch.tensor(plan.cell_start.tolist(), device=unary.device)
    step = torch.arange(int(counts.max()), device=unary.device)
    there = step < counts[:, None]  # (L, K)
    cells = torch.where(there, first[:, None] + step, 0)
    grid = torch.where(there, unary[:, cells], _NO_LEVEL)  # (B, L, K)
    grid = grid - torch.logsumexp(grid, -1, keepdim=True)
    below = torch.logcumsumexp(grid, -1)[..., :-1]
    reached = torch.logcumsumexp(grid.flip(-1), -1).flip(-1)[..., 1:]
    nodes = there[:, 1:]  # a label of K levels has K - 1 thresholds
    return reached[:, nodes], below[:, nodes]


def focal(log_p_t: Tensor, log_rest: Tensor, on: Tensor, *, gamma: float, alpha: float) -> Tensor:
    """Focal loss of every node: -alpha_t (1 - p_t)^gamma log p_t.

    log_p_t   (...) float  log-probability of what is so, at most 0
    log_rest  (...) float  that of the opposite
    on        (...) float  1 where the node is on, else 0
    returns   (...) float  nats, weighted
    Lin et al., Focal Loss for Dense Object Detection, ICCV 2017.
    """
    return -_weights(log_rest, on, gamma=gamma, alpha=alpha) * log_p_t


def focal_fidelity(log_p_t: Tensor, log_rest: Tensor, on: Tensor, *, gamma: float, alpha: float) -> Tensor:
    """Focal fidelity loss of every node: alpha_t (1 - p_t)^gamma (1 - sqrt(p_t)), the seed system's formula.

    log_p_t   (...) float  log-probability of what is so, at most 0
    log_rest  (...) float  that of the opposite
    on        (...) float  1 where the node is on, else 0
    returns   (...) float  0..1 times alpha_t

    sqrt(p_t) is the fidelity of a sure target (Tsai et al., FRank, SIGIR 2007); gamma 2 and alpha 0.8 in the published
    runs. The published code adds 1e-8 inside its roots, which shifts a value by up to 1e-4; here the root is an
    exponential of half the logarithm and needs no such help. Its gradient goes to zero as sqrt(p_t) does: that is in
    the formula.
    """
    return -torch.expm1(log_p_t / 2) * _weights(log_rest, on, gamma=gamma, alpha=alpha)


def _weights(log_rest: Tensor, on: Tensor, *, gamma: float, alpha: float) -> Tensor:
    """alpha_t (1 - p_t)^gamma."""
    return (alpha * on + (1 - alpha) * (1 - on)) * (gamma * log_rest).exp()


def threshold_loss(
    crf: TorchCRF,
    unary: Tensor,
    allowed: Tensor,
    *,
    name: Literal["focal", "focal-fidelity"],
    gamma: float,
    alpha: float,
    weights: Tensor | None = None,
) -> Tensor:
    """A focal loss on every threshold by itself, mean over the nodes that the evidence decides.

    unary    (B, C) float   log-potential of every level
    allowed  (B, C) bool    levels that the labels leave open
    weights  (B, N) float   weight of each node, or None for 1
    returns  ()     float64 differentiable; 0 if nothing at all was observed
    raises   ValueError     if a shape does not fit, a value is not finite, or the batch is empty
             GraphError     if the graph forbids everything that a row allows

    The rules between labels are left to decoding. A focal loss is no proper score: it wants every probability of a
    rare problem inflated, and under "a excludes b" both inflations are paid from the one probability of "neither",
    which ends below either. `benchmarks/RESULTS.md` has the figures.
    """
    _refuse_empty(unary)
    if allowed.shape != unary.shape:
        raise ValueError(f"expected {tuple(unary.shape)}, got {tuple(allowed.shape)}")
    with torch.no_grad():
        crf.partial_log_prob(unary, allowed)  # this loss alone would learn contradictory labels without a word
    log_on, log_off = log_thresholds(unary.double(), crf.plan)
    targets = node_targets(allowed, crf.plan)
    is_on = targets.on > 0
    formula = {"focal": focal, "focal-fidelity": focal_fidelity}[name]
    values = formula(
        torch.where(is_on, log_on, log_off),
        torch.where(is_on, log_off, log_on),
        targets.on,
        gamma=gamma,
        alpha=alpha,
    )
    counted = targets.known.double() if weights is None else targets.known.double() * weights
    return (values * counted).sum() / targets.known.sum().clamp_min(1)


def _refuse_empty(unary: Tensor) -> None:
    if len(unary) == 0:
        raise ValueError("expected at least one photo, got an empty batch")
