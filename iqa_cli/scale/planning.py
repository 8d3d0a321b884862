"""Plan a run: list the photos once, freeze them in shards, and write the card last.

A plan that was interrupted goes on behind the last photo of its last shard. What is in front of that is frozen and not
listed again, so no two listings overlap: each stretch of names is listed once, and a photo that comes or goes meanwhile
is in the plan or not as if that stretch had been listed at that moment, as in any listing that takes hours.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import re
from typing import TYPE_CHECKING, Any

from iqa_cli.errors import NothingReadable, RunError, UsageError
from iqa_cli.photos.left_out import LeftOut
from iqa_cli.scale.card import (
    CARD,
    SETTINGS,
    Run,
    Shard,
    add_left_out,
    left_out_json,
    load_run,
    read_settings,
    run_bytes,
    settings_bytes,
)
from iqa_cli.scale.manifest import FOLDER, pack_shard, shard_name, unpack_shard
from iqa_cli.scale.sources import open_source
from iqa_cli.stores.once import write_once
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iqa_cli.scale.card import Settings
    from iqa_cli.scale.listing import Entry
    from iqa_cli.scale.sources import Source

_NUMBER = re.compile(rf"{FOLDER}/(\d+)\.parquet")


def plan(
    settings: Settings,
    place: Place,
    *,
    source: Source | None = None,
    tell: Callable[[int, int], object] = lambda _photos, _shards: None,
) -> Run:
    """The run of these settings, planned to its end, or further from where an earlier attempt was stopped.

    settings  of the run; one that was begun before keeps its time
    place     where it is kept
    source    what is listed; None for that of the settings
    tell      called with the photos and shards frozen so far; not for a plan that was complete
    raises    UsageError       if the place is inside the source
              RunError         if there is another run, or another plan is at work on this one
              NothingReadable  if there are no photos
              StoreError, InvalidInput  if something cannot be listed, read or written
    """
    if source is None:
        source = open_source(settings.source, settings.root)
    if Place(settings.source).is_around(place):
        raise UsageError(
            f"--out {place.url}: this is inside {settings.source}, and nothing is written among the photos",
            hint="name another bucket or folder, or a prefix beside the photos",
        )
    before = _before(settings, place)
    if before is not None and place.has(CARD):
        return _whole(load_run(place), place)
    settings = before or settings
    shards: list[Shard] = []
    counts = LeftOut()
    last: Entry | None = None
    skipped: list[tuple[str, str]] = []
    for entries, shard, meta in _frozen(place) if before is not None else ():
        shards.append(shard)
        add_left_out(counts, meta["passed_over"])
        skipped = [(folder, reason) for folder, reason in meta["skipped"]]
        last = entries[-1]
    tell(sum(shard.rows for shard in shards), len(shards))
    photos = sum(shard.rows for shard in shards)
    new = LeftOut()
    # A last shard that is not full was the end of the listing, with what was passed over behind it.
    was_listed = bool(shards) and shards[-1].rows < settings.shard_rows
    with contextlib.closing(source.entries(last, new)) as found:
        for entries in () if was_listed else _pieces(found, settings.shard_rows):
            skipped = [*source.skipped]
            content = pack_shard(entries, new, skipped)
            add_left_out(counts, left_out_json(new))
            _empty(new)
            name = shard_name(len(shards))
            if not shards:  # not before there is a photo: a name that was misspelt is not kept
                settings = _begun(settings, place)
            if not write_once(place, name, content):
                raise _two_plans(place)
            shards.append(_shard(entries, content))
            photos += len(entries)
            tell(photos, len(shards))
    add_left_out(counts, left_out_json(new))  # behind the last photo
    if not shards:
        from iqa_cli.report.audit.left_out import left_out_line

        line = left_out_line(counts, "en")
        more = f"; {line[0].lower()}{line[1:]}" if line else ""
        hint = "check the prefix" if settings.root is None else "name a folder with photos"
        raise NothingReadable(f"no photos found in {settings.source}{more}", hint=hint)
    if not write_once(place, CARD, run_bytes(Run(settings, tuple(shards), counts, tuple(skipped)))):
        raise _two_plans(place)
    return load_run(place)


def _begun(settings: Settings, place: Place) -> Settings:
    """Write down the settings, unless another plan did so meanwhile; the ones that lie there."""
    write_once(place, SETTINGS, settings_bytes(settings))
    return _before(settings, place) or settings


def _before(settings: Settings, place: Place) -> Settings | None:
    """The settings as they were when planning began, None if it did not; raises RunError if they were others."""
    content = place.get(SETTINGS)
    if content is None:
        if place.has(CARD) or place.names(FOLDER):
            raise RunError(f"{place.where(SETTINGS)} is missing", hint="plan again with another --out")
        return None
    before = read_settings(content, place.where(SETTINGS))
    differences = [
        f"{name}: {before.fixed[name]}, now {value}"
        for name, value in settings.fixed.items()
        if before.fixed[name] != value
    ]
    if differences:
        raise RunError(
            f"{place.url}: another run was planned here", problems=differences, hint="name another place with --out"
        )
    return before


def _whole(run: Run, place: Place) -> Run:
    """A run whose plan is complete; raises RunError if shards of it are missing: nobody knows what they held."""
    there = set(place.names(FOLDER))
    missing = [shard_name(number) for number in range(len(run.shards)) if shard_name(number) not in there]
    if missing:
        raise RunError(
            f"{place.where(missing[0])} is missing{f', and {len(missing) - 1} more' if missing[1:] else ''}",
            hint="plan again with another --out",
        )
    return run


def _frozen(place: Place) -> Iterator[tuple[list[Entry], Shard, dict[str, Any]]]:
    """The shards that an earlier attempt wrote."""
    there = set(place.names(FOLDER))
    numbers = [
        int(found[1]) for name in there if (found := _NUMBER.fullmatch(name)) and shard_name(int(found[1])) == name
    ]
    for number in range(max(numbers, default=-1) + 1):
        name = shard_name(number)
        if name not in there:
            raise RunError(
                f"{place.where(name)} is missing, and later ones are there", hint="plan again with another --out"
            )
        content = place.must_get(name, "plan again with another --out")
        entries, meta = unpack_shard(content, place.where(name))
        yield entries, _shard(entries, content), meta


def _shard(entries: list[Entry], content: bytes) -> Shard:
    return Shard(len(entries), sum(entry.size for entry in entries), hashlib.sha256(content).hexdigest())


def _pieces(entries: Iterator[Entry], rows: int) -> Iterator[list[Entry]]:
    while piece := list(itertools.islice(entries, rows)):
        yield piece


def _empty(counts: LeftOut) -> None:
    """Begin to count anew: what counts keeps the object."""
    counts.kinds.clear()
    counts.copies.clear()
    counts.hidden = 0


def _two_plans(place: Place) -> RunError:
    return RunError(
        f"{place.url}: another iqa plan is at work here", hint="let it finish; then the same command says what there is"
    )
