"""Part: is a run that was killed and started again as good as one that was left alone?"""

from __future__ import annotations

import dataclasses
import random
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from quality_parts.document import Cell, Estimate, Failure, Part, Share, Table, share

from assess_parts import folders
from assess_parts.measure import ROOT, CommandFailedError, environment, iqa, run
from iqa_cli.cache import cache_info

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass
class Outcome:
    """What became of all the killed runs."""

    rows: int = 0
    """Whole rows that they left in the CSV file."""
    remembered: int = 0
    """The most photos that the cache knew after a kill."""
    beginnings: int = 0
    """Files they left that are the beginning of the right one."""
    finished: int = 0
    """Runs to the end after one kill or more."""
    equal: int = 0
    """Those that left the right file."""
    failures: list[Failure] = dataclasses.field(default_factory=list)


def kill_part(
    photos: Sequence[Path], *, checkpoint: str, kills: int, count: int, decode: str, jobs: int, seed: int
) -> Part:
    """Kill runs over one folder at random moments, each going on with the cache and the CSV file of the one before.

    A run that ends before its moment is compared, and what follows begins with an empty cache again, until `kills` runs
    were killed; the last one is let run to its end.

    count  files in the folder, the photos in turns: good, broken and of any format
    """
    moments = random.Random(seed)  # noqa: S311 - no secret
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        folder = folders.roll(temporary / "photos", photos, count)
        right, cache, path = temporary / "right.csv", temporary / "cache", temporary / "audit.csv"
        options = ("--checkpoint", checkpoint, "--jobs", jobs, "--decode", decode)
        lasted_s = run(iqa(folder, *options, "--no-cache", "--csv", right)).wall_s
        expected = right.read_bytes()
        command = iqa(folder, *options, "--csv", path)
        killed, since_fresh = 0, 0
        while killed < kills:
            moment_s = moments.uniform(0, lasted_s)
            if _killed(command, cache, moment_s):
                killed += 1
                since_fresh += 1
                _look(outcome, path, cache, expected, f"kill {killed} after {moment_s:.3f} s")
                continue
            if since_fresh:
                _compare(outcome, path, expected, f"the run after kill {killed}")
            shutil.rmtree(cache, ignore_errors=True)
            path.unlink()
            since_fresh = 0
        for way in ("the run after the last kill", "a run over the unchanged folder after it"):
            run(command, cache=cache)
            _compare(outcome, path, expected, way)
    return _part(outcome, killed, count, len(photos), expected, lasted_s, decode, jobs)


def _killed(command: Sequence[str], cache: Path, moment_s: float) -> bool:
    """Whether a run was killed at its moment; False if it was over before.

    raises  CommandFailedError  if it ended by itself with anything but 0: that is no kill
    """
    started = time.monotonic()
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(cache),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    ) as process:
        try:
            process.wait(max(0.0, moment_s - (time.monotonic() - started)))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.returncode not in (0, -signal.SIGKILL):
        raise CommandFailedError(f"a run that was to be killed ended by itself with {process.returncode}")
    return process.returncode != 0


def _look(outcome: Outcome, path: Path, cache: Path, expected: bytes, when: str) -> None:
    left = path.read_bytes() if path.exists() else b""
    outcome.rows += max(0, left.count(b"\n") - 1)
    known = cache_info(cache)
    outcome.remembered = max(outcome.remembered, known.photos)
    if expected.startswith(left):
        outcome.beginnings += 1
    else:
        outcome.failures.append(Failure(when, _difference(left, expected)))
    if known.problem is not None:
        outcome.failures.append(Failure(when, f"the cache cannot be read: {known.problem}"))


def _compare(outcome: Outcome, path: Path, expected: bytes, when: str) -> None:
    found = path.read_bytes()
    outcome.finished += 1
    if found == expected:
        outcome.equal += 1
    else:
        outcome.failures.append(Failure(when, _difference(found, expected)))


def _difference(found: bytes, expected: bytes) -> str:
    lines, others = found.splitlines(), expected.splitlines()
    same = next((i for i, pair in enumerate(zip(lines, others, strict=False)) if pair[0] != pair[1]), None)
    if same is None:
        return f"{len(found)} bytes instead of {len(expected)}, the same as far as they go"
    return f"line {same + 1} is {lines[same][:200]!r} instead of {others[same][:200]!r}"


def _part(
    outcome: Outcome, kills: int, count: int, photos: int, expected: bytes, lasted_s: float, decode: str, jobs: int
) -> Part:
    def row(name: str, cell: Share, goal: str) -> tuple[Cell, ...]:
        return name, cell, goal, "yes" if cell.hits == cell.of else "no"

    rows: tuple[tuple[Cell, ...], ...] = (
        row("CSV of a finished run equal byte for byte", share(outcome.equal, outcome.finished), "all"),
        row("CSV of a killed run is the beginning of it", share(outcome.beginnings, kills), "all"),
        ("rows left by a killed run, on average", Estimate(outcome.rows / max(1, kills), digits=0), None, None),
        ("most photos that the cache knew after a kill", outcome.remembered, None, None),
    )
    note = (
        f"{count} files of {photos} (good and broken), `--decode {decode}`, threads: {jobs}; an uninterrupted run "
        f"without cache takes {lasted_s:.1f} s and writes {len(expected)} bytes. {kills} runs killed by SIGKILL at "
        "moments drawn evenly from that time, each going on where the one before was killed."
    )
    failures = tuple(outcome.failures)
    return Part("kill", "Killed and continued", (note,), (Table("", ("", "", "goal", "met"), rows),), failures, "Wrong")
