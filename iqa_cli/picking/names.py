"""What people call labels and levels. A report has the graph's spellings only; the shipped graphs have the names."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.paths import find_graph, graph_names
from iqa_cli.records import Severity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iqa_cli.hexgraph import HexGraph

_LANGUAGES = ("en", "zh")


@dataclasses.dataclass(frozen=True, slots=True)
class Names:
    """Names for people."""

    labels: Mapping[str, str]
    """The English name of every label of a report; its spelling with spaces where no shipped graph has it."""
    spoken: Mapping[str, str]
    """Label by its names in all languages."""
    levels: Mapping[int, str]
    """The English name of levels."""

    def level(self, level: int) -> str:
        """The name of a level; a number where it has none."""
        return self.levels.get(level, f"level {level}")


def names_of(labels: Sequence[str]) -> Names:
    """Names by the shipped graph that has just these labels, and otherwise by any that has one of them."""
    from iqa_cli.hexgraph import read_graph  # needs numpy, which a pick by the report's own spellings does without

    graphs = [read_graph(find_graph(name)) for name in graph_names()]
    graphs.sort(key=lambda graph: graph.label_names != tuple(labels))
    english = {label: label.replace("_", " ") for label in labels}
    spoken: dict[str, str] = {}
    for graph in reversed(graphs):
        for label in graph.labels:
            if label.name in english:
                english[label.name] = label.display("en")
                spoken.update({label.display(language): label.name for language in _LANGUAGES})
    return Names(english, spoken, _levels(graphs[0], labels) if graphs else _levels(None, labels))


def _levels(graph: HexGraph | None, labels: Sequence[str]) -> dict[int, str]:
    """The names of levels: the graph's, if it is that of the labels."""
    if graph is None or graph.label_names != tuple(labels):
        return {level.value: level.name.lower() for level in Severity}
    return {level: graph.level_name(level, "en") for label in graph.labels for level in label.levels}
