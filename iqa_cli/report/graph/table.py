"""Checked graphs on a screen, or as text in a pipe: per file its size in a line, then what was found, worst first.

Of many findings of one kind the first few are shown, and where the others are. Infos are only counted unless asked for:
most of them are no reason to change anything.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from iqa_cli.hexgraph.check.codes import CODES
from iqa_cli.hexgraph.check.findings import Severity
from iqa_cli.hexgraph.check.size import short_count
from iqa_cli.report.screen import line, screen
from iqa_cli.report.text import shown, utf8
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rich.console import Console

    from iqa_cli.hexgraph.check import Finding, GraphReport, GraphSize

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "dim"}
_FEW = 3
"""Findings of one kind that are shown in full."""
_MANY = 50
"""The same if everything was asked for."""
_MOST_PLACES = 8
"""Places of further findings of a kind that are named."""
_SIZES = ("I401", "I402", "I405")
"""Findings that the line of sizes says already."""


def print_graph_report(report: GraphReport, *, verbose: bool, file: TextIO) -> None:
    """Print what was found in one file.

    verbose  infos too, and more of every kind
    file     a terminal gets colours and its own width; anything else gets plain text of any width
    raises   BrokenPipeError  if nobody reads it any more
    """
    with screen(file) as console:
        _print_head(console, report)
        if report.is_graph and report.size.components is not None:
            line(console, _sizes(report.size), style="dim", indent=2)
        told = [f for f in report.findings if f.code not in _SIZES and (verbose or f.severity is not Severity.INFO)]
        kinds = [list(group) for _, group in itertools.groupby(told, key=lambda finding: finding.code)]
        most = _MANY if verbose else _FEW
        width = max((len(_place(finding)) for kind in kinds for finding in kind[:most]), default=0)
        for kind in kinds:
            _print_kind(console, kind, report.omitted.get(kind[0].code, 0), most, width)
        hidden = report.count(Severity.INFO) - sum(f.code in _SIZES for f in report.findings)
        if hidden and not verbose:
            line(console, f"{counted(hidden, 'note')} more: --verbose shows them", style="dim", indent=2)
        console.print()


def print_closing_line(reports: Sequence[GraphReport], *, file: TextIO) -> None:
    """Print all files in one line: "3 graphs: 2 sound, 1 with errors (2 errors, 1 warning)"."""
    sound = sum(report.is_graph and not report.errors for report in reports)
    strange = sum(not report.is_graph for report in reports)
    wrong = len(reports) - sound - strange
    parts = [f"{n} {what}" for n, what in ((sound, "sound"), (wrong, "with errors"), (strange, "not a graph")) if n]
    errors, warnings = sum(report.errors for report in reports), sum(report.warnings for report in reports)
    counts = [counted(n, noun) for n, noun in ((errors, "error"), (warnings, "warning")) if n]
    if len(reports) == 1:
        parts = ["sound" if sound else "not a graph" if strange else "not sound"]
    text = f"{counted(len(reports), 'graph')}: {', '.join(parts)}"
    with screen(file) as console:
        line(console, f"{text} ({', '.join(counts)})" if counts else text, style="bold")


def _print_head(console: Console, report: GraphReport) -> None:
    """The file's name, never broken up, and how it fared."""
    if not report.is_graph:
        has_text = any(finding.line is not None for finding in report.findings)
        verdict, style = "not a graph" if has_text else "cannot be read", "bold red"
    else:
        counts = [counted(n, noun) for n, noun in ((report.errors, "error"), (report.warnings, "warning")) if n]
        verdict = ", ".join(counts) or "sound"
        style = "bold red" if report.errors else "yellow" if report.warnings else "green"
    head = Text.assemble((shown(utf8(report.file)), "bold"), ": ", (verdict, style))
    console.print(head, soft_wrap=True)


def _sizes(size: GraphSize) -> str:
    counts = (counted(size.labels, "label"), counted(size.rules, "rule"), counted(size.components or 0, "component"))
    parts = [", ".join(counts)]
    if size.legal_states is not None:
        parts.append(f"{short_count(size.legal_states)} legal {'state' if size.legal_states == 1 else 'states'}")
    if size.treewidth is not None and size.max_clique_states is not None and size.bytes_at_batch_256 is not None:
        parts.append(f"treewidth {size.treewidth}, largest clique {counted(size.max_clique_states, 'state')}")
        parts.append(f"{_megabytes(size.bytes_at_batch_256)} for 256 photos")
    return "; ".join(parts)


def _megabytes(n_bytes: int) -> str:
    megabytes = n_bytes / 1e6
    return f"{megabytes:.1f} MB" if megabytes < 10 else f"{megabytes:,.0f} MB"


def _print_kind(console: Console, findings: list[Finding], omitted: int, most: int, width: int) -> None:
    """Findings of one code: some in full, of the rest the places.

    width  columns of a place
    """
    style = _STYLES[findings[0].severity]
    for finding in findings[:most]:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(no_wrap=True, width=width)
        grid.add_column(overflow="fold")
        grid.add_row(Text(finding.code, style=style), Text(_place(finding), style="dim"), _told(finding))
        console.print(Padding(grid, (0, 0, 0, 2)))
    rest = findings[most:]
    if rest or omitted:
        places = [_place(finding) for finding in rest[:_MOST_PLACES] if finding.line is not None]
        where = f" at {', '.join(places)}{', ...' if len(rest) + omitted > len(places) else ''}" if places else ""
        text = f"and {len(rest) + omitted:,} more{where} ({CODES[findings[0].code]}; --json lists them)"
        line(console, text, style="dim", indent=8)


def _place(finding: Finding) -> str:
    return "" if finding.line is None else f"{finding.line}:{finding.column}"


def _told(finding: Finding) -> Text:
    lines = [Text(shown(utf8(finding.message)))]
    for word, text in (("why", finding.witness), ("fix", finding.hint)):
        if text:
            lines.append(Text(f"{word}: {shown(utf8(text))}", style="dim"))
    return Text("\n").join(lines)
