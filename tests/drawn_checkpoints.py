"""A checkpoint whose answers are known: drawn in code, for the tests and the campaign.

`write_good` makes the good one: its model looks at nothing but m, the mean of its input (0..1), and scores two labels

    bright  level 2 from m = 0.6, level 3 from 0.75, level 4 from 0.9
    dark    level 2 from m = 0.4 down, level 3 from 0.25, level 4 from 0.1
    the other labels of the graph: certainly level 1

`bad_checkpoints` has others, each made from this one by a change of its files. Needs the `onnx` package.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from iqa_cli.checkpoint import ONNX, write_checkpoint
from iqa_cli.paths import find_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

SIZE = 16
STEEPNESS = 200.0
BRIGHT_FROM = (0.6, 0.75, 0.9)
DARK_UP_TO = (0.4, 0.25, 0.1)
N_SCORES = 18


def write_good(folder: Path) -> None:
    """Write the good checkpoint into a folder that is there."""
    graph = json.loads(find_graph("smartphone-6").read_text(encoding="utf-8"))
    card = {
        "graph": graph,
        "preprocessing": {"size": SIZE, "interpolation": "box", "mean": [0.0] * 3, "std": [1.0] * 3},
    }
    write_checkpoint(folder, {ONNX: mean_brightness(graph["labels"])}, card)


def mean_brightness(labels: list[str]) -> bytes:
    """scores = mean(input) * slope + offset, one row of three thresholds per label."""
    slopes, offsets = np.zeros((len(labels), 3), np.float32), np.full((len(labels), 3), -30.0, np.float32)
    slopes[labels.index("bright")] = STEEPNESS
    offsets[labels.index("bright")] = [-STEEPNESS * limit for limit in BRIGHT_FROM]
    slopes[labels.index("dark")] = -STEEPNESS
    offsets[labels.index("dark")] = [STEEPNESS * limit for limit in DARK_UP_TO]
    return onnx_model(
        [
            ("ReduceMean", ["pixels", "axes"], ["mean"], {"keepdims": 0}),
            ("Unsqueeze", ["mean", "last"], ["column"], {}),
            ("Gemm", ["column", "slopes", "offsets"], ["scores"], {}),
        ],
        {
            "axes": np.array([1, 2, 3]),
            "last": np.array([1]),
            "slopes": slopes.reshape(1, -1),
            "offsets": offsets.reshape(1, -1),
        },
        gives=slopes.size,
    )


def onnx_model(
    nodes: Sequence[tuple[str, list[str], list[str], dict[str, Any]]],
    constants: dict[str, Any],
    *,
    gives: int = N_SCORES,
    change: Callable[[Any], object] = lambda _: None,
) -> bytes:
    """A model from `pixels` (B, 3, SIZE, SIZE) to `scores` (B, gives).

    nodes   operator, inputs, outputs, attributes
    change  is given the model before it is written
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node(operator, takes, makes, **options) for operator, takes, makes, options in nodes],
        "drawn",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["B", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["B", gives])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    change(model)
    return bytes(model.SerializeToString())
