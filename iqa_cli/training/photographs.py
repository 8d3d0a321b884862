"""Good photographs for the tone ladder: loaded once, split before anything else.

Axes: M photographs, P side in pixels.
"""

from __future__ import annotations

import dataclasses
import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupShuffleSplit
from torch import Tensor

from iqa_cli.errors import ConfigError
from iqa_cli.models.prepare import squash
from iqa_cli.photos.decode import read_photo
from iqa_cli.photos.discover import discover
from iqa_cli.records import Photo

if TYPE_CHECKING:
    from pathlib import Path

_SAME_SCENE = 0.9
"""Correlation of 16x16 luma above which two photographs count as one scene; unrelated ones stay below 0.85."""


@dataclasses.dataclass(frozen=True)
class Photographs:
    """Decoded photographs of a folder."""

    names: tuple[str, ...]
    """Paths relative to the folder, M of them, sorted."""
    pictures: Tensor
    """(M, 3, P, P) uint8, squashed."""
    unreadable: tuple[tuple[str, str], ...]
    """Files that were left out, with the reason."""

    def content_hash(self) -> str:
        """SHA-256 over names and pixels: tells whether two runs saw the same photographs."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(self.pictures.numpy().tobytes())
        return digest.hexdigest()


def load_photographs(folder: Path, side: int) -> Photographs:
    """Every photograph of a folder, whole, as a square of `side` pixels.

    raises  ConfigError  if the folder does not exist or holds fewer than two readable photographs
    """
    if not folder.is_dir():
        raise ConfigError(f"data.ladder: {folder}: no such folder", hint="give a folder of well-exposed photographs")
    found = discover([folder]).photos
    with ThreadPoolExecutor() as pool:
        read = list(pool.map(lambda ref: read_photo(ref)[0], found))
    kept: list[tuple[str, Photo]] = []
    unreadable: list[tuple[str, str]] = []
    for ref, photo in zip(found, read, strict=True):
        name = ref.path.relative_to(folder).as_posix()
        if isinstance(photo, Photo):
            kept.append((name, photo))
        else:
            unreadable.append((name, photo.reason))
    if len(kept) < 2:
        raise ConfigError(f"data.ladder: {folder}: {len(kept)} readable photographs, at least 2 are needed")
    stacked = np.stack([squash(photo.rgb, side) for _, photo in kept])
    return Photographs(
        names=tuple(name for name, _ in kept),
        pictures=torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous(),
        unreadable=tuple(unreadable),
    )


def split(photographs: Photographs, holdout: float, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of photographs for training and for judging; frames of one scene stay together.

    returns  two (m,) int64, disjoint, ascending
    """
    groups = _scenes(photographs.pictures)
    splitter = GroupShuffleSplit(n_splits=1, test_size=holdout, random_state=seed)
    training, held_out = next(splitter.split(groups, groups=groups))
    return torch.from_numpy(np.sort(training)), torch.from_numpy(np.sort(held_out))


def _scenes(pictures: Tensor) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """A scene number per photograph: near-identical frames, such as brackets and bursts, share one."""
    luma = pictures.float().mean(1, keepdim=True)
    small = torch.nn.functional.adaptive_avg_pool2d(luma, 16).flatten(1)
    centred = small - small.mean(1, keepdim=True)
    unit = torch.nn.functional.normalize(centred, dim=1)
    same = (unit @ unit.T).numpy() > _SAME_SCENE
    numbers: np.ndarray[tuple[int], np.dtype[np.int32]] = connected_components(csr_array(same), directed=False)[1]
    return numbers
