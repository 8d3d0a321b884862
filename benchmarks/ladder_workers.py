"""How fast worker processes draw the tone ladder.

    python benchmarks/ladder_workers.py [--workers 0 1 2] [--side 96] [--batches 40] [--rounds 3]

Photographs are drawn: it makes no difference to the cost. The ways take turns, so that other work on the machine falls
on all of them; starting a worker, some seconds once in a run, is left out.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time

import torch

from iqa_cli.hexgraph.read import read_graph
from iqa_cli.paths import find_graph
from iqa_cli.training.drawing import Drawers, Stock, Studio, orders
from iqa_cli.training.ladder import Ladder

BATCH = 128


def main() -> None:
    """Draw in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    generator = torch.Generator().manual_seed(0)
    side = options.side * 4 // 3
    photographs = torch.nn.functional.interpolate(
        torch.randint(0, 200, (64, 3, 12, 12), generator=generator, dtype=torch.uint8).float(),
        (side, side),
        mode="bicubic",
    )
    labels = read_graph(find_graph("smartphone-6")).label_names
    studio = Studio(
        Ladder(), {"training": Stock(photographs.clamp(0, 255).byte(), torch.arange(64), options.side)}, labels
    )
    drawers = {count: Drawers(studio, count) for count in options.workers}
    for each in drawers.values():
        list(each.draw(orders("training", 8 * BATCH, BATCH, seed=0)))
    speeds: dict[int, list[float]] = {count: [] for count in drawers}
    for turn in range(options.rounds):
        for count, each in drawers.items():
            started = time.monotonic()
            pictures = sum(
                len(drawn.pictures) for drawn in each.draw(orders("training", options.batches * BATCH, BATCH, turn))
            )
            speeds[count].append(pictures / (time.monotonic() - started))
    first = statistics.median(speeds[options.workers[0]])
    print(f"{options.side} px, batches of {BATCH}, {os.cpu_count()} CPUs, torch with {torch.get_num_threads()} threads")
    for count, found in speeds.items():
        middle = statistics.median(found)
        ratio = f"{middle / first:.2f} times {options.workers[0]} workers"
        print(f"{count} workers: {middle:.0f} pictures/s ({min(found):.0f} to {max(found):.0f}), {ratio}")


if __name__ == "__main__":
    main()
