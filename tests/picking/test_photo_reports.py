"""Whole reports back from JSON lines."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest
from drawn_run import ENDING, RUN

from iqa_cli.errors import InvalidInput
from iqa_cli.picking.jsonl_rows import Runs
from iqa_cli.picking.photo_reports import read_photo_reports
from iqa_cli.records import Capture, Finding, Measurement, PhotoReport
from iqa_cli.report.audit.jsonl import JsonLinesWriter
from iqa_cli.report.output import OutputFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JUDGED = PhotoReport(
    "DCIM/照片 1.jpg",
    "ok",
    notes=("transparent areas are shown on white",),
    findings=(
        Finding("dark", 3, 0.875, "mean L* 9", margin=0.05, nearly=2, measured="fits"),
        Finding("bright", 1, 0.125, ""),
    ),
    marginals={"dark": (0.125, 0.25, 0.5, 0.125), "bright": (0.875, 0.125, 0.0, 0.0)},
    measurements=(Measurement("luma_median", 0.25, "luma"), Measurement("lstar_std", 12.5, "lstar")),
    capture=Capture(
        make="Maker",
        model="Phone 1",
        taken_at=dt.datetime(2026, 7, 4, 9, 5, 3),  # noqa: DTZ001 - EXIF knows no zone
        exposure_time_s=0.008,
        iso=100,
        flash_fired=False,
        orientation=6,
    ),
)
GONE = PhotoReport("DCIM/b.jpg", "unreadable", error="the file is empty (0 bytes)")


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(*reports: PhotoReport) -> Path:
        with OutputFile(tmp_path / "audit.jsonl") as sink:
            writer = JsonLinesWriter(sink, RUN)
            for report in reports:
                writer.write(report)
            writer.finish(ENDING)
            sink.commit()
        return tmp_path / "audit.jsonl"

    return write


def test_what_was_written_is_read_back(written: Callable[..., Path]) -> None:
    explained = dataclasses.replace(JUDGED, independent=JUDGED.marginals)
    assert list(read_photo_reports(written(explained, GONE))) == [JUDGED, GONE]


def as_version_1(report: Path) -> None:
    """As it was before there were other records than photos."""
    photos = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()[1:-1]]
    lines = [json.dumps({"format_version": 1, **{key: photo[key] for key in list(photo)[2:]}}) for photo in photos]
    report.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def test_a_report_of_the_first_version_is_read_too(written: Callable[..., Path]) -> None:
    report = written(JUDGED, GONE)
    as_version_1(report)
    runs = Runs()
    assert list(read_photo_reports(report, runs)) == [JUDGED, GONE]
    assert (runs.begun, runs.is_cut_short) == ([], False)


def test_what_a_report_says_of_its_run_is_read_with_it(written: Callable[..., Path]) -> None:
    report, runs = written(JUDGED), Runs()
    list(read_photo_reports(report, runs))
    assert (runs.begun, runs.is_cut_short) == ([RUN], False)
    report.write_bytes(b"".join(report.read_bytes().splitlines(keepends=True)[:-1]))
    runs = Runs()
    assert list(read_photo_reports(report, runs)) == [JUDGED]
    assert (runs.begun, runs.is_cut_short) == ([RUN], True)


def test_records_of_a_type_that_comes_later_are_passed_over(written: Callable[..., Path]) -> None:
    report = written(JUDGED)
    with report.open("a", encoding="utf-8") as file:
        file.write('{"format_version": 2, "type": "weather", "SourceFile": "none"}\n')
    assert list(read_photo_reports(report)) == [JUDGED]


def change(document: dict[str, Any], *path: str | int, to: Any) -> str:
    """The line with one value changed."""
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = to
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("findings", 0, "level"), 5),
        (("findings", 0, "level"), "3"),
        (("findings", 0, "label"), "bright"),
        (("findings", 0, "probability"), 2),
        (("marginals", "dark", 0), float("nan")),
        (("marginals", "dark", 0), True),
        (("measurements", "luma_median", "value"), "0.25"),
        (("measurements", "luma_median"), {}),
        (("capture", "taken_at"), "yesterday"),
        (("capture", "flash_fired"), "maybe"),
        (("capture", "iso"), "100"),
        (("capture", "make"), 7),
        (("status",), "fine"),
        (("status",), "unreadable"),
        (("notes",), [1]),
        (("source_file",), "\ud800"),
        (("findings",), None),
    ],
)
def test_a_line_that_no_report_has_is_named(written: Callable[..., Path], path: tuple[str | int, ...], to: Any) -> None:
    report = written(GONE, JUDGED)
    run, first, second, _ = report.read_text(encoding="utf-8").splitlines()
    report.write_text(f"{run}\n{first}\n{change(json.loads(second), *path, to=to)}\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match="line 3"):
        list(read_photo_reports(report))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"SourceFile,status\n", "no report in JSON lines"),
        (b"{}\n", "line 1 is no line of a report"),
        (b'{"format_version": 1', "cut off in line 1"),
        (b'{"format_version": 9, "source_file": "a"}\n', "another version"),
        (b'{"format_version": 9, "type": "run"}\n', "another version"),
        (b'{"format_version": true, "type": "run"}\n', "another version"),
        (b'{"format_version": 2, "source_file": "a"}\n', "line 1 is no line of a report"),
        (b'{"format_version": 2, "type": "photo"}\n', "line 1 is no line of a report"),
        (b'{"format_version": 2, "type": "run", "run": {"iqa": 1}}\n', "line 1 is no line of a report"),
        (b"{\xff}\n", "line 1 is not UTF-8"),
        (b"\xef\xbb\xbf[]\n", "line 1"),
    ],
)
def test_what_is_no_report_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.jsonl").write_bytes(content)
    with pytest.raises(InvalidInput, match=said):
        list(read_photo_reports(tmp_path / "x.jsonl", Runs()))


def test_a_report_that_is_not_there_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.jsonl", "a\0b"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            list(read_photo_reports(path))
