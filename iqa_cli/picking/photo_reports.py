"""Whole `PhotoReport`s back from JSON lines, for who needs more of them than a pick does."""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_cli.errors import InvalidInput
from iqa_cli.photos.discover import as_utf8
from iqa_cli.picking.jsonl_rows import documents
from iqa_cli.picking.lines import Lines
from iqa_cli.picking.parquet_reports import MAGIC, read_parquet_reports
from iqa_cli.picking.rows import STATUSES
from iqa_cli.records import Capture, Finding, Measurement, PhotoReport
from iqa_cli.report.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iqa_cli.picking.jsonl_rows import Runs

_FINDING = ("label", "level", "probability", "evidence", "margin", "nearly", "measured")
_NUMERIC = frozenset({int, float})
_TEXTS = ("make", "model", "lens_model")
_NUMBERS = (
    "exposure_time_s",
    "f_number",
    "iso",
    "exposure_bias_ev",
    "orientation",
    "image_width",
    "image_height",
    "focal_length_mm",
)


def read_photo_reports(path: str | os.PathLike[str], runs: Runs | None = None) -> Iterator[PhotoReport]:
    """The photos of a report in JSON lines or Parquet, one at a time; without what explains them, and without pictures.

    runs    takes what the report says of the run that wrote it; whole once all photos were given
    raises  InvalidInput  if it cannot be read, is no such report, one of another version, damaged, or cut off in the
                          middle; the message names the line
    """
    name = shown(as_utf8(os.fspath(path)))
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(Path(path).open("rb"))
            head, begin = file.peek(1)[:1], file.peek(len(MAGIC))
        except (OSError, ValueError) as error:  # ValueError: a NUL inside the name
            raise InvalidInput(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
        if not head:
            raise InvalidInput(f"{name}: the report is empty", hint="let assess write it once more")
        if begin.startswith(MAGIC):
            yield from read_parquet_reports(path, name, runs)
            return
        if head not in b"{\xef":
            raise InvalidInput(
                f"{name}: no report in JSON lines", hint=f"iqa assess PATH --jsonl {Path(name).stem}.jsonl writes one"
            )
        lines = Lines(file, name)
        try:
            for document in documents(lines, runs):
                try:
                    report = _report(document)
                except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
                    raise lines.damaged("is no line of a report") from None
                yield report
        except OSError as error:
            raise InvalidInput(f"{name}: cannot be read ({error.strerror or error})") from None


def _report(document: dict[str, Any]) -> PhotoReport:
    """One photo. Raises KeyError, TypeError, ValueError, AttributeError or OverflowError if it is no report's."""
    marginals = {_name(label): tuple(map(_probability, row)) for label, row in document["marginals"].items()}
    findings = tuple(
        Finding(**{name: entry[name] for name in _FINDING if name in entry}) for entry in document["findings"]
    )
    if [finding.label for finding in findings] != list(marginals):
        raise ValueError("findings and marginals are of different labels")
    if any(finding.level not in range(1, len(marginals[finding.label]) + 1) for finding in findings):
        raise ValueError("a level that its label does not have")
    if document["status"] not in STATUSES:
        raise ValueError("a status that there is not")
    return PhotoReport(
        source_file=_text(document["source_file"]),
        status=document["status"],
        error=None if document["error"] is None else _name(document["error"]),
        notes=tuple(_name(note) for note in document["notes"]),
        findings=findings,
        marginals=marginals,
        measurements=tuple(
            Measurement(_name(name), float(_number(entry["value"])), _name(entry["unit"]))
            for name, entry in document["measurements"].items()
        ),
        capture=_capture(document["capture"]),
    )


def _capture(settings: dict[str, Any]) -> Capture:
    taken_at, flash = settings.get("taken_at"), settings.get("flash_fired")
    if flash not in (None, True, False):
        raise ValueError("a flash that neither fired nor did not")
    known: dict[str, Any] = {name: settings.get(name) for name in (*_TEXTS, *_NUMBERS)}
    known |= {name: _name(known[name]) for name in _TEXTS if known[name] is not None}
    known |= {name: _number(known[name]) for name in _NUMBERS if known[name] is not None}
    return Capture(
        taken_at=None if taken_at is None else dt.datetime.fromisoformat(taken_at).replace(tzinfo=None),
        flash_fired=flash,
        **known,
    )


def _text(value: object) -> str:
    """A text that UTF-8 can hold, as all of a report can. Raises TypeError or ValueError for anything else."""
    if not isinstance(value, str):
        raise TypeError
    value.encode("utf-8")
    return value


@functools.lru_cache(maxsize=4096)
def _name(value: object) -> str:
    """The same of a text that photos share: looked at once, kept once."""
    return sys.intern(_text(value))


def _number(value: Any) -> Any:
    """An int or a float that is finite. Raises TypeError for anything else, true and false among it."""
    if type(value) not in _NUMERIC or not -math.inf < value < math.inf:
        raise TypeError
    return value


def _probability(value: Any) -> float:
    if type(value) not in _NUMERIC or not 0 <= value <= 1:
        raise ValueError
    return float(value)
