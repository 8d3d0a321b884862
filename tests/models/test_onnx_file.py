"""The strict reader of ONNX: it reads what the `onnx` package reads, and refuses what could be read in two ways."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="comparing needs onnx, which the train extra brings")

from drawn_checkpoints import mean_brightness  # noqa: E402 - the train extra may be missing

from iqa_cli.checkpoint import ONNX  # noqa: E402
from iqa_cli.models.onnx_file import NotOurOnnxError, read_onnx, without_guesses  # noqa: E402
from iqa_cli.models.protobuf import BYTES, FLOAT, VARINT, Message, NotOurMessageError, as_is, as_varint  # noqa: E402
from iqa_cli.paths import find_checkpoint  # noqa: E402

LABELS = ["bright", "dark", "a", "b", "c", "d"]
SHIPPED = (find_checkpoint("default") / ONNX).read_bytes()
NUMBERS = Message({1: ("one", VARINT, as_is, False), 2: ("two", BYTES, as_is, True), 3: ("three", FLOAT, as_is, False)})


@pytest.mark.parametrize("content", [SHIPPED, mean_brightness(LABELS)], ids=["shipped", "drawn"])
def test_it_reads_what_the_onnx_package_reads(content: bytes) -> None:
    ours, theirs = read_onnx(content), onnx.load_from_string(content)
    assert [(n.operator, n.name, *n.inputs, *n.outputs) for n in ours.nodes] == [
        (n.op_type, n.name, *n.input, *n.output) for n in theirs.graph.node
    ]
    for our, their in zip(ours.nodes, theirs.graph.node, strict=True):
        found = {a.name: onnx.helper.get_attribute_value(a) for a in their.attribute}
        assert our.attributes == {
            name: value.decode() if isinstance(value, bytes) else tuple(value) if isinstance(value, list) else value
            for name, value in found.items()
        }
    assert set(ours.constants) == {tensor.name for tensor in theirs.graph.initializer}
    for tensor in theirs.graph.initializer:
        expected = onnx.numpy_helper.to_array(tensor)
        assert ours.constants[tensor.name].dtype == expected.dtype
        assert np.array_equal(ours.constants[tensor.name], expected)
    assert [value.name for value in (*ours.inputs, *ours.outputs)] == [
        value.name for value in (*theirs.graph.input, *theirs.graph.output)
    ]
    assert ours.inputs[0].shape[1:] == tuple(d.dim_value for d in theirs.graph.input[0].type.tensor_type.shape.dim)[1:]
    assert (ours.opset, ours.producer) == (theirs.opset_import[0].version, theirs.producer_name)
    assert ours.metadata == {entry.key: entry.value for entry in theirs.metadata_props}


def test_without_its_writers_guesses_a_model_is_the_same() -> None:
    expected = onnx.load_from_string(SHIPPED)
    assert len(expected.graph.value_info) > 0
    del expected.graph.value_info[:]
    assert onnx.load_from_string(without_guesses(SHIPPED)) == expected
    assert read_onnx(without_guesses(SHIPPED)).nodes == read_onnx(SHIPPED).nodes


def test_a_cut_at_any_place_is_an_error_or_a_whole_model() -> None:
    content = mean_brightness(LABELS)
    for end in range(len(content)):
        with pytest.raises(NotOurOnnxError):
            read_onnx(content[:end])


def test_a_flipped_bit_at_any_place_is_read_or_refused() -> None:
    """No other exception, whatever the bytes are."""
    content = mean_brightness(LABELS)
    refused = 0
    for place in range(len(content)):
        for bit in range(8):
            spoilt = bytearray(content)
            spoilt[place] ^= 1 << bit
            try:
                read_onnx(bytes(spoilt))
            except NotOurOnnxError:
                refused += 1
    assert refused > len(content)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x08\x01\x08\x02", "one: is there twice"),
        (b"\x20\x01", "holds a field 4"),
        (b"\x0a\x00", "one: is written as type 2, expected 0"),
        (b"\x12\x05abc", "two: 5 bytes are announced and 3 are there"),
        (b"\x12\xff\xff\xff\xff\x0fabc", "two: "),
        (b"\x12", "ends inside a number"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "too long"),
        (b"\x08" + b"\xff" * 9 + b"\x7f", "too large"),
        (b"\x08\x80", "ends inside a number"),
        (b"\x1d\x00\x00", "three: is cut"),
        (b"\x0b\x0c", "one: is written as type 3, expected 0"),
    ],
)
def test_a_message_of_two_meanings_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(NotOurMessageError) as error:
        NUMBERS(memoryview(content))
    assert says in str(error.value)


def test_a_message_is_read() -> None:
    content = b"\x08" + as_varint(2**63 + 5) + b"\x12\x01a\x12\x00\x1d" + struct.pack("<f", math.pi)
    found = NUMBERS(memoryview(content))
    assert found["one"] == 5 - 2**63
    assert [bytes(part) for part in found["two"]] == [b"a", b""]
    assert found["three"] == pytest.approx(math.pi)
    assert NUMBERS(memoryview(b"")) == {"two": []}
