"""The progress bar: only where somebody watches, and numbers that do not jump."""

from __future__ import annotations

import io
import re
import sys

import pytest

from iqa_cli.cli.progress import pace, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_printed_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(3) as advance:
        advance()
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    with progress(64) as advance:
        for _ in range(32):
            advance()
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert re.search(r"32/64 +\d+\.\d photos/s, \d+:\d\d:\d\d left", plain)


def test_photos_that_were_known_do_not_count_for_the_pace() -> None:
    assert pace(64, 128, 8.0, 32) == "4.0 photos/s, 0:00:16 left"
    assert pace(64, 128, 8.0, 32, "zh") == "每秒 4.0 张，剩余 0:00:16"
    assert pace(64, 128, 8.0, 64) == pace(64, 128, 8.0, 100) == ""  # more are known ahead of those that were shown


@pytest.mark.parametrize(
    ("completed", "elapsed_s", "words"),
    [
        (0, 5.0, ""),
        (32, 0.0, ""),
        (32, 8.0, "4.0 photos/s, 0:00:24 left"),
        (128, 32.0, "4.0 photos/s, 0:00:00 left"),
        (1, 60.0, "0.0 photos/s, 2:07:00 left"),
    ],
)
def test_the_pace_is_that_of_the_whole_run(completed: int, elapsed_s: float, words: str) -> None:
    assert pace(completed, 128, elapsed_s) == words
