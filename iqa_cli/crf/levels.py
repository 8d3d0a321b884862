"""From probabilities to one level per label: the median, as long as the graph allows it.

The most probable joint state is a mode: of a label with levels at 0.46, 0.3, 0.16 and 0.08 it names the lowest, though
a problem is likelier than not. The median names a problem exactly where it is likelier than not, and costs least where
being two levels off is worse than one. Medians of different labels may contradict each other under rules between sets
of levels; then the most probable joint state is taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.crf.unary import cumulative

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from iqa_cli.hexgraph.plan import HexPlan


def named_positions(
    marginals: NDArray[np.floating], likeliest: Callable[[], NDArray[np.intp]], plan: HexPlan
) -> NDArray[np.intp]:
    """The level of every label, counted from 0; legal in every row.

    marginals  (B, C) float  probability of every level
    likeliest  gives (B, L) intp, the most probable legal states; asked only if they are needed
    returns    (B, L) intp
    """
    medians = median_positions(marginals, plan)
    chosen = np.zeros(marginals.shape, bool)
    np.put_along_axis(chosen, plan.cell_start[: plan.n_labels] + medians, values=True, axis=1)
    one, other = plan.forbidden.T
    clashes = np.any(chosen[:, one] & chosen[:, other], axis=1, keepdims=True)
    return np.where(clashes, likeliest(), medians) if clashes.any() else medians


def median_positions(marginals: NDArray[np.floating], plan: HexPlan) -> NDArray[np.intp]:
    """The median level of every label by itself, counted from 0; labels may contradict each other.

    marginals  (B, C) float  probability of every level
    returns    (B, L) intp
    """
    reached = cumulative(marginals, plan) >= 0.5
    ends = np.cumsum(plan.level_counts - 1)[:-1]
    return np.stack([part.sum(1) for part in np.split(reached, ends, axis=1)], 1).astype(np.intp)
