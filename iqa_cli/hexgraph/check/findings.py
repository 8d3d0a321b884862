"""What a check of a graph finds: records only. The table, the JSON and the exit code are three readers of them."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.check.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.hexgraph.graph import HexGraph


class Severity(enum.StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @classmethod
    def of(cls, code: str) -> Severity:
        """The severity that the letter of a code stands for."""
        return {"E": cls.ERROR, "W": cls.WARNING, "I": cls.INFO}[code[0]]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a modeller should know about a graph."""

    code: str
    """Its kind, a key of `CODES`."""
    pointer: str
    """Where it is in the file, as a JSON pointer (RFC 6901); "" is the document."""
    line: int | None
    """Line in the file, from 1; None if the file could not be read, or the graph came from no file."""
    column: int | None
    """Column in characters, from 1; None as for the line."""
    message: str
    """What is wrong, in a sentence."""
    labels: tuple[str, ...] = ()
    """The labels it is about."""
    levels: tuple[int, ...] = ()
    """The levels of the first label that it is about, if it is about some."""
    hint: str = ""
    """How to mend it; "" where there is nothing to mend."""
    witness: str = ""
    """The shortest chain of implications that proves it; "" where the place proves it."""
    rules: tuple[str, ...] = ()
    """JSON pointers of the rules that the proof rests on."""

    def __post_init__(self) -> None:
        """Refuse an unknown code."""
        if self.code not in CODES:
            raise ValueError(f"expected a code of CODES, got {self.code!r}")

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return Severity.of(self.code)


@dataclasses.dataclass(frozen=True, slots=True)
class GraphSize:
    """How large a graph is, as far as that was found out."""

    labels: int = 0
    """Labels."""
    rules: int = 0
    """Exclusions, and subsumptions between two labels."""
    components: int | None = None
    """Parts that no rule connects."""
    treewidth: int | None = None
    """Labels of the widest clique less one; None if the graph was refused or contradicts itself."""
    heuristic: str | None = None
    """The rule for the elimination order that gave it."""
    depth: int | None = None
    """Steps of a pass."""
    total_states: int | None = None
    """Legal states of all cliques."""
    max_clique_states: int | None = None
    """Legal states of the largest clique."""
    max_clique_labels: tuple[str, ...] = ()
    """Labels of the widest clique."""
    legal_states: int | None = dataclasses.field(default=None, repr=False)  # Python shows no number of 4300 digits
    """Assignments of all labels that break no rule; None if the graph was refused, 0 if it contradicts itself."""
    bytes_at_batch_256: int | None = None
    """Memory of inference on 256 photos in float64."""


@dataclasses.dataclass(frozen=True, slots=True)
class GraphReport:
    """Everything that is known of one graph."""

    file: str
    """The file, as it was named."""
    findings: tuple[Finding, ...]
    """Errors first, then warnings, then infos; within these by code and place."""
    size: GraphSize
    """How large it is."""
    graph: HexGraph | None = None
    """The graph, if the file is well formed."""
    is_graph: bool = True
    """Whether the file is a graph at all, right or wrong."""
    dead: frozenset[tuple[str, int]] = frozenset()
    """(label, level) that no legal assignment contains, as far as it was decided."""
    document: Mapping[str, object] | None = dataclasses.field(default=None, hash=False, repr=False)
    """The file as parsed, if it is well formed; `canonical_document` writes it anew."""
    omitted: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    """By code, how many findings were counted and not kept."""

    def count(self, severity: Severity) -> int:
        """How many findings of a severity there are, kept or not."""
        kept = sum(finding.severity is severity for finding in self.findings)
        return kept + sum(n for code, n in self.omitted.items() if Severity.of(code) is severity)

    @property
    def errors(self) -> int:
        """How many errors there are."""
        return self.count(Severity.ERROR)

    @property
    def warnings(self) -> int:
        """How many warnings there are."""
        return self.count(Severity.WARNING)
