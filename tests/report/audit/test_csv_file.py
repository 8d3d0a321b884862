"""The CSV: its columns are a promise, its cells are safe, its rows are on disk at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from iqa_cli.photometry import MEASUREMENT_NAMES
from iqa_cli.records import PhotoReport
from iqa_cli.report.audit.csv_file import TEXT_COLUMNS, CsvWriter
from iqa_cli.report.output import OutputStream

if TYPE_CHECKING:
    from iqa_cli.hexgraph import HexGraph

Make = Callable[..., PhotoReport]
CAPTURE = (
    "Make,Model,LensModel,DateTimeOriginal,ExposureTime,FNumber,ISO,ExposureCompensation,Flash,Orientation,"
    "ImageWidth,ImageHeight,FocalLength"
)


def written(reports: list[PhotoReport], labels: tuple[str, ...]) -> tuple[list[str], list[dict[str, str]]]:
    stream = io.BytesIO()
    writer = CsvWriter(OutputStream(stream), labels)
    for report in reports:
        writer.write(report)
    writer.finish()
    reader = csv.DictReader(io.StringIO(stream.getvalue().decode("utf-8"), newline=""))
    rows = list(reader)
    return list(reader.fieldnames or []), rows


def test_columns_stand_in_the_promised_order(graph: HexGraph) -> None:
    columns, rows = written([], graph.label_names)
    labels = [f"{label}_{part}" for label in graph.label_names for part in ("level", "p")]
    first = ["SourceFile", "status", "error", "note", "worst_label", "worst_level"]
    assert columns == [*first, *labels, *MEASUREMENT_NAMES, "iqa.format_version", *CAPTURE.split(",")]
    assert rows == []


def test_a_judged_photo_fills_its_row_with_plain_numbers(judged: Make, graph: HexGraph) -> None:
    (row,) = written([judged("DCIM/a.jpg", {"dark": 3}, notes=("first", "second"))], graph.label_names)[1]
    expected = {
        "SourceFile": "DCIM/a.jpg",
        "status": "ok",
        "error": "",
        "note": "first; second",
        "worst_label": "dark",
        "worst_level": "3",
        "dark_level": "3",
        "dark_p": "0.9000",
        "bright_level": "1",
        "bright_p": "0.0100",
        "luma_mean": "0.5000",
        "lstar_mean": "0.50",
        "Make": "'=cmd|' /C calc'!A0",
        "Model": "Pixel, 9",
        "LensModel": "",
        "DateTimeOriginal": "2026:07:04 09:05:03",
        "ExposureTime": "0.000125",
        "FNumber": "1.8",
        "ISO": "100",
        "ExposureCompensation": "-0.333",
        "Flash": "0",
        "Orientation": "6",
        "ImageWidth": "4000",
        "ImageHeight": "3000",
    }
    assert {key: row[key] for key in expected} == expected


def test_a_fine_photo_has_no_worst_label_and_worst_level_1(judged: Make, graph: HexGraph) -> None:
    (row,) = written([judged("a.jpg")], graph.label_names)[1]
    assert (row["worst_label"], row["worst_level"]) == ("", "1")


def test_an_unreadable_photo_has_its_reason_and_nothing_else(unreadable: Make, graph: HexGraph) -> None:
    (row,) = written([unreadable("b.jpg", "cut off")], graph.label_names)[1]
    filled = {key: value for key, value in row.items() if value}
    assert filled == {
        "SourceFile": "b.jpg",
        "status": "unreadable",
        "error": "cut off",
        "iqa.format_version": "1",
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "  =", "＝"])
def test_names_that_a_spreadsheet_would_run_are_made_harmless(start: str, unreadable: Make, graph: HexGraph) -> None:
    (row,) = written([unreadable(f"{start}1+1.jpg")], graph.label_names)[1]
    assert row["SourceFile"] == f"'{start}1+1.jpg"


@pytest.mark.parametrize(
    "name", ['quo"te.jpg', "com,ma.jpg", "line\nfeed.jpg", "carriage\rreturn.jpg", "夜景.jpg", "a=b.jpg", "IMG-1.jpg"]
)
def test_other_names_come_back_as_they_were(name: str, unreadable: Make, graph: HexGraph) -> None:
    (row,) = written([unreadable(name)], graph.label_names)[1]
    assert row["SourceFile"] == name


def test_text_that_is_no_utf8_is_spelled_out(unreadable: Make, graph: HexGraph) -> None:
    (row,) = written([unreadable("caf\udce9.jpg", "nul \0 byte")], graph.label_names)[1]
    assert (row["SourceFile"], row["error"]) == ("caf\\udce9.jpg", "nul  byte")


def test_a_label_that_is_a_formula_is_harmless_in_the_header(graph: HexGraph) -> None:
    assert graph.label_names
    columns, _ = written([], ("=1+1",))
    assert "'=1+1_level" in columns


def test_a_mark_for_excel_stands_at_the_start_once(judged: Make, graph: HexGraph) -> None:
    plain, marked = io.BytesIO(), io.BytesIO()
    for stream, bom in ((plain, False), (marked, True)):
        writer = CsvWriter(OutputStream(stream), graph.label_names, bom=bom)
        writer.write(judged("夜景.jpg"))
        writer.write(judged("Übung.jpg"))
    assert marked.getvalue() == b"\xef\xbb\xbf" + plain.getvalue()
    assert not plain.getvalue().startswith(b"\xef\xbb\xbf")


def test_no_tag_of_exiftool_can_have_the_name_of_the_version(graph: HexGraph) -> None:
    """exiftool 13.58, Import.pm: a table with a name that does not match is refused."""
    columns, _ = written([], graph.label_names)
    strange = [column for column in columns if not re.fullmatch(r"([-_0-9A-Z]+:)*[-_0-9A-Z]+#?", column, re.IGNORECASE)]
    assert strange == ["iqa.format_version"]


def test_nothing_is_written_before_there_is_a_row(graph: HexGraph) -> None:
    stream = io.BytesIO()
    CsvWriter(OutputStream(stream), graph.label_names)
    assert stream.getvalue() == b""


def test_the_text_columns_are_all_those_that_hold_no_numbers(judged: Make, graph: HexGraph) -> None:
    (row,) = written([judged("a.jpg", {"dark": 3}, notes=("a note",))], graph.label_names)[1]
    texts = {column for column, cell in row.items() if cell and not re.fullmatch(r"-?\d+(\.\d+)?", cell)}
    assert texts == set(TEXT_COLUMNS) - {"error", "LensModel"}


def test_every_row_is_passed_on_before_the_next_is_asked_for(judged: Make, graph: HexGraph) -> None:
    stream = io.BytesIO()
    writer = CsvWriter(OutputStream(stream), graph.label_names)
    writer.write(judged("a.jpg"))
    assert stream.getvalue().count(b"\n") == 2
    writer.write(judged("b.jpg"))
    assert stream.getvalue().count(b"\n") == 3
    writer.finish()
    assert stream.getvalue().count(b"\n") == 3
    assert b"\r" not in stream.getvalue()
