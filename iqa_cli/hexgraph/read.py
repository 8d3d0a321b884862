"""Graph files: JSON in, `HexGraph` out, every mistake of the file at once.

Reads the keys `Labels, Levels, Nodes, Exclusions, Subsumptions` in any case, and the canonical form that
`HexGraph.to_json` writes. Keys that are not known (`region`, `note`) may stand anywhere.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph.fields import Fields, shown
from iqa_cli.hexgraph.graph import ANY_LANGUAGE, FORMAT_VERSION, HexGraph
from iqa_cli.hexgraph.parts import Exclusion, Label, Subsumption
from iqa_cli.hexgraph.problems import MAX_COUNTED, EnoughError, Problem, Problems, Suggester, quote
from iqa_cli.hexgraph.rules import graph_problems, name_problem
from iqa_cli.hexgraph.strictjson import JsonText, NotJsonError, odd_numbers, read_json
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from iqa_cli.hexgraph.problems import Steps

SECTIONS = ("labels", "levels", "nodes", "exclusions", "subsumptions")
"""Keys of a graph file that carry its meaning."""

_MOST_SHOWN = 50
"""Problems that an error message lists; `iqa graph-check` lists more."""


def read_graph(path: str | Path) -> HexGraph:
    """The graph in a JSON file; its name is the document's `name`, else the file's stem.

    raises  GraphError  if the file cannot be read, is not strict JSON, or is not a well-formed graph; each problem
                        begins with its line and column
    """
    path = Path(path)
    try:
        text = read_json(path)
    except NotJsonError as error:
        where = f":{error.position.line}:{error.position.column}" if error.position else ""
        raise GraphError(f"{path}{where}: {error.message}", hint=error.hint or None) from None
    parts = read_parts(text.value, path.stem, text)
    if parts.problems:
        raise _error(str(path), parts.problems, text)
    return parts.graph()


def parse_graph(document: object, source: str, name: str = "graph") -> HexGraph:
    """The graph in a parsed JSON document.

    document  what `json.loads` gives; not changed
    source    where it came from, for messages
    name      what to call the graph if the document does not say

    raises  GraphError  with every problem and its place: `exclusions[0].label_a: no label "too brigth"`
    """
    parts = read_parts(document, name)
    if parts.problems:
        raise _error(source, parts.problems, None)
    return parts.graph()


def _error(source: str, problems: Problems, text: JsonText | None) -> GraphError:
    lines = []
    for problem in list(problems)[:_MOST_SHOWN]:
        line = str(problem)
        if text is not None:
            at = text.locate(problem.steps, at_key=problem.at_key)
            line = f"{at.line}:{at.column}: {line}"
        lines.append(line)
    if len(problems) > len(lines):
        lines.append(f"... and {len(problems) - len(lines):,} more")
    return GraphError(f"{source}: {counted(len(problems), 'problem')}", problems=lines)


@dataclasses.dataclass(frozen=True)
class GraphParts:
    """What could be read of a graph file, each item with its place."""

    name: str
    """What the graph is called."""
    order: list[tuple[Steps, str]]
    """The list of labels, if the file has one; else empty."""
    level_names: dict[int, dict[str, str]]
    """Names of the levels by language."""
    labels: list[tuple[Steps, Label]]
    """Nodes."""
    unreadable: set[str]
    """Labels whose node is damaged: rules may name them."""
    exclusions: list[tuple[Steps, Exclusion]]
    """Rules."""
    subsumptions: list[tuple[Steps, Subsumption]]
    """Rules."""
    problems: Problems
    """What is wrong with all of it."""

    def graph(self) -> HexGraph:
        """The graph, if there are no problems."""
        by_name = {label.name: label for _, label in self.labels}
        return HexGraph(
            name=self.name,
            labels=tuple(by_name[listed] for _, listed in self.order) or tuple(by_name.values()),
            level_names=self.level_names,
            exclusions=tuple(rule for _, rule in self.exclusions),
            subsumptions=tuple(rule for _, rule in self.subsumptions),
        )


def read_parts(document: object, name: str, text: JsonText | None = None) -> GraphParts:
    """Everything that can be read of a document, and everything that is wrong with it.

    document  a parsed JSON document
    name      what to call the graph if the document does not say
    text      the text it was parsed from, which knows of repeated keys, or None
    """
    problems = Problems(most=MAX_COUNTED)
    nothing = GraphParts(name, [], {}, [], set(), [], [], problems)
    try:
        problems.extend(odd_numbers(document) if text is None else text.oddities())
        fields = Fields.of(document, (), problems)
        if fields is None:
            return nothing
        parts = _Reader(problems).read(fields, name)
        problems.extend(graph_problems(parts.labels, parts.exclusions, parts.subsumptions, unreadable=parts.unreadable))
        problems.extend(_order_problems(parts))
    except EnoughError:
        return nothing
    return parts


class _Reader:
    """Turns a document into parts; what it cannot read it leaves out and writes into `problems`."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def read(self, fields: Fields, name: str) -> GraphParts:
        self._check_keys(fields)
        unreadable: set[str] = set()
        return GraphParts(
            name=self._name(fields, name),
            order=self._order(fields),
            level_names=self._level_names(fields),
            labels=self._labels(fields, unreadable),
            unreadable=unreadable,
            exclusions=self._exclusions(fields),
            subsumptions=self._subsumptions(fields),
            problems=self.problems,
        )

    def _wrong(self, steps: Steps, message: str, hint: str = "") -> None:
        self.problems.add(Problem("E102", steps, message, hint=hint))

    def _check_keys(self, fields: Fields) -> None:
        """A misspelt section would be taken for a note and its rules lost, so near misses are mistakes."""
        missing = Suggester(section for section in SECTIONS if section not in fields)
        for key in fields:
            if key not in SECTIONS and not key.startswith("note"):
                hint = missing.hint(key)
                if hint:
                    steps = fields.steps(key)
                    self.problems.add(Problem("E102", steps, "no such key", hint=hint, at_key=True))
        version = fields.get("format_version", FORMAT_VERSION)
        if type(version) is not int or version != FORMAT_VERSION:
            hint = f"this version of iqa reads format {FORMAT_VERSION}"
            self._wrong(fields.steps("format_version"), f"expected {FORMAT_VERSION}, got {shown(version)}", hint)

    def _name(self, fields: Fields, name: str) -> str:
        return (fields.text("name") or name) if "name" in fields else name

    def _order(self, fields: Fields) -> list[tuple[Steps, str]]:
        listed = []
        for steps, item in fields.items("labels", optional=True):
            if isinstance(item, str):
                listed.append((steps, item))
            else:
                self._wrong(steps, f"expected a text, got {shown(item)}")
        return listed

    def _level_names(self, fields: Fields) -> dict[int, dict[str, str]]:
        names: dict[int, dict[str, str]] = {}
        levels = fields.mapping("levels") if "levels" in fields else {}
        for key, value in levels.items():
            steps = (*fields.steps("levels"), key)
            if not re.fullmatch("0|[1-9][0-9]{0,6}", key):  # "01" would be a second name for "1"
                message = "expected the number of a level as key"
                self.problems.add(Problem("E102", steps, message, hint='write "1": "none"', at_key=True))
            elif isinstance(value, str):
                names[int(key)] = {ANY_LANGUAGE: value}
            else:
                names[int(key)] = self._names(value, steps)
        return names

    def _names(self, value: object, steps: Steps) -> dict[str, str]:
        """{language: name}."""
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value.values()):
            self._wrong(steps, f"expected a text per language, got {shown(value)}", 'write {"en": "..."}')
            return {}
        return {str(language): str(name) for language, name in value.items()}

    def _labels(self, fields: Fields, unreadable: set[str]) -> list[tuple[Steps, Label]]:
        labels = []
        for steps, item in fields.items("nodes", optional=True):
            node = Fields.of(item, steps, self.problems)
            if node is None:
                continue
            name, levels = node.text("label"), node.integers("levels")
            names = self._names(node.get("names"), node.steps("names")) if "names" in node else {}
            aliases = node.texts("aliases") if "aliases" in node else ()
            if name is not None and levels is not None:
                labels.append((steps, Label(name, levels, names, aliases)))
            elif name is not None:
                unreadable.add(name)
        return labels

    def _exclusions(self, fields: Fields) -> list[tuple[Steps, Exclusion]]:
        rules = []
        for steps, item in fields.items("exclusions", optional=True):
            rule = Fields.of(item, steps, self.problems)
            if rule is None:
                continue
            a, b = rule.text("label_a"), rule.text("label_b")
            a_levels, b_levels = rule.integers("a_levels"), rule.integers("b_levels")
            if a is not None and b is not None and a_levels is not None and b_levels is not None:
                rules.append((steps, Exclusion(a, a_levels, b, b_levels)))
        return rules

    def _subsumptions(self, fields: Fields) -> list[tuple[Steps, Subsumption]]:
        rules = []
        for steps, item in fields.items("subsumptions", optional=True):
            rule = Fields.of(item, steps, self.problems)
            if rule is None:
                continue
            a, b, pairs = rule.text("label_a"), rule.text("label_b"), rule.pairs("map")
            if a is not None and b is not None and pairs is not None:
                rules.append((steps, Subsumption(a, b, pairs)))
        return rules


def _order_problems(parts: GraphParts) -> Problems:
    """The list of labels and the nodes must name the same labels."""
    problems = Problems()
    if not parts.order:
        return problems
    nodes = {label.name: steps for steps, label in parts.labels}
    known = Suggester(nodes)
    listed: dict[str, Problem] = {}
    for steps, name in parts.order:
        problem = Problem("E105", steps, f"label {quote(name)} has no node", (name,), known.hint(name))
        if name in listed:
            message = f"label {quote(name)} is already {listed[name].place}"
            problems.add(Problem("E103", steps, message, (name,), "remove one of the two"))
        elif name not in nodes and name not in parts.unreadable:
            unfit = name_problem(name)
            problems.add(problem if unfit is None else Problem("E102", steps, unfit, (name,)))
        listed.setdefault(name, problem)
    known = Suggester(listed)
    for name, steps in nodes.items():
        if name not in listed:
            message = f"label {quote(name)} is not in the list of labels"
            problems.add(Problem("E105", steps, message, (name,), known.hint(name) or "add it there"))
    return problems
