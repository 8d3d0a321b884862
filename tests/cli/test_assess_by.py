"""`iqa assess --by`: groups in the table, in the document and on the page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from in_process import Run


@pytest.fixture
def two_folders(tmp_path: Path, save_grey: Callable[..., Path]) -> Path:
    """Ten fine photos in one folder, ten severely dark ones in the other."""
    for number in range(10):
        save_grey(f"roll/day/{number}.png", 128 + number)
        save_grey(f"roll/night/{number}.png", 45)
    return tmp_path / "roll"


def test_groups_are_in_the_table_the_document_and_the_page(iqa: Run, two_folders: Path, tmp_path: Path) -> None:
    files = ("--json", tmp_path / "a.json", "--html", tmp_path / "a.html")
    code, out, err = iqa(two_folders, "--by", "folder", "--by", "camera,iso", *files)
    assert (code, err) == (0, "")
    assert "By folder (20 photos judged)" in out
    assert "By camera, ISO (20 photos judged)" in out
    assert "too dark, severe or worse, in 100% (10 of 10; 72 to 100%), elsewhere in 0%, p < 0.001" in out
    assert "unknown, unknown" in out
    folder, settings = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["groups"]
    assert (folder["by"], settings["keys"]) == ("folder", ["camera", "iso"])
    assert [group["values"][0].rpartition("/")[2] for group in folder["groups"]] == ["day", "night"]
    assert settings["groups"][0]["values"] == [None, None]
    rates = {entry["label"]: entry["rates"] for entry in folder["groups"][1]["labels"]}
    assert [(rate["level"], rate["photos"], rate["differs"]) for rate in rates["dark"]] == [
        (2, 10, "more"), (3, 10, "more"), (4, 0, None),
    ]  # fmt: skip
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "By folder (20 photos judged)" in page
    assert '<td class="more">100% ▲' in page


def test_without_the_option_there_are_no_groups(iqa: Run, two_folders: Path, tmp_path: Path) -> None:
    code, out, _ = iqa(two_folders, "--json", tmp_path / "a.json")
    assert code == 0
    assert "By " not in out
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["groups"] == []


def test_in_chinese_the_groups_are_chinese(iqa: Run, two_folders: Path) -> None:
    code, out, _ = iqa(two_folders, "--by", "folder", "--lang", "zh")
    assert code == 0
    assert "按文件夹统计（已评判 20 张）" in out
    assert "elsewhere" not in out


def test_a_key_that_there_is_not_is_refused_at_once(iqa: Run, two_folders: Path) -> None:
    code, out, err = iqa(two_folders, "--by", "lense")
    assert (code, out) == (2, "")
    assert "expected camera, lens" in err
