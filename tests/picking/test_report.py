"""Reports are read back as they were written; what is no whole report is refused in words."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from typing import TYPE_CHECKING

import pytest
from drawn import LABELS, TAKEN, as_csv, as_jsonl, photo

from iqa_cli.errors import InvalidInput
from iqa_cli.picking.conditions import Conditions, select
from iqa_cli.picking.report import read_report
from iqa_cli.records import Finding, PhotoReport
from iqa_cli.report.audit.csv_file import CsvWriter
from iqa_cli.report.output import OutputStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

FORMS = pytest.mark.parametrize("write", [as_csv, as_jsonl])
PHOTOS = [
    photo("DCIM/a.jpg", 3, 0.75, make="=Maker", model="Model, 8", iso=200, taken_at=TAKEN),
    photo("DCIM/caf\\xe9 雪.jpg", 1, 0.25, status="uncertain"),
    photo("DCIM/line\nend.jpg", 4, 1.0, status="damaged"),
    photo("-DCIM/b.jpg", status="unreadable", make="Maker"),
]


def test_what_is_no_report_by_its_kind_is_told_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder") as caught:
        read_report(tmp_path)
    assert f"iqa assess {tmp_path} --csv" in (caught.value.hint or "")
    summary = b'{\n  "format_version": 1,\n  "SourceFile": "none",\n  "run": {"iqa": "1"}}\n'
    assert "names no photos" in refusal(tmp_path / "audit.json", summary)


def refusal(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        read_report(path)
    return str(caught.value)


def with_version(*version: str) -> bytes:
    """A report that says that it is of this version; without one it has no column for it."""
    header, *rows = csv.reader(io.StringIO(as_csv(PHOTOS).decode(), newline=""))
    at = header.index("iqa.format_version")
    content = io.StringIO(newline="")
    csv.writer(content, lineterminator="\n").writerows(
        [*row[:at], *(cell if version else ()), *row[at + 1 :]]
        for row, cell in [(header, header[at : at + 1]), *((row, version) for row in rows)]
    )
    return content.getvalue().encode()


def test_a_report_of_before_there_was_a_version_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_bytes(with_version())
    (tmp_path / "new.csv").write_bytes(as_csv(PHOTOS))
    assert read_report(tmp_path / "old.csv").rows == read_report(tmp_path / "new.csv").rows


@FORMS
def test_rows_are_as_they_were_written(tmp_path: Path, write: Callable[[Iterable[PhotoReport]], bytes]) -> None:
    path = tmp_path / "audit"
    path.write_bytes(write(PHOTOS))
    report = read_report(path)
    assert report.labels == LABELS
    assert [(row.source_file, row.status) for row in report.rows] == [(p.source_file, p.status) for p in PHOTOS]
    assert [row.levels for row in report.rows] == [(1, 3, 1), (1, 1, 1), (1, 4, 1), ()]
    assert [row.probabilities[1:2] for row in report.rows] == [(0.75,), (0.25,), (1.0,), ()]
    assert [row.worst_level for row in report.rows] == [3, 1, 4, 0]
    first, *_, last = report.rows
    assert (first.make, first.model, first.iso, first.taken_at) == ("=Maker", "Model, 8", 200, TAKEN)
    assert (last.make, last.model, last.iso, last.taken_at) == ("Maker", "", None, None)


def test_a_report_that_a_spreadsheet_saved_with_a_mark_and_other_line_ends_is_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    path.write_bytes(b"\xef\xbb\xbf" + as_csv(PHOTOS[:2]).replace(b"\n", b"\r\n") + b"\r\n")
    assert [row.source_file for row in read_report(path).rows] == [p.source_file for p in PHOTOS[:2]]


def test_a_cell_that_begins_with_an_apostrophe_keeps_both_ways_to_read_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.csv"
    path.write_bytes(as_csv([photo("=x.jpg"), photo("'=x.jpg"), photo("'x.jpg")]))
    assert [(row.source_file, row.also) for row in read_report(path).rows] == [
        ("=x.jpg", "'=x.jpg"),
        ("=x.jpg", "'=x.jpg"),
        ("'x.jpg", None),
    ]


ZONED = TAKEN.replace(tzinfo=dt.timezone(dt.timedelta(hours=2)))


@pytest.mark.parametrize(
    "content",
    [
        as_csv([photo("a.jpg", taken_at=TAKEN)]).replace(b"12:30:15", b"12:30:15+02:00"),
        as_jsonl([photo("a.jpg", taken_at=ZONED)]),
        as_jsonl([photo("a.jpg", taken_at=TAKEN)]).replace(b"12:30:15", b"12:30:15Z"),
    ],
)
def test_a_time_with_a_zone_is_the_cameras_clock(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "audit").write_bytes(content)
    report = read_report(tmp_path / "audit")
    assert [row.taken_at for row in report.rows] == [TAKEN]
    assert select(report, Conditions(since=TAKEN, until=TAKEN + dt.timedelta(seconds=1))).rows == report.rows


@pytest.mark.parametrize(
    "labels",
    [("worst", "dark"), ("dark", "worst"), ("dark",), ("worst",), ("dark", "worst_level"), ("worst_label", "worst")],
)
def test_no_label_is_taken_for_the_column_of_the_worst(tmp_path: Path, labels: tuple[str, ...]) -> None:
    findings = tuple(Finding(label, 2 + number, 0.5 + number / 4, "") for number, label in enumerate(labels))
    content = io.BytesIO()
    CsvWriter(OutputStream(content), labels).write(PhotoReport("a.jpg", "ok", findings=findings))
    (tmp_path / "audit").write_bytes(content.getvalue())
    report = read_report(tmp_path / "audit")
    assert report.labels == labels
    assert report.rows[0].levels == tuple(finding.level for finding in findings)
    assert report.rows[0].probabilities == tuple(finding.probability for finding in findings)


def test_the_column_of_the_worst_may_stand_elsewhere_or_lack(tmp_path: Path) -> None:
    header, row, _ = as_csv(PHOTOS[:1]).decode().split("\n")
    cells = [header.split(","), next(csv.reader([row]))]
    at = cells[0].index("worst_level")
    for order in ([*range(at), *range(at + 1, len(cells[0]))], [*range(at), *range(at + 1, len(cells[0])), at]):
        content = io.StringIO()
        csv.writer(content).writerows([[line[index] for index in order] for line in cells])
        (tmp_path / "audit").write_text(content.getvalue(), encoding="utf-8", newline="")
        assert read_report(tmp_path / "audit").labels == LABELS


@FORMS
def test_a_report_cut_off_anywhere_but_behind_a_line_is_refused(
    tmp_path: Path, write: Callable[[Iterable[PhotoReport]], bytes]
) -> None:
    content = write(PHOTOS[:3:2])
    whole = [len(content), *(len(write(PHOTOS[:n])) for n in (0, 1))]
    if write is as_jsonl:
        whole = [place + 1 for place, byte in enumerate(content) if byte == ord("\n")]
    for end in {
        *range(1, len(content), 11),
        *(n + near for n in whole for near in (-2, -1, 1) if 0 < n + near < len(content)),
    }:
        if end not in whole:
            assert "cut off in line" in refusal(tmp_path / "audit", content[:end])
    for end in whole:
        (tmp_path / "audit").write_bytes(content[:end])
        if end:
            read_report(tmp_path / "audit")


def photo_lines(photos: Iterable[PhotoReport]) -> bytes:
    """The records of photos alone, as after a `grep`."""
    return b"".join(as_jsonl(photos).splitlines(keepends=True)[1:-1])


def changed(content: bytes, **keys: object) -> bytes:
    """JSON lines with other values in each."""
    return b"".join(json.dumps({**json.loads(line), **keys}).encode() + b"\n" for line in content.splitlines())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the report is empty"),
        (b"filename,dark\na.jpg,2\n", "no report of iqa assess (its first line has no column SourceFile)"),
        (b"SourceFile,status\n", "another version of iqa, or one that was changed (no column Make)"),
        (as_csv(PHOTOS).replace(b"dark_p,", b"dark_q,"), "(no column dark_p)"),
        (with_version("2"), "of another version of iqa (iqa.format_version 2, this one reads 1)"),
        (as_csv(PHOTOS[:1]).replace(b",ok,", b",fine,"), 'line 2 has the status "fine", nothing was done'),
        (as_csv(PHOTOS[:1]).replace(b",0.7500,", b",1.7500,"), "line 2 holds what no report does"),
        (as_csv(PHOTOS[:1]).replace(b",3,", b",0,"), "line 2 holds what no report does (a level of 0)"),
        (as_csv(PHOTOS[:1]) + b"x,ok\n" + as_csv(PHOTOS[3:]), "line 3 has 2 cells where the first line has"),
        (as_csv(PHOTOS[:1]) + b'a"b,"x"y\n' + as_csv(PHOTOS[3:]), "line 3 is no CSV"),
        (as_csv(PHOTOS[:1]).replace(b"a.jpg", b"\xe4.jpg"), "line 2 is not UTF-8"),
        (
            changed(photo_lines(PHOTOS), format_version=3),
            "another version of iqa (format_version 3, this one reads 1 and 2)",
        ),
        (changed(photo_lines(PHOTOS), status="fine"), "line 1 is no line of a report"),
        (changed(photo_lines(PHOTOS), findings=[{"label": "dark", "level": "2"}]), "line 1 is no line of a report"),
        (changed(photo_lines(PHOTOS), capture=None), "line 1 is no line of a report"),
        (changed(photo_lines(PHOTOS), source_file="\ud800.jpg"), "line 1 is no line of a report"),
        *(
            (photo_lines(PHOTOS[:1]).replace(old, new), "line 1 is no line of a report")
            for old, new in [
                (b'"iso": 200', b'"iso": Infinity'),
                (b'"make": "=Maker"', b'"make": 5'),
                (b'"model": "Model, 8"', b'"model": ["x"]'),
                (b'"taken_at": "', b'"taken_at": "x'),
                (b'"label": "dark"', b'"label": 5'),
            ]
        ),
        (photo_lines(PHOTOS[:1]) + b"{,}\n" + photo_lines(PHOTOS[1:2]), "line 2 is no JSON"),
        (photo_lines(PHOTOS[:1]) + b"\n[1]\n", "line 3 is no line of a report"),
        (photo_lines(PHOTOS[:1]) + photo_lines(PHOTOS[1:2]).replace(b'"dark"', b'"dim"'), "line 2 has other labels"),
        (b'{"format_version": 1,\n "photos": []}\n', "line 1 is no JSON"),
    ],
)
def test_what_is_no_report_of_this_version_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    message = refusal(tmp_path / "audit", content)
    assert message.startswith(f"{tmp_path / 'audit'}: ")
    assert said in message


def test_lines_without_the_record_of_the_run_are_a_report(tmp_path: Path) -> None:
    (tmp_path / "audit").write_bytes(photo_lines(PHOTOS))
    rows = read_report(tmp_path / "audit").rows
    (tmp_path / "audit").write_bytes(as_jsonl(PHOTOS))
    assert read_report(tmp_path / "audit").rows == rows
    (tmp_path / "audit").write_bytes(as_jsonl(PHOTOS[:1]) + as_jsonl(PHOTOS[1:]))
    assert read_report(tmp_path / "audit").rows == rows


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{\n  "format_version": 1,\n  "type": "meta",', "give the CSV: "),
        (b"PAR1\x15\x04", "this is a report in Parquet"),
    ],
)
def test_other_files_of_an_audit_are_told_from_reports(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refusal(tmp_path / "audit", content)


@pytest.mark.parametrize("name", ["missing.csv", "nul\0.csv"])
def test_what_cannot_be_opened_is_refused_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_report(f"{tmp_path}/{name}")
