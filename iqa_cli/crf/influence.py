"""Which rule changed which label: every judgement of a photo with all rules, without one of them, and without any.

The rules between two labels are taken out together, since each is one table to the CRF, and the rest is run again. A
rule that others imply changes nothing when it goes, so a shift is named where it is caused.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.crf.engine import Engine
from iqa_cli.crf.evidence import largest_of
from iqa_cli.crf.numpy_ops import CHUNK_BYTES, NumpyOps
from iqa_cli.crf.unary import cumulative
from iqa_cli.hexgraph.plan import compile_plan
from iqa_cli.records import Influence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.plan import HexPlan

    Floats = NDArray[np.floating]

SMALLEST_SHIFT = 0.01
"""Shifts of a probability below this are not reported: nobody acts on one percent."""
_PLANS_KEPT = 512


def independent_marginals(plan: HexPlan, unary: Floats) -> Floats:
    """Probability of every level if no rule between labels held: a softmax per label.

    unary    (B, C) float  log-potential of every level
    returns  (B, C) float  0..1, sums to 1 over a label
    """
    starts, label = plan.cell_start, plan.cell_label
    weights = np.exp(unary - np.maximum.reduceat(unary, starts, axis=1)[:, label])
    share: Floats = weights / np.add.reduceat(weights, starts, axis=1)[:, label]
    return share


def influences(plan: HexPlan, unary: Floats, before: Floats, after: Floats) -> tuple[tuple[Influence, ...], ...]:
    """The influences in every photo, the largest shift first; those below `SMALLEST_SHIFT` are left out.

    unary   (B, C) float  log-potential of every level
    before  (B, C) float  marginals without any rule, see `independent_marginals`
    after   (B, C) float  marginals with all rules
    """
    found: list[list[Influence]] = [[] for _ in unary]
    # Every pair, even where levels that its rules forbid would hardly come together by themselves: without them other
    # rules may push the levels there.
    for pair in plan.graph.tables:
        relaxed = _relaxed(plan, pair)
        cells = np.flatnonzero(np.isin(plan.cell_label, relaxed.labels))
        thresholds = [
            cumulative(values, relaxed.plan)
            for values in (before[:, cells], relaxed.marginals(unary[:, cells]), after[:, cells])
        ]
        for row in range(len(found)):
            found[row] += _of_photo(plan.graph, relaxed, [values[row] for values in thresholds])
    return tuple(tuple(sorted(own, key=lambda entry: -abs(entry.shift))) for own in found)


@dataclasses.dataclass(frozen=True, eq=False)
class _Relaxed:
    """The component of two labels without the rules between them."""

    between: tuple[str, str]
    """The two labels."""
    rules: tuple[str, ...]
    """JSON pointers of the rules that are left out."""
    labels: tuple[int, ...]
    """Labels of the component, as positions in the whole graph, rising."""
    plan: HexPlan
    """The component, compiled."""
    engine: Engine
    """Inference on it."""

    def marginals(self, unary: Floats) -> Floats:
        """(B, C) probability of every level of the component, from (B, C) unaries that are known to be finite."""
        found: Floats = self.engine.marginals(unary, largest_of(unary))[1]
        return found


@functools.lru_cache(maxsize=_PLANS_KEPT)
def _relaxed(plan: HexPlan, pair: tuple[int, int]) -> _Relaxed:
    graph, component = plan.graph, plan.layout.component
    labels = tuple(np.flatnonzero(component == component[pair[0]]).tolist())
    names = {graph.label_names[label] for label in labels}
    between = (graph.label_names[pair[0]], graph.label_names[pair[1]])
    apart = set(between)
    smaller = dataclasses.replace(
        graph,
        labels=tuple(graph.labels[label] for label in labels),
        exclusions=tuple(r for r in graph.exclusions if r.label_a in names and {r.label_a, r.label_b} != apart),
        subsumptions=tuple(r for r in graph.subsumptions if r.label_a in names and {r.label_a, r.label_b} != apart),
    )
    own = compile_plan(smaller)
    engine = Engine(own, NumpyOps(np.dtype(np.float64)), own.layout, "float64", CHUNK_BYTES)
    return _Relaxed(between, _rules_between(graph, apart), labels, own, engine)


def _of_photo(graph: HexGraph, relaxed: _Relaxed, thresholds: list[Floats]) -> list[Influence]:
    """The influences of one pair's rules in one photo; thresholds are (nodes of the component,) each."""
    before, without, after = thresholds
    found, start = [], 0
    for label in relaxed.labels:
        levels = graph.labels[label].levels
        nodes = slice(start, start + len(levels) - 1)
        start = nodes.stop
        node = nodes.start + int(np.abs(after[nodes] - without[nodes]).argmax())
        if abs(after[node] - without[node]) >= SMALLEST_SHIFT:
            found.append(
                Influence(
                    rules=relaxed.rules,
                    between=relaxed.between,
                    label=graph.label_names[label],
                    level=levels[1 + node - nodes.start],
                    before=_probability(before[node]),
                    without=_probability(without[node]),
                    after=_probability(after[node]),
                )
            )
    return found


def _rules_between(graph: HexGraph, apart: set[str]) -> tuple[str, ...]:
    exclusions = [{rule.label_a, rule.label_b} for rule in graph.exclusions]
    subsumptions = [{rule.label_a, rule.label_b} for rule in graph.subsumptions]
    return tuple(
        f"/{section}/{index}"
        for section, pairs in (("exclusions", exclusions), ("subsumptions", subsumptions))
        for index, pair in enumerate(pairs)
        if pair == apart
    )


def _probability(value: float) -> float:
    return min(1.0, max(0.0, float(value)))
