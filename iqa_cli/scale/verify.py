"""Whether a run is whole: every planned photo has one row, and nothing else has."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import itertools
from typing import TYPE_CHECKING, NamedTuple

from iqa_cli.errors import RunError
from iqa_cli.scale.card import check_version, load_run
from iqa_cli.scale.manifest import FOLDER as MANIFEST
from iqa_cli.scale.manifest import read_shard, shard_name
from iqa_cli.scale.parts import AHEAD, part_name, read_part
from iqa_cli.scale.parts import FOLDER as PARTS
from iqa_cli.stores.ahead import looked_at

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from iqa_cli.scale.card import Run
    from iqa_cli.scale.listing import Entry
    from iqa_cli.scale.parts import Row
    from iqa_cli.stores.places import Place


@dataclasses.dataclass(slots=True)
class Verified:
    """What a look at a run found."""

    shards: int = 0
    """That were planned."""
    photos: int = 0
    """That were planned."""
    rows: int = 0
    """That are there and right."""
    states: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    """Of these rows."""
    missing: list[int] = dataclasses.field(default_factory=list)
    """Shards without a result."""
    problems: list[str] = dataclasses.field(default_factory=list)
    """What is wrong with what is there."""

    @property
    def is_whole(self) -> bool:
        """Whether each planned photo has its row."""
        return not self.missing and not self.problems and self.rows == self.photos


def verify(place: Place, tell: Callable[[int, int], object] = lambda _done, _of: None) -> Verified:
    """Look at every shard of a run and at its result.

    tell    called with the shards looked at so far, and all
    raises  RunError    if there is no run, or one of another version
            StoreError  if the store does not answer
    """
    run = load_run(place)
    check_version(run.settings)
    found = Verified(shards=len(run.shards), photos=run.photos)
    there = set(place.names(PARTS))
    numbers = range(len(run.shards))
    foreign = {*place.names(MANIFEST)}.difference(map(shard_name, numbers)) | there.difference(map(part_name, numbers))
    found.problems += [f"{place.where(name)}: no shard of this run has that name" for name in sorted(foreign)]
    last = ("", b"")
    looks = looked_at(numbers, functools.partial(_look, place, run, there), AHEAD, AHEAD)
    with contextlib.closing(looks):
        for number, look in enumerate(looks):
            tell(number, len(run.shards))
            if look.entries:
                places = [entry.place for entry in look.entries]
                if any(before >= after for before, after in itertools.pairwise([last, *places])):
                    where = place.where(shard_name(number))
                    found.problems.append(f"{where}: a photo stands there twice, or out of order")
                last = places[-1]
            if look.problem is not None:
                found.problems.append(look.problem)
            elif look.rows is None:
                found.missing.append(number)
            elif [(row.key, row.raw, row.etag) for row in look.rows] != [
                (entry.key, entry.raw, entry.etag) for entry in look.entries
            ]:
                where = place.where(part_name(number))
                found.problems.append(f"{where}: its photos are not those that were planned")
            else:
                found.rows += len(look.rows)
                found.states.update(row.state for row in look.rows)
    tell(len(run.shards), len(run.shards))
    return found


class _Look(NamedTuple):
    """What there is of a shard."""

    entries: list[Entry]
    """Empty if they cannot be known."""
    rows: list[Row] | None
    """None without a result."""
    problem: str | None = None


def _look(place: Place, run: Run, there: Collection[str], number: int) -> _Look:
    entries: list[Entry] = []
    try:
        entries = read_shard(place, run, number)
        rows = read_part(place, run, number) if part_name(number) in there else None
    except RunError as error:
        return _Look(entries, None, error.message)
    return _Look(entries, rows)
