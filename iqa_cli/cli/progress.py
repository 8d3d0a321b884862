"""A progress bar on stderr, only where somebody watches."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from iqa_cli.records import Language

_PACE: dict[Language, str] = {"en": "{pace:.1f} photos/s, {left} left", "zh": "每秒 {pace:.1f} 张，剩余 {left}"}


@contextlib.contextmanager
def progress(total: int, lang: Language = "en") -> Iterator[Callable[..., None]]:
    """A bar over `total` photos that goes when it is done; gives the function that counts one more, and
    takes how many of all so far cost nothing, because they were known.

    Nothing is printed unless stderr is a terminal.
    """
    if not sys.stderr.isatty():
        yield lambda _known=0: None
        return
    # Imported here: a pipe needs none of it.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
    )
    from rich.text import Text

    class Pace(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(pace(int(task.completed), total, task.elapsed or 0.0, task.fields["known"], lang))

    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        Pace(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with bar:
        task = bar.add_task("", total=total, known=0)
        yield lambda known=0: bar.update(task, advance=1, known=known)


def pace(completed: int, total: int, elapsed_s: float, known: int = 0, lang: Language = "en") -> str:
    """How fast it goes and how long it will take: "12.3 photos/s, 0:01:05 left"; empty until a photo took time.

    Known ones do not count: a run that goes on where it was gets them at once, and then the others.

    Over the whole run: photos are done in batches, so what rich takes from the latest ones jumps between nothing
    and thousands a second.
    """
    judged = completed - known
    if judged <= 0 or elapsed_s <= 0:
        return ""
    left = dt.timedelta(seconds=round((total - completed) * elapsed_s / judged))
    return _PACE[lang].format(pace=judged / elapsed_s, left=left)
