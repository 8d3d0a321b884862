"""The differentiable executor: the same passes over the same plan, in torch.

Gradients come from torch's own rules: every step is a gather, a sum, a product or a log-sum-exp. So the
marginals, an upward and a downward pass written out, can be differentiated themselves, for losses on them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from iqa_cli.crf.floor import FLOOR, IMPOSSIBLE, LIMIT
from iqa_cli.crf.torch_segments import TorchSegments, index_tensor, reduce_blocks
from iqa_cli.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.hexgraph.layout import Depth
    from iqa_cli.hexgraph.plan import HexPlan


class TorchCRF(nn.Module):
    """Inference on one plan, differentiable in the unaries. Has no parameters and nothing to save.

    plan          the compiled graph
    dtype         what to compute in, whatever the unaries come in: float64, or float32 with messages shifted
                  to zero depth by depth (half precision loses the marginals, so it is refused)
    check_finite  refuse unaries that are not finite; costs one synchronisation with a GPU
    """

    _cell_label: Tensor
    _cell_start: Tensor
    _position_in_label: Tensor
    _row_group: Tensor
    _forbidden: Tensor

    def __init__(self, plan: HexPlan, dtype: torch.dtype = torch.float64, *, check_finite: bool = True) -> None:
        super().__init__()
        if dtype not in (torch.float64, torch.float32):
            raise ValueError(f"expected torch.float64 or torch.float32, got {dtype}")
        self.plan = plan
        self.dtype = dtype
        self.check_finite = check_finite
        self._shifted = dtype is torch.float32
        layout = plan.layout
        self._unary = TorchSegments(layout.unary)
        self._readout = TorchSegments(layout.readout)
        self._depths = nn.ModuleList(_TorchDepth(depth) for depth in layout.depths)
        label = index_tensor(plan.cell_label)
        buffers = {
            "_cell_label": label,
            "_cell_start": index_tensor(plan.cell_start),
            "_position_in_label": torch.arange(plan.n_cells) - index_tensor(plan.cell_start)[label],
            "_row_group": index_tensor(layout.row_group),
            "_forbidden": index_tensor(plan.forbidden),
        }
        for name, buffer in buffers.items():
            self.register_buffer(name, buffer, persistent=False)

    def log_partition(self, unary: Tensor) -> Tensor:
        """Log of the sum over all legal assignments of exp(score).

        unary    (B, C) float    log-potential of every level, finite
        returns  (B,)   float64  nats; differentiable, twice
        raises   ValueError      if the shape does not fit the plan or a value is not finite
        """
        u, centre = self._centred(unary)
        return self._upward(self._rows(u), _log_sum_exp)[2] + centre

    def marginals(self, unary: Tensor) -> Tensor:
        """Probability of every level: the gradient of `log_partition`, by an explicit downward pass.

        unary    (B, C) float  log-potential of every level, finite
        returns  (B, C) dtype  0..1, sums to 1 over a label up to rounding; differentiable
        raises   ValueError    if the shape does not fit the plan or a value is not finite
        """
        u, _ = self._centred(unary)
        theta, message, _ = self._upward(self._rows(u), _log_sum_exp)
        share = torch.exp(torch.cat(theta) - torch.cat(message).index_select(0, self._row_group))
        return self._downward(share).T

    @torch.no_grad()
    def map(self, unary: Tensor) -> tuple[Tensor, Tensor]:
        """The assignment of highest score; of equals always the same one.

        unary    (B, C) float                   log-potential of every level, finite
        returns  (B,) float64 and (B, L) int64  its score, and positions 0..K-1
        raises   ValueError                     if the shape does not fit the plan or a value is not finite
        """
        u, centre = self._centred(unary)
        theta, _, score = self._upward(self._rows(u), _highest)
        return score + centre, self._positions(theta)

    @torch.no_grad()
    def sample(self, unary: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One assignment per photo, drawn from the distribution; always legal.

        unary    (B, C) float   log-potential of every level, finite
        returns  (B, L) int64   positions 0..K-1
        raises   ValueError     if the shape does not fit the plan or a value is not finite

        Gumbel-max per group of the upward pass (Papandreou and Yuille, ICCV 2011).
        """
        u, _ = self._centred(unary)
        theta, _, _ = self._upward(self._rows(u), _log_sum_exp)
        tiny = torch.finfo(self.dtype).tiny
        noisy = []
        for rows in theta:
            uniform = torch.rand(rows.shape, generator=generator, dtype=rows.dtype, device=rows.device)
            noisy.append(rows - torch.log((-torch.log(uniform.clamp_min(tiny))).clamp_min(tiny)))
        return self._positions(noisy)

    def log_prob(self, unary: Tensor, positions: Tensor) -> Tensor:
        """Log-probability of whole assignments.

        unary      (B, C) float    log-potential of every level, finite
        positions  (B, L) integer  level of every label, counted from 0
        returns    (B,)   float64  nats, at most 0; differentiable
        raises     ValueError      if a shape does not fit or a position does not exist
                   GraphError      if the graph forbids an assignment
        """
        u, _ = self._centred(unary)
        cells = self._cells(positions, u.shape[1])
        score = u.T.gather(1, cells)
        return score.sum(1, dtype=torch.float64) - self._upward(self._rows(u), _log_sum_exp)[2]

    def partial_log_prob(self, unary: Tensor, allowed: Tensor) -> Tensor:
        """Log-probability that every label's level is among the allowed ones.

        unary    (B, C) float    log-potential of every level, finite
        allowed  (B, C) bool     True for levels that the evidence leaves open: all of an unobserved
                                 label, one of an observed label, k and above for "at least k"
        returns  (B,)   float64  nats, at most 0 up to rounding; differentiable
        raises   ValueError      if a shape does not fit or a value is not finite
                 GraphError      if the graph forbids everything that a row allows
        """
        u, _ = self._centred(unary)
        if allowed.shape != unary.shape or allowed.dtype is not torch.bool:
            got = f"{tuple(allowed.shape)} {allowed.dtype}"
            raise ValueError(f"expected {tuple(unary.shape)} torch.bool, got {got}")
        floor = torch.full((), FLOOR, dtype=self.dtype, device=u.device)
        # Both log-partitions in one pass: a small batch costs as much as a large one.
        both = torch.cat([torch.where(allowed.T, u, floor), u], dim=1)
        clamped, free = self._upward(self._rows(both), _log_sum_exp)[2].reshape(2, -1)
        self._refuse_impossible(clamped.detach() < IMPOSSIBLE, allowed)
        log_prob: Tensor = clamped - free
        return log_prob

    def _centred(self, unary: Tensor) -> tuple[Tensor, Tensor]:
        """(C, B) unaries in our dtype, and what was taken off per photo (float32 only)."""
        if unary.ndim != 2 or unary.shape[1] != self.plan.n_cells:
            raise ValueError(f"expected (B, {self.plan.n_cells}), got {tuple(unary.shape)}")
        if self.check_finite:
            good = unary.detach().abs() < LIMIT
            if not bool(good.all()):
                row, cell = (~good).nonzero()[0].tolist()
                label = self.plan.label_names[self.plan.cell_label[cell]]
                value = unary[row, cell].item()
                raise ValueError(f"unary of photo {row}, label {label!r} is {value}, expected a finite number")
        u = unary.T.to(self.dtype)
        if not self._shifted:
            return u, u.new_zeros(u.shape[1])
        with torch.no_grad():
            # Detached: log Z moves by what is taken off, so its gradient is the same either way.
            index = self._cell_label[:, None].expand_as(u)
            highest = u.new_full((self.plan.n_labels, u.shape[1]), -LIMIT).scatter_reduce(0, index, u, "amax")
            centre = highest.sum(0, dtype=torch.float64)
        return u - highest.index_select(0, self._cell_label), centre

    def _rows(self, u: Tensor) -> Tensor:
        """(rows, B) sum of the unaries that each row owns; padding rows get the floor."""
        rows: Tensor = self._unary(torch.cat([u, u.new_full((1, u.shape[1]), FLOOR)]))
        return rows

    def _upward(self, rows: Tensor, reduce: Callable[[Tensor], Tensor]) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Per depth the potentials with the messages from below, and the messages; and the (B,) total."""
        theta, message = [], []
        total = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device)
        sent = rows[:0]
        for depth in reversed(list(self._depths)):
            assert isinstance(depth, _TorchDepth)  # noqa: S101 - tells mypy what the ModuleList holds
            at = rows.narrow(0, depth.first_row, depth.n_rows)
            if depth.from_below is not None:
                at = at + depth.from_below(sent)
            sent = reduce_blocks(at, depth.blocks, reduce)
            theta.append(at)
            message.append(sent)
            if self._shifted and depth.from_above is not None:
                with torch.no_grad():
                    highest = depth.groups.highest(sent)
                    total = total + highest.sum(0, dtype=torch.float64)
                sent = sent - highest.index_select(0, depth.group_clique)
        return theta[::-1], message[::-1], total + sent.sum(0, dtype=torch.float64)

    def _downward(self, share: Tensor) -> Tensor:
        """(C, B) probability of every cell from the (rows, B) share of each row in its group."""
        done: list[Tensor] = []
        for depth in self._depths:
            assert isinstance(depth, _TorchDepth)  # noqa: S101 - tells mypy what the ModuleList holds
            rows = share.narrow(0, depth.first_row, depth.n_rows)
            if depth.from_above is not None:
                rows = rows * depth.from_above(done[-1]).index_select(0, depth.row_group)
            done.append(rows)
        cells: Tensor = self._readout(done[0] if len(done) == 1 else torch.cat(done))
        return cells

    def _positions(self, theta: list[Tensor]) -> Tensor:
        """(B, L) positions by following each group's best row from the roots down."""
        chosen = []
        for depth, rows in zip(self.plan.layout.depths, theta, strict=True):
            for start, groups, size in depth.blocks:
                block = rows.narrow(0, start, groups * size).reshape(groups, size, -1)
                best = block.argmax(1, keepdim=True)
                chosen.append(torch.zeros_like(block).scatter_(1, best, 1.0).reshape(groups * size, -1))
        on = self._downward(torch.cat(chosen)) * self._position_in_label[:, None]
        positions = on.new_zeros((self.plan.n_labels, on.shape[1])).index_add(0, self._cell_label, on)
        return positions.T.round().long()

    def _cells(self, positions: Tensor, batch: int) -> Tensor:
        """(B, L) cells of whole assignments, checked against the levels and the graph."""
        if positions.shape != (batch, self.plan.n_labels):
            raise ValueError(f"expected {(batch, self.plan.n_labels)}, got {tuple(positions.shape)}")
        positions = positions.long()
        counts = torch.tensor(self.plan.level_counts.tolist(), device=positions.device)
        bad = (positions < 0) | (positions >= counts)
        if bool(bad.any()):
            row, label = bad.nonzero()[0].tolist()
            value, top = int(positions[row, label]), int(counts[label]) - 1
            raise ValueError(
                f"row {row}: position {value} of label {self.plan.label_names[label]!r} is not in 0..{top}"
            )
        cells = self._cell_start + positions
        on = torch.zeros((batch, self.plan.n_cells), dtype=torch.bool, device=cells.device).scatter_(
            1, cells, value=True
        )
        both = on[:, self._forbidden[:, 0]] & on[:, self._forbidden[:, 1]]
        self._refuse_impossible(both.any(1), on)
        return cells

    def _refuse_impossible(self, impossible: Tensor, allowed: Tensor) -> None:
        """Raise for the first row whose evidence the graph forbids, with what that row says."""
        if not bool(impossible.any()):
            return
        row = int(impossible.nonzero()[0, 0])
        said = []
        for label, name in enumerate(self.plan.label_names):
            start, count = int(self.plan.cell_start[label]), int(self.plan.level_counts[label])
            open_ = allowed[row, start : start + count].tolist()
            if not all(open_):
                levels = [int(self.plan.cell_level[start + k]) for k in range(count) if open_[k]]
                said.append(f'"{name}" at {" or ".join(map(str, levels)) or "no level at all"}')
        raise GraphError(
            f"row {row}: the graph forbids these levels together: {', '.join(said)}",
            hint="correct the row, or leave the doubtful labels unobserved",
        )


class _TorchDepth(nn.Module):
    """The arrays of one depth as buffers."""

    row_group: Tensor
    group_clique: Tensor

    def __init__(self, depth: Depth) -> None:
        super().__init__()
        self.first_row = depth.first_row
        self.n_rows = depth.n_rows
        self.blocks = depth.blocks
        self.groups = TorchSegments(depth.groups)
        self.from_below = TorchSegments(depth.from_below) if depth.from_below is not None else None
        self.from_above = TorchSegments(depth.from_above) if depth.from_above is not None else None
        self.register_buffer("row_group", index_tensor(depth.row_group), persistent=False)
        self.register_buffer("group_clique", index_tensor(depth.group_clique), persistent=False)


def _log_sum_exp(block: Tensor) -> Tensor:
    return torch.logsumexp(block, 1)


def _highest(block: Tensor) -> Tensor:
    return block.amax(1)
