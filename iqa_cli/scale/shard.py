"""One shard judged and committed: what every engine calls, in a process that has loaded the model once."""

from __future__ import annotations

import collections
import concurrent.futures
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
from iqa_cli.stores.once import write_once
from iqa_cli.stores.places import Place
from iqa_cli.stores.remote import HEAD_BYTES, RemotePhoto

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iqa_cli.pipeline.judge import Judge
    from iqa_cli.records import Decode, Language
    from iqa_cli.scale.listing import Entry
    from iqa_cli.scale.sources import Photo
    from iqa_cli.stores.remote import Failure

REQUESTS = 16
"""Photos of one worker that are fetched side by side."""
BYTES_AHEAD = 64 * 1024 * 1024
"""Of photos that are fetched before their turn."""
LOOKED_AT = 8
"""Shards in which a photo is looked for that can be read, where none of a shard can."""
NOT_GIVEN = "the store does not give it"
CHANGED = "changed since the plan: it was not judged (plan again to judge it as it is now)"


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
        self._given: Photo | None = None
        """The last photo that could be read."""
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
            with contextlib.closing(self._rows(entries[first:last], first, task, counts)) as judged:
                rows = list(judged)
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

    def _rows(self, entries: Sequence[Entry], first: int, task: Task, counts: collections.Counter[str]) -> Iterator[Row]:
        """A row for each photo, in order.

        first   number of the first one in its shard
        raises  StoreError  if the store does not answer, or gives nothing: that is nobody's photo
        """
        from iqa_cli.pipeline.auditor import AT_ONCE, in_its_language

        numbered = enumerate(entries, first)
        lost = _Lost()
        sound = (entry for number, entry in enumerate(entries, first) if number not in task.poisoned)
        # Closed here and now: its pool must not be left to the garbage collector, which may run in a thread that it waits for.
        with contextlib.closing(self._fetched(sound)) as fetched:
            while part := list(itertools.islice(numbered, AT_ONCE[self._decode])):
                here = [(number, entry) for number, entry in part if number not in task.poisoned]
                photos = list(itertools.islice(fetched, len(here)))
                changed = {number for number, entry in here if self._source.is_changed(entry)}
                reports = iter(self._judge.photos(photos))
                by_number = dict(zip((number for number, _ in here), zip(photos, reports, strict=True), strict=True))
                for number, entry in part:
                    if number in task.poisoned:
                        report = PhotoReport(self._source.name + entry.key, "unreadable", error=task.poisoned[number])
                        yield row_of(entry, "error", report)
                        continue
                    photo, report = by_number[number]
                    failure: Failure | None = "changed" if number in changed or self._source.is_changed(entry) else None
                    if isinstance(photo, RemotePhoto):
                        counts["bytes"] += photo.bytes_read
                        counts["requests"] += photo.requests
                        photo.release()
                        failure = photo.failure
                    elif report.error is not None and report.error.startswith("the file is not there"):
                        failure = "vanished"
                    if failure == "unreachable" and isinstance(photo, RemotePhoto):
                        if photo.problem is not None and not (task.is_last and photo.problem.is_passing):
                            raise photo.problem
                        code = f" ({photo.code})" if photo.code else ""
                        report = PhotoReport(report.source_file, "unreadable", error=NOT_GIVEN + code)
                    elif failure == "changed":
                        report = PhotoReport(report.source_file, "unreadable", error=CHANGED)
                    if failure is None:
                        self._given = photo
                        lost.is_any_given = True
                    elif failure != "changed":
                        lost.photos.append((photo, failure))
                    state = "error" if failure == "unreachable" else failure or report.status
                    yield row_of(entry, state, in_its_language(report, self._lang))
        self._check(lost)

    def _check(self, lost: _Lost) -> None:
        """Raise StoreError if it is not some photos that cannot be had, but all: credentials may have run out, or a
        disk may be gone.
        """
        failures = {failure: photo for photo, failure in lost.photos}
        if not failures:
            return
        if self._given is None or not can_be_had(self._given):
            self._given = next(self._others(), None)
        if self._given is not None:
            return
        if failures.keys() == {"vanished"}:
            if lost.is_any_given or self._source.has_any():
                return
            raise StoreError(
                f"{self._source.name}: nothing is there any more",
                hint="is it mounted, and is the bucket there? If it is empty for good, plan again",
                is_passing=True,
            )
        problem = next((photo.problem for photo in failures.values() if isinstance(photo, RemotePhoto) and photo.problem), None)
        if problem is not None:
            raise problem

    def _others(self) -> Iterator[Photo]:
        """Photos of other shards that can be read, of a few that are looked at."""
        shards = len(self._run.shards)
        for number in sorted({shards * part // LOOKED_AT for part in range(LOOKED_AT)}):
            entries = read_shard(self._place, self._run, number)
            for entry in (entries[0], entries[len(entries) // 2], entries[-1]):
                photo = self._source.photo(entry, whole=False)
                if can_be_had(photo):
                    yield photo

    def _fetched(self, entries: Iterator[Entry]) -> Generator[Photo, None, None]:
        """Photos in order, what is needed first of them fetched before their turn, a bounded number at a time."""
        whole = self._decode != "thumbnail"  # auto looks for holes in all of a HEIC file
        waiting: collections.deque[tuple[Photo, concurrent.futures.Future[None] | None]] = collections.deque()
        ahead = 0
        pool = concurrent.futures.ThreadPoolExecutor(REQUESTS, thread_name_prefix="iqa-fetch")
        try:
            while True:
                while len(waiting) < 2 * REQUESTS and (ahead < BYTES_AHEAD or not waiting):
                    entry = next(entries, None)
                    if entry is None:
                        break
                    # A file that is refused for its size is not fetched.
                    photo = self._source.photo(entry, whole=whole and entry.size <= MAX_FILE_BYTES)
                    fetching = None
                    if isinstance(photo, RemotePhoto):
                        ahead += photo.first_bytes
                        fetching = pool.submit(photo.prefetch)
                    waiting.append((photo, fetching))
                if not waiting:
                    return
                photo, fetching = waiting.popleft()
                if fetching is not None and isinstance(photo, RemotePhoto):
                    fetching.result()
                    ahead -= photo.first_bytes
                yield photo
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@dataclasses.dataclass(slots=True)
class _Lost:
    """What could not be had of a shard."""

    photos: list[tuple[Photo, Failure]] = dataclasses.field(default_factory=list)
    is_any_given: bool = False


def can_be_had(photo: Photo) -> bool:
    """Whether it is there and can be read."""
    if isinstance(photo, RemotePhoto):
        return photo.can_be_read()
    return isinstance(photo, PhotoRef) and os.access(photo.path, os.R_OK)


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
