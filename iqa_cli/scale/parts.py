"""The results of shards: one Parquet object for each, written once, the same bytes whoever makes it.

    part/00042.parquet   key, raw, etag (as in the manifest, in its order), state, report

state   what became of the photo: ok, uncertain, damaged or unreadable as in the report; changed or vanished since the
        plan; denied, if it may not be read; error, if it ended or held up whoever read it, or the store
        gives others and not it. The last four are reports
        with the status unreadable
report  JSON of the whole `PhotoReport` but its path, as `cache.codec` writes it
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from iqa_cli.cache import codec
from iqa_cli.errors import RunError
from iqa_cli.scale.card import FORMAT_VERSION
from iqa_cli.scale.manifest import arrow, packed_table, unpacked_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.records import PhotoReport
    from iqa_cli.scale.card import Run
    from iqa_cli.scale.listing import Entry
    from iqa_cli.stores.places import Place

FOLDER = "part"
AHEAD = 4
"""Shards that whoever reads them all reads at a time: each holds up to some ten megabytes, and a store answers many."""


class Row(NamedTuple):
    """What became of one photo."""

    key: str
    raw: bytes | None
    etag: str
    state: str
    report: bytes


def part_name(number: int) -> str:
    """Of a shard's result."""
    return f"{FOLDER}/{number:05}.parquet"


def row_of(entry: Entry, state: str, report: PhotoReport) -> Row:
    """A photo's row."""
    return Row(entry.key, entry.raw, entry.etag, state, codec.pack(report))


def report_of(row: Row, name: str) -> PhotoReport:
    """The report of a row; `name` stands in front of its key."""
    return codec.unpack(row.report, name + row.key)


def pack_part(run: Run, number: int, rows: Sequence[Row]) -> bytes:
    """A result as it is written."""
    pa = arrow()
    kinds = (pa.string(), pa.binary(), pa.string(), pa.string(), pa.binary())
    columns = list(zip(*rows, strict=True))
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    meta = {
        "format_version": FORMAT_VERSION,
        "run": run.id,
        "shard": number,
        "rows": len(rows),
        "sha256": _digest(rows),
        "iqa": run.settings.iqa,
        "records": run.settings.records,
    }
    return packed_table(pa.table(arrays, names=list(Row._fields)), meta)


def unpack_part(content: bytes, run: Run, number: int, where: str) -> list[Row]:
    """The rows of a result.

    raises  RunError  if it is damaged, or not of this shard of this run
    """
    table, meta = unpacked_table(content, where)
    if (meta.get("run"), meta.get("shard")) != (run.id, number):
        raise RunError(
            f"{where} is of shard {meta.get('shard')} of run {meta.get('run')}, not of shard {number} of {run.id}",
            hint="move it away; iqa run --resume makes it anew",
        )
    try:
        rows = [Row(*row) for row in zip(*(table.column(name).to_pylist() for name in Row._fields), strict=True)]
    except (KeyError, UnicodeDecodeError):
        rows = []
    if len(rows) != meta.get("rows") or _digest(rows) != meta.get("sha256"):
        raise RunError(
            f"{where} is damaged: its rows are not those that were written",
            hint="move it away; iqa run --resume makes it anew",
        )
    return rows


def read_part(place: Place, run: Run, number: int) -> list[Row]:
    """The rows of a shard's result.

    raises  RunError    if it is missing, damaged, or of another run
            StoreError  if the store does not answer
    """
    name = part_name(number)
    content = place.must_get(name, "iqa run --resume makes it")
    return unpack_part(content, run, number, place.where(name))


def done_shards(place: Place, run: Run) -> set[int]:
    """Numbers of the shards that have a result."""
    there = set(place.names(FOLDER))
    return {number for number in range(len(run.shards)) if part_name(number) in there}


def _digest(rows: Sequence[Row]) -> str:
    """Of all that rows hold, whatever their file looks like."""
    digest = hashlib.sha256()
    for row in rows:
        for field in (row.key.encode(), row.raw or b"", row.etag.encode(), row.state.encode(), row.report):
            digest.update(len(field).to_bytes(8, "big") + field)
    return digest.hexdigest()
