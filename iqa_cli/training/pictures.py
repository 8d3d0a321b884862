"""Labelled photographs as arrays: decoded once, squashed to the model's input, with what is known of each."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import tempfile
from typing import TYPE_CHECKING

import numpy as np
import torch

from iqa_cli.errors import OutputError, StoreError
from iqa_cli.models.prepare import views
from iqa_cli.photos.decode import read_photo
from iqa_cli.records import Unreadable
from iqa_cli.training.data import WHOLE, Share
from iqa_cli.training.distributed import gathered

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.labels import Images, LabelTable
    from iqa_cli.records import PhotoRef, StoredPhoto

IN_MEMORY = 2 * 1024**3
"""Bytes of decoded pictures up to which they are held in memory; more lie in a file that the system pages in."""


@dataclasses.dataclass(frozen=True, eq=False)
class Pictures:
    """n labelled photographs, all readable; of m of them this process has the pixels."""

    names: tuple[str, ...]
    """As the label table writes them, n."""
    positions: Tensor
    """(n, L) int64 zero-based levels, -1 where the level is not known exactly."""
    allowed: Tensor
    """(n, C) bool."""
    hashes: Tensor
    """(n, 32) uint8, SHA-256 of each one's pixels."""
    pixels: Tensor
    """(m, 3, S, S) uint8; (m, V, 3, S, S) if they are judged in several views, the whole picture first."""
    places: Tensor
    """(m,) int64 ascending, which of the n they are of: all, or this process's share."""
    fewest: int
    """m of the process that has the fewest."""

    def __len__(self) -> int:
        """Photographs, n."""
        return len(self.names)

    @property
    def is_whole(self) -> bool:
        """Whether the pixels of all are here."""
        return len(self.places) == len(self)

    @functools.cached_property
    def _rows(self) -> Tensor:
        """(n,) int64, the row of each one's pixels; -1 for those of other processes."""
        rows = torch.full((len(self),), -1)
        rows[self.places] = torch.arange(len(self.places))
        return rows

    def pixels_of(self, places: Tensor) -> Tensor:
        """(B, 3, S, S) or (B, V, 3, S, S) uint8 of some that this process has, by their places (B,)."""
        return self.pixels[self._rows[places]]

    def are_here(self, places: Tensor) -> Tensor:
        """(B,) bool, whether this process has the pixels."""
        return self._rows[places] >= 0

    def without_pixels(self) -> Pictures:
        """What is known of them alone, once nobody looks at them any more."""
        return dataclasses.replace(self, pixels=self.pixels[:0].clone(), places=self.places[:0])

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
        digest.update(self.hashes.numpy().tobytes())
        digest.update(self.allowed.numpy().tobytes())
        return digest.hexdigest()


def load_pictures(
    table: LabelTable,
    rows: Sequence[int],
    images: Images,
    graph: HexGraph,
    preprocessing: Preprocessing,
    work: Path,
    share: Share = WHOLE,
) -> tuple[Pictures, tuple[tuple[str, str], ...]]:
    """Decode the photographs of some rows of a table.

    images   where the photographs are
    preprocessing  how they are made ready, in as many views as it says
    work     folder with room for the pixels if they are more than `IN_MEMORY` bytes
    share    whose pixels are wanted; each process decodes and hashes its own, and learns of the others what there is
    returns  the readable ones in the order of `rows`, and (name, reason) of the others
    raises   OutputError  if there is no room for them
             StoreError   in all processes, if a bucket does not give one of them an object as it was listed
    """
    size, side = preprocessing.size, preprocessing.largest_side
    several = () if preprocessing.views is None else (preprocessing.n_views,)
    own = [rows[place] for place in share.among(len(rows)).tolist()]
    pixels = _room((len(own), *several, 3, size, size), work)
    kept: list[int] = []
    hashes: list[bytes] = []
    unreadable: list[tuple[int, str]] = []

    def seen(source: PhotoRef | StoredPhoto) -> tuple[NDArray[np.uint8], bytes] | Unreadable:
        photo, _ = read_photo(source, side=side)
        if isinstance(photo, Unreadable):
            return photo
        shown = views(photo.largest, preprocessing)
        picture = np.ascontiguousarray(shown.transpose(0, 3, 1, 2)).reshape(pixels.shape[1:])
        return picture, hashlib.sha256(picture.data).digest()

    failure: StoreError | None = None
    try:
        for row, picture in zip(own, images.each([table.names[row] for row in own], seen), strict=True):
            if isinstance(picture, Unreadable):
                unreadable.append((row, picture.reason))
            else:
                pixels[len(kept)], digest = picture
                kept.append(row)
                hashes.append(digest)
    except StoreError as error:
        failure = error  # the others would wait for ever for what this process has
    failures = [found for found in gathered(failure, share) if found is not None]
    if failures:
        raise failures[0]
    order = {row: place for place, row in enumerate(rows)}
    found = gathered((kept, hashes, unreadable), share)
    whole = sorted(
        ((row, digest) for part, digests, _ in found for row, digest in zip(part, digests, strict=True)),
        key=lambda entry: order[entry[0]],
    )
    place_of = {row: place for place, (row, _) in enumerate(whole)}
    every = [row for row, _ in whole]
    pictures = Pictures(
        names=tuple(table.names[row] for row in every),
        positions=torch.from_numpy(table.known_positions[every]),
        allowed=torch.from_numpy(table.allowed(graph)[every]),
        hashes=torch.frombuffer(bytearray(b"".join(digest for _, digest in whole)), dtype=torch.uint8).view(-1, 32)
        if whole
        else torch.empty(0, 32, dtype=torch.uint8),
        pixels=torch.from_numpy(pixels[: len(kept)]),
        places=torch.tensor([place_of[row] for row in kept], dtype=torch.int64),
        fewest=min(len(part) for part, _, _ in found),
    )
    failed = sorted((entry for _, _, entries in found for entry in entries), key=lambda entry: order[entry[0]])
    return pictures, tuple((table.names[row], reason) for row, reason in failed)


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
