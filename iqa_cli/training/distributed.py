"""Several processes on one run, started by torchrun: each takes its share of an epoch, gradients are averaged.

    torchrun --nproc-per-node 2 -m iqa_cli train --config run.toml

The launcher is torch's own (`torch.distributed.run`); nothing here starts a process. Without it a run is one process
and none of these functions does anything.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import distributed

from iqa_cli.errors import InvalidInput
from iqa_cli.training.data import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor, nn

Value = TypeVar("Value")


def launched_share() -> Share:
    """This process's share, as the launcher's environment tells it; the whole without a launcher."""
    return Share(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def local_device(device: torch.device) -> torch.device:
    """`cuda` becomes the GPU of this process among those of its machine."""
    own = os.environ.get("LOCAL_RANK")
    return torch.device(f"cuda:{int(own)}") if str(device) == "cuda" and own is not None else device


def join(share: Share, device: torch.device) -> None:
    """Meet the other processes. What is exchanged lies on the CPU, but for gradients and weights on a GPU."""
    if share.world == 1 or distributed.is_initialized():
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")


def leave(share: Share) -> None:
    """Part from the other processes, if they met."""
    if share.world > 1 and distributed.is_initialized():
        distributed.destroy_process_group()


def gathered(value: Value, share: Share) -> list[Value]:
    """A plain value of every process, in all of them."""
    if share.world == 1:
        return [value]
    values: list[Any] = [None] * share.world
    distributed.all_gather_object(values, value)
    return values


def found_anywhere(found: list[str], share: Share) -> list[str]:
    """What any of the processes found, each once."""
    return list(dict.fromkeys(itertools.chain.from_iterable(gathered(found, share))))


def from_first(value: Value, share: Share) -> Value:
    """A plain value of the first process, in all of them."""
    if share.world == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values, 0)
    return values[0]


def by_first(make: Callable[[], Value], share: Share) -> Value:
    """What the first process makes, a plain value, in all of them.

    raises  InvalidInput  in all of them if it is raised in the first
    """
    made: Value | None = None
    refused: InvalidInput | None = None
    if share.rank == 0:
        try:
            made = make()
        except InvalidInput as error:
            if share.world == 1:
                raise
            refused = error
    told = None if refused is None else (refused.message, refused.problems, refused.hint)
    made, told = from_first((made, told), share)
    if refused is not None:
        raise refused
    if told is not None:
        raise InvalidInput(told[0], problems=told[1], hint=told[2])
    return cast("Value", made)


def put_together(rows: Tensor, places: Tensor, share: Share) -> Tensor:
    """The rows that the processes have, as one would have them.

    rows     (m, ...) on the CPU, of this process; m may be 0 and another number in each
    places   (m,) int64, where they belong; over all processes every place from 0 on once
    returns  (n, ...), the same in every process
    """
    sizes = gathered(len(rows), share)
    whole = rows.new_empty((sum(sizes), *rows.shape[1:]))
    if share.world == 1:
        whole[places] = rows
        return whole
    is_flag = rows.dtype == torch.bool  # which gloo does not send
    sent = rows.to(torch.uint8) if is_flag else rows
    for part, at in zip(_all(sent, sizes), _all(places, sizes), strict=True):
        whole[at] = part.bool() if is_flag else part
    return whole


def _all(rows: Tensor, sizes: list[int]) -> list[Tensor]:
    """Rows of every process, of which there are so many in each."""
    # All send as many: who has fewer sends zeros after them.
    own = rows.new_zeros((max(sizes), *rows.shape[1:]))
    own[: len(rows)] = rows
    parts = [torch.empty_like(own) for _ in sizes]
    distributed.all_gather(parts, own)
    return [part[:size] for part, size in zip(parts, sizes, strict=True)]


@torch.no_grad()
def same_state(model: nn.Module, share: Share) -> None:
    """Give all processes the weights and buffers of the first one's model."""
    if share.world > 1:
        _as_first(model.parameters())
        _as_first(model.buffers())


@torch.no_grad()
def same_buffers(model: nn.Module, share: Share) -> None:
    """Give all processes the batch statistics of the first one's model; each has gathered its own."""
    if share.world > 1:
        _as_first(model.buffers())


def _as_first(values: Iterable[Tensor]) -> None:
    for value in values:
        sent = value.detach().contiguous()  # convolutions lie otherwise
        distributed.broadcast(sent, 0)
        value.copy_(sent)


def anywhere(flag: bool, share: Share, device: torch.device) -> bool:
    """Whether something is so in any of the processes."""
    if share.world == 1:
        return flag
    found = torch.tensor(int(flag), device=device)
    distributed.all_reduce(found, distributed.ReduceOp.MAX)
    return bool(found.item())
