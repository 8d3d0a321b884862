"""Threads and processes that judge photos, a few at a time.

Threads first: Pillow and onnxruntime let go of the interpreter lock while they work, and a thread costs neither a start
nor a second model. For what is Python's work threads wait for each other's lock, so in a long run each hands its photos
to a process and waits for that; see docs/decisions/0084.

A process that is lost takes nothing with it: the photos it had are judged one by one in another, and one that ends two
of them in a row, alone in hand, becomes a row that says so; see docs/decisions/0114.
"""

from __future__ import annotations

import concurrent.futures
import functools
import logging
import queue
import threading
from typing import TYPE_CHECKING, Self

from iqa_cli.child import Child, Lost, how_it_ended
from iqa_cli.errors import WorkerLost
from iqa_cli.records import PhotoReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from iqa_cli.pipeline.judge import Judge
    from iqa_cli.records import PhotoRef

logger = logging.getLogger(__name__)

Reports = concurrent.futures.Future["list[PhotoReport]"]
"""Of photos that were submitted together."""

THREADS_FOR = 512
"""Photos that threads judge before processes take over: a run that is shorter is over before those have started."""
TRIES = 2
"""Processes that have to end over a photo before it is to blame: the first may have been killed by chance."""
MOST_FAILED_STARTS = 3
"""Processes in a row that end before they are ready: no photo is to blame."""
MOST_LOST = 32
"""Processes in a row, for each that works at a time, that end without having judged a photo: a folder may hold a few
files that end them, but if nothing else comes it is rather the machine."""


class Workers:
    """A pool of workers; used from one thread.

    judge       gives that of this process, which its threads share; called by the first submission
    threads     how many, at least 1
    make        makes the same judge in another process: has to be picklable, like its arguments
    processes   how many take over in a long run; 0 for threads only
    is_hurried  whether the photos in hand are not waited for in the end: the caller ends this process next

    Leaving the context drops what has not been started, ends the processes, and waits for the photos that threads have
    in hand.
    """

    def __init__(
        self,
        judge: Callable[[], Judge],
        threads: int,
        make: Callable[[], Judge],
        processes: int,
        is_hurried: Callable[[], bool] = lambda: False,
    ) -> None:
        self._judge = judge
        self._given = 0
        self._is_over = threading.Event()
        self._is_hurried = is_hurried
        self._threads = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="iqa-judge")
        self._submitted: set[Reports] = set()
        """Those that are not done."""
        self._places = [_Place(make) for _ in range(processes)]
        self._free: queue.LifoQueue[_Place] = queue.LifoQueue()
        """Places that nobody has a task for."""
        for place in self._places:
            self._free.put(place)
        self._has_processes = processes > 0

    def submit(self, refs: Sequence[PhotoRef]) -> Reports:
        """Judge these photos. The future has their reports in the same order, or raises WorkerLost if one process after
        the other ended, or whatever went wrong in the judge.

        raises  CheckpointError  if the model cannot be loaded
        """
        self._given += len(refs)
        judge = self._judge()
        if self._has_processes and self._given > THREADS_FOR:
            reports = self._threads.submit(self._judged_elsewhere, judge, refs)
        else:
            reports = self._threads.submit(judge.photos, refs, self._is_over.is_set)
        self._submitted.add(reports)
        reports.add_done_callback(self._submitted.discard)
        return reports

    def _judged_elsewhere(self, judge: Judge, refs: Sequence[PhotoRef]) -> list[PhotoReport]:
        """By a process, or by this thread if there can be none."""
        place = self._free.get()
        try:
            if self._has_processes:
                return place.photos(refs)
        except _NoProcess as error:
            logger.debug("no process can be started", exc_info=error)
            self._has_processes = False
        finally:
            self._free.put(place)
        return judge.photos(refs, self._is_over.is_set)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        for place in self._places:
            place.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        while (in_hand := list(self._submitted)) and not self._is_hurried():
            concurrent.futures.wait(in_hand, timeout=0.1)
        self._threads.shutdown(wait=not self._is_hurried())


class _Place:
    """Where a process works, and another after it if it is lost; used by one thread at a time.

    make  as of `Workers`
    """

    def __init__(self, make: Callable[[], Judge]) -> None:
        self._make = functools.partial(_photos_of, make)
        self._child: Child[Sequence[PhotoRef], list[PhotoReport]] | None = None
        self._changing = threading.Lock()
        self._is_closed = False
        self._failed_starts = 0
        self._lost = 0

    def photos(self, refs: Sequence[PhotoRef]) -> list[PhotoReport]:
        """As `Judge.photos`; fewer if this is closed meanwhile.

        raises  WorkerLost  if one process after the other ends
                _NoProcess  if none can be started
        """
        try:
            return self._ask(refs)
        except Lost as lost:
            self._count(lost)
        reports: list[PhotoReport] = []
        for ref in refs:
            reports += self._alone(ref)
        return reports

    def _alone(self, ref: PhotoRef) -> list[PhotoReport]:
        """The report of a photo that may have ended a process; none if this is closed meanwhile."""
        ended = 0
        while True:
            try:
                return self._ask([ref])
            except Lost as lost:
                self._count(lost)
                ended += lost.was_ready
                if ended == TRIES:
                    return [PhotoReport(ref.source_file, "unreadable", error=why_unread(lost))]

    def _ask(self, refs: Sequence[PhotoRef]) -> list[PhotoReport]:
        child = self._started()
        if child is None:
            return []
        try:
            reports = child.ask(refs)
        except Exception as error:
            child.end()
            self._child = None
            if self._is_closed and isinstance(error, Lost):
                return []
            raise
        self._failed_starts = self._lost = 0
        return reports

    def _started(self) -> Child[Sequence[PhotoRef], list[PhotoReport]] | None:
        """The process that works here; None if this is closed."""
        with self._changing:
            if self._child is None and not self._is_closed:
                try:
                    self._child = Child(self._make)
                except (OSError, ImportError, NotImplementedError, ValueError) as error:
                    raise _NoProcess from error
            return None if self._is_closed else self._child

    def _count(self, lost: Lost) -> None:
        """Count a process that was lost; raises WorkerLost if there were too many in a row."""
        self._lost += 1
        self._failed_starts = 0 if lost.was_ready else self._failed_starts + 1
        logger.debug("a process that judges photos ended", exc_info=lost)
        if self._failed_starts == MOST_FAILED_STARTS or self._lost == MOST_LOST:
            when = "before it was ready" if self._failed_starts == MOST_FAILED_STARTS else "over a photo"
            count = self._lost if lost.was_ready else self._failed_starts
            raise WorkerLost(
                f"processes that judge photos end one after the other: {count} in a row, "
                f"the last {when} ({how_it_ended(lost.exit_code)})",
                hint="perhaps there is too little memory; --jobs 1 works without them, and what was judged so far is "
                "remembered, unless the cache is off",
            ) from lost

    def close(self) -> None:
        """End the process that works here, for good; from any thread."""
        with self._changing:
            self._is_closed = True
            if self._child is not None:
                self._child.end()


class _NoProcess(Exception):  # noqa: N818 - threads do as well
    """No process can be started."""


def _photos_of(make: Callable[[], Judge]) -> Callable[[Sequence[PhotoRef]], list[PhotoReport]]:
    """What a process answers with."""
    return make().photos


def why_unread(lost: Lost) -> str:
    """Why a photo that ended the process cannot be read; how it begins is known to `iqa_cli.cache.store.PASSING`."""
    how = how_it_ended(lost.exit_code)
    if lost.is_crash:
        return f"the decoder crashed on it ({how})"
    if lost.exit_code is not None and lost.exit_code < 0:
        return f"the process that read it was killed, perhaps for want of memory ({how})"
    return f"the process that read it ended by itself ({how})"
