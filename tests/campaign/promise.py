"""What was promised, and which of it a command broke.

Whatever the files are: an exit code that is documented, never that of a bug; one row per photo found; no traceback, no
hang; no file but the named outputs and the cache; no half report under its final name; and the same command afterwards,
left alone, gives the bytes that it would have given at once.
"""

from __future__ import annotations

import csv
import dataclasses
import enum
import io
import os
from typing import TYPE_CHECKING

from iqa_cli.photos.discover import as_utf8

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from campaign.arena import Arena, Ended

DOCUMENTED = frozenset({0, 1, 2, 3, 4, 130})
JUDGED = frozenset({0, 4})
"""Of a run over photos with nothing else wrong: done, or not one of them could be read."""
STATUSES = frozenset({"ok", "uncertain", "damaged", "unreadable"})
MOST_CPU_S = 5.0
"""For one photo, start of the command aside."""
MOST_MB = 1000.0
"""For one photo, and the command that reads it."""
START_S = 1.5
"""Of CPU for a command with nothing to do, on a slow day."""


class Kind(enum.StrEnum):
    """The columns of the summary."""

    LOST = "lost"
    """A photo without its row, or rows that are not what they should be."""
    HUNG = "hung"
    """Over the limit of time, or of CPU for one photo."""
    CODE = "wrong exit code"
    """Not documented, or not the one for this."""
    OTHER = "other"
    """A traceback, a file outside, a half report, too much memory, a text that was let through."""


@dataclasses.dataclass(frozen=True)
class Fault:
    """A promise that was broken."""

    kind: Kind
    what: str
    """In one line, for a person."""


def lost(what: str) -> Fault:
    return Fault(Kind.LOST, what)


def other(what: str) -> Fault:
    return Fault(Kind.OTHER, what)


def of_ending(ended: Ended, codes: Collection[int] = DOCUMENTED, *, is_told: bool = True) -> list[Fault]:
    """How a command ended: in time, with one of these codes, without a traceback.

    is_told  whether it has to say why it failed: it cannot while nothing at all can be written
    """
    name = " ".join(ended.command[:1])
    said = " | ".join(ended.err.strip().splitlines()[-3:])[-300:]
    if ended.is_hung:
        return [Fault(Kind.HUNG, f"{name}: not over after {ended.wall_s:.0f} s, {ended.cpu_s:.0f} s of CPU; {said}")]
    faults = []
    if ended.code not in codes:
        allowed = ", ".join(map(str, sorted(codes)))
        faults.append(Fault(Kind.CODE, f"{name}: exit code {ended.code}, not one of {allowed}; {said}"))
    for sign in ("Traceback (most recent call last)", "internal error", "bug in iqa", "Fatal Python error"):
        if sign in ended.err:
            faults.append(other(f"{name}: '{sign}' on stderr; {said}"))
            break
    if is_told and ended.code in DOCUMENTED - {0, 1} and not ended.err.strip():
        faults.append(other(f"{name}: exit code {ended.code} without a word"))
    return faults


def of_effort(ended: Ended) -> list[Fault]:
    """What a command over one photo took."""
    faults = []
    if ended.cpu_s > MOST_CPU_S + START_S:
        faults.append(
            Fault(Kind.HUNG, f"{ended.cpu_s - START_S:.1f} s of CPU for one photo; the limit is {MOST_CPU_S:g}")
        )
    if ended.peak_mb > MOST_MB:
        faults.append(other(f"{ended.peak_mb:.0f} MB for one photo; the limit is {MOST_MB:.0f}"))
    return faults


def of_place(arena: Arena, *named: str) -> list[Fault]:
    """Whether files lie where none belong."""
    return [other(f"left {stranger!r}") for stranger in arena.strangers(*named)]


def of_rows(content: bytes, photos: Iterable[Path]) -> list[Fault]:
    """Whether a CSV has one sound row for each photo, in the order of their names."""
    expected = sorted(as_utf8(os.fspath(path)).encode() for path in photos)
    try:
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        return [lost(f"the CSV cannot be read: {error}")]
    found = [(row.get("SourceFile") or "").encode() for row in rows]
    faults = []
    if found != expected:
        missing, unknown = set(expected) - set(found), set(found) - set(expected)
        example = next(iter(sorted(missing) or sorted(unknown)), b"")[-80:]
        what = f"{len(expected)} photos, {len(rows)} rows: {len(missing)} missing, {len(unknown)} unknown ({example!r})"
        faults.append(lost(what if missing or unknown else f"{what}, twice or not in order"))
    for row in rows:
        if None in row or None in row.values():
            faults.append(lost(f"a row has other columns than the header: {list(row.values())[:3]}"))
        elif row["status"] not in STATUSES or (row["status"] == "unreadable") != bool(row["error"]):
            faults.append(lost(f"{row['SourceFile']}: status {row['status']!r} with error {row['error']!r}"))
    return faults[:5]


def of_bytes(found: bytes | None, expected: bytes, what: str) -> list[Fault]:
    """Whether a file is what it should be."""
    if found == expected:
        return []
    if found is None:
        return [lost(f"{what}: not there")]
    pairs = zip(found.splitlines(), expected.splitlines(), strict=False)
    for number, (line, right) in enumerate(pairs, 1):
        if line != right:
            return [lost(f"{what}: line {number} is {line[-160:]!r} instead of {right[-160:]!r}")]
    return [lost(f"{what}: {len(found)} bytes instead of {len(expected)}, the same as far as they go")]


def content_of(path: Path) -> bytes | None:
    """What a file holds; None if it is not there."""
    return path.read_bytes() if path.is_file() else None
