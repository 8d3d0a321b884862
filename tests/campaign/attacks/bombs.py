"""Small files that ask for much: each alone, in every mode, within the limits of one photo."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
from typing import TYPE_CHECKING

from campaign import promise
from campaign.attacks.mutants import MODES
from campaign.camera_roll import date_back
from campaign.corpus import bad_files
from campaign.plan import MOST_KEPT

if TYPE_CHECKING:
    from pathlib import Path

    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

LIMIT_CPU_S = 15
"""Enough to see that it is too much."""


def attack(plan: Plan, amount: int) -> Outcome:
    """Judge as many bombs, each in every mode; the list is gone through as often as it takes."""
    return plan.run("bombs", amount, _bomb, unit="bombs in 3 modes")


def _bomb(case: Case) -> list[Fault]:
    arena = case.arena
    number = case.number % len(bad_files())
    name, suffix, _ = bad_files()[number]
    path = arena.photos / f"bomb{suffix}"
    # In a process of its own: what this one holds would be counted as the command's, see `Ended.peak_mb`.
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        size = pool.submit(write, number, path).result()
    date_back([path])
    faults = []
    for mode in MODES:
        csv = f"{mode}.csv"
        ended = arena.assess("--decode", mode, "--csv", csv, "--no-cache", limit_cpu_s=LIMIT_CPU_S)
        broken = promise.of_ending(ended, promise.JUDGED) or promise.of_effort(ended)
        if ended.code in promise.JUDGED:
            broken += promise.of_rows(promise.content_of(arena.out / csv) or b"", [path])
        faults += [type(fault)(fault.kind, f"{name} ({size} bytes), {mode}: {fault.what}") for fault in broken]
    if faults and size < MOST_KEPT:
        case.keep(f"{name}{suffix}", path.read_bytes(), faults[0].what)
    return faults


def write(number: int, path: Path) -> int:
    """Make a bomb; how many bytes it has."""
    return path.write_bytes(bad_files()[number][2]())
