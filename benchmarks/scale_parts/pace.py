"""What the engine costs beside the judging, on this machine: the same folder by `iqa assess` and by a run."""

from __future__ import annotations

import shutil
import statistics
from typing import TYPE_CHECKING

from assess_parts.measure import run as measured

from scale_parts.bed import command, draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pace(work: Path, count: int, rounds: int) -> Iterator[str]:
    """Rounds of all manners one after the other; medians of photos a second and of CPU, and of ratios within rounds."""
    photos = work / "pace"
    draw(photos, count, folders=8, size=(1600, 1200))
    shard = max(1, count // 16)
    seen: dict[str, list[tuple[float, float]]] = {}

    def noted(name: str, *arguments: object) -> None:
        cost = measured(command(*arguments))
        seen.setdefault(name, []).append((cost.wall_s, cost.cpu_s))

    for number in range(rounds):
        noted("assess, 2 jobs", "assess", photos, "--no-cache", "--jobs", 2, "--csv", work / "pace.csv")
        for name, options in {
            "run, 1 job": ("--jobs", 1),
            "run, 2 jobs": ("--jobs", 2),
            "run, Ray with 1 processor": ("--engine", "ray", "--jobs", 1),
            "run, Ray with 2 processors": ("--engine", "ray", "--jobs", 2),
        }.items():
            place = work / f"pace-run{number}"
            shutil.rmtree(place, ignore_errors=True)
            measured(command("plan", photos, "--out", place, "--shard", shard))
            noted(name, "run", place, *options)
    yield f"{count} JPEGs of 1600 x 1200, shards of {shard}, {rounds} rounds; medians"
    yield ""
    yield "| what | photos/s | CPU ms a photo |\n|---|---|---|"
    for name, costs in seen.items():
        wall, cpu = (statistics.median(each) for each in zip(*costs, strict=True))
        yield f"| {name} | {count / wall:.1f} | {1000 * cpu / count:.1f} |"
    yield ""
    for name, one, other in (
        ("run against assess, two cores", "assess, 2 jobs", "run, 2 jobs"),
        ("Ray against assess, two cores", "assess, 2 jobs", "run, Ray with 2 processors"),
        ("1 to 2 jobs", "run, 1 job", "run, 2 jobs"),
        ("1 to 2 processors of Ray", "run, Ray with 1 processor", "run, Ray with 2 processors"),
    ):
        ratios = [a[0] / b[0] for a, b in zip(seen[one], seen[other], strict=True)]
        yield f"{name}: {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
