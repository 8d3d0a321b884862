"""How much of a JPEG that ends early is really there.

libjpeg fills what is missing with grey and says nothing; Pillow either refuses the file or, with its global
switch, hands out the grey. Here the file is decoded twice, once as if it ended where it ends and once with a
few arbitrary bytes after that point. Whatever depends on missing data comes out differently, so the rows
above the first difference are picture, exactly, for any subsampling and at any decoding scale.

A progressive file brings the whole picture coarsely first and refines it: cut in a later scan, it has every
row. It counts as picture if the coarse version is as good as what is judged anyway.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

import numpy as np

from iqa_cli.photos.costs import affordable
from iqa_cli.photos.jpeg_decoder import load

if TYPE_CHECKING:
    from PIL import Image

    from iqa_cli.photos.jpeg import JpegLayout

# Judged when at least this share of the rows is there; global tone is then that of the whole picture, the
# last twentieth of a phone photo being ground or table.
MIN_SHARE = 0.95

# Fixed, so that the same file gives the same answer; without 0xFF, which would be read as a marker. Several
# blocks' worth, because one block may by chance decode to the same grey.
_TAIL = bytes((37 * n * n + 91 * n + 17) % 251 for n in range(1, 97))

# Block averages alone are an eighth of the size. From this long side on they are no worse than a thumbnail.
_COARSE_LONG_SIDE = 256

# Highest coefficient that must be complete in a smaller picture: 0..5 are the six lowest frequencies, which
# is the first refinement that common encoders write (libjpeg's default script).
_FIRST_REFINEMENT = 5

# Grey as libjpeg fills it in; 127 where CMYK is stored inverted.
_FILLING = frozenset({127, 128})

_BAND_ROWS = 64


@dataclasses.dataclass(frozen=True, slots=True)
class CutPicture:
    """A decoded picture of which the lower part may be missing."""

    image: Image.Image
    """As decoded; rows from `rows` on are libjpeg's filling."""
    rows: int
    """Rows from the top that are picture."""
    share: float
    """Share of the picture that is there, 0..1: the whole rows and the begun row of blocks below them."""
    is_coarse: bool = False
    """Whether later scans, which bring the finest detail, are missing or cut."""
    is_too_coarse: bool = False
    """Whether so much detail is missing that the picture says less than a thumbnail."""
    complaint: str | None = None
    """As in `jpeg_decoder.Decoded`; of a file that is cut the decoder complains anyway."""

    @property
    def percent(self) -> int:
        """The share in whole percent, rounded down: 100 means all of it."""
        return int(100 * self.share)


def looks_filled(image: Image.Image) -> bool:
    """Whether the bottom row is the mid-grey that libjpeg fills in.

    Some tools close a cut file with an end marker, so that it looks whole; only then is the second decoding
    worth its time.
    """
    corner = image.getpixel((0, image.height - 1))
    if not _FILLING.issuperset(corner if isinstance(corner, tuple) else (corner,)):
        return False  # as nearly always, and two hundred times as quick as the whole row
    bottom = np.asarray(image.resize((image.width, 1), box=(0, image.height - 1, *image.size)))
    return bool(np.isin(bottom, list(_FILLING)).all())


def measure(layout: JpegLayout, mode: Literal["scaled", "full"], *, short_side: int = 0) -> CutPicture:
    """Decode a picture whose data end early and find how many of its rows are real.

    layout      at least one scan
    short_side  as in `jpeg_decoder.load`
    returns  the picture; `rows` is 0 if a colour component is missing altogether
    raises   ExcessError  if it takes too much to decode it twice
    raises   whatever Pillow raises if there is nothing to decode

    A picture of which two do not fit into memory is decoded at a fraction of its size, whatever `mode` says.
    """
    mode, short_side = affordable(layout, mode, pictures=2, short_side=short_side)
    decoded = load(layout, mode, short_side=short_side)
    image = decoded.image
    arrived = frozenset[int]().union(*(scan.components for scan in layout.scans if scan.is_first))
    if not layout.components <= arrived:
        return CutPicture(image, 0, 0.0)
    other = load(layout, mode, _TAIL, short_side=short_side).image
    difference = _first_difference(image, other)
    is_cut = difference is not None
    in_first_pass = layout.scans[-1].is_first
    is_coarse = not _has_all_detail(layout) or (is_cut and not in_first_pass)
    is_too_coarse = is_coarse and not _detail_suffices(layout)
    if difference is None or not in_first_pass:
        return CutPicture(image, image.height, 1.0, is_coarse, is_too_coarse, decoded.complaint)
    rows, columns = difference
    begun = min(image.height - rows, layout.block_rows * image.height / layout.height)
    across = columns / image.width
    return CutPicture(image, rows, (rows + begun * across) / image.height, is_coarse, is_too_coarse)


def _first_difference(one: Image.Image, other: Image.Image) -> tuple[int, int] | None:
    """The uppermost row in which two pictures of one size differ, and its first pixel that does.

    Band by band: as arrays, two large pictures would take as much memory again.
    """
    width, height = one.size
    for top in range(0, height, _BAND_ROWS):
        box = (0, top, width, min(height, top + _BAND_ROWS))
        bands = [np.asarray(image.crop(box)) for image in (one, other)]
        if not np.array_equal(bands[0], bands[1]):
            differs = (bands[0] != bands[1]).reshape(box[3] - top, width, -1).any(axis=2)  # (rows, W)
            row = int(differs.any(axis=1).argmax())
            return top + row, int(differs[row].argmax())
    return None


def _has_all_detail(layout: JpegLayout) -> bool:
    """Whether the scans bring every coefficient of every component to its last bit."""
    final = {(c, k) for scan in layout.scans if scan.is_final for c in scan.components for k in scan.coefficients}
    return len(final) >= 64 * len(layout.components)


def _detail_suffices(layout: JpegLayout) -> bool:
    if max(layout.width, layout.height) >= 8 * _COARSE_LONG_SIDE:
        return True
    refinements = (scan for scan in layout.scans[:-1] if not scan.is_first)
    return any(_FIRST_REFINEMENT in scan.coefficients for scan in refinements)
