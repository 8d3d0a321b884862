"""A place where a command of `iqa` runs alone and under limits: its own home, cache and folders, all looked through."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.report.audit.meta_file import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).parents[2]
"""The checkout that is attacked."""
MOST_ADDRESSES = 4 << 30
"""Bytes of address space that a command may ask for: for the machine's sake; the promise is about what is used."""
LIMIT_S = 180.0
"""Seconds by the clock that a command may take, on a machine with much else to do, before it counts as hung."""
LIMIT_CPU_S = 60
"""And of CPU for each of its processes, by which what runs in circles is ended sooner."""
_FOREIGN = (
    "CI",
    "GITHUB_ACTIONS",
    "TF_BUILD",
    "ORT_DISABLE_TELEMETRY",
    "XDG_CACHE_HOME",
    "IQA_CACHE_DIR",
    "PYTHONPATH",
)
"""Variables that keep libraries quiet or move what they leave: a user has none of them."""


@dataclasses.dataclass(frozen=True)
class Ended:
    """What a command left."""

    command: tuple[str, ...]
    """Its arguments, without the interpreter."""
    code: int
    """Exit code; negative for the signal that ended it."""
    is_hung: bool
    """Whether it was ended by a limit of time or CPU."""
    out: bytes
    """Stdout."""
    err: str
    """Stderr; what is no UTF-8 in it is replaced."""
    wall_s: float
    """From start to end."""
    cpu_s: float
    """User and system time, of its processes as well."""
    peak_mb: float
    """Largest resident set of one of its processes, in millions of bytes; 0 where it is below this program's own, which
    the system counts for what it starts."""


def _peak_mb(largest: int) -> float:
    if largest <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
        return 0.0
    return largest * (1 if sys.platform == "darwin" else 1024) / 1e6


class Arena:
    """Folders for one case, empty at first.

    folder      an empty folder
    checkpoint  what judges
    """

    def __init__(self, folder: Path, checkpoint: str) -> None:
        self.folder = folder
        self.checkpoint = checkpoint
        self.photos, self.home, self.temporary, self.cache, self.out = (
            folder / name for name in ("photos", "home", "temporary", "cache", "out")
        )
        for place in (self.photos, self.home, self.temporary, self.cache, self.out):
            place.mkdir()

    def assess(self, *arguments: object, **how: object) -> Ended:
        """`iqa assess` over the photos; outputs are named relative to `out`, where it runs."""
        return self.iqa(*self.assessing(*arguments), **how)  # type: ignore[arg-type]

    def assessing(self, *arguments: object) -> tuple[object, ...]:
        """The arguments of `assess`."""
        return "assess", self.photos, "--checkpoint", self.checkpoint, "--top", 0, *arguments

    def iqa(
        self,
        *arguments: object,
        limit_s: float = LIMIT_S,
        before: Sequence[str] = (),
        limit_cpu_s: int = LIMIT_CPU_S,
        most_bytes: int | None = None,
        meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None,
    ) -> Ended:
        """A command, run to its end or to its limit.

        limit_s     by the clock; `limit_cpu_s` of CPU
        before      what it is started by, such as strace and its options
        most_bytes  of a file that it may write; `RLIMIT_FSIZE`
        meanwhile   called with the process while it runs; neither waits for it nor outlives it for long
        """
        command = [*before, sys.executable, "-m", "iqa_cli", *map(os.fspath, map(_plain, arguments))]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            started = time.monotonic()
            process = subprocess.Popen(
                command,
                cwd=self.out,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            _limit(process.pid, limit_cpu_s, most_bytes)
            hung = threading.Event()
            watch = threading.Timer(limit_s, lambda: (hung.set(), end_session(process.pid)))
            watch.start()
            try:
                if meanwhile is not None:
                    meanwhile(process)
                _, status, usage = os.wait4(process.pid, 0)
            finally:
                watch.cancel()
                end_session(process.pid)
            code = process.returncode = os.waitstatus_to_exitcode(status)
            wall_s = time.monotonic() - started
            out.seek(0)
            err.seek(0)
            return Ended(
                tuple(map(str, arguments)),
                code,
                hung.is_set() or code == -signal.SIGXCPU,
                out.read(),
                err.read().decode(errors="replace"),
                wall_s,
                usage.ru_utime + usage.ru_stime,
                _peak_mb(usage.ru_maxrss),
            )

    def environment(self) -> dict[str, str]:
        """That of a user who has this checkout and an empty home."""
        kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        kept |= {"HOME": str(self.home), "TMPDIR": str(self.temporary), "IQA_CACHE_DIR": str(self.cache)}
        return kept | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "200"}

    def strangers(self, *named: str) -> list[str]:
        """Files that a command left where it had no business: in home, in `TMPDIR`, or beside its outputs.

        named  outputs that were asked for, as they are called in `out`; beside a CSV its `.meta.json` may stand
        """
        found = [path for place in (self.home, self.temporary, self.out) for path in _files(place)]
        wanted = {self.out / f"{name}{beside}" for name in named for beside in ("", SUFFIX)}
        return sorted(str(path.relative_to(self.folder)) for path in found if path not in wanted)


def _plain(argument: object) -> str | bytes | os.PathLike[str]:
    return argument if isinstance(argument, str | bytes | os.PathLike) else str(argument)


def _files(place: Path) -> Iterator[Path]:
    return (path for path in place.rglob("*") if path.is_symlink() or not path.is_dir())


def _limit(pid: int, cpu_s: int, most_bytes: int | None) -> None:
    """Limits of a process that has just begun, and of all it starts; none where there is no prlimit."""
    try:
        import resource

        prlimit = resource.prlimit
    except (ImportError, AttributeError):
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        prlimit(pid, resource.RLIMIT_AS, (MOST_ADDRESSES, MOST_ADDRESSES))
        prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        prlimit(pid, resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
        if most_bytes is not None:
            prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, most_bytes))


def is_running(pid: int) -> bool:
    """Whether a child of this program has not ended; it stays to be waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def end_session(leader: int) -> None:
    """End all processes of a session that this program began."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
