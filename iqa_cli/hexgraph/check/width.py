"""Telling early that a large graph is far too wide, before several elimination orders are tried to their ends."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.hexgraph.check.rectangles import PairRule

LARGE_FROM = 2000
"""Labels from which trying all elimination orders may take minutes if the graph is wide."""

_WIDE_FROM = 12
"""Labels of a clique from which its states are estimated."""


def far_too_wide(n_levels: Sequence[int], rules: Sequence[PairRule], max_states: int) -> tuple[int, ...] | None:
    """Labels of a clique that has more than the square of so many legal states, or None if none was met.

    Labels are eliminated by least degree until such a clique appears. Its states are bounded from below: some labels,
    without a rule between any two of them, take all their levels while the others stay at the lowest. An order that
    is a little better would not make up for the square.
    """
    near: list[set[int]] = [set() for _ in n_levels]
    tied: list[set[int]] = [set() for _ in n_levels]
    needs: list[set[int]] = [set() for _ in n_levels]  # labels that cannot stay at their lowest level beside any of it
    for rule in rules:
        a, b = rule.pair
        near[a].add(b)
        near[b].add(a)
        tied[a].add(b)
        tied[b].add(a)
        if any(mask & 1 for mask in rule.rows.values()):
            needs[a].add(b)
        if 0 in rule.rows:
            needs[b].add(a)
    heap = [(len(around), v) for v, around in enumerate(near)]
    heapq.heapify(heap)
    gone = [False] * len(near)
    while heap:
        degree, v = heapq.heappop(heap)
        if gone[v] or degree != len(near[v]):
            continue
        gone[v] = True
        around = near[v]
        if degree >= _WIDE_FROM:
            clique = {v, *around}
            if _log_states(clique, tied, needs, n_levels) > 2 * math.log(max_states):
                return tuple(sorted(clique))
        for u in around:
            near[u] |= around
            near[u] -= {u, v}
            heapq.heappush(heap, (len(near[u]), u))
    return None


def _log_states(
    clique: set[int], tied: Sequence[set[int]], needs: Sequence[set[int]], n_levels: Sequence[int]
) -> float:
    """Logarithm of a number of states that a clique has at least."""
    chosen: set[int] = set()
    for v in sorted(clique):
        if not needs[v] & clique and not tied[v] & chosen:
            chosen.add(v)
    return math.fsum(math.log(n_levels[v]) for v in chosen)
