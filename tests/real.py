"""`iqa` in a process and a session of its own, as a shell, a daemon or a terminal starts it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

import iqa_cli

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(iqa_cli.__file__).parents[1]
PATIENCE_S = 120

PROGRAM = """
import sys
{before}
from iqa_cli.__main__ import main
if __name__ == "__main__":
    main()
"""


def command(folder: Path, *arguments: object, before: str = "") -> list[str]:
    """What to start. `before` is done in the process ahead of `iqa`; the program is written to a folder."""
    program = folder / "program.py"
    program.write_text(PROGRAM.format(before=before), encoding="utf-8")
    return [sys.executable, str(program), *map(str, arguments)]


@contextlib.contextmanager
def started(
    line: list[str],
    *,
    stdout: int | IO[bytes] = subprocess.PIPE,
    stderr: int | IO[bytes] = subprocess.PIPE,
    **env: str | None,
) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended with everything it started. None takes a variable out of the environment."""
    around: dict[str, str | None] = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    with subprocess.Popen(
        line,
        env={name: value for name, value in around.items() if value is not None},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
        errors="surrogateescape",
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def ended(line: list[str], **env: str | None) -> tuple[int, str, str]:
    """Exit code, stdout and stderr."""
    with started(line, **env) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def waited_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Until a file is there and holds something, or what will be put in its place does."""
    until = time.monotonic() + PATIENCE_S
    while not any(
        part.stat().st_size for part in (path, *path.parent.glob(f".iqa-{path.name}-*.part")) if part.exists()
    ):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)


def without_rights(line: list[str]) -> list[str]:
    """The same for somebody whom the rights of files hold for, which for root they do not."""
    if os.geteuid() != 0:
        return line
    if shutil.which("setpriv") is None:
        pytest.skip("root may do anything, and there is no setpriv")
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", *line]
