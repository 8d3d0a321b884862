"""What a run leaves behind: the checkpoint, the last epoch beside it, the curves."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import math
from typing import TYPE_CHECKING, Any

import torch

from iqa_cli._version import __version__
from iqa_cli.checkpoint import CARD, CARD_PAGE, ONNX, OPERATING_POINT, WEIGHTS, write_checkpoint
from iqa_cli.metrics.ordinal import mean_of
from iqa_cli.models.export import onnx_writer
from iqa_cli.report.checkpoint.card_page import card_page
from iqa_cli.training.calibration import fitted_temperatures
from iqa_cli.training.curves import curves_png
from iqa_cli.training.data import WHOLE, Share
from iqa_cli.training.distributed import same_state
from iqa_cli.training.judging import Judged, compared, judge
from iqa_cli.training.measured import measured
from iqa_cli.training.operating_point import fitted_offsets
from iqa_cli.training.state import BEST, load_weights, weights_writer
from iqa_cli.writing import make_writable, write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from iqa_cli.config import TrainConfig
    from iqa_cli.crf.torch_crf import TorchCRF
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.models.tone_model import ToneModel
    from iqa_cli.training.data import Data

LAST = "last"
"""Folder in `work` with the checkpoint of the last epoch, where that is not the one that was kept."""
_INHERITED = "of the checkpoint gone on from: "
_MEANS = ("accuracy", "accuracy_constant", "qwk", "tauc", "recall_macro", "f1_macro", "miss_rate", "ece")
"""Figures whose mean over the labels goes onto the card."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A run that is over."""

    config: TrainConfig
    """What it was asked to do."""
    base: Path
    """Folder that paths in the card are told relative to."""
    graph: HexGraph
    """The labels."""
    data: Data
    """What was learned from."""
    inherited: tuple[str, ...]
    """Caveats of the checkpoint that was gone on from, as `inherited_caveats` tells them."""
    rows: tuple[Mapping[str, float], ...]
    """Figures of every epoch."""
    chosen: int
    """Number of the epoch that becomes the checkpoint."""
    stopped: str | None
    """Why it ended before its time, if something went wrong."""
    share: Share = WHOLE
    """Which of several processes this is: all judge and measure, the first one writes."""

    @functools.cached_property
    def measured(self) -> dict[str, Any] | None:
        """What is measured at each level: of the data alone, so the same for every checkpoint of the run."""
        return measured(self.data, self.graph, self.share)


def inherited_caveats(caveats: Sequence[str]) -> tuple[str, ...]:
    """Caveats of a checkpoint as those of one that goes on from it; those that it had inherited itself stay as they
    are.
    """
    return tuple(text if text.startswith(_INHERITED) else f"{_INHERITED}{text}" for text in caveats)


def write_outcome(
    outcome: Outcome, model: ToneModel, crf: TorchCRF, device: torch.device, tell: Callable[[str], None]
) -> dict[str, Judged]:
    """Write everything. The model comes with the weights of the last epoch, in the first process at least, and leaves
    with those that were chosen.

    tell     called with a few words before each thing that takes its time
    returns  figures of the checkpoint: `validation` and, if there are test pictures, `test`
    raises   OutputError  if a file cannot be written
    """
    work, share = outcome.config.work, outcome.share
    is_first = share.rank == 0
    if outcome.chosen == len(outcome.rows):
        if is_first:
            _remove(work / LAST)  # of an earlier run
    else:
        tell("writing the checkpoint of the last epoch")
        same_state(model, share)
        validation = judge(model, crf, outcome.data.validation(), device, share=share)
        _write(outcome, work / LAST, len(outcome.rows), model, device, {"validation": validation})
        if is_first:
            load_weights(work / BEST, model)
    same_state(model, share)
    tell("writing the checkpoint: calibrating on the validation pictures")
    judged, offsets = _calibrated(outcome, model, crf, device)
    same_state(model, share)  # a temperature fitted on another card may differ in its last bit
    test = outcome.data.test()
    if test is not None:
        tell("writing the checkpoint: judging the test pictures")
        judged["test"] = judge(model, crf, test, device, offsets, share)
    if is_first:
        figures = judged["test"].labels if "test" in judged else None
        png = curves_png(outcome.rows, outcome.graph.label_names, outcome.chosen, figures)
        write_atomically(work / "curves.png", png)
    tell("writing the checkpoint: measuring pictures and exporting the model")
    _write(outcome, outcome.config.run.out, outcome.chosen, model, device, judged, offsets)
    return judged


def _calibrated(
    outcome: Outcome, model: ToneModel, crf: TorchCRF, device: torch.device
) -> tuple[dict[str, Judged], Tensor | None]:
    """Figures on the validation pictures, with temperatures and the operating point (L,) fitted on them if the config
    wants them.
    """
    judged = judge(model, crf, outcome.data.validation(), device, share=outcome.share)
    scores, offsets = judged.scores, None
    if outcome.config.model.temperature:
        temperatures = fitted_temperatures(crf, scores.to(device), judged.allowed.to(device))
        model.temperature.mul_(temperatures)
        scores = scores / temperatures[model.thresholds.label_of_node].cpu()
    if outcome.config.model.operating_point == "kappa":
        offsets = fitted_offsets(crf, scores.to(device), judged.positions).cpu()
    if scores is not judged.scores or offsets is not None:
        judged = compared(crf, scores, judged.positions, judged.allowed, device, offsets)
    return {"validation": judged}, offsets


def _remove(folder: Path) -> None:
    """Remove a checkpoint, its card first; whatever else lies there stays."""
    for name in (CARD, CARD_PAGE, WEIGHTS, ONNX):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _write(
    outcome: Outcome,
    folder: Path,
    epoch: int,
    model: ToneModel,
    device: torch.device,
    judged: Mapping[str, Judged],
    offsets: Tensor | None = None,
) -> None:
    outcome.measured  # noqa: B018 - by all processes together, before the first one writes
    if outcome.share.rank:
        return
    make_writable(folder)
    model.eval()
    card = _card(outcome, folder, epoch, model.cpu(), judged, offsets)
    files = {WEIGHTS: weights_writer(model), ONNX: onnx_writer(model, outcome.graph.hash)}
    write_checkpoint(folder, files, card, card_page(card))
    model.to(device)


def _card(
    outcome: Outcome,
    folder: Path,
    epoch: int,
    model: ToneModel,
    judged: Mapping[str, Judged],
    offsets: Tensor | None,
) -> dict[str, Any]:
    config = outcome.config
    document = config.as_document(outcome.base)
    training = {
        "config": document,
        "torch": torch.__version__,
        "epoch": epoch,
        "epochs": len(outcome.rows),
    }
    if outcome.stopped:
        training["stopped"] = outcome.stopped
    data = {"provenance": config.data.provenance, **outcome.data.card()}
    if outcome.inherited:
        data["caveats"] = [*outcome.inherited, *data.get("caveats", ())]
    unseen = not data.get("caveats")
    named = {} if offsets is None else {OPERATING_POINT: _by_label(outcome.graph, offsets)}
    return {
        "name": folder.name,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "iqa_version": __version__,
        "graph": outcome.graph.to_json(),
        "preprocessing": dataclasses.asdict(model.preprocessing),
        "model": {
            **document["model"],
            **model.description(),
            "fitted_temperature": _by_label(outcome.graph, model.temperature),
        },
        **named,
        "training": training,
        "data": data,
        "metrics": {what: _figures(what, entry, unseen=unseen) for what, entry in judged.items()},
        "measured": outcome.measured,
    }


def _by_label(graph: HexGraph, values: Tensor) -> dict[str, float]:
    """(L,) numbers by label."""
    return {label: round(value, 6) for label, value in zip(graph.label_names, values.tolist(), strict=True)}


def _figures(what: str, judged: Judged, *, unseen: bool) -> dict[str, Any]:
    """Figures of a side; with caveats nothing is claimed beside them, so then not that its pictures are unseen."""
    pictures = "pictures that training never saw" if unseen else "pictures (see the caveats)"
    use = {"validation": "by which the epoch was chosen", "test": "judged once at the end"}
    return {
        "what": f"{pictures}, {use[what]}",
        "pictures": len(judged.scores),
        "nll": round(judged.loss, 6),
        "labels": {label: _defined(dataclasses.asdict(figures)) for label, figures in judged.labels.items()},
        "mean": _defined({name: mean_of(judged.labels, name) for name in _MEANS}),
    }


def _defined(figures: dict[str, Any]) -> dict[str, Any]:
    """JSON has no nan: what is undefined becomes null; other floats keep six digits."""
    return {
        name: (None if math.isnan(value) else round(value, 6)) if isinstance(value, float) else value
        for name, value in figures.items()
    }
