"""Who draws the ladder's pictures makes no difference to them; workers end with the run, or are told of if they die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from iqa_cli.errors import WorkerLost  # noqa: E402 - the train extra may be missing
from iqa_cli.training.drawing import Drawers, Order, Stock, Studio, orders  # noqa: E402
from iqa_cli.training.ladder import Ladder  # noqa: E402
from tests.training.conftest import scene  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

LABELS = ("bright", "dark", "high_contrast", "low_contrast", "overexposed", "over_suppressed")


@pytest.fixture(scope="module")
def studio() -> Studio:
    photographs = torch.stack([torch.from_numpy(scene(seed, 64)).permute(2, 0, 1) for seed in range(6)])
    sides = {"training": torch.arange(4), "test": torch.arange(4, 6)}
    stocks = {side: Stock(photographs, chosen, 48) for side, chosen in sides.items()}
    return Studio(Ladder(), stocks, LABELS)


def test_orders_are_whole_batches_and_a_rest() -> None:
    assert [order.count for order in orders("test", 20, 8, seed=1)] == [8, 8, 4]
    assert [order.number for order in orders("test", 20, 8, seed=1)] == [0, 1, 2]
    assert orders("test", 0, 8, seed=1) == []


def test_a_batch_depends_on_its_own_order_alone(studio: Studio) -> None:
    wanted = orders("training", 24, 8, seed=3)
    forwards = [drawn.pictures for drawn in Drawers(studio, 0).draw(wanted)]
    backwards = [drawn.pictures for drawn in Drawers(studio, 0).draw(wanted[::-1])]
    assert all(torch.equal(one, other) for one, other in zip(forwards, backwards[::-1], strict=True))
    assert not torch.equal(forwards[0], forwards[1])
    others = [Order("training", 4, 0, 8), Order("test", 3, 0, 8)]
    assert not any(torch.equal(forwards[0], drawn.pictures) for drawn in Drawers(studio, 0).draw(others))


def test_workers_draw_the_same_pictures_again_and_again_and_one_that_dies_is_told_of(studio: Studio) -> None:
    here, there = Drawers(studio, 0), Drawers(studio, 2)
    for seed, samples in ((1, 44), (2, 20)):  # as epochs follow each other
        wanted = orders("training", samples, 8, seed)
        both = list(zip(here.draw(wanted), there.draw(wanted), strict=True))
        assert len(both) == len(wanted)
        for one, other in both:
            assert torch.equal(one.pictures, other.pictures)
            assert torch.equal(one.positions, other.positions)
    drawing = there.draw(orders("training", 4000, 8, seed=3))
    next(drawing)
    workers = multiprocessing.active_children()
    assert len(workers) == 2
    for worker in workers:
        worker.kill()
    with pytest.raises(WorkerLost, match="a process that draws the tone ladder died"):
        list(drawing)


INTERRUPTED = """
import multiprocessing
import sys
import torch
from iqa_cli.training.drawing import Drawers, Stock, Studio, orders
from iqa_cli.training.ladder import Ladder

if __name__ == "__main__":
    photographs = torch.full((2, 3, 64, 64), 90, dtype=torch.uint8)
    studio = Studio(Ladder(), {"training": Stock(photographs, torch.arange(2), 48)}, ("dark",))
    drawers = Drawers(studio, 2)
    try:
        for number, _ in enumerate(drawers.draw(orders("training", 10_000_000, 8, seed=1))):
            if number == 2:
                print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="processes of a terminal are told of Ctrl-C by POSIX signals")
def test_ctrl_c_ends_workers_without_a_word_of_theirs(tmp_path: Path) -> None:
    script = tmp_path / "draw.py"
    script.write_text(INTERRUPTED, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", process_group=0
    )
    assert process.stdout is not None
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    _, said = process.communicate(timeout=120)
    assert said.splitlines() == ["interrupted"]
    assert process.returncode == 0
    deadline = time.monotonic() + 60
    while any(_lives(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker outlives the run"
        time.sleep(0.1)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
