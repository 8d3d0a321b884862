"""Memory for others: weights that nobody needs for a while lie on the disk, what is free goes back to the system."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import tempfile
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

_LEAST = 64 * 2**20
"""Bytes below which it is not worth a file."""


@contextlib.contextmanager
def parked(model: nn.Module, needed: nn.Module, folder: Path) -> Iterator[None]:
    """The parameters of `model` that `needed` has not are empty in here, and afterwards what they were.

    folder  with room for them; the file has no name, so that a process that is killed leaves nothing
    raises  OSError  if there is no room
    """
    kept = {id(parameter) for parameter in needed.parameters()}
    away = [one for one in model.parameters() if id(one) not in kept and one.device.type == "cpu"]
    if sum(parameter.nbytes for parameter in away) < _LEAST:
        yield
        return
    gone: list[tuple[nn.Parameter, torch.Size]] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            for parameter in away:
                file.write(_bytes_of(parameter.detach().contiguous()))
                gone.append((parameter, parameter.shape))
                parameter.data = parameter.new_empty(0)
            yield
        finally:
            file.seek(0)
            for parameter, shape in gone:
                values = parameter.new_empty(shape)
                file.readinto(_bytes_of(values.detach()))
                parameter.data = values.detach()


def give_back() -> None:
    """Free what is tied in circles, as torch's exporter leaves it with all weights, and return what is free:
    glibc keeps what came in pieces of some megabytes, of onnxruntime's or a tower's some hundred in all.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none
        if trim is not None:
            trim(0)


def _bytes_of(values: torch.Tensor) -> memoryview:
    return values.reshape(-1).view(torch.uint8).numpy().data
