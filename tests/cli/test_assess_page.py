"""`iqa assess --html`: exit codes, what is printed, what is refused, and what the cache remembers."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from iqa_cli.photos import decode

if TYPE_CHECKING:
    from pathlib import Path

    from in_process import Run

FOREIGN = b"<!doctype html>\n<title>My holidays</title>"


def test_a_page_beside_the_table(iqa: Run, roll: Path, tmp_path: Path) -> None:
    page = tmp_path / "audit.html"
    without = iqa(roll)
    outcome = iqa(roll, "--html", page)
    assert outcome.code == 0
    assert outcome.err == ""
    assert outcome.out.splitlines()[:-1] == without.out.splitlines()[:-1]  # the last line has the time
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>\n<!-- iqa audit page, format_version 1 -->\n")
    assert all(name.name in text for name in roll.iterdir())
    assert [entry.name for entry in tmp_path.iterdir() if entry != roll] == ["audit.html"]


def test_a_second_run_opens_no_photo_and_makes_the_same_page(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for photo in roll.iterdir():
        os.utime(photo, (1_700_000_000, 1_700_000_000))
    page = tmp_path / "audit.html"
    iqa(roll, "--html", page)
    first = page.read_text(encoding="utf-8")
    monkeypatch.setattr(decode, "read_photo", None)
    monkeypatch.setattr("iqa_cli.pipeline.reading.read_photo", None)
    outcome = iqa(roll, "--html", page)
    assert outcome.code == 0
    assert "(8 remembered)" in outcome.out
    second = page.read_text(encoding="utf-8")
    run = 'class="run"'
    assert [line for line in first.splitlines() if run not in line] == [
        line for line in second.splitlines() if run not in line
    ]


@pytest.mark.parametrize("name", ["-", ""])
def test_a_page_needs_a_name(iqa: Run, roll: Path, name: str) -> None:
    outcome = iqa(roll, "--html", name)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err == "error: --html needs the name of a file\nhint: --html audit.html\n"


def test_what_would_be_lost_is_refused_before_any_work(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqa_cli.pipeline.Auditor.run", None)
    foreign = tmp_path / "holidays.html"
    foreign.write_bytes(FOREIGN)
    pictures = tmp_path / "trip_files"
    pictures.mkdir()
    (pictures / "logo.png").write_bytes(b"logo")
    photo = roll / "a_fine.png"
    before = photo.read_bytes()
    same = tmp_path / "same.html"
    for name, said in {
        foreign: "was not written by iqa",
        photo: "this is a photo",
        tmp_path / "no" / "such.html": "there is no such folder",
        tmp_path: "this is a folder",
        tmp_path / "trip.html": "trip_files: is there and was not made by iqa",
    }.items():
        outcome = iqa(roll, "--html", name)
        assert (outcome.code, outcome.out) == (2, "")
        assert str(name.parent) in outcome.err
        assert said in outcome.err
        assert "hint: " in outcome.err
    outcome = iqa(roll, "--csv", same, "--html", same)
    assert outcome.code == 2
    assert "--csv and --html both name" in outcome.err
    assert foreign.read_bytes() == FOREIGN
    assert photo.read_bytes() == before
    assert {entry.name for entry in tmp_path.iterdir()} == {"roll", "holidays.html", "trip_files"}


def test_a_folder_that_may_not_be_written_to(iqa: Run, roll: Path, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    closed = tmp_path / "closed"
    closed.mkdir(0o500)
    outcome = iqa(roll, "--html", closed / "audit.html")
    assert outcome.code == 2
    assert "its folder may not be written to" in outcome.err


def test_an_interrupted_run_leaves_the_page_that_was_there(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "audit.html"
    iqa(roll, "--html", page)
    before = page.read_bytes()
    monkeypatch.setattr("iqa_cli.report.audit.html.writer.HtmlWriter.write", _interrupt)
    outcome = iqa(roll, "--html", page, "--no-cache")
    assert outcome.code == 130
    assert page.read_bytes() == before
    assert {entry.name for entry in tmp_path.iterdir()} == {"roll", "audit.html"}


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_the_page_is_in_the_language_of_the_report(iqa: Run, roll: Path, tmp_path: Path) -> None:
    iqa(roll, "--html", tmp_path / "audit.html", "--lang", "zh")
    assert '<html lang="zh-Hans">' in (tmp_path / "audit.html").read_text(encoding="utf-8")


def test_a_reader_of_the_rows_who_leaves_does_not_cost_the_page(
    roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    page = tmp_path / "audit.html"
    command = [sys.executable, "-m", "iqa_cli", "assess", roll, "--checkpoint", checkpoint_folder, "--csv", "-"]
    process = subprocess.Popen(
        [*map(str, command), "--html", str(page)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert "h_text.jpg" in page.read_text(encoding="utf-8")
