"""Reading a report that `iqa assess` wrote, in CSV or JSON lines."""

from __future__ import annotations

import os
import re
from pathlib import Path

from iqa_cli.errors import InvalidInput
from iqa_cli.photos.discover import as_utf8
from iqa_cli.picking.csv_rows import csv_rows
from iqa_cli.picking.jsonl_rows import jsonl_rows
from iqa_cli.picking.parquet_reports import MAGIC
from iqa_cli.picking.rows import Report
from iqa_cli.report.audit.meta_file import SUFFIX as META_SUFFIX
from iqa_cli.report.text import shown

_SUMMARY = re.compile(rb'\{\s*"format_version":\s*\d+,\s*"SourceFile":\s*"none",\s*"run":')
_META = re.compile(rb'\{\s*"format_version":\s*\d+,\s*"type":\s*"meta"')
_SUMMARY_BYTES = 256
"""How much of a file tells whether it is one of these."""


def read_report(path: str | os.PathLike[str]) -> Report:
    """The photos of a report; which of the two formats it is shows in its first character.

    raises  InvalidInput  if it cannot be read, is no report, one of another version, damaged, or cut off in the
                          middle; the message names the line
    """
    name = shown(as_utf8(os.fspath(path)))
    if os.path.isdir(path):
        raise InvalidInput(
            f"{name}: this is a folder, and a report is needed",
            hint=f"iqa assess {name} --csv audit.csv makes one",
        )
    try:
        with Path(path).open("rb") as file:
            head = file.peek(1)
            begin = file.peek(_SUMMARY_BYTES)[:_SUMMARY_BYTES]
            if _META.match(begin):
                raise InvalidInput(
                    f"{name}: this says of a CSV how it was made, and names no photos",
                    hint=f"give the CSV: {name.removesuffix(META_SUFFIX)}",
                )
            if begin.startswith(MAGIC):
                raise InvalidInput(
                    f"{name}: this is a report in Parquet, from which nothing is picked",
                    hint="give the file of --csv or --jsonl",
                )
            if _SUMMARY.match(begin):
                raise InvalidInput(
                    f"{name}: this is the summary of `iqa assess --json`, which names no photos",
                    hint="give the file of --csv or --jsonl",
                )
            if not head:
                raise InvalidInput(f"{name}: the report is empty", hint="let assess write it once more")
            labels, rows = (jsonl_rows if head.startswith(b"{") else csv_rows)(file, name)
    except OSError as error:
        raise InvalidInput(f"{name}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # a NUL inside the name
        raise InvalidInput(f"{name}: cannot be read ({error})") from None
    return Report(name, str(Path(path).parent), labels, rows)
