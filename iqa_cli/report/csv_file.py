"""The audit as CSV: one row per photo found, readable or not.

UTF-8 without a byte order mark, line feeds, a header. Columns, in order:

    SourceFile            the photo's path; joins with `exiftool -csv`
    status                ok, uncertain (judged, not to be trusted), unreadable (not judged)
    error                 why it is unreadable
    note                  what to know about how it was read or judged; several joined by "; "
    worst_label           the label with the highest level, then probability; empty if every level is 1
    worst_level           its level; 1 if every level is 1
    <label>_level         per label in graph order: 1 none, 2 ordinary, 3 severe, 4 blocking
    <label>_p             probability of level 2 or above, 0..1, four decimals
    luma_mean ...         the measurements of `photometry.MEASUREMENT_NAMES`: luma, fractions 0..1; lstar 0..100
    Make, Model           of the camera, as written; LensModel likewise
    DateTimeOriginal      YYYY:MM:DD HH:MM:SS, the camera's clock
    ExposureTime          seconds; then FNumber, ISO
    ExposureCompensation  EV
    Flash                 1 fired, 0 did not
    Orientation           EXIF 1..8
    ImageWidth            stored pixels, before rotation; then ImageHeight

What is not known is an empty cell. A text that a spreadsheet would run as a formula gets a leading
apostrophe; numbers never do.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Protocol

from iqa_cli.photometry import MEASUREMENT_NAMES
from iqa_cli.report.text import plain_number, utf8

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.records import Capture, Measurement, PhotoReport

CAPTURE_COLUMNS = (
    "Make",
    "Model",
    "LensModel",
    "DateTimeOriginal",
    "ExposureTime",
    "FNumber",
    "ISO",
    "ExposureCompensation",
    "Flash",
    "Orientation",
    "ImageWidth",
    "ImageHeight",
)
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_DIGITS = {"lstar": 2, "luma": 4, "fraction": 4}


class Sink(Protocol):
    """Where rows go: `OutputFile`, `OutputStream`."""

    def write(self, content: bytes) -> None:
        """Append, so that it is kept whatever happens next."""


class CsvWriter:
    """Writes the header at once and a row per report, each flushed.

    sink    takes the bytes
    labels  the graph's labels in its order, also when not one photo is readable
    """

    def __init__(self, sink: Sink, labels: Sequence[str]) -> None:
        self._sink = sink
        self._labels = tuple(labels)
        self._write_row([_harmless(name) for name in csv_columns(labels)])

    def write(self, report: PhotoReport) -> None:
        """Append one photo."""
        worst = report.worst
        cells = [
            _harmless(report.source_file),
            report.status,
            _harmless(report.error or ""),
            _harmless("; ".join(report.notes)),
            _harmless(worst.label) if worst else "",
            "" if not report.findings else str(worst.level if worst else 1),
        ]
        findings = {finding.label: finding for finding in report.findings}
        for label in self._labels:
            finding = findings.get(label)
            cells += [str(finding.level), f"{finding.probability:.4f}"] if finding else ["", ""]
        measured = {measurement.name: measurement for measurement in report.measurements}
        cells += [_measured(measured.get(name)) for name in MEASUREMENT_NAMES]
        cells += _capture(report.capture)
        self._write_row(cells)

    def _write_row(self, cells: Sequence[str]) -> None:
        row = io.StringIO(newline="")
        # The writer quotes a lone carriage return only where it is part of its own line end; ours is a line feed.
        csv.writer(row, lineterminator="\r\n").writerow(cells)
        self._sink.write(row.getvalue().removesuffix("\r\n").encode("utf-8") + b"\n")


def csv_columns(labels: Sequence[str]) -> tuple[str, ...]:
    """The header for these labels."""
    per_label = [f"{label}_{part}" for label in labels for part in ("level", "p")]
    first = ("SourceFile", "status", "error", "note", "worst_label", "worst_level")
    return (*first, *per_label, *MEASUREMENT_NAMES, *CAPTURE_COLUMNS)


def _harmless(text: str) -> str:
    """Valid UTF-8 without NUL, which ends the text for many readers, and not a formula."""
    text = utf8(text).replace("\0", "")
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _measured(measurement: Measurement | None) -> str:
    return "" if measurement is None else f"{measurement.value:.{_DIGITS[measurement.unit]}f}"


def _capture(capture: Capture) -> list[str]:
    taken = capture.taken_at
    return [
        _harmless(capture.make or ""),
        _harmless(capture.model or ""),
        _harmless(capture.lens_model or ""),
        # isoformat, not strftime: the latter leaves years before 1000 without their zeros on some systems.
        taken.replace(tzinfo=None).isoformat(sep=" ", timespec="seconds").replace("-", ":") if taken else "",
        _number(capture.exposure_time_s, digits=9),
        _number(capture.f_number, digits=3),
        _number(capture.iso),
        _number(capture.exposure_bias_ev, digits=3),
        _number(capture.flash_fired),
        _number(capture.orientation),
        _number(capture.image_width),
        _number(capture.image_height),
    ]


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else plain_number(value, digits)
