"""A training run on stderr: a table that grows by a row an epoch and a bar below it, or lines in a pipe."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
import threading
from typing import TYPE_CHECKING, Any

from iqa_cli.cli.streams import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from iqa_cli.training.epochs import Epoch, Step

SILENCE_S = 30.0
"""Seconds after which a log says that the run lives."""
_ROWS = 12
"""Epochs that the live table shows: the latest ones. All of them are in metrics.csv."""


class LineView:
    """Lines for pipes and log files: one an epoch, and one whenever nothing was said for a while, so that whoever reads
    the log sees that the run lives and what it is doing.

    every_s  seconds of silence after which it says something

    Speaks from a thread of its own, because loading, judging and exporting take minutes in one piece. `close` ends it.
    """

    def __init__(self, every_s: float = SILENCE_S) -> None:
        self._doing = "loading libraries"
        self._spoke = threading.Event()
        self._closed = threading.Event()
        self._every_s = every_s
        self._thread = threading.Thread(target=self._live, name="iqa-sign-of-life", daemon=True)
        self._thread.start()

    def step(self, step: Step) -> None:
        """What a sign of life would say now: a log is no place for a bar."""
        self._doing = (
            f"epoch {step.epoch}: batch {step.step} of {step.steps}, loss {step.loss:.4f}, "
            f"{step.pictures_per_s:.0f} pictures/s"
        )

    def stage(self, what: str) -> None:
        """The same, of something other than batches."""
        self._doing = what

    def epoch(self, epoch: Epoch) -> None:
        """One line."""
        left = _left((epoch.of - epoch.number) * epoch.seconds)
        self._spoke.set()
        say(
            f"epoch {epoch.number}/{epoch.of}  loss {epoch.loss:.4f}  validation: NLL {epoch.validation_loss:.3f}  "
            f"QWK {epoch.qwk:.3f}  AUC {epoch.tauc:.4f}{' (best)' if epoch.best == epoch.number else ''}  "
            f"{epoch.seconds:.0f} s, {left} left"
        )

    def close(self) -> None:
        """Say nothing more."""
        self._closed.set()
        self._spoke.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._closed.is_set():
            if self._spoke.wait(self._every_s):
                self._spoke.clear()
            else:
                say(f"... {self._doing}")


class LiveView:
    """A table on a terminal.

    live  rich's `Live`, which shows what `render` gives; it is started when there is something to show, so that what is
          said before the first batch stands above it
    """

    def __init__(self, live: Any) -> None:
        self._live = live
        self._epochs: list[Epoch] = []
        self._step: Step | None = None
        self._stage = ""

    def step(self, step: Step) -> None:
        """Move the bar."""
        self._step, self._stage = step, ""
        self._show()

    def stage(self, what: str) -> None:
        """Say what is being done instead."""
        self._step, self._stage = None, what
        if self._live.is_started:
            self._show()

    def epoch(self, epoch: Epoch) -> None:
        """Add a row."""
        self._epochs.append(epoch)
        self._step, self._stage = None, ""
        self._show()

    def close(self) -> None:
        """Leave on the screen what was shown last."""
        self._stage = ""
        if self._live.is_started:
            self._show()
            self._live.stop()

    def _show(self) -> None:
        self._live.start()
        self._live.update(self.render())

    def render(self) -> RenderableType:
        """The table and the bar as rich draws them."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False)
        for column in ("epoch", "loss", "NLL", "QWK", "AUC", "time", ""):
            table.add_column(column, justify="left" if not column else "right")
        best = self._epochs[-1].best if self._epochs else 0
        for entry in self._epochs[-_ROWS:]:
            figures = (f"{entry.loss:.4f}", f"{entry.validation_loss:.3f}", f"{entry.qwk:.3f}", f"{entry.tauc:.4f}")
            mark = "best so far" if entry.number == best else ""
            table.add_row(f"{entry.number}/{entry.of}", *figures, _left(entry.seconds), mark)
        if self._step is None:
            return Group(table, Text(f"{self._stage} ...", style="dim")) if self._stage else table
        step = self._step
        line = Table.grid(padding=(0, 2))
        line.add_row(
            f"epoch {step.epoch}",
            ProgressBar(total=step.steps, completed=step.step, width=30),
            f"{step.step}/{step.steps}",
            f"loss {step.loss:.4f}",
            f"{step.pictures_per_s:.0f} pictures/s",
            self._left(step),
        )
        return Group(table, line)

    def _left(self, step: Step) -> str:
        """Time left of the whole run, once an epoch has shown how long one takes."""
        if not self._epochs:
            return ""
        seconds = self._epochs[-1].seconds
        return f"{_left(seconds * (self._epochs[-1].of - step.epoch + 1 - step.step / step.steps))} left"


def _left(seconds: float) -> str:
    return str(dt.timedelta(seconds=round(seconds)))


@contextlib.contextmanager
def training_view() -> Iterator[LineView | LiveView]:
    """The view that suits stderr. What the live one showed last stays on the screen."""
    view = LiveView(_live()) if sys.stderr.isatty() else LineView()
    try:
        yield view
    finally:
        view.close()


def _live() -> Any:
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(stderr=True), refresh_per_second=4, redirect_stdout=False, redirect_stderr=False)
