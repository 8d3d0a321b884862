"""The executor that needs numpy alone, for `assess` and for whoever has no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike, NDArray

from iqa_cli.crf.beliefs import make_beliefs
from iqa_cli.crf.engine import Engine
from iqa_cli.crf.evidence import check_evidence, check_finite, check_shape, checked_cells, largest_of, refuse
from iqa_cli.crf.floor import IMPOSSIBLE, LIMIT
from iqa_cli.crf.numpy_ops import CHUNK_BYTES, NumpyOps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.crf.beliefs import Beliefs
    from iqa_cli.hexgraph.plan import HexPlan

Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]


class NumpyCRF:
    """Inference on one plan; holds no state between calls and can be shared between threads.

    plan         the compiled graph
    dtype        float64, or float32 for half the memory: messages are then kept near zero depth by depth, so that
                 long chains lose no precision
    chunk_bytes  working memory to aim at, beside input and result; up to ten times as much for large graphs

    Every method raises ValueError if a shape does not fit the plan or a unary is not finite, and those that take
    evidence raise GraphError if the graph forbids it, with the photo (its row, or its name in `photos`) and labels.
    """

    def __init__(self, plan: HexPlan, dtype: DTypeLike = np.float64, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.plan = plan
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float64), np.dtype(np.float32)):
            raise ValueError(f"expected float64 or float32, got {self.dtype}")
        self._engine = Engine(plan, NumpyOps(self.dtype), plan.layout, self.dtype.name, chunk_bytes)

    def log_partition(self, unary: Floats) -> Floats:
        """Log of the sum over all legal assignments of exp(score).

        unary    (B, C) float    log-potential of every level, finite
        returns  (B,)   float64  nats
        """
        found: Floats = self._engine.log_partition(*self._checked(unary))
        return found

    def marginals(self, unary: Floats) -> Floats:
        """Probability of every level: the gradient of `log_partition`.

        unary    (B, C) float  log-potential of every level, finite
        returns  (B, C) dtype  0..1, sums to 1 over a label up to rounding
        """
        return self.log_partition_and_marginals(unary)[1]

    def log_partition_and_marginals(self, unary: Floats) -> tuple[Floats, Floats]:
        """Both at the price of the marginals.

        unary    (B, C) float                    log-potential of every level, finite
        returns  (B,) float64 and (B, C) dtype   as `log_partition` and `marginals`
        """
        return self._engine.marginals(*self._checked(unary))

    def map(self, unary: Floats) -> tuple[Floats, Ints]:
        """The assignment of highest score; of equals always the same one.

        unary    (B, C) float                  log-potential of every level, finite
        returns  (B,) float64 and (B, L) intp  its score, and positions 0..K-1
        """
        given, largest = self._checked(unary)
        score, positions = self._engine.best(given, largest)
        return score, positions

    def log_prob(self, unary: Floats, positions: NDArray[np.integer], *, photos: Sequence[str] | None = None) -> Floats:
        """Log-probability of whole assignments.

        unary      (B, C) float    log-potential of every level, finite
        positions  (B, L) integer  level of every label, counted from 0
        photos     B names for messages
        returns    (B,)   float64  nats, at most 0 up to rounding
        raises     GraphError      if the graph forbids an assignment
        """
        given, largest = self._checked(unary)
        cells = checked_cells(self.plan, np.asarray(positions), len(given), photos)
        if self.dtype == np.float32:
            # Rounded once, for the score and for log Z: what the rounding takes from both does not show in their ratio.
            given, largest = self._engine.rounded(given), LIMIT
        log_partition: Floats = self._engine.log_partition(given, largest)
        return _score(given, cells) - log_partition

    def partial_log_prob(self, unary: Floats, allowed: Bools, *, photos: Sequence[str] | None = None) -> Floats:
        """Log-probability that every label's level is among the allowed ones.

        unary    (B, C) float    log-potential of every level, finite
        allowed  (B, C) bool     True for levels that the evidence leaves open: all of an unobserved label, one of
                                 an observed label, k and above for "at least k"
        photos   B names for messages
        returns  (B,)   float64  nats, at most 0 up to rounding
        raises   GraphError      if the graph forbids everything that a row allows
        """
        given, largest = self._checked(unary)
        clamped: Floats = self._engine.log_partition(given, largest, self._checked_evidence(allowed, given))
        self._refuse_impossible(clamped, allowed, photos)
        free: Floats = self._engine.log_partition(given, largest)
        return clamped - free

    def conditional_marginals(self, unary: Floats, allowed: Bools, *, photos: Sequence[str] | None = None) -> Floats:
        """Probability of every level, given that every label's level is among the allowed ones.

        unary    (B, C) float  log-potential of every level, finite
        allowed  (B, C) bool   levels that the evidence leaves open, see `partial_log_prob`
        photos   B names for messages
        returns  (B, C) dtype  0..1, sums to 1 over a label up to rounding, 0 where not allowed
        raises   GraphError    if the graph forbids everything that a row allows
        """
        given, largest = self._checked(unary)
        marginals: Floats
        clamped, marginals = self._engine.marginals(given, largest, self._checked_evidence(allowed, given))
        self._refuse_impossible(clamped, allowed, photos)
        return marginals

    def entropy(self, unary: Floats) -> Floats:
        """Entropy of the distribution over assignments.

        unary    (B, C) float    log-potential of every level, finite
        returns  (B,)   float64  nats, 0 when sure, log S when nothing is known
        """
        given, largest = self._checked(unary)
        return entropy_of(given, *self._engine.marginals(given, largest))

    def sample(self, unary: Floats, generator: np.random.Generator | None = None) -> Ints:
        """One assignment per photo, drawn from the distribution; always legal.

        unary      (B, C) float  log-potential of every level, finite
        generator  where the chance comes from; the same state gives the same draws
        returns    (B, L) intp   positions 0..K-1
        """
        chance = np.random.default_rng() if generator is None else generator
        groups = self.plan.stats.n_groups
        positions: Ints = self._engine.draw(*self._checked(unary), lambda count: 1.0 - chance.random((count, groups)))
        return positions

    def infer(self, unary: Floats) -> Beliefs:
        """Everything a report needs.

        unary  (B, C) float  log-potential of every level, finite
        """
        given, largest = self._checked(unary)
        log_partition, marginals = self._engine.marginals(given, largest)
        score, positions = self._engine.best(given, largest)
        entropy = entropy_of(given, log_partition, marginals)
        double = np.asarray(unary, np.float64)
        return make_beliefs(self.plan, double, marginals, positions, score, log_partition, entropy)

    def _checked(self, unary: Floats) -> tuple[Floats, float]:
        """The unaries, and the largest magnitude among them."""
        given = np.asarray(unary)
        check_shape(self.plan, given.shape)
        largest = largest_of(given)
        check_finite(self.plan, given, largest)
        return given, largest

    def _checked_evidence(self, allowed: Bools, unary: Floats) -> Bools:
        given = np.asarray(allowed)
        check_evidence(unary.shape, given)
        return given

    def _refuse_impossible(self, clamped: Floats, allowed: Bools, photos: Sequence[str] | None) -> None:
        refuse(self.plan, clamped < IMPOSSIBLE, np.asarray(allowed), photos)


def _score(unary: Floats, cells: Ints) -> Floats:
    return np.asarray(np.take_along_axis(unary, cells, axis=1).sum(axis=1, dtype=np.float64))


def entropy_of(unary: Floats, log_partition: Floats, marginals: Floats) -> Floats:
    """(B,) nats, of what `marginals` finds: log Z less the expected score."""
    expected = np.einsum("bc,bc->b", marginals, unary, dtype=np.float64)
    return np.asarray(np.maximum(log_partition - expected, 0.0))
