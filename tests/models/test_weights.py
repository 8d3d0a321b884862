"""The check of safetensors: it reads what the library writes, and finds what the library lets through."""

from __future__ import annotations

import contextlib
import json
import struct

import pytest

torch = pytest.importorskip("torch", reason="writing weights needs the train extra")

import safetensors.torch  # noqa: E402 - the train extra may be missing

from iqa_cli.models.weights import BadWeightsError, check_weights, read_header  # noqa: E402


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8]
)
def test_what_the_library_writes_is_read(dtype: torch.dtype) -> None:
    written = {
        "a": torch.arange(6).to(dtype).reshape(2, 3),
        "b.c": torch.tensor(1).to(dtype),
        "empty": torch.zeros(0, 4),
    }
    content = safetensors.torch.save(written, metadata={"note": "any"})
    found = check_weights(content)
    assert {name: tensor.shape for name, tensor in found.items()} == {k: tuple(v.shape) for k, v in written.items()}
    assert {name: tensor.end - tensor.start for name, tensor in found.items()} == {
        k: v.nbytes for k, v in written.items()
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_not_finite_is_found(dtype: torch.dtype, value: float) -> None:
    tensors = {"fine": torch.ones(3, dtype=dtype), "bad": torch.tensor([1.0, value], dtype=dtype)}
    with pytest.raises(BadWeightsError, match="tensor 'bad' holds values that are not finite"):
        check_weights(safetensors.torch.save(tensors))


def test_every_cut_and_every_changed_byte_of_the_header_is_an_error_or_a_whole_file() -> None:
    content = safetensors.torch.save({"a": torch.ones(2), "b": torch.zeros(3, dtype=torch.int64)})
    for end in range(len(content)):
        with pytest.raises(BadWeightsError):
            read_header(content[:end])
    for place in range(len(content) - 32):
        for change in (1, 2, 128):
            spoilt = bytearray(content)
            spoilt[place] ^= change
            with contextlib.suppress(BadWeightsError):  # and no other exception
                read_header(bytes(spoilt))


def test_all_mistakes_come_at_once() -> None:
    header = json.dumps({"a": {"dtype": "F32"}, "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}).encode()
    with pytest.raises(BadWeightsError) as error:
        read_header(struct.pack("<Q", len(header)) + header + bytes(12))
    assert len(error.value.problems) == 3
