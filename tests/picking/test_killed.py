"""A move that is killed at any instant can be undone, and so can one whose undoing was killed as well."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).with_name("kills.py")
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="there is neither fork nor SIGKILL")
@pytest.mark.parametrize("way", ["rename", "link", "look", "copy"])
def test_whatever_line_a_process_is_killed_at_undoing_brings_everything_back(tmp_path: Path, way: str) -> None:
    seed = secrets.randbelow(10**6)
    done = subprocess.run(
        [sys.executable, str(KILLS), str(tmp_path), str(seed), "60", way],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"kills.py FOLDER {seed} 60 {way}: {done.stderr}"
    assert int(done.stdout) > 10
