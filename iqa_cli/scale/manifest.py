"""Shards of the manifest: which photos a run is about, frozen before the first is judged.

manifest/00042.parquet   key, raw, size, etag, modified_us; in the order of the keys, a contiguous piece of them
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from iqa_cli.errors import MissingExtra, RunError
from iqa_cli.scale.card import FORMAT_VERSION, left_out_json
from iqa_cli.scale.listing import Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iqa_cli.photos.left_out import LeftOut
    from iqa_cli.scale.card import Run
    from iqa_cli.stores.places import Place

FOLDER = "manifest"
SHARD_ROWS = 10_000
"""Photos in a shard: minutes of work, a result of a few megabytes, 10,000 shards for 100 million photos."""
META = b"iqa"
"""Key of what we say of a file in its Parquet metadata: a JSON object."""


def shard_name(number: int) -> str:
    """Of a shard of the manifest."""
    return f"{FOLDER}/{number:05}.parquet"


def pack_shard(entries: Sequence[Entry], left_out: LeftOut, skipped: Sequence[tuple[str, str]]) -> bytes:
    """A shard as it is written.

    left_out  what was passed over since the shard before
    skipped   folders that could not be searched, and why, so far
    """
    pa = arrow()
    columns = list(zip(*entries, strict=True))
    kinds = (pa.string(), pa.int64(), pa.string(), pa.int64(), pa.binary())
    meta = {"format_version": FORMAT_VERSION, "passed_over": left_out_json(left_out), "skipped": [*skipped]}
    arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    return packed_table(pa.table(arrays, names=list(Entry._fields)), meta)


def unpack_shard(content: bytes, where: str) -> tuple[list[Entry], dict[str, Any]]:
    """The entries of a shard, and what its metadata say.

    raises  RunError  if it is none
    """
    table, meta = unpacked_table(content, where)
    try:
        return [
            Entry(*row) for row in zip(*(table.column(name).to_pylist() for name in Entry._fields), strict=True)
        ], meta
    except (KeyError, UnicodeDecodeError) as error:
        raise RunError(f"{where} is damaged ({error})", hint="iqa verify says what is left of the run") from None


def read_shard(place: Place, run: Run, number: int) -> list[Entry]:
    """The entries of a shard, which has to be the one that was planned.

    raises  RunError    if it is missing or damaged
            StoreError  if the store does not answer
    """
    name = shard_name(number)
    hint = "plan again with another --out: without it nobody knows which photos it held"
    content = place.must_get(name, hint)
    if hashlib.sha256(content).hexdigest() != run.shards[number].sha256:
        raise RunError(f"{place.where(name)} is damaged: it is not what was planned", hint=hint)
    return unpack_shard(content, place.where(name))[0]


def packed_table(table: Any, meta: Mapping[str, Any]) -> bytes:
    """A table as a Parquet file: the same bytes for the same table."""
    pa = arrow()
    from pyarrow import parquet

    table = table.replace_schema_metadata({META: json.dumps(meta, sort_keys=True).encode()})
    sink = pa.BufferOutputStream()
    parquet.write_table(table, sink, compression="zstd", row_group_size=1024, write_page_checksum=True)
    return bytes(sink.getvalue())


def unpacked_table(content: bytes, where: str) -> tuple[Any, dict[str, Any]]:
    """The table of a Parquet file of ours, and its metadata.

    raises  RunError  if it is none, or damaged
    """
    pa = arrow()
    from pyarrow import ArrowException, parquet

    try:
        # In this thread: a thread of Arrow's that still reads by a file of Python's aborts a process that ends.
        file = pa.BufferReader(content)
        table = parquet.read_table(file, use_threads=False, pre_buffer=False, page_checksum_verification=True)
        meta = json.loads((table.schema.metadata or {})[META])
    except (ArrowException, OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:120]
        raise RunError(f"{where} is damaged ({reason})", hint="iqa verify says what is left of the run") from None
    return table, meta


def arrow() -> Any:
    """pyarrow; raises MissingExtra without it."""
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtra("an audit over object storage", "pyarrow", "scale") from None
    return pa
