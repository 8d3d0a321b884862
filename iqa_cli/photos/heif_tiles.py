"""A HEIC picture in tiles, and whether its thumbnail shows the same: told from three tiles instead of all.

Cameras code a picture of 12 megapixels as 48 pictures of 512 x 512 (ISO/IEC 23008-12, 6.6.2.3: an item of the type
`grid`). Decoding one takes 10 ms, all of them half a second. What is compared is luma as it is coded, before colours
are converted and before anything is turned. docs/decisions/0139 says how far two of them may be apart, and why.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import struct
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from iqa_cli.photos import damage, heif_thumbnail, isobmff
from iqa_cli.photos.heif import HeifPicture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.photos.files import Windows

logger = logging.getLogger(__name__)

MEAN_TOLERANCE = 5.0
"""Of 255: between the means of a tile and of its place in the thumbnail."""
STRUCTURE_TOLERANCE = 0.25
"""Of the tile's own deviation: the root of the mean square of what differs, means aside, of the two as 4 x 4 cells."""
_LEAST_STRUCTURE = 4.0
"""Of 255: so much may differ in a tile without structure, where coding is what differs."""

_CELLS = 4  # a cell of an iPhone's picture has ten pixels of its thumbnail: how that was made small averages out
_CLIPPED, _BLACK = 250.0, 5.0  # means beyond which a place says nothing of how bright the picture is
_STEP = 4.0  # of 255: places that differ by less are equal, and the one with more coded bytes is taken

_MAX_TILE_BYTES = 4 * 1024 * 1024  # 512 x 512 pixels without any compression take less than a quarter of that
_MAX_TILE_PIXELS = 1024 * 1024
_MAX_TILES = 4096
_ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")


@dataclasses.dataclass(frozen=True, slots=True)
class Grid:
    """A picture that is put together from tiles of one size."""

    size: tuple[int, int]
    """(across, down) pixels of the picture, before it is turned; the last column and row of tiles may reach over it."""
    tile_size: tuple[int, int]
    """(across, down) pixels of a tile."""
    columns: int
    """Tiles side by side."""
    tiles: tuple[tuple[tuple[int, int], ...], ...]
    """Row by row: where in the file each lies."""
    properties: tuple[tuple[bytes, bytes], ...]
    """Of every tile, as `heif_thumbnail.as_file` takes them."""
    items: isobmff.Items
    """Of the file."""

    def box(self, number: int) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of a tile in the picture, in pixels, without what reaches over its edge."""
        row, column = divmod(number, self.columns)
        left, top = column * self.tile_size[0], row * self.tile_size[1]
        return left, top, min(left + self.tile_size[0], self.size[0]), min(top + self.tile_size[1], self.size[1])

    def is_intact(self, file: Windows) -> bool:
        """Whether nothing is seen to be wrong with the data of any tile; see `hevc`. Raises OSError as reading does."""
        places = [span for spans in self.tiles for span in spans]
        first, last = min(places)[0], max(places)[1]
        if last - first <= 2 * sum(end - start for start, end in places):
            file.read(first, last - first)  # at once: what is in this window costs nothing below
        return damage.of_heif(self.items, file.read, file.size) is None

    def agreeing_tiles(self, file: Windows, preview: Image.Image) -> int:
        """How many tiles were compared with a preview and look like their place in it; 0 as soon as one does not.

        preview  of the shape of the picture, as coded, not turned
        raises   OSError as reading does
        """
        luma = preview.convert("L")
        places = [_cells(luma, self._place(number, luma.size)) for number in range(len(self.tiles))]
        chosen = self._choice(places)
        return len(chosen) if all(self._is_alike(file, number, places[number]) for number in chosen) else 0

    def _place(self, number: int, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Where a tile's pixels are in a preview of `size`."""
        across, down = size[0] / self.size[0], size[1] / self.size[1]
        left, top, right, bottom = self.box(number)
        return left * across, top * down, min(right * across, size[0]), min(bottom * down, size[1])

    def _choice(self, places: list[NDArray[np.float64]]) -> list[int]:
        """Which tiles are decoded: the brightest, the darkest, and the one with the most structure, as far as a preview
        shows; three of them, or all there are.
        """
        means = [float(cells.mean()) for cells in places]
        sizes = [sum(last - first for first, last in spans) for spans in self.tiles]
        # Within a step the tile with the most bytes, which has the most to show: a preview that is black all over has
        # no brightest place.
        steps = [round(mean / _STEP) for mean in means]
        structure = [round(float(cells.std()) / _STEP) for cells in places]
        numbers = range(len(places))
        chosen: list[int] = []
        for order, says_nothing in (
            ([(steps[n], sizes[n], -n) for n in numbers], [mean > _CLIPPED for mean in means]),
            ([(-steps[n], sizes[n], -n) for n in numbers], [mean < _BLACK for mean in means]),
            ([(structure[n], sizes[n], -n) for n in numbers], [False for _ in numbers]),
        ):
            left = [number for number in numbers if number not in chosen]
            if left:
                useful = [number for number in left if not says_nothing[number]] or left
                chosen.append(max(useful, key=order.__getitem__))
        return chosen

    def _is_alike(self, file: Windows, number: int, place: NDArray[np.float64]) -> bool:
        coded = b"".join(file.read(first, last - first) for first, last in self.tiles[number])
        try:
            picture = HeifPicture(heif_thumbnail.as_file(self.properties, coded), None)
            if picture.size != self.tile_size:
                return False
            luma = picture.load().image.convert("L")
        except Exception as error:  # noqa: BLE001 - as many types as in `decode`
            logger.debug("a damaged tile: %r", error)
            return False
        left, top, right, bottom = self.box(number)
        tile = _cells(luma, (0, 0, right - left, bottom - top))
        return is_alike(tile, place)


def is_alike(tile: NDArray[np.float64], place: NDArray[np.float64]) -> bool:
    """Whether a tile and its place in a thumbnail show the same: (H, W) luma 0..255 of both, a few cells."""
    differences = place - tile
    mean = float(differences.mean())
    rest = float((differences - mean).std())
    return abs(mean) <= MEAN_TOLERANCE and rest <= max(_LEAST_STRUCTURE, STRUCTURE_TOLERANCE * float(tile.std()))


def has_shape_of(preview: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether (across, down) of a preview are those of a picture, made small and rounded."""
    across, down = size[0] * preview[1] / size[1], size[1] * preview[0] / size[0]
    return min(abs(across - preview[0]), abs(down - preview[1])) <= 1.0


def find_grid(file: Windows, head: bytes, size: tuple[int, int], thumbnail: isobmff.ThumbnailItem) -> Grid | None:
    """The tiles of a picture, if it is a plain one; None for whatever else there is, which is decoded whole.

    head       the file's beginning up to the end of its `meta` box
    size       (across, down) that the picture states, before it is turned
    thumbnail  of the picture: in the colours of its tiles, or a comparison would not mean anything
    raises     ExcessError  for a file with too many boxes; OSError as reading does

    Plain is: nothing is cut off, nothing is transparent, and tiles of HEVC, as many as there are places for, all of one
    size and with one set of properties, each somewhere in the file where no other is.
    """
    items = isobmff.read_items(head)
    if items is None or items.types.get(items.primary) != b"grid" or items.property_of(items.primary, b"clap"):
        return None
    if _has_alpha(items):
        return None
    parts = [to for item, to in items.references[b"dimg"] if item == items.primary]
    layout = _layout(b"".join(file.read(first, last - first) for first, last in _few(items.spans.get(items.primary))))
    if layout is None or len(parts) != 1:
        return None
    rows, columns, output = layout
    (tiles,) = parts
    if output != size or len(tiles) != rows * columns or len(set(tiles)) < len(tiles) or len(tiles) > _MAX_TILES:
        return None
    properties = {items.properties.get(tile, ()) for tile in tiles}
    if any(items.types.get(tile) != b"hvc1" for tile in tiles) or len(properties) != 1:
        return None
    (common,) = properties
    stated = items.property_of(tiles[0], b"ispe")
    if stated is None or len(stated) != 12 or any(kind in isobmff.TURNS for kind, _ in common):
        return None
    across, down = struct.unpack(">4xII", stated)
    if not (_fits(across, columns, size[0]) and _fits(down, rows, size[1]) and across * down <= _MAX_TILE_PIXELS):
        return None
    spans = tuple(items.spans.get(tile, ()) for tile in tiles)
    if not _lie_apart(spans, file.size) or _colours(thumbnail.properties) != _colours_of(items, common):
        return None
    return Grid(size, (across, down), columns, spans, common, items)


def _cells(luma: Image.Image, box: tuple[float, float, float, float]) -> NDArray[np.float64]:
    small = luma.resize((_CELLS, _CELLS), Image.Resampling.BOX, box=box)
    return np.asarray(small, np.float64)


def _has_alpha(items: isobmff.Items) -> bool:
    """Whether a picture that belongs to the primary one is its opacity, or does not say what it is."""
    kinds = [items.property_of(item, b"auxC") for item, to in items.references[b"auxl"] if items.primary in to]
    return any(kind is None or kind[4:].partition(b"\0")[0] in _ALPHA for kind in kinds)


def _few(spans: tuple[tuple[int, int], ...] | None) -> tuple[tuple[int, int], ...]:
    """The spans of an item of a dozen bytes; none if it claims more."""
    return spans if spans and sum(last - first for first, last in spans) <= 12 else ()


def _layout(payload: bytes) -> tuple[int, int, tuple[int, int]] | None:
    """Rows, columns and (across, down) of the output of a `grid` (23008-12, 6.6.2.3.2); None if it is none."""
    if len(payload) < 8 or payload[0] != 0 or len(payload) != (12 if payload[1] & 1 else 8):
        return None
    rows, columns = payload[2] + 1, payload[3] + 1
    across, down = struct.unpack(">II" if payload[1] & 1 else ">HH", payload[4:])
    return rows, columns, (across, down)


def _fits(tile: int, count: int, whole: int) -> bool:
    """Whether so many tiles reach over the whole picture and each has a part in it."""
    return tile > 0 and tile * (count - 1) < whole <= tile * count


def _lie_apart(spans: tuple[tuple[tuple[int, int], ...], ...], file_bytes: int) -> bool:
    if not all(tile and 0 < sum(last - first for first, last in tile) <= _MAX_TILE_BYTES for tile in spans):
        return False
    places = sorted(itertools.chain.from_iterable(spans))
    if any(not 0 <= first < last <= file_bytes for first, last in places):
        return False
    return all(end <= start for (_, end), (start, _) in itertools.pairwise(places))


def _colours(properties: tuple[tuple[bytes, bytes], ...]) -> list[bytes]:
    return sorted(body for kind, body in properties if kind == b"colr")


def _colours_of(items: isobmff.Items, of_tiles: tuple[tuple[bytes, bytes], ...]) -> list[bytes]:
    """The profiles of the picture, which are those of its tiles if it has none of its own (as a decoder takes it)."""
    return _colours(items.properties.get(items.primary, ())) or _colours(of_tiles)
