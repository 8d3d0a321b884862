"""The audit on a screen, or as text in a pipe: which problem how often, the worst photos, what was not read.

Written for 80 columns and up; a narrow terminal gets counts without shares, and the evidence on lines of its
own. File names stand on lines of their own and are never cut, so that they can be copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from iqa_cli.findings import in_percent
from iqa_cli.report.audit.group_words import group_table
from iqa_cli.report.audit.left_out import left_out_line
from iqa_cli.report.audit.words import WORDS, closing_line
from iqa_cli.report.screen import NARROW, line, rule_for, screen
from iqa_cli.report.text import shown, utf8

if TYPE_CHECKING:
    from typing import TextIO

    from rich import box
    from rich.console import Console

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.photos.left_out import LeftOut
    from iqa_cli.records import Finding, Language, PhotoReport
    from iqa_cli.report.audit.tally import ReasonGroups, Tally

_LABEL_WIDTH = 10  # columns a label keeps there, wrapped between its words
_WITH_INTERVALS = 150
"""Columns from which shares of groups have their intervals beside them."""
_STYLES = {2: "yellow", 3: "red", 4: "bold red"}


def print_table(
    tally: Tally,
    graph: HexGraph,
    *,
    elapsed_s: float | None,
    lang: Language,
    file: TextIO,
    remembered: int = 0,
    left_out: LeftOut | None = None,
) -> None:
    """Print the whole report.

    tally       of a finished run
    graph       names labels and levels
    elapsed_s   for the closing line; None leaves the time out
    remembered  how many photos were known from an earlier run, likewise
    left_out    what the search for photos passed over, for the line below that
    file        a terminal gets colours and its own width; anything else gets plain text of any width
    raises      BrokenPipeError  if nobody reads it any more
    """
    with screen(file) as console:
        if tally.judged:
            _print_summary(console, tally, graph, lang, rule_for(file))
        if tally.judged:
            for counted in tally.groups:
                _print_by(console, group_table(counted, graph, lang), rule_for(file))
        if tally.worst:
            _print_worst(console, tally, graph, lang)
        words = WORDS[lang]
        for groups, heading in (
            (tally.doubted, words.doubted),
            (tally.uncertain, words.uncertain),
            (tally.damaged, words.damaged),
            (tally.unreadable, words.unreadable),
        ):
            if groups.total:
                _print_groups(console, groups, heading, lang)
        line(console, closing_line(tally, graph, elapsed_s, lang, remembered), style="bold")
        if left_out:
            line(console, left_out_line(left_out, lang))


def _name(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """A file name: the terminal may break it, but nothing is put in between, so it can be copied whole."""
    console.print(Text(" " * indent + shown(utf8(text)), style=style), soft_wrap=True)


def _print_summary(console: Console, tally: Tally, graph: HexGraph, lang: Language, rule: box.Box) -> None:
    words = WORDS[lang]
    lowest, *problems = sorted({level for label in graph.labels for level in label.levels})
    columns = [*problems, lowest]
    is_narrow = console.width < NARROW
    table = Table(box=rule, pad_edge=False, padding=(0, 0 if is_narrow else 1), show_edge=False)
    table.add_column(words.label, min_width=_LABEL_WIDTH, overflow="fold")
    for level in columns:
        table.add_column(graph.level_name(level, lang), justify="right", no_wrap=True)
    digits = len(str(tally.judged))
    for label in graph.labels:
        cells = [
            _count(
                tally.levels[label.name, level],
                None if is_narrow else tally.judged,
                digits,
                _STYLES.get(level, "") if level > lowest else "",
            )
            if level in label.levels
            else Text("")
            for level in columns
        ]
        table.add_row(Text(shown(label.display(lang))), *cells)
    line(console, words.summary.format(judged=tally.judged, photos=tally.photos), style="bold")
    console.print(Padding(table, (1, 0, 1, 0 if is_narrow else 1)))


def _print_by(console: Console, table: dict[str, Any], rule: box.Box) -> None:
    """Groups of photos: the share with each problem, with a mark where it differs, and what differs in words."""
    line(console, table["title"], style="bold")
    labels = len(table["rows"][0]["cells"])
    shares = Table(box=rule, pad_edge=False, padding=(0, 0 if console.width < NARROW else 1), show_edge=False)
    shares.add_column(table["columns"][0], overflow="fold", min_width=8)
    for column in table["columns"][1 : 2 + labels]:
        shares.add_column(column, justify="right", overflow="fold")
    for row in table["rows"]:
        cells = [_share(cell, with_interval=console.width >= _WITH_INTERVALS) for cell in row["cells"]]
        shares.add_row(Text(row["name"]), str(row["judged"]), *cells)
    console.print(Padding(shares, (1, 0, 1, 1)))
    for told in table["told"]:
        line(console, told, indent=2)
    if table["left"]:
        line(console, table["left"], style="dim", indent=2)
    console.print()


def _share(cell: dict[str, str], *, with_interval: bool) -> Text:
    if cell["is_none"]:
        return Text("- ", style="dim")
    interval = f" ({cell['interval']})" if with_interval and cell["interval"] else ""
    style = {"more": "red", "fewer": "green"}.get(cell["differs"], "")
    return Text(f"{cell['share']}{interval}{cell['mark'] or ' '}", style=style)


def _count(count: int, total: int | None, digits: int, style: str) -> Text:
    """A count and, of a total, its share, aligned: "  7  9.1%"."""
    if count == 0:
        return Text(f"{'-':>{digits}}{'' if total is None else 6 * ' '}", style="dim")
    share = "" if total is None else f" {in_percent(count / total):>5}"
    return Text(f"{count:>{digits}}{share}", style=style)


def _print_worst(console: Console, tally: Tally, graph: HexGraph, lang: Language) -> None:
    words = WORDS[lang]
    worst = tally.worst
    heading = words.worst if len(worst) == tally.candidates else words.worst_of
    line(console, heading.format(shown=len(worst), candidates=tally.candidates), style="bold")
    rows = [[_problem(finding, graph, lang) for finding in _problems(report, tally.min_level)] for report in worst]
    widths = [max(row[column].cell_len for photo in rows for row in photo) for column in range(3)]
    is_narrow = console.width < NARROW
    for report, photo in zip(worst, rows, strict=True):
        _name(console, report.source_file, indent=2)
        # How a photo was read belongs to its verdict: a cut or converted picture may be judged all the same.
        for note in report.notes:
            line(console, note, style="dim", indent=4)
        if is_narrow:
            for *verdict, evidence in photo:
                console.print(Padding(Text("  ").join(verdict), (0, 0, 0, 4)))
                console.print(Padding(evidence, (0, 0, 0, 6)))
            continue
        grid = Table.grid(padding=(0, 2, 0, 0))
        for width, justify in zip(widths, ("left", "left", "right"), strict=True):
            grid.add_column(width=width, justify=justify)  # type: ignore[arg-type]  # rich names the words one by one
        grid.add_column(overflow="fold")
        for row in photo:
            grid.add_row(*row)
        console.print(Padding(grid, (0, 0, 0, 4)))
    console.print()


def _problems(report: PhotoReport, min_level: int) -> list[Finding]:
    """The problems of one photo from a level on, gravest first."""
    found = [finding for finding in report.findings if finding.level >= min_level]
    return sorted(found, key=lambda finding: (-finding.level, -finding.probability))


def _how_sure(probability: float, lang: Language) -> str:
    """How likely a problem is, in words: "43% sure" of one that is named would read like a mistake."""
    words = WORDS[lang]
    return (words.sure if probability >= 0.5 else words.maybe).format(share=in_percent(probability))


def _problem(finding: Finding, graph: HexGraph, lang: Language) -> tuple[Text, Text, Text, Text]:
    """Level, label, probability, evidence."""
    evidence = Text(shown(finding.evidence), style="dim")
    if finding.nearly is not None:
        words = WORDS[lang]
        nearly = Text(words.nearly.format(level=graph.level_name(finding.nearly, lang)), style="yellow")
        evidence = Text(words.comma, style="dim").join([nearly, *([evidence] if evidence else [])])
    return (
        Text(graph.level_name(finding.level, lang), style=_STYLES.get(finding.level, "bold red")),
        Text(shown(graph.labels[graph.index(finding.label)].display(lang))),
        Text(_how_sure(finding.probability, lang)),
        evidence,
    )


def _print_groups(console: Console, groups: ReasonGroups, heading: str, lang: Language) -> None:
    words = WORDS[lang]
    line(console, heading.format(count=groups.total), style="bold")
    for reason, group in groups.groups.items():
        line(console, f"{group.count}  {reason}", indent=2)
        for name in group.names:
            _name(console, name, style="dim", indent=5)
        if group.count > len(group.names):
            line(console, words.more.format(count=group.count - len(group.names)), style="dim", indent=5)
    if groups.others:
        line(console, f"{groups.others}  {words.other_reasons}", indent=2)
    console.print()
