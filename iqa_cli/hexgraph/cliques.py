"""The clique tree: maximal cliques of an elimination, joined so that every label's cliques hang together."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class CliqueTree:
    """A forest of cliques, one tree per connected component, parents before children."""

    cliques: tuple[tuple[int, ...], ...]
    """Label indices of each clique, rising."""
    parent: tuple[int, ...]
    """Index of each clique's parent, -1 for a root."""
    depth: tuple[int, ...]
    """Steps from the root; never falls along the list."""
    separator: tuple[tuple[int, ...], ...]
    """Labels a clique shares with its parent, rising; empty for a root."""

    @property
    def treewidth(self) -> int:
        """Labels of the widest clique, less one."""
        return max(map(len, self.cliques)) - 1

    @property
    def n_components(self) -> int:
        """Number of trees."""
        return self.parent.count(-1)

    @property
    def widest(self) -> tuple[int, ...]:
        """The clique of most labels, the first of equals."""
        return max(self.cliques, key=len)


def clique_tree(eliminated: Sequence[tuple[int, frozenset[int]]]) -> CliqueTree:
    """The maximal cliques of an elimination as a forest, each tree rooted at its centre (half the depth).

    eliminated  every label with its later-eliminated neighbours, in elimination order
    """
    when = {v: i for i, (v, _) in enumerate(eliminated)}
    cliques: list[set[int]] = []
    links: list[tuple[int, int]] = []
    home: dict[int, int] = {}
    for v, later in reversed(eliminated):
        if not later:
            home[v] = len(cliques)
            cliques.append({v})
            continue
        parent = home[min(later, key=when.__getitem__)]
        if len(cliques[parent]) == len(later):  # the parent's clique is exactly `later`: grow it
            cliques[parent].add(v)
            home[v] = parent
        else:
            home[v] = len(cliques)
            links.append((parent, len(cliques)))
            cliques.append({v, *later})
    return _rooted(cliques, links)


def _rooted(cliques: list[set[int]], links: list[tuple[int, int]]) -> CliqueTree:
    near: list[list[int]] = [[] for _ in cliques]
    for a, b in links:
        near[a].append(b)
        near[b].append(a)
    parent = [-1] * len(cliques)
    depth = [-1] * len(cliques)
    for start in range(len(cliques)):
        if depth[start] < 0:
            centre = _centre(near, start)
            for x, up, d in _walk(near, centre):
                parent[x], depth[x] = up, d
    order = sorted(range(len(cliques)), key=lambda x: (depth[x], sorted(cliques[x])))
    place = {x: i for i, x in enumerate(order)}
    return CliqueTree(
        cliques=tuple(tuple(sorted(cliques[x])) for x in order),
        parent=tuple(place[parent[x]] if parent[x] >= 0 else -1 for x in order),
        depth=tuple(depth[x] for x in order),
        separator=tuple(tuple(sorted(cliques[x] & cliques[parent[x]])) if parent[x] >= 0 else () for x in order),
    )


def _walk(near: list[list[int]], start: int) -> list[tuple[int, int, int]]:
    """(clique, the one it was reached from, steps) in breadth-first order."""
    found = [(start, -1, 0)]
    for x, up, steps in found:
        found += [(y, x, steps + 1) for y in near[x] if y != up]
    return found


def _centre(near: list[list[int]], start: int) -> int:
    """The middle of a longest path of the tree."""
    rim = _walk(near, start)[-1][0]
    walk = _walk(near, rim)
    up = {x: before for x, before, _ in walk}
    x, _, length = walk[-1]
    for _ in range(length // 2):
        x = up[x]
    return x
