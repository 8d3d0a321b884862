"""The tone ladder drawn by worker processes: the same pictures whoever draws them, and however many do.

Every batch has a seed of its own, so that none waits for the one before. A worker holds the good photographs, in memory
that all share, and no model. torch's DataLoader starts, feeds and ends the workers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from iqa_cli.errors import WorkerLost
from iqa_cli.training.ladder import Drawn, Ladder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor


@dataclasses.dataclass(frozen=True)
class Order:
    """One batch that is to be drawn."""

    side: str
    """Whose photographs: training, validation or test."""
    seed: int
    """Of all batches of an epoch, or of what is judged."""
    number: int
    """Of this batch among them, from 0."""
    count: int
    """Pictures."""


def orders(side: str, samples: int, batch_size: int, seed: int) -> list[Order]:
    """`samples` pictures in batches; the last one may be short."""
    starts = range(0, samples, batch_size)
    return [Order(side, seed, number, min(batch_size, samples - start)) for number, start in enumerate(starts)]


def dice(order: Order, count: int) -> tuple[Tensor, torch.Generator]:
    """Which of `count` photographs an order takes, (B,) int64, and what the rest of it is drawn by."""
    seed = np.random.SeedSequence((order.seed, order.number)).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(seed[0]))
    return torch.randint(count, (order.count,), generator=generator), generator


@dataclasses.dataclass(frozen=True, eq=False)
class Stock:
    """What pictures of a side are made of."""

    photographs: Tensor
    """(M, 3, P, P) uint8, good renderings; sides may share them."""
    chosen: Tensor
    """(m,) int64, which of them are of this side."""
    size: int
    """S, side of the pictures that are made."""


class Studio(Dataset[Drawn]):
    """What it takes to draw.

    ladder  how recipes are drawn
    stocks  by side
    labels  the graph's, in order
    """

    def __init__(self, ladder: Ladder, stocks: dict[str, Stock], labels: tuple[str, ...]) -> None:
        self._ladder, self._stocks, self._labels = ladder, stocks, labels

    def __getitem__(self, order: Order) -> Drawn:
        """The pictures of an order."""
        stock = self._stocks[order.side]
        places, generator = dice(order, len(stock.chosen))
        return self._ladder.draw(stock.photographs[stock.chosen[places]], self._labels, stock.size, generator)


class Drawers:
    """Those who draw: this process, or `workers` others, started with the first order and there until the run ends."""

    def __init__(self, studio: Studio, workers: int) -> None:
        self._studio = studio
        self._orders: list[Order] = []
        self._loader: DataLoader[Drawn] | None = None
        if workers:
            self._loader = DataLoader(
                studio,
                batch_size=None,  # an order is a batch
                sampler=_Ordered(self._orders),
                num_workers=workers,
                collate_fn=_as_it_is,
                multiprocessing_context="spawn",  # a fork would copy locks that threads of this process hold
                persistent_workers=True,
            )

    def draw(self, wanted: Sequence[Order]) -> Iterator[Drawn]:
        """What was ordered, in that order.

        raises  WorkerLost  if a worker process died
        """
        if self._loader is None:
            yield from map(self._studio.__getitem__, wanted)
            return
        self._orders[:] = wanted
        with _uninterrupted():
            drawn = iter(self._loader)
        while True:
            try:
                pictures = next(drawn, None)
            except RuntimeError as error:
                if "DataLoader worker" not in str(error):
                    raise
                raise WorkerLost(
                    f"a process that draws the tone ladder died ({error})",
                    hint="memory may be short, also that under /dev/shm: lower [data] workers, 0 draws in one process",
                ) from error
            if pictures is None:
                return
            yield pictures


class _Ordered:
    """Gives the loader the orders of the moment."""

    def __init__(self, wanted: list[Order]) -> None:
        self._wanted = wanted

    def __iter__(self) -> Iterator[Order]:
        return iter(tuple(self._wanted))

    def __len__(self) -> int:
        return len(self._wanted)


def _as_it_is(drawn: Any) -> Any:
    return drawn


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes started in here never see Ctrl-C, which a terminal sends to all: it ends the run, which ends them. This
    process gets it a moment later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
