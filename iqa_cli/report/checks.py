"""Checks that were made, as lines on a screen and as JSON: of a checkpoint, of an installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from iqa_cli.inspection.records import Outcome
from iqa_cli.report.text import shown, utf8
from iqa_cli.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iqa_cli.inspection import Check

_STYLES = {Outcome.OK: "green", Outcome.BAD: "bold red", Outcome.NOTE: "yellow", Outcome.SKIPPED: "dim"}


def lines_of(checks: Iterable[Check]) -> Table:
    """A line for each check: how it came out, its name, what was found and what to do next."""
    return grid((check.outcome.value, _STYLES[check.outcome], check.name, _told(check)) for check in checks)


def grid(rows: Iterable[tuple[str, str, str, Text]]) -> Table:
    """Rows of a word with its style, a name, and a text that is wrapped within its column."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for word, style, name, text in rows:
        table.add_row(Text(word, style=style), Text(safe(name)), text)
    return table


def as_json(check: Check) -> dict[str, Any]:
    """The object of a check: {"name", "outcome", "said", "problems", "hint"}.

    outcome is ok, bad, note or skipped; hint is null if there is none.
    """
    return {
        "name": check.name,
        "outcome": check.outcome.value,
        "said": check.said,
        "problems": list(check.problems),
        "hint": check.hint or None,
    }


def safe(text: str) -> str:
    """A text of a stranger, as a terminal can be shown it."""
    return shown(utf8(text))


def _told(check: Check) -> Text:
    lines = [Text(safe(check.said), style="dim" if check.outcome is Outcome.SKIPPED else "")]
    lines += [Text(safe(problem)) for problem in shortened(check.problems)]
    if check.hint:
        lines.append(Text(f"fix: {safe(check.hint)}", style="dim"))
    return Text("\n").join(lines)
