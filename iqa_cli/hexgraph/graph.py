"""The label graph: labels with ordered levels, and the rules that say which levels go together.

How the rules are read, once and for all:

exclusion     a in A and b in B never together; A and B are exact sets of levels, as written.
subsumption   [[x, y], ...] between a and b: a at x or more implies b at y or more. A rule of a label about
              itself is a tautology here, because a label has one level: "severe" includes "ordinary".
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph.problems import Problems
from iqa_cli.hexgraph.rules import graph_problems
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from iqa_cli.hexgraph.parts import Exclusion, Label, Subsumption

BoolTable = NDArray[np.bool_]

FORMAT_VERSION = 1
"""Version of the canonical document that `HexGraph.to_json` writes."""

ANY_LANGUAGE = "und"
"""Key of a name whose language the file does not say (BCP 47's "undetermined")."""


@dataclasses.dataclass(frozen=True)
class HexGraph:
    """Labels and their rules. One that exists is well formed; its rules may still contradict each other.

    raises  GraphError  with every problem found, such as rules that name an unknown label or level
    """

    name: str
    """What the graph is called, usually its file's stem."""
    labels: tuple[Label, ...]
    """In the order of every array and report."""
    level_names: Mapping[int, Mapping[str, str]] = dataclasses.field(default_factory=dict, hash=False)
    """Name of each level for people, by language code."""
    exclusions: tuple[Exclusion, ...] = ()
    """As written."""
    subsumptions: tuple[Subsumption, ...] = ()
    """As written."""

    def __post_init__(self) -> None:
        """Refuse a graph whose rules do not fit its labels."""
        problems = Problems(
            graph_problems(
                [(("labels", i), label) for i, label in enumerate(self.labels)],
                [(("exclusions", i), rule) for i, rule in enumerate(self.exclusions)],
                [(("subsumptions", i), rule) for i, rule in enumerate(self.subsumptions)],
            )
        )
        if problems:
            raise GraphError(
                f"graph {self.name!r}: {counted(len(problems), 'problem')}", problems=list(map(str, problems))
            )

    @functools.cached_property
    def _positions(self) -> dict[str, int]:
        return {label.name: i for i, label in enumerate(self.labels)}

    @property
    def label_names(self) -> tuple[str, ...]:
        """Spelling of every label, in order."""
        return tuple(label.name for label in self.labels)

    def index(self, label: str) -> int:
        """Position of a label. Raises GraphError if there is none of that name."""
        try:
            return self._positions[label]
        except KeyError:
            known = ", ".join(self.label_names)
            raise GraphError(f"graph {self.name!r} has no label {label!r}", hint=f"its labels: {known}") from None

    @property
    def n_levels(self) -> tuple[int, ...]:
        """K of every label."""
        return tuple(len(label.levels) for label in self.labels)

    @property
    def n_nodes(self) -> int:
        """N, the thresholds of all labels: sum of K - 1."""
        return self.n_cells - len(self.labels)

    @property
    def n_cells(self) -> int:
        """C, the levels of all labels: sum of K."""
        return sum(self.n_levels)

    def level_name(self, level: int, lang: str) -> str:
        """Name of a level in a language; else the one given for any language; else the number itself."""
        names = self.level_names.get(level, {})
        return names.get(lang, names.get(ANY_LANGUAGE, str(level)))

    @functools.cached_property
    def tables(self) -> Mapping[tuple[int, int], BoolTable]:
        """All rules merged: (Ki, Kj) bool for i < j, True where legal; pairs without a rule left out."""
        tables: dict[tuple[int, int], BoolTable] = {}
        position = [{level: k for k, level in enumerate(label.levels)} for label in self.labels]

        def forbid(a: int, rows: BoolTable, b: int, columns: BoolTable) -> None:
            if a > b:
                a, b, rows, columns = b, a, columns, rows
            table = tables.get((a, b))
            if table is None:
                table = tables[a, b] = np.ones((len(rows), len(columns)), dtype=np.bool_)
            table &= ~(rows[:, None] & columns)

        def among(label: int, levels: Iterable[int]) -> BoolTable:
            found = np.zeros(len(position[label]), dtype=np.bool_)
            found[[position[label][level] for level in levels]] = True  # np.isin would take ten times as long
            return found

        def from_on(label: int, level: int) -> BoolTable:
            return np.arange(len(position[label])) >= position[label][level]

        for excl in self.exclusions:
            a, b = self.index(excl.label_a), self.index(excl.label_b)
            forbid(a, among(a, excl.a_levels), b, among(b, excl.b_levels))
        for sub in self.subsumptions:
            a, b = self.index(sub.label_a), self.index(sub.label_b)
            if a != b:
                for x, y in sub.map:
                    forbid(a, from_on(a, x), b, ~from_on(b, y))
        for table in tables.values():
            table.flags.writeable = False
        return {pair: tables[pair] for pair in sorted(tables) if not tables[pair].all()}

    def is_legal(self, levels: Sequence[int]) -> bool:
        """Whether one level per label, in label order, breaks no rule; GraphError for an unknown level."""
        if len(levels) != len(self.labels):
            raise GraphError(f"expected {len(self.labels)} levels, one per label, got {len(levels)}")
        positions = []
        for label, level in zip(self.labels, levels, strict=True):
            if level not in label.levels:
                raise GraphError(f"label {label.name!r} has no level {level}", hint=f"it has {label.levels}")
            positions.append(label.levels.index(level))
        return all(bool(table[positions[i], positions[j]]) for (i, j), table in self.tables.items())

    def to_json(self) -> dict[str, object]:
        """The canonical document: lower-case keys, lists in graph order; `parse_graph` reads it back."""
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "labels": list(self.label_names),
            "levels": {str(level): dict(names) for level, names in sorted(self.level_names.items())},
            "nodes": [
                _node(label) | ({"aliases": list(label.aliases)} if label.aliases else {}) for label in self.labels
            ],
            "exclusions": [
                {
                    "label_a": rule.label_a,
                    "a_levels": list(rule.a_levels),
                    "label_b": rule.label_b,
                    "b_levels": list(rule.b_levels),
                }
                for rule in self.exclusions
            ],
            "subsumptions": [
                {"label_a": rule.label_a, "label_b": rule.label_b, "map": [list(pair) for pair in rule.map]}
                for rule in self.subsumptions
            ],
        }

    @functools.cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical document, hexadecimal: the same graph on every machine.

        Aliases do not count: they are for reading tables, and one more does not make a trained model another's.
        """
        nodes = [_node(label) for label in self.labels]
        text = json.dumps({**self.to_json(), "nodes": nodes}, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def _node(label: Label) -> dict[str, object]:
    """A label in the canonical document, without what only readers of tables want."""
    return {"label": label.name, "levels": list(label.levels), "names": dict(label.names)}
