"""The state of a run between epochs, as safetensors: model, optimiser, position. Nothing in it can run code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from iqa_cli.checkpoint import write_atomically
from iqa_cli.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

_STATE = "state.safetensors"


def save_state(work: Path, model: nn.Module, optimiser: torch.optim.Optimizer, progress: dict[str, Any]) -> None:
    """Write everything a resumed run needs, in one atomic file.

    progress  plain JSON values: the epoch that comes next, and what identifies the run
    """
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    for index, slots in optimiser.state_dict()["state"].items():
        for slot, value in slots.items():
            tensors[f"optimiser.{index}.{slot}"] = torch.as_tensor(value)
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    content = safetensors.torch.save(tensors, metadata={"progress": json.dumps(progress)})
    write_atomically(work / _STATE, content)


def load_state(work: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any] | None:
    """Put a saved state back into model and optimiser.

    returns  the saved progress, or None if there is no state
    raises   CheckpointError  if the state is damaged or belongs to another model
    """
    path = work / _STATE
    if not path.is_file():
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
        progress: dict[str, Any] = json.loads(metadata["progress"])
        model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    except (safetensors.SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{path}: damaged or of another model ({error})", hint="delete it to start the run again"
        ) from error
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimiser."):
            _, index, slot = name.split(".")
            slots.setdefault(int(index), {})[slot] = value
    document = optimiser.state_dict()
    optimiser.load_state_dict({"state": slots, "param_groups": document["param_groups"]})
    return progress
