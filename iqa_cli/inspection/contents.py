"""What a checkpoint contains: what its card says, and what was worked out from its files.

    graph             {"name", "hash", "labels": [{"name", "levels"}]}
    preprocessing     {"size", "interpolation", "mean", "std", "views": {"square", "crops"} or null}
    operating_point   log-odds by label
    preview_margins   the same; empty for a card without them
    iqa_version, created, backbone, head    as the card says; null where it says nothing
    quick_gelu        whether the backbone's activation is QuickGELU; null for a card that does not say
    trained_on        {"kind", "photographs", "provenance"}
    caveats           texts that every report of the model repeats, mostly []
    figures           per part of the data {"what", "pictures", "mean": {name: number}}
    model             {"opset", "producer", "operators": {name: count}, "parameters", "operations",
                      "numbers_at_once", "largest_result"}; missing if the model is bad
    weights           {"tensors", "parameters", "types"}; missing if there are none, or bad ones

What the card says is repeated, not proven: only that it is of the right type.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.models.onnx_check import Work
    from iqa_cli.models.onnx_file import OnnxFile
    from iqa_cli.models.weights import Stored

_MOST_PARTS = 10
"""Parts of the data, and figures of one, that are repeated."""


def card_contents(checkpoint: Checkpoint) -> dict[str, Any]:
    """What the card says."""
    card, graph = checkpoint.card, checkpoint.graph
    model, data, metrics = (_object(card.get(key)) for key in ("model", "data", "metrics"))
    point = _object(card.get("operating_point"))
    margins = _object(_object(card.get("preview")).get("margins"))
    return {
        "graph": {
            "name": graph.name,
            "hash": graph.hash,
            "labels": [
                {"name": label.name, "levels": [graph.level_name(level, "en") for level in label.levels]}
                for label in graph.labels
            ],
        },
        "preprocessing": dataclasses.asdict(checkpoint.preprocessing),
        "operating_point": {name: point[name] for name in graph.label_names if _number(point.get(name)) is not None},
        "preview_margins": {
            name: margins[name] for name in graph.label_names if _number(margins.get(name)) is not None
        },
        "iqa_version": _text(card.get("iqa_version")),
        "created": _text(card.get("created")),
        "backbone": _text(model.get("backbone")),
        "head": _text(model.get("head")),
        "quick_gelu": model["quick_gelu"] if isinstance(model.get("quick_gelu"), bool) else None,
        "trained_on": {
            "kind": _text(data.get("kind")),
            "photographs": _number(data.get("photographs")),
            "provenance": _text(data.get("provenance")),
        },
        "caveats": list(checkpoint.caveats),
        "figures": {
            part[:100]: {
                "what": _text(_object(entry).get("what")),
                "pictures": _number(_object(entry).get("pictures")),
                "mean": _numbers(_object(_object(entry).get("mean"))),
            }
            for part, entry in list(metrics.items())[:_MOST_PARTS]
        },
    }


def model_contents(file: OnnxFile, work: Work) -> dict[str, Any]:
    """What was worked out of the model."""
    return {
        "model": {
            "opset": file.opset,
            "producer": _text(file.producer),
            "operators": dict(work.operators),
            "parameters": work.parameters,
            "operations": work.operations,
            "numbers_at_once": work.at_once,
            "largest_result": work.largest,
        }
    }


def weights_contents(stored: Mapping[str, Stored]) -> dict[str, Any]:
    """What was found in the weights."""
    return {
        "weights": {
            "tensors": len(stored),
            "parameters": sum(math.prod(tensor.shape) for tensor in stored.values()),
            "types": sorted({tensor.dtype for tensor in stored.values()}),
        }
    }


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """A text of the card, which may be as long as the card."""
    return value[:2000] if isinstance(value, str) else None


def _number(value: object) -> int | float | None:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if type(value) is int and abs(value) < 2**63 else None


def _numbers(entries: Mapping[str, Any]) -> dict[str, int | float]:
    found = {name[:100]: _number(value) for name, value in list(entries.items())[: 2 * _MOST_PARTS]}
    return {name: value for name, value in found.items() if value is not None}
