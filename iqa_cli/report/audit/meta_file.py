"""What stands beside the audit's CSV, which has no place for it: the run, as one JSON document.

format_version  1; changes when a key changes its meaning or goes, new keys may join without
type            "meta"
SourceFile      "none": without this key `exiftool -json=` would take the document for a photo's
file            the CSV it belongs to: {"name", "bytes", "sha256"}; with another hash it belongs to another file
run             where the numbers come from, from its begin to its end: see `report/run.py`
photos          how many there are, and how many of each status
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from iqa_cli.report.run import counts_as_json, ending_as_json, run_as_json
from iqa_cli.report.text import utf8

if TYPE_CHECKING:
    from iqa_cli.provenance import Ending, Provenance
    from iqa_cli.report.output import Sink

FORMAT_VERSION = 1
SUFFIX = ".meta.json"
"""Behind the name of the CSV."""


class Hashed:
    """A sink that knows what went through it.

    sink  takes the bytes
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self.size = 0
        """Bytes so far."""

    @property
    def sha256(self) -> str:
        """Of them, in hexadecimal digits."""
        return self._hash.hexdigest()

    def write(self, content: bytes) -> None:
        """Pass on. Raises as the sink does."""
        self._sink.write(content)
        self._hash.update(content)
        self.size += len(content)


def meta_json(name: str, written: Hashed, run: Provenance, ending: Ending) -> bytes:
    """The document as it is written: UTF-8, indented, a line feed at the end.

    name     of the CSV's file, without its folder
    written  the whole of it
    run      where its judgements come from
    ending   of that run
    """
    document = {
        "format_version": FORMAT_VERSION,
        "type": "meta",
        "SourceFile": "none",
        "file": {"name": utf8(name), "bytes": written.size, "sha256": written.sha256},
        "run": {**run_as_json(run), **ending_as_json(ending)},
        "photos": counts_as_json(ending),
    }
    return json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2).encode("utf-8") + b"\n"
