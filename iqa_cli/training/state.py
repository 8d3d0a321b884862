"""The state of a run between epochs, as safetensors: model, optimiser, progress. Nothing in it can run code.

Frozen weights are in none of the files here: a run begins with them, so they are told by their hash. Of a CLIP whose
towers do not learn that is all but a few thousand numbers.

`STATE` is there as long as a run is unfinished. A run that is over leaves it as `FINISHED`, for more epochs.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from iqa_cli.checkpoint import CARD, CARD_PAGE, MOST_BYTES, PAGE_MARK, WEIGHTS
from iqa_cli.errors import CheckpointError, OutputError
from iqa_cli.regular import open_regular, read_regular
from iqa_cli.wording import counted
from iqa_cli.writing import write_atomically

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

STATE = "state.safetensors"
FINISHED = "finished.safetensors"
"""What the state is called when the checkpoint is written."""
BEST = "best.safetensors"
"""The weights of the best epoch so far, beside the state."""
_FROZEN = "frozen"
"""Under which the metadata of a state has the hash of the frozen weights."""
_SLOTS = ("exp_avg", "exp_avg_sq", "step")
"""What AdamW keeps of a parameter."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run is."""

    identity: Mapping[str, Any]
    """What two runs must share for one to continue the other, by key."""
    epochs: int
    """Finished ones."""
    rows: tuple[Mapping[str, float], ...]
    """Their rows of metrics.csv."""
    over: bool = False
    """Whether the run was finished and has its checkpoint."""

    def __post_init__(self) -> None:
        """Refuse rows that do not fit the epochs."""
        if self.epochs < 1 or len(self.rows) != self.epochs:
            raise ValueError(f"{self.epochs} epochs and {len(self.rows)} rows of metrics")


def save_state(work: Path, model: nn.Module, optimiser: torch.optim.Optimizer, progress: Progress, frozen: str) -> None:
    """Write everything a resumed run needs, in one atomic file.

    frozen  `frozen_hash` of the model: it is the same after every epoch
    raises  OutputError  if it cannot be written
    """
    tensors = {f"model.{name}": value for name, value in _learned(model).items()}
    for index, slots in optimiser.state_dict()["state"].items():
        for slot, value in slots.items():
            tensors[f"optimiser.{index}.{slot}"] = torch.as_tensor(value)
    tensors = {name: _on_cpu(value) for name, value in tensors.items()}
    # The names are kept apart: a parameter that the loss does not reach has no slots, so the model alone cannot tell
    # whether any are missing.
    metadata = {
        "progress": json.dumps(dataclasses.asdict(progress)),
        "tensors": json.dumps(sorted(tensors)),
        _FROZEN: frozen,
    }
    write_atomically(work / STATE, lambda path: _save(tensors, path, metadata))
    (work / FINISHED).unlink(missing_ok=True)  # of the run that this one continues or replaces


def read_progress(work: Path) -> Progress | None:
    """How far the run in a work folder is, without its tensors; None if there is no state.

    raises  CheckpointError  if the state is damaged
    """
    path = _state_in(work)
    if path is None:
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as stream:
            metadata: dict[str, str] = stream.metadata() or {}
        entry = json.loads(metadata["progress"])
        rows = tuple(dict(row) for row in entry["rows"])
        if isinstance(entry["identity"], str) or _FROZEN not in metadata:
            raise CheckpointError(
                f"{path}: the state of a run of an older iqa, which this one cannot resume",
                hint="--overwrite starts anew, or give another --out",
            )
        identity = dict(entry["identity"])
        return Progress(identity=identity, epochs=int(entry["epochs"]), rows=rows, over=path.name == FINISHED)
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def _state_in(work: Path) -> Path | None:
    """The state in a work folder, that of an unfinished run first."""
    return next((work / name for name in (STATE, FINISHED) if (work / name).is_file()), None)


def refuse_overwriting(out: Path) -> None:
    """A finished checkpoint may be hours of work.

    raises  CheckpointError  if there is one in the folder that a new run would write to
    """
    if (out / CARD).is_file():
        raise CheckpointError(
            f"{out}: a finished checkpoint is there, which a new run would overwrite",
            hint="--out names another folder, --overwrite replaces it, --resume gives it more epochs",
        )


def refuse_foreign_page(out: Path) -> None:
    """A page beside the checkpoint that iqa did not write may be somebody's own words.

    raises  CheckpointError  if there is one where a run will write the card for people
    """
    page = out / CARD_PAGE
    if not os.path.lexists(page):
        return
    try:
        stream, _ = open_regular(page)
        with stream:
            is_ours = stream.read(len(PAGE_MARK)) == PAGE_MARK.encode()
    except OSError:
        is_ours = False
    if not is_ours:
        raise CheckpointError(
            f"{page}: not a page that iqa wrote, and the run would replace it",
            hint="move it, or give another --out; --overwrite replaces it",
        )


def progress_of(work: Path, *, resume: bool, overwrite: bool = False) -> Progress | None:
    """What a run that starts in a work folder finds done: None for a new one.

    raises  CheckpointError  if there is nothing to resume, if a new run would overwrite the state of an unfinished
                             one and was not told to, and for a damaged state
    """
    if overwrite and not resume:
        return None
    progress = read_progress(work)
    if resume and progress is None:
        raise CheckpointError(
            f"nothing to resume in {work}: no run has left its state there",
            hint="start without --resume, or give the --out that the run had",
        )
    if resume:
        return progress
    if progress is not None and not progress.over:
        raise CheckpointError(
            f"{work / STATE}: the state of an unfinished run, {counted(progress.epochs, 'epoch')} done",
            hint="--resume goes on with it; for a new run give another --out or [run] work, or --overwrite",
        )
    return None


def load_state(work: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Put a saved state back into a model and an optimiser of the run that wrote it.

    raises  CheckpointError  if the state is damaged or does not fit
    """
    path = _state_in(work) or work / STATE
    try:
        with safetensors.safe_open(path, framework="pt") as stream:
            metadata: dict[str, str] = stream.metadata() or {}
            expected: list[str] = json.loads(metadata["tensors"])
            frozen = metadata[_FROZEN]
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
        if sorted(tensors) != expected:
            raise ValueError(f"{len(tensors)} tensors instead of {len(expected)}")
        weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        slots = _slots(tensors, [parameter for group in optimiser.param_groups for parameter in group["params"]])
        _take(model, weights)
        optimiser.load_state_dict({"state": slots, "param_groups": optimiser.state_dict()["param_groups"]})
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    if frozen != frozen_hash(model):
        raise CheckpointError(
            f"{path}: the run began with other frozen weights than these",
            hint="give [model] pretrained the file that the run began with, or start anew",
        )


def _slots(tensors: dict[str, torch.Tensor], parameters: list[nn.Parameter]) -> dict[int, dict[str, torch.Tensor]]:
    """AdamW's tensors by the parameter's number; ValueError if one is missing, strange, or of another shape."""
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimiser":
            number, _, slot = rest.partition(".")
            slots.setdefault(int(number), {})[slot] = value
        elif kind != "model":
            raise ValueError(f"no tensor is called {name!r}")
    for index, kept in slots.items():
        if sorted(kept) != list(_SLOTS):
            raise ValueError(f"optimiser.{index} has {', '.join(sorted(kept))} instead of {', '.join(_SLOTS)}")
        for slot in ("exp_avg", "exp_avg_sq"):
            if kept[slot].shape != parameters[index].shape:
                expected, found = tuple(parameters[index].shape), tuple(kept[slot].shape)
                raise ValueError(f"optimiser.{index}.{slot}: expected {expected}, got {found}")
    return slots


def save_weights(path: Path, model: nn.Module) -> None:
    """Write the weights of a model that are not frozen, atomically.

    raises  OutputError  if they cannot be written
    """
    weights = {name: _on_cpu(value) for name, value in _learned(model).items()}
    write_atomically(path, lambda part: _save(weights, part))


def load_weights(path: Path, model: nn.Module) -> None:
    """Put weights that `save_weights` wrote back into the model.

    raises  CheckpointError  if the file is missing, damaged or does not fit
    """
    try:
        _take(model, safetensors.torch.load(read_regular(path, MOST_BYTES[WEIGHTS])))
    except _DAMAGE as error:
        raise _damaged(path, error) from error


def weights_writer(model: nn.Module) -> Callable[[Path], None]:
    """What writes all parameters and buffers to a path, from where they lie if that is the CPU."""
    return lambda path: _save({name: _on_cpu(value) for name, value in model.state_dict().items()}, path)


def _save(tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file without a copy of it in memory. Raises OSError if it cannot be written."""
    try:
        safetensors.torch.save_file(tensors, path, metadata=metadata)
    except safetensors.SafetensorError as error:  # as it tells of a disk that is full
        raise OSError(errno.EIO, str(error)) from error


def frozen_hash(model: nn.Module) -> str:
    """SHA-256 over the names and values of a model's frozen parameters; those of two runs tell one from the other."""
    frozen = ((name, value) for name, value in model.named_parameters() if not value.requires_grad)
    return tensors_hash(frozen)


def tensors_hash(tensors: Iterable[tuple[str, torch.Tensor]], before: bytes = b"") -> str:
    """SHA-256 over names and values of tensors in their order, and over what is said before them."""
    digest = hashlib.sha256(before)
    for name, value in tensors:
        digest.update(name.encode())
        digest.update(_on_cpu(value).reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _learned(model: nn.Module) -> dict[str, torch.Tensor]:
    """Everything that is not a frozen parameter, buffers included."""
    frozen = {name for name, value in model.named_parameters() if not value.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def _take(model: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Put learned weights back; ValueError if they are not exactly those that the model has."""
    expected = _learned(model).keys()
    if weights.keys() != expected:
        raise ValueError(f"{len(weights)} weights instead of {len(expected)}")
    model.load_state_dict(weights, strict=False)


def _on_cpu(value: torch.Tensor) -> torch.Tensor:
    return value.detach().cpu().contiguous()


_DAMAGE: tuple[type[Exception], ...] = (
    safetensors.SafetensorError,
    OSError,
    RuntimeError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)
"""What reading a state may raise when its content is not what `save_state` writes."""


def _damaged(path: Path, error: Exception) -> CheckpointError:
    if isinstance(error, OSError):
        return CheckpointError(f"{path}: cannot be read ({error.strerror or error})")
    return CheckpointError(
        f"{path}: damaged ({type(error).__name__}: {error})", hint="delete it to start the run again"
    )


def keep_finished(work: Path) -> None:
    """Call a state that of a finished run, for more epochs later.

    raises  OutputError  if that cannot be done
    """
    state = work / STATE
    if state.is_file():
        try:
            state.replace(work / FINISHED)
        except OSError as error:
            raise OutputError(f"{state}: cannot be renamed ({error.strerror or error})") from error


def remove_state(work: Path) -> None:
    """Remove a state and the weights beside it, if there are any."""
    (work / STATE).unlink(missing_ok=True)
    (work / BEST).unlink(missing_ok=True)
