"""Changed photographs of all formats in all modes, hundreds to a folder; one that does harm is looked for by halves."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, TypeVar

from campaign import promise
from campaign.camera_roll import date_back
from campaign.mutation import mutant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

Item = TypeVar("Item")

MODES = ("scaled", "full", "thumbnail", "auto")
GROUP = 250
"""Mutants to a folder: starting a command takes as long as thirty of them."""
EACH_CPU_S = 0.15
"""CPU seconds of one mutant on average: what a folder takes beyond that, one of its files must have taken."""
NAMED = 3
"""Files that are named for one folder and mode."""


def attack(plan: Plan, amount: int) -> Outcome:
    """Judge so many mutants in every mode."""
    return plan.run("mutants", amount, judge, unit="mutants in 3 modes", each=GROUP)


def judge(case: Case) -> list[Fault]:
    """A folder of mutants: written, judged, judged again from the cache and without it."""
    recipes: dict[Path, str] = {}
    for number in case.things:
        made = mutant(case.plan.draw("mutant", number), case.plan.photographs)
        path = case.arena.photos / f"{number:06}{made.suffix}"
        path.write_bytes(made.data)
        recipes[path] = made.recipe
    date_back(recipes)
    jobs = case.random.choice((1, 2))
    return [fault for mode in MODES for fault in judge_mode(case, recipes, mode, jobs)]


def judge_mode(case: Case, recipes: dict[Path, str], mode: str, jobs: int) -> list[Fault]:
    """All mutants of a folder in one mode; where a promise is broken, the files that break it."""
    paths = sorted(recipes)

    def broken_by(part: Sequence[Path]) -> list[Fault]:
        return _broken(case, part, mode, jobs)

    faults = broken_by(paths)
    if not faults:
        return []
    guilty = smallest(paths, faults, broken_by)
    told = []
    for path, its_faults in guilty[:NAMED]:
        recipe = f"{recipes[path]}; --decode {mode} --jobs {jobs}"
        case.keep(path.name, path.read_bytes(), f"{recipe}: {its_faults[0].what}")
        told += [dataclasses.replace(fault, what=f"{path.name} ({recipe}): {fault.what}") for fault in its_faults]
    if not told:  # all of them together do it, and none alone
        return [dataclasses.replace(fault, what=f"{mode}, the whole folder: {fault.what}") for fault in faults]
    more = len(guilty) - NAMED
    return told if more <= 0 else [*told, promise.lost(f"and {more} files more")]


def _broken(case: Case, part: Sequence[Path], mode: str, jobs: int) -> list[Fault]:
    """What a run over these files breaks, and the same run once more, by one worker instead of two or the other way."""
    arena = case.arena
    everything = len(part) == len(list(arena.photos.iterdir()))
    paths: Sequence[object] = (arena.photos,) if everything else part
    command = ("assess", *paths, "--checkpoint", arena.checkpoint, "--top", 0, "--decode", mode)
    for name in ("first.csv", "again.csv"):
        (arena.out / name).unlink(missing_ok=True)
    cached = () if everything else ("--no-cache",)
    first = arena.iqa(*command, *cached, "--jobs", jobs, "--csv", "first.csv")
    faults = promise.of_ending(first, promise.JUDGED)
    if len(part) == 1:
        faults += promise.of_effort(first)
    elif first.cpu_s > promise.START_S + promise.MOST_CPU_S + EACH_CPU_S * len(part):
        faults.append(promise.Fault(promise.Kind.HUNG, f"{first.cpu_s:.1f} s of CPU for {len(part)} small files"))
    elif first.peak_mb > promise.MOST_MB:
        faults.append(promise.other(f"{first.peak_mb:.0f} MB; the limit is {promise.MOST_MB:.0f}"))
    if faults:
        return faults
    content = promise.content_of(arena.out / "first.csv")
    faults = promise.of_rows(content or b"", part)
    # From the cache, which is quick; in one mode of the three by decoding everything once more.
    if MODES[case.number % len(MODES)] == mode:
        cached = ("--no-cache",)
    second = arena.iqa(*command, *cached, "--jobs", 3 - jobs, "--csv", "again.csv")
    faults += promise.of_ending(second, promise.JUDGED)
    faults += promise.of_bytes(promise.content_of(arena.out / "again.csv"), content or b"", "the same command again")
    return faults + promise.of_place(arena, "first.csv", "again.csv")


def smallest(
    items: Sequence[Item], faults: list[Fault], broken_by: Callable[[Sequence[Item]], list[Fault]]
) -> list[tuple[Item, list[Fault]]]:
    """The single items that break something when they are alone, looked for by halves.

    faults  what all of them together break
    """
    if len(items) == 1 or not faults:
        return [(item, faults) for item in items if faults]
    middle = len(items) // 2
    halves = (items[:middle], items[middle:])
    return [entry for half in halves for entry in smallest(half, broken_by(half), broken_by)]
