"""Rows of CSV files, as all reports write them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def csv_row(cells: Iterable[str]) -> bytes:
    """One row: UTF-8, with a line feed at its end."""
    row = io.StringIO(newline="")
    # The writer quotes a lone carriage return only where it is part of its own line end; ours is a line feed.
    csv.writer(row, lineterminator="\r\n").writerow(cells)
    return row.getvalue().removesuffix("\r\n").encode("utf-8") + b"\n"
