"""What a command costs: processor time and memory of it and of all processes it starts, time on the clock."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from quality_parts.document import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[2]
"""Commands run here, so that `-m iqa_cli` is the package of this checkout."""
SAMPLE_S = 0.05
"""Between two looks at the memory."""
PROC = Path("/proc")
MEGABYTE = 1e6


@dataclasses.dataclass(frozen=True)
class Cost:
    """One run of a command."""

    cpu_s: float
    """User and system time, of the children that were waited for too."""
    wall_s: float
    """From the start to the end."""
    peak_mb: float
    """Peak memory in millions of bytes; see `run`."""


class CommandFailedError(RuntimeError):
    """A command that is measured did not end well."""


def iqa(*arguments: object) -> list[str]:
    """The command `iqa assess` of this checkout."""
    return [sys.executable, "-m", "iqa_cli", "assess", *map(str, arguments)]


def run(command: Sequence[str], *, cache: Path | None = None, looks_at_memory: bool = True) -> Cost:
    """Run a command to its end.

    cache            folder for what `iqa` remembers
    looks_at_memory  False leaves its processes alone: looking at the many of a Ray costs a tenth of their pace
    raises           CommandFailedError  if it exits with anything but 0

    Memory: of one process its largest resident set (VmHWM), which the kernel keeps, so that no peak is missed but one
    of the last instants. Of several at once the sum of their proportional set sizes (PSS: what they share counts once),
    looked at every `SAMPLE_S`. Not ru_maxrss: a child starts with its parent's, which is this program. Where there is
    no /proc, or nobody looks, it is ru_maxrss all the same.
    """
    with tempfile.TemporaryFile() as errors:
        started = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(cache),
            stdout=subprocess.DEVNULL,
            stderr=errors,
            stdin=subprocess.DEVNULL,
        )
        memory = _Memory(process.pid)
        with memory if looks_at_memory else contextlib.nullcontext():
            _, status, usage = os.wait4(process.pid, 0)
            wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            said = errors.read()[-2000:].decode(errors="replace").strip()
            raise CommandFailedError(f"{' '.join(command[:6])} ... ended with {process.returncode}: {said}")
    peak = memory.peak or usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Cost(usage.ru_utime + usage.ru_stime, wall_s, peak / MEGABYTE)


def environment(cache: Path | None) -> Mapping[str, str]:
    """This process's, with the cache of `iqa` in a folder of the benchmark."""
    kept = {**os.environ, **({} if cache is None else {"IQA_CACHE_DIR": str(cache)})}
    # What pip installs is compiled: this checkout's modules may not be compiled anew in every run that is measured.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept


def compile_once(photo: Path, checkpoint: str) -> None:
    """Judge a photo, so that no run that is measured has to write compiled modules."""
    run(iqa(photo, "--checkpoint", checkpoint, "--no-cache"))


class _Memory:
    """Looks at a process and its descendants until it is closed; `peak` is in bytes, 0 where nothing can be seen."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._pid = pid
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak = max(self.peak, self._now())
            if self._over.wait(SAMPLE_S):
                return

    def _now(self) -> int:
        pids = _tree(self._pid)
        if len(pids) > 1:
            return sum(_kilobytes(pid, "smaps_rollup", "Pss:") for pid in pids) * 1024
        return _kilobytes(self._pid, "status", "VmHWM:") * 1024


def _tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        for task in (PROC / str(found[-1]) / "task").glob("*/children"):
            with contextlib.suppress(OSError):  # it may end at any moment
                waiting += map(int, task.read_text().split())
    return found


def _kilobytes(pid: int, file: str, key: str) -> int:
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / file).read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1])
    return 0


class Runs:
    """Runs of one way to do a job over the rounds."""

    def __init__(self, photos: int = 1) -> None:
        self.photos = photos
        self.costs: list[Cost] = []

    @property
    def cpu_s(self) -> float:
        """Of the best round: other work on the machine only adds."""
        return min(cost.cpu_s for cost in self.costs)

    @property
    def wall_s(self) -> float:
        """Of the best round."""
        return min(cost.wall_s for cost in self.costs)

    @property
    def peak_mb(self) -> float:
        """Of the worst round."""
        return max(cost.peak_mb for cost in self.costs)

    @property
    def cpu_ms(self) -> float:
        """Per photo, start-up included."""
        return 1000 * self.cpu_s / self.photos

    @property
    def rate(self) -> float:
        """Photos a second, start-up included."""
        return self.photos / self.wall_s

    def net_rate(self, one: Runs) -> float:
        """Photos a second without start-up, which a run over one photo stands for; nan if nothing is left."""
        return _positive(self.photos - 1, self.wall_s - one.wall_s)

    def net_cpu_s(self, one: Runs) -> float:
        """CPU seconds a photo without start-up."""
        return _positive(self.cpu_s - one.cpu_s, self.photos - 1)


def _positive(above: float, below: float) -> float:
    return above / below if above > 0 and below > 0 else float("nan")


def ratio(above: Runs, below: Runs, figure: Callable[[Cost], float], digits: int = 2) -> Estimate:
    """A figure of one way over that of another per photo: of the best rounds; low and high are those of single rounds,
    in which the two ran one after the other.
    """
    pairs = zip(above.costs, below.costs, strict=True)
    each = [(figure(one) / above.photos) / (figure(other) / below.photos) for one, other in pairs]
    best = (min(map(figure, above.costs)) / above.photos) / (min(map(figure, below.costs)) / below.photos)
    return Estimate(best, min(each), max(each), digits)
