"""One shard judged and committed: what every engine calls, in a process that has loaded the model once."""

from __future__ import annotations

import collections
import functools
import itertools
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from iqa_cli.errors import IqaError, StoreError
from iqa_cli.provenance import STRICTNESS
from iqa_cli.records import PhotoReport
from iqa_cli.scale.card import load_model, load_run
from iqa_cli.scale.manifest import read_shard
from iqa_cli.scale.parts import Row, pack_part, part_name, row_of
from iqa_cli.scale.sources import open_source
from iqa_cli.stores.ahead import fetched
from iqa_cli.stores.once import write_once
from iqa_cli.stores.places import Place
from iqa_cli.stores.remote import RemotePhoto

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iqa_cli.pipeline.judge import Judge
    from iqa_cli.records import Decode, Language
    from iqa_cli.scale.listing import Entry
    from iqa_cli.scale.sources import Photo
    from iqa_cli.stores.remote import Failure

CHANGED = "changed since the plan: it was not judged (plan again to judge it as it is now)"


class Task(NamedTuple):
    """What a worker is asked to do; picklable."""

    shard: int
    rows: tuple[int, int] | None = None
    """Only look whether these survive, and write nothing; None judges and writes the shard."""
    poisoned: Mapping[int, str] = {}
    """Rows that are not touched, because they end whoever reads them, with the reason."""


class Done(NamedTuple):
    """What came of a task."""

    photos: int = 0
    bytes_read: int = 0
    requests: int = 0
    seconds: float = 0.0
    won: bool = False
    """Whether the result that lies there is this one."""
    problem: str | None = None
    """Why it was not done, with the next step; None if it was."""
    is_passing: bool = False
    """Whether trying again may help."""


class Worker:
    """Judges shards of a run.

    run     place of the run
    raises  RunError    if there is no run, or this installation would judge otherwise than planned
            StoreError  if the store does not answer
    """

    def __init__(self, run: Place) -> None:
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process for each processor is enough
        from iqa_cli.pipeline.judge import Judge

        self._place = run
        self._run = load_run(run)
        settings = self._run.settings
        self._source = open_source(settings.source, settings.root)
        self._lang: Language = "zh" if settings.lang == "zh" else "en"
        self._decode: Decode = settings.decode  # type: ignore[assignment]  # checked when it was planned
        self._judge: Judge = Judge(
            load_model(settings),
            self._decode,
            self._lang,
            strictness=STRICTNESS[settings.strictness],
            explain=settings.pages,
            thumbnails=settings.pages,
        )

    def __call__(self, task: Task) -> Done:
        """Judge a shard and write its result, or look at some of its rows."""
        started = time.perf_counter()
        counts: collections.Counter[str] = collections.Counter()
        try:
            entries = read_shard(self._place, self._run, task.shard)
            first, last = task.rows or (0, len(entries))
            rows = list(self._rows(entries[first:last], first, task.poisoned, counts))
            won = False
            if task.rows is None:
                won = write_once(self._place, part_name(task.shard), pack_part(self._run, task.shard, rows))
        except IqaError as error:
            return Done(
                0,
                counts["bytes"],
                counts["requests"],
                time.perf_counter() - started,
                False,
                str(error),
                isinstance(error, StoreError) and error.is_passing,
            )
        return Done(len(rows), counts["bytes"], counts["requests"], time.perf_counter() - started, won)

    def _rows(
        self, entries: Sequence[Entry], first: int, poisoned: Mapping[int, str], counts: collections.Counter[str]
    ) -> Iterator[Row]:
        """A row for each photo, in order.

        raises  StoreError  if the store does not answer, or refuses everything: that is nobody's photo
        """
        from iqa_cli.pipeline.auditor import AT_ONCE, in_its_language

        sound = (entry for number, entry in enumerate(entries, first) if number not in poisoned)
        fetched = self._fetched(sound)
        numbered = enumerate(entries, first)
        seen: list[Photo] = []
        denied: list[RemotePhoto] = []
        while part := list(itertools.islice(numbered, AT_ONCE[self._decode])):
            here = [(number, entry) for number, entry in part if number not in poisoned]
            photos = list(itertools.islice(fetched, len(here)))
            changed = {number for number, entry in here if self._source.is_changed(entry)}
            reports = iter(self._judge.photos(photos))
            by_number = dict(zip((number for number, _ in here), zip(photos, reports, strict=True), strict=True))
            for number, entry in part:
                if number in poisoned:
                    report = PhotoReport(self._source.name + entry.key, "unreadable", error=poisoned[number])
                    yield row_of(entry, "error", report)
                    continue
                photo, report = by_number[number]
                failure: Failure | None = "changed" if number in changed or self._source.is_changed(entry) else None
                if isinstance(photo, RemotePhoto):
                    counts["bytes"] += photo.bytes_read
                    counts["requests"] += photo.requests
                    photo.release()
                    failure = photo.failure
                    if failure == "denied":
                        denied.append(photo)
                    elif failure is None:
                        seen = [photo]
                    if failure == "unreachable" and photo.problem is not None:
                        raise photo.problem
                elif report.error is not None and report.error.startswith("the file is not there"):
                    failure = "vanished"
                if failure == "changed":
                    report = PhotoReport(report.source_file, "unreadable", error=CHANGED)
                state = report.status if failure is None else failure
                yield row_of(entry, state, in_its_language(report, self._lang))
        self._check_denied(denied, seen)

    def _fetched(self, entries: Iterator[Entry]) -> Iterator[Photo]:
        """Photos in order, what is needed first of them fetched before their turn."""
        whole = self._decode != "thumbnail"  # auto looks for holes in all of a HEIC file
        return fetched(self._source.photo(entry, whole=whole) for entry in entries)

    def _check_denied(self, denied: Sequence[RemotePhoto], seen: Sequence[Photo]) -> None:
        """Raise StoreError if it is not some photos that may not be read, but all: credentials may have run out."""
        if not denied:
            return
        problem = denied[-1].problem
        known = next(iter(seen), None)
        if isinstance(known, RemotePhoto) and known.is_still_allowed():
            return
        if problem is not None:
            raise problem


@functools.lru_cache(maxsize=1)
def worker_of(url: str) -> Worker:
    """The worker of this process, made once."""
    return Worker(Place(url))


def work(url: str, task: Task) -> Done:
    """A task of the run at this place, by the worker of this process."""
    try:
        worker = worker_of(url)
    except IqaError as error:
        return Done(problem=str(error), is_passing=True)  # another machine may do better
    return worker(task)
