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

from iqa_cli.writing import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from iqa_cli.models.tone_model import ToneModel

_BATCH = 64
_KEY = "features"


def tower_hash(model: ToneModel) -> str:
    """SHA-256 over the visual tower's architecture and weights, and the preprocessing."""
    # The same weights behind another activation are another tower.
    digest = hashlib.sha256(json.dumps([model.architecture, repr(model.preprocessing)], sort_keys=True).encode())
    for part in (model.clip.visual, model.statistics, model.scene):
        for name, value in sorted(part.state_dict().items() if part is not None else ()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()


def frozen_features(
    model: ToneModel,
    tower: str,
    pictures: Tensor,
    folder: Path,
    device: torch.device,
    *,
    mirrored: bool = False,
    keep: bool = True,
) -> Tensor:
    """Features of pictures, from the file in `folder` if they are there, else computed and written to it.

    tower     `tower_hash` of the model
    pictures  (n, 3, S, S) uint8, or (n, V, 3, S, S) views, whose mean features are given
    mirrored  whether the features are those of the pictures mirrored, which are never all in memory
    keep      whether what was computed is written; of several processes one is enough
    returns   (n, D) float32 on the CPU
    raises    OutputError  if the file cannot be written
    """
    digest = hashlib.sha256(tower.encode())
    digest.update(b"mirrored" if mirrored else b"")
    for chunk in torch.split(pictures, _BATCH):
        digest.update(chunk.contiguous().numpy().tobytes())
    path = folder / f"features-{digest.hexdigest()[:16]}.safetensors"
    known = _read(path, len(pictures))
    if known is not None:
        return known
    was_training = model.training
    model.eval()
    with torch.no_grad():
        computed = torch.cat(
            [
                model.encoded(model.prepared((chunk.flip(-1) if mirrored else chunk).to(device))).cpu()
                for chunk in torch.split(pictures, _BATCH)
            ]
        )
    model.train(was_training)
    if keep:
        write_atomically(path, safetensors.torch.save({_KEY: computed}))
    return computed


def _read(path: Path, count: int) -> Tensor | None:
    """The features of a file; None if there is none, or a damaged one: it is only a cache."""
    try:
        kept = safetensors.torch.load_file(path)[_KEY]
    except (OSError, KeyError, safetensors.SafetensorError):
        return None
    return kept if kept.ndim == 2 and len(kept) == count else None
