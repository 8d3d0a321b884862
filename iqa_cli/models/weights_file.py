"""Files of a CLIP's weights: what is in them, without running code, and into a model or not at all."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import open_clip
import safetensors
import torch
from torch import Tensor

from iqa_cli.errors import ConfigError
from iqa_cli.models.torchscript import BadArchiveError, is_archive, read_archive

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_UNREADABLE = (
    RuntimeError,  # torch, for a broken archive
    OSError,
    ValueError,
    LookupError,
    EOFError,
    AttributeError,
    TypeError,
    AssertionError,
    pickle.UnpicklingError,
    safetensors.SafetensorError,
    zipfile.BadZipFile,
)
"""What the readers raise for a file that is no such file."""

_UNFIT = (RuntimeError, OSError, ValueError, LookupError, AssertionError)
"""What open_clip raises for tensors that do not fit the model."""

_POSITIONS = ("visual.positional_embedding", "positional_embedding", "text.positional_embedding")
"""open_clip stretches these to another picture size or text length and says nothing."""

_BESIDE_THE_STATE = ("attn_mask", "input_resolution", "context_length", "vocab_size")

Shape = tuple[int, ...]


def shapes_in(path: Path) -> dict[str, Shape] | None:
    """Sizes of the tensors in a file by name; None for numpy's archives, which open_clip alone can read.

    raises  ConfigError  if it is not there, no file of weights, or a pickle that asks for more than tensors: nothing
                         of it is run
    """
    if path.suffix in (".npz", ".npy"):
        return None
    try:
        if path.suffix == ".safetensors":
            with safetensors.safe_open(path, framework="pt") as stream:
                return {name: tuple(stream.get_slice(name).get_shape()) for name in stream.keys()}  # noqa: SIM118 - not a mapping
        # Sizes without the numbers. `weights_only` makes tensors and plain containers, and refuses all else.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the age of a format: what matters is an error
            kept = torch.load(path, map_location="meta", weights_only=True)
    except _UNREADABLE as error:
        raise ConfigError(f"model.pretrained: {path}: {_why_unreadable(path, error)}", hint=_SAFE) from None
    kept = kept.get("state_dict", kept) if isinstance(kept, dict) else kept
    if not isinstance(kept, dict) or not kept or not all(isinstance(value, Tensor) for value in kept.values()):
        raise ConfigError(f"model.pretrained: {path}: not a file of weights (no tensors by name)", hint=_SAFE)
    return {str(name).removeprefix("module."): tuple(value.shape) for name, value in kept.items()}


_SAFE = (
    "give a .safetensors file, or one that torch.save wrote of a state dict; "
    "torch.save(model.state_dict(), FILE), run where the weights are trusted, makes one"
)


def _why_unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError) or not path.exists():
        return "no such file"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read ({error.strerror})"
    if isinstance(error, pickle.UnpicklingError) and (asked := told_of_code(error)):
        return asked
    with path.open("rb") as stream:
        head = stream.read(16)
    if path.suffix != ".safetensors" and head[8:9] == b"{":
        return "a safetensors file under another name; let its name end in .safetensors"
    return "not a file of weights, or a damaged one"


def told_of_code(error: Exception) -> str | None:
    """What a pickle that torch refused asked for, in words; None if that is not why it was refused.

    torch's own words would tell the user to load it as a pickle, which runs whatever code is in it.
    """
    asked = re.search(r"(?:GLOBAL|global:?|class|operand)\s+`?([A-Za-z_][\w.]*\.[\w.]+)", str(error))
    if asked is None:
        return None
    return f"a pickle that asks for {asked[1][:60]}, so that loading it would run code; it was not loaded"


def load_file(clip: Any, path: Path, architecture: str) -> None:
    """Put a file's weights into a model of that architecture: all of them, or an error.

    raises  ConfigError  see `shapes_in`, and for weights of another architecture
    """
    if is_archive(path):
        _load_archive(clip, path, architecture)
        return
    shapes = shapes_in(path)
    if shapes is not None:
        own = clip.state_dict()
        stretched = [name for name in _POSITIONS if name in shapes and name in own and own[name].shape != shapes[name]]
        if stretched:
            raise _other_architecture(path, architecture, shapes, own)
        if path.suffix == ".safetensors" and shapes == {name: tuple(value.shape) for name, value in own.items()}:
            _copy(path, own)
            return
    try:
        open_clip.load_checkpoint(clip, str(path), strict=True, weights_only=True)
    except _UNFIT as error:
        if shapes is None:
            raise ConfigError(
                f"model.pretrained: {path}: could not be loaded into {architecture} ({type(error).__name__})"
            ) from error
        raise _other_architecture(path, architecture, shapes, clip.state_dict()) from error


@torch.no_grad()
def _copy(path: Path, own: Mapping[str, Tensor]) -> None:
    """Tensor by tensor, the file opened for each: what is mapped of a file counts as memory until it is closed, so that
    a large tower would be there twice.
    """
    for name, value in own.items():
        with safetensors.safe_open(path, framework="pt") as stream:
            value.copy_(stream.get_tensor(name))


def _load_archive(clip: Any, path: Path, architecture: str) -> None:
    try:
        tensors = read_archive(path).tensors
    except (BadArchiveError, OSError) as error:
        raise ConfigError(
            f"model.pretrained: {path}: a TorchScript archive that could not be read ({error})", hint=_SAFE
        ) from None
    own: Mapping[str, Tensor] = clip.state_dict()
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    # What an archive keeps beside the state: a model makes its mask itself, and its configuration has the numbers.
    shapes = {name: shape for name, shape in shapes.items() if name.rpartition(".")[2] not in _BESIDE_THE_STATE}
    if shapes != {name: tuple(value.shape) for name, value in own.items()}:
        raise _other_architecture(path, architecture, shapes, own)
    clip.load_state_dict({name: tensors[name].to(value.dtype) for name, value in own.items()})


def _other_architecture(
    path: Path, architecture: str, shapes: Mapping[str, Shape], own: Mapping[str, Tensor]
) -> ConfigError:
    """One sentence instead of two hundred names."""
    missing = [name for name in own if name not in shapes]
    unknown = [name for name in shapes if name not in own]
    differ = [name for name, value in own.items() if name in shapes and shapes[name] != value.shape]
    found = []
    if differ:
        name = differ[0]
        found.append(
            f"{len(differ)} of another size, {name} first ({_size(shapes[name])} in the file, "
            f"{_size(tuple(own[name].shape))} in {architecture})"
        )
    if missing:
        found.append(f"{len(missing)} missing, {missing[0]} first")
    if unknown:
        found.append(f"{len(unknown)} that it does not have, {unknown[0]:.60} first")
    return ConfigError(
        f"model.pretrained: {path}: these are weights of another architecture than {architecture}: "
        f"of its {len(own)} tensors {'; '.join(found) or 'none could be loaded'}",
        hint="set model.backbone to the architecture that they were trained as",
    )


def _size(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "one number"
