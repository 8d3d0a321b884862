"""Part: how fast, beside the bare decoding of the same files and beside CleanVision."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from quality_parts.document import Cell, Estimate, Goal, Part, Table

from assess_parts import folders
from assess_parts.measure import Cost, Runs, iqa, ratio, run

if TYPE_CHECKING:
    from collections.abc import Sequence

RATE_OVER_BARE = Goal(0.85)
CPU_OVER_BARE = Goal(1.35, at_most=True)
RATE_OVER_CLEANVISION = Goal(15)
RATE_OVER_SCALED = Goal(12)
THUMBNAIL_RATE = Goal(500)
SECOND_RUN_RATE = Goal(5000)

BARE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image
def decode(path):
    with Image.open(path) as image:
        if sys.argv[3] == "scaled":
            image.draft("RGB", (384, 288))
        image.load()
with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    list(pool.map(decode, sorted(Path(sys.argv[1]).rglob("*.*"))))
"""

CLEANVISION = """
import sys
from cleanvision import Imagelab
lab = Imagelab(data_path=sys.argv[1])
lab.find_issues({"dark": {}, "light": {}}, n_jobs=int(sys.argv[2]), verbose=False)
"""


@dataclasses.dataclass(frozen=True)
class Way:
    """One way to go through a folder."""

    name: str
    command: tuple[str, ...]
    """Complete."""
    photos: int
    """How many there are to go through."""
    cache: Path | None = None
    """Of the command."""


def speed_part(
    photos: folders.Photos,
    *,
    checkpoint: str,
    copies: int,
    many: int,
    jobs: int,
    rounds: int,
    cleanvision: str | None,
) -> Part:
    """Run every way in turns, `rounds` times; see the notes of the part.

    copies       of each photograph, for the ways that take long
    many         photos for the ways that take little
    cleanvision  a Python interpreter that has it; None leaves it out
    """
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        count = copies * len(photos.large)
        some = folders.roll(temporary / "some", photos.large, count)
        one = folders.roll(temporary / "one", photos.large, 1)
        quick = folders.roll(temporary / "many", photos.previewed or photos.large, many)
        found: dict[str, Runs] = {}
        for number in range(rounds):
            ways = _ways(temporary, some, one, quick, count, many, checkpoint, jobs, cleanvision)
            for way in ways:
                cost = run(way.command, cache=None if way.cache is None else way.cache / str(number))
                found.setdefault(way.name, Runs(way.photos)).costs.append(cost)
    tables = (_measured(found), _judged(found))
    return Part("speed", "Speed", tuple(_notes(photos, count, many, jobs, rounds, cleanvision)), tables)


def _ways(
    temporary: Path,
    some: Path,
    one: Path,
    quick: Path,
    count: int,
    many: int,
    checkpoint: str,
    jobs: int,
    cleanvision: str | None,
) -> list[Way]:
    """What is compared stands side by side."""
    options = ("--checkpoint", checkpoint, "--jobs", jobs, "--csv", temporary / "audit.csv")

    def bare(folder: Path, mode: str) -> tuple[str, ...]:
        return (sys.executable, "-c", BARE, str(folder), str(jobs), mode)

    def assess(folder: Path, *more: str) -> tuple[str, ...]:
        return tuple(iqa(folder, *options, *more))

    cache = temporary / "cache"
    ways = [
        Way("bare, one photo", bare(one, "scaled"), 1),
        Way("iqa, one photo", assess(one, "--no-cache"), 1),
        Way("bare scaled decode", bare(some, "scaled"), count),
        Way("iqa scaled", assess(some, "--no-cache"), count),
        Way("bare full decode", bare(some, "full"), count),
        Way("iqa full", assess(some, "--no-cache", "--decode", "full"), count),
        Way("iqa thumbnail, all", assess(some, "--no-cache", "--decode", "thumbnail"), count),
        Way("iqa thumbnail", assess(quick, "--no-cache", "--decode", "thumbnail"), many),
        Way("iqa thumbnail, first run", assess(quick, "--decode", "thumbnail"), many, cache),
        Way("iqa thumbnail, second run", assess(quick, "--decode", "thumbnail"), many, cache),
    ]
    if cleanvision is not None:
        arguments = (cleanvision, "-c", CLEANVISION)
        ways.insert(4, Way("CleanVision dark, light", (*arguments, str(some), str(jobs)), count))
        ways.insert(4, Way("CleanVision, one photo", (*arguments, str(one), str(jobs)), 1))
    return ways


def _measured(found: dict[str, Runs]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, runs in found.items():
        figures = (
            Estimate(runs.cpu_s, digits=2),
            Estimate(runs.cpu_ms, digits=2),
            Estimate(runs.rate, digits=1),
            Estimate(runs.peak_mb, digits=0),
        )
        rows.append((name, runs.photos, *figures))
    return Table("Measured", ("", "photos", "CPU s", "CPU ms a photo", "photos a second", "peak MB"), tuple(rows))


def _judged(found: dict[str, Runs]) -> Table:
    bare, scaled, thumbnail = found["bare scaled decode"], found["iqa scaled"], found["iqa thumbnail"]
    full = found["iqa full"], found["bare full decode"]
    bare_start, start = found["bare, one photo"], found["iqa, one photo"]
    again = found["iqa thumbnail, second run"]

    def rates(above: Runs, below: Runs, below_start: Runs = start) -> tuple[Estimate, Estimate]:
        # Photos a second: the inverse of seconds a photo.
        return ratio(below, above, _wall), Estimate(above.net_rate(start) / below.net_rate(below_start), digits=2)

    def rate(runs: Runs) -> tuple[Estimate, Estimate]:
        each = [runs.photos / cost.wall_s for cost in runs.costs]
        return Estimate(runs.rate, min(each), max(each), 0), Estimate(runs.net_rate(start), digits=0)

    cpu = ratio(scaled, bare, _cpu), Estimate(scaled.net_cpu_s(start) / bare.net_cpu_s(bare_start), digits=2)
    rows = [
        _row("photos a second, iqa scaled / bare scaled decode", rates(scaled, bare, bare_start), RATE_OVER_BARE),
        _row("CPU, iqa scaled / bare scaled decode", cpu, CPU_OVER_BARE),
        _row("photos a second, iqa full / bare full decode", rates(*full, bare_start), None),
        _row("photos a second, iqa thumbnail / iqa scaled", rates(thumbnail, scaled), RATE_OVER_SCALED),
        _row("photos a second, iqa thumbnail", rate(thumbnail), THUMBNAIL_RATE),
        _row("photos a second, second run", rate(again), SECOND_RUN_RATE),
    ]
    if "CleanVision dark, light" in found:
        other = found["CleanVision dark, light"], found["CleanVision, one photo"]
        rows.insert(2, _row("photos a second, iqa scaled / CleanVision", rates(scaled, *other), RATE_OVER_CLEANVISION))
    columns = ("", "in all (single rounds)", "without start-up", "goal", "met in all")
    return Table("Beside the goals", columns, tuple(rows))


def _row(name: str, figures: tuple[Estimate, Estimate], goal: Goal | None) -> tuple[Cell, ...]:
    if goal is None:
        return (name, *figures, None, None)
    return (name, *figures, goal_text(goal), goal.met(figures[0].value))


def goal_text(goal: Goal, unit: str = "") -> str:
    """A goal for people."""
    return f"{'≤' if goal.at_most else '≥'} {goal.limit:,g}{unit}"


def _cpu(cost: Cost) -> float:
    return cost.cpu_s


def _wall(cost: Cost) -> float:
    return cost.wall_s


def _notes(
    photos: folders.Photos, count: int, many: int, jobs: int, rounds: int, cleanvision: str | None
) -> Sequence[str]:
    files = (
        f"{len(photos.large)} JPEG photographs, {len(photos.previewed)} of them with a preview that is used, "
        f"hard-linked to {count} files; those with a preview to {many} files for the rows thumbnail, first run and "
        f"second run. Threads: {jobs}. Every file was read before: nothing waits for a disk."
    )
    figures = (
        f"All ways in turns; rounds: {rounds}. CPU seconds and photos a second are those of the best round, start-up "
        "included; peak memory is that of the worst. Without start-up: a run over one photo taken off either side."
    )
    notes = [files, figures]
    if cleanvision is None:
        notes.append(
            "CleanVision was left out. To have it: `python -m venv cv && cv/bin/pip install cleanvision`, then "
            "`--cleanvision cv/bin/python`."
        )
    if not photos.previewed:
        notes.append("No photograph has a preview that is used: `thumbnail` read the pictures.")
    return notes
