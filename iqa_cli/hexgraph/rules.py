"""What makes a graph well formed: every rule names labels and levels that exist.

Works on items that know their place in the file, so that the reader and `HexGraph` share one set of checks,
and the reader can leave out what it could not read without moving the place of the rest.
"""

from __future__ import annotations

import itertools
import unicodedata
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.problems import Problem, Suggester, listing, quote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from iqa_cli.hexgraph.parts import Exclusion, Label, Subsumption
    from iqa_cli.hexgraph.problems import Steps

MAX_LEVELS = 100
"""Levels a label may have; states are kept in 8 bits, and nobody tells 100 degrees of a fault apart."""

MAX_NAME = 1000
"""Characters a label's name may have: it heads columns and stands in messages."""

MAX_LEVEL = 1_000_000
"""Highest number a level may have."""


def graph_problems(
    labels: Sequence[tuple[Steps, Label]],
    exclusions: Sequence[tuple[Steps, Exclusion]],
    subsumptions: Sequence[tuple[Steps, Subsumption]],
    *,
    unreadable: Collection[str] = (),
) -> Iterator[Problem]:
    """Everything that is wrong; nothing if the graph is well formed.

    labels, exclusions, subsumptions  (steps to it, item) in file order
    unreadable                        labels that exist but could not be read; rules about them are not blamed
    """
    known: dict[str, frozenset[int]] = {}
    first: dict[str, Problem] = {}
    for steps, label in labels:
        yield from _label_problems(steps, label)
        if label.name in known:
            message = f"label {quote(label.name)} is already {first[label.name].place}"
            yield Problem("E103", steps, message, (label.name,), "rename one of the two, or remove it")
        else:
            known[label.name] = frozenset(level for level in label.levels if type(level) is int)
            first[label.name] = Problem("E103", steps, "")
    yield from _alias_problems(labels, first)
    if not labels and not unreadable:
        yield Problem("E102", ("nodes",), "the graph has no labels")
    check = _RuleCheck(known, dict.fromkeys([*known, *unreadable]))
    for steps, excl in exclusions:
        yield from check.exclusion(steps, excl)
    for steps, sub in subsumptions:
        yield from check.subsumption(steps, sub)


def name_problem(name: str) -> str | None:
    """Why a text cannot be the name of a label, or None if it can."""
    if len(name) > MAX_NAME:
        return f"label {quote(name)} has {len(name):,} characters, more than {MAX_NAME:,}"
    if not name.strip():
        return "a label needs a name"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return f"label {quote(name)} holds a control character or half of a surrogate pair"
    if name != name.strip():
        return f"label {quote(name)} begins or ends with a space"
    return None


def _label_problems(steps: Steps, label: Label) -> Iterator[Problem]:
    name = name_problem(label.name)
    if name:
        yield Problem("E102", steps, name, (label.name,))
    wrong = _levels_problem(label)
    if wrong:
        yield Problem("E107", (*steps, "levels"), wrong, (label.name,), 'write them as in "levels": [1, 2, 3, 4]')


def _alias_problems(labels: Sequence[tuple[Steps, Label]], first: Mapping[str, Problem]) -> Iterator[Problem]:
    """Aliases that are no names, or that a label has already.

    first  where each label stands, by its spelling
    """
    taken: dict[str, str] = {}
    for steps, label in labels:
        for number, alias in enumerate(label.aliases):
            where = (*steps, "aliases", number)
            unfit = name_problem(alias)
            if unfit:
                yield Problem("E102", where, f"as an alias: {unfit}", (label.name,))
            elif alias in first:
                message = f"alias {quote(alias)} is the spelling of {first[alias].place}"
                yield Problem("E103", where, message, (label.name, alias), "remove the alias")
            elif alias in taken:
                message = f"alias {quote(alias)} is already one of {quote(taken[alias])}"
                yield Problem("E103", where, message, (label.name,), "remove one of the two")
            taken.setdefault(alias, label.name)


def _levels_problem(label: Label) -> str | None:
    name, levels = quote(label.name), label.levels
    if any(type(level) is not int for level in levels):
        return f"levels of {name} must be whole numbers, got {list(levels)}"
    if len(levels) < 2:
        return f"{name} needs at least two levels, got {listing(levels)}"
    if len(levels) > MAX_LEVELS:
        return f"{name} has {len(levels)} levels, more than {MAX_LEVELS}"
    if any(low >= high for low, high in itertools.pairwise(levels)):
        return f"levels of {name} must rise, got {listing(levels)}"
    if levels[0] < 1 or levels[-1] > MAX_LEVEL:
        return f"levels of {name} must be in 1..{MAX_LEVEL}, got {listing(levels)}"
    return None


class _RuleCheck:
    """Checks rules against the labels there are.

    known  levels of every label that could be read
    names  of all labels
    """

    def __init__(self, known: Mapping[str, frozenset[int]], names: Mapping[str, None]) -> None:
        self._known = known
        self._names = names
        self._suggester = Suggester(names)

    def exclusion(self, steps: Steps, rule: Exclusion) -> Iterator[Problem]:
        if rule.label_a == rule.label_b:
            hint = f"remove the rule; a level of {quote(rule.label_a)} that cannot occur is left out of its levels"
            yield Problem("E204", steps, f"{quote(rule.label_a)} excludes itself", (rule.label_a,), hint)
        for side, label, levels in (("a", rule.label_a, rule.a_levels), ("b", rule.label_b, rule.b_levels)):
            yield from self._label((*steps, f"label_{side}"), label)
            where = (*steps, f"{side}_levels")
            if not levels:
                message = "no levels, so the rule excludes nothing"
                yield Problem("E102", where, message, (label,), "name the levels, or remove the rule")
            seen: set[int] = set()
            for k, level in enumerate(levels):
                yield from self._level((*where, k), label, level)
                if level in seen:
                    yield Problem("E102", (*where, k), f"level {level} is given twice", (label,), "remove one of them")
                seen.add(level)

    def subsumption(self, steps: Steps, rule: Subsumption) -> Iterator[Problem]:
        a, b = rule.label_a, rule.label_b
        yield from self._label((*steps, "label_a"), a)
        yield from self._label((*steps, "label_b"), b)
        if not rule.map:
            message = "no pairs, so the rule implies nothing"
            yield Problem("E102", (*steps, "map"), message, (a, b), "name the pairs, or remove the rule")
        for k, (x, y) in enumerate(rule.map):
            yield from self._level((*steps, "map", k, 0), a, x)
            yield from self._level((*steps, "map", k, 1), b, y)
            if a == b and y > x:
                message = f"{quote(a)} at {x} would imply {y} of itself and never occur"
                yield Problem("E208", (*steps, "map", k), message, (a,), f"write [{y}, {x}] if {y} includes {x}")

    def _label(self, steps: Steps, label: str) -> Iterator[Problem]:
        if label not in self._names:
            hint = self._suggester.hint(label) or "add a node for it, or correct the name"
            yield Problem("E105", steps, f"no label {quote(label)}", (label,), hint)

    def _level(self, steps: Steps, label: str, level: int) -> Iterator[Problem]:
        if label in self._known and level not in self._known[label]:
            known = sorted(self._known[label])
            near = min(known, key=lambda other: abs(other - level), default=None)
            there = ", ".join(map(str, known[:MAX_LEVELS]))
            hint = f"the nearest is {near}" if near is not None else ""
            shown = level if abs(level) < 10**12 else "of that size"
            yield Problem("E106", steps, f"{quote(label)} has no level {shown} (it has {there})", (label,), hint)
