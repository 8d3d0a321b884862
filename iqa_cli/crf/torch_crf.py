"""The differentiable executor, for training.

Values and first derivatives come from explicit passes that keep nothing but their input, so memory is bounded
whatever the batch: the gradient of log Z is the marginals, and the gradient of a loss on marginals is a product
with the (symmetric) Hessian of log Z, which is one more pass up and down. On a CPU these passes run in numpy, whose
calls cost a third of torch's, over the same memory; elsewhere in torch. Whoever differentiates further
(`create_graph=True`) gets the passes written out for torch's own rules.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from iqa_cli.crf import passes
from iqa_cli.crf.beliefs import make_beliefs
from iqa_cli.crf.engine import Engine
from iqa_cli.crf.evidence import check_finite, check_shape, checked_cells, largest_of, refuse
from iqa_cli.crf.floor import FLOOR, IMPOSSIBLE, LIMIT
from iqa_cli.crf.numpy_ops import NumpyOps
from iqa_cli.crf.torch_ops import TorchOps, layout_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.crf.beliefs import Beliefs
    from iqa_cli.crf.engine import Kept
    from iqa_cli.hexgraph.layout import Layout
    from iqa_cli.hexgraph.plan import HexPlan

CHUNK_BYTES = {"cpu": 6 * 2**20, "other": 256 * 2**20}
"""Working memory per chunk of photos: what the caches of a CPU hold; enough to keep a GPU busy."""

KEPT_BYTES = 32 * 2**20
"""What the forward pass of marginals may keep for the backward pass, which halves its time; else it is found again."""

TOGETHER = 256
"""Photos up to which log Z with evidence and without are found in one pass: a small batch costs as much as two."""


class TorchCRF(nn.Module):
    """Inference on one plan, differentiable in the unaries. Has no parameters and nothing to save.

    plan          the compiled graph
    dtype         what to compute in, whatever the unaries come in: float64, or float32 with messages kept near
                  zero depth by depth (half precision loses the marginals, so it is refused)
    check_finite  refuse unaries that are not finite; costs one synchronisation with a GPU
    kernel        "numpy" on the CPU and "torch" elsewhere, or always "torch"
    chunk_bytes   working memory to aim at, beside input, result and gradient; up to ten times as much for large graphs

    Works on the device of the unaries. Every method raises ValueError if a shape does not fit the plan or a unary is
    not finite, and those that take evidence raise GraphError if the graph forbids it, with the photo (its row, or
    its name in `photos`) and the labels.
    """

    def __init__(
        self,
        plan: HexPlan,
        dtype: torch.dtype = torch.float64,
        *,
        check_finite: bool = True,
        kernel: Literal["auto", "torch"] = "auto",
        chunk_bytes: int | None = None,
    ) -> None:
        super().__init__()
        if dtype not in (torch.float64, torch.float32):
            raise ValueError(f"expected torch.float64 or torch.float32, got {dtype}")
        self.plan = plan
        self.dtype = dtype
        self.check_finite = check_finite
        self._kernel = kernel
        self._chunk_bytes = chunk_bytes
        self._layouts: dict[torch.device, Layout] = {}
        self._engines: dict[torch.device, Engine] = {}

    def log_partition(self, unary: Tensor) -> Tensor:
        """Log of the sum over all legal assignments of exp(score).

        unary    (B, C) float    log-potential of every level, finite
        returns  (B,)   float64  nats; differentiable any number of times
        """
        largest = self._largest(unary)
        return self._log_partition(unary, largest, None)

    def marginals(self, unary: Tensor) -> Tensor:
        """Probability of every level: the gradient of `log_partition`.

        unary    (B, C) float  log-potential of every level, finite
        returns  (B, C) dtype  0..1, sums to 1 over a label up to rounding; differentiable any number of times
        """
        largest = self._largest(unary)
        return self._marginals(unary, largest, None)[1]

    def log_partition_and_marginals(self, unary: Tensor) -> tuple[Tensor, Tensor]:
        """Both at the price of the marginals.

        unary    (B, C) float                    log-potential of every level, finite
        returns  (B,) float64 and (B, C) dtype   as `log_partition` and `marginals`; differentiable any number of times
        """
        return self._marginals(unary, self._largest(unary), None)

    @torch.no_grad()
    def map(self, unary: Tensor) -> tuple[Tensor, Tensor]:
        """The assignment of highest score; of equals always the same one.

        unary    (B, C) float                   log-potential of every level, finite
        returns  (B,) float64 and (B, L) int64  its score, and positions 0..K-1
        """
        largest = self._largest(unary, always=True)
        score, positions = self._run("best", unary, largest)
        return score, positions

    def log_prob(self, unary: Tensor, positions: Tensor, *, photos: Sequence[str] | None = None) -> Tensor:
        """Log-probability of whole assignments.

        unary      (B, C) float    log-potential of every level, finite
        positions  (B, L) integer  level of every label, counted from 0
        photos     B names for messages
        returns    (B,)   float64  nats, at most 0 up to rounding; differentiable
        raises     GraphError      if the graph forbids an assignment
        """
        largest = self._largest(unary)
        cells = checked_cells(self.plan, positions.detach().cpu().numpy(), len(unary), photos)
        if self.dtype is torch.float32:
            # Rounded once, for the score and for log Z: what the rounding takes from both does not show in their ratio.
            ops, layout = TorchOps(self.dtype, unary.device), self._layout(unary.device)
            unary = passes.off_centre(ops, layout, ops.cells(unary))[0].T
        return _score(unary, torch.from_numpy(cells).to(unary.device)) - self._log_partition(unary, largest, None)

    def partial_log_prob(self, unary: Tensor, allowed: Tensor, *, photos: Sequence[str] | None = None) -> Tensor:
        """Log-probability that every label's level is among the allowed ones.

        unary    (B, C) float    log-potential of every level, finite
        allowed  (B, C) bool     True for levels that the evidence leaves open: all of an unobserved
                                 label, one of an observed label, k and above for "at least k"
        photos   B names for messages
        returns  (B,)   float64  nats, at most 0 up to rounding; differentiable
        raises   GraphError      if the graph forbids everything that a row allows
        """
        largest = self._largest(unary)
        self._check_evidence(unary, allowed)
        if len(unary) > TOGETHER:
            clamped, free = (self._log_partition(unary, largest, evidence) for evidence in (allowed, None))
        else:
            twice, evidence = torch.cat([unary, unary]), torch.cat([allowed, torch.ones_like(allowed)])
            clamped, free = self._log_partition(twice, largest, evidence).chunk(2)
        self._refuse_impossible(clamped, allowed, photos)
        return clamped - free

    def conditional_marginals(self, unary: Tensor, allowed: Tensor, *, photos: Sequence[str] | None = None) -> Tensor:
        """Probability of every level, given that every label's level is among the allowed ones.

        unary    (B, C) float  log-potential of every level, finite
        allowed  (B, C) bool   levels that the evidence leaves open, see `partial_log_prob`
        photos   B names for messages
        returns  (B, C) dtype  0..1, sums to 1 over a label up to rounding, 0 where not allowed; differentiable
        raises   GraphError    if the graph forbids everything that a row allows
        """
        largest = self._largest(unary)
        self._check_evidence(unary, allowed)
        clamped, marginals = self._marginals(unary, largest, allowed)
        self._refuse_impossible(clamped, allowed, photos)
        return marginals

    def entropy(self, unary: Tensor) -> Tensor:
        """Entropy of the distribution over assignments.

        unary    (B, C) float    log-potential of every level, finite
        returns  (B,)   float64  nats, 0 when sure, log S when nothing is known; differentiable
        """
        largest = self._largest(unary)
        log_partition, marginals = self._marginals(unary, largest, None)
        return log_partition - (marginals * unary).sum(1, dtype=torch.float64)

    @torch.no_grad()
    def sample(self, unary: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One assignment per photo, drawn from the distribution; always legal.

        unary      (B, C) float  log-potential of every level, finite
        generator  of the device of the unaries; the same state gives the same draws
        returns    (B, L) int64  positions 0..K-1
        """
        largest = self._largest(unary, always=True)
        groups = self.plan.stats.n_groups

        def uniform(count: int) -> Tensor:
            """(count, groups) in 0 < x <= 1."""
            return 1.0 - torch.rand((count, groups), generator=generator, dtype=self.dtype, device=unary.device)

        positions: Tensor = self._run("draw", unary, largest, uniform)
        return positions

    @torch.no_grad()
    def infer(self, unary: Tensor) -> Beliefs:
        """Everything a report needs, in numpy.

        unary  (B, C) float  log-potential of every level, finite
        """
        largest = self._largest(unary, always=True)
        log_partition, marginals = self._run("marginals", unary, largest)
        score, positions = self._run("best", unary, largest)
        entropy = (log_partition - (marginals * unary).sum(1, dtype=torch.float64)).clamp_min(0.0)
        parts = (unary.double(), marginals, positions, score, log_partition, entropy)
        return make_beliefs(self.plan, *(part.cpu().numpy() for part in parts))

    def _largest(self, unary: Tensor, *, always: bool = False) -> float:
        """Check the unaries; gives their greatest magnitude."""
        check_shape(self.plan, tuple(unary.shape))
        on_cpu = unary.device.type == "cpu"
        # On another device only the number travels, unless a culprit has to be searched for.
        largest = largest_of(_numpy(unary)) if on_cpu or not len(unary) else float(unary.detach().abs().max())
        if (self.check_finite or always) and not largest < LIMIT:
            check_finite(self.plan, _numpy(unary.cpu()), largest)
        return largest

    def _check_evidence(self, unary: Tensor, allowed: Tensor) -> None:
        if allowed.shape != unary.shape or allowed.dtype is not torch.bool:
            got = f"{tuple(allowed.shape)} {allowed.dtype}"
            raise ValueError(f"expected {tuple(unary.shape)} torch.bool, got {got}")

    def _refuse_impossible(self, clamped: Tensor, allowed: Tensor, photos: Sequence[str] | None) -> None:
        impossible = clamped.detach() < IMPOSSIBLE
        if bool(impossible.any()):
            refuse(self.plan, impossible.cpu().numpy(), allowed.cpu().numpy(), photos)

    def _log_partition(self, unary: Tensor, largest: float, allowed: Tensor | None) -> Tensor:
        if torch.is_grad_enabled() and unary.requires_grad:
            result: Tensor = _LogPartition.apply(unary, largest, allowed, self)
            return result
        found: Tensor = self._run("log_partition", unary, largest, allowed)
        return found

    def _marginals(self, unary: Tensor, largest: float, allowed: Tensor | None) -> tuple[Tensor, Tensor]:
        run = _Marginals.apply if torch.is_grad_enabled() and unary.requires_grad else None
        log_partition, marginals = (
            self._run("marginals", unary, largest, allowed) if run is None else run(unary, largest, allowed, self)
        )
        return log_partition, marginals

    def _run(self, what: str, unary: Tensor, *others: Any, **kept: Any) -> Any:
        """One of the engine's results, on the device of the unaries; constant."""
        engine = self._engine(unary.device)
        if not isinstance(engine.ops, NumpyOps):
            with torch.no_grad():
                return getattr(engine, what)(unary.detach(), *others, **kept)
        arrays = [_in_numpy(other) for other in others]
        # Without a check what is not a number shall come out as such, not as a warning.
        with contextlib.nullcontext() if self.check_finite else np.errstate(all="ignore"):
            found = getattr(engine, what)(_numpy(unary), *arrays, **kept)
        return tuple(map(torch.from_numpy, found)) if isinstance(found, tuple) else torch.from_numpy(found)

    def _keeps(self, unary: Tensor) -> Kept | None:
        """A list if what the backward pass needs of the forward pass is small enough to be kept."""
        small = len(unary) * self._engine(unary.device).kept_bytes <= KEPT_BYTES
        return [] if small else None

    def _engine(self, device: torch.device) -> Engine:
        if device not in self._engines:
            in_numpy = device.type == "cpu" and self._kernel == "auto"
            name = "float32" if self.dtype is torch.float32 else "float64"
            budget = self._chunk_bytes or CHUNK_BYTES["cpu" if device.type == "cpu" else "other"]
            if in_numpy:
                self._engines[device] = Engine(self.plan, NumpyOps(np.dtype(name)), self.plan.layout, name, budget)
            else:
                ops = TorchOps(self.dtype, device)
                self._engines[device] = Engine(self.plan, ops, self._layout(device), name, budget)
        return self._engines[device]

    def _layout(self, device: torch.device) -> Layout:
        if device not in self._layouts:
            self._layouts[device] = layout_on(self.plan.layout, device)
        return self._layouts[device]

    def _written_out(self, unary: Tensor, allowed: Tensor | None) -> Tensor:
        """(B, C) marginals by steps that torch can differentiate, any number of times."""
        ops, layout = TorchOps(self.dtype, unary.device), self._layout(unary.device)
        cells, _ = passes.off_centre(ops, layout, ops.cells(unary))
        if allowed is not None:
            cells = ops.floored(cells, ops.mask(allowed), FLOOR)
        inside = passes.inside_of_potentials(ops, layout, cells, shift=self.dtype is torch.float32)
        marginals: Tensor = passes.cell_probabilities(ops, layout, inside)[0]
        return marginals.T


class _LogPartition(torch.autograd.Function):
    """(B,) log Z of (B, C) unaries; its gradient is the marginals, found on the same way."""

    @staticmethod
    def forward(ctx: Any, unary: Tensor, largest: float, allowed: Tensor | None, crf: TorchCRF) -> Tensor:
        found = crf._run("marginals", unary, largest, allowed)  # noqa: SLF001 - the other half of one module
        ctx.largest, ctx.crf = largest, crf
        ctx.save_for_backward(unary, allowed, found[1])
        log_partition: Tensor = found[0]
        return log_partition

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        unary, allowed, marginals = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient will be differentiated itself
            _, marginals = _Marginals.apply(unary, ctx.largest, allowed, ctx.crf)
        return (gradient[:, None] * marginals).to(unary.dtype), None, None, None


class _Marginals(torch.autograd.Function):
    """(B,) log Z and (B, C) marginals of (B, C) unaries."""

    @staticmethod
    def forward(
        ctx: Any, unary: Tensor, largest: float, allowed: Tensor | None, crf: TorchCRF
    ) -> tuple[Tensor, Tensor]:
        ctx.kept = crf._keeps(unary)  # noqa: SLF001 - the other half of one module
        log_partition, marginals = crf._run("marginals", unary, largest, allowed, keep=ctx.kept)  # noqa: SLF001
        ctx.largest, ctx.crf = largest, crf
        ctx.save_for_backward(unary, allowed, marginals)
        ctx.set_materialize_grads(False)
        return log_partition, marginals

    @staticmethod
    def backward(
        ctx: Any, of_total: Tensor | None, of_marginals: Tensor | None
    ) -> tuple[Tensor | None, None, None, None]:
        unary, allowed, marginals = ctx.saved_tensors
        crf: TorchCRF = ctx.crf
        further = torch.is_grad_enabled()
        total: Tensor | None = None
        if of_total is not None:
            if further:
                _, marginals = _Marginals.apply(unary, ctx.largest, allowed, crf)
            total = of_total[:, None] * marginals
        if of_marginals is not None:
            if further:
                written_out = crf._written_out(unary, allowed)  # noqa: SLF001 - see above
                # A graph with a single legal state has constant marginals, which torch calls unused.
                (slopes,) = torch.autograd.grad(written_out + 0.0 * unary, unary, of_marginals, create_graph=True)
            else:
                slopes = crf._run("slopes", unary, ctx.largest, of_marginals, allowed, kept=ctx.kept)  # noqa: SLF001
            total = slopes if total is None else total + slopes
        return None if total is None else total.to(unary.dtype), None, None, None


def _score(unary: Tensor, cells: Tensor) -> Tensor:
    """(B,) sum of the unaries of (B, L) cells."""
    return unary.gather(1, cells).sum(1, dtype=torch.float64)


def _in_numpy(value: Any) -> Any:
    """Tensors as arrays, and functions that give tensors as functions that give arrays."""
    if isinstance(value, Tensor):
        return _numpy(value)
    return (lambda *given: _numpy(value(*given))) if callable(value) else value


def _numpy(values: Tensor) -> np.ndarray:
    """The same memory as an array; half precision, which numpy computes slowly or lacks, is widened."""
    given = values.detach()
    if given.dtype in (torch.float16, torch.bfloat16):
        given = given.float()
    return given.numpy()
