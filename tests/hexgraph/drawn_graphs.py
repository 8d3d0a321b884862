"""Small graphs that hypothesis invents, and their legal assignments counted out one by one.

The enumeration reads the rules as they are written, not the merged tables, so that it is a second opinion.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st

from iqa_cli.hexgraph import Exclusion, HexGraph, Label, Subsumption, parse_graph

SHARED_GRAPHS = Path(__file__).parents[3] / "shared" / "graphs"

SEED_6 = {
    "Labels": ["整体偏亮", "整体偏暗", "整体对比度高", "整体对比度低", "高光过曝", "高光压制过度"],
    "Levels": {"1": "不存在相应问题", "2": "普通", "3": "严重", "4": "阻塞"},
    "Nodes": [
        {"label": label, "levels": [1, 2, 3, 4]}
        for label in ("整体偏亮", "整体偏暗", "整体对比度高", "整体对比度低", "高光过曝", "高光压制过度")
    ],
    "Exclusions": [
        {"label_a": a, "a_levels": [2, 3, 4], "label_b": b, "b_levels": [2, 3, 4]}
        for a, b in (("整体偏亮", "整体偏暗"), ("整体对比度高", "整体对比度低"), ("高光过曝", "高光压制过度"))
    ],
    "Subsumptions": [
        {"label_a": label, "label_b": label, "map": [[3, 2], [4, 2], [4, 3]]}
        for label in ("整体偏亮", "整体偏暗", "整体对比度高", "整体对比度低", "高光过曝", "高光压制过度")
    ],
}
"""The six-label graph in the capitalised spelling that label files in the field have."""


def quick(examples: int) -> settings:
    """The same examples on every run, and no deadline on a busy machine."""
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None)


def shared_graph(name: str) -> HexGraph:
    """A graph of the sample data, or a skip."""
    path = SHARED_GRAPHS / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"the sample data has no {name}.json here")
    return parse_graph(json.loads(path.read_text(encoding="utf-8")), name, name=name)


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A graph, its legal assignments (S, L) as positions, and a number to draw unaries from."""

    graph: HexGraph
    states: np.ndarray
    seed: int

    @property
    def cells(self) -> np.ndarray:
        """(S, L) the cells that each legal assignment turns on."""
        return self.states + np.concatenate([[0], np.cumsum(self.graph.n_levels)[:-1]])

    def unary(self, batch: int = 3) -> np.ndarray:
        """(batch, C) normal unaries, flat, ordinary or steep."""
        rng = np.random.default_rng(self.seed)
        return rng.normal(size=(batch, self.graph.n_cells)) * rng.choice([0.1, 3.0, 30.0])

    def scores(self, unary: np.ndarray) -> np.ndarray:
        """(B, S) score of every legal assignment."""
        return unary[:, self.cells].sum(axis=2)

    def log_partition(self, unary: np.ndarray) -> np.ndarray:
        """(B,) by adding up every legal assignment."""
        scores = self.scores(unary)
        return np.asarray(scores.max(1) + np.log(np.exp(scores - scores.max(1, keepdims=True)).sum(1)))

    def probabilities(self, unary: np.ndarray) -> np.ndarray:
        """(B, S) probability of every legal assignment."""
        return np.asarray(np.exp(self.scores(unary) - self.log_partition(unary)[:, None]))

    def marginals(self, unary: np.ndarray) -> np.ndarray:
        """(B, C) by adding up the assignments that turn each cell on."""
        on = np.zeros((len(self.states), self.graph.n_cells))
        np.put_along_axis(on, self.cells, 1.0, axis=1)
        return np.asarray(self.probabilities(unary) @ on)


def legal_states(graph: HexGraph) -> np.ndarray:
    """(S, L) positions of every assignment that breaks no rule, lexicographic."""
    positions = np.array(list(itertools.product(*(range(k) for k in graph.n_levels))))
    levels = np.stack([np.array(label.levels)[positions[:, i]] for i, label in enumerate(graph.labels)], axis=1)
    legal = np.ones(len(levels), dtype=bool)
    for rule in graph.exclusions:
        a, b = levels[:, graph.index(rule.label_a)], levels[:, graph.index(rule.label_b)]
        legal &= ~(np.isin(a, rule.a_levels) & np.isin(b, rule.b_levels))
    for sub in graph.subsumptions:
        a, b = levels[:, graph.index(sub.label_a)], levels[:, graph.index(sub.label_b)]
        for x, y in sub.map:
            legal &= (a < x) | (b >= y)
    return positions[legal]


@st.composite
def _labels(draw: st.DrawFn) -> tuple[Label, ...]:
    labels = []
    for i in range(draw(st.integers(1, 6))):
        steps = draw(st.lists(st.integers(1, 3), min_size=2, max_size=5))
        labels.append(Label(f"label {i}", tuple(itertools.accumulate(steps))))
    return tuple(labels)


@st.composite
def any_cases(draw: st.DrawFn, most_rules: int = 9) -> Case:
    """Up to 6 labels of 2 to 5 levels with thresholds and arbitrary level sets; may contradict itself."""
    labels = draw(_labels())
    exclusions, subsumptions = [], []
    for _ in range(draw(st.integers(0, most_rules)) if len(labels) > 1 else 0):
        a, b = draw(st.permutations(labels))[:2]
        if draw(st.booleans()):
            pairs = st.tuples(st.sampled_from(a.levels), st.sampled_from(b.levels))
            subsumptions.append(Subsumption(a.name, b.name, tuple(draw(st.lists(pairs, min_size=1, max_size=2)))))
        else:
            a_levels = draw(st.lists(st.sampled_from(a.levels), min_size=1, unique=True))
            b_levels = draw(st.lists(st.sampled_from(b.levels), min_size=1, unique=True))
            exclusions.append(Exclusion(a.name, tuple(a_levels), b.name, tuple(b_levels)))
    graph = HexGraph("drawn", labels, exclusions=tuple(exclusions), subsumptions=tuple(subsumptions))
    return Case(graph, legal_states(graph), draw(st.integers(0, 2**32 - 1)))


def cases(most_rules: int = 9) -> st.SearchStrategy[Case]:
    """Drawn graphs that allow something."""
    return any_cases(most_rules).filter(lambda case: len(case.states) > 0)


def chain(length: int) -> HexGraph:
    """Labels in a row; each may be at most one step away from "none" where its neighbour is above "none"."""
    labels = tuple(Label(f"link {i}", (1, 2, 3, 4)) for i in range(length))
    rules = tuple(Exclusion(f"link {i}", (2, 3, 4), f"link {i + 1}", (3, 4)) for i in range(length - 1))
    return HexGraph(f"chain-{length}", labels, exclusions=rules)


def grid(rows: int, columns: int) -> HexGraph:
    """Labels in a rectangle that exclude their neighbours' worst level: wide, and so hard."""
    labels = tuple(Label(f"r{r}c{c}", (1, 2, 3)) for r in range(rows) for c in range(columns))
    rules = [
        Exclusion(f"r{r}c{c}", (3,), f"r{r + down}c{c + right}", (3,))
        for r in range(rows)
        for c in range(columns)
        for down, right in ((1, 0), (0, 1))
        if r + down < rows and c + right < columns
    ]
    return HexGraph(f"grid-{rows}x{columns}", labels, exclusions=tuple(rules))


def random_tree(length: int) -> HexGraph:
    """Labels on a random tree of exclusions and subsumptions."""
    rng = np.random.default_rng(0)
    exclusions, subsumptions = [], []
    for child in range(1, length):
        parent = int(rng.integers(max(0, child - 40), child))
        if rng.random() < 0.5:
            exclusions.append(Exclusion(f"leaf {parent}", (3, 4), f"leaf {child}", (2, 3, 4)))
        else:
            subsumptions.append(Subsumption(f"leaf {parent}", f"leaf {child}", ((3, 2), (4, 3))))
    labels = tuple(Label(f"leaf {i}", (1, 2, 3, 4)) for i in range(length))
    return HexGraph(f"tree-{length}", labels, exclusions=tuple(exclusions), subsumptions=tuple(subsumptions))
