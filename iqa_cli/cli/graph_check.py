"""`iqa graph-check`: graphs in, findings out."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iqa_cli.cli import completion
from iqa_cli.errors import ExitCode, GraphError, UsageError

if TYPE_CHECKING:
    from iqa_cli.hexgraph.check import GraphReport
    from iqa_cli.report.output import OutputFile


def graph_check(
    graphs: Annotated[
        list[str],
        typer.Argument(
            metavar="GRAPH.json...",
            help="Graph files, or names of shipped graphs.",
            autocompletion=completion.graphs,
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail as errors do: exit code 1.")] = False,
    fix: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Write the graph in canonical form: maps closed, duplicates removed, the same legal states.",
        ),
    ] = None,
    draw: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Draw the graph as SVG: exclusions, subsumptions, levels that never occur."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show notes as well, and what follows from the rules unsaid.")
    ] = False,
    max_states: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Clique states from which a graph is refused; by default 1000000."),
    ] = None,
) -> None:
    """Prove label graphs sound: every mistake with its place, what can never occur and why, exact sizes.

    Exit codes: 0 done, 1 a graph has errors (with --strict also warnings), 2 wrong usage, 3 a file is missing or no
    graph at all; the other files are checked all the same.
    """
    from iqa_cli.cli.streams import say

    for option, name in (("--fix", fix), ("--draw", draw)):
        if name is not None and len(graphs) > 1:
            raise UsageError(f"{option} takes one graph, not {len(graphs)}", hint="run it once for each")
    try:
        with _open("--fix", fix, b"{") as fixed, _open("--draw", draw, b"<") as drawing:
            if fixed is not None and drawing is not None and fixed.identity == drawing.identity:
                raise UsageError(f"--fix and --draw both name {fix}", hint="give each its own file")
            reports = _check(graphs, max_states, as_json=json, verbose=verbose)
            if fixed is not None:
                _write_fixed(reports[0], fixed)
            if drawing is not None:
                _write_drawing(reports[0], drawing)
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    strange = [report for report in reports if not report.is_graph]
    for report in strange:
        _say_not_a_graph(report)
    if strange:
        raise typer.Exit(ExitCode.INVALID_INPUT)
    if any(report.errors or (strict and report.warnings) for report in reports):
        raise typer.Exit(ExitCode.FINDINGS)


def _open(option: str, name: str | None, begins: bytes) -> contextlib.AbstractContextManager[OutputFile | None]:
    """The file that an option names; nothing if it is not given.

    begins  first character of what such a file holds: a file that holds something else is not replaced
    raises  UsageError  if it cannot be written or holds something else, or is stdout, where the report goes
    """
    from iqa_cli.report.output import OutputFile, identity_of

    if name is None:
        return contextlib.nullcontext()
    if name in ("", "-"):
        raise UsageError(f"{option} needs the name of a file")
    path = Path(name)
    _refuse_foreign(option, path, begins)
    file = OutputFile(path)
    if file.identity is not None and file.identity == identity_of(sys.stdout):
        file.close()
        raise UsageError(f"{option} {name}: the report is printed there", hint="name another file")
    return file


def _refuse_foreign(option: str, path: Path, begins: bytes) -> None:
    """`--draw *.json` hands the first graph to the option: it would be overwritten without this."""
    head = b""
    if path.is_file():
        with contextlib.suppress(OSError), path.open("rb") as file:  # what cannot be read may be writable
            head = file.read(1000).lstrip()
    if head and not head.startswith(begins):
        raise UsageError(f"{option} {path}: the file holds something else, it would be lost", hint="name another file")


def _check(graphs: list[str], max_states: int | None, *, as_json: bool, verbose: bool) -> list[GraphReport]:
    """Check every graph, and print what was found while it goes on; JSON comes at the end, in one piece."""
    from iqa_cli.hexgraph.check import check_graph
    from iqa_cli.hexgraph.plan import MAX_STATES
    from iqa_cli.paths import find_graph
    from iqa_cli.report.graph.json_file import graph_reports_json
    from iqa_cli.report.graph.table import print_closing_line, print_graph_report
    from iqa_cli.report.output import OutputStream, told_as_output_error

    reports = []
    # After `iqa graph-check *.json | head -1` the reader has what it wants.
    with contextlib.suppress(BrokenPipeError), told_as_output_error("stdout"):
        for name in graphs:
            try:
                path = find_graph(name)
            except GraphError as error:
                report = _missing(name, error)
            else:
                report = check_graph(path, max_states=max_states or MAX_STATES, with_consequences=verbose)
                report = dataclasses.replace(report, file=name)
            reports.append(report)
            if not as_json:
                print_graph_report(report, verbose=verbose, file=sys.stdout)
        if as_json:
            OutputStream(sys.stdout.buffer).write(graph_reports_json(reports))
        else:
            print_closing_line(reports, file=sys.stdout)
    return reports


def _missing(name: str, error: GraphError) -> GraphReport:
    from iqa_cli.hexgraph.check import Finding, GraphReport, GraphSize

    finding = Finding("E101", "", None, None, error.message, hint=error.hint or "")
    return GraphReport(name, (finding,), GraphSize(), is_graph=False)


def _say_not_a_graph(report: GraphReport) -> None:
    from iqa_cli.cli.streams import say
    from iqa_cli.report.text import shown

    first = report.findings[0]
    where = "" if first.line is None else f":{first.line}:{first.column}"
    prefix = "" if first.message.startswith((report.file, "no graph is called")) else f"{report.file}{where}: "
    say(shown(f"error: {prefix}{first.message}"))


def _write_fixed(report: GraphReport, out: OutputFile) -> None:
    from iqa_cli.cli.streams import say
    from iqa_cli.hexgraph.check import canonical_document, canonical_text

    if report.graph is None or report.document is None:
        say(f"{out.name}: not written, the graph has to be readable first")
        return
    out.write(canonical_text(canonical_document(report.graph, report.document)).encode("utf-8"))
    out.commit()
    say(f"wrote {out.name}")


def _write_drawing(report: GraphReport, out: OutputFile) -> None:
    from iqa_cli.cli.streams import say
    from iqa_cli.report.graph.svg import draw_graph

    if report.graph is None:
        say(f"{out.name}: not drawn, the graph has to be readable first")
        return
    out.write(draw_graph(report.graph, report.dead).encode("utf-8"))
    out.commit()
    say(f"wrote {out.name}")
