"""The CRF as an ONNX graph, for programs that have neither torch nor us. Needs the `onnx` package, nothing else.

The same passes as everywhere, in logarithms, with a node for every step. Log-sum-exp is spelled out as maximum,
difference, exponential, sum and logarithm: runtimes differ in how their own behaves at the floor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from iqa_cli.crf import passes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.crf.passes import Kind
    from iqa_cli.hexgraph.plan import HexPlan
    from iqa_cli.hexgraph.segments import Blocks, IntArray, Segments

OPSET = 18
"""First version in which every reduction takes its axes as an input; runtimes of 2023 know it."""

IR_VERSION = 9
"""The file format of the same time."""

GRAPH_HASH_KEY = "iqa_graph_sha256"
"""Metadata: `HexGraph.hash` of the graph whose levels the columns are."""

_REDUCTIONS = {"sum": "ReduceSum", "product": "ReduceProd", "highest": "ReduceMax", "any": "ReduceMax"}


def crf_onnx(plan: HexPlan, *, dtype: str = "float64") -> onnx.ModelProto:
    """Inference on a plan as a model of its own.

    dtype    "float64" or "float32" (messages are then kept near zero depth by depth)
    returns  a model with input  `unary`          (B, C) dtype    log-potential of every level, finite
                              outputs `log_partition`  (B,)   float64  nats
                                      `marginals`      (B, C) dtype    probability of every level
                                      `best_levels`    (B, L) int64    most probable assignment, as the graph's levels
             for any B
    """
    single = {"float64": False, "float32": True}[dtype]
    ops = OnnxOps(np.dtype(dtype))
    steps = cast("passes.Ops", ops)  # without those that only weights and samples need
    layout = plan.layout
    unary = ops.node("Transpose", "unary", perm=[1, 0])
    cells, moved = passes.off_centre(steps, layout, unary)
    inside = passes.inside_of_potentials(steps, layout, cells, shift=single)
    probabilities, _ = passes.cell_probabilities(steps, layout, inside)
    _, mask = passes.best_cells(steps, layout, cells, shift=single)
    level = ops.node("Mul", mask, ops.value(plan.cell_level[:, None]))
    best = ops.gather("sum", ops.append(level, 0.0), layout.labels, 0.0)
    best = ops.node("Cast", ops.rows(best, 0, plan.n_labels), to=TensorProto.INT64)
    ops.name_output(ops.add(inside.log_partition, moved), "log_partition")
    ops.name_output(ops.node("Transpose", probabilities, perm=[1, 0]), "marginals")
    ops.name_output(ops.node("Transpose", best, perm=[1, 0]), "best_levels")
    of = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = helper.make_graph(
        ops.nodes,
        "crf",
        [helper.make_tensor_value_info("unary", of, ["batch", plan.n_cells])],
        [
            helper.make_tensor_value_info("log_partition", TensorProto.DOUBLE, ["batch"]),
            helper.make_tensor_value_info("marginals", of, ["batch", plan.n_cells]),
            helper.make_tensor_value_info("best_levels", TensorProto.INT64, ["batch", plan.n_labels]),
        ],
        ops.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="iqa")
    model.ir_version = IR_VERSION
    helper.set_model_props(model, {GRAPH_HASH_KEY: plan.graph_hash})
    onnx.checker.check_model(model, full_check=True)
    return model


class OnnxOps:
    """`passes.Ops` whose arrays are names of tensors, and whose steps are nodes of a graph that is being written."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._known: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._shapes: dict[tuple[int, ...], str] = {}
        self._batch = self.node("Shape", "unary", start=0, end=1)

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; gives the name of its output."""
        name = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def index(self, values: IntArray | Sequence[int]) -> str:
        """A constant of whole numbers."""
        return self._constant(np.asarray(values, dtype=np.int64))

    def value(self, values: Any) -> str:
        """A constant in our precision."""
        return self._constant(np.asarray(values, dtype=self.dtype))

    def name_output(self, tensor: str, name: str) -> None:
        """Make a tensor an output."""
        self.nodes.append(helper.make_node("Identity", [tensor], [name]))

    def take(self, values: str, index: IntArray) -> str:
        """See `passes.Ops`, here and below."""
        return self.node("Gather", values, self.index(index), axis=0)

    def rows(self, values: str, start: int, stop: int) -> str:
        """A slice."""
        return self.node("Slice", values, self.index([start]), self.index([stop]), self.index([0]))

    def append(self, values: str, fill: float) -> str:
        """A padding by one row."""
        return self.node("Pad", values, self.index([0, 0, 1, 0]), self.value(fill))

    def concat(self, parts: Sequence[str]) -> str:
        """Joined."""
        return self.node("Concat", *parts, axis=0) if len(parts) > 1 else parts[0]

    def factors(self, cells: str, index: IntArray, floor: float, below: str | None, neutral: float) -> str:
        """Joined."""
        here = self.append(self.take(cells, index), floor)
        return self.append(here if below is None else self.concat([here, below]), neutral)

    def gather(self, kind: Kind, values: str, segments: Segments, neutral: float) -> str:
        """A gather and reductions of contiguous blocks."""
        found = self.group(kind, self.take(values, segments.gather), segments.blocks)
        return self.append(found if segments.position is None else self.take(found, segments.position), neutral)

    def group(self, kind: Kind, rows: str, blocks: Blocks) -> str:
        """Block by block."""
        return self.concat(
            [
                self.rows(rows, start, start + n) if k == 1 else self._reduced(kind, self._block(rows, (start, n, k)))
                for start, n, k in blocks
            ]
        )

    def plus_groups(self, rows: str, groups: str, blocks: Blocks) -> str:
        """Block by block."""
        return self._by_group("Add", rows, groups, blocks)

    def times_groups(self, rows: str, groups: str, blocks: Blocks, *, keep: bool = False) -> str:  # noqa: ARG002 - nothing is overwritten here
        """Block by block."""
        return self._by_group("Mul", rows, groups, blocks)

    def first_reaching(self, rows: str, groups: str, blocks: Blocks) -> str:
        """The rows that reach the value, times whether they are the first to do so in counting them."""
        one = self.value(1.0)
        parts = []
        for (block, group), (_, n, k) in zip(self._pairs(rows, groups, blocks), blocks, strict=True):
            reached = self._cast(self.node("GreaterOrEqual", block, group))
            count = self.node("CumSum", reached, self._constant(np.array(0)))
            first = self._cast(self.node("LessOrEqual", count, one))
            parts.append(self._reshaped(self.node("Mul", reached, first), n * k))
        return self.append(self.concat(parts), 0.0)

    def total(self, values: str) -> str:
        """In double precision."""
        return self.node("ReduceSum", self._cast(values, TensorProto.DOUBLE), self.index([0]), keepdims=0)

    def add(self, left: str, right: str) -> str:
        """A node."""
        return self.node("Add", left, right)

    def subtract(self, left: str, right: str) -> str:
        """A node."""
        return self.node("Sub", left, right)

    def negative(self, values: str) -> str:
        """A node."""
        return self.node("Neg", values)

    def share(self, values: str) -> str:
        """A node."""
        return self.node("Exp", values)

    def constant(self, values: str) -> str:
        """There are no derivatives here."""
        return values

    def _constant(self, values: np.ndarray) -> str:
        key = values.dtype.name, values.shape, values.tobytes()
        if key not in self._known:
            self._known[key] = f"c{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), self._known[key]))
        return self._known[key]

    def _cast(self, values: str, to: int | None = None) -> str:
        return self.node("Cast", values, to=helper.np_dtype_to_tensor_dtype(self.dtype) if to is None else to)

    def _block(self, rows: str, block: tuple[int, int, int]) -> str:
        """(k, n, B)."""
        start, n, k = block
        return self._reshaped(self.rows(rows, start, start + n * k), k, n)

    def _reshaped(self, values: str, *leading: int) -> str:
        """The same numbers with these sizes and the batch; the batch is spelled out because it may be empty."""
        if leading not in self._shapes:
            self._shapes[leading] = self.concat([self.index(leading), self._batch])
        return self.node("Reshape", values, self._shapes[leading], allowzero=1)

    def _reduced(self, kind: Kind, block: str) -> str:
        first = self.index([0])
        if kind != "log_sum_exp":
            return self.node(_REDUCTIONS[kind], block, first, keepdims=0)
        highest = self.node("ReduceMax", block, first, keepdims=0)
        shares = self.node("Exp", self.node("Sub", block, highest))
        return self.node("Add", highest, self.node("Log", self.node("ReduceSum", shares, first, keepdims=0)))

    def _pairs(self, rows: str, groups: str, blocks: Blocks) -> list[tuple[str, str]]:
        """Per block its rows (k, n, B) and the values of its groups (n, B)."""
        pairs, first = [], 0
        for block in blocks:
            pairs.append((self._block(rows, block), self.rows(groups, first, first + block[1])))
            first += block[1]
        return pairs

    def _by_group(self, kind: str, rows: str, groups: str, blocks: Blocks) -> str:
        parts = [
            self._reshaped(self.node(kind, block, group), n * k)
            for (block, group), (_, n, k) in zip(self._pairs(rows, groups, blocks), blocks, strict=True)
        ]
        end = sum(n * k for _, n, k in blocks)
        return self.concat([*parts, self.rows(rows, end, end + 1)])
