"""What inference knows about a batch of photos."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.crf.influence import independent_marginals, influences
from iqa_cli.crf.unary import cumulative

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.hexgraph.plan import HexPlan
    from iqa_cli.records import Influence


@dataclasses.dataclass(frozen=True, eq=False)
class Beliefs:
    """Result of one pass. Rows are photos, in the order they were given."""

    marginals: NDArray[np.floating]
    """(B, C) probability of every level of every label; 0..1, sums to 1 over a label."""
    at_least: NDArray[np.floating]
    """(B, N) probability that the level is the threshold or more; 0..1, never rises along a label."""
    positions: NDArray[np.intp]
    """(B, L) the single most probable assignment, levels counted from 0 within the label; always legal."""
    levels: NDArray[np.intp]
    """(B, L) the same as levels of the graph file."""
    map_score: NDArray[np.floating]
    """(B,) sum of the unaries of that assignment; its probability is exp(map_score - log_partition)."""
    log_partition: NDArray[np.floating]
    """(B,) log Z, nats."""
    entropy: NDArray[np.floating]
    """(B,) entropy of the distribution over assignments, nats; 0 when sure, log S when nothing is known."""
    unary: NDArray[np.floating]
    """(B, C) what was given: log-potential of every level."""
    plan: HexPlan
    """What they were inferred with."""

    @functools.cached_property
    def independent(self) -> NDArray[np.floating]:
        """(B, C) probability of every level if no rule between labels held."""
        return independent_marginals(self.plan, self.unary)

    @functools.cached_property
    def influence(self) -> tuple[tuple[Influence, ...], ...]:
        """Per photo, which rules changed the probability of which label: the largest shift first.

        Computed when it is asked for: one more pass over a component of the graph for every two labels with rules
        between them, and one compilation the first time.
        """
        return influences(self.plan, self.unary, self.independent, self.marginals)


def make_beliefs(
    plan: HexPlan,
    unary: NDArray[np.floating],
    marginals: NDArray[np.floating],
    positions: NDArray[np.intp],
    map_score: NDArray[np.floating],
    log_partition: NDArray[np.floating],
    entropy: NDArray[np.floating],
) -> Beliefs:
    """Beliefs of what the passes give; everything as in `Beliefs`."""
    return Beliefs(
        marginals=marginals,
        at_least=np.minimum(cumulative(marginals, plan), 1.0),
        positions=positions,
        levels=plan.cell_level[plan.cell_start + positions],
        map_score=map_score,
        log_partition=log_partition,
        entropy=np.maximum(entropy, 0.0),
        unary=unary,
        plan=plan,
    )
