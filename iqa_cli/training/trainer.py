"""The trainer: a config in, epochs out one by one, a checkpoint at the end. It prints nothing.

Everything random comes from the run's seed and the epoch's number, so a run that was killed and resumed gives the same
numbers as one that was not.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import hashlib
import json
import math
import time
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from torch import Tensor

from iqa_cli._version import __version__
from iqa_cli.checkpoint import ONNX, WEIGHTS, describe_files, write_atomically, write_card
from iqa_cli.crf.losses import nll
from iqa_cli.crf.torch_crf import TorchCRF
from iqa_cli.crf.unary import cumulative, unary_from_nodes
from iqa_cli.errors import CheckpointError, ConfigError, TrainingDiverged, UsageError
from iqa_cli.hexgraph.plan import compile_plan
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.models.export import onnx_bytes
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.paths import find_graph
from iqa_cli.records import Severity
from iqa_cli.training.ladder import Ladder, batches
from iqa_cli.training.metrics import LabelMetrics, label_metrics, mean_of
from iqa_cli.training.photographs import load_photographs, split
from iqa_cli.training.severity import THRESHOLDS
from iqa_cli.training.state import load_state, save_state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from iqa_cli.config import TrainConfig
    from iqa_cli.hexgraph.graph import HexGraph

_CROP_ROOM = 4 / 3
"""Photographs are kept this much larger than the model's input, so that a cropped frame is not blown up."""


@dataclasses.dataclass(frozen=True)
class Epoch:
    """What one pass over the ladder gave."""

    number: int
    """1..epochs."""
    of: int
    """Epochs in all."""
    loss: float
    """Mean training loss, nats per picture."""
    seconds: float
    """Wall time of training and judging."""
    validation: dict[str, LabelMetrics]
    """Per label, on pictures of held-out photographs."""

    @property
    def qwk(self) -> float:
        """Mean quadratic weighted kappa over the labels."""
        return mean_of(self.validation, "qwk")


class Trainer:
    """One run of one config.

    config     the config
    base       folder that paths in the card are told relative to, usually the config file's
    device     `auto` takes CUDA where there is one; else a torch device name
    raises     UsageError                            for a device that this machine or torch does not have
               ConfigError, GraphError, CheckpointError  before any training starts
    """

    def __init__(self, config: TrainConfig, base: Path, device: str = "auto") -> None:
        self.config = config
        self._base = base
        self._device = _device(device)
        torch.manual_seed(config.run.seed)
        self.graph: HexGraph = read_graph(find_graph(config.graph.name))
        _refuse_unmeasured_labels(self.graph, config.graph.name)
        self._plan = compile_plan(self.graph)
        self._model = ToneModel(config.model, self.graph).to(self._device)
        self._crf = TorchCRF(self._plan).to(self._device)
        self._optimiser = torch.optim.AdamW(
            self._model.parameter_groups(config.optim.lr_visual, config.optim.lr_head, config.optim.weight_decay)
        )
        self._size = self._model.preprocessing.size
        self.photographs = load_photographs(config.data.ladder, math.ceil(self._size * _CROP_ROOM))
        self._training, self._held_out = split(self.photographs, config.data.holdout, config.run.seed)
        self._ladder = Ladder()
        for folder in (config.run.out, config.work):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CheckpointError(f"{folder}: cannot be made ({error.strerror})") from None

    def run(self, *, resume: bool = False) -> Iterator[Epoch]:
        """Train; one `Epoch` after each pass; the checkpoint is written before the last one is given.

        resume  go on from the last finished epoch in the work folder, if there is one
        raises  CheckpointError  if the work folder's state belongs to another config
        """
        first = self._resumed_epoch() if resume else 0
        validation = list(self._held_out_pictures(self.config.data.validation_samples, seed=1))
        epochs = self.config.optim.epochs
        for number in range(first, epochs):
            started = time.monotonic()
            loss = self._train_epoch(number)
            metrics = self._judge(validation)
            save_state(self.config.work, self._model, self._optimiser, {"next": number + 1, "run": self._identity()})
            epoch = Epoch(number + 1, epochs, loss, time.monotonic() - started, metrics)
            self._append_metrics(epoch)
            if epoch.number == epochs:
                self._write_checkpoint()
            yield epoch
        if first >= epochs:
            self._write_checkpoint()

    def _identity(self) -> str:
        """What two runs must share for one to continue the other."""
        config = self.config.as_document(self._base)
        document = {
            "config": {key: config[key] for key in ("data", "graph", "model", "loss", "optim")},
            "seed": self.config.run.seed,
            "graph": self.graph.hash,
            "photographs": self.photographs.content_hash(),
        }
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def _resumed_epoch(self) -> int:
        progress = load_state(self.config.work, self._model, self._optimiser)
        if progress is None:
            return 0
        if progress["run"] != self._identity():
            raise CheckpointError(
                f"{self.config.work}: the saved state belongs to another config, graph or set of photographs",
                hint="give [run] another work folder, or start without --resume",
            )
        return int(progress["next"])

    def _pictures(self, photographs: Tensor, samples: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        return batches(
            self._ladder,
            self.photographs.pictures[photographs],
            self.graph.label_names,
            size=self._size,
            batch_size=self.config.optim.batch_size,
            samples=samples,
            seed=seed,
        )

    def _held_out_pictures(self, samples: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        return self._pictures(self._held_out, samples, seed)

    def _train_epoch(self, number: int) -> float:
        """One pass; returns the mean loss."""
        optim = self.config.optim
        steps = math.ceil(self.config.data.samples / optim.batch_size)
        self._model.train()
        total = 0.0
        # Seeds of training start far above those of judging, so no recipe is met twice.
        seed = (self.config.run.seed + 1) * 1_000_003 + number
        for step, (pictures, positions) in enumerate(self._pictures(self._training, self.config.data.samples, seed)):
            if len(pictures) < 2:
                continue  # batch normalisation cannot learn from one picture
            rate = _learning_rate(number * steps + step, steps * optim.epochs, optim.warmup)
            for group in self._optimiser.param_groups:
                group["lr"] = rate * group["peak_lr"]
            loss = nll(self._crf, self._unary(pictures), self._allowed(positions))
            if not torch.isfinite(loss):
                raise TrainingDiverged(
                    f"loss is {loss.item()} in epoch {number + 1}, step {step + 1}; the last finished epoch is kept",
                    hint="lower [optim] lr_visual and lr_head, then start again",
                )
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimiser.step()
            total += loss.item() * len(pictures)
        return total / self.config.data.samples

    def _unary(self, pictures: Tensor) -> Tensor:
        """uint8 pictures (B, 3, S, S) to cell potentials (B, C) float64."""
        scores: Tensor = self._model(self._model.prepared(pictures.to(self._device)))
        unary: Tensor = unary_from_nodes(scores.double(), self._plan)
        return unary

    def _allowed(self, positions: Tensor) -> Tensor:
        """Zero-based levels (B, L) as allowed cells (B, C) bool."""
        columns = [
            torch.nn.functional.one_hot(positions[:, index], len(label.levels))
            for index, label in enumerate(self.graph.labels)
        ]
        return torch.cat(columns, 1).bool().to(self._device)

    @torch.no_grad()
    def _judge(self, judged: list[tuple[Tensor, Tensor]]) -> dict[str, LabelMetrics]:
        """Metrics per label over batches of pictures and zero-based levels."""
        self._model.eval()
        unary = [self._unary(pictures) for pictures, _ in judged]
        predicted = torch.cat([self._crf.map(batch)[1] for batch in unary]).cpu().numpy()
        above = torch.cat([cumulative(self._crf.marginals(batch), self._plan) for batch in unary]).cpu().numpy()
        truth = torch.cat([positions for _, positions in judged]).numpy()
        metrics: dict[str, LabelMetrics] = {}
        start = 0
        for index, label in enumerate(self.graph.labels):
            end = start + len(label.levels) - 1
            metrics[label.name] = label_metrics(truth[:, index], predicted[:, index], above[:, start:end])
            start = end
        return metrics

    def _append_metrics(self, epoch: Epoch) -> None:
        """One row per epoch in metrics.csv; a first epoch starts the file anew."""
        row: dict[str, Any] = {
            "epoch": epoch.number,
            "loss": epoch.loss,
            "seconds": epoch.seconds,
            "qwk": epoch.qwk,
        }
        for label, figures in epoch.validation.items():
            row |= {
                f"{label}_qwk": figures.qwk,
                f"{label}_tauc": figures.tauc,
                f"{label}_accuracy": figures.accuracy,
            }
        path = self.config.work / "metrics.csv"
        fresh = epoch.number == 1 or not path.exists()
        with path.open("w" if fresh else "a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)

    def _write_checkpoint(self) -> None:
        """Weights, exported model, then the card that vouches for them."""
        out = self.config.run.out
        self._model.eval()
        test = self._judge(list(self._held_out_pictures(self.config.data.test_samples, seed=2)))
        weights = {name: value.detach().cpu().contiguous() for name, value in self._model.state_dict().items()}
        write_atomically(out / WEIGHTS, safetensors.torch.save(weights))
        write_atomically(out / ONNX, onnx_bytes(self._model.cpu()))
        self._model.to(self._device)
        write_card(out, self._card(test))

    def _card(self, test: dict[str, LabelMetrics]) -> dict[str, Any]:
        data = self.config.data
        held_out = {
            "pictures": data.test_samples,
            "what": "the tone ladder on photographs that training never saw",
            "labels": {label: _defined(dataclasses.asdict(figures)) for label, figures in test.items()},
            "mean": _defined({name: mean_of(test, name) for name in ("accuracy", "accuracy_constant", "qwk", "tauc")}),
        }
        return {
            "name": self.config.run.out.name,
            "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "iqa_version": __version__,
            "graph": self.graph.to_json(),
            "preprocessing": dataclasses.asdict(self._model.preprocessing),
            "model": self._model.description(),
            "training": {"config": self.config.as_document(self._base), "torch": torch.__version__},
            "data": {
                "provenance": data.provenance,
                "photographs": len(self.photographs.names),
                "photographs_training": len(self._training),
                "photographs_held_out": len(self._held_out),
                "photographs_sha256": self.photographs.content_hash(),
                "held_out": [self.photographs.names[index] for index in self._held_out.tolist()],
            },
            "metrics": {"held_out_ladder": held_out},
            "files": describe_files(self.config.run.out),
        }


def _refuse_unmeasured_labels(graph: HexGraph, name: str) -> None:
    """The ladder computes the labels, so it can teach only what it measures."""
    problems = [
        f"{label.name!r}: the tone ladder does not measure it"
        if label.name not in THRESHOLDS
        else f"{label.name!r}: the tone ladder knows {len(THRESHOLDS[label.name]) + 1} levels, not {len(label.levels)}"
        for label in graph.labels
        if label.name not in THRESHOLDS or len(label.levels) != len(THRESHOLDS[label.name]) + 1
    ]
    if problems:
        raise ConfigError(
            f"graph.name: {name}: {len(problems)} of {len(graph.labels)} labels cannot be learned from the ladder",
            problems=problems,
            hint=f"it measures {', '.join(THRESHOLDS)}, each with {len(Severity)} levels",
        )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {name!r} cannot be used ({error})", hint="try auto or cpu") from None
    return device


def _learning_rate(step: int, steps: int, warmup: float) -> float:
    """Share of the peak rate, 0..1: linear rise, then a cosine to zero."""
    rising = max(1, round(steps * warmup))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _defined(figures: dict[str, Any]) -> dict[str, Any]:
    """JSON has no nan: what is undefined becomes null; other floats keep six digits."""
    return {
        name: (None if math.isnan(value) else round(value, 6)) if isinstance(value, float) else value
        for name, value in figures.items()
    }
