"""The compiled graph: a junction tree in integer arrays, shared by every executor.

Junction-tree inference after Lauritzen and Spiegelhalter (1988), on the legal states only, as Deng et al.
(ECCV 2014) do for HEX graphs.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph.cliques import CliqueTree, clique_tree
from iqa_cli.hexgraph.counting import count_legal_states
from iqa_cli.hexgraph.layout import Layout, make_layout
from iqa_cli.hexgraph.order import HEURISTICS, adjacency, eliminate
from iqa_cli.hexgraph.segments import IntArray, frozen
from iqa_cli.hexgraph.states import States, TooManyStatesError, calibrate, enumerate_states

if TYPE_CHECKING:
    from iqa_cli.hexgraph.graph import HexGraph


@dataclasses.dataclass(frozen=True)
class PlanStats:
    """How large a plan came out."""

    treewidth: int
    """Labels of the widest clique, less one."""
    n_components: int
    """Parts of the graph that no rule connects."""
    depth: int
    """Steps of the upward pass: cliques from a root down, at most."""
    total_states: int
    """Legal states of all cliques; the work of one pass."""
    max_clique_states: int
    """Legal states of the largest clique."""
    heuristic: str
    """The rule whose elimination order was cheapest."""


@dataclasses.dataclass(frozen=True, eq=False)
class HexPlan:
    """A graph made ready for inference. Cells are all levels of all labels, label after label."""

    graph_hash: str
    """`HexGraph.hash` of the graph it was made of."""
    label_names: tuple[str, ...]
    """L labels, in graph order."""
    level_counts: IntArray
    """(L,) K of each label."""
    cell_start: IntArray
    """(L,) first cell of each label."""
    cell_label: IntArray
    """(C,) label of each cell."""
    cell_level: IntArray
    """(C,) level of each cell as the graph writes it."""
    forbidden: IntArray
    """(F, 2) pairs of cells that are never on together."""
    layout: Layout
    """The junction tree."""
    stats: PlanStats
    """How large it came out."""

    @property
    def n_labels(self) -> int:
        """L."""
        return len(self.label_names)

    @property
    def n_cells(self) -> int:
        """C, sum of K."""
        return len(self.cell_label)

    @property
    def n_nodes(self) -> int:
        """N, sum of K - 1."""
        return self.n_cells - self.n_labels

    @functools.cached_property
    def n_legal_states(self) -> int:
        """Assignments of all labels that break no rule, exactly."""
        return count_legal_states(self.layout)


def compile_plan(graph: HexGraph, *, max_states: int = 1_000_000) -> HexPlan:
    """Compile a graph; the same graph gives the same plan on every machine.

    max_states  legal states that all cliques may have together

    raises  GraphError  if no assignment satisfies the rules, or the labels hang together too closely
    """
    tree, states, heuristic = _cheapest(graph, max_states)
    states = calibrate(tree, states, graph.n_levels)
    _refuse_contradiction(graph, tree, states)
    n_levels = np.array(graph.n_levels, dtype=np.intp)
    cell_start = np.concatenate([[0], np.cumsum(n_levels)[:-1]])
    return HexPlan(
        graph_hash=graph.hash,
        label_names=graph.label_names,
        level_counts=frozen(n_levels),
        cell_start=frozen(cell_start),
        cell_label=frozen(np.repeat(np.arange(len(n_levels)), n_levels)),
        cell_level=frozen(np.concatenate([label.levels for label in graph.labels])),
        forbidden=_forbidden(graph, cell_start),
        layout=make_layout(tree, states, graph.n_levels),
        stats=PlanStats(
            treewidth=tree.treewidth,
            n_components=tree.n_components,
            depth=max(tree.depth) + 1,
            total_states=sum(map(len, states)),
            max_clique_states=max(map(len, states)),
            heuristic=heuristic,
        ),
    )


def _cheapest(graph: HexGraph, max_states: int) -> tuple[CliqueTree, list[States], str]:
    """The tree with the fewest legal states among all elimination orders."""
    neighbours = adjacency(len(graph.labels), graph.tables)
    best: tuple[CliqueTree, list[States], str] | None = None
    tried: list[CliqueTree] = []
    limit = max_states
    for heuristic in HEURISTICS:
        tree = clique_tree(eliminate(neighbours, graph.n_levels, heuristic))
        if tree in tried:
            continue
        tried.append(tree)
        try:
            states = enumerate_states(tree, graph.n_levels, graph.tables, limit)
        except TooManyStatesError:
            continue
        total = sum(map(len, states))
        if best is None or total < limit:
            best, limit = (tree, states, heuristic), total
    if best is None:
        widest = min((tree.widest for tree in tried), key=len)
        names = ", ".join(f'"{graph.label_names[v]}"' for v in widest)
        raise GraphError(
            f"graph {graph.name!r} hangs together too closely: more than {max_states:,} states to look at",
            problems=[f"{len(widest)} labels have to be looked at together: {names}"],
            hint="take out rules between these labels, or allow more states (max_states)",
        )
    return best


def _refuse_contradiction(graph: HexGraph, tree: CliqueTree, states: list[States]) -> None:
    empty = next((x for x, found in enumerate(states) if len(found) == 0), None)
    if empty is None:
        return
    root = _root(tree, empty)
    labels = sorted({v for x, clique in enumerate(tree.cliques) if _root(tree, x) == root for v in clique})
    names = ", ".join(f'"{graph.label_names[v]}"' for v in labels)
    raise GraphError(
        f"graph {graph.name!r} contradicts itself: no levels satisfy all of its rules",
        problems=[f"the contradiction lies among the rules of {names}"],
        hint="loosen an exclusion or a subsumption between these labels",
    )


def _root(tree: CliqueTree, x: int) -> int:
    while tree.parent[x] >= 0:
        x = tree.parent[x]
    return x


def _forbidden(graph: HexGraph, cell_start: IntArray) -> IntArray:
    pairs = [np.argwhere(~table) + cell_start[[i, j]] for (i, j), table in graph.tables.items()]
    return frozen(np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.intp))
