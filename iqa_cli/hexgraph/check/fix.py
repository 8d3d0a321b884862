"""The canonical form of a graph file: the same legal states, said once and in full, with its notes kept.

Keys in lower case, levels rising, maps closed, a map of its own levels for every label, duplicates removed. Rules
that others imply stay: a modeller may have reasons to say them. Keys that mean nothing here stay where they are.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph.check.edges import said_twice
from iqa_cli.hexgraph.check.places import Places
from iqa_cli.hexgraph.check.rectangles import pair_rules
from iqa_cli.hexgraph.graph import FORMAT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.parts import Exclusion, Label, Subsumption

_SECTIONS = ("format_version", "name", "labels", "levels", "nodes", "exclusions", "subsumptions")
_NODE = ("label", "levels", "names", "aliases")
_EXCLUSION = ("label_a", "a_levels", "label_b", "b_levels")
_SUBSUMPTION = ("label_a", "label_b", "map")

Document = dict[str, object]


def canonical_document(graph: HexGraph, document: Mapping[str, object]) -> Document:
    """The canonical form of a document.

    graph     as read from the document
    document  as parsed, without mistakes; not changed
    """
    given = {key.lower(): value for key, value in document.items()}
    fixed: Document = {"format_version": FORMAT_VERSION}
    if "name" in given:
        fixed["name"] = given["name"]
    fixed.update(_extras(document, _SECTIONS))
    fixed["labels"] = list(graph.label_names)
    if "levels" in given:
        fixed["levels"] = given["levels"]
    fixed["nodes"] = [_ordered(node, _NODE) for node in _objects(given.get("nodes"))]
    duplicates = _duplicates(graph)
    exclusions, subsumptions = _objects(given.get("exclusions")), _objects(given.get("subsumptions"))
    kept: dict[tuple[str, int], Document] = {}
    for i, excl in enumerate(graph.exclusions):
        kept["exclusions", i] = {**_exclusion(excl), **_extras(exclusions[i], _EXCLUSION)}
    for i, sub in enumerate(graph.subsumptions):
        kept["subsumptions", i] = {**_subsumption(sub, graph), **_extras(subsumptions[i], _SUBSUMPTION)}
    for double, first in duplicates.items():
        if _merge_extras(kept[first], kept[double], (*_EXCLUSION, *_SUBSUMPTION)):
            del kept[double]
    fixed["exclusions"] = [rule for (section, _), rule in kept.items() if section == "exclusions"]
    with_map = {sub.label_a for sub in graph.subsumptions if sub.label_a == sub.label_b}
    added = [_own_map(label) for label in graph.labels if label.name not in with_map and len(label.levels) > 2]
    fixed["subsumptions"] = [rule for (section, _), rule in kept.items() if section == "subsumptions"] + added
    return fixed


def canonical_text(document: Document) -> str:
    """A document as a file: an object of a list on a line of its own.

    raises  GraphError  if its notes are nested too deeply to be written
    """
    try:
        return _text(document, ensure_ascii=False)
    except UnicodeEncodeError:  # half a surrogate pair in a note: JSON can say it, UTF-8 cannot
        return _text(document, ensure_ascii=True)
    except RecursionError:
        raise GraphError("the notes of the graph are nested too deeply to be written") from None


def _text(document: Document, *, ensure_ascii: bool) -> str:
    def dumped(value: object) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii)

    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            items = ",\n    ".join(map(dumped, value))
            lines.append(f"  {dumped(key)}: [\n    {items}\n  ]")
        else:
            lines.append(f"  {dumped(key)}: {dumped(value)}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    text.encode("utf-8")
    return text


def _objects(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _extras(values: Mapping[str, object], known: Sequence[str]) -> Document:
    return {key: value for key, value in values.items() if key.lower() not in known}


def _ordered(values: Mapping[str, object], known: Sequence[str]) -> Document:
    lower = {key.lower(): value for key, value in values.items()}
    return {key: lower[key] for key in known if key in lower} | _extras(values, known)


def _exclusion(rule: Exclusion) -> Document:
    return {
        "label_a": rule.label_a,
        "a_levels": sorted(rule.a_levels),
        "label_b": rule.label_b,
        "b_levels": sorted(rule.b_levels),
    }


def _subsumption(rule: Subsumption, graph: HexGraph) -> Document:
    levels = graph.labels[graph.index(rule.label_a)].levels
    pairs: list[tuple[int, int]]
    if rule.label_a == rule.label_b:
        pairs = _own_pairs(levels)
    else:
        lowest = graph.labels[graph.index(rule.label_b)].levels[0]
        strongest = [(x, max((y for low, y in rule.map if low <= x), default=lowest)) for x in levels]
        pairs = [(x, y) for x, y in strongest if y > lowest]
    # A rule that says nothing stays as it is written: there is no shorter way to say nothing.
    return {"label_a": rule.label_a, "label_b": rule.label_b, "map": [list(pair) for pair in pairs or rule.map]}


def _own_map(label: Label) -> Document:
    return {"label_a": label.name, "label_b": label.name, "map": [list(pair) for pair in _own_pairs(label.levels)]}


def _own_pairs(levels: Sequence[int]) -> list[tuple[int, int]]:
    """Every level above the lowest with every higher one: [3, 2], [4, 2], [4, 3]."""
    return [(x, y) for x in levels for y in levels[1:] if y < x]


def _duplicates(graph: HexGraph) -> dict[tuple[str, int], tuple[str, int]]:
    """Rules that say the same as an earlier one, with that one."""
    numbered: dict[object, tuple[str, int]] = {}
    places = Places.of(graph)
    for section, steps in (("exclusions", places.exclusions), ("subsumptions", places.subsumptions)):
        numbered.update({where: (section, i) for i, where in enumerate(steps)})
    found = {
        numbered[problem.steps]: numbered[problem.rules[0]]
        for _, problem in said_twice(pair_rules(graph, places.rules))
        if problem.code == "W201"
    }
    first: dict[str, tuple[str, int]] = {}
    for i, rule in enumerate(graph.subsumptions):
        if rule.label_a == rule.label_b and first.setdefault(rule.label_a, ("subsumptions", i)) != ("subsumptions", i):
            found["subsumptions", i] = first[rule.label_a]
    return found


def _merge_extras(into: Document, rule: Document, known: Iterable[str]) -> bool:
    """Move the keys that mean nothing from one rule to another; False if that would lose one."""
    extras = {key: value for key, value in rule.items() if key not in known}
    clashes = [key for key, value in extras.items() if key in into and into[key] != value]
    if any(not key.lower().startswith("note") for key in clashes):
        return False
    for key in clashes:
        into[key] = [*_listed(into[key]), *_listed(extras[key])]
    into.update({key: value for key, value in extras.items() if key not in into})
    return True


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
