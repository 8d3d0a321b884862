"""The tensors of a TorchScript archive, and none of its code: OpenAI published CLIP in such archives.

`torch.jit.load` compiles what an archive holds and runs what it says of loading, and TorchScript can write files. Here
the archive is a zip with tensors in it: its pickle is read with names that stand for inert records, whatever they are
called, and nothing of it is ever called. See docs/decisions/0130.
"""

from __future__ import annotations

import collections
import dataclasses
import io
import itertools
import math
import pickle
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MOST_PICKLE = 64 * 2**20
"""Bytes: OpenAI's largest has one of less than 1 MB."""
_MOST_PARTS = 100_000
"""Modules and tensors: the same one may be met on many ways."""
_MOST_COPIES = 4
"""Times the file: a transformer that shares its embedding with its output needs less than 2."""
_DEEPEST = 64
"""Modules in one another."""
_TYPES: Final[Mapping[str, tuple[str, torch.dtype]]] = {
    "DoubleStorage": ("<f8", torch.float64),
    "FloatStorage": ("<f4", torch.float32),
    "HalfStorage": ("<f2", torch.float16),
    "LongStorage": ("<i8", torch.int64),
    "IntStorage": ("<i4", torch.int32),
    "BoolStorage": ("|b1", torch.bool),
}


class BadArchiveError(Exception):
    """An archive that holds something else than `torch.jit.save` writes of a module."""


@dataclasses.dataclass(frozen=True)
class _Stored:
    """A tensor that is not made yet."""

    storage: Any
    offset: Any
    shape: Any
    stride: Any


class _Object:
    """An object of the archive: the name of its class and what it holds."""

    kind = ""

    def __init__(self, *_: object) -> None:
        self.holds: Any = None

    def __setstate__(self, state: Any) -> None:
        self.holds = state


class _Reader(pickle.Unpickler):
    """Knows no class and no function but those of this module."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return type("_Named", (_Object,), {"kind": f"{module}.{name}"})
        if module == "torch" and name in _TYPES:
            return name
        if (known := _KNOWN.get((module, name))) is not None:
            return known
        raise BadArchiveError(f"it asks for {module}.{name}, which no archive of a module holds")

    def persistent_load(self, pid: Any) -> Any:
        return pid


def _tensor(storage: Any, offset: Any, shape: Any, stride: Any, *_: object) -> _Stored:
    return _Stored(storage, offset, shape, stride)


def _itself(value: Any, *_: object) -> Any:
    return value


_KNOWN: Final[Mapping[tuple[str, str], Any]] = {
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _itself,
    ("torch.jit._pickle", "build_intlist"): _itself,
    ("torch.jit._pickle", "build_doublelist"): _itself,
    ("torch.jit._pickle", "build_boollist"): _itself,
    ("torch.jit._pickle", "build_tensorlist"): _itself,
    ("torch.jit._pickle", "restore_type_tag"): _itself,
    ("torch", "device"): _itself,
    ("collections", "OrderedDict"): collections.OrderedDict,
}


@dataclasses.dataclass(frozen=True)
class Archive:
    """What was found in an archive."""

    tensors: dict[str, Tensor]
    """By the path of attributes that leads to each, as in a state dict; of the types that they have in the archive."""
    classes: frozenset[str]
    """Full names of the modules' classes, such as `__torch__.model.QuickGELU`."""


def is_archive(path: Path) -> bool:
    """Whether a file is a TorchScript archive: a zip with constants beside its pickle, which `torch.save` never has."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _root(archive) is not None
    except (OSError, zipfile.BadZipFile):
        return False


def read_archive(path: Path, *, with_tensors: bool = True) -> Archive:
    """Read a TorchScript archive without running anything.

    with_tensors  false finds the classes alone, and no tensors
    raises  BadArchiveError  if it is damaged, or holds what `torch.jit.save` does not write
            OSError          if it cannot be read
    """
    try:
        with zipfile.ZipFile(path) as archive:
            root = _root(archive)
            if root is None:
                raise BadArchiveError("it is no TorchScript archive")
            if archive.getinfo(f"{root}data.pkl").file_size > _MOST_PICKLE:
                raise BadArchiveError("its description is too large")
            top = _Reader(io.BytesIO(archive.read(f"{root}data.pkl"))).load()
            found = dict(itertools.islice(_walk(top, "", 0), _MOST_PARTS + 1))
            if len(found) > _MOST_PARTS:
                raise BadArchiveError("it holds too many parts")
            stored = (
                {name: value for name, value in found.items() if isinstance(value, _Stored)} if with_tensors else {}
            )
            # Each tensor is a copy, and any number of them may name one and the same storage.
            if sum(map(_bytes, stored.values())) > _MOST_COPIES * path.stat().st_size:
                raise BadArchiveError("its tensors are many times as large as the file")
            tensors = {name: _made(value, archive, root) for name, value in stored.items()}
            classes = frozenset(value for value in found.values() if isinstance(value, str))
            return Archive(tensors, classes)
    except BadArchiveError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise BadArchiveError("it is damaged") from None
    except Exception as error:  # noqa: BLE001 - the pickle of a stranger may raise anything at all
        raise BadArchiveError(f"it is damaged ({type(error).__name__})") from None


def _root(archive: zipfile.ZipFile) -> str | None:
    """The folder inside that everything is in, with its slash."""
    names = set(archive.namelist())
    roots = [name.removesuffix("constants.pkl") for name in names if name.endswith("/constants.pkl")]
    return roots[0] if len(roots) == 1 and f"{roots[0]}data.pkl" in names else None


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, _Stored | str]]:
    """Tensors by path, and classes by path and a final dot."""
    if depth > _DEEPEST:
        raise BadArchiveError("its modules lie too deep in one another")
    if isinstance(value, _Stored):
        yield path, value
    elif isinstance(value, _Object) and isinstance(value.holds, dict):
        yield f"{path}.", value.kind
        for name, inner in value.holds.items():
            yield from _walk(inner, f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(value, _Object):
        yield f"{path}.", value.kind


def _bytes(stored: _Stored) -> int:
    """What the tensor takes, by what it says of itself; it may say anything."""
    return abs(int(math.prod(stored.shape))) * np.dtype(_TYPES[stored.storage[1]][0]).itemsize


def _made(stored: _Stored, archive: zipfile.ZipFile, root: str) -> Tensor:
    """The tensor, a copy of its own."""
    _, kind, key, _, count = stored.storage
    code, dtype = _TYPES[kind]
    shape, stride, offset = tuple(stored.shape), tuple(stored.stride), stored.offset
    entry = archive.getinfo(f"{root}data/{key}")
    size = np.dtype(code).itemsize
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size < count * size:
        raise BadArchiveError(f"its tensor {key!r:.20} is cut off")
    numbers = (*shape, *stride, offset)
    if len(shape) != len(stride) or not all(type(number) is int and number >= 0 for number in numbers):
        raise BadArchiveError(f"its tensor {key!r:.20} says no sizes that fit")
    last = offset + sum((extent - 1) * step for extent, step in zip(shape, stride, strict=True))
    if math.prod(shape) > count or (math.prod(shape) and last >= count):
        raise BadArchiveError(f"its tensor {key!r:.20} reaches beyond what is stored")
    raw = np.frombuffer(archive.read(entry), code, count)
    flat = torch.from_numpy(raw.copy()).to(dtype)
    return flat.as_strided(shape, stride, offset).clone()
