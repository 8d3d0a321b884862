"""The compiled graph: a junction tree in integer arrays, shared by every executor.

Junction-tree inference after Lauritzen and Spiegelhalter (1988), on the legal states only, as Deng et al.
(ECCV 2014) do for HEX graphs.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from iqa_cli.errors import ContradictionError, GraphTooWideError
from iqa_cli.hexgraph.cliques import CliqueTree, clique_tree
from iqa_cli.hexgraph.counting import count_legal_states, count_level_states
from iqa_cli.hexgraph.graph import HexGraph
from iqa_cli.hexgraph.layout import Layout, make_layout
from iqa_cli.hexgraph.order import adjacency, eliminate, worthwhile
from iqa_cli.hexgraph.quotient import Variables, class_variables, plain_variables
from iqa_cli.hexgraph.segments import IntArray, frozen
from iqa_cli.hexgraph.states import States, TooManyStatesError, calibrate, enumerate_states

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_STATES = 1_000_000
"""Legal states that all cliques of a plan may have together: some seconds of compiling, 8 MB per photo."""

QUOTIENT_FROM = 16
"""States per level from which merging levels is tried. Below, the tree is so thin that what merging saves in states
it costs in additions (docs/decisions/0011)."""

QUOTIENT_GAIN = 2.0
"""How many times fewer states the merged plan needs to have to be taken."""


@dataclasses.dataclass(frozen=True)
class PlanStats:
    """How large a plan came out."""

    treewidth: int
    """Labels of the widest clique, less one: a bound on the treewidth of the graph."""
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
    widest_clique: tuple[str, ...]
    """The labels that have to be looked at together, in the clique of most states."""
    quotient: bool
    """Whether levels that no rule tells apart were merged."""
    n_rows: int
    """States with the padding that makes them run fast."""
    n_groups: int
    """Messages of one pass."""
    n_cells: int
    """C, levels of all labels."""

    def estimated_bytes(self, batch: int, dtype: str = "float64") -> int:
        """Working memory of marginals for a batch that is run at once, in bytes; executors cut batches to bound it.

        dtype  "float64" or "float32"
        """
        itemsize = {"float64": 8, "float32": 4}[dtype]
        return batch * itemsize * (3 * self.n_rows + 2 * self.n_groups + 4 * self.n_cells)


@dataclasses.dataclass(frozen=True, eq=False)
class HexPlan:
    """A graph made ready for inference. Cells are all levels of all labels, label after label."""

    graph: HexGraph
    """The graph it was made of."""
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

    @property
    def graph_hash(self) -> str:
        """`HexGraph.hash` of the graph it was made of."""
        return self.graph.hash

    @functools.cached_property
    def node_label(self) -> IntArray:
        """(N,) label of each node, "level >= k"."""
        return frozen(np.repeat(np.arange(self.n_labels), self.level_counts - 1))

    @functools.cached_property
    def n_legal_states(self) -> int:
        """Assignments of all labels that break no rule, exactly."""
        return count_legal_states(self.layout)

    @functools.cached_property
    def level_counts_exact(self) -> tuple[int, ...]:
        """(C,) assignments that break no rule and turn each cell on, exactly; 0 for a level that never occurs."""
        return count_level_states(self.layout)

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 of the graph's hash and every array, hexadecimal: the same plan on every machine."""
        digest = hashlib.sha256()
        for part in _parts(self):
            digest.update(part)
        return digest.hexdigest()


def compile_plan(
    graph: HexGraph, *, max_states: int = MAX_STATES, quotient: bool | Literal["auto"] = "auto"
) -> HexPlan:
    """Compile a graph; the same graph gives the same plan on every machine.

    max_states  legal states that all cliques may have together
    quotient    merge levels that no rule tells apart: always, never, or where it pays; changes no result

    raises  GraphTooWideError   if the labels hang together too closely
            ContradictionError  if no assignment satisfies the rules
    """
    found = _cheapest(graph, max_states, quotient)
    tree, variables = found.tree, found.variables
    states = calibrate(tree, found.states, variables.n_levels)
    _refuse_contradiction(graph, found, states)
    n_levels = np.array(graph.n_levels, dtype=np.intp)
    layout = make_layout(tree, states, variables.n_levels, variables.n_labels)
    largest = max(range(len(states)), key=lambda x: (len(states[x]), len(tree.cliques[x]), -x))
    return HexPlan(
        graph=graph,
        label_names=graph.label_names,
        level_counts=frozen(n_levels),
        cell_start=layout.cell_start,
        cell_label=layout.cell_label,
        cell_level=frozen(np.concatenate([label.levels for label in graph.labels])),
        forbidden=_forbidden(graph, layout.cell_start),
        layout=layout,
        stats=PlanStats(
            treewidth=tree.treewidth,
            n_components=tree.n_components,
            depth=max(tree.depth) + 1,
            total_states=sum(map(len, states)),
            max_clique_states=len(states[largest]),
            heuristic=found.heuristic,
            widest_clique=_names(graph, variables, tree.cliques[largest]),
            quotient=len(variables.label) > variables.n_labels,
            n_rows=sum(depth.n_rows for depth in layout.depths),
            n_groups=sum(depth.n_groups for depth in layout.depths),
            n_cells=graph.n_cells,
        ),
    )


@dataclasses.dataclass(frozen=True, eq=False)
class _Candidate:
    """A way to run a graph."""

    variables: Variables
    tree: CliqueTree
    states: list[States]
    heuristic: str

    @functools.cached_property
    def total(self) -> int:
        return sum(map(len, self.states))


def _cheapest(graph: HexGraph, max_states: int, quotient: bool | Literal["auto"]) -> _Candidate:
    """The tree with the fewest legal states among all elimination orders, over levels or over classes of them."""
    best: _Candidate | None = None
    too_large: list[tuple[Variables, CliqueTree]] = []
    merged = class_variables(graph) if quotient is True else None
    if merged is None:
        best = _best_order(plain_variables(graph), max_states, too_large)
        if quotient == "auto" and (best is None or best.total >= QUOTIENT_FROM * graph.n_cells):
            merged = class_variables(graph)
    if merged is not None:
        limit = max_states if best is None else int(best.total / QUOTIENT_GAIN)
        best = _best_order(merged, limit, too_large) or best
    if best is None:
        raise _too_wide(graph, max_states, too_large)
    return best


def _best_order(variables: Variables, limit: int, too_large: list[tuple[Variables, CliqueTree]]) -> _Candidate | None:
    """The cheapest of all elimination orders, or None, with the trees noted, if all pass the limit."""
    neighbours = adjacency(len(variables.n_levels), variables.tables)
    best: _Candidate | None = None
    tried: list[CliqueTree] = []
    for heuristic in worthwhile(neighbours):
        tree = clique_tree(eliminate(neighbours, variables.n_levels, heuristic))
        if tree in tried:
            continue
        tried.append(tree)
        try:
            states = enumerate_states(tree, variables.n_levels, variables.tables, limit)
        except TooManyStatesError:
            too_large.append((variables, tree))
        else:
            found = _Candidate(variables, tree, states, heuristic)
            if best is None or found.total < best.total:
                best, limit = found, found.total
        if tree.treewidth <= 1:  # a forest: every order without fill gives the same cliques
            break
    return best


def _too_wide(graph: HexGraph, max_states: int, tried: list[tuple[Variables, CliqueTree]]) -> GraphTooWideError:
    variables, tree = min(tried, key=lambda found: len(found[1].widest))
    widest = _names(graph, variables, tree.widest)
    if math.prod(variables.n_levels[v] for v in tree.widest) <= max_states // 10:
        return GraphTooWideError(
            f"graph {graph.name!r} is too large: more than {max_states:,} states to look at",
            labels=widest,
            problems=[
                f"no {len(widest) + 1} labels have to be looked at together, but {len(graph.labels):,} labels add up"
            ],
            hint="split the graph, or allow more states (max_states)",
        )
    return GraphTooWideError(
        f"graph {graph.name!r} hangs together too closely: more than {max_states:,} states to look at",
        labels=widest,
        problems=[f"{len(widest)} labels have to be looked at together: {_quoted(widest)}"],
        hint="take out rules between these labels, or allow more states (max_states)",
    )


def _refuse_contradiction(graph: HexGraph, found: _Candidate, states: Sequence[States]) -> None:
    tree = found.tree
    empty = next((x for x, left in enumerate(states) if len(left) == 0), None)
    if empty is None:
        return
    root = _root(tree, empty)
    together = [v for x, clique in enumerate(tree.cliques) if _root(tree, x) == root for v in clique]
    labels = _names(graph, found.variables, together)
    raise ContradictionError(
        f"graph {graph.name!r} contradicts itself: no levels satisfy all of its rules",
        labels=labels,
        problems=[f"the contradiction lies among the rules of {_quoted(labels)}"],
        hint="loosen an exclusion or a subsumption between these labels",
    )


def _root(tree: CliqueTree, x: int) -> int:
    while tree.parent[x] >= 0:
        x = tree.parent[x]
    return x


def _names(graph: HexGraph, variables: Variables, clique: Sequence[int]) -> tuple[str, ...]:
    """Names of the labels that some variables speak of, in graph order."""
    return tuple(graph.label_names[v] for v in sorted({variables.label[v] for v in clique}))


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _forbidden(graph: HexGraph, cell_start: IntArray) -> IntArray:
    pairs = [np.argwhere(~table) + cell_start[[i, j]] for (i, j), table in graph.tables.items()]
    return frozen(np.concatenate(pairs) if pairs else np.zeros((0, 2), dtype=np.intp))


def _parts(value: object) -> Iterator[bytes]:
    """Everything that a plan consists of, in an order that is part of the code and in bytes that no machine changes."""
    if isinstance(value, HexGraph):
        yield value.hash.encode()
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield field.name.encode()
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, np.ndarray):
        yield repr(value.shape).encode()
        yield value.astype("<i8").tobytes()
    elif isinstance(value, tuple):
        for item in value:
            yield from _parts(item)
        yield b"end"
    else:
        yield repr(value).encode()
