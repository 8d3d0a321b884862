"""What makes a graph well formed: every rule names labels and levels that exist.

Works on items that know their place in the file, so that the reader and `HexGraph` share one set of checks,
and the reader can leave out what it could not read without moving the place of the rest.
"""

from __future__ import annotations

import difflib
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from iqa_cli.hexgraph.graph import Exclusion, Label, Subsumption

MAX_LEVELS = 100
"""Levels a label may have; states are kept in 8 bits, and nobody tells 100 degrees of a fault apart."""

MAX_LEVEL = 1_000_000
"""Highest number a level may have."""


def graph_problems(
    labels: Sequence[tuple[str, Label]],
    exclusions: Sequence[tuple[str, Exclusion]],
    subsumptions: Sequence[tuple[str, Subsumption]],
    *,
    unreadable: Collection[str] = (),
) -> list[str]:
    """Everything that is wrong, each line starting with its place; empty if the graph is well formed.

    labels, exclusions, subsumptions  (place, item) in file order
    unreadable                        labels that exist but could not be read; rules about them are not blamed
    """
    problems: list[str] = []
    known: dict[str, tuple[int, ...]] = {}
    places: dict[str, str] = {}
    for place, label in labels:
        problems += (f"{place}{problem}" for problem in _label_problems(label))
        if label.name in known:
            problems.append(f"{place}: label {quote(label.name)} is already {places[label.name]}")
        else:
            known[label.name] = label.levels
            places[label.name] = place
    if not labels and not unreadable:
        problems.append("nodes: the graph has no labels")
    names = [*known, *unreadable]
    for place, excl in exclusions:
        problems += _exclusion_problems(place, excl, known, names)
    for place, sub in subsumptions:
        problems += _subsumption_problems(place, sub, known, names)
    return problems


def name_problem(name: str) -> str | None:
    """Why a text cannot be the name of a label, or None if it can."""
    if not name.strip():
        return "a label needs a name"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return f"label {quote(name)} holds a control character or half of a surrogate pair"
    if name != name.strip():
        return f"label {quote(name)} begins or ends with a space"
    return None


def suggestion(word: str, known: Collection[str]) -> str:
    """' (did you mean "x"?)' for the known word that looks most like this one, else nothing."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {quote(near[0])}?)" if near else ""


def printable(text: str) -> str:
    """The text with everything escaped that a terminal or UTF-8 cannot show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def quote(text: str) -> str:
    """A name as it stands in messages."""
    return f'"{printable(text)}"'


def _label_problems(label: Label) -> Iterator[str]:
    name = name_problem(label.name)
    if name:
        yield f": {name}"
    if any(type(level) is not int for level in label.levels):
        yield f".levels: levels of {quote(label.name)} must be whole numbers, got {list(label.levels)}"
    elif len(label.levels) < 2:
        yield f".levels: {quote(label.name)} needs at least two levels, got {list(label.levels)}"
    elif len(label.levels) > MAX_LEVELS:
        yield f".levels: {quote(label.name)} has {len(label.levels)} levels, more than {MAX_LEVELS}"
    elif any(low >= high for low, high in zip(label.levels, label.levels[1:], strict=False)):
        yield f".levels: levels of {quote(label.name)} must rise, got {list(label.levels)}"
    elif label.levels[0] < 1 or label.levels[-1] > MAX_LEVEL:
        yield f".levels: levels of {quote(label.name)} must be in 1..{MAX_LEVEL}, got {list(label.levels)}"


def _unknown_label(place: str, label: str, names: Collection[str]) -> Iterator[str]:
    if label not in names:
        yield f"{place}: no label {quote(label)}{suggestion(label, names)}"


def _unknown_level(place: str, label: str, level: int, known: dict[str, tuple[int, ...]]) -> Iterator[str]:
    if label in known and level not in known[label]:
        there = ", ".join(map(str, known[label]))
        yield f"{place}: {quote(label)} has no level {level} (it has {there})"


def _exclusion_problems(
    place: str, rule: Exclusion, known: dict[str, tuple[int, ...]], names: Collection[str]
) -> Iterator[str]:
    if rule.label_a == rule.label_b:
        yield f"{place}: {quote(rule.label_a)} excludes itself"
    for side, label, levels in (("a", rule.label_a, rule.a_levels), ("b", rule.label_b, rule.b_levels)):
        yield from _unknown_label(f"{place}.label_{side}", label, names)
        if not levels:
            yield f"{place}.{side}_levels: no levels, so the rule excludes nothing"
        for k, level in enumerate(levels):
            yield from _unknown_level(f"{place}.{side}_levels[{k}]", label, level, known)
            if level in levels[:k]:
                yield f"{place}.{side}_levels[{k}]: level {level} is given twice"


def _subsumption_problems(
    place: str, rule: Subsumption, known: dict[str, tuple[int, ...]], names: Collection[str]
) -> Iterator[str]:
    yield from _unknown_label(f"{place}.label_a", rule.label_a, names)
    yield from _unknown_label(f"{place}.label_b", rule.label_b, names)
    if not rule.map:
        yield f"{place}.map: no pairs, so the rule implies nothing"
    for k, (x, y) in enumerate(rule.map):
        yield from _unknown_level(f"{place}.map[{k}][0]", rule.label_a, x, known)
        yield from _unknown_level(f"{place}.map[{k}][1]", rule.label_b, y, known)
        if rule.label_a == rule.label_b and y > x:
            yield f"{place}.map[{k}]: {quote(rule.label_a)} at {x} would imply {y} of itself and never occur"
