"""What works in the processes of `test_child`; they have to find it by its name."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from iqa_cli.errors import GraphTooWideError

Ask = Callable[[tuple[str, object]], object]


def answers() -> Ask:
    """What works in the process: a task says what becomes of it."""
    return answer


def answer(task: tuple[str, object]) -> object:
    what, value = task
    if what == "sleep":
        time.sleep(float(str(value)))
    elif what == "exit":
        os._exit(int(str(value)))
    elif what == "signal":
        os.kill(os.getpid(), int(str(value)))
        time.sleep(60)
    elif what == "raise":
        raise value  # type: ignore[misc]
    elif what == "raise one with labels":
        raise GraphTooWideError(str(value), labels=["a"])
    elif what == "no answer":
        return lambda: value
    elif what == "mask":
        return signal.pthread_sigmask(signal.SIG_BLOCK, ())
    return value
