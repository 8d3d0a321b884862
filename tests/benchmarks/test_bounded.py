"""The benchmark of hostile files: that it measures and marks, never how fast anything is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is told by Linux only")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "bounded.py"


def rows(*arguments: str) -> list[list[str]]:
    """The cells of the table, its head first."""
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, check=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_row_holds_what_reading_took_and_what_is_said() -> None:
    head, row = rows("--size", "small", "--only", "png-flat-palette", "--modes", "scaled,capture")
    assert head == ["file", "MB", "scaled: s, GB", "capture: s, GB", "what is said"]
    assert row[0] == "png-flat-palette"
    assert row[-1].startswith("read")
    _, memory = row[2].strip("*").split(", ")
    assert 0.002 <= float(memory) < 1.0  # four megapixels of one byte


def test_a_claim_of_299_megapixels_stays_within_the_memory_that_is_promised() -> None:
    for row in rows("--only", "jpeg-claim-cut", "--modes", "scaled,full")[1:]:
        for cell in row[2:4]:
            assert float(cell.strip("*").split(", ")[1]) < 1.0
        assert row[-1] == "cut off: hardly any of the picture is there"
