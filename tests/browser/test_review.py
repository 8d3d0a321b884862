"""Reviewing on the page: verdicts are kept, bound to what was shown, and come out as paths and labels."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from in_browser import IMAGE_NAME, names  # it skips where there is no browser
from playwright.sync_api import Page, expect

from iqa_cli.hexgraph import read_graph
from iqa_cli.labels import read_labels
from iqa_cli.paths import find_graph

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

ROOT = Path(__file__).parents[2]


def test_review_is_kept_and_comes_out_as_paths_and_labels(
    open_page: Callable[..., Page], tmp_path: Path, pages: Callable[..., Path]
) -> None:
    page = open_page()
    order = names(page)
    page.locator("button.card").first.click()
    page.keyboard.press("p")  # goes on to the next
    expect(page.locator("#view-title")).to_have_text(f"DCIM/{order[1]}")
    page.keyboard.press("x")
    expect(page.locator("#view-title")).to_have_text(f"DCIM/{order[2]}")
    page.locator("#details select").first.select_option(label="severe")  # bright of the third
    page.keyboard.press("Escape")
    page.locator("button.card").nth(3).focus()
    page.keyboard.press("x")
    page.keyboard.press("u")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#cards .mark").all_text_contents() == [
        "verdict right",
        "verdict wrong",
        "level corrected",
        *[""] * 4,
    ]

    page.locator("#which").select_option(label="verdict wrong")
    with page.expect_download() as download:
        page.locator("#export-paths").click()
    assert download.value.suggested_filename == "paths.txt"
    assert Path(download.value.path()).read_text(encoding="utf-8") == f"DCIM/{order[1]}\n"

    with page.expect_download() as download:
        page.locator("#export-labels").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    rows = {row["filename"]: row for row in csv.DictReader(io.StringIO(text))}
    assert list(rows) == order[:3]
    accepted, rejected, corrected = rows.values()
    assert accepted["dark"] == "3"
    assert [accepted[label] for label in accepted if label not in ("filename", "dark")] == ["0"] * 5
    assert [rejected[label] for label in rejected if rejected[label] == "0"] == ["0"]
    assert corrected["bright"] == "2"
    assert [corrected[label] for label in corrected if label not in ("filename", "bright")] == [""] * 5

    labels = tmp_path / "labels.csv"
    labels.write_text(text, encoding="utf-8")
    graph = read_graph(find_graph("smartphone-6"))
    table = read_labels(labels, graph)
    assert list(table.names) == order[:3]
    assert all((pages().parent / "DCIM" / name).is_file() for name in table.names)


def test_taking_back_goes_back_to_the_last_verdict(open_page: Callable[..., Page]) -> None:
    page = open_page()
    order = names(page)
    page.locator("button.card").first.click()
    page.keyboard.press("x")
    expect(page.locator("#view-title")).to_have_text(f"DCIM/{order[1]}")
    page.keyboard.press("u")
    expect(page.locator("#view-title")).to_have_text(f"DCIM/{order[0]}")
    assert page.locator("#cards .mark").all_text_contents() == [""] * 7


def test_exporting_nothing_says_so(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.locator("#which").select_option(label="verdict right")
    page.locator("#export-paths").click()
    expect(page.locator("#shown")).to_contain_text("none to export")
    page.locator("#export-labels").click()
    expect(page.locator("#shown")).to_contain_text("Nothing was reviewed")
    page.locator("#which").select_option(label="all shown")
    with page.expect_download() as download:
        page.locator("#export-paths").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines == [f"DCIM/{name}" for name in names(page)]


def test_from_the_page_to_a_move_and_back(
    open_page: Callable[..., Page], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page()
    page.locator("[name=level]").select_option(label="severe or worse")
    page.locator("#which").select_option(label="all shown")
    with page.expect_download() as download:
        page.locator("#export-paths").click()
    shutil.copytree(folder / "DCIM", tmp_path / "DCIM")
    shutil.copy(folder / "audit.csv", tmp_path)
    before = contents(tmp_path / "DCIM")
    monkeypatch.chdir(tmp_path)
    iqa("pick", "audit.csv", "--paths", download.value.path(), "--move-to", "rejected")
    assert set(contents(tmp_path / "DCIM")) == {IMAGE_NAME, "fine.jpg", "icon.png", "empty.jpg"}
    (undo,) = (tmp_path / "rejected").glob("*undo*")
    iqa("pick", "--undo", undo)
    assert contents(tmp_path / "DCIM") == before


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def iqa(*arguments: object) -> None:
    command = [sys.executable, "-m", "iqa_cli", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_verdict_holds_for_the_levels_that_were_shown(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.locator("button.card").first.focus()
    page.keyboard.press("p")
    assert page.locator("#cards .mark").first.inner_text() == "verdict right"
    page.evaluate(
        """() => {
          const [key] = Object.keys(localStorage);
          localStorage.setItem(key, localStorage.getItem(key).replace(/"judged":"[^"]*"/, '"judged":"1,1,1,1,1,1"'));
        }"""
    )
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#cards .mark").first.inner_text() == "judged otherwise when reviewed"
    page.locator("#export-labels").click()
    expect(page.locator("#shown")).to_contain_text("Nothing was reviewed")


def test_two_windows_of_one_page_keep_what_was_said_in_both(open_page: Callable[..., Page]) -> None:
    first = open_page()
    second = first.context.new_page()
    second.goto(first.url)
    second.wait_for_selector("html[data-ready]")
    for page, place, key in ((first, 0, "p"), (second, 1, "x")):
        page.locator("button.card").nth(place).focus()
        page.keyboard.press(key)
    expect(first.locator("#cards .mark").nth(1)).to_have_text("verdict wrong")
    second.reload()
    second.wait_for_selector("html[data-ready]")
    assert second.locator("#cards .mark").all_text_contents()[:2] == ["verdict right", "verdict wrong"]


def test_keys_of_the_large_view_do_not_lose_the_place(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.locator("button.card").first.click()
    page.keyboard.press("x")
    expect(page.locator("#view [aria-keyshortcuts=x]")).to_be_focused()
