"""Runs the cases of an attack, each drawn from the seed and its number alone, and counts what they found."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import json
import random
import shutil
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from campaign.arena import Arena
from campaign.promise import Fault, Kind, other

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from campaign.photographs import Photograph

NEWS_S = 30.0
"""Between two lines that say how far an attack is."""
MOST_KEPT = 20_000_000
"""Bytes of one file that `--keep` copies."""


@dataclasses.dataclass(frozen=True)
class Case:
    """One of the cases of an attack."""

    attack: str
    number: int
    things: range
    """Numbers of what is counted that are in this case."""
    random: random.Random
    """For everything that is drawn."""
    arena: Arena
    plan: Plan

    def keep(self, name: str, content: bytes | Path, recipe: str) -> None:
        """Keep an input that broke a promise, if the user wants that: `--keep`."""
        if self.plan.keep is None:
            return
        folder = self.plan.keep / f"{self.attack}-{self.number}"
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copytree(content, folder / name, dirs_exist_ok=True, symlinks=True, ignore=_not_kept)
        else:
            (folder / name).write_bytes(content)
        with (folder / "recipe.txt").open("a", encoding="utf-8") as file:
            file.write(f"{name}: {recipe}\n")

    def again(self) -> str:
        """How to see it again."""
        asked = f"--seed {self.plan.seed}{self.plan.options}"
        return f"python tests/campaign {asked} --only {self.attack} --case {self.number}"


def _not_kept(folder: str, names: list[str]) -> list[str]:
    """What is no file and no folder, and what is too large: a sparse file would be copied hole by hole."""
    paths = [(name, Path(folder) / name) for name in names]
    return [
        name
        for name, path in paths
        if not path.is_symlink() and not path.is_dir() and not (path.is_file() and path.stat().st_size <= MOST_KEPT)
    ]


@dataclasses.dataclass(frozen=True)
class Found:
    """A fault and where it came up."""

    attack: str
    number: int
    fault: Fault
    again: str


@dataclasses.dataclass
class Outcome:
    """What came of an attack."""

    attack: str
    amount: int
    """Cases, or files where a case has many."""
    unit: str
    """What is counted: mutants, kills, ..."""
    found: list[Found]
    seconds: float
    skipped: str | None = None
    """Why it was not run, or not wholly."""

    def count(self, kind: Kind) -> int:
        """Faults of a kind."""
        return sum(entry.fault.kind is kind for entry in self.found)


@dataclasses.dataclass
class Plan:
    """What all attacks of a campaign share."""

    seed: int
    checkpoint: str
    folder: Path
    """Where the cases have their places; emptied as they end."""
    photographs: tuple[Photograph, ...]
    """What is changed, sent, and judged."""
    parallel: int = 1
    """Cases at once."""
    keep: Path | None = None
    only_case: int | None = None
    """The only number to run, to see a fault again."""
    options: str = ""
    """What else has to be given to see the same again, each with a space before it."""
    tell: Callable[[str], None] = print

    def run(
        self,
        attack: str,
        amount: int,
        judge: Callable[[Case], list[Fault]],
        *,
        unit: str,
        each: int = 1,
        skipped: str | None = None,
    ) -> Outcome:
        """Run so many cases side by side.

        amount   of what is counted
        judge    runs a case, gives what was broken
        each     so many of what is counted are in a case; the last may have fewer
        skipped  why nothing is run, or only a part
        """
        started = told = time.monotonic()
        numbers = range(-(-amount // each)) if self.only_case is None else range(self.only_case, self.only_case + 1)
        found: list[Found] = []
        most = amount if self.only_case is None else len(numbers) * each + numbers.start * each

        def one(number: int) -> list[Found]:
            return self._one(attack, number, range(number * each, min(most, (number + 1) * each)), judge)

        pool = concurrent.futures.ThreadPoolExecutor(self.parallel)
        try:
            for done, entries in enumerate(pool.map(one, numbers), 1):
                for entry in entries:
                    self.tell(f"{attack} {entry.number}: {entry.fault.kind}: {entry.fault.what}\n    {entry.again}")
                found += entries
                if time.monotonic() - told > NEWS_S:
                    told = time.monotonic()
                    self.tell(f"{attack}: {done} of {len(numbers)} cases")
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C the cases in hand end, so that their disks are unmounted
        done = amount if self.only_case is None else len(numbers) * each
        return Outcome(attack, done, unit, found, time.monotonic() - started, skipped)

    def _one(self, attack: str, number: int, things: range, judge: Callable[[Case], list[Fault]]) -> list[Found]:
        with self.place(attack, number) as arena:
            case = Case(attack, number, things, self.draw(attack, number), arena, self)
            try:
                faults = judge(case)
            except Exception as error:  # noqa: BLE001 - a mistake of ours here must not pass for a promise that was kept
                where = traceback.extract_tb(error.__traceback__)[-1]
                faults = [other(f"the campaign itself failed: {error!r} at {where.filename}:{where.lineno}")]
            return [Found(attack, number, fault, case.again()) for fault in faults]

    @contextlib.contextmanager
    def place(self, attack: str, number: int) -> Iterator[Arena]:
        """Folders for a case, removed afterwards."""
        folder = Path(tempfile.mkdtemp(prefix=f"{attack}-{number}-", dir=self.folder))
        try:
            yield Arena(folder, self.checkpoint)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def draw(self, *place: object) -> random.Random:
        """Random numbers that depend on the seed and this place alone."""
        return random.Random(" ".join(map(str, (self.seed, *place))))  # noqa: S311 - attacks, not secrets


def as_json(outcomes: list[Outcome], about: Mapping[str, object]) -> str:
    """The whole campaign as a document."""
    entries = [
        {
            "attack": outcome.attack,
            "amount": outcome.amount,
            "unit": outcome.unit,
            "seconds": round(outcome.seconds, 1),
            "skipped": outcome.skipped,
            "found": [
                {"case": entry.number, "kind": entry.fault.kind, "what": entry.fault.what, "again": entry.again}
                for entry in outcome.found
            ],
        }
        for outcome in outcomes
    ]
    return json.dumps({**about, "attacks": entries}, ensure_ascii=False, indent=1) + "\n"
