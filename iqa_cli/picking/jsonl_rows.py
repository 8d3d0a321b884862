"""The rows of a report in JSON lines, as `report/audit/jsonl.py` writes them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from iqa_cli.errors import InvalidInput
from iqa_cli.picking.lines import Lines
from iqa_cli.picking.rows import STATUSES, Row
from iqa_cli.report.audit.jsonl import FORMAT_VERSION
from iqa_cli.report.run import run_from_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from iqa_cli.provenance import Provenance

_VERSIONS = (1, FORMAT_VERSION)
"""Those that are read. In the first all records are photos."""


@dataclasses.dataclass(slots=True)
class Runs:
    """What a report says of the runs that wrote it: of one, where nobody put several together."""

    begun: list[Provenance] = dataclasses.field(default_factory=list)
    """Where each comes from, in order; none in a report of an earlier version."""
    ended: int = 0
    """How many of them came to their end."""

    @property
    def is_cut_short(self) -> bool:
        """Whether one of them did not."""
        return self.ended < len(self.begun)


def jsonl_rows(file: BinaryIO, name: str) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    """Labels and rows.

    file    open for reading bytes
    name    of it, for messages
    raises  InvalidInput  if it is no report, one of another version, damaged, or cut off; the message names the line
            OSError       as reading does
    """
    labels: tuple[str, ...] = ()
    rows = []
    lines = Lines(file, name)
    for document in documents(lines):
        try:
            names, row = _row(document)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise lines.damaged("is no line of a report") from None
        if row.levels and names != labels:
            if labels:
                raise lines.damaged("has other labels than those before it")
            labels = names
        rows.append(row)
    return labels, tuple(rows)


def documents(lines: Lines, runs: Runs | None = None) -> Iterator[dict[str, Any]]:
    """The object of every photo, as it stands there; records of another type are passed over.

    runs    takes what is said of them; whole once all photos were given
    raises  InvalidInput  as `jsonl_rows` does
    """
    for line in lines:
        if not line.strip():
            continue
        if not lines.is_complete:
            raise lines.cut_off()
        document = _document(line, lines)
        match "photo" if document["format_version"] == 1 else document["type"]:
            case "photo":
                yield document
            case "run" if runs is not None:
                try:
                    runs.begun.append(run_from_json(document["run"]))
                except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
                    raise lines.damaged("is no line of a report") from None
            case "end" if runs is not None:
                runs.ended += 1
    if not lines.is_complete:
        raise lines.cut_off()


def _document(line: str, lines: Lines) -> dict[str, Any]:
    """One record, of a version that is read."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        raise lines.damaged("is no JSON") from None
    version = document.get("format_version") if isinstance(document, dict) else None
    if version is None or not {"source_file", "type"} & document.keys():
        raise lines.damaged("is no line of a report")
    if type(version) is not int or version not in _VERSIONS:
        raise InvalidInput(
            f"{lines.name}: a report of another version of iqa (format_version {version!r}, "
            f"this one reads {' and '.join(map(str, _VERSIONS))})",
            hint="let this iqa assess write it: iqa assess PATH --jsonl audit.jsonl",
        )
    if (version > 1 and "type" not in document) or (
        document.get("type", "photo") == "photo" and "source_file" not in document
    ):
        raise lines.damaged("is no line of a report")
    return dict(document)


def _row(document: dict[str, Any]) -> tuple[tuple[str, ...], Row]:
    """Labels and row of one object.

    raises  KeyError, TypeError, ValueError, AttributeError or OverflowError  if it is no report's
    """
    findings, capture = document["findings"], document["capture"]
    levels = tuple(finding["level"] for finding in findings)
    probabilities = tuple(finding["probability"] for finding in findings)
    taken_at, iso = capture["taken_at"], capture["iso"]
    if document["status"] not in STATUSES:
        raise ValueError
    if not all(isinstance(level, int) and level >= 1 for level in levels):
        raise ValueError
    if not all(0 <= probability <= 1 for probability in probabilities):
        raise ValueError
    return tuple(_text(finding["label"]) for finding in findings), Row(
        source_file=_text(document["source_file"]),
        also=None,
        status=document["status"],
        levels=levels,
        probabilities=probabilities,
        make=_text(capture["make"] or ""),
        model=_text(capture["model"] or ""),
        taken_at=dt.datetime.fromisoformat(taken_at).replace(tzinfo=None) if taken_at else None,
        iso=None if iso is None else int(iso),
    )


def _text(value: object) -> str:
    """A text that UTF-8 can hold, as all of a report can. Raises TypeError or ValueError for anything else."""
    if not isinstance(value, str):
        raise TypeError
    value.encode("utf-8")
    return value
