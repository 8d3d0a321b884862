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
    live = [set(neighbours) for neighbours in graph]
    score = _scorer(live, n_levels, heuristic)
    current = [score(v) for v in range(len(live))]
    heap = [(current[v], v) for v in range(len(live))]
    heapq.heapify(heap)
    done = [False] * len(live)
    eliminated = []
    while heap:
        stamp, v = heapq.heappop(heap)
        if done[v] or stamp != current[v]:
            continue
        done[v] = True
        eliminated.append((v, frozenset(live[v])))
        for u in sorted(_remove(live, v)):
            fresh = score(u)
            if fresh != current[u]:
                current[u] = fresh
                heapq.heappush(heap, (fresh, u))
    return eliminated


def _remove(live: Adjacency, v: int) -> set[int]:
    """Take a label out and connect its neighbours; gives the labels whose score may have changed."""
    around = live[v]
    touched = set(around)
    for a in around:
        added = around - live[a] - {a}
        live[a] |= added
        for b in added:
            touched |= live[a] & live[b]
        live[a].discard(v)
    touched.discard(v)
    return touched


def _scorer(live: Adjacency, n_levels: Sequence[int], heuristic: str) -> Callable[[int], Score]:
    if heuristic == "min-fill":
        return lambda v: (_fill(live, v), len(live[v]))
    if heuristic == "min-weight":
        weight = [math.log(k) for k in n_levels]
        # Rounded: sums of logarithms in set order differ in the last bit and would break ties at random.
        return lambda v: (round(weight[v] + sum(weight[u] for u in live[v]), 9), _fill(live, v))
    if heuristic == "min-degree":
        return lambda v: (len(live[v]), _fill(live, v) if len(live[v]) < 30 else 0)
    if heuristic == "reverse-cuthill-mckee":
        rank = {v: i for i, v in enumerate(_reverse_cuthill_mckee(live))}
        return lambda v: (rank[v],)
    raise ValueError(f"expected one of {HEURISTICS}, got {heuristic!r}")


def _fill(live: Adjacency, v: int) -> int:
    """Edges that eliminating a label would add."""
    around = live[v]
    degree = len(around)
    return (degree * (degree - 1) - sum(len(around & live[a]) for a in around)) // 2


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
