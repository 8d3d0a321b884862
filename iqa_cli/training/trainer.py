"""The trainer: a config in, epochs out one by one, a checkpoint at the end. It prints nothing.

Everything random comes from the run's seed and the epoch's number, so a run that was killed and resumed gives the same
numbers as one that was not.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import hashlib
import io
import json
import math
import time
from typing import TYPE_CHECKING, Any

import safetensors.torch
import torch
from torch import Tensor

from iqa_cli._version import __version__
from iqa_cli.checkpoint import ONNX, WEIGHTS, make_writable, write_atomically, write_checkpoint
from iqa_cli.crf.floor import LIMIT
from iqa_cli.crf.losses import nll
from iqa_cli.crf.torch_crf import TorchCRF
from iqa_cli.crf.unary import cumulative, unary_from_nodes
from iqa_cli.errors import CheckpointError, TrainingDiverged
from iqa_cli.hexgraph.plan import compile_plan
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.metrics.ordinal import label_metrics, mean_of
from iqa_cli.models.backbone import is_own
from iqa_cli.models.export import onnx_bytes
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.paths import find_graph
from iqa_cli.training.checks import device_named, refuse_forbidden, refuse_unexportable, refuse_unmeasured_labels
from iqa_cli.training.ladder import Ladder, batches
from iqa_cli.training.photographs import load_photographs, split
from iqa_cli.training.state import STATE, Progress, load_state, progress_of, remove_state, save_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from iqa_cli.config import TrainConfig
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.metrics.records import LabelMetrics

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
    """One run of one config. Whatever can be refused is refused here, before any training, the cheap checks first.

    config     the config
    base       folder that paths in the card are told relative to, usually the config file's
    device     `auto` takes CUDA where there is one; else `cpu`, `cuda` or `cuda:N`
    resume     go on after the last finished epoch of the state in the work folder
    raises     UsageError       for a device that this machine or torch does not have
               OutputError      for folders that cannot be written
               ConfigError      for a config that cannot be trained; GraphError for its graph
               CheckpointError  if there is nothing to resume, if the state is damaged or belongs to another config, and
                                without `resume` if a start would overwrite the state of an unfinished run
    """

    def __init__(self, config: TrainConfig, base: Path, device: str = "auto", *, resume: bool = False) -> None:
        self.config = config
        self._base = base
        self._device = device_named(device)
        for folder in (config.run.out, config.work):
            make_writable(folder)
        progress = progress_of(config.work, resume=resume)
        self._rows = progress.rows if progress else ()
        torch.manual_seed(config.run.seed)
        self.graph: HexGraph = read_graph(find_graph(config.graph.name))
        refuse_unmeasured_labels(self.graph, config.graph.name)
        self._plan = compile_plan(self.graph)
        self._model = ToneModel(config.model, self.graph)
        if not is_own(config.model.backbone):
            refuse_unexportable(self._model, self.graph, config.model.backbone)
        self._model.to(self._device)
        # Scores that are no numbers are looked for in `_unary`, where they mean that training diverged.
        self._crf = TorchCRF(self._plan, check_finite=False).to(self._device)
        self._optimiser = torch.optim.AdamW(
            self._model.parameter_groups(config.optim.lr_visual, config.optim.lr_head, config.optim.weight_decay)
        )
        self._size = self._model.preprocessing.size
        photographs = load_photographs(config.data.ladder, math.ceil(self._size * _CROP_ROOM))
        self.names = photographs.names
        """Photographs that were read, as paths relative to their folder."""
        self.unreadable = photographs.unreadable
        """Files that were left out, with the reason."""
        self._photographs_hash = photographs.content_hash()
        training, held_out = split(photographs, config.data.holdout, config.run.seed)
        self._held_out_names = tuple(self.names[index] for index in held_out.tolist())
        self._training, self._held_out = photographs.pictures[training], photographs.pictures[held_out]
        self._ladder = Ladder()
        self.finished = False
        """Whether the checkpoint is written and the state with it gone."""
        if progress:
            self._resume(progress)

    @property
    def kept(self) -> int:
        """Finished epochs whose state is on disk for --resume."""
        return len(self._rows)

    def run(self) -> Iterator[Epoch]:
        """Train; one `Epoch` after each pass; the checkpoint is written before the last one is given.

        raises  TrainingDiverged  if the scores are no numbers any more
                ConfigError       if the graph forbids labels that the tone ladder makes
                OutputError       if a file cannot be written
        """
        self._write_metrics()
        validation = list(self._pictures(self._held_out, self.config.data.validation_samples, seed=1))
        epochs = self.config.optim.epochs
        if self.kept == epochs:
            self._finish()
        for number in range(self.kept, epochs):
            started = time.monotonic()
            loss = self._train_epoch(number)
            metrics = self._judge(validation)
            epoch = Epoch(number + 1, epochs, loss, time.monotonic() - started, metrics)
            rows = (*self._rows, _row(epoch))
            save_state(self.config.work, self._model, self._optimiser, Progress(self._identity(), epoch.number, rows))
            self._rows = rows
            self._write_metrics()
            if epoch.number == epochs:
                self._finish()
            yield epoch

    def _identity(self) -> str:
        """What two runs must share for one to continue the other: all that the weights depend on."""
        config = self.config.as_document(self._base)
        document = {
            "config": {key: config[key] for key in ("model", "loss", "optim")},
            "samples": self.config.data.samples,
            "holdout": self.config.data.holdout,
            "seed": self.config.run.seed,
            "graph": self.graph.hash,
            "photographs": self._photographs_hash,
        }
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()

    def _resume(self, progress: Progress) -> None:
        if progress.identity != self._identity():
            raise CheckpointError(
                f"{self.config.work / STATE}: belongs to another config, graph or set of photographs",
                hint="undo what was changed, or start anew: without --resume, with another --out",
            )
        load_state(self.config.work, self._model, self._optimiser)

    def _pictures(self, photographs: Tensor, samples: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures (B, 3, S, S) uint8 and zero-based levels (B, L) int64, all of them legal under the graph."""
        for pictures, positions in batches(
            self._ladder,
            photographs,
            self.graph.label_names,
            size=self._size,
            batch_size=self.config.optim.batch_size,
            samples=samples,
            seed=seed,
        ):
            refuse_forbidden(self.graph, self.config.graph.name, positions)
            yield pictures, positions

    def _train_epoch(self, number: int) -> float:
        """One pass; returns the mean loss."""
        optim = self.config.optim
        steps = math.ceil(self.config.data.samples / optim.batch_size)
        self._model.train()
        total, seen = 0.0, 0
        # Seeds of training start far above those of judging, so no recipe is met twice.
        seed = (self.config.run.seed + 1) * 1_000_003 + number
        for step, (pictures, positions) in enumerate(self._pictures(self._training, self.config.data.samples, seed)):
            if len(pictures) < 2:
                continue  # batch normalisation cannot learn from one picture
            rate = _learning_rate(number * steps + step, steps * optim.epochs, optim.warmup)
            for group in self._optimiser.param_groups:
                group["lr"] = rate * group["peak_lr"]
            loss = nll(self._crf, self._unary(pictures), self._allowed(positions))
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._model.parameters(), 1.0)
            self._optimiser.step()
            total += loss.item() * len(pictures)
            seen += len(pictures)
        return total / seen

    def _unary(self, pictures: Tensor) -> Tensor:
        """uint8 pictures (B, 3, S, S) to cell potentials (B, C) float64; TrainingDiverged if they are no numbers."""
        scores: Tensor = self._model(self._model.prepared(pictures.to(self._device)))
        unary: Tensor = unary_from_nodes(scores.double(), self._plan)
        if not bool((unary.detach().abs() < LIMIT).all()):
            again = "lower [optim] lr_visual and lr_head and start again"
            if self.kept:
                again += f"; delete {self.config.work / STATE} first"
            raise TrainingDiverged(
                f"training diverged: the model's scores are no numbers any more in epoch {self.kept + 1}", hint=again
            )
        return unary

    def _allowed(self, positions: Tensor) -> Tensor:
        """Zero-based levels (B, L) as allowed cells (B, C) bool."""
        columns = [
            torch.nn.functional.one_hot(positions[:, index], len(label.levels))
            for index, label in enumerate(self.graph.labels)
        ]
        return torch.cat(columns, 1).bool().to(self._device)

    @torch.no_grad()
    def _judge(self, judged: Iterable[tuple[Tensor, Tensor]]) -> dict[str, LabelMetrics]:
        """Metrics per label over batches of pictures and zero-based levels."""
        self._model.eval()
        batches_of: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
        for pictures, positions in judged:
            unary = self._unary(pictures)
            above = cumulative(self._crf.marginals(unary), self._plan)
            for kept, batch in zip(batches_of, (positions, self._crf.map(unary)[1], above), strict=True):
                kept.append(batch.cpu())
        truth, predicted, reached = (torch.cat(kept).numpy() for kept in batches_of)
        metrics: dict[str, LabelMetrics] = {}
        start = 0
        for index, label in enumerate(self.graph.labels):
            end = start + len(label.levels) - 1
            metrics[label.name] = label_metrics(truth[:, index], predicted[:, index], reached[:, start:end])
            start = end
        return metrics

    def _write_metrics(self) -> None:
        """metrics.csv anew from all rows, so that it always tells of the epochs that the state has."""
        if not self._rows:
            return
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self._rows[0]))
        writer.writeheader()
        writer.writerows(self._rows)
        write_atomically(self.config.work / "metrics.csv", text.getvalue().encode())

    def _finish(self) -> None:
        """Write weights, exported model and the card that vouches for them; the state has served."""
        self._model.eval()
        test = self._judge(self._pictures(self._held_out, self.config.data.test_samples, seed=2))
        weights = {name: value.detach().cpu().contiguous() for name, value in self._model.state_dict().items()}
        exported = onnx_bytes(self._model.cpu(), self.graph.hash)
        self._model.to(self._device)
        files = {WEIGHTS: safetensors.torch.save(weights), ONNX: exported}
        write_checkpoint(self.config.run.out, files, self._card(test))
        remove_state(self.config.work)
        self.finished = True

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
                "photographs": len(self.names),
                "photographs_training": len(self._training),
                "photographs_held_out": len(self._held_out),
                "photographs_sha256": self._photographs_hash,
                "held_out": list(self._held_out_names),
            },
            "metrics": {"held_out_ladder": held_out},
        }


def _row(epoch: Epoch) -> dict[str, float]:
    """An epoch's row of metrics.csv."""
    row = {"epoch": epoch.number, "loss": epoch.loss, "seconds": epoch.seconds, "qwk": epoch.qwk}
    for label, figures in epoch.validation.items():
        row |= {
            f"{label}_qwk": figures.qwk,
            f"{label}_tauc": figures.tauc,
            f"{label}_accuracy": figures.accuracy,
        }
    return row


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
