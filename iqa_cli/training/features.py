"""Features of a frozen visual tower, computed once and kept: a head then trains in minutes on a laptop.

The file is safetensors, its name the hash of everything the features depend on: the tower, the preprocessing, and the
pixels. Another tower or another picture gives another name, so a file that is there is right.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import safetensors
import safetensors.torch
import torch

from iqa_cli.training.data import WHOLE, Share
from iqa_cli.training.distributed import gathered, put_together
from iqa_cli.training.state import tensors_hash
from iqa_cli.writing import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from iqa_cli.models.tone_model import ToneModel
    from iqa_cli.training.pictures import Pictures

_BATCH = {"cuda": 64, "cpu": 32}
"""Pictures that go through the tower at once. On a processor 64 of ViT-B/32 take 8 CPU seconds and 300 MB; 32 take half
the memory and a tenth more time, 16 a third more.
"""
_KEY = "features"


def tower_hash(model: ToneModel) -> str:
    """SHA-256 over the visual tower's architecture and weights, and the preprocessing."""
    # The same weights behind another activation are another tower.
    about = json.dumps([model.architecture, repr(model.preprocessing)], sort_keys=True)
    parts = [part for part in (model.clip.visual, model.statistics, model.scene) if part is not None]
    return tensors_hash((entry for part in parts for entry in sorted(part.state_dict().items())), about.encode())


def frozen_features(
    model: ToneModel,
    tower: str,
    pictures: Pictures,
    folder: Path,
    device: torch.device,
    *,
    mirrored: bool = False,
    share: Share = WHOLE,
) -> Tensor:
    """Features of pictures, from the file in `folder` if they are there, else computed and written to it.

    tower     `tower_hash` of the model
    pictures  n of them, perhaps in several views, whose mean features are given; each process computes those of the
              pictures that it has
    mirrored  whether the features are those of the pictures mirrored, which are never all in memory
    share     which process this is; the first one writes the file, whose name does not tell how many there were
    returns   (n, D) float32 on the CPU, the same in every process
    raises    OutputError  if the file cannot be written
    """
    digest = hashlib.sha256(tower.encode())
    digest.update(b"mirrored" if mirrored else b"")
    digest.update(pictures.hashes.numpy().tobytes())
    path = folder / f"features-{digest.hexdigest()[:16]}.safetensors"
    known = _read(path, len(pictures))
    # All or none: a machine may have no look into the folder of another.
    if all(gathered(known is not None, share)) and known is not None:
        return known
    was_training = model.training
    model.eval()
    with torch.no_grad():
        computed = [
            model.encoded(model.prepared((chunk.flip(-1) if mirrored else chunk).to(device))).cpu()
            for chunk in torch.split(pictures.pixels, _BATCH[device.type])
            if len(chunk)
        ]
    model.train(was_training)
    width = max(gathered(computed[0].shape[1] if computed else 0, share))
    own = torch.cat(computed) if computed else torch.empty(0, width)
    whole = put_together(own, pictures.places, share)
    if share.rank == 0:
        write_atomically(path, safetensors.torch.save({_KEY: whole}))
    return whole


def _read(path: Path, count: int) -> Tensor | None:
    """The features of a file; None if there is none, or a damaged one: it is only a cache."""
    try:
        kept = safetensors.torch.load_file(path)[_KEY]
    except (OSError, KeyError, safetensors.SafetensorError):
        return None
    return kept if kept.ndim == 2 and len(kept) == count else None
