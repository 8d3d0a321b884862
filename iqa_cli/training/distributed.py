"""Several processes on one run, started by torchrun: each takes its share of an epoch, gradients are averaged.

    torchrun --nproc-per-node 2 -m iqa_cli train --config run.toml

The launcher is torch's own (`torch.distributed.run`); nothing here starts a process. Without it a run is one process
and nothing of this is touched.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import torch
from torch import distributed

from iqa_cli.training.data import Share

if TYPE_CHECKING:
    from collections.abc import Iterator


def launched_share() -> Share:
    """This process's share, as the launcher's environment tells it; the whole without a launcher."""
    return Share(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))


def local_device(device: torch.device) -> torch.device:
    """`cuda` becomes the GPU of this process among those of its machine."""
    own = os.environ.get("LOCAL_RANK")
    return torch.device(f"cuda:{int(own)}") if str(device) == "cuda" and own is not None else device


@contextlib.contextmanager
def process_group(share: Share, device: torch.device) -> Iterator[None]:
    """The group of all processes for as long as the run takes; nothing for one process."""
    if share.world == 1:
        yield
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        distributed.destroy_process_group()


def agreed(flag: bool, share: Share, device: torch.device) -> bool:
    """What the first process decided, in every process."""
    if share.world == 1:
        return flag
    decision = torch.tensor([int(flag)], device=device)
    distributed.broadcast(decision, 0)
    return bool(decision.item())
