"""Threads and processes that judge photos, a few at a time.

Threads first: Pillow and onnxruntime let go of the interpreter lock while they work, which is where the time of a
decoded photo goes, and a thread costs neither a start nor a second model. Where most of the work is Python's, as with
previews, threads wait for each other's lock, and a long run goes on in processes; see docs/decisions/0084.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Self

from iqa_cli.errors import WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from iqa_cli.pipeline.judge import Judge
    from iqa_cli.records import PhotoRef, PhotoReport

Reports = concurrent.futures.Future["list[PhotoReport]"]
"""Of photos that were submitted together."""

THREADS_FOR = 512
"""Photos that threads judge before processes take over: a run that is shorter is over before those have started."""


class Workers:
    """A pool of workers; used from one thread.

    judge      gives that of this process, which its threads share; called by the first submission
    threads    how many, at least 1
    make       makes the same judge in another process: has to be picklable, like its arguments
    processes  how many take over in a long run; 0 for threads only

    Leaving the context drops what has not been started and waits for the photos in hand.
    """

    def __init__(self, judge: Callable[[], Judge], threads: int, make: Callable[[], Judge], processes: int) -> None:
        self._judge = judge
        self._make = make
        self._process_count = processes
        self._given = 0
        self._is_over = threading.Event()
        self._threads = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="iqa-judge")
        self._processes: concurrent.futures.ProcessPoolExecutor | None = None

    def submit(self, refs: Sequence[PhotoRef]) -> Reports:
        """Judge these photos; their reports come in the same order.

        raises  CheckpointError  if the model cannot be loaded
                WorkerLost       if a process ended that was given others
        """
        self._given += len(refs)
        if not self._process_count or self._given <= THREADS_FOR:
            return self._threads.submit(self._judge().photos, refs, self._is_over.is_set)
        if self._processes is None:
            import multiprocessing  # 20 ms that most runs do not need

            self._processes = concurrent.futures.ProcessPoolExecutor(
                self._process_count, multiprocessing.get_context("spawn"), _start, (self._make,)
            )
        with _interrupts_kept_from_children(), _loss_told():  # a submission that finds no process idle starts one
            return self._processes.submit(_work, refs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        for pool in (self._threads, self._processes):
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)


def reports_of(future: Reports) -> list[PhotoReport]:
    """What was submitted, when it is there.

    raises  WorkerLost  if a process ended instead, and whatever went wrong in the judge
    """
    with _loss_told():
        return future.result()


@contextlib.contextmanager
def _loss_told() -> Iterator[None]:
    """A pool that lost a process takes no more work, and fails what it has; raises WorkerLost for either."""
    try:
        yield
    except concurrent.futures.BrokenExecutor as error:
        raise WorkerLost(
            "a process that judges photos ended by itself: it was killed, perhaps for want of memory, or crashed",
            hint="run it again with --jobs 1: what was judged so far is remembered, unless the cache is off",
        ) from error


_judge_of_this_process: Judge | None = None


def _start(make: Callable[[], Judge]) -> None:
    """Begin a process of ours."""
    global _judge_of_this_process  # noqa: PLW0603 - how a pool hands things to its tasks
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _judge_of_this_process = make()


def _end_with_parent() -> None:
    """A parent that is killed tells nobody, and its children would wait for work for ever."""
    from multiprocessing import connection, parent_process

    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _work(refs: Sequence[PhotoRef]) -> list[PhotoReport]:
    assert _judge_of_this_process is not None  # noqa: S101 - for the type checker; _start has run
    return _judge_of_this_process.photos(refs)


@contextlib.contextmanager
def _interrupts_kept_from_children() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal, and only the first should answer: those started in here never do."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
