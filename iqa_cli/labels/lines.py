"""Tables in text files record by record, each with its line, its cells and its bytes.

The cells are for understanding a file, the bytes for handing rows on unchanged. The standard library's reader does
the quoting (strictly); what it cannot tell, where a record stands and how the file was saved, is added here.
"""

from __future__ import annotations

import collections
import csv
import dataclasses
import io
import re
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError
from iqa_cli.labels.dialect import as_code_pages, declared_separator, encoding_of, separator_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_LINE = 1 << 20
"""Characters; a table of 53 labels needs less than a thousand. What has longer lines is no CSV, and not read whole."""

_LONGEST_HEADER = 50
"""Lines that a header may have, where names of columns have line ends in them."""

_BLANK = ",;|\t\r\n "
"""What a line without any text is made of."""


@dataclasses.dataclass(frozen=True, slots=True)
class CsvRecord:
    """One record: a line of the file, or several where a quoted cell holds line ends."""

    line: int
    """Where it starts, 1-based."""
    cells: tuple[str, ...]
    """As written, without the quotes. Blank ones beyond the header's, which spreadsheets leave behind, are gone."""
    raw: bytes
    """The same as bytes, with a line end; in the first record also a byte order mark and a line `sep=;`."""


def read_csv(path: Path) -> Iterator[CsvRecord]:
    """The records of a table, the header first, one at a time; lines without any text are passed over.

    UTF-8, UTF-16 or UTF-32; lines may end in LF, CRLF or CR. `dialect` tells what stands between the cells.

    raises  LabelsError  if the file cannot be opened or read, is in another encoding, or is not CSV; the message
                         names the line
    """
    try:
        with path.open("rb") as file:
            encoding = encoding_of(file.peek(4)[:4])
            # Bytes that are no UTF-8 come as surrogates, so that their line is known when it is refused.
            with io.TextIOWrapper(file, encoding, errors="surrogateescape", newline="") as text:
                yield from _records(path, text)
    except UnicodeError as error:
        raise LabelsError(f"{path}: damaged: not all of it is text ({error})", hint="save it anew, as UTF-8") from None
    except OSError as error:
        raise LabelsError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # a NUL inside the name
        raise LabelsError(f"{path!s}: cannot be read ({error})") from None


def _records(path: Path, text: io.TextIOWrapper) -> Iterator[CsvRecord]:
    source = _Lines(path, text)
    separator = declared_separator(source.peek())
    if separator is None:
        separator = separator_of(source.header())
    else:
        next(source)
        source.pass_over(keep=True)
    exact = csv.reader(source, delimiter=separator, strict=True)
    skipping = csv.reader(source, delimiter=separator, strict=True, skipinitialspace=True)
    # `a.jpg, "2"`: only where a quote follows a blank is the blank no part of the cell, for a name may begin with one.
    quote_after_blank = re.compile(rf'(?:^|{re.escape(separator)}) +"')
    header: tuple[str, ...] | None = None
    while True:
        try:
            cells = tuple(next(skipping if quote_after_blank.search(source.peek()) else exact))
        except StopIteration:
            return
        except csv.Error as error:
            hint = "a cell that begins with a quote has to end with one; quotes inside are doubled"
            raise LabelsError(f"{path}: line {source.first}: not CSV ({error})", hint=hint) from None
        if any(map(str.strip, cells)):
            header = header or cells
            yield CsvRecord(source.first, _fitted(cells, header), source.take())
        else:
            source.pass_over(keep=header is None)


def _fitted(cells: tuple[str, ...], header: tuple[str, ...]) -> tuple[str, ...]:
    """A row as wide as the header, if only blank cells or columns without a name are in the way."""
    extra, absent = cells[len(header) :], header[len(cells) :]
    if any(map(str.strip, (*extra, *absent))):
        return cells
    return (*cells[: len(header)], *absent)


class _Lines:
    """The lines of a file; remembers the text of those that the current record is made of."""

    def __init__(self, path: Path, text: io.TextIOWrapper) -> None:
        self.first = 0
        """The line where the current record starts, 1-based."""
        self._path = path
        self._text = text
        self._ahead: collections.deque[str] = collections.deque()
        self._line = 0
        self._record: list[str] = []
        self._before_header = ""
        self._end = ""

    def peek(self, after: int = 0) -> str:
        """The next line, or one so many lines after it, which stays to be read; "" behind the last."""
        while len(self._ahead) <= after:
            self._ahead.append(self._read(self._line + len(self._ahead) + 1))
        first = self._line + after == 0
        # Some programs write the mark a second time.
        return self._ahead[after].lstrip("\ufeff") if first else self._ahead[after]

    def header(self) -> str:
        """The first record that has any text, which stays to be read."""
        text = ""
        for number in range(_LONGEST_HEADER):
            text += self.peek(number)
            if not text.strip(_BLANK):
                text = ""
            elif text.count('"') % 2 == 0:
                break
        return text

    def take(self) -> bytes:
        """The bytes of the record that was just read; the next line begins a new one."""
        text, self._before_header = self._before_header + "".join(self._record), ""
        self._record.clear()
        # Only the file's last line may lack its end.
        return (text if text.endswith(("\n", "\r")) else text + (self._end or "\n")).encode(self._text.encoding)

    def pass_over(self, *, keep: bool) -> None:
        """Begin a new record; keep what was read for the bytes of that one."""
        if keep:
            self._before_header += "".join(self._record)
        self._record.clear()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self.peek()
        if not line:
            raise StopIteration
        written = self._ahead.popleft()
        self._line += 1
        self._end = self._end or written[len(written.rstrip("\r\n")) :]
        if not self._record:
            self.first = self._line
        self._record.append(written)
        return line

    def _read(self, number: int) -> str:
        line = self._text.readline(LONGEST_LINE + 1)
        place = f"{self._path}: line {number}"
        if len(line) > LONGEST_LINE:
            raise LabelsError(f"{place} has more than {LONGEST_LINE:,} characters", hint="is this a CSV file?")
        if not line.isascii():
            written = line.encode("utf-8", "surrogateescape")
            try:
                written.decode("utf-8")
            except UnicodeDecodeError as error:
                read = as_code_pages(written, error.start)
                raise LabelsError(
                    f"{place} is not UTF-8 (byte 0x{written[error.start]:02x} at {error.start + 1})"
                    + (f": {read}" if read else ""),
                    hint='save it as UTF-8: in Excel "CSV UTF-8", elsewhere '
                    f"iconv -f CP1252 -t UTF-8 {self._path.name} > utf8.csv, with the code page that reads right",
                ) from None
        return line
