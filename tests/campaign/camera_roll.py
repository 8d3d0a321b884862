"""A folder of photographs to run over: good ones, broken ones, of every format."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from campaign.mutation import mutant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from campaign.plan import Case

BROKEN = 12
"""Different changed ones."""


def fill(case: Case, count: int, kind: str = "") -> list[Path]:
    """So many photos in the case's folder, in sub-folders: every photograph of the plan and some mutants in turns.

    They are hard links, because it is the names that are counted.

    kind  how the names of the photographs begin that are taken
    """
    chosen = [photograph for photograph in case.plan.photographs if photograph.name.startswith(kind)]
    kinds = [(photograph.data, photograph.suffix) for photograph in chosen]
    for number in range(BROKEN):
        made = mutant(case.plan.draw(case.attack, case.number, "roll", number), chosen)
        kinds.append((made.data, made.suffix))
    first: dict[int, Path] = {}
    paths = []
    for number in range(count):
        which = number % len(kinds)
        path = case.arena.photos / f"{100 + number // 200}ROLL" / f"IMG_{number:05}{kinds[which][1]}"
        path.parent.mkdir(exist_ok=True)
        if which in first:
            os.link(first[which], path)
        else:
            path.write_bytes(kinds[which][0])
            first[which] = path
        paths.append(path)
    date_back(first.values())
    return paths


def date_back(paths: Iterable[Path]) -> None:
    """Files as if they had been there for long: the cache does not trust the times of those just written."""
    long_ago = time.time() - 1000
    for path in paths:
        os.utime(path, (long_ago, long_ago))
