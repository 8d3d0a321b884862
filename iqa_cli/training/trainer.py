"""The trainer: a config in, epochs out one by one, a checkpoint at the end. It prints nothing.

Everything random comes from the run's seed and the epoch's number, so a run that was killed and resumed gives the same
numbers as one that was not.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import functools
import importlib.util
import io
import json
import math
import time
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parallel import DistributedDataParallel

from iqa_cli.checkpoint import CARD, CARD_PAGE, ONNX, WEIGHTS
from iqa_cli.crf.floor import LIMIT
from iqa_cli.crf.torch_crf import TorchCRF
from iqa_cli.crf.unary import unary_from_nodes
from iqa_cli.errors import CheckpointError, ConfigError, MissingExtra, TrainingDiverged
from iqa_cli.hexgraph.plan import compile_plan
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.models.backbone import is_own
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.paths import find_graph
from iqa_cli.training.ahead import ahead
from iqa_cli.training.apart import refuse_watched
from iqa_cli.training.checks import device_named, refuse_unexportable, unread_words
from iqa_cli.training.distributed import agreed, launched_share, local_device, process_group
from iqa_cli.training.epochs import Epoch, Step, epoch_row
from iqa_cli.training.judging import Judged, judge
from iqa_cli.training.labelled_data import LabelledData
from iqa_cli.training.ladder_data import LadderData
from iqa_cli.training.mixed_data import MixedData
from iqa_cli.training.objective import make_objective
from iqa_cli.training.outcome import Outcome, inherited_caveats, write_outcome
from iqa_cli.training.rates import learning_rate, rate_warnings, with_rates
from iqa_cli.training.state import (
    BEST,
    STATE,
    Progress,
    frozen_hash,
    keep_finished,
    load_state,
    progress_of,
    refuse_foreign_page,
    refuse_overwriting,
    remove_state,
    save_state,
    save_weights,
)
from iqa_cli.wording import counted
from iqa_cli.writing import make_writable, remove_leftovers, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from iqa_cli.config import TrainConfig
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.training.data import Batch, Data


_SLOWER = "lower [optim] lr_visual and lr_head and start again"


class Trainer:
    """One run of one config. Whatever can be refused is refused here, before any training, the cheap checks first.

    config     the config
    base       folder that paths in the card are told relative to, usually the config file's
    device     `auto` takes CUDA where there is one; else `cpu`, `cuda` or `cuda:N`
    resume     go on after the last finished epoch of the state in the work folder
    overwrite  start anew whatever lies there: a finished checkpoint, the state of an unfinished run
    data       what to learn from instead of what the config names; several runs may share one

    raises  UsageError       for a device that is not there
            OutputError      if nothing can be written where the config says
            ConfigError      for a graph, backbone or data that cannot be trained on
            LabelsError      for label tables that are wrong, and for splits that share photographs
            CheckpointError  if `resume` finds no state, one that does not fit the config, or a run that is over;
                             without it, and without `overwrite`, if a start would overwrite a finished checkpoint or
                             the state of an unfinished run
    """

    def __init__(
        self,
        config: TrainConfig,
        base: Path,
        device: str = "auto",
        *,
        resume: bool = False,
        overwrite: bool = False,
        data: Data | None = None,
    ) -> None:
        config = with_rates(config)
        self.config = config
        self._base = base
        self.share = launched_share()
        """Which of several processes this is; only the first one writes."""
        self._device = local_device(device_named(device))
        if config.run.tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise MissingExtra("[run] tensorboard = true", "tensorboard", "tensorboard")
        for folder in (config.run.out, config.work):
            make_writable(folder)
        progress = progress_of(config.work, resume=resume, overwrite=overwrite)
        if not (resume or overwrite):
            refuse_overwriting(config.run.out)
        if not overwrite:
            refuse_foreign_page(config.run.out)
        if self.share.rank == 0:  # large ones, of a run that was killed
            remove_leftovers(config.work / STATE, config.work / BEST)
            remove_leftovers(*(config.run.out / name for name in (CARD, CARD_PAGE, WEIGHTS, ONNX)))
        self._rows = progress.rows if progress else ()
        torch.manual_seed(config.run.seed)
        graph = read_graph(find_graph(config.graph.name))
        self.graph: HexGraph = graph if config.graph.rules else without_rules(graph)
        self._model = ToneModel(config.model, self.graph)
        if not is_own(config.model.backbone) or config.model.scene is not None:
            refuse_unexportable(self._model, self.graph, config.model.backbone)
        # As `prepared` gives the pictures.
        self._model.to(self._device).to(memory_format=torch.channels_last)
        self.data: Data = data or self._made_data()
        """What is learned from."""
        refuse_watched(self.data.learned, config.data.apart_from)
        # Scores that are no numbers are looked for in `_unary`, where they mean that training diverged.
        self._crf = TorchCRF(compile_plan(self.graph), check_finite=False).to(self._device)
        balanced = config.loss.balance != "none"
        counts = self.data.level_counts() if balanced else None
        self._objective = make_objective(config.loss, self._crf, counts, self._device)
        self._optimiser = torch.optim.AdamW(self._model.parameter_groups(config.optim))
        if config.run.compile:
            self._model.compile_visual()
        if not self.data.batches_per_epoch(self.share):
            raise ConfigError(f"optim: no batch of two pictures is left for each of {self.share.world} processes")
        self.finished = False
        """Whether the checkpoint is written and the state with it gone."""
        self.notes: tuple[str, ...] = ()
        """What the user should know of this run, beside what the data say."""
        self._inherited = inherited_caveats(self._model.inherited)
        self.warnings = (
            *self._inherited,
            *rate_warnings(config.model, config.optim),
            *unread_words(config.model, self.graph),
        )
        """What is likely to go wrong, beside what the data say."""
        self._tell: Callable[[str], None] = _nobody
        self.judged: Mapping[str, Judged] = {}
        """Figures of the checkpoint once it is written: `validation` and, if there are test pictures, `test`."""
        if progress:
            self._resume(progress)

    def _made_data(self) -> Data:
        config, preprocessing = self.config, self._model.preprocessing
        if config.data.ladder is not None and config.data.labels is not None:
            return MixedData(config, config.data.ladder, self.graph, preprocessing)
        if config.data.ladder is not None:
            return LadderData(config, config.data.ladder, self.graph, preprocessing.size, judged=preprocessing)
        data = LabelledData(config, self.graph, preprocessing)
        if self._model.frozen_visual:
            data.use_features(self._model, config.work, self._device, keep=self.share.rank == 0)
        return data

    @functools.cached_property
    def _frozen_hash(self) -> str:
        """Of hundreds of megabytes, for a CLIP whose towers do not learn; the same after every epoch."""
        return frozen_hash(self._model)

    @property
    def kept(self) -> int:
        """Finished epochs whose state is on disk for --resume."""
        return len(self._rows)

    @property
    def best(self) -> int:
        """Number of the best epoch so far, 0 before any: highest validation threshold AUC among those whose kappa is
        above 0, then lowest validation loss, as on few photographs many epochs rank them equally well.

        An epoch that names the same levels whatever it is shown may still rank photographs well, and is of no use.
        """
        merit = [
            (row["qwk"] > 0, -1.0 if math.isnan(row["tauc"]) else row["tauc"], -row["validation_loss"])
            for row in self._rows
        ]
        return 1 + merit.index(max(merit)) if merit else 0

    @property
    def chosen(self) -> int:
        """Number of the epoch that becomes the checkpoint: the best one or the last one, as the config says."""
        return self.best if self.config.run.keep == "best" else self.kept

    def run(
        self, on_step: Callable[[Step], None] | None = None, on_stage: Callable[[str], None] | None = None
    ) -> Iterator[Epoch]:
        """Train; one `Epoch` after each pass; the checkpoint is written before the last one is given.

        on_step   called after every batch, for those who watch
        on_stage  called with a few words when something else begins that takes its time: judging, exporting

        raises  TrainingDiverged  if loss, scores or gradients are no numbers any more; the checkpoint of the best epoch
                                  before is written first
                ConfigError       if the graph forbids labels that the tone ladder makes
                OutputError       if a file cannot be written; the state of the last epoch is still there
        """
        self._tell = on_stage or _nobody
        with process_group(self.share, self._device):
            yield from self._run(on_step)

    def _run(self, on_step: Callable[[Step], None] | None) -> Iterator[Epoch]:
        self._write_metrics()
        model: nn.Module = self._model
        if self.share.world > 1:
            model = DistributedDataParallel(model)
        epochs = self.config.optim.epochs
        if self._over():
            self._finish()
            return
        for number in range(self.kept, epochs):
            started = time.monotonic()
            try:
                loss = self._train_epoch(model, number, on_step)
                epoch = self._concluded(number, loss, started) if self.share.rank == 0 else None
            except TrainingDiverged as error:
                raise self._rescued(error) from None
            if epoch is not None:
                yield epoch
            if agreed(self._over(), self.share, self._device):
                break

    def _over(self) -> bool:
        """Whether no epoch is left: all done, or none of the last `patience` was better than the best before."""
        patience = self.config.optim.patience
        return self.kept >= self.config.optim.epochs or (0 < patience <= self.kept - self.best)

    def _concluded(self, number: int, loss: float, started: float) -> Epoch:
        """Judge an epoch, keep its state and, after the last one, write the checkpoint."""
        self._tell(f"epoch {number + 1}: judging the validation pictures")
        judged = self._judged(number)
        row = epoch_row(number + 1, loss, judged)
        self._rows = (*self._rows, row)
        epoch = Epoch(
            number=number + 1,
            of=self.config.optim.epochs,
            loss=loss,
            seconds=time.monotonic() - started,
            validation_loss=judged.loss,
            validation=judged.labels,
            best=self.best,
        )
        row["seconds"] = epoch.seconds
        self._tell(f"epoch {number + 1}: keeping the state")
        try:
            progress = Progress(self._identity(), epoch.number, self._rows)
            save_state(self.config.work, self._model, self._optimiser, progress, self._frozen_hash)
        except BaseException:
            self._rows = self._rows[:-1]  # what is not on disk cannot be resumed from
            raise
        self._keep_best()
        self._write_metrics()
        self._log(epoch)
        if self._over():
            self._finish()
        return epoch

    def _judged(self, number: int) -> Judged:
        """Figures of the weights as they are; the last step of an epoch may be the one that was too large."""
        try:
            return judge(self._model, self._crf, self.data.validation(), self._device)
        except TrainingDiverged as error:
            raise TrainingDiverged(f"{error.message} after epoch {number + 1}", hint=_SLOWER) from None

    def _keep_best(self) -> None:
        """Keep the weights if they are the best so far. The state goes first: it says which epoch is the best, and a
        run that is resumed between the two keeps them again.
        """
        if self.best == self.kept:
            save_weights(self.config.work / BEST, self._model)

    def _identity(self) -> dict[str, Any]:
        """What two runs must share for one to continue the other, by key: all that the weights depend on."""
        config = self.config.as_document(self._base)
        document = {
            f"{section}.{key}": value
            for section in ("model", "loss", "optim")
            for key, value in config[section].items()
        }
        # What it comes out as: nothing in the config may tell, and None is what a state says that knows of no choice.
        document["model.quick_gelu"] = self._model.quick_gelu or None
        document |= {
            "run.precision": self.config.run.precision,
            "run.seed": self.config.run.seed,
            "graph.name": self.graph.hash,
            "processes": self.share.world,
            **{f"data.{key}": value for key, value in self.data.identity().items()},
        }
        plain: dict[str, Any] = json.loads(json.dumps(document))  # as it comes back from the file
        return plain

    def _resume(self, progress: Progress) -> None:
        now = self._identity()
        differ = {
            key: (progress.identity.get(key), now.get(key))
            for key in sorted(progress.identity.keys() | now.keys())
            if progress.identity.get(key) != now.get(key)
        }
        if refused := [_difference(key, *differ[key]) for key in differ if key not in MAY_CHANGE]:
            raise CheckpointError(
                f"{self.config.work}: the run that is to be resumed was another one",
                problems=refused,
                hint="undo what was changed, or start anew: without --resume, with another --out",
            )
        if progress.over and self._over():
            raise CheckpointError(
                f"{self.config.work}: that run is finished, after {counted(self.kept, 'epoch')}",
                hint=f"set [optim] epochs above {self.kept} to go on with it"
                + (f", and patience above {self.kept - self.best} or to 0" if self.config.optim.patience else ""),
            )
        load_state(self.config.work, self._model, self._optimiser)
        if "optim.epochs" in differ:
            was, epochs = differ["optim.epochs"]
            note = (
                f"optim.epochs was {was} and is {epochs} now: rates go on as a run of {epochs} would have them after "
                f"{self.kept}, so the weights are not those of a run that had {epochs} from the start"
            )
            self.notes = (note,)
        if self.share.rank == 0:
            self._keep_best()

    def _train_epoch(self, model: nn.Module, number: int, on_step: Callable[[Step], None] | None) -> float:
        """One pass; returns the mean loss."""
        optim = self.config.optim
        # Drop-out, where a backbone has it, draws from the global generator.
        torch.manual_seed((self.config.run.seed + 1) * 1_000_003 + number * self.share.world + self.share.rank)
        batches = self.data.batches_per_epoch(self.share)
        steps = math.ceil(batches / optim.accumulate)
        model.train()
        total, seen, started = 0.0, 0, time.monotonic()
        for index, batch in enumerate(ahead(self.data.epoch(number, self.share))):
            group = index // optim.accumulate
            last_of_group = (index + 1) % optim.accumulate == 0 or index + 1 == batches
            size = min(optim.accumulate, batches - group * optim.accumulate)
            rate = learning_rate(number * steps + group, steps * optim.epochs, optim.warmup)
            place = f"in epoch {number + 1}, batch {index + 1}"
            with self._synchronised(model, last_of_group):
                loss = self._objective(self._unary(model, batch, place), batch.allowed.to(self._device))
                if not math.isfinite(value := loss.item()):
                    raise _diverged("the loss is no number", place)
                (loss / size).backward()  # type: ignore[no-untyped-call]
            if last_of_group:
                self._step(rate, place)
            total += value * len(batch.inputs)
            seen += len(batch.inputs)
            if on_step is not None:
                speed = seen / max(time.monotonic() - started, 1e-9)
                on_step(Step(number + 1, index + 1, batches, total / seen, speed))
        return total / seen

    def _synchronised(self, model: nn.Module, last_of_group: bool) -> contextlib.AbstractContextManager[object]:
        """Several processes exchange gradients once a step, not once a batch. It is the forward pass that decides."""
        if isinstance(model, DistributedDataParallel) and not last_of_group:
            return model.no_sync()
        return contextlib.nullcontext()

    def _step(self, rate: float, place: str) -> None:
        """Move the weights by the gradient that was gathered."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate * group["peak_lr"]
        self._model.keep_symmetric()
        norm = torch.nn.utils.clip_grad_norm_(self._model.parameters(), self.config.optim.clip_norm)
        if not bool(norm.isfinite()):
            raise _diverged("the gradient is no number", place)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)

    def _unary(self, model: nn.Module, batch: Batch, place: str) -> Tensor:
        """Cell potentials (B, C) float64 of a batch; TrainingDiverged if they are no numbers."""
        inputs = self._model.ready(batch.inputs.to(self._device))
        enabled = self.config.run.precision == "bfloat16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=enabled):
            scores: Tensor = model(inputs)
        unary: Tensor = unary_from_nodes(scores.double(), self._crf.plan)
        if not bool((unary.detach().abs() < LIMIT).all()):
            raise _diverged("the model's scores are no numbers any more", place)
        return unary

    def _rescued(self, error: TrainingDiverged) -> TrainingDiverged:
        """Write the checkpoint of the best epoch before the trouble; the same error, telling where it is."""
        if not self.kept or self.share.rank:
            return error
        load_state(self.config.work, self._model, self._optimiser)
        self._finish(stopped=error.message)
        hint = f"{error.hint}; the checkpoint of epoch {self.chosen} is in {self.config.run.out}"
        return TrainingDiverged(error.message, hint=hint)

    def _write_metrics(self) -> None:
        """metrics.csv anew from all rows, so that it always tells of the epochs that the state has."""
        if not self._rows or self.share.rank:
            return
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(self._rows[0]))
        writer.writeheader()
        writer.writerows(self._rows)
        write_atomically(self.config.work / "metrics.csv", text.getvalue().encode())

    def _log(self, epoch: Epoch) -> None:
        """The epoch's figures for TensorBoard, if the config asks for it."""
        if not self.config.run.tensorboard:
            return
        from torch.utils.tensorboard import SummaryWriter

        with SummaryWriter(str(self.config.work / "tensorboard")) as writer:
            for name, value in self._rows[-1].items():
                if name not in ("epoch", "seconds"):
                    writer.add_scalar(name, value, epoch.number)

    def _finish(self, stopped: str | None = None) -> None:
        """Write weights, exported model and the card that vouches for them; the state has served."""
        if self.share.rank:
            return
        outcome = Outcome(
            config=self.config,
            base=self._base,
            graph=self.graph,
            data=self.data,
            inherited=self._inherited,
            rows=self._rows,
            chosen=self.chosen,
            stopped=stopped,
        )
        self.judged = write_outcome(outcome, self._model, self._crf, self._device, self._tell)
        if stopped:
            remove_state(self.config.work)  # it would only stop there again
        else:
            keep_finished(self.config.work)
        self.finished = True


MAY_CHANGE = frozenset({"optim.epochs", "optim.patience"})
"""Keys that a run may be resumed with another value of: how long it goes on."""


def _nobody(_: str) -> None:
    """Told of stages that nobody asked for."""


def _difference(key: str, was: Any, now: Any) -> str:
    """One line on a key of two runs; what is compared by hash has no values that a person could read."""
    if any(isinstance(value, str) and len(value) == 64 for value in (was, now)):
        return f"{key}: not the same content"
    return f"{key}: {was!r} in that run, {now!r} now"


def _diverged(what: str, place: str) -> TrainingDiverged:
    return TrainingDiverged(f"training diverged: {what} {place}", hint=_SLOWER)


def without_rules(graph: HexGraph) -> HexGraph:
    """The same labels, each for itself; what a label says about its own levels is no rule between labels."""
    own = tuple(rule for rule in graph.subsumptions if rule.label_a == rule.label_b)
    return dataclasses.replace(graph, exclusions=(), subsumptions=own)
