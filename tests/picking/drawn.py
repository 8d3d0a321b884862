"""Reports written by the writers of `iqa assess`, small files that stand for photos, and what a folder holds."""

from __future__ import annotations

import datetime as dt
import io
import os
import stat
from typing import TYPE_CHECKING, Any

from drawn_run import ENDING, RUN

from iqa_cli.photos.discover import as_utf8
from iqa_cli.picking.jsonl_rows import jsonl_rows
from iqa_cli.picking.places import Structure, find
from iqa_cli.picking.plan import make_plan
from iqa_cli.picking.rows import Report
from iqa_cli.picking.undo import tidy, undo
from iqa_cli.picking.undo_list import read_undo_list
from iqa_cli.records import Capture, Finding, PhotoReport
from iqa_cli.report.audit.csv_file import CsvWriter
from iqa_cli.report.audit.jsonl import JsonLinesWriter
from iqa_cli.report.output import OutputStream

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from iqa_cli.picking.plan import Deed, Plan
    from iqa_cli.picking.undo import Undone

LABELS = ("bright", "dark", "over_suppressed")
TAKEN = dt.datetime(2024, 5, 1, 12, 30, 15)  # noqa: DTZ001 - a camera's clock


def photo(path: str, dark: int = 4, p: float = 0.9, *, status: str = "ok", **capture: Any) -> PhotoReport:
    """What an audit says of a photo: how dark it is; nothing else is wrong with it."""
    if status == "unreadable":
        return PhotoReport(path, status, error="the file is empty", capture=Capture(**capture))
    findings = (
        Finding("bright", 1, 0.001, ""),
        Finding("dark", dark, p, "median luma 0.02"),
        Finding("over_suppressed", 1, 0.02, ""),
    )
    return PhotoReport(path, status, findings=findings, capture=Capture(**capture))  # type: ignore[arg-type]


def as_csv(photos: Iterable[PhotoReport]) -> bytes:
    """The report in CSV."""
    content = io.BytesIO()
    writer = CsvWriter(OutputStream(content), LABELS)
    for report in photos:
        writer.write(report)
    writer.finish()
    return content.getvalue()


def as_jsonl(photos: Iterable[PhotoReport]) -> bytes:
    """The report in JSON lines."""
    content = io.BytesIO()
    writer = JsonLinesWriter(OutputStream(content), RUN)
    for report in photos:
        writer.write(report)
    writer.finish(ENDING)
    return content.getvalue()


def make_files(folder: Path, *names: str | bytes) -> None:
    """Files with a content, a time and rights of their own below a folder."""
    for name in names:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"photo " + os.fsencode(name) * 40)
        os.utime(path, ns=(10**18, 10**18 + 1_234_567 * len(name)))
        os.chmod(path, 0o640)


def spelled(*names: str | bytes) -> list[str]:
    """Names as a report spells them."""
    return [as_utf8(os.fsdecode(name)) for name in names]


def content_of(folder: Path) -> dict[bytes, object]:
    """Every path below a folder: bytes, time of writing and rights of a file; where a link leads; None for a folder."""
    found: dict[bytes, object] = {}
    for place, folders, files in os.walk(os.fsencode(folder)):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    found[path] = file.read(), status.st_mtime_ns, stat.S_IMODE(status.st_mode)
            else:
                found[path] = os.readlink(path) if stat.S_ISLNK(status.st_mode) else None
    return found


def plan_of(photos: Iterable[PhotoReport], target: str, deed: Deed = "move") -> Plan:
    """The plan for all photos of a report whose relative paths start here."""
    report = Report("audit.csv", "", LABELS, jsonl_rows(io.BytesIO(as_jsonl(photos)), "audit.csv")[1])
    return make_plan(find(report.rows, report), Structure(report, ""), target, deed)


def undone(path: Path) -> list[Undone]:
    """Undo a move by its list, whatever the problems, and tidy up; what became of each file."""
    undo_list = read_undo_list(path)
    entries = list(undo(undo_list))
    tidy(undo_list, [entry.moved for entry in entries if entry.problem is not None])
    return entries
