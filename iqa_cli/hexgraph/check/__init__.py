"""Proving a graph sound before anybody trains on it: `check_graph` gives a `GraphReport`.

`codes` has the kinds of findings. `edges` looks at rules one by one and side by side, `direct` at two that clash;
`implications` and `exact` answer what all rules mean together, gathered in `logic`, for `contradictions` (what can
never hold) and `redundancy` (what is said twice); `size` compiles the graph; `fix` writes it in canonical form. The
finished report is rendered in `iqa_cli.report`.
"""

from iqa_cli.hexgraph.check.check import check_graph
from iqa_cli.hexgraph.check.codes import CODES
from iqa_cli.hexgraph.check.findings import Finding, GraphReport, GraphSize, Severity
from iqa_cli.hexgraph.check.fix import canonical_document, canonical_text

__all__ = [
    "CODES",
    "Finding",
    "GraphReport",
    "GraphSize",
    "Severity",
    "canonical_document",
    "canonical_text",
    "check_graph",
]
