"""CSV files record by record, each with its line, its cells and its bytes.

The cells are for understanding a file, the bytes for handing rows on unchanged. The standard library's reader does
the quoting (strictly); what it cannot tell, where a record stands and where UTF-8 ends, is added here.
"""

from __future__ import annotations

import codecs
import csv
import dataclasses
from typing import TYPE_CHECKING, BinaryIO

from iqa_cli.errors import LabelsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_LINE = 1 << 20
"""Bytes; a table of 53 labels needs less than a thousand. What has longer lines is no CSV, and is not read whole."""

_OTHER_MARKS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclasses.dataclass(frozen=True, slots=True)
class CsvRecord:
    """One record: a line of the file, or several where a quoted cell holds line ends."""

    line: int
    """Where it starts, 1-based."""
    cells: tuple[str, ...]
    """As written, without the quotes."""
    raw: bytes
    """The same as bytes, with its line end and, in the first record, a byte order mark."""


def read_csv(path: Path) -> Iterator[CsvRecord]:
    """The records of a UTF-8 CSV file, one at a time; lines without any text are passed over.

    A byte order mark at the start is taken (spreadsheets write one), line ends may be LF or CRLF.

    raises  LabelsError  if the file cannot be opened or read, is not UTF-8, or is not CSV; the message names the line
    """
    try:
        with path.open("rb") as file:
            yield from _records(path, file)
    except OSError as error:
        raise LabelsError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # a NUL inside the name
        raise LabelsError(f"{path!s}: cannot be read ({error})") from None


def _records(path: Path, file: BinaryIO) -> Iterator[CsvRecord]:
    source = _Lines(path, file)
    reader = csv.reader(source, strict=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise LabelsError(f"{path}: line {source.first}: not CSV ({error})", hint=_hint(str(error))) from None
        record = CsvRecord(source.first, tuple(cells), source.take())
        if any(cell.strip() for cell in cells):
            yield record


def _hint(reason: str) -> str | None:
    if "new-line" in reason:
        return "save it with line feeds (LF or CRLF) between the rows"
    return "a cell that begins with a quote has to end with one; quotes inside are doubled"


class _Lines:
    """The decoded lines of a file; remembers the bytes of those that the current record is made of."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._raw: list[bytes] = []
        self._line = 0

    @property
    def first(self) -> int:
        """The line where the current record starts."""
        return self._line - max(0, len(self._raw) - 1)

    def take(self) -> bytes:
        """The bytes of the record that was just read; the next line begins a new one."""
        raw = b"".join(self._raw)
        self._raw.clear()
        return raw

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = self._file.readline(LONGEST_LINE + 1)
        if not raw:
            raise StopIteration
        self._line += 1
        self._raw.append(raw)
        place = f"{self._path}: line {self._line}"
        if len(raw) > LONGEST_LINE:
            raise LabelsError(f"{place} has more than {LONGEST_LINE:,} bytes", hint="is this a CSV file?")
        if self._line == 1:
            if raw.startswith(_OTHER_MARKS):
                raise LabelsError(f"{self._path}: not UTF-8 (it starts like UTF-16 or UTF-32)", hint="save it as UTF-8")
            raw = raw.removeprefix(codecs.BOM_UTF8)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise LabelsError(
                f"{place} is not UTF-8 (byte 0x{raw[error.start]:02x} at {error.start + 1})", hint="save it as UTF-8"
            ) from None
