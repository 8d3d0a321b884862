"""What the commands over object storage show while they work: a line for people, JSON lines for machines."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from iqa_cli.cli.streams import say
from iqa_cli.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iqa_cli.scale.progress import Progress

_LINE_S = 1.0
"""Between two lines for machines; the last one always comes."""
_NOTE_S = 60.0
"""Between two notes of what went wrong, where nobody watches."""


@contextlib.contextmanager
def counting(what: str) -> Iterator[Callable[[int, str], None]]:
    """A line that counts on stderr, where somebody watches; gives what takes the count and what else to say."""
    if not sys.stderr.isatty():
        yield lambda _count, _more: None
        return
    with _line() as show:
        yield lambda count, more: show(f"{count} {what}, {more}")


@contextlib.contextmanager
def watching(lines: str | None) -> Iterator[Callable[[Progress], None]]:
    """The progress of a run, for people where somebody watches, and to a file for machines.

    lines   that file; - is stdout; None for none
    raises  OutputError  if it cannot be written
    """
    with contextlib.ExitStack() as stack:
        show = stack.enter_context(_line()) if sys.stderr.isatty() else None
        sink = None if lines is None else stack.enter_context(_opened(lines))
        written = 0.0
        last: Progress | None = None
        noted: float | None = None

        def write(progress: Progress) -> None:
            nonlocal sink
            if sink is None:
                return
            try:
                sink.write(progress.line().encode() + b"\n")
                sink.flush()
            except BrokenPipeError:
                sink = None  # as in `| head`: the run goes on
            except OSError as error:
                raise OutputError(f"--progress {lines}: cannot be written ({error.strerror})") from None

        def tell(progress: Progress) -> None:
            nonlocal written, last, noted
            last = progress
            if show is not None:
                show(words(progress))
            elif progress.problem is not None and (noted is None or time.monotonic() - noted >= _NOTE_S):
                noted = time.monotonic()
                say(f"note: a shard failed: {progress.problem.splitlines()[0]}")
            if time.monotonic() - written >= _LINE_S:
                written = time.monotonic()
                write(progress)

        try:
            yield tell
        finally:
            if last is not None:
                write(last)


def words(progress: Progress) -> str:
    """A run in one line: "1,200 of 5,000 photos, 3 of 10 shards, 2 in hand, 48.1 photos/s, 0.31 GB read"."""
    photos = progress.photos_before + progress.photos
    shards = progress.shards_before + progress.shards
    parts = [f"{photos:,} of {progress.photos_total:,} photos", f"{shards:,} of {progress.shards_total:,} shards"]
    parts.append(f"{progress.running} in hand")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.photos:
        parts.append(f"{progress.photos_per_s:.1f} photos/s")
    if progress.bytes_read:
        parts.append(f"{progress.bytes_read / 1e9:.2f} GB read")
    if progress.left_s is not None:
        parts.append(f"{dt.timedelta(seconds=round(progress.left_s))} left")
    if progress.problem is not None:
        parts.append(f"the last try failed: {progress.problem.splitlines()[0]}")
    return ", ".join(parts)


@contextlib.contextmanager
def _line() -> Iterator[Callable[[str], None]]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False) as live:
        yield lambda text: live.update(Text(text))


@contextlib.contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdout.buffer
        return
    from iqa_cli.cli.outputs import refuse_bucket

    refuse_bucket("--progress", name)
    try:
        file = Path(name).open("ab", buffering=0)  # noqa: SIM115 - closed below; a resumed run goes on in the same file
    except OSError as error:
        raise OutputError(f"--progress {name}: cannot be opened ({error.strerror})") from None
    with file:
        yield file
