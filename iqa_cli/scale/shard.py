"""One shard judged and committed: what every engine calls, in a process that has loaded the model once."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import os
import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from iqa_cli.errors import IqaError, StoreError
from iqa_cli.photos.limits import MAX_FILE_BYTES
from iqa_cli.provenance import STRICTNESS
from iqa_cli.records import PhotoReport
from iqa_cli.scale.card import load_model, load_run
from iqa_cli.scale.health import Health, failure_of
from iqa_cli.scale.manifest import read_shard
from iqa_cli.scale.parts import Row, pack_part, part_name, row_of
from iqa_cli.scale.sources import open_source
from iqa_cli.stores.ahead import fetched
from iqa_cli.stores.once import write_once
from iqa_cli.stores.places import Place
from iqa_cli.stores.remote import RemotePhoto

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from iqa_cli.pipeline.judge import Judge
    from iqa_cli.records import Decode, Language
    from iqa_cli.scale.listing import Entry
    from iqa_cli.scale.sources import Photo
    from iqa_cli.stores.remote import Failure

NOT_GIVEN = "the store does not give it"
CHANGED = "changed since the plan: it was not judged (plan anew with another --out to judge it as it is now)"


class Task(NamedTuple):
    """What a worker is asked to do; picklable."""

    shard: int
    rows: tuple[int, int] | None = None
    """Only look whether these survive, and write nothing; None judges and writes the shard."""
    poisoned: Mapping[int, str] = {}
    """Rows that are not touched, because they end whoever reads them, with the reason."""
    is_last: bool = False
    """Whether photos that the store does not give become rows, if it gives others; else the shard is tried again."""


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
    is_unreachable: bool = False
    """Whether no store answered at all."""


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
        self._health = Health(run, self._run, self._source)
        self._decode: Decode = settings.decode  # type: ignore[assignment]  # checked when it was planned
        self._judge: Judge = Judge(
            load_model(settings),
            self._decode,
            self._lang,
            strictness=STRICTNESS[settings.strictness],
            explain=settings.pages,
            thumbnails=settings.pages,
        )
        # A machine on which judging ends the process shows it here, where no photo is to blame.
        self._judge.photo(np.full((64, 64, 3), 128, np.uint8))

    def __call__(self, task: Task) -> Done:
        """Judge a shard and write its result, or look at some of its rows."""
        started = time.perf_counter()
        counts: collections.Counter[str] = collections.Counter()
        try:
            entries = read_shard(self._place, self._run, task.shard)
            first, last = task.rows or (0, len(entries))
            rows = self._rows(entries[first:last], first, task, counts)
            won = False
            if task.rows is None:
                won = write_once(self._place, part_name(task.shard), pack_part(self._run, task.shard, rows))
        except IqaError as error:
            return _let_down(error)._replace(
                bytes_read=counts["bytes"], requests=counts["requests"], seconds=time.perf_counter() - started
            )
        return Done(len(rows), counts["bytes"], counts["requests"], time.perf_counter() - started, won)

    def _rows(self, entries: Sequence[Entry], first: int, task: Task, counts: collections.Counter[str]) -> list[Row]:
        """A row for each photo, in order.

        first   number of the first one in its shard
        raises  StoreError  if the store does not answer, or gives nothing: that is nobody's photo
        """
        from iqa_cli.pipeline.auditor import AT_ONCE

        self._health.begin()
        rows: list[Row] = []
        sound = (entry for number, entry in enumerate(entries, first) if number not in task.poisoned)
        # Closed here: see `fetched`.
        with contextlib.closing(self._fetched(sound)) as photos:
            numbered = enumerate(entries, first)
            while part := list(itertools.islice(numbered, AT_ONCE[self._decode])):
                here = [(number, entry) for number, entry in part if number not in task.poisoned]
                taken = list(itertools.islice(photos, len(here)))
                changed = {number for number, entry in here if self._source.is_changed(entry)}
                reports = zip(here, taken, self._judge.photos(taken), strict=True)
                by_number = {number: (photo, report) for (number, _), photo, report in reports}
                for number, entry in part:
                    if number in task.poisoned:
                        report = PhotoReport(self._source.name + entry.key, "unreadable", error=task.poisoned[number])
                        rows.append(row_of(entry, "error", report))
                        continue
                    photo, report = by_number[number]
                    is_changed = number in changed or self._source.is_changed(entry)
                    failure = "changed" if is_changed else failure_of(photo, report)
                    rows.append(self._row(entry, photo, report, failure, is_last=task.is_last))
                    if isinstance(photo, RemotePhoto):
                        counts["bytes"] += photo.bytes_read
                        counts["requests"] += photo.requests
                        photo.release()
        self._health.check()
        return rows

    def _row(self, entry: Entry, photo: Photo, report: PhotoReport, failure: Failure | None, *, is_last: bool) -> Row:
        """The row of a photo that was judged, or could not be had."""
        from iqa_cli.pipeline.auditor import in_its_language

        self._health.note(photo, failure)
        state: str = failure or report.status
        if failure == "unreachable" and isinstance(photo, RemotePhoto):
            if photo.problem is not None and not (is_last and photo.problem.is_passing):
                raise photo.problem
            state = "error"
            error = NOT_GIVEN + (f" ({photo.code})" if photo.code else "")
            report = PhotoReport(report.source_file, "unreadable", error=error)
        elif failure == "changed":
            report = PhotoReport(report.source_file, "unreadable", error=CHANGED)
        return row_of(entry, state, in_its_language(report, self._lang))

    def _fetched(self, entries: Iterator[Entry]) -> Generator[Photo, None, None]:
        """Photos in order, what is needed first of them fetched before their turn."""
        whole = self._decode != "thumbnail"  # auto looks for holes in all of a HEIC file
        # A file that is refused for its size is not fetched.
        return fetched(self._source.photo(entry, whole=whole and entry.size <= MAX_FILE_BYTES) for entry in entries)


@functools.lru_cache(maxsize=1)
def worker_of(url: str) -> Worker:
    """The worker of this process, made once."""
    return Worker(Place(url))


def get_ready(url: str) -> None:
    """Have the worker of this process load its model and try it out. What is wrong is for `work` to tell."""
    with contextlib.suppress(IqaError):
        worker_of(url)


def work(url: str, task: Task) -> Done:
    """A task of the run at this place, by the worker of this process."""
    try:
        worker = worker_of(url)
    except IqaError as error:
        return _let_down(error)._replace(is_passing=True)  # another machine may do better
    return worker(task)


def _let_down(error: IqaError) -> Done:
    """What came of a task that ended so."""
    if not isinstance(error, StoreError):
        return Done(problem=str(error))
    return Done(problem=str(error), is_passing=error.is_passing, is_unreachable=error.is_unreachable)
