"""Threads and processes that judge photos, a few at a time.

Threads first: Pillow and onnxruntime let go of the interpreter lock while they work, which is where the time of a
decoded photo goes, and a thread costs neither a start nor a second model. Where most of the work is Python's, as with
previews, threads wait for each other's lock, and in a long run each hands its photos to a process and waits for that;
see docs/decisions/0084.

Every process has a pipe of its own, and its other end is this process's alone: whichever of the two ends, however it
does, the other reads the end of the pipe and nobody waits for ever. A pool of the standard library shares one pipe and
its locks among all processes, and one that is killed while it holds them stops the others.
"""

from __future__ import annotations

import concurrent.futures
import logging
import queue
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Self

from iqa_cli.errors import WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from types import TracebackType

    from iqa_cli.pipeline.judge import Judge
    from iqa_cli.records import PhotoRef, PhotoReport

logger = logging.getLogger(__name__)

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

    Leaving the context drops what has not been started, ends the processes, and waits for the photos that threads have
    in hand.
    """

    def __init__(self, judge: Callable[[], Judge], threads: int, make: Callable[[], Judge], processes: int) -> None:
        self._judge = judge
        self._make = make
        self._given = 0
        self._is_over = threading.Event()
        self._threads = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="iqa-judge")
        self._children: list[_Child] = []
        self._idle: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        """Processes without work; None for one that may be started."""
        for _ in range(processes):
            self._idle.put(None)
        self._has_processes = processes > 0

    def submit(self, refs: Sequence[PhotoRef]) -> Reports:
        """Judge these photos. The future has their reports in the same order, or raises WorkerLost if a process ended
        that had them, or whatever went wrong in the judge.

        raises  CheckpointError  if the model cannot be loaded
        """
        self._given += len(refs)
        judge = self._judge()
        if self._has_processes and self._given > THREADS_FOR:
            return self._threads.submit(self._judged_elsewhere, judge, refs)
        return self._threads.submit(judge.photos, refs, self._is_over.is_set)

    def _judged_elsewhere(self, judge: Judge, refs: Sequence[PhotoRef]) -> list[PhotoReport]:
        """By a process, or by this thread if there can be none."""
        child = self._idle.get()
        try:
            if child is None and self._has_processes:
                try:
                    child = _Child(self._make)
                # No shared memory, no folder to start in, too many processes: several types, and threads do as well.
                except (OSError, ImportError, NotImplementedError, ValueError) as error:
                    logger.debug("no process can be started", exc_info=error)
                    self._has_processes = False
                else:
                    self._children.append(child)
            if child is None:
                return judge.photos(refs, self._is_over.is_set)
            if self._is_over.is_set():  # it was started while all others were ended
                child.end()
                return []
            return child.photos(refs)
        finally:
            self._idle.put(child)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        for child in self._children:
            child.end()
        self._threads.shutdown(wait=True, cancel_futures=True)


class _Child:
    """A process with a judge of its own; used by one thread at a time."""

    def __init__(self, make: Callable[[], Judge]) -> None:
        import multiprocessing  # 20 ms that most runs do not need

        if sys.platform != "win32":
            # A process starts with the mask of the thread that starts it. What is sent to all processes of a terminal
            # is answered by the first alone; this thread is none that Python runs handlers in.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make), daemon=True)
        self._process.start()
        theirs.close()  # theirs alone from now on: when they end, so does the pipe

    def photos(self, refs: Sequence[PhotoRef]) -> list[PhotoReport]:
        """As `Judge.photos`; raises WorkerLost if the process ended."""
        try:
            self._pipe.send(refs)
            answer: list[PhotoReport] | Exception = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise WorkerLost(
                "a process that judges photos ended by itself: it was killed, perhaps for want of memory, or crashed",
                hint="run it again with --jobs 1: what was judged so far is remembered, unless the cache is off",
            ) from error
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self) -> None:
        """End it, whatever it is doing: nobody wants its reports."""
        self._process.kill()
        self._process.join()


def _serve(pipe: Connection, make: Callable[[], Judge]) -> None:
    """What a process does: judge photos until the other end of the pipe is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    judge: Judge | None = None
    while True:
        try:
            refs = pipe.recv()
        except (EOFError, OSError):
            return
        answer: list[PhotoReport] | Exception
        try:
            judge = judge or make()
            answer = judge.photos(refs)
        except Exception as error:  # noqa: BLE001 - whoever asked for the reports gets it
            error.add_note(traceback.format_exc())
            answer = error
        try:
            pipe.send(answer)
        except OSError:
            return
