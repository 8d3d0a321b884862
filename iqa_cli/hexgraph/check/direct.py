"""Two rules that contradict each other face to face: a level of one label implies one of another and excludes it."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.check.wording import listed
from iqa_cli.hexgraph.problems import Problem, place, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.hexgraph.check.places import Places
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.parts import Exclusion, Subsumption


def direct_contradictions(graph: HexGraph, places: Places) -> tuple[list[Problem], dict[str, set[int]]]:
    """A level that implies one of another label and excludes it as well: levels that are dead for the nearest reason.

    returns  the findings, and by label the levels that they explain
    """
    found: list[Problem] = []
    covered: dict[str, set[int]] = collections.defaultdict(set)
    by_pair: dict[frozenset[str], list[tuple[int, Exclusion]]] = collections.defaultdict(list)
    for i, excl in enumerate(graph.exclusions):
        by_pair[frozenset((excl.label_a, excl.label_b))].append((i, excl))
    for s, sub in enumerate(graph.subsumptions):
        for i, excl in by_pair.get(frozenset((sub.label_a, sub.label_b)), ()):
            dead, (x, y) = _implied_and_excluded(graph, sub, excl)
            if not dead or dead <= covered[sub.label_a]:
                continue
            covered[sub.label_a] |= dead
            a, b = quote(sub.label_a), quote(sub.label_b)
            levels = tuple(sorted(dead))
            which = f"level {levels[0]}" if len(levels) == 1 else f"levels {listed(map(str, levels), 20)}"
            message = (
                f"{which} of {a} can never occur: {place(places.subsumptions[s])} wants {b} at {y} or more with it,"
                f" {place(places.exclusions[i])} excludes that"
            )
            problem = Problem(
                "E303",
                places.exclusions[i],
                message,
                (sub.label_a, sub.label_b),
                "remove one of the two rules, or take the level out of one",
                levels=levels,
                witness=f"{a} >= {x} -> {b} >= {y} -> excludes {a} {_among(graph, sub.label_a, levels)}",
                rules=(places.subsumptions[s], places.exclusions[i]),
            )
            found.append(problem)
    return found, covered


def _implied_and_excluded(graph: HexGraph, sub: Subsumption, excl: Exclusion) -> tuple[set[int], tuple[int, int]]:
    """Levels of the implying label that cannot occur by two rules, and the entry of the map that says so."""
    own, other = (excl.a_levels, excl.b_levels) if excl.label_a == sub.label_a else (excl.b_levels, excl.a_levels)
    implied = graph.labels[graph.index(sub.label_b)].levels
    for x, y in sorted(sub.map):
        if all(level in other for level in implied if level >= y):
            return {level for level in own if level >= x}, (x, y)
    return set(), (0, 0)


def _among(graph: HexGraph, label: str, levels: Sequence[int]) -> str:
    """`>= 3` if these are all levels from one on, else `= 2, 4`."""
    known = graph.labels[graph.index(label)].levels
    if levels == tuple(level for level in known if level >= levels[0]):
        return f">= {levels[0]}"
    return f"= {', '.join(map(str, levels))}"
