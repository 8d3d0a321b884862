"""The sizes that are worked out beforehand are those that onnxruntime makes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="drawing models needs onnx, which the train extra brings")

from onnx import helper, numpy_helper  # noqa: E402 - the train extra may be missing

from iqa_cli.checkpoint import ONNX, load_checkpoint  # noqa: E402
from iqa_cli.models import onnx_file  # noqa: E402
from iqa_cli.models.onnx_check import work_of  # noqa: E402
from iqa_cli.models.onnx_file import read_onnx  # noqa: E402
from iqa_cli.models.onnx_operators import OPERATORS, made  # noqa: E402
from iqa_cli.models.onnx_step import CannotBeBoundedError, Known, Step  # noqa: E402
from iqa_cli.models.quiet_onnxruntime import onnxruntime  # noqa: E402
from iqa_cli.paths import checkpoint_names, find_checkpoint  # noqa: E402

A = np.linspace(0.1, 1, 24, dtype=np.float32).reshape(1, 2, 3, 4)
PICTURE = np.linspace(0, 1, 2 * 4 * 9 * 10, dtype=np.float32).reshape(2, 4, 9, 10)
KERNEL = np.ones((6, 2, 3, 2), np.float32)
MATRIX = np.ones((3, 5), np.float32)
ONE = np.ones(4, np.float32)


def whole(*numbers: int) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.int64)


UNARY = [
    *("Relu", "Sigmoid", "Tanh", "Erf", "Sqrt", "Exp", "Log", "Neg", "Abs", "Reciprocal", "HardSwish", "Cos", "Sin"),
    *("Identity", "HardSigmoid", "Softmax", "Clip", "GlobalAveragePool", "Shape", "Flatten", "Squeeze"),
]
BINARY = ["Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Equal", "Greater", "Less"]
CASES: list[tuple[str, list[Any], dict[str, Any]]] = [
    *(
        (name, [A], {})
        for name in [
            "Relu",
            "Sigmoid",
            "Tanh",
            "Erf",
            "Sqrt",
            "Exp",
            "Log",
            "Neg",
            "Abs",
            "Reciprocal",
            "HardSwish",
            "Cos",
            "Sin",
        ]
    ),
    *(
        (name, [A], {})
        for name in ["Identity", "HardSigmoid", "Softmax", "Clip", "GlobalAveragePool", "Shape", "Flatten", "Squeeze"]
    ),
    ("Gelu", [A], {"approximate": "tanh"}),
    ("Clip", [A, np.float32(0.2), np.float32(0.5)], {}),
    ("Cast", [A], {"to": 7}),
    *(
        (name, [A, A[:, :1, :, :1]], {})
        for name in ["Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Equal", "Greater", "Less"]
    ),
    ("Max", [A, A[0], A[0, 0]], {}),
    ("Where", [A > 0.5, A, np.float32(1)], {}),
    ("Add", [A[:, :1], np.ones((7, 1, 1, 4), np.float32)], {}),
    ("Conv", [PICTURE, KERNEL], {"group": 2, "strides": [2, 1], "pads": [0, 1, 2, 1]}),
    ("Conv", [PICTURE, KERNEL], {"group": 2, "dilations": [3, 2], "kernel_shape": [3, 2], "auto_pad": "NOTSET"}),
    *(
        (name, [PICTURE], {"kernel_shape": [3, 2], "strides": strides, "pads": pads, "ceil_mode": ceil})
        for name in ("AveragePool", "MaxPool")
        for strides in ([2, 3], [1, 1], [3, 4])
        for pads in ([0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 1, 1])
        for ceil in (0, 1)
    ),
    ("MatMul", [MATRIX, MATRIX.T], {}),
    ("MatMul", [np.ones((2, 1, 3, 5), np.float32), np.ones((4, 5, 6), np.float32)], {}),
    ("MatMul", [MATRIX[0], MATRIX.T], {}),
    ("MatMul", [MATRIX, MATRIX[0]], {}),
    ("MatMul", [MATRIX[0], MATRIX[0]], {}),
    ("Gemm", [MATRIX, MATRIX], {"transB": 1, "alpha": 2.0}),
    ("Gemm", [MATRIX, MATRIX, np.ones(5, np.float32)], {"transA": 1, "beta": 0.5}),
    *(
        (name, [A, axes], {"keepdims": keep})
        for name in ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"]
        for axes, keep in ((whole(1, -1), 0), (whole(2), 1))
    ),
    ("ReduceMean", [A], {"keepdims": 0}),
    ("ReduceMean", [A], {"noop_with_empty_axes": 1}),
    ("LayerNormalization", [A, ONE, ONE], {"axis": -1, "epsilon": 1e-5}),
    ("BatchNormalization", [PICTURE, ONE, ONE, ONE, ONE], {"epsilon": 1e-5}),
    ("Reshape", [A, whole(0, -1, 2)], {}),
    ("Reshape", [A, whole(4, 6)], {"allowzero": 1}),
    ("Transpose", [A], {"perm": [3, 0, 2, 1]}),
    ("Transpose", [A], {}),
    ("Concat", [A, A, A[:, :, :1]], {"axis": 2}),
    ("Split", [A], {"axis": 3, "num_outputs": 3}),
    ("Split", [A, whole(1, 3)], {"axis": -1}),
    ("Slice", [A, whole(1), whole(100), whole(3)], {}),
    ("Slice", [A, whole(-1, 0), whole(-(2**63), 2), whole(3, 2), whole(-2, 1)], {}),
    ("Slice", [A, whole(0, 1), whole(1, -1)], {}),
    ("Slice", [A, whole(3), whole(1), whole(3)], {}),
    ("Gather", [A, np.array([[0, 2], [1, -1]])], {"axis": 2}),
    ("Gather", [A, np.array(0)], {}),
    ("Expand", [A[:, :, :1], whole(5, 1, 3, 1)], {}),
    ("Unsqueeze", [A, whole(0, -1)], {}),
    ("Squeeze", [A, whole(0)], {}),
    ("Shape", [A], {"start": 1, "end": -1}),
    ("Range", [np.array(7), np.array(0), np.array(-2)], {}),
    ("Flatten", [A], {"axis": -1}),
    ("Pad", [A, whole(0, 1, 2, 0, 0, 0, 1, 5)], {}),
    ("Pad", [A, whole(1, 1), np.float32(0), whole(-1)], {"mode": "constant"}),
]


@pytest.mark.parametrize(("operator", "inputs", "options"), CASES)
def test_every_rule_gives_the_sizes_that_onnxruntime_gives(
    operator: str, inputs: list[Any], options: dict[str, Any]
) -> None:
    names = [f"i{index}" for index in range(len(inputs))]
    arrays = [np.asarray(value) for value in inputs]
    count = options.get("num_outputs", 2 if operator == "Split" else 1)
    outputs = [f"o{index}" for index in range(count)]
    node = helper.make_node(operator, names, outputs, **options)
    graph = helper.make_graph(
        [node],
        "one",
        [],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(array, name) for array, name in zip(arrays, names, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    expected = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {})
    result = made(step(node, *(Known(array.shape, array) for array in arrays)))
    assert [output.sizes for output in result.outputs] == [array.shape for array in expected]
    for output, array in zip(result.outputs, expected, strict=True):
        assert output.values is None or np.array_equal(output.values, array)


def step(node: Any, *given: Known | None) -> Step:
    return Step(onnx_file._node(memoryview(node.SerializeToString())), given)


def test_every_operator_has_a_case() -> None:
    assert {operator for operator, _, _ in CASES} == set(OPERATORS)


@pytest.mark.parametrize("name", checkpoint_names())
def test_the_sizes_in_a_shipped_model_are_those_of_a_run(name: str) -> None:
    checkpoint = load_checkpoint(find_checkpoint(name))
    content, size = checkpoint.read_verified(ONNX), checkpoint.preprocessing.size
    work = work_of(read_onnx(content), size, checkpoint.graph.n_nodes)
    model = onnx.load_from_string(content)
    del model.graph.value_info[:]
    scores = model.graph.output[0].name
    results = [name for node in model.graph.node for name in node.output]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in results if name != scores)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    picture = {model.graph.input[0].name: np.zeros((1, 3, size, size), np.float32)}
    found = dict(zip(results, session.run(results, picture), strict=True))
    assert {name: array.shape for name, array in found.items()} == {name: work.sizes[name] for name in results}
    assert work.largest >= max(array.size for array in found.values())
    assert work.parameters == sum(onnx.numpy_helper.to_array(tensor).size for tensor in model.graph.initializer)


@pytest.mark.parametrize(
    ("operator", "given", "options", "says"),
    [
        ("Relu", [Known((2,))], {"slope": 1.0}, "attribute 'slope'"),
        ("Relu", [None], {}, "input 0 is missing"),
        ("Conv", [Known((1, 3, 8, 8)), Known((4, 3, 3, 3))], {"auto_pad": "SAME_UPPER"}, "auto_pad"),
        ("Conv", [Known((1, 3, 8, 8)), Known((4, 3, 9, 3))], {}, "does not fit"),
        ("Conv", [Known((1, 3, 8, 8)), Known((4, 3, 3, 3))], {"strides": [0, 1]}, "start at 1"),
        ("Conv", [Known((1, 3, 8, 8)), Known((4, 3, 3, 3))], {"pads": [-1, 0, 0, 0]}, "pads at 0"),
        ("Conv", [Known((1, 3, 8, 8)), Known((4, 2, 3, 3))], {}, "do not fit pictures"),
        ("Conv", [Known((1, 3, 8, 8)), Known((4, 3, 3, 3))], {"kernel_shape": [1, 1]}, "kernel_shape"),
        ("Add", [Known((2,)), Known((3,))], {}, "do not go together"),
        ("Div", [Known((1,), whole(1)), Known((1,), whole(0))], {}, "zero"),
        ("MatMul", [Known((2, 3)), Known((4, 2))], {}, "do not go together"),
        ("MatMul", [Known(()), Known((4, 2))], {}, "single numbers"),
        ("Gemm", [Known((2, 3)), Known((4, 2))], {}, "do not go together"),
        ("Reshape", [Known((2, 3)), Known((2,))], {}, "constant whole numbers"),
        ("Reshape", [Known((2, 3)), Known((2,), whole(-1, -1))], {}, "cannot be given"),
        ("Reshape", [Known((2, 3)), Known((2,), whole(4, -1))], {}, "cannot become"),
        ("Reshape", [Known((2, 3)), Known((3,), whole(2, 3, 0))], {}, "cannot become"),
        ("Transpose", [Known((2, 3))], {"perm": [0, 0]}, "no order"),
        ("Concat", [Known((2, 3)), Known((3, 2))], {"axis": 0}, "do not go together"),
        ("Concat", [Known((2, 3))], {"axis": 2}, "axis 2 of a tensor with 2"),
        ("Gather", [Known((2,), whole(1, 2)), Known((), np.array(5))], {}, "outside"),
        ("Expand", [Known((2,)), Known((1,), whole(-1))], {}, "cannot be given"),
        (
            "Slice",
            [Known((2,)), Known((1,), whole(0)), Known((1,), whole(1)), None, Known((1,), whole(0))],
            {},
            "steps",
        ),
        ("Squeeze", [Known((2,)), Known((1,), whole(0))], {}, "cannot leave out"),
        ("Unsqueeze", [Known((2,)), Known((2,), whole(0, 0))], {}, "twice"),
        ("Range", [Known((), np.array(0)), Known((), np.array(2**40)), Known((), np.array(1))], {}, "more than"),
        ("Range", [Known((), np.array(0)), Known((), np.array(9)), Known((), np.array(0))], {}, "three constant"),
        ("Pad", [Known((2,)), Known((2,), whole(-1, 0))], {}, "below 0"),
        ("Cast", [Known((2,))], {"to": 8}, "type 8"),
        ("Split", [Known((4,))], {"num_outputs": 3}, "num_outputs"),
    ],
)
def test_what_cannot_be_is_told(operator: str, given: list[Known | None], options: dict[str, Any], says: str) -> None:
    node = helper.make_node(operator, [f"i{index}" for index in range(len(given))], ["o"], **options)
    with pytest.raises(CannotBeBoundedError, match=says):
        made(step(node, *given))
