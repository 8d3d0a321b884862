"""An ONNX file piece by piece: all but the weights as the `onnx` package writes it, the weights from where they lie.

The package makes a message of all weights first and bytes of that message then: two copies of a tower that is in memory
already. (Field numbers: onnx.proto of ONNX 1.23.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnx_ir

from iqa_cli.models.protobuf import BYTES, as_varint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_GRAPH, _INITIALIZER, _RAW_DATA = 7, 5, 9
"""Fields of ModelProto, GraphProto and TensorProto."""


def onnx_pieces(model: onnx_ir.Model, metadata: Mapping[str, str]) -> Iterator[bytes | memoryview]:
    """The file's bytes, to be written one after the other.

    model     its initializers are taken out of it
    metadata  texts by key, for the file's metadata
    """
    values: list[Any] = [model.graph.initializers.pop(name) for name in list(model.graph.initializers)]
    document = onnx_ir.to_proto(model)
    _strip_traces(document.graph)
    for key, text in metadata.items():
        document.metadata_props.add(key=key, value=text)
    graph = document.graph.SerializeToString()
    document.ClearField("graph")
    heads = [_head(value) for value in values]
    size = len(graph) + sum(len(head) + value.const_value.nbytes for head, value in zip(heads, values, strict=True))
    yield document.SerializeToString() + _announced(_GRAPH, size) + graph
    for head, value in zip(heads, values, strict=True):
        yield head
        yield _bytes_of(value.const_value)


def _head(value: Any) -> bytes:
    """What stands before an initializer's numbers."""
    shape = value.const_value.shape.numpy()
    tensor = onnx.TensorProto(name=value.name, data_type=int(value.dtype), dims=shape)
    about: bytes = tensor.SerializeToString() + _announced(_RAW_DATA, value.const_value.nbytes)
    return _announced(_INITIALIZER, len(about) + value.const_value.nbytes) + about


def _announced(field: int, size: int) -> bytes:
    """What stands before the content of a field."""
    return as_varint(field << 3 | BYTES) + as_varint(size)


def _bytes_of(tensor: Any) -> memoryview:
    """A tensor's numbers as they stand in a file, low byte first."""
    array = tensor.numpy()
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return little.reshape(-1).view(np.uint8).data


def _strip_traces(graph: Any) -> None:
    """Take off what the exporter notes on every part for its own debugging: stack traces with the paths of the machine
    that exported it, which are nobody's business and make the same model differ from machine to machine.
    """
    for part in (graph, *graph.node, *graph.input, *graph.output):
        del part.metadata_props[:]
    del graph.value_info[:]  # what the exporter believes of the results in between: whoever loads the file works it out
