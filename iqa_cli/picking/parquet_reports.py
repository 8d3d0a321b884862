"""Whole `PhotoReport`s back from Parquet, as `report/audit/parquet_file.py` writes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from iqa_cli.errors import InvalidInput
from iqa_cli.records import Capture, Finding, Measurement, PhotoReport
from iqa_cli.report.audit.csv_version import FORMAT_VERSION, VERSION_COLUMN
from iqa_cli.report.run import RUN_KEY, run_from_json

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from iqa_cli.picking.jsonl_rows import Runs

MAGIC = b"PAR1"
"""How such a file begins, and ends."""
_CAPTURE = {
    "make": "Make",
    "model": "Model",
    "lens_model": "LensModel",
    "taken_at": "DateTimeOriginal",
    "exposure_time_s": "ExposureTime",
    "f_number": "FNumber",
    "iso": "ISO",
    "exposure_bias_ev": "ExposureCompensation",
    "flash_fired": "Flash",
    "orientation": "Orientation",
    "image_width": "ImageWidth",
    "image_height": "ImageHeight",
    "focal_length_mm": "FocalLength",
}


def read_parquet_reports(path: str | os.PathLike[str], name: str, runs: Runs | None = None) -> Iterator[PhotoReport]:
    """The photos of a report in Parquet, one at a time; without what explains them.

    name    of it, for messages
    runs    takes what the report says of the run that wrote it
    raises  InvalidInput  if it is no such report, one of another version, or damaged
            MissingExtra  if there is nothing to read it with
    """
    # Imported here: it needs numpy, which those who pick from a CSV should not have to wait for.
    from iqa_cli.report.audit.parquet_file import MARGINALS, ROWS, UNIT_KEY, need_pyarrow

    need_pyarrow("a report in Parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    damaged = InvalidInput(
        f"{name}: no report of iqa assess in Parquet, or a damaged one",
        hint=f"iqa assess PATH --parquet {Path(name).name} writes one",
    )
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            run = run_from_json(json.loads(schema.metadata[RUN_KEY.encode()]))
            if runs is not None:
                runs.begun.append(run)
                runs.ended += 1  # a file that is not complete has no end that could be read
            units = {
                field.name: field.metadata[UNIT_KEY.encode()].decode()
                for field in schema
                if field.metadata and UNIT_KEY.encode() in field.metadata
            }
            labels = [field.name for field in schema.field(MARGINALS).type]
            for batch in file.iter_batches(batch_size=ROWS):
                for row in batch.to_pylist():
                    if row[VERSION_COLUMN] != FORMAT_VERSION:
                        raise InvalidInput(
                            f"{name}: a report of another version of iqa ({VERSION_COLUMN} {row[VERSION_COLUMN]!r}, "
                            f"this one reads {FORMAT_VERSION})",
                            hint=f"let this iqa assess write it: iqa assess PATH --parquet {Path(name).name}",
                        )
                    yield _report(row, row[MARGINALS], labels, units)
    except (pa.ArrowException, KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise damaged from None
    except OSError as error:  # as the library says it, of what is no Parquet as well
        raise damaged from error


def _report(
    row: Mapping[str, Any], marginals: Mapping[str, Any] | None, labels: list[str], units: Mapping[str, str]
) -> PhotoReport:
    """One photo. Raises KeyError, TypeError or ValueError if it is no report's."""
    return PhotoReport(
        source_file=row["SourceFile"],
        status=row["status"],
        error=row["error"],
        notes=() if row["note"] is None else (row["note"],),
        findings=tuple(Finding(label, row[f"{label}_level"], row[f"{label}_p"], "") for label in labels)
        if marginals is not None
        else (),
        marginals={label: tuple(marginals[label]) for label in labels} if marginals is not None else {},
        measurements=tuple(Measurement(name, row[name], unit) for name, unit in units.items())
        if marginals is not None
        else (),
        capture=Capture(**{field: row[column] for field, column in _CAPTURE.items()}),
    )
