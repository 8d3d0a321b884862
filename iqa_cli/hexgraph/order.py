"""Elimination orders: in which order to sum the labels out, by several rules of thumb.

No rule is best on every graph, and the width of the widest clique does not tell which is cheaper once illegal
states are left out, so the plan tries them all and keeps the cheapest. Everything breaks ties by label
index, so that the same graph gives the same order on every machine.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Adjacency = list[set[int]]
Score = tuple[float, ...]

HEURISTICS = ("min-fill", "min-weight", "min-degree", "reverse-cuthill-mckee")
"""Names of the rules, the most reliable first."""


MANY_LABELS = 20_000
"""Number of labels from which only two rules are tried."""


def adjacency(n_labels: int, pairs: Mapping[tuple[int, int], object]) -> Adjacency:
    """Neighbours of every label, from the pairs that have a table."""
    neighbours: Adjacency = [set() for _ in range(n_labels)]
    for i, j in pairs:
        neighbours[i].add(j)
        neighbours[j].add(i)
    return neighbours


def worthwhile(graph: Adjacency) -> tuple[str, ...]:
    """The rules to try: all, but only the quick ones on a graph so large that trying takes longer than running."""
    return HEURISTICS if len(graph) <= MANY_LABELS else HEURISTICS[1:3]


def eliminate(graph: Adjacency, n_levels: Sequence[int], heuristic: str) -> list[tuple[int, frozenset[int]]]:
    """Labels in the order of elimination, each with its neighbours at that moment (all eliminated later).

    graph      neighbours of every label; not changed
    n_levels   K of every label
    heuristic  one of HEURISTICS
    """
    left = _Remaining(graph, n_levels)
    score = _scorer(left, heuristic)
    current = [score(v) for v in range(len(graph))]
    heap = [(current[v], v) for v in range(len(graph))]
    heapq.heapify(heap)
    done = [False] * len(graph)
    eliminated = []
    while heap:
        stamp, v = heapq.heappop(heap)
        if done[v] or stamp != current[v]:
            continue
        done[v] = True
        eliminated.append((v, frozenset(left.near[v])))
        for u in sorted(left.remove(v)):
            fresh = score(u)
            if fresh != current[u]:
                current[u] = fresh
                heapq.heappush(heap, (fresh, u))
    return eliminated


class _Remaining:
    """The labels that are not yet eliminated, and what the rules ask of them.

    A label whose neighbours all know each other changes a score by a number that is known at once. So a hub of
    thousands of leaves, or hundreds of labels that all exclude each other, are not counted anew at every step.

    graph     neighbours of every label; not changed
    n_levels  K of every label

    near      neighbours that are left
    weight    logarithm of K, and around it the sum of the neighbours'; in whole 2**-32, so that no order of summing
              breaks a tie at random
    """

    def __init__(self, graph: Adjacency, n_levels: Sequence[int]) -> None:
        self.near = [set(neighbours) for neighbours in graph]
        self.weight = [round(math.log(k) * 2**32) for k in n_levels]
        self.weight_around = [sum(self.weight[u] for u in around) for around in self.near]
        self._fill: dict[int, int] = {}

    def fill(self, v: int) -> int:
        """Edges that eliminating a label would add."""
        if v not in self._fill:
            around = self.near[v]
            twice = sum(len(around & self.near[u]) for u in around)
            self._fill[v] = (len(around) * (len(around) - 1) - twice) // 2
        return self._fill[v]

    def remove(self, v: int) -> set[int]:
        """Take a label out and connect its neighbours; gives the labels whose score may have changed."""
        around = self.near[v]
        touched = set(around)
        for a in around:
            added = around - self.near[a] - {a}
            self.near[a] |= added
            for b in added:
                touched |= self.near[a] & self.near[b]
            self.near[a].discard(v)
            self.weight_around[a] += sum(self.weight[b] for b in added) - self.weight[v]
        touched.discard(v)
        if self._fill.get(v) == 0:
            for u in around & self._fill.keys():
                self._fill[u] -= len(self.near[u]) - len(around) + 1  # the edges from the label to others of u
        else:
            for u in touched:
                self._fill.pop(u, None)
        return touched


def _scorer(left: _Remaining, heuristic: str) -> Callable[[int], Score]:
    if heuristic == "min-fill":
        return lambda v: (left.fill(v), len(left.near[v]))
    if heuristic == "min-weight":
        return lambda v: (left.weight[v] + left.weight_around[v], left.fill(v))
    if heuristic == "min-degree":
        return lambda v: (len(left.near[v]), left.fill(v) if len(left.near[v]) < 30 else 0)
    if heuristic == "reverse-cuthill-mckee":
        rank = {v: i for i, v in enumerate(_reverse_cuthill_mckee(left.near))}
        return lambda v: (rank[v],)
    raise ValueError(f"expected one of {HEURISTICS}, got {heuristic!r}")


def _reverse_cuthill_mckee(graph: Adjacency) -> list[int]:
    """Cuthill and McKee (1969) reversed: breadth first from the rim, low degrees first. For thin graphs."""
    order: list[int] = []
    seen: set[int] = set()
    for v in sorted(range(len(graph)), key=lambda u: (len(graph[u]), u)):
        if v not in seen:
            rim = _breadth_first(graph, v)[-1]
            component = _breadth_first(graph, rim)
            seen.update(component)
            order += component
    return order[::-1]


def _breadth_first(graph: Adjacency, start: int) -> list[int]:
    queue, seen = [start], {start}
    for v in queue:
        for u in sorted(graph[v] - seen, key=lambda u: (len(graph[u]), u)):
            seen.add(u)
            queue.append(u)
    return queue
