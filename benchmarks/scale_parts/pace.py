"""What the engine costs beside the judging, on this machine: the same folder by `iqa assess` and by a run."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from assess_parts.measure import run as measured

from scale_parts.bed import command, draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHARDS = 16
RUNS = {
    "run, 1 job": ("--jobs", 1),
    "run, 2 jobs": ("--jobs", 2),
    "run, Ray with 1 processor": ("--engine", "ray", "--jobs", 1),
    "run, Ray with 2 processors": ("--engine", "ray", "--jobs", 2),
}
BARE = {"bare decode, 1 process": 1, "bare decode, 2 processes": 2}
DECODE = """
import sys
from pathlib import Path
from PIL import Image
for path in sorted(Path(sys.argv[1]).rglob("*.jpg"))[int(sys.argv[2])::int(sys.argv[3])]:
    with Image.open(path) as image:
        image.draft("RGB", (512, 512))
        image.load()
"""


def pace(work: Path, count: int, rounds: int) -> Iterator[str]:
    """Rounds of all manners one after the other; medians of photos a second and of CPU, and of ratios within rounds.

    The rate without start-up is that from each worker's first result on. A bare decode by one and by
    two processes, in the same rounds, says what two processors of this machine are worth just now.
    """
    count = max(4, count // SHARDS) * SHARDS
    photos = work / "pace"
    draw(photos, count, folders=8, size=(1600, 1200))
    shard = count // SHARDS
    whole: dict[str, list[float]] = {}
    steady: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}

    def noted(name: str, *arguments: object) -> None:
        cost = measured(command(*arguments), looks_at_memory=False)
        whole.setdefault(name, []).append(count / cost.wall_s)
        if "Ray" not in name:  # what a Ray takes is not of the processes that its driver waits for
            cpu.setdefault(name, []).append(1000 * cost.cpu_s / count)

    for number in range(rounds):
        noted("assess, 2 jobs", "assess", photos, "--no-cache", "--jobs", 2, "--csv", work / "pace.csv")
        for name, processes in BARE.items():
            steady.setdefault(name, []).append(bare_rate(photos, count, processes))
        for name, options in RUNS.items():
            place = work / f"pace-run{number}"
            shutil.rmtree(place, ignore_errors=True)
            measured(command("plan", photos, "--out", place, "--shard", shard))
            noted(name, "run", place, *options)
            steady.setdefault(name, []).append(steady_rate(place, shard, int(options[-1])))
    yield f"{count} JPEGs of 1600 x 1200, shards of {shard}, {rounds} rounds; medians"
    yield ""
    yield "| what | photos/s | without start-up | CPU ms a photo |\n|---|---|---|---|"
    for name in {**whole, **steady}:
        figures = [f"{statistics.median(of[name]):.1f}" if name in of else "" for of in (whole, steady, cpu)]
        yield f"| {name} | {' | '.join(figures)} |"
    yield ""
    for what, of, one, other in (
        ("run against assess, two cores", whole, "assess, 2 jobs", "run, 2 jobs"),
        ("Ray against assess, two cores", whole, "assess, 2 jobs", "run, Ray with 2 processors"),
        ("1 to 2 jobs", whole, "run, 1 job", "run, 2 jobs"),
        ("1 to 2 jobs, without start-up", steady, "run, 1 job", "run, 2 jobs"),
        (
            "1 to 2 processors of Ray, without start-up",
            steady,
            "run, Ray with 1 processor",
            "run, Ray with 2 processors",
        ),
        ("1 to 2 processes of a bare decode", steady, *BARE),
    ):
        ratios = [b / a for a, b in zip(of[one], of[other], strict=True)]
        yield f"{what}: {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"


def steady_rate(run: Path, shard: int, workers: int) -> float:
    """Photos a second from the first result of so many workers to the last one, by their times of change.

    All shards are whole: the count of photos is a multiple of SHARDS.
    """
    written = sorted(part.stat().st_mtime for part in (run / "part").iterdir())
    return shard * (len(written) - workers) / (written[-1] - written[workers - 1])


def bare_rate(photos: Path, count: int, processes: int) -> float:
    """Photos a second that so many processes decode, each its share, start-up included (a tenth of a second)."""
    started = time.monotonic()
    running = [
        subprocess.Popen([sys.executable, "-c", DECODE, str(photos), str(number), str(processes)])
        for number in range(processes)
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise RuntimeError("a bare decode failed")
    return count / (time.monotonic() - started)
