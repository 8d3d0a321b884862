"""Checks of single rules and of rules side by side: what is said twice, to no effect, or not as it was meant."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.check.places import labels_of
from iqa_cli.hexgraph.check.wording import listed
from iqa_cli.hexgraph.problems import Problem, folded, place, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iqa_cli.hexgraph.check.places import Places
    from iqa_cli.hexgraph.check.rectangles import PairRule
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.parts import Exclusion, Label, Subsumption
    from iqa_cli.hexgraph.problems import Steps


def look_alikes(graph: HexGraph, places: Places) -> Iterator[Problem]:
    """Labels that differ in case, width, spaces or characters without a shape only."""
    first: dict[str, str] = {}
    for label in graph.labels:
        other = first.setdefault(folded(label.name), label.name)
        if other != label.name:
            yield Problem(
                "W104",
                (*places.nodes[label.name], "label"),
                f"label {quote(label.name)} looks like {quote(other)}",
                (label.name, other),
                "rename one of the two: they are two different labels",
            )


def lonely(graph: HexGraph, rules: Sequence[PairRule], places: Places) -> Iterator[Problem]:
    """Labels that no rule connects with another."""
    tied = {i for rule in rules for i in rule.pair}
    for i, label in enumerate(graph.labels):
        if i not in tied:
            message = f"no rule connects {quote(label.name)} with another label"
            yield Problem("I108", places.nodes[label.name], message, (label.name,))


def own_maps(graph: HexGraph, places: Places) -> Iterator[Problem]:
    """Maps of a label's own levels: missing ones, ones with gaps, and ones given twice.

    The order of a label's levels is built in, so none of them changes what is legal here; other readers of HEX
    graphs may take a label without its map for independent bits.
    """
    maps: dict[str, list[tuple[Steps, Subsumption]]] = collections.defaultdict(list)
    for steps, rule in zip(places.subsumptions, graph.subsumptions, strict=True):
        if rule.label_a == rule.label_b:
            maps[rule.label_a].append((steps, rule))
    missing: list[Label] = []
    for label in graph.labels:
        seen: dict[frozenset[tuple[int, int]], Steps] = {}
        for steps, rule in maps[label.name]:
            before = seen.setdefault(frozenset(rule.map), steps)
            if before is not steps:
                message = f"the same map of {quote(label.name)} stands at {place(before)}"
                yield Problem("W201", steps, message, (label.name,), "remove one of them", rules=(before,))
        steps_up = [(high, low) for low, high in zip(label.levels[1:], label.levels[2:], strict=False)]
        said = {pair for _, rule in maps[label.name] for pair in rule.map}
        if steps_up and not said:
            missing.append(label)
        elif lost := [pair for pair in steps_up if pair not in said]:
            yield Problem(
                "I209",
                (*maps[label.name][0][0], "map"),
                f"the map of {quote(label.name)} leaves out {listed((f'[{x}, {y}]' for x, y in lost), 8)}",
                (label.name,),
                "add them, or let --fix do it; their order holds here all the same",
            )
    if missing:
        names = tuple(label.name for label in missing)
        some_have = any(maps.values())
        verb = "has no map of its" if len(names) == 1 else "have no map of their"
        yield Problem(
            "W207" if some_have else "I207",
            places.nodes[names[0]],
            f"{listed(map(quote, names), 4)} {verb} own levels" + (", as other labels have" if some_have else ""),
            names,
            "let --fix add it; the order of levels holds here all the same, but other readers may need it said",
        )


def rule_spelling(graph: HexGraph, places: Places) -> Iterator[Problem]:
    """Rules that are clear to the reader of a file only if one knows how they are read."""
    levels = {label.name: label.levels for label in graph.labels}
    for steps, excl in zip(places.exclusions, graph.exclusions, strict=True):
        yield from _exclusion(steps, excl, levels)
    maps = [
        (steps, sub, levels[sub.label_a], levels[sub.label_b])
        for steps, sub in zip(places.subsumptions, graph.subsumptions, strict=True)
        if sub.label_a != sub.label_b
    ]
    lists_all = any(_is_listing(sub) for _, sub, _, _ in maps)
    for each in maps:
        yield from _map(*each, lists_all=lists_all)


def _exclusion(steps: Steps, rule: Exclusion, known: dict[str, tuple[int, ...]]) -> Iterator[Problem]:
    for side, label, levels in (("a", rule.label_a, rule.a_levels), ("b", rule.label_b, rule.b_levels)):
        where = (*steps, f"{side}_levels")
        if known[label][0] in levels:
            yield Problem(
                "W206",
                where,
                f"level {known[label][0]} of {quote(label)}, its lowest, is excluded: other labels may be forced",
                (label,),
                'to force a level write a subsumption; the lowest level stands for "no problem"',
                levels=(known[label][0],),
            )
            continue
        missing = [level for level in known[label] if level > min(levels) and level not in levels]
        if missing:
            exactly = (
                f"level {levels[0]} is" if len(levels) == 1 else f"levels {listed(map(str, sorted(levels)), 20)} are"
            )
            yield Problem(
                "W205",
                where,
                f"exactly {exactly} excluded of {quote(label)}, worse ones are not",
                (label,),
                f"if {min(levels)} or worse is meant, add {listed(map(str, missing), 20)}",
                levels=tuple(sorted(levels)),
            )


def _is_listing(rule: Subsumption) -> bool:
    """Whether a map lists levels that its thresholds imply, so that a level left out looks forgotten."""
    return any(x > low and y <= high for x, y in rule.map for low, high in rule.map)


def _map(
    steps: Steps, rule: Subsumption, a_known: tuple[int, ...], b_known: tuple[int, ...], *, lists_all: bool
) -> Iterator[Problem]:
    a, b, both = quote(rule.label_a), quote(rule.label_b), (rule.label_a, rule.label_b)
    best: dict[int, int] = {}
    for k, (x, y) in enumerate(rule.map):
        if x == a_known[0] and y > b_known[0]:
            yield Problem(
                "W212",
                (*steps, "map", k),
                f"{x} is the lowest level of {a}, so {b} is at {y} or more in every photo",
                both,
                "remove the pair, or begin at a higher level",
                levels=(x,),
            )
        best[x] = max(y, best.get(x, y))
    falling = _falls(best)
    if falling is not None:
        (x, y), (lower, stronger) = falling
        k = next(k for k, pair in enumerate(rule.map) if pair[0] == x)
        yield Problem(
            "W211",
            (*steps, "map", k),
            f"{a} at {x} implies {b} at {y}, but already {lower} implies {stronger}",
            both,
            f"write [{x}, {stronger}], or leave the pair out",
            levels=(x,),
        )
        return
    start = min(best)
    unsaid = [x for x in a_known if x > start and x not in best]
    if unsaid and max(best.values()) > b_known[0]:
        lower = max(x for x in best if x < unsaid[0])
        verb = "lists" if lists_all else "is read as thresholds: it lists"
        yield Problem(
            "W210" if lists_all else "I210",
            (*steps, "map"),
            f"the map {verb} {listed(map(str, sorted(best)), 8)} of {a} and not {listed(map(str, unsaid), 8)},"
            f" which {'imply' if len(unsaid) > 1 else 'implies'} as much as the level below",
            both,
            f"add [{unsaid[0]}, {best[lower]}] to say so, or let --fix do it",
            levels=tuple(unsaid),
        )


def _falls(best: dict[int, int]) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The first pair whose level is worse and implies less than an earlier one, and that one."""
    strongest: tuple[int, int] | None = None
    for x, y in sorted(best.items()):
        if strongest is not None and y < strongest[1]:
            return (x, y), strongest
        strongest = (x, y)
    return None


def said_twice(rules: Sequence[PairRule]) -> Iterator[tuple[int, Problem]]:
    """Rules without effect beside others on the same labels: (index of the rule, what is wrong with it)."""
    by_pair: dict[tuple[int, int], list[int]] = collections.defaultdict(list)
    for r, rule in enumerate(rules):
        if rule.rectangles:
            by_pair[rule.pair].append(r)
        else:
            lowest = quote(rule.rule.label_b)
            message = f"{place(rule.steps)} forbids nothing: {lowest} is always at its lowest level or above"
            hint = "remove it, or imply a higher level"
            yield r, Problem("I203", rule.steps, message, labels_of([rule.rule]), hint)
    for members in by_pair.values():
        if len(members) > 1:
            yield from _beside(rules, members)


def _beside(rules: Sequence[PairRule], members: Sequence[int]) -> Iterator[tuple[int, Problem]]:
    first: dict[tuple[tuple[int, int], ...], int] = {}
    for r in members:
        same = first.setdefault(tuple(sorted(rules[r].rows.items())), r)
        if same != r:
            message = f"{place(rules[r].steps)} says the same as {place(rules[same].steps)}"
            labels = labels_of([rules[r].rule])
            yield r, Problem("W201", rules[r].steps, message, labels, "remove one", rules=(rules[same].steps,))
    distinct = list(first.values())
    if len(distinct) > 50:  # so many rules between two labels are no modeller's work; comparing all takes their square
        distinct = distinct[:50]
    for r in distinct:
        rows = rules[r].rows
        wider = next((w for w in distinct if w != r and _covers(rules[w].rows, rows)), None)
        if wider is not None:
            message = f"{place(rules[r].steps)} is covered by {place(rules[wider].steps)}, which forbids more"
            labels = labels_of([rules[r].rule])
            yield r, Problem("W202", rules[r].steps, message, labels, "remove it", rules=(rules[wider].steps,))


def _covers(wide: dict[int, int], narrow: dict[int, int]) -> bool:
    return all(mask & ~wide.get(k, 0) == 0 for k, mask in narrow.items())
