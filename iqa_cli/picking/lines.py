"""Lines of a report, decoded one by one, so that what is wrong with one can be told with its number."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from iqa_cli.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

LONGEST_BYTES = 1 << 24
"""A row of a report needs some thousand bytes; what has longer lines is none, and is not read whole."""


class Lines:
    """The lines of a UTF-8 file with their line ends; a byte order mark at its start is taken.

    file  open for reading bytes, stays the caller's
    name  of the file, for messages
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.name = name
        self.number = 0
        """Of the line that was given last, from 1."""
        self.is_complete = True
        """Whether that line had an end; only the last of a file can lack it."""
        self.at_end = False
        """Whether there are no more."""
        self._file = file

    def __iter__(self) -> Iterator[str]:
        """The lines. Raises InvalidInput for one that is not UTF-8 or too long, OSError as reading does."""
        while raw := self._file.readline(LONGEST_BYTES):
            if not self.number:
                raw = raw.removeprefix(codecs.BOM_UTF8)
            self.number += 1
            self.is_complete = raw.endswith(b"\n")
            if len(raw) == LONGEST_BYTES and not self.is_complete:
                raise InvalidInput(f"{self.name}: no report of iqa assess (line {self.number} is endless)")
            try:
                yield raw.decode("utf-8")
            except UnicodeDecodeError:
                raise InvalidInput(
                    f"{self.name}: line {self.number} is not UTF-8",
                    hint="a spreadsheet may have saved it anew; the file is needed as assess wrote it",
                ) from None
        self.at_end = True

    def cut_off(self) -> InvalidInput:
        """The error of a report that ends in the middle."""
        return InvalidInput(
            f"{self.name}: the report is cut off in line {self.number}, nothing was done",
            hint="let assess write it once more; photos that it judged before take no time",
        )

    def damaged(self, what: str) -> InvalidInput:
        """The error of a line that does not belong to a report."""
        return InvalidInput(
            f"{self.name}: line {self.number} {what}, nothing was done",
            hint="it was changed, or another version of iqa wrote it; let assess write it once more",
        )
