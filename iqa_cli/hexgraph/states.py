"""The legal states of every clique, and the pruning of those that no whole assignment contains."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from iqa_cli.hexgraph.cliques import CliqueTree

States = NDArray[np.int8]
"""(S, labels of the clique) positions of levels, 0..K-1, rows in lexicographic order."""

Codes = NDArray[np.int64]
"""(S,) one number per state; equal numbers mean equal levels of the separator."""

Tables = Mapping[tuple[int, int], NDArray[np.bool_]]


class TooManyStatesError(Exception):
    """A clique, or all of them together, has more legal states than allowed. Never leaves the compiler."""


def enumerate_states(tree: CliqueTree, n_levels: Sequence[int], tables: Tables, limit: int) -> list[States]:
    """Legal states of every clique, by joining label after label and dropping what is forbidden.

    raises  TooManyStatesError  as soon as the total is sure to pass the limit
    """
    states = []
    known: dict[tuple[object, ...], States] = {}
    left = limit
    for clique in tree.cliques:
        key = _looks(clique, n_levels, tables)  # large graphs repeat themselves
        found = known.get(key)
        if found is None:
            found = known[key] = _clique_states(clique, n_levels, tables, left)
        left -= len(found)
        if left < 0:
            raise TooManyStatesError
        states.append(found)
    return states


def _looks(clique: tuple[int, ...], n_levels: Sequence[int], tables: Tables) -> tuple[object, ...]:
    """What the states of a clique depend on."""
    pairs = [tables.get(pair) for pair in itertools.combinations(clique, 2)]
    return (*(n_levels[v] for v in clique), *(None if table is None else table.tobytes() for table in pairs))


def _clique_states(clique: tuple[int, ...], n_levels: Sequence[int], tables: Tables, limit: int) -> States:
    order = _join_order(clique, tables)
    states: States = np.zeros((1, 0), dtype=np.int8)
    for k, v in enumerate(order):
        allowed = np.ones((len(states), n_levels[v]), dtype=np.bool_)
        for column, u in enumerate(order[:k]):
            if (u, v) in tables:
                allowed &= tables[u, v][states[:, column]]
            elif (v, u) in tables:
                allowed &= tables[v, u].T[states[:, column]]
        if np.count_nonzero(allowed) > limit:
            raise TooManyStatesError
        row, level = np.nonzero(allowed)
        states = np.column_stack([states[row], level.astype(np.int8)])
    states = states[:, np.argsort(order)]
    return states[np.lexsort(states.T[::-1])]


def _join_order(clique: tuple[int, ...], tables: Tables) -> list[int]:
    """Labels so that each has as many rules towards the earlier ones as possible: fewer states on the way."""
    left = list(clique)
    order: list[int] = []
    ties = dict.fromkeys(left, 0)
    while left:
        v = max(left, key=lambda u: (ties[u], -u))
        left.remove(v)
        order.append(v)
        for u in left:
            ties[u] += (min(u, v), max(u, v)) in tables
    return order


def separator_codes(tree: CliqueTree, states: Sequence[States], n_levels: Sequence[int], x: int) -> tuple[Codes, Codes]:
    """Codes of a clique's states and of its parent's states over the labels that they share.

    returns  ((S of x,), (S of the parent,)) int64, comparable with each other
    """
    up = tree.parent[x]
    shared = tree.separator[x]
    own = states[x][:, [tree.cliques[x].index(v) for v in shared]]
    above = states[up][:, [tree.cliques[up].index(v) for v in shared]]
    both = np.concatenate([own, above]).astype(np.int64)
    code = np.zeros(len(both), dtype=np.int64)
    bound = 1
    for column, v in enumerate(shared):
        if bound > 2**62 // n_levels[v]:  # forty labels that exclude each other have few states but 4**40 codes
            seen, code = np.unique(code, return_inverse=True)
            bound = len(seen)
        code = code * n_levels[v] + both[:, column]
        bound *= n_levels[v]
    return code[: len(own)], code[len(own) :]


def calibrate(tree: CliqueTree, states: Sequence[States], n_levels: Sequence[int]) -> list[States]:
    """Only the states that are part of a legal assignment of the whole component.

    Up and down once over boolean messages (arc consistency on the tree). Afterwards a clique and its parent
    have the same separator states, so no sum over a separator state is ever empty. A component whose rules
    contradict each other comes back with empty cliques.
    """
    alive = [np.ones(len(found), dtype=np.bool_) for found in states]
    codes = {x: separator_codes(tree, states, n_levels, x) for x in range(len(states)) if tree.parent[x] >= 0}
    for x in reversed(codes):
        own, above = codes[x]
        alive[tree.parent[x]] &= _among(above, own[alive[x]])
    for x, (own, above) in codes.items():
        alive[x] &= _among(own, above[alive[tree.parent[x]]])
    return [found[keep] for found, keep in zip(states, alive, strict=True)]


def _among(codes: Codes, allowed: Codes) -> NDArray[np.bool_]:
    """Which codes are among the allowed ones; by a table where that is small, which is several times quicker."""
    top = int(codes.max(initial=0))
    if top > 16 * len(codes) + 1024 or not len(allowed):
        return np.isin(codes, allowed)
    table = np.zeros(max(top, int(allowed.max())) + 1, dtype=np.bool_)
    table[allowed] = True
    return table[codes]
