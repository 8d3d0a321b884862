"""HEIC pictures in tiles, as phones write them, put together from single pictures that libheif coded."""

from __future__ import annotations

import dataclasses
import io
import struct

import numpy as np
import pillow_heif
from bombs.drawn_heif import Item, box, heif, ispe
from PIL import Image

TILE = 128
TURNED_LEFT = box(b"irot", bytes([1]))


@dataclasses.dataclass(frozen=True)
class Parts:
    """What `file` puts together, to be changed by a test."""

    items: list[Item]
    """The grid, its thumbnail, and then the tiles."""
    properties: list[bytes]
    thumbnails: tuple[tuple[int, int], ...] = ((2, 1),)
    """(thumbnail, picture)."""
    alphas: tuple[tuple[int, int], ...] = ()

    def file(self, **more: bytes) -> bytes:
        references = [
            box(kind, struct.pack(">IHI", item, 1, of))
            for kind, pairs in ((b"thmb", self.thumbnails), (b"auxl", self.alphas))
            for item, of in pairs
        ]
        return heif(self.items, self.properties, in_iref=b"".join(references), **more)

    def with_item(self, number: int, **changes: object) -> Parts:
        """The same with one item changed."""
        items = [dataclasses.replace(item, **changes) if item.number == number else item for item in self.items]
        return dataclasses.replace(self, items=items)

    def with_property(self, number: int, made: bytes) -> Parts:
        """The same with one more property of an item."""
        item = next(item for item in self.items if item.number == number)
        more = dataclasses.replace(self, properties=[*self.properties, made])
        return more.with_item(number, properties=(*item.properties, len(more.properties)))


def coded(image: Image.Image) -> tuple[bytes, list[bytes]]:
    """HEVC data of a picture, and the property boxes that a decoder needs."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=80, chroma=444)
    data = buffer.getvalue()
    at = data.index(b"ipco")
    end, at = at - 4 + int.from_bytes(data[at - 4 : at], "big"), at + 4
    boxes = []
    while at < end:
        size = int.from_bytes(data[at : at + 4], "big")
        boxes.append(data[at : at + size])
        at += size
    start = data.index(b"mdat")
    size = int.from_bytes(data[start - 4 : start], "big")
    return data[start + 4 : start - 4 + size], [one for one in boxes if one[4:8] in (b"hvcC", b"ispe", b"colr")]


def parts(image: Image.Image, thumbnail: Image.Image, *, tile: int = TILE, turn: bytes = b"") -> Parts:
    """A picture in tiles and its thumbnail; those at the edges are filled up with their last pixels, as encoders do."""
    width, height = image.size
    columns, rows = -(-width // tile), -(-height // tile)
    missing = ((0, rows * tile - height), (0, columns * tile - width), (0, 0))
    padded = Image.fromarray(np.pad(np.asarray(image), missing, mode="edge"))
    numbers = range(3, 3 + rows * columns)
    pieces = [
        coded(padded.crop((left, top, left + tile, top + tile)))
        for top in range(0, rows * tile, tile)
        for left in range(0, columns * tile, tile)
    ]
    small, of_small = coded(thumbnail)
    of_tiles = pieces[0][1]
    assert all(found == of_tiles for _, found in pieces)
    properties = [ispe(width, height), *of_tiles, *of_small, *([turn] if turn else [])]
    turns = (len(properties),) if turn else ()
    first = 2 + len(of_tiles)
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    items = [
        Item(1, b"grid", grid, (1, *turns), tuple(numbers)),
        Item(2, b"hvc1", small, (*range(first, first + len(of_small)), *turns)),
        *(
            Item(number, b"hvc1", data, tuple(range(2, first)))
            for number, (data, _) in zip(numbers, pieces, strict=True)
        ),
    ]
    return Parts(items, properties)
