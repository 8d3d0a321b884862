"""Graph files: JSON in, `HexGraph` out, every mistake of the file at once.

Reads the keys `Labels, Levels, Nodes, Exclusions, Subsumptions` in any case, and the canonical form that
`HexGraph.to_json` writes. Keys that are not known (`region`, `note`) may stand anywhere.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph.graph import ANY_LANGUAGE, FORMAT_VERSION, Exclusion, HexGraph, Label, Subsumption
from iqa_cli.hexgraph.rules import graph_problems, name_problem, printable, quote, suggestion
from iqa_cli.hexgraph.strictjson import Fields, load_json, oddities, shown

_SECTIONS = ("labels", "levels", "nodes", "exclusions", "subsumptions")


def read_graph(path: str | Path) -> HexGraph:
    """The graph in a JSON file; its name is the document's `name`, else the file's stem.

    raises  GraphError  if the file cannot be read, is not strict JSON, or is not a well-formed graph
    """
    path = Path(path)
    return parse_graph(load_json(path), str(path), name=path.stem)


def parse_graph(document: object, source: str, name: str = "graph") -> HexGraph:
    """The graph in a parsed JSON document.

    document  what `json.loads` gives; not changed
    source    where it came from, for messages
    name      what to call the graph if the document does not say

    raises  GraphError  with every problem and its place: `exclusions[0].label_a: no label "too brigth"`
    """
    problems = oddities(document)
    fields = Fields.of(document, "", problems)
    if fields is None:
        raise _error(source, problems)
    reader = _Reader(problems)
    parts = reader.read(fields, name)
    problems += graph_problems(parts.labels, parts.exclusions, parts.subsumptions, unreadable=parts.unreadable)
    problems += _order_problems(parts)
    if problems:
        raise _error(source, problems)
    by_name = {label.name: label for _, label in parts.labels}
    return HexGraph(
        name=parts.name,
        labels=tuple(by_name[listed] for _, listed in parts.order) or tuple(by_name.values()),
        level_names=parts.level_names,
        exclusions=tuple(rule for _, rule in parts.exclusions),
        subsumptions=tuple(rule for _, rule in parts.subsumptions),
    )


def _error(source: str, problems: list[str]) -> GraphError:
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return GraphError(f"{source}: {count}", problems=problems)


@dataclasses.dataclass(frozen=True)
class _Parts:
    """What could be read, each item with its place."""

    name: str
    order: list[tuple[str, str]]
    """The list of labels, if the file has one; else empty."""
    level_names: dict[int, dict[str, str]]
    labels: list[tuple[str, Label]]
    unreadable: set[str]
    """Labels whose node is damaged: rules may name them."""
    exclusions: list[tuple[str, Exclusion]]
    subsumptions: list[tuple[str, Subsumption]]


class _Reader:
    """Turns a document into parts; what it cannot read it leaves out and writes into `problems`."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems

    def read(self, fields: Fields, name: str) -> _Parts:
        self._check_keys(fields)
        unreadable: set[str] = set()
        return _Parts(
            name=self._name(fields, name),
            order=self._order(fields),
            level_names=self._level_names(fields),
            labels=self._labels(fields, unreadable),
            unreadable=unreadable,
            exclusions=self._exclusions(fields),
            subsumptions=self._subsumptions(fields),
        )

    def _check_keys(self, fields: Fields) -> None:
        """A misspelt section would be taken for a note and its rules lost, so near misses are mistakes."""
        missing = [section for section in _SECTIONS if section not in fields]
        for key in fields:
            if key not in _SECTIONS and not key.startswith("note"):
                near = suggestion(key, missing)
                if near:
                    self.problems.append(f"{printable(key)}: no such key{near}")
        version = fields.get("format_version", FORMAT_VERSION)
        if type(version) is not int or version != FORMAT_VERSION:
            self.problems.append(f"format_version: expected {FORMAT_VERSION}, got {shown(version)}")

    def _name(self, fields: Fields, name: str) -> str:
        return (fields.text("name") or name) if "name" in fields else name

    def _order(self, fields: Fields) -> list[tuple[str, str]]:
        if "labels" not in fields:
            return []
        items = fields.items("labels")
        for place, item in items:
            if not isinstance(item, str):
                self.problems.append(f"{place}: expected a text, got {shown(item)}")
        return [(place, item) for place, item in items if isinstance(item, str)]

    def _level_names(self, fields: Fields) -> dict[int, dict[str, str]]:
        names: dict[int, dict[str, str]] = {}
        levels = fields.mapping("levels") if "levels" in fields else {}
        for key, value in levels.items():
            place = f"levels.{printable(key)}"
            if not (key.isascii() and key.isdigit() and len(key) < 8):
                self.problems.append(f"{place}: expected the number of a level as key")
            elif isinstance(value, str):
                names[int(key)] = {ANY_LANGUAGE: value}
            else:
                names[int(key)] = self._names(value, place)
        return names

    def _names(self, value: object, place: str) -> dict[str, str]:
        """{language: name}."""
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
            self.problems.append(f"{place}: expected a text per language, got {shown(value)}")
            return {}
        return {str(language): str(name) for language, name in value.items()}

    def _labels(self, fields: Fields, unreadable: set[str]) -> list[tuple[str, Label]]:
        labels = []
        for place, item in fields.items("nodes", optional=True):
            node = Fields.of(item, place, self.problems)
            if node is None:
                continue
            name, levels = node.text("label"), node.integers("levels")
            names = self._names(node.get("names"), f"{place}.names") if "names" in node else {}
            if name is not None and levels is not None:
                labels.append((place, Label(name, levels, names)))
            elif name is not None:
                unreadable.add(name)
        return labels

    def _exclusions(self, fields: Fields) -> list[tuple[str, Exclusion]]:
        rules = []
        for place, item in fields.items("exclusions", optional=True):
            rule = Fields.of(item, place, self.problems)
            if rule is None:
                continue
            a, b = rule.text("label_a"), rule.text("label_b")
            a_levels, b_levels = rule.integers("a_levels"), rule.integers("b_levels")
            if a is not None and b is not None and a_levels is not None and b_levels is not None:
                rules.append((place, Exclusion(a, a_levels, b, b_levels)))
        return rules

    def _subsumptions(self, fields: Fields) -> list[tuple[str, Subsumption]]:
        rules = []
        for place, item in fields.items("subsumptions", optional=True):
            rule = Fields.of(item, place, self.problems)
            if rule is None:
                continue
            a, b, pairs = rule.text("label_a"), rule.text("label_b"), rule.pairs("map")
            if a is not None and b is not None and pairs is not None:
                rules.append((place, Subsumption(a, b, pairs)))
        return rules


def _order_problems(parts: _Parts) -> list[str]:
    """The list of labels and the nodes must name the same labels."""
    if not parts.order:
        return []
    problems = []
    nodes = {label.name: place for place, label in parts.labels}
    listed: dict[str, str] = {}
    for place, name in parts.order:
        if name in listed:
            problems.append(f"{place}: label {quote(name)} is already {listed[name]}")
        elif name not in nodes and name not in parts.unreadable:
            problems.append(name_problem(name) or f"{place}: label {quote(name)} has no node{suggestion(name, nodes)}")
        listed.setdefault(name, place)
    problems += [
        f"{place}: label {quote(name)} is not in the list of labels{suggestion(name, listed)}"
        for name, place in nodes.items()
        if name not in listed
    ]
    return problems
