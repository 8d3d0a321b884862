"""Several runs at once over one cache."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING

from campaign import promise
from campaign.attacks.mutants import MODES
from campaign.camera_roll import fill

if TYPE_CHECKING:
    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

PHOTOS = 120


def attack(plan: Plan, amount: int) -> Outcome:
    """Two to four runs side by side, so many times."""
    return plan.run("sharing", amount, _shared, unit="meetings of 2 to 4 runs")


def _shared(case: Case) -> list[Fault]:
    arena, draw = case.arena, case.random
    photos = fill(case, PHOTOS)
    mode, runs = draw.choice(MODES), draw.choice((2, 3, 4))
    right = arena.assess("--decode", mode, "--no-cache", "--csv", "right.csv")
    expected = promise.content_of(arena.out / "right.csv") or b""
    faults = promise.of_ending(right, promise.JUDGED) + promise.of_rows(expected, photos)
    names = [f"{number}.csv" for number in range(runs)]
    with concurrent.futures.ThreadPoolExecutor(runs) as pool:
        running = [pool.submit(arena.assess, "--decode", mode, "--jobs", 1, "--csv", name) for name in names]
        endings = [run.result() for run in running]
    endings.append(arena.assess("--decode", mode, "--csv", "after.csv"))
    for name, ended in zip((*names, "after.csv"), endings, strict=True):
        faults += promise.of_ending(ended, promise.JUDGED)
        faults += promise.of_bytes(
            promise.content_of(arena.out / name), expected, f"{mode}, {name} of {runs} runs at once"
        )
    return faults + promise.of_place(arena, *names, "after.csv", "right.csv")
