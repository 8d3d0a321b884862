"""Folders to measure on: photographs of a given folder, many times over."""

from __future__ import annotations

import dataclasses
import os
import shutil
import warnings
from typing import TYPE_CHECKING

from PIL import Image

from iqa_cli.photos.discover import discover
from iqa_cli.photos.preview import read_preview

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

IN_A_FOLDER = 500
"""Photos per sub-folder."""
LINKS_PER_FILE = 50_000
"""ext4 takes 65,000 names of one file."""


@dataclasses.dataclass(frozen=True)
class Photos:
    """What is in the given folders."""

    everything: tuple[Path, ...]
    """All that `iqa assess` would find, broken or not."""
    large: tuple[Path, ...]
    """JPEG photographs of the size asked for that Pillow decodes."""
    previewed: tuple[Path, ...]
    """Those of `large` that `--decode thumbnail` has a preview of."""


def find(folders: Sequence[Path], megapixels: tuple[float, float]) -> Photos:
    """The photographs of some folders.

    megapixels  the least and the most that a photograph of `large` has
    raises      ValueError     if there is no such photograph
                InvalidInput   if a folder is not there
    """
    everything = tuple(ref.path.resolve() for ref in discover(folders).photos)
    large = tuple(path for path in everything if _is_large_jpeg(path, megapixels))
    if not large:
        low, high = megapixels
        raise ValueError(f"no JPEG photographs of {low:g} to {high:g} megapixels in {', '.join(map(str, folders))}")
    return Photos(everything, large, tuple(path for path in large if read_preview(path).photo is not None))


def _is_large_jpeg(path: Path, megapixels: tuple[float, float]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what it reads all the same
            with Image.open(path, formats=["JPEG"]) as image:
                if not megapixels[0] <= image.width * image.height / 1e6 <= megapixels[1]:
                    return False
                image.draft("RGB", (384, 288))
                image.load()
    except (OSError, SyntaxError):
        return False
    return True


def roll(folder: Path, photos: Sequence[Path], count: int) -> Path:
    """A camera folder of `count` files: the photos in turns, in sub-folders, as hard links to copies of them.

    Copies, because a link changes the times of its file, and the originals are not ours. All links are made before the
    folder is used, because the cache looks at those times.

    returns  the folder
    """
    copies: dict[tuple[int, int], Path] = {}
    originals = folder.parent / f"{folder.name} originals"
    originals.mkdir()
    for number in range(count):
        turn, which = divmod(number, len(photos))
        key = which, turn // LINKS_PER_FILE
        if key not in copies:
            copies[key] = originals / f"{which}_{key[1]}{photos[which].suffix}"
            shutil.copy2(photos[which], copies[key])
            copies[key].chmod(0o600)  # what came from a read-only folder has to be removed again
        place = folder / f"{100 + number // IN_A_FOLDER}BENCH"
        if number % IN_A_FOLDER == 0:
            place.mkdir(parents=True)
        os.link(copies[key], place / f"IMG_{number:06}{photos[which].suffix}")
    return folder


def remove(folder: Path) -> None:
    """Take away what `roll` made."""
    shutil.rmtree(folder)
    shutil.rmtree(folder.parent / f"{folder.name} originals")
