"""What a picture of a graph is made of: labels in boxes, and lines between them. Nothing here knows a coordinate.

Labels that exclude each other, each with one set of levels against all the others, share a box that says "at
most one of these": four casts need one box where six lines would cross. Every rule that no box tells is a line.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iqa_cli.hexgraph.graph import HexGraph

Levels = tuple[int, ...]
Kind = Literal["exclusion", "subsumption"]


@dataclasses.dataclass(frozen=True)
class End:
    """One end of a line."""

    label: int
    """Position of the label in the graph."""
    levels: Levels
    """The levels that the rule speaks of, rising."""


@dataclasses.dataclass(frozen=True)
class Line:
    """One rule between two labels, or one pair of a subsumption's map."""

    kind: Kind
    """`subsumption` reads from `a` to `b`; `exclusion` has no direction."""
    a: End
    """Where it starts: for a subsumption, the levels that imply."""
    b: End
    """Where it ends: for a subsumption, the levels that are implied."""


@dataclasses.dataclass(frozen=True)
class Box:
    """Labels of which at most one is at its marked levels; or one label by itself, with nothing marked."""

    labels: tuple[int, ...]
    """Positions in the graph, rising."""
    marked: tuple[Levels, ...] = ()
    """Per label the levels that exclude those of the others; empty for a label by itself."""


@dataclasses.dataclass(frozen=True)
class Parts:
    """All of a graph: every rule between two labels is told by exactly one box or line."""

    boxes: tuple[Box, ...]
    """Every label is in one, in the order of their first labels."""
    lines: tuple[Line, ...]
    """Subsumptions first, then exclusions, each in file order."""


def parts(graph: HexGraph) -> Parts:
    """Boxes and lines of a graph. Equal rules are told once, and so are pairs of a map that another implies."""
    arrows = _arrows(graph)
    rules = _exclusions(graph)
    tied = {frozenset((line.a.label, line.b.label)) for line in arrows}
    groups = _groups(rules, tied)
    grouped = {label for box in groups for label in box.labels}
    alone = (Box((i,)) for i in range(len(graph.labels)) if i not in grouped)
    boxes = tuple(sorted((*groups, *alone), key=lambda box: box.labels))
    home = {label: box for box in boxes for label in box.labels}
    lines = (line for line in rules if home[line.a.label] is not home[line.b.label])
    return Parts(boxes, (*arrows, *lines))


def _arrows(graph: HexGraph) -> list[Line]:
    """Subsumptions between two labels, without the pairs that say less than another pair of the same labels."""
    pairs: dict[tuple[int, int], set[tuple[int, int]]] = collections.defaultdict(set)
    for rule in graph.subsumptions:
        if rule.label_a != rule.label_b:
            pairs[graph.index(rule.label_a), graph.index(rule.label_b)].update(rule.map)
    arrows = []
    for (a, b), found in pairs.items():
        for x, y in sorted(found):
            if any((x2, y2) != (x, y) and x2 <= x and y2 >= y for x2, y2 in found):
                continue
            implying = tuple(level for level in graph.labels[a].levels if level >= x)
            implied = tuple(level for level in graph.labels[b].levels if level >= y)
            arrows.append(Line("subsumption", End(a, implying), End(b, implied)))
    return arrows


def _exclusions(graph: HexGraph) -> list[Line]:
    """Exclusions, each once, from the earlier label to the later."""
    lines: dict[Line, None] = {}
    for rule in graph.exclusions:
        a = End(graph.index(rule.label_a), tuple(sorted(rule.a_levels)))
        b = End(graph.index(rule.label_b), tuple(sorted(rule.b_levels)))
        lines[Line("exclusion", *sorted((a, b), key=lambda end: end.label))] = None
    return list(lines)


def _groups(rules: list[Line], tied: set[frozenset[int]]) -> list[Box]:
    """Boxes of two labels or more that tell a part of the rules, the largest first.

    A pair with a second rule, or with a subsumption (`tied`), is not boxed: its lines show how the rules meet.
    """
    count = collections.Counter(frozenset((line.a.label, line.b.label)) for line in rules)
    near: dict[End, set[End]] = collections.defaultdict(set)
    for line in rules:
        pair = frozenset((line.a.label, line.b.label))
        if count[pair] == 1 and pair not in tied:
            near[line.a].add(line.b)
            near[line.b].add(line.a)
    groups = []
    while group := _largest(near):
        groups.append(Box(tuple(end.label for end in group), tuple(end.levels for end in group)))
        taken = {end.label for end in group}
        for end in [end for end in near if end.label in taken]:
            for other in near.pop(end):
                near.get(other, set()).discard(end)
        for end in [end for end, others in near.items() if not others]:
            del near[end]
    return groups


def _largest(near: dict[End, set[End]]) -> tuple[End, ...]:
    """The largest group that growing around each end finds, the earliest of its size; empty if nothing excludes."""
    best: tuple[End, ...] = ()
    for end in sorted(near, key=lambda end: (-len(near[end]), *_order(end))):
        if len(near[end]) < len(best):
            break  # nor can any that follows: an end is in no group larger than its neighbours and itself
        best = min((best, _clique(end, near)), key=lambda group: (-len(group), [_order(end) for end in group]))
    return best


def _clique(seed: End, near: dict[End, set[End]]) -> tuple[End, ...]:
    """Ends that all exclude each other, grown greedily around one: those with the most exclusions first."""
    clique, candidates = [seed], near[seed]
    while candidates:
        best = min(candidates, key=lambda end: (-len(near[end]), *_order(end)))
        clique.append(best)
        candidates = candidates & near[best]
    return tuple(sorted(clique, key=_order))


def _order(end: End) -> tuple[int, Levels]:
    return end.label, end.levels


def marked_alike(box: Box, graph: HexGraph) -> int | None:
    """The level from which on every label of a box is marked, or None if the labels differ or have gaps."""

    def lowest(label: int, levels: Levels) -> int | None:
        own = graph.labels[label].levels
        return levels[0] if levels and own[own.index(levels[0]) :] == levels else None

    found: Iterable[int | None] = {lowest(*pair) for pair in zip(box.labels, box.marked, strict=True)}
    first, *others = found
    return None if others else first
