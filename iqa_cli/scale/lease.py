"""One driver at a time, without comparing the clocks of two machines.

Who drives holds the newest object in `lease/`: 000001.json, 000002.json ... Each is made once, so of two that want the
same number one gets it. Its holder writes it anew every few seconds with a higher count. Who comes later watches that
count by its own clock: as long as it changes the other is alive, and the newcomer leaves. One that stands still was
left by a driver that was killed, and the next number may be taken. A holder that sees a higher number than its own
stops: it was taken for dead. Even then nothing is doubled: each shard's result is written once.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from iqa_cli.errors import RunError, StoreError
from iqa_cli.stores.once import write_once

if TYPE_CHECKING:
    from types import TracebackType

    from iqa_cli.stores.places import Place

BEAT_S = 5.0
"""Between two signs of life."""
WATCHED_S = 4 * BEAT_S
"""How long one has to give no sign before it is taken for dead."""
_LEAVING_S = 5.0
_FOLDER = "lease"
_START = 19
"""Which field of `/proc/PID/stat` behind the state it is (proc(5), `starttime`)."""


class Lease:
    """The right to drive a run, as a context manager.

    raises  RunError    on entering, if another driver is alive
            StoreError  if the run's store does not answer
    """

    def __init__(self, run: Place) -> None:
        self._run = run
        self._number = 0
        self._count = 0
        self._me = uuid.uuid4().hex
        self._over = threading.Event()
        self._lost = threading.Event()
        self._beating = threading.Thread(target=self._beat, name="iqa-lease", daemon=True)

    @property
    def is_lost(self) -> bool:
        """Whether another driver took over."""
        return self._lost.is_set()

    def __enter__(self) -> Self:
        while True:
            newest = self._newest()
            if newest:
                self._wait_until_dead(newest)
            if write_once(self._run, _name(newest + 1), self._content()):
                self._number = newest + 1
                break
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        # A store that does not answer holds nobody up who wants to leave: then the next one waits a little.
        leaving = threading.Thread(target=self._leave, name="iqa-lease", daemon=True)
        leaving.start()
        leaving.join(_LEAVING_S)

    def _leave(self) -> None:
        self._beating.join()
        if not self.is_lost:
            with contextlib.suppress(StoreError):
                self._run.put(_name(self._number), self._content(is_over=True))

    def _content(self, *, is_over: bool = False) -> bytes:
        return json.dumps({"driver": self._me, "count": self._count, "over": is_over, **_this_process()}).encode()

    def _newest(self) -> int:
        numbers = [name.rpartition("/")[2].removesuffix(".json") for name in self._run.names(_FOLDER)]
        return max((int(number) for number in numbers if number.isdigit()), default=0)

    def _wait_until_dead(self, number: int) -> None:
        """Come back when nobody drives under this number; raises RunError if somebody does."""
        first = self._seen(number)
        if first.get("over") or _is_gone(first):
            return
        end = time.monotonic() + WATCHED_S
        while time.monotonic() < end:
            time.sleep(min(1.0, WATCHED_S / 10))
            seen = self._seen(number)
            if seen.get("over"):
                return
            if seen.get("count") != first.get("count"):
                where = f"process {first.get('pid')} on {first.get('host')}"
                raise RunError(
                    f"{self._run.url}: another iqa is at work on this run ({where})",
                    hint="let it finish, or end it and run the same command again",
                )

    def _seen(self, number: int) -> dict[str, Any]:
        content = self._run.get(_name(number))
        try:
            seen = json.loads(content or b"{}")
        except ValueError:
            return {}
        return seen if isinstance(seen, dict) else {}

    def _beat(self) -> None:
        while not self._over.wait(BEAT_S):
            self._count += 1
            with contextlib.suppress(StoreError):  # a store that is away for a while ends no run
                if self._newest() > self._number:
                    self._lost.set()
                    return
                self._run.put(_name(self._number), self._content())


def _name(number: int) -> str:
    return f"{_FOLDER}/{number:06}.json"


def _this_process() -> dict[str, Any]:
    """What tells this process from all others on this machine, where the system says so."""
    import platform

    return {"host": platform.node(), "pid": os.getpid(), "machine": _machine(), "started": _started(os.getpid())}


def _machine() -> str | None:
    """This boot of this machine, and within it this space of process numbers: containers have one each."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - a link that is not followed by Path
    except OSError:
        return None


def _started(pid: int) -> str | None:
    """When a process began, in ticks since the machine did: process numbers are given again."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state == b"Z" or len(fields) < _START else fields[_START - 1].decode()


def _is_gone(seen: dict[str, Any]) -> bool:
    """Whether it is known at once that a driver has ended: it was one of this machine."""
    machine = _machine()
    if machine is None or seen.get("machine") != machine or not isinstance(seen.get("pid"), int):
        return False
    return _started(seen["pid"]) != seen.get("started")
