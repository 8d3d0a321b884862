"""`model.onnx` read strictly, before onnxruntime sees it; without the `onnx` package, which the base install lacks.

Only the fields that our exports use are known; any other, such as external data, functions, sparse or string tensors,
is an error. (Field numbers: onnx.proto of ONNX 1.23.)
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from iqa_cli.models.protobuf import (
    BYTES,
    FLOAT,
    VARINT,
    Message,
    NotOurMessageError,
    as_is,
    as_varint,
    finite,
    passed_over,
    refused,
    spans,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

OPSETS: Final = range(18, 24)
"""Versions of the operators' definitions, in which those of `onnx_operators` are the same; torch 2.14 writes 20."""
IR_VERSIONS: Final = range(8, 12)
"""Versions of the file format; torch 2.14 writes 10."""
DTYPES: Final[Mapping[int, tuple[str, str]]] = {
    1: ("float32", "<f4"),
    6: ("int32", "<i4"),
    7: ("int64", "<i8"),
    9: ("bool", "|b1"),
}
"""Types of tensors by their number in the file: name, and numpy's type."""

Attribute: TypeAlias = "int | float | str | tuple[int, ...]"
_MOST_AXES = 8


class NotOurOnnxError(Exception):
    """A file that is no ONNX, or ONNX of a kind that our exports are not. `str` of it says what and where."""


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """One operation."""

    operator: str
    """Of the standard operators, such as `Conv`."""
    name: str
    """In the file; may be empty."""
    inputs: tuple[str, ...]
    """Names of tensors; an empty one is left out."""
    outputs: tuple[str, ...]
    """Names of tensors."""
    attributes: Mapping[str, Attribute]
    """What stands in the file; those that are left out have the operator's defaults."""

    def __str__(self) -> str:
        """As messages call it."""
        return f"node {self.name!r:.60} ({self.operator!r:.40})" if self.name else f"a node ({self.operator!r:.40})"


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """An input or output of the whole model."""

    name: str
    """In the file."""
    dtype: int
    """A key of `DTYPES`."""
    shape: tuple[int | str | None, ...]
    """Sizes; a text or None is left open, as that of a batch is."""


@dataclasses.dataclass(frozen=True)
class OnnxFile:
    """What a file holds."""

    nodes: tuple[Node, ...]
    """In the order of the file."""
    constants: Mapping[str, NDArray[Any]]
    """Weights and other constants by name, all finite; views of the file's bytes."""
    inputs: tuple[Value, ...]
    """What it takes."""
    outputs: tuple[Value, ...]
    """What it gives."""
    opset: int
    """Version of the operators' definitions."""
    producer: str
    """The program that wrote it; may be empty."""
    metadata: Mapping[str, str]
    """Texts by key."""


def read_onnx(content: bytes | memoryview) -> OnnxFile:
    """The model in a file.

    raises  NotOurOnnxError  naming the place and what stands there
    """
    try:
        model = _MODEL(memoryview(content))
        if (version := model.get("ir_version")) not in IR_VERSIONS:
            expected = f"expected {IR_VERSIONS.start} to {IR_VERSIONS.stop - 1}"
            raise NotOurMessageError(f"is {version}, {expected}", ("ir_version",))
        opset = _opset(model["opset_import"])
        graph = model.get("graph")
        if graph is None:
            raise NotOurMessageError("holds no graph")
        constants = dict(graph["initializer"])
        if len(constants) < len(graph["initializer"]) or "" in constants:
            raise NotOurMessageError("two constants share a name, or one has none", ("graph", "initializer"))
    except NotOurMessageError as error:
        raise NotOurOnnxError(str(error)) from None
    return OnnxFile(
        nodes=tuple(graph["node"]),
        constants=constants,
        inputs=tuple(graph["input"]),
        outputs=tuple(graph["output"]),
        opset=opset,
        producer=model.get("producer_name", ""),
        metadata={entry.get("key", ""): entry.get("value", "") for entry in model["metadata_props"]},
    )


def without_guesses(content: bytes) -> bytes:
    """A file that `read_onnx` has accepted without `value_info`: what its writer says of the results in between.

    onnxruntime works that out itself, and where the two differ it takes a little of both.
    """
    model = list(spans(memoryview(content)))
    place, graph = next((place, inside) for place, (number, _, inside) in enumerate(model) if number == _GRAPH_FIELD)
    kept = [field for number, field, _ in spans(graph) if number != _GUESSES_FIELD]
    tag, size = as_varint(_GRAPH_FIELD << 3 | BYTES), as_varint(sum(map(len, kept)))
    before, after = ([field for _, field, _ in part] for part in (model[:place], model[place + 1 :]))
    return b"".join([*before, tag, size, *kept, *after])


def _opset(entries: list[dict[str, Any]]) -> int:
    """The version of the standard operators; NotOurMessageError if there are others, or none."""
    found = [(entry.get("domain", ""), entry.get("version", 0)) for entry in entries]
    for domain, _ in found:
        _refuse_domain(domain)
    if len(found) != 1 or found[0][1] not in OPSETS:
        versions = ", ".join(str(version) for _, version in found[:9]) or "none"
        expected = f"expected one of {OPSETS.start} to {OPSETS.stop - 1}"
        raise NotOurMessageError(f"version {versions}, {expected}", ("opset_import",))
    return int(found[0][1])


def _refuse_domain(domain: str) -> None:
    if domain not in ("", "ai.onnx"):
        raise NotOurMessageError(f"operators of {domain!r:.60}; only those of ONNX itself are run")


def _constant(content: memoryview) -> tuple[str, NDArray[Any]]:
    """A constant's name and a view of its values."""
    entry = _TENSOR(content)
    name = entry.get("name", "")
    dims, number = entry["dims"], entry.get("data_type", 0)
    if number not in DTYPES:
        types = ", ".join(known for known, _ in DTYPES.values())
        raise NotOurMessageError(f"{name!r:.60} is of type {number}; {types} are read")
    if len(dims) > _MOST_AXES or any(not 0 <= size < 1 << 40 for size in dims):
        raise NotOurMessageError(f"{name!r:.60} has the sizes {dims[:9]}")
    type_name, code = DTYPES[number]
    raw, dtype = entry.get("raw_data", b""), np.dtype(code)
    if len(raw) != (expected := math.prod(dims) * dtype.itemsize):
        sizes = f"sizes {dims} of {type_name}"
        raise NotOurMessageError(f"{name!r:.60}: {sizes} are {expected} bytes, {len(raw)} are there")
    array: NDArray[Any] = np.frombuffer(raw, dtype).reshape(dims)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise NotOurMessageError(f"{name!r:.60} holds values that are not finite")
    return name, array


def _attribute(content: memoryview) -> tuple[str, Attribute]:
    """An attribute's name and value."""
    # Most nodes have the strides, pads and so on of others: of the shipped model's 783 attributes 37 differ.
    return _read_attribute(bytes(content)) if len(content) < 100 else _read_attribute.__wrapped__(bytes(content))


@functools.lru_cache(maxsize=1024)
def _read_attribute(content: bytes) -> tuple[str, Attribute]:
    entry = _ATTRIBUTE(memoryview(content))
    name, number = entry.get("name", ""), entry.get("type", 0)
    field = _FIELD_OF_TYPE.get(number)
    if field is None:
        raise NotOurMessageError(f"{name!r:.60} is of type {number}, which our exports do not use")
    ints = tuple(entry["ints"])
    if (ints and field != "ints") or any(other in entry for other in _SINGLE if other != field):
        raise NotOurMessageError(f"{name!r:.60} has values of two types")
    if field == "ints":
        return name, ints
    if field not in entry:
        raise NotOurMessageError(f"{name!r:.60} has no value")
    value: Attribute = entry[field]
    return name, value


def _node(content: memoryview) -> Node:
    entry = _NODE(content)
    _refuse_domain(entry.get("domain", ""))
    attributes = dict(entry["attribute"])
    if len(attributes) < len(entry["attribute"]):
        raise NotOurMessageError("has an attribute twice")
    return Node(
        entry.get("op_type", ""), entry.get("name", ""), tuple(entry["input"]), tuple(entry["output"]), attributes
    )


def _value(content: memoryview) -> Value:
    entry = _VALUE(content)
    tensor = entry.get("type", {}).get("tensor_type", {})
    dtype = tensor.get("elem_type", 0)
    if dtype not in DTYPES:
        raise NotOurMessageError(f"{entry.get('name', '')!r:.60} is of type {dtype}")
    dims = tensor.get("shape", {}).get("dim", [])
    return Value(entry.get("name", ""), dtype, tuple(dim.get("dim_value", dim.get("dim_param")) for dim in dims))


_ELSEWHERE = refused("its values lie in another file (external data); a model has to be whole")
_INSIDE = refused("a graph inside an operator, as in Loop, If and Scan; only plain operators are run")
_OTHER_FORM = refused("values stand in a form that our exports do not use, they use raw_data")
_FIELD_OF_TYPE: Final[Mapping[int, str]] = {1: "f", 2: "i", 3: "s", 7: "ints"}
_SINGLE: Final = ("f", "i", "s")

_GRAPH_FIELD: Final = 7
_GUESSES_FIELD: Final = 13
_NOTES: Final = ("metadata_props", BYTES, passed_over, True)
_ENTRY: Final = Message({1: ("key", BYTES, text, False), 2: ("value", BYTES, text, False)})
_TENSOR: Final = Message(
    {
        1: ("dims", VARINT, as_is, True),
        2: ("data_type", VARINT, as_is, False),
        4: ("float_data", BYTES, _OTHER_FORM, True),
        5: ("int32_data", BYTES, _OTHER_FORM, True),
        7: ("int64_data", BYTES, _OTHER_FORM, True),
        8: ("name", BYTES, text, False),
        9: ("raw_data", BYTES, as_is, False),
        12: ("doc_string", BYTES, passed_over, False),
        13: ("external_data", BYTES, _ELSEWHERE, True),
        14: ("data_location", VARINT, _ELSEWHERE, False),
        16: _NOTES,
    }
)
_ATTRIBUTE: Final = Message(
    {
        1: ("name", BYTES, text, False),
        2: ("f", FLOAT, finite, False),
        3: ("i", VARINT, as_is, False),
        4: ("s", BYTES, text, False),
        5: ("t", BYTES, refused("a constant inside an operator; constants stand in the graph"), False),
        6: ("g", BYTES, _INSIDE, False),
        8: ("ints", VARINT, as_is, True),
        10: ("tensors", BYTES, refused("constants inside an operator; constants stand in the graph"), True),
        11: ("graphs", BYTES, _INSIDE, True),
        13: ("doc_string", BYTES, passed_over, False),
        20: ("type", VARINT, as_is, False),
    }
)
_NODE: Final = Message(
    {
        1: ("input", BYTES, text, True),
        2: ("output", BYTES, text, True),
        3: ("name", BYTES, text, False),
        4: ("op_type", BYTES, text, False),
        5: ("attribute", BYTES, _attribute, True),
        6: ("doc_string", BYTES, passed_over, False),
        7: ("domain", BYTES, text, False),
        9: _NOTES,
    }
)
_DIM: Final = Message({1: ("dim_value", VARINT, as_is, False), 2: ("dim_param", BYTES, text, False)})
_SHAPE: Final = Message({1: ("dim", BYTES, _DIM, True)})
_TENSOR_TYPE: Final = Message({1: ("elem_type", VARINT, as_is, False), 2: ("shape", BYTES, _SHAPE, False)})
_TYPE: Final = Message({1: ("tensor_type", BYTES, _TENSOR_TYPE, False)})
_VALUE: Final = Message(
    {
        1: ("name", BYTES, text, False),
        2: ("type", BYTES, _TYPE, False),
        3: ("doc_string", BYTES, passed_over, False),
        4: _NOTES,
    }
)
_GRAPH: Final = Message(
    {
        1: ("node", BYTES, _node, True),
        2: ("name", BYTES, text, False),
        5: ("initializer", BYTES, _constant, True),
        10: ("doc_string", BYTES, passed_over, False),
        11: ("input", BYTES, _value, True),
        12: ("output", BYTES, _value, True),
        _GUESSES_FIELD: ("value_info", BYTES, passed_over, True),
        15: ("sparse_initializer", BYTES, refused("sparse constants are not read"), True),
        16: _NOTES,
    }
)
_OPSET: Final = Message({1: ("domain", BYTES, text, False), 2: ("version", VARINT, as_is, False)})
_MODEL: Final = Message(
    {
        1: ("ir_version", VARINT, as_is, False),
        2: ("producer_name", BYTES, text, False),
        3: ("producer_version", BYTES, text, False),
        4: ("domain", BYTES, text, False),
        5: ("model_version", VARINT, as_is, False),
        6: ("doc_string", BYTES, passed_over, False),
        _GRAPH_FIELD: ("graph", BYTES, _GRAPH, False),
        8: ("opset_import", BYTES, _OPSET, True),
        14: ("metadata_props", BYTES, _ENTRY, True),
        20: ("training_info", BYTES, refused("a graph for training is not read"), True),
        25: ("functions", BYTES, refused("functions are not read; only operators of ONNX itself are run"), True),
    }
)
