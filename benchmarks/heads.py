"""Which recipe is better? v1 and v2, with and without the CRF's rules, under each loss, several seeds.

    python benchmarks/heads.py PHOTOS [--seeds 0 1 2] [--epochs 5] [--samples 4000] [--results heads.csv] [--only-table]

Every run of a seed learns from the same pictures in the same order and is judged on the same held-out ones, so that
what differs is the recipe alone. The schedule is short (20,000 pictures a run; the shipped checkpoint saw 360,000): it
ranks recipes, it does not say how good the shipped one is. A finished run is a line of the results file and is not
repeated. Without rules every label is judged for itself: `clashes` is the share of held-out pictures whose levels then
contradict each other. The focal losses know no rules: one run of theirs is judged with the rules and without.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from iqa_cli.config import DataConfig, GraphConfig, LossConfig, ModelConfig, OptimConfig, RunConfig, TrainConfig
from iqa_cli.crf.levels import named_positions
from iqa_cli.crf.torch_crf import TorchCRF
from iqa_cli.crf.unary import unary_from_nodes
from iqa_cli.hexgraph import compile_plan
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.metrics.ordinal import mean_of
from iqa_cli.paths import find_graph
from iqa_cli.training.judging import compared, judge
from iqa_cli.training.ladder_data import LadderData
from iqa_cli.training.objective import without_rules
from iqa_cli.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from iqa_cli.training.data import Batch, Share

HEADS = {"v1 fc": "fc", "v2 coop": "coop"}
LOSSES = ("nll", "focal", "focal-fidelity")
FIGURES = ("qwk", "tauc", "recall_macro", "miss_rate", "false_alarm_rate", "ece", "nll", "clashes")


class SharedData:
    """A ladder whose pictures are drawn once and kept, for all runs of a seed."""

    def __init__(self, config: TrainConfig, size: int) -> None:
        graph = read_graph(find_graph(config.graph.name))
        self._ladder = LadderData(config, ladder_folder(config), graph, size)
        self._epochs: dict[int, list[Batch]] = {}
        self._test: list[Batch] | None = None
        self.unreadable, self.notes = self._ladder.unreadable, self._ladder.notes

    def epoch(self, number: int, share: Share) -> Iterator[Batch]:
        """See `Data`."""
        if number not in self._epochs:
            self._epochs[number] = list(self._ladder.epoch(number, share))
        yield from self._epochs[number]

    def test(self) -> None:
        """None: the runs are judged here, once, when they are over."""

    def held_out(self) -> Iterator[Batch]:
        """The pictures that all runs of the seed are judged on."""
        if self._test is None:
            self._test = list(self._ladder.test())
        yield from self._test

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ladder, name)


def ladder_folder(config: TrainConfig) -> Path:
    """The folder of photographs, which every config of this benchmark has."""
    if config.data.ladder is None:
        raise ValueError("expected a ladder")
    return config.data.ladder


def config_of(options: argparse.Namespace, head: str, rules: bool, loss: str, seed: int, out: Path) -> TrainConfig:
    """The config of one run."""
    return TrainConfig(
        data=DataConfig(ladder=options.photos, samples=options.samples, validation_samples=250, test_samples=2500),
        graph=GraphConfig(rules=rules),
        model=ModelConfig(head=head),  # type: ignore[arg-type]
        loss=LossConfig(name=loss),  # type: ignore[arg-type]
        optim=OptimConfig(lr_visual=2e-3, lr_head=2e-3, epochs=options.epochs),
        run=RunConfig(out=out, seed=seed, keep="last"),
    )


def levels_named(crf: TorchCRF, scores: Tensor) -> Tensor:
    """The positions (n, L) that node scores (n, N) come to."""
    unary = unary_from_nodes(scores.double(), crf.plan)
    return torch.as_tensor(named_positions(crf.marginals(unary).numpy(), crf.map(unary)[1].numpy, crf.plan))


def clashes(levels: Tensor) -> float:
    """Share of pictures whose levels (n, L) break a rule of the graph with rules."""
    graph = read_graph(find_graph("smartphone-6"))
    bad = torch.zeros(len(levels), dtype=torch.bool)
    for (a, b), legal in graph.tables.items():
        bad |= ~torch.tensor(legal)[levels[:, a], levels[:, b]]
    return float(bad.double().mean())


def run(
    options: argparse.Namespace, head: str, rules: bool, loss: str, seed: int, data: SharedData
) -> Iterator[dict[str, Any]]:
    """Train one recipe and judge it; its line of the results, or two where the rules had no part in the training."""
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(options, HEADS[head], rules, loss, seed, Path(folder) / "checkpoint")
        started = time.process_time()
        trainer = Trainer(config, Path(folder), "cpu", data=data)
        for _ in trainer.run():
            pass
        seconds = time.process_time() - started
        judged = judge(trainer._model, trainer._crf, data.held_out(), torch.device("cpu"))  # noqa: SLF001
    graph = read_graph(find_graph("smartphone-6"))
    for holds in (rules,) if loss == "nll" else (True, False):
        crf = TorchCRF(compile_plan(graph if holds else without_rules(graph)))
        own = compared(crf, judged.scores, judged.positions, judged.allowed, torch.device("cpu"))
        figures = {name: mean_of(own.labels, name) for name in FIGURES if name not in ("nll", "clashes")}
        row = {"head": head, "rules": holds, "loss": loss, "seed": seed, **figures, "nll": own.loss}
        yield {**row, "clashes": clashes(levels_named(crf, judged.scores)), "cpu_seconds": seconds}


def table(rows: list[dict[str, str]]) -> None:
    """Print the results as Markdown."""
    print(
        "| head | rules | loss | QWK | threshold AUC | macro recall | miss rate | false alarms | ECE | NLL | clashes |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for head, rules, loss in itertools.product(HEADS, ("True", "False"), LOSSES):
        own = [row for row in rows if (row["head"], row["rules"], row["loss"]) == (head, rules, loss)]
        if not own:
            continue
        cells = []
        for name in FIGURES:
            values = [float(row[name]) for row in own]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.3f} ± {spread:.3f}")
        print(f"| {head} | {'CRF' if rules == 'True' else 'none'} | {loss} | {' | '.join(cells)} |")
    print(f"\n{len(rows)} runs, mean ± standard deviation over the seeds.")


def main() -> None:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--samples", type=int, default=4000)
    parser.add_argument("--results", type=Path, default=Path("heads.csv"))
    parser.add_argument("--only-table", action="store_true", help="print the table of the results that there are")
    options = parser.parse_args()
    rows: list[dict[str, str]] = []
    if options.results.exists():
        with options.results.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    for seed in [] if options.only_table else options.seeds:
        data: SharedData | None = None
        for loss, head, rules in itertools.product(LOSSES, HEADS, (True, False)):
            known = {(row["head"], row["rules"], row["loss"], row["seed"]) for row in rows}
            if (head, str(rules), loss, str(seed)) in known:
                continue
            if data is None:
                data = SharedData(config_of(options, "coop", True, "nll", seed, Path("unused")), size=96)
            new = [
                {key: str(value) for key, value in row.items()} for row in run(options, head, rules, loss, seed, data)
            ]
            rows += new
            with options.results.open("w", encoding="utf-8", newline="") as stream:
                writer = csv.DictWriter(stream, list(new[0]))
                writer.writeheader()
                writer.writerows(rows)
            for row in new:
                print({key: value[:6] for key, value in row.items()}, file=sys.stderr, flush=True)
    table(rows)


if __name__ == "__main__":
    main()
