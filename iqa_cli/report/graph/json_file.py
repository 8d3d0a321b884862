"""Checked graphs as JSON: one document for all files, for programs.

    format_version   1
    files            per file, in the order of the command line:
        file             as it was named
        is_graph         false if it could not be read, is not JSON, or is something else
        findings         {"code", "severity", "pointer", "line", "column", "labels", "message", "hint", "witness"};
                         pointer is a JSON pointer (RFC 6901); line and column count from 1, null if there is no text;
                         hint and witness are null where there is none
        omitted          by code, findings that were counted and not listed: of each kind a thousand are; a file is read
                         until half a million mistakes are found
        legal_states     all digits as a text; null if the graph was refused or is broken, "0" if it contradicts itself
        labels, rules, components, treewidth, heuristic, depth, total_states, max_clique_states, max_clique_labels,
        bytes_at_batch_256    sizes; null where they are not known
        dead_levels      {"label", "level"} of every level that can never occur

New keys may join without a new `format_version`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from iqa_cli.hexgraph.check.size import all_digits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iqa_cli.hexgraph.check import Finding, GraphReport

FORMAT_VERSION = 1


def graph_reports_json(reports: Iterable[GraphReport]) -> bytes:
    """The document in UTF-8, with a line feed at its end."""
    document = {"format_version": FORMAT_VERSION, "files": [_file(report) for report in reports]}
    try:
        return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode("utf-8")
    except UnicodeEncodeError:  # half a surrogate pair in a name: JSON can say it, UTF-8 cannot
        return (json.dumps(document, indent=2) + "\n").encode("ascii")


def _file(report: GraphReport) -> dict[str, Any]:
    size = report.size
    return {
        "file": report.file,
        "is_graph": report.is_graph,
        "findings": [_finding(finding) for finding in report.findings],
        "omitted": dict(report.omitted),
        "legal_states": None if size.legal_states is None else all_digits(size.legal_states),
        "labels": size.labels,
        "rules": size.rules,
        "components": size.components,
        "treewidth": size.treewidth,
        "heuristic": size.heuristic,
        "depth": size.depth,
        "total_states": size.total_states,
        "max_clique_states": size.max_clique_states,
        "max_clique_labels": list(size.max_clique_labels),
        "bytes_at_batch_256": size.bytes_at_batch_256,
        "dead_levels": [{"label": label, "level": level} for label, level in sorted(report.dead)],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity.value,
        "pointer": finding.pointer,
        "line": finding.line,
        "column": finding.column,
        "labels": list(finding.labels),
        "message": finding.message,
        "hint": finding.hint or None,
        "witness": finding.witness or None,
    }
