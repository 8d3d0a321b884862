"""The audit as a pandas table, for those who go on in Python."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from iqa_cli.report.audit.csv_file import TEXT_COLUMNS, CsvWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from iqa_cli.records import PhotoReport


class _Buffer:
    """A sink in memory."""

    def __init__(self) -> None:
        self.stream = io.BytesIO()

    def write(self, content: bytes) -> None:
        self.stream.write(content)


def to_frame(reports: Iterable[PhotoReport]) -> pd.DataFrame:
    """The rows of `iqa assess --csv` as a table.

    reports  what `assess` yields; all of them are held in memory
    returns  one row per photo, columns as in `csv_file`; numbers are numbers, texts are texts also when they look
             like numbers or formulas, what is not known is missing
    """
    # Imported here: it costs half a second, which only this function is worth.
    import pandas as pd

    kept = list(reports)
    labels = next(([finding.label for finding in report.findings] for report in kept if report.findings), [])
    buffer = _Buffer()
    writer = CsvWriter(buffer, labels, for_spreadsheets=False)
    for report in kept:
        writer.write(report)
    writer.finish()
    buffer.stream.seek(0)
    # Only an empty cell is missing: a camera may well be called "NA".
    texts = dict.fromkeys(TEXT_COLUMNS, str)
    return pd.read_csv(buffer.stream, keep_default_na=False, na_values=[""], dtype=texts)
