"""Workers that end over certain photos, for processes that are started anew and so cannot be patched."""

from __future__ import annotations

import functools
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.scale.engines import Done, Task

DEADLY = "deadly"


def die_over_deadly() -> None:
    """From now on this process ends as by a crash when it reads a photo with `deadly` in its name."""
    from iqa_cli.pipeline.judge import Judge

    if getattr(Judge.photos, "is_deadly", False):
        return
    photos = Judge.photos

    @functools.wraps(photos)
    def dying(self: Judge, refs: Any, *rest: Any) -> Any:
        if any(DEADLY in ref.source_file for ref in refs):
            os.kill(os.getpid(), signal.SIGSEGV)
        return photos(self, refs, *rest)

    dying.is_deadly = True  # type: ignore[attr-defined]
    Judge.photos = dying  # type: ignore[method-assign]


def answering(url: str) -> Callable[[Task], Done]:
    """What a process of `LocalEngine` answers with."""
    from iqa_cli.scale.engines.local import _answering

    die_over_deadly()
    return _answering(url)


def hanging_once(url: str, mark: str) -> Callable[[Task], Done]:
    """The same of one that hangs over its first task, unless there is this file."""
    from iqa_cli.scale.engines.local import _answering

    answer = _answering(url)

    def hanging(task: Task) -> Done:
        if not Path(mark).exists():
            Path(mark).write_bytes(b"")
            time.sleep(60)
        return answer(task)

    return hanging


def slow_to_start(url: str, seconds: float) -> Callable[[Task], Done]:
    """The same of one that takes so long to get ready."""
    from iqa_cli.scale.engines.local import _answering

    time.sleep(seconds)
    return _answering(url)
