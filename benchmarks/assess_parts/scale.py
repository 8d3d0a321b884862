"""Part: do cost per photo and memory stay the same when the folder grows?"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from quality_parts.document import Cell, Estimate, Goal, Part, Table

from assess_parts import folders
from assess_parts.measure import Runs, iqa, run
from assess_parts.speed import SECOND_RUN_RATE, goal_text

if TYPE_CHECKING:
    from collections.abc import Sequence

PEAK_MB = Goal(400, at_most=True)
GROWTH = Goal(1.10, at_most=True)
"""Of the largest folder over the one of a thousand."""
COMPARED_WITH = 1000
"""Photos; below it start-up is most of a run."""
WAYS = ("no cache", "first run", "second run")


def scale_part(photos: folders.Photos, *, checkpoint: str, sizes: Sequence[int], decode: str, jobs: int) -> Part:
    """Go through folders of growing size: without cache, with an empty one, and again with the full one."""
    chosen = photos.previewed if decode == "thumbnail" and photos.previewed else photos.large
    found: dict[tuple[str, int], Runs] = {}
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        for size in (1, *sorted(sizes)):
            many = folders.roll(temporary / f"{size} photos", chosen, size)
            cache = temporary / f"cache of {size}"
            options = ("--checkpoint", checkpoint, "--jobs", jobs, "--decode", decode, "--csv", temporary / "audit.csv")
            for way in WAYS:
                runs = found[way, size] = Runs(size)
                no_cache = ("--no-cache",) if way == "no cache" else ()
                runs.costs.append(run(iqa(many, *options, *no_cache), cache=cache))
            folders.remove(many)
    note = (
        f"{len(chosen)} photographs, hard-linked to as many files as the folder has, {folders.IN_A_FOLDER} in each of "
        f"its sub-folders; `--decode {decode} --csv`, threads: {jobs}, one run each. CPU without start-up: a run over "
        "one photo taken off. Peak memory: the largest resident set."
    )
    return Part("scale", "Scale", (note,), (_measured(found), _judged(found, sizes)))


def _measured(found: dict[tuple[str, int], Runs]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for (way, size), runs in sorted(found.items(), key=lambda item: (WAYS.index(item[0][0]), item[0][1])):
        net = Estimate(1000 * runs.net_cpu_s(found[way, 1]), digits=3)
        rows.append(
            (
                way,
                size,
                Estimate(runs.cpu_s, digits=2),
                net,
                Estimate(runs.rate, digits=0),
                Estimate(runs.peak_mb, digits=0),
            )
        )
    columns = ("", "photos", "CPU s", "CPU ms a photo without start-up", "photos a second in all", "peak MB")
    return Table("Measured", columns, tuple(rows))


def _judged(found: dict[tuple[str, int], Runs], sizes: Sequence[int]) -> Table:
    largest = max(sizes)
    reference = min(sizes, key=lambda size: abs(size - COMPARED_WITH))
    rows: list[tuple[Cell, ...]] = []
    for way in WAYS:
        peak = Estimate(found[way, largest].peak_mb, digits=0)
        rows.append((f"peak memory, {way}", peak, goal_text(PEAK_MB, " MB"), PEAK_MB.met(peak.value)))
    if reference < largest:
        above = f"{largest} photos over {reference}"
        for way in WAYS:
            growth = Estimate(found[way, largest].peak_mb / found[way, reference].peak_mb)
            rows.append((f"peak memory, {way}, {above}", growth, goal_text(GROWTH), GROWTH.met(growth.value)))
        for way in WAYS:
            one = found[way, 1]
            cost = Estimate(found[way, largest].net_cpu_s(one) / found[way, reference].net_cpu_s(one))
            rows.append((f"CPU a photo, {way}, {above}", cost, goal_text(GROWTH), GROWTH.met(cost.value)))
    rate = Estimate(found["second run", largest].rate, digits=0)
    rows.append(("photos a second, second run", rate, goal_text(SECOND_RUN_RATE), SECOND_RUN_RATE.met(rate.value)))
    return Table(f"At {largest} photos, beside the goals", ("", "figure", "goal", "met"), tuple(rows))
