"""An installation on one screen, or as text in a pipe, to be read and to be pasted into a report of a bug."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.text import Text

from iqa_cli.report.checks import grid, lines_of, safe
from iqa_cli.report.screen import line, screen
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from typing import TextIO

    from iqa_cli.inspection.install import InstallReport


def print_install_report(report: InstallReport, *, file: TextIO) -> None:
    """Print what was found, and in the last line whether all of it works.

    file    a terminal gets colours and its own width; anything else gets plain text of any width
    raises  BrokenPipeError  if nobody reads it any more
    """
    with screen(file) as console:
        console.print(grid(("", "", name, Text(safe(said))) for name, said in report.about.items()))
        for section, checks in report.checks.items():
            console.print()
            console.print(Text(section, style="bold"))
            console.print(Padding(lines_of(checks), (0, 0, 0, 2)))
        console.print()
        bad = ", ".join(check.name for check in report.bad)
        said = f"{counted(len(report.bad), 'part')} broken: {bad}" if bad else "everything that iqa needs works"
        line(console, safe(said), style="bold")
