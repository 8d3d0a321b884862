"""Shards done by Ray: a task of Ray Core for each, on this machine or on a cluster.

Ray starts processes, on nodes that come and go, and tells when one is lost. It retries nothing here, moves no data but
a few numbers, and keeps none.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import socket
import time
import warnings
from typing import TYPE_CHECKING, Any, Self

from iqa_cli.errors import InvalidInput, MissingExtra
from iqa_cli.scale.engines import Died, Outcome, Task
from iqa_cli.scale.shard import Done, get_ready, work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger(__name__)

CALLS = 50
"""Shards after which a process is replaced by a new one: what libraries leak ends with it."""
_OBJECT_STORE_BYTES = 128 * 1024 * 1024
"""Of a Ray on this machine alone: nothing lies in it."""
_LOCAL = "local"
_CONNECTING_S = 5.0
_WORD_S = 0.05
"""For the word that a task begins to get through, before a photo may end its process."""


class RayEngine:
    """Tasks of Ray; see `Engine`.

    url      of the run: a bucket, or a folder that every node sees
    address  "local" starts a Ray on this machine, "auto" finds the cluster that this machine belongs to, else its host
    jobs     processors of a Ray that is started here
    setup    called in each worker before its first task; for tests
    """

    def __init__(self, url: str, address: str, jobs: int, setup: Callable[[], object] | None = None) -> None:
        self._url = url
        self._address = address
        self._jobs = jobs
        self._setup = setup
        self._ray: Any = None
        self._is_ours = False
        self._running: dict[Any, _Running] = {}
        """By what Ray gives for them: a generator of two answers, that the task begins and what came of it."""

    @property
    def slots(self) -> int:
        """See `Engine`."""
        return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def __enter__(self) -> Self:
        # Ray reports usage to its makers unless it is told not to: nothing is sent anywhere.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        if self._address == _LOCAL or self._address.startswith("127."):
            # Nobody else's business: by this Ray stays on loopback, as it does on Windows and macOS by itself.
            os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        try:
            import ray
        except ImportError:
            raise MissingExtra("--engine ray", "ray", "scale") from None
        self._ray = ray
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "namespace": "iqa"}
        if self._address == _LOCAL:
            options |= {
                "num_cpus": self._jobs,
                "include_dashboard": False,
                "object_store_memory": _OBJECT_STORE_BYTES,
            }
        else:
            self._check_answers()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its next version, to those who program with it
            try:
                if not ray.is_initialized():
                    ray.init(address=self._address, **options)
                    self._is_ours = True
            except Exception as error:  # noqa: BLE001 - ConnectionError, ValueError, RuntimeError and its own
                raise self._no_ray(" ".join(str(error).split())[:200]) from None
            options = {"num_cpus": 1, "max_retries": 0, "max_calls": CALLS, "num_returns": "streaming"}
            self._function = ray.remote(**options)(_work)
        return self

    def _check_answers(self) -> None:
        """Raise InvalidInput if nothing listens at an address with a port: Ray itself would try for many minutes."""
        host, _, port = self._address.removeprefix("ray://").rpartition(":")
        if host and port.isdigit():
            try:
                socket.create_connection((host.strip("[]"), int(port)), _CONNECTING_S).close()
            except OSError as error:
                raise self._no_ray(error.strerror or str(error)) from None

    def _no_ray(self, reason: str) -> InvalidInput:
        return InvalidInput(
            f"--address {self._address}: no Ray answers there ({reason})",
            hint="ray start --head starts one; --address local needs none",
        )

    def __exit__(self, *_: object) -> None:
        for answers in list(self._running):
            self._cancel(answers)
        if self._is_ours:
            self._ray.shutdown()

    def submit(self, task: Task, deadline_s: float) -> None:
        """See `Engine`. The time of a task counts from where it begins: Ray may have it wait for other work."""
        self._running[self._function.remote(self._url, task, self._setup)] = _Running(task, deadline_s)

    def wait(self, timeout_s: float) -> list[Outcome]:
        """See `Engine`."""
        if not self._running:
            time.sleep(min(timeout_s, 0.1))
            return []
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout_s)
        if ready:
            ready, _ = self._ray.wait(list(self._running), num_returns=len(self._running), timeout=0)
        over = [outcome for answers in ready if (outcome := self._heard(answers)) is not None]
        now = time.monotonic()
        for answers, running in list(self._running.items()):
            if running.end_s is not None and now > running.end_s:
                self._cancel(answers)
                del self._running[answers]
                over.append(Outcome(running.task, Died(f"judging it took longer than {running.limit_s:g} s")))
        return over

    def _heard(self, answers: Any) -> Outcome | None:
        """What a task says: None that it begins, else that it is over."""
        from ray import exceptions

        running = self._running[answers]
        try:
            said = self._ray.get(next(answers))
        except exceptions.OutOfMemoryError as error:
            died = Died("the process that read it was killed for want of memory (by Ray)", running.has_begun)
            logger.debug("Ray ended a worker", exc_info=error)
        except exceptions.RayTaskError:
            raise  # a bug of ours: what can go wrong with photos and stores is in `Done`
        except (exceptions.RayError, StopIteration) as error:
            died = Died(f"the process that read it ended ({type(error).__name__} of Ray)", running.has_begun)
            logger.debug("Ray lost a worker", exc_info=error)
        else:
            if said is None:
                running.end_s = time.monotonic() + running.limit_s
                return None
            del self._running[answers]
            return Outcome(running.task, Done(*said))
        del self._running[answers]
        return Outcome(running.task, died)

    def _cancel(self, answers: Any) -> None:
        try:
            self._ray.cancel(answers, force=True)
        except Exception as error:
            logger.debug("a task could not be ended", exc_info=error)


@dataclasses.dataclass(slots=True)
class _Running:
    """A task that Ray was given."""

    task: Task
    limit_s: float
    """That it may take."""
    end_s: float | None = None
    """By the monotonic clock, when it has to be over; None as long as it has not begun."""

    @property
    def has_begun(self) -> bool:
        """Whether its worker is ready, model loaded and tried out: before that no photo is to blame."""
        return self.end_s is not None


def _work(url: str, task: Task, setup: Callable[[], object] | None) -> Iterator[tuple[Any, ...] | None]:
    """A task on a worker: None when the model is there, then what came of it, in plain values, so that such small
    answers travel without Ray's object store.
    """
    if setup is not None:
        setup()
    get_ready(url)
    yield None
    time.sleep(_WORD_S)
    yield tuple(work(url, Task(*task)))
