"""Questions about rules that thresholds cannot say: answered by the junction tree where it is small enough.

Exact sets of levels can spell out map colouring, so no quick answer exists for all of them; a question that the tree
would be too large for stays open, and is said to be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.hexgraph.check.rectangles import table_of
from iqa_cli.hexgraph.cliques import CliqueTree, clique_tree
from iqa_cli.hexgraph.order import adjacency, eliminate
from iqa_cli.hexgraph.states import TooManyStatesError, calibrate, enumerate_states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from iqa_cli.hexgraph.check.rectangles import PairRule, Rectangle

MAX_STATES = 200_000
"""Legal states that a tree may have to be asked; a second or so each time."""

_MAX_ENUMERATED = 50_000
"""Legal assignments of a component that are written out to compare its labels."""


class Part:
    """Labels and rules that are asked about by themselves.

    labels    indices in the graph
    n_levels  K of every label of the graph
    rules     between these labels
    """

    def __init__(self, labels: Sequence[int], n_levels: Sequence[int], rules: Sequence[PairRule]) -> None:
        self.labels = sorted(labels)
        self._n_levels = [n_levels[v] for v in self.labels]
        self._place = {v: i for i, v in enumerate(self.labels)}
        self._rectangles: dict[tuple[int, int], list[Rectangle]] = {}
        for rule in rules:
            pair = (self._place[rule.first], self._place[rule.second])
            self._rectangles.setdefault(pair, []).extend(rule.rectangles)

    def _tables(self) -> dict[tuple[int, int], NDArray[np.bool_]]:
        return {
            (i, j): table_of(rectangles, self._n_levels[i], self._n_levels[j])
            for (i, j), rectangles in sorted(self._rectangles.items())
            if rectangles
        }

    def alive(self, max_states: int = MAX_STATES) -> dict[int, int] | None:
        """Mask of the positions of each label that some legal assignment has; None if the tree is too large."""
        return self._alive(self._tables(), max_states)

    def allows(self, rule: PairRule, max_states: int = MAX_STATES) -> bool | None:
        """Whether some legal assignment breaks a further rule; None if the tree is too large."""
        tables = self._tables()
        pair = (self._place[rule.first], self._place[rule.second])
        wanted = ~table_of(rule.rectangles, *(self._n_levels[i] for i in pair))
        tables[pair] = tables[pair] & wanted if pair in tables else wanted
        if not tables[pair].any():
            return False
        alive = self._alive(tables, max_states)
        return None if alive is None else alive[rule.first] != 0

    def _alive(self, tables: dict[tuple[int, int], NDArray[np.bool_]], max_states: int) -> dict[int, int] | None:
        neighbours = adjacency(len(self.labels), tables)
        for heuristic in ("min-fill", "reverse-cuthill-mckee"):
            tree = clique_tree(eliminate(neighbours, self._n_levels, heuristic))
            try:
                states = enumerate_states(tree, self._n_levels, tables, max_states)
            except TooManyStatesError:
                continue
            states = calibrate(tree, states, self._n_levels)
            alive = dict.fromkeys(self.labels, 0)
            for clique, found in zip(tree.cliques, states, strict=True):
                for column, v in enumerate(clique):
                    for k in np.unique(found[:, column]).tolist():
                        alive[self.labels[v]] |= 1 << k
            return alive
        return None

    def assignments(self) -> NDArray[np.int8] | None:
        """(S, labels) positions of all legal assignments; None if they are too many to write out."""
        everything = tuple(range(len(self.labels)))
        tree = CliqueTree(cliques=(everything,), parent=(-1,), depth=(0,), separator=((),))
        try:
            (states,) = enumerate_states(tree, self._n_levels, self._tables(), _MAX_ENUMERATED)
        except TooManyStatesError:
            return None
        return states
