"""Whether a run is whole: every planned photo has one row, and nothing else has."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from typing import TYPE_CHECKING

from iqa_cli.errors import RunError
from iqa_cli.scale.card import check_version, load_run
from iqa_cli.scale.manifest import FOLDER as MANIFEST
from iqa_cli.scale.manifest import read_shard, shard_name
from iqa_cli.scale.parts import FOLDER as PARTS
from iqa_cli.scale.parts import part_name, read_part

if TYPE_CHECKING:
    from collections.abc import Callable

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
    for number in range(len(run.shards)):
        tell(number, len(run.shards))
        try:
            entries = read_shard(place, run, number)
            places = [entry.place for entry in entries]
            if any(before >= place for before, place in itertools.pairwise([last, *places])):
                found.problems.append(f"{place.where(shard_name(number))}: a photo stands there twice, or out of order")
            last = places[-1]
            if part_name(number) not in there:
                found.missing.append(number)
                continue
            rows = read_part(place, run, number)
        except RunError as error:
            found.problems.append(error.message)
            continue
        planned = [(entry.key, entry.raw, entry.etag) for entry in entries]
        if [(row.key, row.raw, row.etag) for row in rows] != planned:
            found.problems.append(f"{place.where(part_name(number))}: its photos are not those that were planned")
            continue
        found.rows += len(rows)
        found.states.update(row.state for row in rows)
    tell(len(run.shards), len(run.shards))
    return found
