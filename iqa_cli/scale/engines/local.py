"""Shards done by processes of this machine."""

from __future__ import annotations

import functools
import logging
import queue
import threading
from typing import TYPE_CHECKING, Self

from iqa_cli.child import Child, Lost
from iqa_cli.errors import WorkerLost
from iqa_cli.pipeline.workers import why_unread
from iqa_cli.scale.card import load_model, load_run
from iqa_cli.scale.engines import Died, Done, Outcome, Task
from iqa_cli.scale.shard import get_ready, work
from iqa_cli.scale.sources import open_source
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class LocalEngine:
    """A process for each of `jobs`, started when it has something to do; see `Engine`.

    url  of the run
    """

    def __init__(self, url: str, jobs: int) -> None:
        self._url = url
        self._make = functools.partial(_answering, url)
        self._jobs = jobs
        self._tasks: queue.SimpleQueue[tuple[Task, float] | None] = queue.SimpleQueue()
        self._over: queue.SimpleQueue[Outcome | Exception] = queue.SimpleQueue()
        self._changing = threading.Lock()
        self._is_closed = False
        self._children: set[Child[Task, Done]] = set()
        self._threads = [threading.Thread(target=self._serve, name=f"iqa-shard-{n}", daemon=True) for n in range(jobs)]

    @property
    def slots(self) -> int:
        """See `Engine`."""
        return self._jobs

    def __enter__(self) -> Self:
        settings = load_run(Place(self._url)).settings
        load_model(settings)  # what no process here can do is said once
        open_source(settings.source, settings.root)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changing:
            self._is_closed = True
            for child in self._children:
                child.end()
        for _thread in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def submit(self, task: Task, deadline_s: float) -> None:
        """See `Engine`."""
        self._tasks.put((task, deadline_s))

    def wait(self, timeout_s: float) -> list[Outcome]:
        """See `Engine`; raises WorkerLost if no process can be started."""
        found: list[Outcome] = []
        try:
            item = self._over.get(timeout=timeout_s)
            while True:
                if isinstance(item, Exception):
                    raise item
                found.append(item)
                item = self._over.get_nowait()
        except queue.Empty:
            return found

    def _serve(self) -> None:
        """One place where a process works, and another after it if it ends."""
        child: Child[Task, Done] | None = None
        while (given := self._tasks.get()) is not None:
            task, deadline_s = given
            try:
                child = child or self._started()
                if child is None:
                    return
                result: Done | Died = child.ask(task, deadline_s)
            except Lost as lost:
                logger.debug("a process that judges a shard ended", exc_info=lost)
                self._forget(child)
                child = None
                why = f"judging it took longer than {deadline_s:g} s" if lost.ran_too_long else why_unread(lost)
                result = Died(why, lost.was_ready)
            except Exception as error:  # noqa: BLE001 - the driver raises it
                self._over.put(error)
                return
            self._over.put(Outcome(task, result))

    def _started(self) -> Child[Task, Done] | None:
        with self._changing:
            if self._is_closed:
                return None
            try:
                child: Child[Task, Done] = Child(self._make)
            except (OSError, ImportError, NotImplementedError, ValueError) as error:
                raise WorkerLost(f"no process can be started ({error})") from error
            self._children.add(child)
            return child

    def _forget(self, child: Child[Task, Done] | None) -> None:
        with self._changing:
            if child is not None:
                self._children.discard(child)


def _answering(url: str) -> Callable[[Task], Done]:
    """What a process answers with, once it has loaded the model: time counts from there."""
    get_ready(url)
    return functools.partial(work, url)
