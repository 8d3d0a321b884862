"""Text in a picture: how wide it is, where it breaks, and what XML can hold of it."""

from __future__ import annotations

import itertools
import re

from rich.cells import cell_len

from iqa_cli.report.text import shown

CELL_EM = 0.53
"""Width of a terminal cell in em: an average letter of a semi-bold sans-serif; a Chinese character has two cells."""

_PIECES = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]|[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+|\s+")
_NOT_XML = re.compile("[\ufffe\uffff]")


def safe(text: str) -> str:
    r"""The text without what XML forbids or what would reorder the line: such characters are spelled out, as \x01."""
    return _NOT_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", shown(text))


def width_px(text: str, font_px: float) -> float:
    """About how wide a text is: no font is loaded, so a margin belongs beside it."""
    return cell_len(text) * CELL_EM * font_px


def wrapped(text: str, font_px: float, limit_px: float, most: int) -> tuple[str, ...]:
    """The text in lines that fit, broken at spaces and between Chinese characters; too long, it ends in "…".

    limit_px  width of a line
    most      lines at most
    """
    cells = max(2, int(limit_px / (CELL_EM * font_px)))
    lines, line = [], ""
    for piece in itertools.chain.from_iterable(_hard_pieces(piece, cells) for piece in _PIECES.findall(text)):
        if line and cell_len(line + piece.rstrip()) > cells:
            lines.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    lines.append(line.rstrip())
    if len(lines) <= most:
        return tuple(lines)
    last = lines[most - 1]
    while cell_len(last) >= cells:
        last = last[:-1]
    return (*lines[: most - 1], f"{last}…")


def _hard_pieces(piece: str, cells: int) -> list[str]:
    """A piece that is longer than a line in pieces that are not."""
    if cell_len(piece) <= cells:
        return [piece]
    parts, part = [], ""
    for character in piece:
        if cell_len(part + character) > cells:
            parts.append(part)
            part = ""
        part += character
    return [*parts, part]
