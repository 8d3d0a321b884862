"""Good photographs for the tone ladder: loaded once, split before anything else.

Axes: M photographs, P side in pixels.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from sklearn.model_selection import GroupShuffleSplit
from torch import Tensor

from iqa_cli.errors import ConfigError
from iqa_cli.models.prepare import squash
from iqa_cli.photos.decode import read_photo
from iqa_cli.photos.discover import discover
from iqa_cli.records import Unreadable
from iqa_cli.training.likeness import scenes
from iqa_cli.training.severity import CLIPPED, second_highest
from iqa_cli.training.tone import linear_from_srgb8, lstar_from_luminance, weighted_rec709

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from iqa_cli.records import PhotoRef


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


def load_photographs(
    folder: Path, side: int, key: str = "data.ladder", least: int = 2, only: Collection[str] | None = None
) -> Photographs:
    """Every photograph of a folder, whole, as a square of `side` pixels.

    key     of the config, for messages
    least   photographs that are needed
    only    names of those that are read; None reads all

    raises  ConfigError  if the folder does not exist or holds fewer than `least` readable photographs
    """
    if not folder.is_dir():
        raise ConfigError(f"{key}: {folder}: no such folder", hint="give a folder of photographs")
    found = [ref for ref in discover([folder]).photos if only is None or _name(ref, folder) in only]

    def squashed(ref: PhotoRef) -> NDArray[np.uint8] | Unreadable:
        photo, _ = read_photo(ref, side=side)
        if isinstance(photo, Unreadable):
            return photo
        return squash(photo.largest, side)

    with ThreadPoolExecutor() as pool:
        read = list(zip((_name(ref, folder) for ref in found), pool.map(squashed, found), strict=True))
    kept = [(name, picture) for name, picture in read if not isinstance(picture, Unreadable)]
    if len(kept) < least:
        raise ConfigError(f"{key}: {folder}: {len(kept)} readable photographs, at least {least} are needed")
    stacked = np.stack([picture for _, picture in kept])
    return Photographs(
        names=tuple(name for name, _ in kept),
        pictures=torch.from_numpy(stacked).permute(0, 3, 1, 2).contiguous(),
        unreadable=tuple((name, picture.reason) for name, picture in read if isinstance(picture, Unreadable)),
    )


def _name(ref: PhotoRef, folder: Path) -> str:
    """The path inside the folder, as it is shown: it goes into the card."""
    return Path(ref.source_file).relative_to(folder).as_posix()


def split(photographs: Photographs, holdout: float, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Indices of photographs for training, for validation and for the test; frames of one scene stay together.

    holdout  share of the scenes for validation and test together, half of it for each; above 0 and below 1
    returns  three (m,) int64, disjoint, ascending
    raises   ConfigError  if there are too few scenes for all three
    """
    groups = scenes(photographs.pictures)
    n_scenes = int(groups.max()) + 1
    # The splitter rounds the held-out side up.
    if not 2 <= math.ceil(holdout * n_scenes) < n_scenes:
        raise ConfigError(
            f"data.ladder: {len(photographs.names)} photographs of {n_scenes} scene(s) cannot be split with "
            f"holdout = {holdout:g}",
            hint="add photographs of other scenes, or change holdout; two scenes at least are held out",
        )
    training, held_out = _halves(groups, holdout, seed)
    validation, test = (held_out[part] for part in _halves(groups[held_out], 0.5, seed))
    return torch.from_numpy(training), torch.from_numpy(validation), torch.from_numpy(test)


def is_plainly_good(pictures: Tensor) -> Tensor:
    """Which photographs leave no doubt about their own tone, (M,) bool.

    The limits are those beyond which, of photographs whose faults are known, hardly any was called normal; a quarter of
    a mixed collection of well-exposed ones lies beyond one of them.

    pictures  (M, 3, P, P) uint8
    """
    return torch.cat([_plainly_good(part) for part in torch.split(pictures, 128)])


def _plainly_good(pictures: Tensor) -> Tensor:
    lstar = lstar_from_luminance(weighted_rec709(linear_from_srgb8(pictures))).flatten(1)
    clipped = (second_highest(pictures) >= CLIPPED).flatten(1).float().mean(1)
    shadows = (lstar < 10).float().mean(1)
    blacks = lstar.quantile(0.05, dim=1)
    flat = (blacks > 28) | ((blacks > 20) & (lstar.std(1) < 15))
    return (shadows <= 0.12) & ~flat & (clipped <= 0.03) & (lstar.mean(1) <= 62)


def _halves(groups: NDArray[np.int32], share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ascending places of two sides, the second one of a `share` of the groups."""
    splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    first, second = next(splitter.split(groups, groups=groups))
    return np.sort(first), np.sort(second)
