"""Where the labels and rules of a graph stand in its document."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.parts import Exclusion, Subsumption
    from iqa_cli.hexgraph.problems import Steps


@dataclasses.dataclass(frozen=True)
class Places:
    """Steps from the root of the document to everything that a finding can be about."""

    nodes: Mapping[str, Steps]
    """The node of every label."""
    exclusions: Sequence[Steps]
    """Every exclusion of the graph, in order."""
    subsumptions: Sequence[Steps]
    """Every subsumption of the graph, in order."""

    @classmethod
    def of(cls, graph: HexGraph) -> Places:
        """Places in the canonical document, `HexGraph.to_json`."""
        return cls(
            nodes={label.name: ("nodes", i) for i, label in enumerate(graph.labels)},
            exclusions=[("exclusions", i) for i in range(len(graph.exclusions))],
            subsumptions=[("subsumptions", i) for i in range(len(graph.subsumptions))],
        )

    @property
    def rules(self) -> list[Steps]:
        """Exclusions, then subsumptions."""
        return [*self.exclusions, *self.subsumptions]


def labels_of(rules: Sequence[Exclusion | Subsumption]) -> tuple[str, ...]:
    """The labels that rules are about, each once, in the order of the rules."""
    return tuple(dict.fromkeys(name for rule in rules for name in (rule.label_a, rule.label_b)))
