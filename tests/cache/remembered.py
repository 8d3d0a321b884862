"""Reports to remember, and remembering them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sqlite3
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import iqa_cli
from iqa_cli.cache import Cache
from iqa_cli.cache.place import FILE
from iqa_cli.records import Capture, Finding, Influence, Measurement, PhotoRef, PhotoReport, Thumbnail

ROOT = Path(iqa_cli.__file__).parents[1]
TAKEN_AT = dt.datetime(2024, 2, 29, 23, 59, 59, 5)  # noqa: DTZ001 - the camera's clock has no zone
LONG_AGO_NS = 1_600_000_000_123_456_789
AWKWARD = (0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, float("inf"), 0.30000000000000004)


def report_of(path: Path | str, level: int = 2, evidence: str = "median luma 0.71") -> PhotoReport:
    """A report with something in every field."""
    return PhotoReport(
        str(path),
        "ok",
        notes=("an HDR picture (PQ curve)", "很亮"),
        findings=(
            Finding("too bright", level, 0.1 + 0.2, evidence, margin=-0.0, nearly=3, measured="more"),
            Finding("too dark", 1, 1 / 3, "", margin=5e-324),
        ),
        marginals={"too bright": AWKWARD[:4], "too dark": (1.0, 0.0)},
        independent={"too bright": (0.25, 0.75)},
        influence=(Influence(("/exclusions/0",), ("too bright", "too dark"), "too dark", 2, 0.5, 1 / 7, 0.25),),
        measurements=tuple(Measurement(f"luma_{place}", value, "luma") for place, value in enumerate(AWKWARD)),
        capture=Capture("Apple", None, "", TAKEN_AT, 1 / 60, 1.8, 50, -1 / 3, False, 6, 4032, 3024),
        thumbnail=Thumbnail(bytes(range(256)), b"", b"\0\xff"),
    )


def unreadable(path: Path | str, reason: str) -> PhotoReport:
    return PhotoReport(str(path), "unreadable", error=reason)


def remember(folder: Path, ref: PhotoRef, report: PhotoReport | None = None, context: str = "c", **how: Any) -> None:
    with Cache.open(folder, context, **how) as cache:
        assert cache.lookup([ref]) == [None]
        cache.store(ref, report or report_of(ref.source_file))


def remember_all(folder: Path, refs: list[PhotoRef]) -> None:
    with Cache.open(folder, "c") as cache:
        cache.lookup(refs)
        for ref in refs:
            cache.store(ref, report_of(ref.source_file))


def recall(folder: Path, ref: PhotoRef, context: str = "c", **how: Any) -> PhotoReport | None:
    with Cache.open(folder, context, **how) as cache:
        (found,) = cache.lookup([ref])
        assert cache.hits == (found is not None)
    return found


def bits(value: object) -> object:
    """A value in which floats are compared by their bits and nothing is equal across types."""
    if isinstance(value, float):
        return struct.pack("<d", value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value), [bits(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return [(key, bits(entry)) for key, entry in value.items()]
    if isinstance(value, tuple):
        return tuple, [bits(entry) for entry in value]
    return type(value), value


def recall_all(folder: Path, refs: list[PhotoRef]) -> list[PhotoReport | None]:
    with Cache.open(folder, "c") as cache:
        found = cache.lookup(refs)
    assert cache.notes == ()
    return found


def is_whole(folder: Path) -> bool:
    with sqlite3.connect(folder / FILE) as connection:
        answer: tuple[str] = connection.execute("PRAGMA integrity_check").fetchone()
    connection.close()
    return answer == ("ok",)
