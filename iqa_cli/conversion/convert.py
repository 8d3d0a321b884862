"""A checkpoint of the published research code to a folder that `iqa assess` and `iqa eval` take."""

from __future__ import annotations

import dataclasses
import datetime as dt
import os
from typing import TYPE_CHECKING, Any

import open_clip
import torch
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

from iqa_cli._version import __version__
from iqa_cli.checkpoint import CARD, CONVERTED, ONNX, Preprocessing, write_checkpoint
from iqa_cli.conversion.file import read_saved
from iqa_cli.conversion.published import contradicted, directions, load_clip, prompts, published_order, recognise
from iqa_cli.errors import CheckpointError, ConfigError, UsageError
from iqa_cli.models.backbone import build_backbone, model_config
from iqa_cli.models.export import write_onnx
from iqa_cli.models.tone_model import ExportedModel
from iqa_cli.report.checkpoint.card_page import card_page
from iqa_cli.wording import counted
from iqa_cli.writing import make_writable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iqa_cli.conversion.file import SavedModel
    from iqa_cli.conversion.published import Published
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.models.backbone import Backbone

BACKBONE = "ViT-B-32-quickgelu"
"""What the published code trains: OpenAI's ViT-B/32, whose activation is QuickGELU."""


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What was made."""

    out: Path
    """The checkpoint's folder."""
    version: str
    """v1 or v2 of the published code."""
    order: tuple[str, ...]
    """The graph's labels in the order in which the file has them."""
    prompts: tuple[str, ...]
    """The words of each label's first prompt, in the same order; empty for v1. From the file: not to be trusted."""


def convert(
    path: Path,
    out: Path,
    graph: HexGraph,
    *,
    backbone: str = BACKBONE,
    labels: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Conversion:
    """Read a checkpoint of the published code and write it as one of ours. Nothing in the file is run.

    path       a `.pt` file
    graph      the labels that its nodes stand for
    backbone   open_clip's name of its CLIP
    labels     the graph's labels in the order of the file's nodes; None is the order of the published label files
    overwrite  whether a checkpoint in `out` may be replaced

    raises  CheckpointError  for a file that is not one of those, and for a checkpoint that would be overwritten
            ConfigError      for a backbone that is not CLIP as OpenAI trained it, or cannot be exported
            UsageError       if the graph, or `labels`, does not fit the file
            OutputError      if `out` cannot be written
    """
    if not overwrite and os.path.lexists(out / CARD):
        raise CheckpointError(f"{out}: a checkpoint is there already", hint="--overwrite replaces it")
    saved = read_saved(path)
    published = recognise(saved.tensors, path)
    order = _order(published, graph, labels, path)
    tower = _backbone(backbone)
    load_clip(tower, published.clip, path)
    said = prompts(published, tower)
    firsts = _firsts(graph, order)
    first_prompts = tuple(said[first] for first in firsts) if said else ()
    _refuse_contradicted(order, first_prompts, path)
    weight, offset = directions(published, tower, path)
    rows = torch.tensor(
        [firsts[order.index(label.name)] + k for label in graph.labels for k in range(len(label.levels) - 1)]
    )
    exported = ExportedModel(tower.clip.visual, weight[rows], offset[rows], normalised=published.version == "v2")
    card = _card(out, path, saved, published, tower, graph, order, said)
    make_writable(out)
    write_checkpoint(out, {ONNX: lambda file: _export(file, exported, tower, graph)}, card, card_page(card))
    return Conversion(out, published.version, tuple(order), first_prompts)


def _order(published: Published, graph: HexGraph, labels: Sequence[str] | None, path: Path) -> list[str]:
    """The graph's labels in the file's order."""
    if published.nodes != graph.n_nodes:
        raise UsageError(
            f"{path}: scores {counted(published.nodes, 'node')}; graph {graph.name!r} has {graph.n_nodes}, "
            f"one per label and level above the lowest",
            hint="--graph names the graph that it was trained with",
        )
    if labels is None:
        order = published_order(graph.label_names)
        if order is None:
            raise UsageError(
                f"graph {graph.name!r} has other labels than the published label files, so the order of the file's "
                "nodes is not known",
                hint="--labels gives the graph's labels in the order of the columns that it was trained on",
            )
        return order
    if sorted(labels) != sorted(graph.label_names):
        raise UsageError(
            f"labels: expected each label of graph {graph.name!r} once", hint=f"they are {','.join(graph.label_names)}"
        )
    return list(labels)


def _firsts(graph: HexGraph, order: Sequence[str]) -> list[int]:
    """The first node of each label in the file."""
    firsts, node = [], 0
    for name in order:
        firsts.append(node)
        node += len(graph.labels[graph.index(name)].levels) - 1
    return firsts


def _refuse_contradicted(order: Sequence[str], said: Sequence[str], path: Path) -> None:
    """A wrong order makes a model that names one problem for another, which nothing else would show."""
    for label, prompt in zip(order, said, strict=False):
        if (words := contradicted(label, prompt)) is not None:
            raise CheckpointError(
                f"{path}: the prompt at the place of label {label!r} is about {words!r}",
                hint="--labels gives the graph's labels in the file's order",
            )


def _backbone(architecture: str) -> Backbone:
    try:
        tower = build_backbone(architecture, pretrained=False)
    except ConfigError as error:
        reason = error.message.removeprefix("model.backbone: ")
        raise ConfigError(f"backbone: {reason}", problems=error.problems, hint=error.hint) from None
    if not model_config(architecture).get("quick_gelu") or not hasattr(tower.clip, "ln_final"):
        near = [name for name in open_clip.list_models() if name == f"{architecture}-quickgelu"]
        raise ConfigError(
            f"backbone: {architecture} is not CLIP as OpenAI trained it, whose activation is QuickGELU",
            hint=f"use {near[0] if near else BACKBONE}",
        )
    preprocessing = Preprocessing(
        size=tower.preprocessing.size,
        interpolation="bilinear",  # as the published code shrinks pictures
        mean=OPENAI_DATASET_MEAN,
        std=OPENAI_DATASET_STD,
    )
    return dataclasses.replace(tower, preprocessing=preprocessing)


def _export(file: Path, exported: ExportedModel, tower: Backbone, graph: HexGraph) -> None:
    try:
        write_onnx(file, exported.requires_grad_(requires_grad=False), tower.preprocessing, graph.hash)
    except torch.onnx.OnnxExporterError as error:
        raise ConfigError(f"backbone: {tower.architecture} cannot be exported to ONNX") from error


def _card(
    out: Path,
    path: Path,
    saved: SavedModel,
    published: Published,
    tower: Backbone,
    graph: HexGraph,
    order: Sequence[str],
    said: Sequence[str],
) -> dict[str, Any]:
    counts = [len(graph.labels[graph.index(name)].levels) - 1 for name in order]
    starts = _firsts(graph, order)
    visual = sum(int(parameter.numel()) for parameter in tower.clip.visual.parameters())
    return {
        "name": out.resolve().name,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "iqa_version": __version__,
        "graph": graph.to_json(),
        "preprocessing": dataclasses.asdict(tower.preprocessing),
        "model": {
            "backbone": tower.architecture,
            "head": {"v1": "free directions", "v2": "prompts per label and level"}[published.version],
            "config": model_config(tower.architecture),
            "normalised_features": published.version == "v2",
            "parameters": visual + published.nodes * (tower.embedding + 1),
            "parameters_visual": visual,
        },
        CONVERTED: {
            "from": f"{published.version} of the published research code",
            "file": path.name,
            "bytes": saved.size,
            "sha256": saved.sha256,
            "epoch": saved.epoch,
            "graph_sha256": graph.hash,
            "labels_in_file": list(order),
            "prompts": {
                name: list(said[start : start + count]) if said else None
                for name, start, count in zip(order, starts, counts, strict=True)
            },
            "pictures": "the whole photo at once; the published code averages the scores of crops of a square of it",
            "metrics": "none: it was not judged when it was converted",
        },
        "data": {
            "kind": "not known: converted from a file of weights",
            "provenance": "not known; the licence of the weights is that of whoever gave them",
        },
        "metrics": {},
    }
