"""Going on from a checkpoint: `pretrained = "checkpoint:default"`, or a path after the colon.

The towers are taken whole. Of the head, what still means the same is taken label by label, so that a model of twelve
labels can go on from one of six.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch

from iqa_cli.checkpoint import CARD, CONVERTED, WEIGHTS, load_checkpoint
from iqa_cli.config.sections import CHECKPOINT_PREFIX
from iqa_cli.errors import CheckpointError, ConfigError
from iqa_cli.models.weights import BadWeightsError, check_weights
from iqa_cli.paths import find_checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.hexgraph.graph import HexGraph

_TOWERS = ("clip.", "statistics.", "scene.")
"""Parameters that turn pictures and texts into features."""
_PER_LABEL = ("head.bias", "head.linear.weight", "head.linear.bias", "thresholds.first")
"""Parameters with a row per label."""
_COUNT = ".num_batches_tracked"
_MOST_WIDTH = 4096
"""Of what stands beside the tower, as a card says it: the model is built before its weights are looked at."""


def checkpoint_of(pretrained: str, architecture: str) -> Checkpoint:
    """The checkpoint that a config goes on from.

    pretrained    `CHECKPOINT_PREFIX` and a name or path
    raises        ConfigError  if there is none, it is damaged, it has no weights, or it has another backbone
    """
    try:
        checkpoint = load_checkpoint(find_checkpoint(pretrained.removeprefix(CHECKPOINT_PREFIX)))
    except CheckpointError as error:
        raise ConfigError(f"model.pretrained: {error.message}", problems=error.problems, hint=error.hint) from None
    if CONVERTED in checkpoint.card:
        why = "it was converted, and free directions per level are nothing that ordered cut points go on from"
        raise ConfigError(
            f"model.pretrained: {checkpoint.folder}: has no {WEIGHTS}: {why}",
            hint="it can be used by iqa assess and iqa eval; train from another checkpoint",
        )
    if _model_of(checkpoint).get("prompts") == "level":
        raise ConfigError(
            f"model.pretrained: {checkpoint.folder}: has prompts per level, from which training cannot go on",
            hint="--resume goes on with its run; or train from another checkpoint",
        )
    backbone = _model_of(checkpoint).get("backbone")
    if backbone != architecture:
        raise ConfigError(
            f"model.pretrained: {checkpoint.folder / CARD}: its backbone is {backbone!r:.60}, not {architecture!r}",
            hint=f"set model.backbone to {backbone!r:.60}",
        )
    return checkpoint


def statistics_width(checkpoint: Checkpoint) -> int:
    """The width of a checkpoint's statistics, 0 if it has none, as those before there were any.

    raises  ConfigError  for one that no model has
    """
    return _width(checkpoint, "statistics") or 0


def scene_of(checkpoint: Checkpoint) -> str | None:
    """The network beside a checkpoint's tower that tells what a picture shows; None if it has none."""
    scene = _model_of(checkpoint).get("scene")
    return scene if isinstance(scene, str) else None


def scene_width(checkpoint: Checkpoint) -> int | None:
    """Width of what reads from a checkpoint's scene network; None if the card does not say.

    raises  ConfigError  for one that no model has
    """
    return _width(checkpoint, "scene_width")


def _width(checkpoint: Checkpoint, key: str) -> int | None:
    width = _model_of(checkpoint).get(key)
    if width is not None and (type(width) is not int or not 0 <= width <= _MOST_WIDTH):
        expected = f"expected a whole number up to {_MOST_WIDTH}"
        raise ConfigError(f"model.pretrained: {checkpoint.folder / CARD}: model.{key}: {expected}, got {width!r:.60}")
    return width or None


def is_mirrored(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint's model sees a picture and its mirror image as one."""
    return _model_of(checkpoint).get("mirror") is True


def quick_gelu_of(checkpoint: Checkpoint, said: bool | None) -> bool:
    """Whether a checkpoint's activation is QuickGELU; its card says so, or else its architecture.

    said    what the config says, if it says anything
    raises  ConfigError  if the config says otherwise
    """
    model = _model_of(checkpoint)
    architecture = model.get("config")
    kept = model.get("quick_gelu")
    if not isinstance(kept, bool):
        kept = isinstance(architecture, dict) and architecture.get("quick_gelu") is True
    if said is not None and said != kept:
        raise ConfigError(
            f"model.quick_gelu: {str(said).lower()}, but {checkpoint.folder / CARD} says {str(kept).lower()}",
            hint="leave model.quick_gelu out",
        )
    return kept


def _model_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """What the card says of the model; nothing if it says it in another form."""
    model = checkpoint.card.get("model")
    return model if isinstance(model, dict) else {}


def take_over(checkpoint: Checkpoint, model: nn.Module, graph: HexGraph) -> None:
    """Put a checkpoint's weights into a `ToneModel` of the same backbone, in place.

    The towers have to fit. The prompt's context is taken where it has the same size; what a label has of its own is
    taken where both have a label of that name with as many levels. A fitted temperature is not: it is fitted again.

    raises  ConfigError  if the weights are damaged or the towers do not fit
    """
    own = model.state_dict()
    kept = _kept(checkpoint, own)
    towers = {name: value for name, value in kept.items() if name.startswith(_TOWERS)}
    # Frozen towers were once kept without the count of batches, which is of no use to them.
    towers |= {name: own[name] for name in own if name.endswith(_COUNT) and name not in kept}
    expected = {name: (value.shape, value.dtype) for name, value in own.items() if name.startswith(_TOWERS)}
    if {name: (value.shape, value.dtype) for name, value in towers.items()} != expected:
        raise ConfigError(
            f"model.pretrained: {checkpoint.folder / WEIGHTS}: its towers do not fit this backbone",
            hint="leave out model.statistics, scene and scene_width, or an architecture has changed since then",
        )
    _refuse_other_labels(checkpoint, kept, own)
    taken = dict(towers)
    for name in ("head.context", "head.log_scale"):
        if name in kept and name in own and kept[name].shape == own[name].shape and not _is_per_label(own[name]):
            taken[name] = kept[name]
    shared = _shared_labels(checkpoint.graph, graph)
    for name in _PER_LABEL:
        if name in kept and name in own:
            taken[name] = _with_rows(own[name], kept[name], shared)
    if _is_per_label(own.get("head.context")) and _is_per_label(kept.get("head.context")):
        context = kept["head.context"]
        if context.shape[1:] == own["head.context"].shape[1:]:
            taken["head.context"] = _with_rows(own["head.context"], context, shared)
    steps = [(_steps(graph, new), _steps(checkpoint.graph, old)) for new, old in shared]
    taken["thresholds.steps"] = own["thresholds.steps"].clone()
    for new, old in steps:
        taken["thresholds.steps"][new] = kept["thresholds.steps"][old]
    model.load_state_dict(taken, strict=False)


def _kept(checkpoint: Checkpoint, own: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint.

    own     those of the model that takes them
    raises  ConfigError  if the file is damaged, or larger than that of any model with this backbone
    """
    size = sum(value.nbytes for value in own.values())
    stated = checkpoint.card["files"].get(WEIGHTS, {}).get("bytes", 0)
    # Labels and statistics may differ from one model to the other; a tower that differs does not fit.
    if stated > (most := 2 * size + 2**26):
        raise ConfigError(
            f"model.pretrained: {checkpoint.folder / WEIGHTS}: {stated:,} bytes, more than the {most:,} "
            "that a model of this backbone can have"
        )
    try:
        content = checkpoint.read_verified(WEIGHTS)
        check_weights(content)
        return safetensors.torch.load(content)
    except CheckpointError as error:
        raise ConfigError(f"model.pretrained: {error.message}", problems=error.problems, hint=error.hint) from None
    except (BadWeightsError, safetensors.SafetensorError) as error:
        raise ConfigError(f"model.pretrained: {checkpoint.folder / WEIGHTS}: {error}") from None


def _refuse_other_labels(
    checkpoint: Checkpoint, kept: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]
) -> None:
    """What is kept for each label has to be there for the labels of the card.

    raises  ConfigError  naming what is not
    """
    counts = [levels - 2 for levels in checkpoint.graph.n_levels]
    expected = {name: (len(counts), *own[name].shape[1:]) for name in _PER_LABEL if name in kept and name in own}
    expected |= {"thresholds.first": (len(counts),), "thresholds.steps": (sum(counts),)}
    if _is_per_label(kept.get("head.context")):
        expected["head.context"] = (len(counts), *kept["head.context"].shape[1:])
    problems = [
        f"{name}: expected {list(shape)}, got {list(kept[name].shape) if name in kept else 'nothing'}"
        for name, shape in expected.items()
        if name not in kept or kept[name].shape != shape
    ]
    problems += [
        f"{name}: expected {own[name].dtype}, got {value.dtype}"
        for name, value in kept.items()
        if name in own and value.dtype != own[name].dtype
    ]
    if problems:
        raise ConfigError(
            f"model.pretrained: {checkpoint.folder / WEIGHTS}: its head does not fit the graph on its card",
            problems=problems,
        )


def _is_per_label(context: torch.Tensor | None) -> bool:
    return context is not None and context.ndim == 3


def _shared_labels(old: HexGraph, new: HexGraph) -> list[tuple[int, int]]:
    """(position in the new graph, in the old one) of labels of one name with equally many levels."""
    places = {label.name: (index, len(label.levels)) for index, label in enumerate(old.labels)}
    return [
        (index, places[label.name][0])
        for index, label in enumerate(new.labels)
        if label.name in places and places[label.name][1] == len(label.levels)
    ]


def _with_rows(own: torch.Tensor, kept: torch.Tensor, shared: list[tuple[int, int]]) -> torch.Tensor:
    rows = own.clone()
    for new, old in shared:
        rows[new] = kept[old]
    return rows


def _steps(graph: HexGraph, label: int) -> slice:
    """Where the steps between a label's cut points stand among those of all labels."""
    counts = [levels - 2 for levels in graph.n_levels]
    start = sum(counts[:label])
    return slice(start, start + counts[label])
