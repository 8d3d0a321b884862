"""`iqa assess --csv` killed with SIGKILL at chosen places and started again: what is left, and what comes of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import iqa_cli
from iqa_cli.cache import cache_info
from iqa_cli.cache.store import BATCH

if TYPE_CHECKING:
    from collections.abc import Callable

    from in_process import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

ROOT = Path(iqa_cli.__file__).parents[1]
COUNT = BATCH + 64
"""Photos: one batch of the cache, and some more."""
LATE = BATCH + 34
"""A row by which a fresh run has written a batch to the cache."""

# Runs `iqa`, whose n-th call of a method is its last: nothing of it is done, the whole, or half of what is written.
PROGRAM = """
import importlib, os, signal, sys

place, number, how, *arguments = sys.argv[1:]
module, _, name = place.partition(":")
owner, method = name.split(".")
kind = getattr(importlib.import_module(module), owner)
real, calls = getattr(kind, method), 0

def last(self, *given, **named):
    global calls
    calls += 1
    if calls < int(number):
        return real(self, *given, **named)
    if how == "after":
        real(self, *given, **named)
    if how == "half":
        real(self, given[0][: len(given[0]) // 2])
    os.kill(os.getpid(), signal.SIGKILL)

setattr(kind, method, last)
importlib.import_module("iqa_cli.cache.store").BATCH_S = 3600  # batches by their size alone, however busy the machine
sys.argv = ["iqa", *arguments]
from iqa_cli.cli.app import main
main()
"""

OLD = b"SourceFile,status,yesterday\n"
ROW = "iqa_cli.report.output:OutputFile.write"
COMMIT = "iqa_cli.report.output:OutputFile.commit"
ROWS_OF_CACHE = "iqa_cli.cache.database:Database.write"
MOMENTS = (
    ("iqa_cli.pipeline:Auditor.run", 1, "before"),  # the file is proven writable, nothing is judged
    (ROW, 1, "half"),
    (ROW, 40, "after"),
    (ROW, 41, "half"),
    (ROWS_OF_CACHE, 1, "before"),  # in these two a transaction is open
    (ROWS_OF_CACHE, 1, "after"),
    (ROW, LATE, "half"),
    (ROW, 2, "after"),
    (COMMIT, 1, "before"),  # every row is written
    (ROWS_OF_CACHE, 1, "after"),  # of the last batch: the file is in its place
    ("iqa_cli.cache.store:Cache.close", 1, "before"),
)


@pytest.fixture
def photos(tmp_path: Path, save_grey: Callable[..., Path]) -> Path:
    """Photos of seven brightnesses, every fiftieth broken."""
    for number in range(COUNT):
        path = save_grey(f"photos/{number % 5}/{number:03}.png", 30 + 30 * (number % 7), (32, 32))
        if number % 50 == 3:
            path.write_bytes(path.read_bytes()[:100])
    return tmp_path / "photos"


@pytest.fixture
def killed(photos: Path, checkpoint_folder: Path) -> Callable[..., None]:
    """Runs `iqa assess --csv` over the photos in a process of its own until it is killed."""

    def run(path: Path, place: str, number: int, how: str) -> None:
        options = ("--checkpoint", checkpoint_folder, "--csv", path, "--jobs", 2)
        command = [sys.executable, "-c", PROGRAM, place, number, how, "assess", photos, *options]
        ended = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, timeout=60, check=False)
        assert (ended.returncode, ended.stderr) == (-signal.SIGKILL, b"")

    return run


def known() -> int:
    """Photos in the cache."""
    found = cache_info(Path(os.environ["IQA_CACHE_DIR"]))
    assert found.problem is None
    return found.photos


def parts(folder: Path) -> list[Path]:
    """What killed runs left of a report, the last one last."""
    return sorted(folder.glob(".iqa-audit.csv-????????.part"), key=lambda path: path.stat().st_mtime_ns)


def test_a_run_killed_again_and_again_ends_in_the_same_bytes(
    iqa: Run, photos: Path, killed: Callable[..., None], tmp_path: Path
) -> None:
    right, path = tmp_path / "right.csv", tmp_path / "audit.csv"
    assert iqa(photos, "--csv", right, "--no-cache").code == 0
    expected = right.read_bytes()
    path.write_bytes(OLD)
    remembered, left = [0], []
    for place, number, how in MOMENTS:
        before = parts(tmp_path)
        killed(path, place, number, how)
        assert path.read_bytes() == (OLD if len(left) < len(MOMENTS) - 2 else expected)
        new = [part.read_bytes() for part in parts(tmp_path) if part not in before]
        assert all(map(expected.startswith, new))
        left.append(sum(map(len, new)))
        remembered.append(known())
    assert remembered == sorted(remembered)
    assert remembered[-1] >= BATCH
    # Nothing before the first row; some rows; all of them before the file took its place, and nothing then.
    assert [size == 0 for size in left] == [True] + [False] * (len(MOMENTS) - 3) + [True, True]
    assert left[-3] == len(expected)
    for _ in range(2):
        path.write_bytes(b"")
        assert iqa(photos, "--csv", path).code == 0
        assert path.read_bytes() == expected
        assert known() == COUNT
    assert len(parts(tmp_path)) == len(MOMENTS) - 3  # left alone: another run might be writing one


def test_what_changed_after_the_kill_is_judged_as_it_is(
    iqa: Run, photos: Path, killed: Callable[..., None], save_grey: Callable[..., Path], tmp_path: Path
) -> None:
    path = tmp_path / "audit.csv"
    killed(path, ROW, LATE, "after")
    assert not path.exists()
    before = parts(tmp_path)[-1].read_bytes()
    assert known()  # a batch, or what there was after some seconds on a machine that has other work
    save_grey("photos/0/000.png", 250, (32, 32))
    (photos / "0" / "005.png").unlink()
    save_grey("photos/0/006a.png", 5, (32, 32))
    assert iqa(photos, "--csv", path).code == 0
    assert iqa(photos, "--csv", tmp_path / "right.csv", "--no-cache").code == 0
    assert path.read_bytes() == (tmp_path / "right.csv").read_bytes()
    assert not path.read_bytes().startswith(before)
