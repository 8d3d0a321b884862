"""A comparison on a screen, or as text in a pipe: what can be said of B, and the counts that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from iqa_cli.report.comparison.sentences import Sentences
from iqa_cli.report.screen import NARROW, line, rule_for, screen
from iqa_cli.report.text import shown, utf8

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from rich import box
    from rich.console import Console

    from iqa_cli.comparison import Comparison
    from iqa_cli.comparison.records import PairChange
    from iqa_cli.records import Language
    from iqa_cli.report.comparison.sentences import Names

_STYLES = {"better": "green", "worse": "red", None: ""}


def print_comparison(found: Comparison, names: Names, lang: Language, *, top: int, file: TextIO) -> None:
    """Print the whole report.

    found   what the comparison found
    names   of labels and levels, in that language
    top     how many pairs to list either way
    file    a terminal gets colours and its own width; anything else gets plain text of any width
    raises  BrokenPipeError  if nobody reads it any more
    """
    say = Sentences(found, names, lang)
    with screen(file) as console:
        line(console, say.side("A", found.a))
        line(console, say.side("B", found.b))
        line(console, say.pairs())
        for caveat in say.caveats():
            line(console, shown(utf8(caveat)), style="yellow")
        console.print()
        _print_levels(console, say, rule_for(file))
        _print_measured(console, say, rule_for(file))
        for group in say.groups():
            _print_group(console, say, group, rule_for(file))
        for heading, pairs, count in (
            ("regressions", found.regressions(top), found.n_worse),
            ("gains", found.gains(top), found.n_better),
        ):
            if pairs:
                _print_pairs(console, say, heading, pairs, count)
        line(console, say.verdict(), style="bold")


def _print_levels(console: Console, say: Sentences, rule: box.Box) -> None:
    words = say.words
    line(console, words["levels"], style="bold")
    is_narrow = console.width < NARROW
    table = Table(box=rule, pad_edge=False, padding=(0, 0 if is_narrow else 1), show_edge=False)
    table.add_column(words["problem"], min_width=10, overflow="fold")
    columns = ("better", "worse", "same", *(() if is_narrow else ("mean",)), "holm")
    for column in columns:
        table.add_column(words[f"column_{column}"], justify="right", no_wrap=True)
    table.add_column(words["column_shown"])
    for change in (*say.found.labels, say.found.worst):
        turn = change.level
        style = _STYLES[turn.shown]
        cells = {
            "better": _count(turn.better, style if turn.shown == "better" else ""),
            "worse": _count(turn.worse, style if turn.shown == "worse" else ""),
            "same": Text(str(change.same)),
            "mean": Text(say.mean(change.change)),
            "holm": Text(say.p(turn.p_holm)),
        }
        said = words[f"shown_{turn.shown}"] if turn.shown else ""
        dim = "" if change.label else "dim"
        table.add_row(
            Text(shown(say.label(change)), style=dim), *(cells[column] for column in columns), Text(said, style=style)
        )
    console.print(Padding(table, (1, 0, 1, 0 if is_narrow else 1)))
    changed = [(say.label(change), said) for change in say.found.labels if (said := say.transitions(change))]
    if changed:
        line(console, words["transitions"], style="bold")
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column()
        grid.add_column(overflow="fold")
        for label, said in changed:
            grid.add_row(Text(shown(label)), Text(said))
        console.print(Padding(grid, (0, 0, 1, 2)))


def _count(count: int, style: str) -> Text:
    return Text(str(count), style=style) if count else Text("-", style="dim")


def _print_measured(console: Console, say: Sentences, rule: box.Box) -> None:
    rows = list(say.measured())
    if not rows:
        return
    words = say.words
    table = Table(box=rule, pad_edge=False, padding=(0, 1), show_edge=False)
    table.add_column(words["measured"], overflow="fold")
    for column in ("a", "b", "change"):
        table.add_column(words[f"column_{column}"], justify="right")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(Padding(table, (0, 0, 1, 1)))


def _print_group(console: Console, say: Sentences, group: dict[str, Any], rule: box.Box) -> None:
    line(console, group["title"], style="bold")
    line(console, say.words["by_hint"], style="dim")
    table = Table(box=rule, pad_edge=False, padding=(0, 0 if console.width < NARROW else 1), show_edge=False)
    table.add_column(group["columns"][0], overflow="fold", min_width=8)
    for column in group["columns"][1:]:
        table.add_column(shown(column), justify="right", overflow="fold")
    for row in group["rows"]:
        cells = [Text(cell["text"], style=_STYLES[cell["shown"] or None]) for cell in row["cells"]]
        table.add_row(Text(row["name"]), str(row["pairs"]), *cells)
    console.print(Padding(table, (1, 0, 1, 1)))
    if group["left"]:
        line(console, group["left"], style="dim")
        console.print()


def _print_pairs(console: Console, say: Sentences, heading: str, pairs: Sequence[PairChange], count: int) -> None:
    words = say.words
    if len(pairs) == count:
        heading += "_all"
    line(console, words[heading].format(shown=len(pairs), count=count), style="bold")
    for pair in pairs:
        _name(console, pair.a.source_file)
        if pair.b.source_file != pair.a.source_file:
            _name(console, pair.b.source_file)
        steps = [Text(shown(said), style="red" if rise > 0 else "green") for rise, said in say.steps(pair)]
        console.print(Padding(Text(words["comma"]).join(steps), (0, 0, 0, 4)))
    console.print()


def _name(console: Console, text: str) -> None:
    """A file name: the terminal may break it, but nothing is put in between, so it can be copied whole."""
    console.print(Text("  " + shown(utf8(text))), soft_wrap=True)
