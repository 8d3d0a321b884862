"""Paths of a report lead back to the files that were meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from drawn import as_csv, as_jsonl, make_files, photo, spelled
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.photos.discover import as_utf8
from iqa_cli.photos.spelling import files_spelled
from iqa_cli.picking.places import Structure, base_of, find
from iqa_cli.picking.report import read_report

if TYPE_CHECKING:
    from pathlib import Path

    from iqa_cli.picking.rows import Report

NAMES = st.binary(min_size=1, max_size=12).filter(
    lambda name: not set(name) & set(b"/\0") and name not in (b".", b"..")
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder."""
    monkeypatch.chdir(tmp_path)


def report_of(*paths: str) -> Report:
    with open("audit.jsonl", "wb") as file:
        file.write(as_jsonl(map(photo, paths)))
    return read_report("audit.jsonl")


def found(report: Report, base: str = "") -> list[str]:
    return [os.fsdecode(os.fsencode(entry.path)) for entry in find(report.rows, report, base).photos]


@given(name=NAMES, folder=NAMES)
def test_a_file_of_any_name_is_found_by_what_a_report_calls_it(
    tmp_path_factory: pytest.TempPathFactory, name: bytes, folder: bytes
) -> None:
    top = os.fsencode(tmp_path_factory.mktemp("any"))
    path = os.path.join(top, folder, name)
    os.mkdir(os.path.dirname(path))
    with open(path, "wb"):
        pass
    assert files_spelled(as_utf8(os.fsdecode(path))) == [os.fsdecode(path)]
    assert files_spelled(as_utf8(os.fsdecode(path[len(top) + 1 :])), os.fsdecode(top)) == [os.fsdecode(path)]


@pytest.mark.parametrize(
    "name", [b"x\xe9.jpg", b"x\\xe9.jpg", b"\\xff\xff\\xff.jpg", b"\xe9" * 60, b"\xe9\\x", "é\\xc3".encode()]
)
def test_bytes_and_what_looks_like_them_are_told_apart(name: bytes) -> None:
    make_files(".", name)
    assert found(report_of(*spelled(name))) == [os.fsdecode(name)]


def test_two_files_that_are_spelled_alike_are_taken_together_or_not_at_all() -> None:
    make_files(".", b"D/x\xe9.jpg", b"D/x\\xe9.jpg", b"D/y.jpg")
    report = report_of("D/x\\xe9.jpg", "D/x\\xe9.jpg", "D/y.jpg")
    assert sorted(map(os.fsencode, found(report))) == [b"D/x\\xe9.jpg", b"D/x\xe9.jpg", b"D/y.jpg"]
    some = find(report.rows[1:], report)
    assert [entry.path for entry in some.photos] == ["D/y.jpg"]
    assert [row.source_file for row in some.unclear] == ["D/x\\xe9.jpg"]


def test_a_name_that_looks_like_a_formula_is_found_with_and_without_the_apostrophe() -> None:
    make_files(".", "=a.jpg", "'=b.jpg", "'c.jpg")
    with open("audit.csv", "wb") as file:
        file.write(as_csv(map(photo, ["=a.jpg", "'=b.jpg", "'c.jpg"])))
    assert found(read_report("audit.csv")) == ["=a.jpg", "'=b.jpg", "'c.jpg"]


def test_what_is_gone_is_told_and_a_file_named_twice_is_found_once() -> None:
    make_files(".", "a.jpg")
    result = find((report := report_of("a.jpg", "gone.jpg", "a.jpg", "x/\0.jpg")).rows, report)
    assert [entry.path for entry in result.photos] == ["a.jpg"]
    assert [row.source_file for row in result.gone] == ["gone.jpg", "x/\0.jpg"]


def test_relative_paths_start_here_and_else_at_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_files(".", "D/a.jpg", "elsewhere/x", "other/D/a.jpg")
    report = report_of("D/gone.jpg", "D/a.jpg")
    assert base_of(report) == ""
    monkeypatch.chdir("elsewhere")
    report = read_report("../audit.jsonl")
    assert base_of(report) == ".."
    assert found(report, "..") == ["../D/a.jpg"]
    monkeypatch.chdir("../other")
    assert base_of(read_report("../audit.jsonl")) == ""
    (tmp_path / "D" / "a.jpg").unlink()
    monkeypatch.chdir("../elsewhere")
    assert base_of(read_report("../audit.jsonl")) == ""


@pytest.mark.parametrize(
    ("paths", "below", "sources"),
    [
        (["D/1/a.jpg", "D/2/a.jpg"], ["1/a.jpg", "2/a.jpg"], ["D"]),
        (["D/1/a.jpg"], ["a.jpg"], ["D/1"]),
        (["./D/1/a.jpg", "./D/a.jpg"], ["1/a.jpg", "a.jpg"], ["D"]),
        (["D/1/a.jpg", "P/a.jpg"], ["D/1/a.jpg", "P/a.jpg"], ["D", "P"]),
        (["./D/1/a.jpg", "./P/a.jpg"], ["D/1/a.jpg", "P/a.jpg"], ["."]),
        (["a.jpg", "D/1/a.jpg"], ["a.jpg", "D/1/a.jpg"], ["D"]),
        (["D/1/../2/a.jpg", "D/1/a.jpg"], ["2/a.jpg", "1/a.jpg"], ["D"]),
        (["D/10/a.jpg", "D/1/a.jpg"], ["10/a.jpg", "1/a.jpg"], ["D"]),
        ([*spelled(b"\xff/1/a.jpg", b"\xff/2/a.jpg")], ["1/a.jpg", "2/a.jpg"], [os.fsdecode(b"\xff")]),
    ],
)
def test_folders_are_kept_below_the_one_that_holds_all(
    tmp_path: Path, paths: list[str], below: list[str], sources: list[str]
) -> None:
    make_files(
        tmp_path,
        "D/1/a.jpg",
        "D/2/a.jpg",
        "D/10/a.jpg",
        "D/a.jpg",
        "P/a.jpg",
        "a.jpg",
        b"\xff/1/a.jpg",
        b"\xff/2/a.jpg",
    )
    report = report_of(*paths)
    structure = Structure(report, "")
    assert [structure.below(path) for path in found(report)] == below
    assert [structure.spelled_below(row) for row in report.rows] == below
    assert structure.sources() == [os.path.realpath(source) for source in sources]


def test_absolute_paths_of_two_folders_under_the_root_have_two_sources(tmp_path: Path) -> None:
    make_files(tmp_path, "D/a.jpg")
    structure = Structure(report_of(f"{tmp_path}/D/a.jpg", "/nonesuch/b.jpg"), "")
    assert structure.below(f"{tmp_path}/D/a.jpg") == f"{tmp_path}/D/a.jpg".lstrip("/")
    assert structure.sources() == ["/" + tmp_path.parts[1]]
