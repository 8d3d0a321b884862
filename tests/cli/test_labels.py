"""`iqa labels` as a user meets it: the file, the messages, exit codes, nothing written over."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import Outcome, Run, run_iqa

LIST = "图片,问题点,严重程度\na.jpg,整体偏暗,严重\nb.jpg,无,\n"
HEADER = "filename,bright,dark,high_contrast,low_contrast,overexposed,over_suppressed\n"


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `iqa labels` in this process, in a folder with a list."""
    monkeypatch.chdir(tmp_path)
    Path("issues.csv").write_text(LIST, encoding="utf-8")

    def run(*arguments: str) -> Outcome:
        return run_iqa(monkeypatch, capsys, "labels", *arguments)

    return run


@pytest.mark.parametrize(
    ("options", "row", "note"),
    [
        ((), "a.jpg,0,2,0,0,0,0", "is 0, none (--unlisted unknown leaves it open)"),
        (("--unlisted", "unknown"), "a.jpg,,2,,,,", "is unobserved (--unlisted none makes it 0)"),
    ],
)
def test_a_list_becomes_a_label_file(iqa: Run, options: tuple[str, ...], row: str, note: str) -> None:
    outcome = iqa("issues.csv", "--out", "labels.csv", *options)
    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err.splitlines() == [
        f"note: what a picture is not listed with {note}",
        "wrote labels.csv: 2 photos, 1 of them with an issue",
    ]
    assert Path("labels.csv").read_text(encoding="utf-8") == f"{HEADER}{row}\nb.jpg,0,0,0,0,0,0\n"


def test_a_list_with_mistakes_writes_nothing(iqa: Run) -> None:
    Path("issues.csv").write_text(LIST + "c.jpg,整体偏安,严重\nc.jpg,整体偏暗,很严重\n", encoding="utf-8")
    outcome = iqa("issues.csv", "--out", "labels.csv")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.splitlines()[:2] == [
        "error: issues.csv: 2 problems",
        '  line 4, "c.jpg": graph "smartphone-6" has no issue "整体偏安" (did you mean "整体偏暗"?)',
    ]
    assert not Path("labels.csv").exists()
    outcome = iqa("issues.csv", "--out", "labels.csv", "--skip-unknown")
    assert (outcome.code, outcome.err.splitlines()[0]) == (3, "error: issues.csv: 1 problem")


def test_nothing_is_written_over_unless_forced(iqa: Run) -> None:
    Path("labels.csv").write_text("mine", encoding="utf-8")
    assert iqa("issues.csv", "--out", "labels.csv").code == 2
    assert Path("labels.csv").read_text(encoding="utf-8") == "mine"
    assert iqa("issues.csv", "--out", "labels.csv", "--force").code == 0
    assert Path("labels.csv").read_text(encoding="utf-8").startswith(HEADER)
    assert iqa("issues.csv", "--out", "issues.csv", "--force").code == 2
    assert Path("issues.csv").read_text(encoding="utf-8") == LIST
    assert iqa("issues.csv").code == 2
