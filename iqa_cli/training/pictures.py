"""Labelled photographs as arrays: decoded once, squashed to the model's input, with what is known of each."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from iqa_cli.errors import OutputError
from iqa_cli.labels import image_path
from iqa_cli.models.prepare import views
from iqa_cli.photos.decode import read_photo
from iqa_cli.records import PhotoRef, Unreadable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.labels import LabelTable

IN_MEMORY = 2 * 1024**3
"""Bytes of decoded pictures up to which they are held in memory; more lie in a file that the system pages in."""
_CHUNK = 256
"""Photographs decoded before they are written to their place."""


@dataclasses.dataclass(frozen=True, eq=False)
class Pictures:
    """n labelled photographs, all readable."""

    names: tuple[str, ...]
    """As the label table writes them."""
    pixels: Tensor
    """(n, 3, S, S) uint8; (n, V, 3, S, S) if they are judged in several views, the whole picture first."""
    positions: Tensor
    """(n, L) int64 zero-based levels, -1 where the level is not known exactly."""
    allowed: Tensor
    """(n, C) bool."""

    def __len__(self) -> int:
        """Photographs, n."""
        return len(self.names)

    def decided(self, graph: HexGraph) -> Tensor:
        """(n, L) int64 positions where one level alone is allowed, -1 elsewhere: a weak zero is known and decides
        nothing.
        """
        n_open = torch.stack([cells.sum(1) for cells in torch.split(self.allowed, list(graph.n_levels), 1)], 1)
        return torch.where(n_open == 1, self.positions, -1)

    @functools.cached_property
    def content_hash(self) -> str:
        """SHA-256 over names, pixels and labels: tells whether two runs saw the same. Computed once."""
        digest = hashlib.sha256("\n".join(self.names).encode(errors="surrogatepass"))
        for chunk in torch.split(self.pixels, _CHUNK):
            digest.update(chunk.contiguous().numpy().tobytes())
        digest.update(self.allowed.numpy().tobytes())
        return digest.hexdigest()


def load_pictures(
    table: LabelTable,
    rows: Sequence[int],
    folder: Path,
    graph: HexGraph,
    preprocessing: Preprocessing,
    work: Path,
) -> tuple[Pictures, tuple[tuple[str, str], ...]]:
    """Decode the photographs of some rows of a table.

    folder   that the names are in
    preprocessing  how they are made ready, in as many views as it says
    work     folder with room for the pixels if they are more than `IN_MEMORY` bytes
    returns  the readable ones in the order of `rows`, and (name, reason) of the others
    raises   OutputError  if there is no room for them
    """
    size, side = preprocessing.size, preprocessing.largest_side
    several = () if preprocessing.views is None else (preprocessing.n_views,)
    pixels = _room((len(rows), *several, 3, size, size), work)
    kept: list[int] = []
    unreadable: list[tuple[str, str]] = []

    def seen(row: int) -> NDArray[np.uint8] | Unreadable:
        path = image_path(folder, table.names[row])
        photo, _ = read_photo(PhotoRef(path, table.names[row]), side=side)
        if isinstance(photo, Unreadable):
            return photo
        shown = views(photo.rgb if photo.large is None else photo.large, preprocessing)
        return shown.transpose(0, 3, 1, 2).reshape(pixels.shape[1:])

    with ThreadPoolExecutor() as pool:
        for first in range(0, len(rows), _CHUNK):
            chunk = rows[first : first + _CHUNK]
            for row, picture in zip(chunk, pool.map(seen, chunk), strict=True):
                if isinstance(picture, Unreadable):
                    unreadable.append((table.names[row], picture.reason))
                else:
                    pixels[len(kept)] = picture
                    kept.append(row)
    pictures = Pictures(
        names=tuple(table.names[row] for row in kept),
        pixels=torch.from_numpy(pixels[: len(kept)]),
        positions=torch.from_numpy(table.known_positions[kept]),
        allowed=torch.from_numpy(table.allowed(graph)[kept]),
    )
    return pictures, tuple(unreadable)


def _room(shape: tuple[int, ...], work: Path) -> NDArray[np.uint8]:
    """Room for uint8, in memory or in a file of this process alone that goes when the process does."""
    total = int(np.prod(shape, dtype=np.int64))
    if total <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    try:
        with tempfile.TemporaryFile(dir=work) as stream:
            if hasattr(os, "posix_fallocate"):
                # A mapped page that finds the disk full ends the process without a word.
                os.posix_fallocate(stream.fileno(), 0, total)
            return np.memmap(stream, np.uint8, "r+" if hasattr(os, "posix_fallocate") else "w+", shape=shape)
    except OSError as error:
        raise OutputError(
            f"{work}: no room for {total / 1e9:.1f} GB of decoded photographs ({error.strerror or error})",
            hint="make room there, or name another folder in [run] work",
        ) from error
