"""The audit as JSON lines: a record of the run, one per photo with everything a `PhotoReport` knows, one of the end.

UTF-8, a line feed after each object, no NaN. `format_version` changes when a key changes its meaning or goes;
new keys may join without, and so may new types of records. Of every record:

    format_version  2; in 1 all records were photos, and none had a type
    type            run, photo or end
    SourceFile      "none": without this key `exiftool -json=` writes what is said of one photo into all

The first record has the `run` as `report/run.py` says it. The last one has `ended`, `seconds`, `remembered` and
`photos`, which counts them by status; a file without it was cut short. Those of photos:

    source_file     the photo's path
    status          ok, uncertain, damaged, unreadable
    error           why it is unreadable, or null
    notes           list of texts
    worst           {"label", "level"} or null
    findings        per label in graph order {"label", "level", "probability", "evidence", "margin", "nearly",
                    "measured"}:
                    margin is the probability of the level less that of its likelier neighbour, nearly that neighbour
                    if the margin is small, else null; measured is "fits", "less" or "more" for what the measurements
                    say to the level, null where the checkpoint does not tell what is usual
    marginals       label: probabilities of its levels, 1..K in order
    independent     label: the same if no rule between labels held; {} if no explanation was asked for
    influence       which rules changed which label, the largest shift first: {"rules", "between", "label", "level",
                    "before", "without", "after"}; rules are JSON pointers into the graph, the last three are the
                    probability of that level or worse with no rule, with all rules but these, and with all rules
    measurements    name: {"value", "unit"}
    capture         the fields of `Capture`; `taken_at` as ISO 8601 without a zone; null where unknown

Probabilities and measurements are rounded to six decimals: more would be noise.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any

from iqa_cli.report.run import counts_as_json, ending_as_json, run_as_json
from iqa_cli.report.text import utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.provenance import Ending, Provenance
    from iqa_cli.records import PhotoReport
    from iqa_cli.report.output import Sink

FORMAT_VERSION = 2


class JsonLinesWriter:
    """Writes a line per record, each flushed; that of the run comes with the first photo.

    sink  takes the bytes
    run   where the judgements come from
    """

    def __init__(self, sink: Sink, run: Provenance) -> None:
        self._sink = sink
        self._run = run
        self._has_begun = False

    def write(self, report: PhotoReport) -> None:
        """Append one photo."""
        self._begin()
        self._write(report_as_json(report))

    def finish(self, ending: Ending) -> None:
        """Append what is known at the end: without it the file tells that it was cut short."""
        self._begin()
        self._write({**_head("end"), **ending_as_json(ending), "photos": counts_as_json(ending)})

    def _begin(self) -> None:
        """Not at once: a run that fails before its first photo has nothing to say."""
        if not self._has_begun:
            self._has_begun = True
            self._write({**_head("run"), "run": run_as_json(self._run)})

    def _write(self, record: Mapping[str, Any]) -> None:
        line = json.dumps(record, ensure_ascii=False, allow_nan=False)
        self._sink.write(line.encode("utf-8") + b"\n")


def _head(kind: str) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, "type": kind, "SourceFile": "none"}


def report_as_json(report: PhotoReport) -> dict[str, Any]:
    """The object of one photo, ready for `json.dumps`."""
    worst = report.worst
    document: dict[str, Any] = {
        **_head("photo"),
        "source_file": report.source_file,
        "status": report.status,
        "error": report.error,
        "notes": list(report.notes),
        "worst": {"label": worst.label, "level": worst.level} if worst else None,
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
        "marginals": {label: list(row) for label, row in report.marginals.items()},
        "independent": {label: list(row) for label, row in report.independent.items()},
        "influence": [dataclasses.asdict(entry) for entry in report.influence],
        "measurements": {entry.name: {"value": entry.value, "unit": entry.unit} for entry in report.measurements},
        "capture": dataclasses.asdict(report.capture),
    }
    return {key: _plain(value) for key, value in document.items()}


def _plain(value: Any) -> Any:
    """The value as JSON can hold it, all the way down."""
    match value:
        case dict():
            return {utf8(key): _plain(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_plain(entry) for entry in value]
        case str():
            return utf8(value)
        case float():
            return round(value, 6) if math.isfinite(value) else None
        case dt.datetime():
            return value.replace(tzinfo=None).isoformat()
        case _:
            return value
