"""What a config may ask for that cannot be trained, found before the hours are spent."""

from __future__ import annotations

import re
import tempfile
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from iqa_cli.checkpoint import ONNX
from iqa_cli.errors import ConfigError, UsageError
from iqa_cli.models.backbone import is_own
from iqa_cli.models.export import onnx_writer
from iqa_cli.records import Severity
from iqa_cli.training.severity import THRESHOLDS
from iqa_cli.wording import shortened

if TYPE_CHECKING:
    from torch import Tensor

    from iqa_cli.config import ModelConfig
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.models.tone_model import ToneModel


def device_named(name: str) -> torch.device:
    """The device of `auto` (CUDA where there is one), `cpu`, `cuda` or `cuda:N`.

    raises  UsageError  for another name, and for a device that this machine or torch does not have
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not re.fullmatch(r"cpu|cuda(:\d{1,3})?", name, re.ASCII):
        raise UsageError(f"device {name!r} is not known", hint="one of auto, cpu, cuda, cuda:0, cuda:1, ...")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {name!r} cannot be used ({error})", hint="try auto or cpu") from None
    return device


def refuse_unmeasured_labels(graph: HexGraph, name: str) -> None:
    """The ladder computes the labels, so it can teach only what it measures.

    raises  ConfigError  naming every label of the graph that it does not measure, or not in as many levels
    """
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


def refuse_forbidden(graph: HexGraph, name: str, positions: Tensor) -> None:
    """The ladder's levels come from pictures, so a rule that they break does not describe what is visible.

    positions  (B, L) int64  zero-based levels
    raises     ConfigError   naming an example for every pair of labels whose rule is broken
    """
    levels = positions.numpy()
    problems = []
    for (a, b), legal in graph.tables.items():
        for row in np.flatnonzero(~legal[levels[:, a], levels[:, b]])[:1]:
            said = [
                f"{label.name!r} at {label.levels[levels[row, index]]}"
                for index, label in ((a, graph.labels[a]), (b, graph.labels[b]))
            ]
            problems.append(" with ".join(said))
    if problems:
        raise ConfigError(
            f"graph.name: {name}: the tone ladder makes pictures that this graph forbids",
            problems=problems,
            hint="loosen the exclusion or subsumption, or leave one of the labels out",
        )


def refuse_unexportable(model: ToneModel, graph: HexGraph, backbone: str, work: Path) -> None:
    """A trial with the untrained model costs seconds; finding out after the last epoch would cost the run.

    work    folder for the file of the trial, which is removed again
    raises  ConfigError  for a backbone that ONNX cannot express
    """
    try:
        with tempfile.TemporaryDirectory(dir=work) as folder:
            onnx_writer(model, graph.hash)(Path(folder) / ONNX)
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise ConfigError(
            f"model.backbone: {backbone} cannot be exported to ONNX ({_plain(reason)})", hint="choose another backbone"
        ) from error


def unread_words(config: ModelConfig, graph: HexGraph) -> tuple[str, ...]:
    """A warning if prompts are made of words that a pretrained CLIP does not know: it learned English. Nothing else."""
    if not config.pretrained or is_own(config.backbone) or not (config.head == "coop" or config.start == "words"):
        return ()
    foreign = [label.name for label in graph.labels if any(map(_is_foreign, label.display("en")))]
    if config.prompts == "level":
        levels = sorted({level for label in graph.labels for level in label.levels[1:]})
        names = [graph.level_name(level, "en") for level in levels]
        foreign += [name for name in names if any(map(_is_foreign, name))]
    if not foreign:
        return ()
    warning = (
        f"{config.backbone} learned from English and reads these names as noise: {', '.join(shortened(foreign))}; "
        "give them English ones in the graph (en)"
    )
    return (warning,)


def _is_foreign(character: str) -> bool:
    """A letter of another script than Latin."""
    return character.isalpha() and not unicodedata.name(character, "").startswith("LATIN")


def _plain(text: str) -> str:
    """Without the colours that torch puts into its messages."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
