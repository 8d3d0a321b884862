"""`model.safetensors` checked before it is read; without the `safetensors` package, which the base install lacks.

The format: eight bytes with the length of a header, the header in JSON, then the tensors without a gap
(github.com/huggingface/safetensors). A header may claim more than there is, or the same bytes twice.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from iqa_cli.hexgraph.strictjson import JsonText, NotJsonError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_HEADER = 16 * 2**20
"""Bytes: a hundred thousand tensors. The library itself goes up to 100 MB."""
_MOST_SHOWN = 20
_WIDTHS: Final[Mapping[str, int]] = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1, "BOOL": 1}
"""Types of tensors that `iqa train` may write, and their bytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in the file."""

    dtype: str
    """As the format calls it, such as F32."""
    shape: tuple[int, ...]
    """Its sizes."""
    start: int
    """First byte, behind the header."""
    end: int
    """Behind the last."""


class BadWeightsError(Exception):
    """A file that is no safetensors, or a broken one.

    problems  everything that was found
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_header(content: bytes) -> dict[str, Stored]:
    """The tensors in a file, by name.

    content  the whole file
    raises   BadWeightsError  if it is not safetensors, or says of a tensor what cannot be
    """
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(_MOST_HEADER, len(content) - 8):
        raise BadWeightsError(f"a header of {size:,} bytes is announced in a file of {len(content):,}")
    try:
        text = JsonText(content[8 : 8 + size].decode("utf-8"))
    except UnicodeDecodeError:
        raise BadWeightsError("its header is not UTF-8") from None
    except NotJsonError as error:
        raise BadWeightsError(f"its header: {error.message}") from None
    if not isinstance(text.value, dict):
        raise BadWeightsError("its header is no object")
    problems = [f"header: {problem}" for problem in itertools.islice(text.oddities(), _MOST_SHOWN)]
    found = {}
    for name, entry in text.value.items():
        if name == "__metadata__":
            continue
        stored = _stored(entry)
        if stored is None:
            problems.append(f"tensor {name!r:.60}: {entry!r:.100} says no type, sizes and place that fit")
        else:
            found[name] = stored
    problems += _gaps(found, len(content) - 8 - size)
    if problems:
        raise BadWeightsError(*problems[:_MOST_SHOWN])
    return found


def check_weights(content: bytes) -> dict[str, Stored]:
    """The tensors in a whole file whose values are all finite, by name.

    raises  BadWeightsError  see `read_header`, and naming the tensors with a value that is no finite number
    """
    stored = read_header(content)
    if strange := not_finite(content, stored):
        raise BadWeightsError(
            *(f"tensor {name!r:.60} holds values that are not finite" for name in strange[:_MOST_SHOWN])
        )
    return stored


def not_finite(content: bytes, stored: Mapping[str, Stored]) -> list[str]:
    """Names of the tensors that hold a value that is no finite number.

    content  the whole file
    stored   from `read_header`
    """
    body = memoryview(content)[8 + int.from_bytes(content[:8], "little") :]
    return [name for name, tensor in stored.items() if not _is_finite(body[tensor.start : tensor.end], tensor.dtype)]


def _stored(entry: Any) -> Stored | None:
    """What the header says of a tensor; None if it cannot be."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        return None
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _WIDTHS or not _whole(shape) or not _whole(offsets):
        return None
    if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * _WIDTHS[dtype]:
        return None
    return Stored(dtype, tuple(shape), offsets[0], offsets[1])


def _whole(numbers: object) -> bool:
    return (
        isinstance(numbers, list)
        and len(numbers) <= 8
        and all(type(number) is int and 0 <= number < 1 << 40 for number in numbers)
    )


def _gaps(stored: Mapping[str, Stored], size: int) -> list[str]:
    """Tensors that do not begin where the one before ends, and a last one that does not end where the file does."""
    end, problems = 0, []
    for name, tensor in sorted(stored.items(), key=lambda item: (item[1].start, item[1].end)):
        if tensor.start != end:
            problems.append(f"tensor {name!r:.60} begins at byte {tensor.start:,}, expected {end:,}")
        end = max(end, tensor.end)
    if end != size:
        problems.append(f"its tensors end at byte {end:,} of {size:,}")
    return problems


def _is_finite(raw: memoryview, dtype: str) -> bool:
    if dtype == "BF16":  # the upper half of a single
        bits = np.frombuffer(raw, "<u2")
        return bool(((bits & 0x7F80) != 0x7F80).all())
    if dtype.startswith("F"):
        return bool(np.isfinite(np.frombuffer(raw, f"<f{_WIDTHS[dtype]}")).all())
    return True
