"""A place to print reports: a terminal of any width and encoding, or a pipe."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from iqa_cli.report.text import shown, utf8

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

PIPED_WIDTH = 1000
"""Columns of a pipe: nothing is as wide as this, so nothing is wrapped there."""
NARROW = 70
"""Columns; what a table with shares needs, and a line with a few words of evidence."""
NARROWEST = 40
"""Columns below which the terminal may break the lines: nothing would be left of a table."""
_ASCII_RULE = box.Box("    \n    \n -- \n" + 5 * "    \n", ascii=True)


@contextlib.contextmanager
def screen(file: TextIO) -> Iterator[Console]:
    """A console whose content is written to the file in one piece, without spaces at the ends of lines.

    file    a terminal gets colours and its own width; anything else gets plain text of any width
    raises  BrokenPipeError  if nobody reads it any more
    """
    # Rendered in memory first: rich turns a broken pipe into an exit of the whole process.
    text = io.StringIO()
    seen = Console(file=file, highlight=False)
    yield Console(
        file=text,
        width=max(NARROWEST, seen.width) if seen.is_terminal else PIPED_WIDTH,
        force_terminal=seen.is_terminal,
        color_system=seen.color_system,  # type: ignore[arg-type]  # rich reads its own answer back
        no_color=seen.no_color,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    file.write("\n".join(written.rstrip(" ") for written in text.getvalue().split("\n")))
    file.flush()


def rule_for(file: TextIO) -> box.Box:
    """The rule under a table's head, in characters that the file's encoding holds; a file in memory holds all."""
    try:
        "─".encode(file.encoding or "utf-8")
    except UnicodeEncodeError:
        return _ASCII_RULE
    return box.SIMPLE_HEAD


def line(console: Console, text: str, style: str = "", indent: int = 0) -> None:
    """A line of words, wrapped between them where the terminal ends."""
    console.print(Padding(Text(shown(utf8(text)), style=style), (0, 0, 0, indent)))
