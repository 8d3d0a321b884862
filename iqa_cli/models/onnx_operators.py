"""The operators that a model may use, and what each makes of the sizes that it is given.

They are those that `iqa train` exports: of our own backbone with every head and everything beside the tower, and of
open_clip's ResNets, vision transformers and the towers it takes from timm. None holds a graph of its own, draws random
numbers, reads files or runs more than once; what comes out has sizes that follow from the sizes that go in and from
constants, so they are worked out here before anything is computed. An operator joins the list with its rule; the tests
hold every rule against onnxruntime.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from iqa_cli.models.onnx_file import DTYPES
from iqa_cli.models.onnx_step import MOST_KNOWN, CannotBeBoundedError, Known, Made, Sizes, Step, axes_from_front

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray


Rule: TypeAlias = "Callable[[Step], Made]"


@dataclasses.dataclass(frozen=True, slots=True)
class Operator:
    """An operator that may be used."""

    rule: Rule
    """From what is known of its inputs to what is known of its outputs."""
    attributes: frozenset[str]
    """Those that the rule takes into account, or that change no sizes."""


def made(step: Step) -> Made:
    """What a node makes.

    step    with a node whose operator is in `OPERATORS`
    raises  CannotBeBoundedError  for an attribute that is not known here, and for sizes that do not fit or cannot be
                                  told
    """
    operator = OPERATORS[step.node.operator]
    foreign = step.node.attributes.keys() - operator.attributes
    if foreign:
        raise CannotBeBoundedError(f"its attribute {min(foreign)!r:.60} is not one that our exports use")
    if step.node.attributes.get("auto_pad", "NOTSET") != "NOTSET":
        raise CannotBeBoundedError(f"auto_pad is {step.node.attributes['auto_pad']!r:.60}, expected 'NOTSET'")
    return operator.rule(step)


def _broadcast(*shapes: Sizes) -> Sizes:
    rank = max(map(len, shapes))
    joined = []
    for sizes in itertools.zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        wide = {size for size in sizes if size != 1}
        if len(wide) > 1:
            raise CannotBeBoundedError(f"sizes {', '.join(str(list(shape)) for shape in shapes)} do not go together")
        joined.append(wide.pop() if wide else 1)
    return tuple(reversed(joined[:rank]))


def _one(sizes: Sequence[int], operations: int = 0, working: int = 0) -> Made:
    return Made((Known(tuple(sizes)),), operations, working)


def _same(step: Step) -> Made:
    """One number for each of the first input."""
    return _one(step[0].sizes)


def _kept(step: Step) -> Made:
    """The first input, maybe as another type."""
    values, to = step[0].values, step.attribute("to", 7)
    if to not in DTYPES:
        raise CannotBeBoundedError(f"to type {to}, which is not read")
    whole = values is not None and values.dtype.kind == "i" and DTYPES[to][0].startswith("int")
    return Made((Known(step[0].sizes, values if whole else None),))


def _together(step: Step) -> Made:
    """Number by number, each input stretched where it has the size 1."""
    inputs = [step[index] for index in range(len(step.given))]
    sizes = _broadcast(*(known.sizes for known in inputs))
    compute = _ARITHMETIC.get(step.node.operator)
    if compute is None or len(inputs) != 2 or math.prod(sizes) > MOST_KNOWN:
        return _one(sizes)
    left, right = (known.values for known in inputs)
    if left is None or right is None or left.dtype.kind != "i" or right.dtype.kind != "i":
        return _one(sizes)
    if step.node.operator == "Div" and not right.all():
        raise CannotBeBoundedError("divides by zero")
    return Made((Known(sizes, np.asarray(compute(left, right), np.int64)),))


def _divided(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """Towards zero, as ONNX divides whole numbers."""
    return np.asarray(np.sign(left) * np.sign(right) * (np.abs(left) // np.abs(right)))


_ARITHMETIC: Mapping[str, Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": _divided,
}


def _windows(step: Step, kernel: Sizes, *, ceil: bool = False) -> Sizes:
    """How many windows fit along each axis of a picture (N, C, ...)."""
    picture = step[0].sizes[2:]
    rank = len(picture)
    strides, dilations = step.listed("strides", (1,) * rank), step.listed("dilations", (1,) * rank)
    pads = step.listed("pads", (0,) * (2 * rank))
    if not len(kernel) == len(strides) == len(dilations) == rank or len(pads) != 2 * rank or rank == 0:
        raise CannotBeBoundedError(f"kernel, strides, pads or dilations do not fit {rank} axes")
    if min(*kernel, *strides, *dilations) < 1 or min(pads) < 0:
        raise CannotBeBoundedError("kernel, strides and dilations start at 1, pads at 0")
    found = []
    for axis, size in enumerate(picture):
        before, after = pads[axis], pads[axis + rank]
        room = size + before + after - dilations[axis] * (kernel[axis] - 1) - 1
        if room < 0 or size < 1:
            raise CannotBeBoundedError(f"a window of {list(kernel)} does not fit into {list(picture)}")
        count = room // strides[axis] + 1
        if ceil and room % strides[axis]:
            count += count * strides[axis] < size + before
        found.append(count)
    return tuple(found)


def _conv(step: Step) -> Made:
    picture, weights, group = step[0].sizes, step[1].sizes, step.attribute("group", 1)
    if len(picture) < 3 or len(weights) != len(picture) or group < 1:
        raise CannotBeBoundedError(f"pictures {list(picture)} and weights {list(weights)} do not go together")
    kernel = weights[2:]
    if step.listed("kernel_shape", kernel) != kernel:
        raise CannotBeBoundedError(f"kernel_shape is not that of its weights, {list(kernel)}")
    if weights[1] * group != picture[1] or weights[0] % group:
        raise CannotBeBoundedError(f"weights {list(weights)} in {group} groups do not fit pictures {list(picture)}")
    windows = _windows(step, kernel)
    taps = weights[1] * math.prod(kernel)
    sizes = (picture[0], weights[0], *windows)
    return _one(sizes, math.prod(sizes) * taps, taps * math.prod(windows))


def _pool(step: Step) -> Made:
    kernel = step.listed("kernel_shape", ())
    if len(step[0].sizes) < 3:
        raise CannotBeBoundedError(f"takes pictures, got {list(step[0].sizes)}")
    sizes = (*step[0].sizes[:2], *_windows(step, kernel, ceil=step.attribute("ceil_mode", 0) != 0))
    return _one(sizes, math.prod(sizes) * math.prod(kernel))


def _global_pool(step: Step) -> Made:
    sizes = step[0].sizes
    return _one((*sizes[:2], *(1 for _ in sizes[2:])), step[0].count)


def _matmul(step: Step) -> Made:
    left, right = step[0].sizes, step[1].sizes
    if not left or not right:
        raise CannotBeBoundedError("takes no single numbers")
    a = left if len(left) > 1 else (1, *left)
    b = right if len(right) > 1 else (*right, 1)
    if a[-1] != b[-2]:
        raise CannotBeBoundedError(f"sizes {list(left)} and {list(right)} do not go together")
    batch = _broadcast(a[:-2], b[:-2])
    sizes = (*batch, *a[-2:-1][: len(left) - 1], *b[-1:][: len(right) - 1])
    return _one(sizes, math.prod(batch) * a[-2] * a[-1] * b[-1])


def _gemm(step: Step) -> Made:
    left, right = step[0].sizes, step[1].sizes
    if len(left) != 2 or len(right) != 2:
        raise CannotBeBoundedError("takes matrices")
    rows, inner = left[::-1] if step.attribute("transA", 0) else left
    same, columns = right[::-1] if step.attribute("transB", 0) else right
    if inner != same:
        raise CannotBeBoundedError(f"sizes {list(left)} and {list(right)} do not go together")
    return _one((rows, columns), rows * inner * columns)


def _reduce(step: Step) -> Made:
    sizes, axes = step[0].sizes, step.numbers(1)
    if not axes:
        if step.attribute("noop_with_empty_axes", 0):
            return _same(step)
        axes = tuple(range(len(sizes)))
    gone = set(axes_from_front(axes, len(sizes)))
    keep = step.attribute("keepdims", 1)
    return _one([1 if axis in gone else size for axis, size in enumerate(sizes) if keep or axis not in gone])


def _of_normalised(step: Step) -> Made:
    if len(step.node.outputs) != 1:
        raise CannotBeBoundedError("gives one tensor in our exports")
    return _same(step)


def _reshape(step: Step) -> Made:
    known, wanted = step[0], step.numbers(1)
    if wanted is None or min(wanted, default=0) < -1 or wanted.count(-1) > 1:
        raise CannotBeBoundedError(f"cannot be given the sizes {list(wanted or ())[:9]}")
    if not step.attribute("allowzero", 0):
        if any(size == 0 and axis >= len(known.sizes) for axis, size in enumerate(wanted)):
            raise CannotBeBoundedError(f"sizes {list(known.sizes)} cannot become {list(wanted)[:9]}")
        wanted = tuple(known.sizes[axis] if size == 0 else size for axis, size in enumerate(wanted))
    rest = math.prod(size for size in wanted if size != -1)
    if -1 in wanted:
        if rest == 0 or known.count % rest:
            raise CannotBeBoundedError(f"sizes {list(known.sizes)} cannot become {list(wanted)[:9]}")
        wanted = tuple(known.count // rest if size == -1 else size for size in wanted)
    if math.prod(wanted) != known.count:
        raise CannotBeBoundedError(f"sizes {list(known.sizes)} cannot become {list(wanted)[:9]}")
    return Made((Known(wanted, None if known.values is None else known.values.reshape(wanted)),))


def _transpose(step: Step) -> Made:
    sizes = step[0].sizes
    order = step.listed("perm", tuple(reversed(range(len(sizes)))))
    if sorted(order) != list(range(len(sizes))):
        raise CannotBeBoundedError(f"perm {list(order)[:9]} is no order of {len(sizes)} axes")
    return _one([sizes[axis] for axis in order])


def _concat(step: Step) -> Made:
    inputs = [step[index] for index in range(len(step.given))]
    if not inputs:
        raise CannotBeBoundedError("joins nothing")
    rank = len(inputs[0].sizes)
    axis = step.axis(0, rank)
    rest = {(*known.sizes[:axis], *known.sizes[axis + 1 :]) for known in inputs}
    if len(rest) > 1 or any(len(known.sizes) != rank for known in inputs):
        raise CannotBeBoundedError("the sizes of what it joins do not go together")
    sizes = list(inputs[0].sizes)
    sizes[axis] = sum(known.sizes[axis] for known in inputs)
    values = [known.values for known in inputs if known.values is not None]
    if len(values) < len(inputs) or math.prod(sizes) > MOST_KNOWN:
        return _one(sizes)
    return Made((Known(tuple(sizes), np.concatenate(values, axis)),))


def _split(step: Step) -> Made:
    sizes, n_parts = step[0].sizes, len(step.node.outputs)
    axis = step.axis(0, len(sizes))
    parts = step.numbers(1)
    if parts is None:
        if step.attribute("num_outputs", n_parts) != n_parts or n_parts == 0:
            raise CannotBeBoundedError("num_outputs is not the number of its outputs")
        most = -(-sizes[axis] // n_parts)
        parts = (*(most for _ in range(n_parts - 1)), sizes[axis] - most * (n_parts - 1))
    if len(parts) != n_parts or sum(parts) != sizes[axis] or min(parts) < 0:
        raise CannotBeBoundedError(f"parts {list(parts)[:9]} of {sizes[axis]}")
    return Made(tuple(Known((*sizes[:axis], part, *sizes[axis + 1 :])) for part in parts))


def _slice(step: Step) -> Made:
    known, starts, ends = step[0], step.numbers(1), step.numbers(2)
    rank = len(known.sizes)
    if starts is None or ends is None:
        raise CannotBeBoundedError("needs starts and ends")
    axes, steps = step.numbers(3), step.numbers(4)
    axes = axes_from_front(range(len(starts)) if axes is None else axes, rank)
    steps = (1,) * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise CannotBeBoundedError("starts, ends, axes and steps do not go together")
    places = [slice(None)] * rank
    for axis, start, end, stride in zip(axes, starts, ends, steps, strict=True):
        places[axis] = slice(start, end, stride)
    sizes = tuple(len(range(size)[place]) for size, place in zip(known.sizes, places, strict=True))
    return Made((Known(sizes, None if known.values is None else known.values[tuple(places)]),))


def _gather(step: Step) -> Made:
    known, places = step[0], step[1]
    axis = step.axis(0, len(known.sizes))
    sizes = (*known.sizes[:axis], *places.sizes, *known.sizes[axis + 1 :])
    if (
        known.values is None
        or places.values is None
        or places.values.dtype.kind != "i"
        or math.prod(sizes) > MOST_KNOWN
    ):
        return _one(sizes)
    size = known.sizes[axis]
    if places.values.size and not (-size <= places.values.min() and places.values.max() < size):
        raise CannotBeBoundedError(f"takes what is outside of {size} items")
    return Made((Known(sizes, np.take(known.values, places.values, axis)),))


def _expand(step: Step) -> Made:
    wanted = step.numbers(1)
    if wanted is None or min(wanted, default=0) < 0:
        raise CannotBeBoundedError(f"cannot be given the sizes {list(wanted or ())[:9]}")
    return _one(_broadcast(step[0].sizes, wanted))


def _unsqueeze(step: Step) -> Made:
    known, axes = step[0], step.numbers(1)
    rank = len(known.sizes) + len(axes or ())
    new = set(axes_from_front(axes or (), rank))
    rest = iter(known.sizes)
    sizes = tuple(1 if axis in new else next(rest) for axis in range(rank))
    return Made((Known(sizes, None if known.values is None else known.values.reshape(sizes)),))


def _squeeze(step: Step) -> Made:
    known, axes = step[0], step.numbers(1)
    rank = len(known.sizes)
    gone = (
        {axis for axis, size in enumerate(known.sizes) if size == 1}
        if axes is None
        else set(axes_from_front(axes, rank))
    )
    if any(known.sizes[axis] != 1 for axis in gone):
        raise CannotBeBoundedError(f"cannot leave out axes of {list(known.sizes)}")
    sizes = tuple(size for axis, size in enumerate(known.sizes) if axis not in gone)
    return Made((Known(sizes, None if known.values is None else known.values.reshape(sizes)),))


def _shape(step: Step) -> Made:
    sizes = step[0].sizes
    rank = len(sizes)
    part = sizes[step.attribute("start", 0) : step.attribute("end", rank)]
    return Made((Known((len(part),), np.array(part, np.int64)),))


def _range(step: Step) -> Made:
    bounds = [step.numbers(index) for index in range(3)]
    if any(bound is None or len(bound) != 1 for bound in bounds) or bounds[2] == (0,):
        raise CannotBeBoundedError("needs three constant numbers")
    start, limit, delta = (bound[0] for bound in bounds if bound)
    numbers = range(start, limit, delta)
    if len(numbers) > MOST_KNOWN:
        raise CannotBeBoundedError(f"{len(numbers)} numbers, more than {MOST_KNOWN}")
    return Made((Known((len(numbers),), np.array(numbers, np.int64)),))


def _flatten(step: Step) -> Made:
    sizes = step[0].sizes
    axis = step.attribute("axis", 1)
    if not -len(sizes) <= axis <= len(sizes):
        raise CannotBeBoundedError(f"axis {axis} of a tensor with {len(sizes)}")
    axis = axis + len(sizes) if axis < 0 else axis
    return _one((math.prod(sizes[:axis]), math.prod(sizes[axis:])))


def _pad(step: Step) -> Made:
    sizes, pads, axes = step[0].sizes, step.numbers(1), step.numbers(3)
    at = axes_from_front(range(len(sizes)) if axes is None else axes, len(sizes))
    if pads is None or len(pads) != 2 * len(at) or min(pads, default=0) < 0:
        raise CannotBeBoundedError("its pads do not fit, or are below 0")
    grown = list(sizes)
    for index, axis in enumerate(at):
        grown[axis] += pads[index] + pads[index + len(at)]
    return _one(grown)


def _operators(rule: Rule, names: str, attributes: str = "") -> dict[str, Operator]:
    return {name: Operator(rule, frozenset(attributes.split())) for name in names.split()}


OPERATORS: Mapping[str, Operator] = {
    **_operators(_same, "Relu Sigmoid Tanh Erf Sqrt Exp Log Neg Abs Reciprocal HardSwish Cos Sin Clip"),
    **_operators(_same, "Gelu", "approximate"),
    **_operators(_same, "HardSigmoid", "alpha beta"),
    **_operators(_same, "Softmax", "axis"),
    **_operators(_kept, "Identity"),
    **_operators(_kept, "Cast", "to"),
    **_operators(_together, "Add Sub Mul Div Pow Min Max Where Equal Greater Less"),
    **_operators(_conv, "Conv", "auto_pad dilations group kernel_shape pads strides"),
    **_operators(
        _pool, "AveragePool MaxPool", "auto_pad ceil_mode count_include_pad dilations kernel_shape pads strides"
    ),
    **_operators(_global_pool, "GlobalAveragePool"),
    **_operators(_matmul, "MatMul"),
    **_operators(_gemm, "Gemm", "alpha beta transA transB"),
    **_operators(_reduce, "ReduceMean ReduceSum ReduceMax ReduceMin ReduceL2", "keepdims noop_with_empty_axes"),
    **_operators(_of_normalised, "LayerNormalization", "axis epsilon stash_type"),
    **_operators(_of_normalised, "BatchNormalization", "epsilon momentum"),
    **_operators(_reshape, "Reshape", "allowzero"),
    **_operators(_transpose, "Transpose", "perm"),
    **_operators(_concat, "Concat", "axis"),
    **_operators(_split, "Split", "axis num_outputs"),
    **_operators(_slice, "Slice"),
    **_operators(_gather, "Gather", "axis"),
    **_operators(_expand, "Expand"),
    **_operators(_unsqueeze, "Unsqueeze"),
    **_operators(_squeeze, "Squeeze"),
    **_operators(_shape, "Shape", "start end"),
    **_operators(_range, "Range"),
    **_operators(_flatten, "Flatten", "axis"),
    **_operators(_pad, "Pad", "mode"),
}
"""Every operator that a model may use, by its name in ONNX."""
