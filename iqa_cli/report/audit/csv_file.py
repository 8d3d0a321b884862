"""The audit as CSV: one row per photo found, readable or not.

UTF-8, line feeds, a header; without a byte order mark unless it is asked for. Columns, in order:

    SourceFile            the photo's path; joins with `exiftool -csv`
    status                ok, uncertain or damaged (judged, not to be trusted), unreadable (not judged)
    error                 why it is unreadable
    note                  what to know about how it was read or judged; several joined by "; "
    worst_label           the label with the highest level, then probability; empty if every level is 1
    worst_level           its level; 1 if every level is 1
    <label>_level         per label in graph order: 1 none, 2 ordinary, 3 severe, 4 blocking
    <label>_p             probability of level 2 or above, 0..1, four decimals
    luma_mean ...         the measurements of `photometry.MEASUREMENT_NAMES`: luma, fractions 0..1; lstar 0..100
    iqa.format_version    1; its name keeps exiftool from writing the table into photos
    Make, Model           of the camera, as written; LensModel likewise
    DateTimeOriginal      YYYY:MM:DD HH:MM:SS, the camera's clock
    ExposureTime          seconds; then FNumber, ISO
    ExposureCompensation  EV
    Flash                 1 fired, 0 did not
    Orientation           EXIF 1..8
    ImageWidth            stored pixels, before rotation; then ImageHeight
    FocalLength           mm, of the lens itself

What is not known is an empty cell. A text that a spreadsheet would run as a formula gets a leading
apostrophe; numbers never do.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from iqa_cli.photometry import MEASUREMENT_NAMES
from iqa_cli.report.audit.csv_version import FORMAT_VERSION, VERSION_COLUMN
from iqa_cli.report.csv_row import csv_row
from iqa_cli.report.text import harmless, plain_number, storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.provenance import Ending
    from iqa_cli.records import Capture, Measurement, PhotoReport
    from iqa_cli.report.output import Sink

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
    "FocalLength",
)
TEXT_COLUMNS = (
    "SourceFile",
    "status",
    "error",
    "note",
    "worst_label",
    "Make",
    "Model",
    "LensModel",
    "DateTimeOriginal",
)
"""All other columns hold numbers."""
_DIGITS = {"lstar": 2, "luma": 4, "fraction": 4}


class CsvWriter:
    """Writes a row per report, each flushed; the header comes with the first.

    sink              takes the bytes
    labels            the graph's labels in its order, also when not one photo is readable
    for_spreadsheets  whether texts that one would run as a formula are made harmless
    bom               whether it begins with a byte order mark, without which Excel takes UTF-8 for something else
    """

    def __init__(self, sink: Sink, labels: Sequence[str], *, for_spreadsheets: bool = True, bom: bool = False) -> None:
        self._sink = sink
        self._labels = tuple(labels)
        self._text = harmless if for_spreadsheets else storable
        self._start = codecs.BOM_UTF8 if bom else b""
        self._has_header = False

    def write(self, report: PhotoReport) -> None:
        """Append one photo."""
        self.finish()
        worst, capture = report.worst, report.capture
        cells = [
            self._text(report.source_file),
            report.status,
            self._text(report.error or ""),
            self._text("; ".join(report.notes)),
            self._text(worst.label) if worst else "",
            "" if not report.findings else str(worst.level if worst else 1),
        ]
        findings = {finding.label: finding for finding in report.findings}
        for label in self._labels:
            finding = findings.get(label)
            cells += [str(finding.level), f"{finding.probability:.4f}"] if finding else ["", ""]
        measured = {measurement.name: measurement for measurement in report.measurements}
        cells += [_measured(measured.get(name)) for name in MEASUREMENT_NAMES]
        cells.append(str(FORMAT_VERSION))
        cells += [self._text(text or "") for text in (capture.make, capture.model, capture.lens_model)]
        cells += _settings(capture)
        self._write_row(cells)

    def finish(self, _ending: Ending | None = None) -> None:
        """Write the header if it is not there yet: a file without a photo has one, too. What is known at the end of a
        run has no place in it.

        Not at once: a run that fails before its first photo must not have destroyed yesterday's report.
        """
        if not self._has_header:
            self._has_header = True
            self._write_row([self._text(name) for name in csv_columns(self._labels)])

    def _write_row(self, cells: Sequence[str]) -> None:
        start, self._start = self._start, b""
        self._sink.write(start + csv_row(cells))


def csv_columns(labels: Sequence[str]) -> tuple[str, ...]:
    """The header for these labels."""
    per_label = [f"{label}_{part}" for label in labels for part in ("level", "p")]
    first = ("SourceFile", "status", "error", "note", "worst_label", "worst_level")
    return (*first, *per_label, *MEASUREMENT_NAMES, VERSION_COLUMN, *CAPTURE_COLUMNS)


def _measured(measurement: Measurement | None) -> str:
    return "" if measurement is None else f"{measurement.value:.{_DIGITS[measurement.unit]}f}"


def _settings(capture: Capture) -> list[str]:
    taken = capture.taken_at
    return [
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
        _number(capture.focal_length_mm, digits=3),
    ]


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else plain_number(value, digits)
