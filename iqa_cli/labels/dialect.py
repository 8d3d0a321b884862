"""How a table was saved: which bytes stand for its text, and which character stands between its cells.

Programs do not say it, so it is told by what is certain. Text is UTF-8 unless the file begins like UTF-16 or UTF-32;
code pages such as Windows-1252 and GBK cannot be told apart, and what is in one is shown in several and refused. Cells
are separated by what a first line `sep=;` names, else by the character that gives the header a column of file names.
"""

from __future__ import annotations

import codecs
import csv
import re

from iqa_cli.hexgraph.problems import quote

FILE_COLUMNS = ("filename", "image")
"""Names of the column of photos, in any case; the first is the seed's, the second PrISM's."""

SEPARATORS = (",", ";", "\t", "|")
"""What may stand between cells; of several that fit equally well the first is meant."""

SEPARATOR_RULE = (
    "cells are separated by a comma, a semicolon, a tab or |, whichever gives the header a column filename or image; "
    "a first line sep=X names another"
)
"""How the separator is found, for whoever has to mend a file."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WITHOUT_MARK = ((re.compile(rb"[^\0]\0[^\0]\0"), "utf-16-le"), (re.compile(rb"\0[^\0]\0[^\0]"), "utf-16-be"))

_CODE_PAGES = {"Windows-1252": "cp1252", "GBK": "gb18030", "Shift-JIS": "cp932", "Mac Roman": "mac_roman"}
"""What Excel saves a plain CSV in, by country and system, as `iconv` knows them and as Python does."""

_SEPARATOR_LINE = re.compile(r"""\s*"?sep=([^\w"\r\n])"?[,;\t|]*\s*""", re.IGNORECASE)


def encoding_of(start: bytes) -> str:
    """The encoding of a text by its first four bytes, as Python calls it; the mark is not taken off."""
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    # No table begins with a NUL or has one as its second character.
    return next((encoding for zeros, encoding in _WITHOUT_MARK if zeros.match(start)), "utf-8")


def declared_separator(line: str) -> str | None:
    """What a line such as `sep=;` says, which Excel reads and writes as the first; None for any other line."""
    found = _SEPARATOR_LINE.fullmatch(line)
    return found[1] if found else None


def separator_of(header: str) -> str:
    """The separator by which a header has a column of file names and the most columns; else the most columns."""

    def gives(separator: str) -> tuple[bool, int]:
        try:
            cells = next(csv.reader([header], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:  # the reader of its rows says what is wrong
            return False, 0
        return any(cell.strip().casefold() in FILE_COLUMNS for cell in cells), len(cells)

    return max(SEPARATORS, key=gives)


def as_code_pages(line: bytes, place: int) -> str:
    """A cell that is no UTF-8 as it reads in usual code pages: '"Kühe.jpg" in Windows-1252, ...'; may be empty.

    place  a byte of the cell
    """
    told: dict[str, list[str]] = {}
    for name, codec in _CODE_PAGES.items():
        try:
            before, after = line[:place].decode(codec), line[place:].decode(codec)
        except UnicodeDecodeError:
            continue
        ends = "".join(SEPARATORS) + '"\r\n'
        cell = re.split(f"[{re.escape(ends)}]", before)[-1] + re.split(f"[{re.escape(ends)}]", after)[0]
        if cell.isprintable():
            told.setdefault(cell, []).append(name)
    return ", ".join(f"{quote(cell)} in {' and '.join(names)}" for cell, names in told.items())
