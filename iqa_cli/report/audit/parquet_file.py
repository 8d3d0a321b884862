"""The audit as Parquet: the columns of the CSV under the same names, with types, and the probability of every level.

    texts                        strings; status, worst_label, Make, Model and LensModel as dictionaries
    worst_level, <label>_level, Orientation      int8
    <label>_p, measurements, ExposureTime, FNumber, ExposureCompensation, FocalLength    double, not rounded
    iqa.format_version           int32, of these columns
    DateTimeOriginal             timestamp in milliseconds without a zone: the camera's clock
    ISO, ImageWidth, ImageHeight int64
    Flash                        boolean
    marginals                    a struct with a list of doubles for each label: the probabilities of its levels, 1..K

What is not known is null. The file's own metadata have `iqa.run`, the run as `report/run.py` says it, and `iqa.end`:
its end, and `photos` by status. A column of a measurement has its `unit` in the metadata of the field.

Rows are written in groups, so that memory does not grow with them. A file is of use only when it is complete.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
from typing import TYPE_CHECKING, Any

from iqa_cli.errors import MissingExtra
from iqa_cli.photometry.measure import MEASUREMENT_UNITS
from iqa_cli.report.audit.csv_file import csv_columns
from iqa_cli.report.audit.csv_version import FORMAT_VERSION
from iqa_cli.report.run import END_KEY, RUN_KEY, counts_as_json, ending_as_json, run_as_json
from iqa_cli.report.text import storable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from iqa_cli.provenance import Ending, Provenance
    from iqa_cli.records import PhotoReport
    from iqa_cli.report.output import Sink

UNIT_KEY = "unit"
"""In the metadata of a column."""
MARGINALS = "marginals"
ROWS = 2048
"""In a group: a few megabytes while it fills, and still few groups to read."""


def need_pyarrow(what: str) -> None:
    """Find out, without importing it, whether Parquet can be written and read.

    what    needs it
    raises  MissingExtra  if it cannot
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise MissingExtra(what, "pyarrow", "parquet")


class ParquetWriter:
    """Writes a row per report, in groups; the file is complete after `finish`.

    sink    takes the bytes
    labels  the graph's labels in its order, also when not one photo is readable
    run     where the judgements come from
    """

    def __init__(self, sink: Sink, labels: Sequence[str], run: Provenance) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._labels = tuple(labels)
        self._file = _File(sink)
        self._schema = _schema(self._labels, {RUN_KEY: _json(run_as_json(run))})
        self._columns: list[list[Any]] = [[] for _ in self._schema]
        self._writer = pq.ParquetWriter(pa.PythonFile(self._file, mode="w"), self._schema, compression="zstd")

    def write(self, report: PhotoReport) -> None:
        """Append one photo. Raises as the sink does."""
        for column, value in zip(self._columns, self._row(report), strict=True):
            column.append(value)
        if len(self._columns[0]) == ROWS:
            self._write_group()

    def finish(self, ending: Ending) -> None:
        """Append what is still held, and what makes it a file. Raises as the sink does."""
        if self._columns[0]:
            self._write_group()
        end = {**ending_as_json(ending), "photos": counts_as_json(ending)}
        self._writer.add_key_value_metadata({END_KEY: _json(end)})
        self._writer.close()

    def discard(self) -> None:
        """Give up what is not finished: the library would complete it when it is forgotten."""
        import pyarrow as pa

        self._file.is_given_up = True
        with contextlib.suppress(pa.ArrowException, OSError):
            self._writer.close()

    def _write_group(self) -> None:
        import pyarrow as pa

        columns, self._columns = self._columns, [[] for _ in self._schema]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))

    def _row(self, report: PhotoReport) -> list[Any]:
        """In the order of the columns, as `CsvWriter` has them; two may have one name."""
        worst, capture, is_judged = report.worst, report.capture, bool(report.findings)
        findings = {finding.label: finding for finding in report.findings}
        measured = {measurement.name: measurement.value for measurement in report.measurements}
        row: list[Any] = [
            storable(report.source_file),
            report.status,
            _text(report.error),
            _text("; ".join(report.notes)),
            storable(worst.label) if worst else None,
            (worst.level if worst else 1) if is_judged else None,
        ]
        for label in self._labels:
            finding = findings.get(label)
            row += [finding.level, finding.probability] if finding else [None, None]
        taken = capture.taken_at
        return [
            *row,
            *(measured.get(name) for name in MEASUREMENT_UNITS),
            FORMAT_VERSION,
            _text(capture.make),
            _text(capture.model),
            _text(capture.lens_model),
            taken.replace(tzinfo=None, microsecond=0) if taken else None,
            capture.exposure_time_s,
            capture.f_number,
            capture.iso,
            capture.exposure_bias_ev,
            capture.flash_fired,
            capture.orientation,
            capture.image_width,
            capture.image_height,
            capture.focal_length_mm,
            {storable(label): list(report.marginals[label]) for label in self._labels} if is_judged else None,
        ]


class _File:
    """A sink as the library takes one for a file.

    sink  takes the bytes
    """

    closed = False

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._at = 0
        self.is_given_up = False

    def write(self, content: pa.Buffer | bytes) -> int:
        if not self.is_given_up:
            self._sink.write(bytes(content))
        self._at += len(content)
        return len(content)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """The sink does so by itself."""

    def close(self) -> None:
        """Whoever opened the sink closes it."""

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _schema(labels: Sequence[str], metadata: dict[str, str]) -> pa.Schema:
    import pyarrow as pa

    text, word, level, number = pa.string(), pa.dictionary(pa.int32(), pa.string()), pa.int8(), pa.float64()
    names = [storable(label) for label in labels]
    types = [
        *(text, word, text, text, word, level),
        *(level, number) * len(names),
        *[number] * len(MEASUREMENT_UNITS),
        *(pa.int32(), word, word, word, pa.timestamp("ms"), number, number, pa.int64(), number),
        *(pa.bool_(), level, pa.int64(), pa.int64(), number),
    ]
    units = {name: {UNIT_KEY: unit} for name, unit in MEASUREMENT_UNITS.items()}
    fields = [
        pa.field(name, kind, metadata=units.get(name)) for name, kind in zip(csv_columns(names), types, strict=True)
    ]
    each = pa.struct([pa.field(name, pa.list_(number)) for name in names])
    return pa.schema([*fields, pa.field(MARGINALS, each)], metadata=metadata)


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def _text(text: str | None) -> str | None:
    """None where the CSV has an empty cell."""
    return storable(text) or None if text else None
