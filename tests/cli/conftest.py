"""Makes `in_process` importable for the tests of commands, and runs the command that most of them are about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from in_process import Outcome, Run

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], checkpoint_folder: Path) -> Run:
    """Runs `iqa assess` with the hand-made checkpoint in this process."""
    from in_process import run_iqa

    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, "assess", "--checkpoint", checkpoint_folder, *arguments)

    return run


@pytest.fixture
def evaluate(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `iqa eval` in this process."""
    from in_process import run_iqa

    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, "eval", *arguments)

    return run


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    """A predictions file with the published figures."""
    from eval_inputs import write_predictions

    return write_predictions(tmp_path / "predictions.csv")
