"""A training run on stderr: a table that grows by a row an epoch and a bar below it, or lines in a pipe."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from typing import TYPE_CHECKING, Any

from iqa_cli.cli.streams import say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from iqa_cli.training.trainer import Epoch, Step

_ROWS = 12
"""Epochs that the live table shows: the latest ones. All of them are in metrics.csv."""


class LineView:
    """One line an epoch, for pipes and log files."""

    def step(self, _step: Step) -> None:
        """Nothing: a log is no place for a bar."""

    def epoch(self, epoch: Epoch) -> None:
        """One line."""
        left = _left((epoch.of - epoch.number) * epoch.seconds)
        say(
            f"epoch {epoch.number}/{epoch.of}  loss {epoch.loss:.4f}  validation: NLL {epoch.validation_loss:.3f}  "
            f"QWK {epoch.qwk:.3f}  AUC {epoch.tauc:.4f}{' (best)' if epoch.best == epoch.number else ''}  "
            f"{epoch.seconds:.0f} s, {left} left"
        )


class LiveView:
    """A table on a terminal.

    live  rich's `Live`, which shows what `render` gives
    """

    def __init__(self, live: Any) -> None:
        self._live = live
        self._epochs: list[Epoch] = []
        self._step: Step | None = None

    def step(self, step: Step) -> None:
        """Move the bar."""
        self._step = step
        self._live.update(self.render())

    def epoch(self, epoch: Epoch) -> None:
        """Add a row."""
        self._epochs.append(epoch)
        self._step = None
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
            return table
        step = self._step
        if step.step == step.steps:
            return Group(table, Text(f"epoch {step.epoch}  judging and saving ...", style="dim"))
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
    if not sys.stderr.isatty():
        yield LineView()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), refresh_per_second=4, redirect_stdout=False, redirect_stderr=False) as live:
        yield LiveView(live)
