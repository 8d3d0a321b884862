"""What all rules of a graph mean together: which levels can occur, which parts contradict themselves.

Exact at any treewidth where thresholds can say the rules (`implications`); elsewhere by the junction tree (`exact`);
where that is too large the answer is open, and `undecided` says so.
"""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.check.exact import Part
from iqa_cli.hexgraph.check.implications import Budget, Implications
from iqa_cli.hexgraph.check.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.hexgraph.check.implications import Chain
    from iqa_cli.hexgraph.check.rectangles import PairRule
    from iqa_cli.hexgraph.graph import HexGraph

_WITNESS_CLAUSES = 20_000_000
"""Clauses looked at for witnesses, in all: some ten seconds. Later findings come without one."""


class Logic:
    """The answers about one graph.

    graph       well formed
    rules       between two labels; rules that others cover may be left out, for they change nothing
    max_states  legal states of the junction tree where one is needed

    implications  the graph as clauses
    part_of       (labels,) number of the part that rules connect a label with
    parts         labels of every part
    alive         (labels,) mask of the positions that can occur; of an undecided part, that may
    broken        parts whose rules contradict each other
    undecided     parts whose labels may have more dead levels than are known, or no legal assignment at all
    """

    def __init__(self, graph: HexGraph, rules: Sequence[PairRule], max_states: int) -> None:
        self.graph = graph
        self.rules = rules
        self.n_levels = graph.n_levels
        self.implications = Implications(graph.n_levels, rules)
        self.part_of = _parts(len(graph.labels), rules)
        self.parts: list[list[int]] = [[] for _ in range(max(self.part_of) + 1)]
        for v, part in enumerate(self.part_of):
            self.parts[part].append(v)
        self.rules_of: dict[int, list[int]] = collections.defaultdict(list)
        for r, rule in enumerate(rules):
            self.rules_of[self.part_of[rule.first]].append(r)
        self.strong = self.implications.strong_components()
        self.broken: set[int] = {
            self.part_of[v]
            for v, k in enumerate(self.n_levels)
            if any(self.same(self.literal(v, p), self.literal(v, p) ^ 1) for p in range(1, k))
        }
        self.outside: set[int] = {self.part_of[i] for i, _ in self.implications.outside}
        self.failed = self.implications.failed(
            self.strong, [self._literals(labels) for p, labels in enumerate(self.parts) if p not in self.broken]
        )
        self.alive = [0 if self.part_of[v] in self.broken else self._alive(v) for v in range(len(self.n_levels))]
        self.undecided: set[int] = set()
        self._ask_the_tree(max_states)
        self._budget = Budget(_WITNESS_CLAUSES)
        self.wording = Wording(graph, self.implications)

    def literal(self, label: int, position: int) -> int:
        """The literal "position or above", for positions from 1."""
        return self.implications.at_least(label, position)

    def _literals(self, labels: Sequence[int]) -> list[int]:
        return [
            literal + side
            for v in labels
            for literal in range(self.literal(v, 1), self.literal(v, self.n_levels[v]), 2)
            for side in (0, 1)
        ]

    def same(self, p: int, q: int) -> bool:
        """Whether each of two literals follows from the other."""
        return self.strong[p] == self.strong[q]

    def _alive(self, v: int) -> int:
        """The positions that thresholds allow. Two literals clash only if one fails or implies the other's opposite."""
        mask = (1 << self.n_levels[v]) - 1
        for position in range(1, self.n_levels[v]):
            literal = self.literal(v, position)
            if self.failed[literal]:
                mask &= (1 << position) - 1
            if self.failed[literal ^ 1]:
                mask &= ~((1 << position) - 1)
            if position + 1 < self.n_levels[v] and self.same(literal, literal + 2):
                mask &= ~(1 << position)
        return mask

    def _ask_the_tree(self, max_states: int) -> None:
        for number in sorted(self.outside - self.broken):
            rules = [self.rules[r] for r in self.rules_of[number]]
            alive = Part(self.parts[number], self.n_levels, rules).alive(max_states)
            if alive is None:
                self.undecided.add(number)
                continue
            for v, mask in alive.items():
                self.alive[v] = mask
            if not all(alive.values()):
                self.broken.add(number)

    @property
    def dead(self) -> frozenset[tuple[str, int]]:
        """(label, level) that no legal assignment contains."""
        return frozenset(
            (label.name, level)
            for label, mask in zip(self.graph.labels, self.alive, strict=True)
            for k, level in enumerate(label.levels)
            if not mask >> k & 1
        )

    def chain(self, start: int, goal: int) -> Chain | None:
        """The shortest way from a literal to another, as long as there is time for witnesses."""
        return self.implications.chain(start, goal, budget=self._budget)


def _parts(n_labels: int, rules: Sequence[PairRule]) -> list[int]:
    """Number of the part of every label, 0, 1, ... in the order of their first labels."""
    root = list(range(n_labels))

    def find(v: int) -> int:
        while root[v] != v:
            root[v] = root[root[v]]
            v = root[v]
        return v

    for rule in rules:
        a, b = find(rule.first), find(rule.second)
        root[max(a, b)] = min(a, b)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(find(v), len(numbers)) for v in range(n_labels)]
