"""What `torch.save` wrote, read without running code: tensors and plain containers, or a refusal."""

from __future__ import annotations

import dataclasses
import hashlib
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from iqa_cli.errors import CheckpointError
from iqa_cli.models.weights_file import told_of_code
from iqa_cli.regular import open_regular

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 8 * 2**30
"""A ViT-L with the state of its optimiser has 5 GB."""
_MOST_PICKLE = 64 * 2**20
"""Of the description of the tensors: that of a ViT-B with its optimiser has less than 1 MB."""
_OURS = "a file that `torch.save` wrote (torch 1.6 or newer) in the published code's training is read"


@dataclasses.dataclass(frozen=True)
class SavedModel:
    """A file's tensors. They are mapped, not read: what is not used costs no memory."""

    tensors: dict[str, Tensor]
    """The model's state, by name."""
    epoch: int | None
    """As the file says it."""
    size: int
    """Bytes of the file."""
    sha256: str
    """Of the file, hexadecimal."""


def read_saved(path: Path) -> SavedModel:
    """The state of a model in a `.pt` file: under `model_state_dict`, or the file is the state itself.

    raises  CheckpointError  if it cannot be read, is too large, is no such file, or a pickle that asks for anything
                             but tensors and plain containers: nothing of it is run
    """
    try:
        stream, size = open_regular(path)
        with stream:
            if size > _MOST_BYTES:
                raise CheckpointError(f"{path}: {size:,} bytes; up to {_MOST_BYTES:,} are read", hint=_OURS)
            _refuse_unbounded(path, size)
            digest = hashlib.sha256()
            while piece := stream.read(2**20):
                digest.update(piece)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
    document = _loaded(path)
    state = document.get("model_state_dict", document) if isinstance(document, dict) else None
    if not isinstance(state, dict) or not state or not all(_is_tensor(name, value) for name, value in state.items()):
        raise CheckpointError(f"{path}: holds no model_state_dict of tensors by name", hint=_OURS)
    # The same numbers can be claimed again and again, by one tensor or by many.
    if (claimed := sum(value.numel() * value.element_size() for value in state.values())) > size:
        raise CheckpointError(f"{path}: its tensors claim {claimed:,} bytes, in a file of {size:,}", hint=_OURS)
    epoch = document.get("epoch")
    return SavedModel(
        dict(state), epoch if type(epoch) is int and abs(epoch) < 2**31 else None, size, digest.hexdigest()
    )


def _is_tensor(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, Tensor) and value.layout is torch.strided


def _refuse_unbounded(path: Path, size: int) -> None:
    """The archive holds its parts as they are: none that grows when it is read, and no endless description.

    raises  CheckpointError  for another kind of file
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise CheckpointError(f"{path}: not an archive of `torch.save`, or a damaged one", hint=_OURS) from None
    if any(part.compress_type != zipfile.ZIP_STORED for part in parts) or sum(p.file_size for p in parts) > size:
        raise CheckpointError(f"{path}: a compressed archive, which `torch.save` does not write", hint=_OURS)
    if any(part.file_size > _MOST_PICKLE for part in parts if part.filename.endswith(".pkl")):
        raise CheckpointError(f"{path}: its description has more than {_MOST_PICKLE:,} bytes", hint=_OURS)


def _loaded(path: Path) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the age of a format: what matters is an error
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # noqa: BLE001 - the pickle of a stranger may raise anything at all
        reason = told_of_code(error) or "not a file of tensors, or a damaged one"
        raise CheckpointError(f"{path}: {reason}", hint=_OURS) from None
