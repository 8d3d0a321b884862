"""HEIC and AVIF files that ask for much. ISO/IEC 14496-12 and 23008-12."""

from __future__ import annotations

import dataclasses
import functools
import io
import struct
from typing import TYPE_CHECKING

from PIL import Image

from .pictures import encoded, side

if TYPE_CHECKING:
    from collections.abc import Sequence


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box."""
    size = 8 + sum(map(len, parts))
    return b"".join((struct.pack(">I4s", size, kind), *parts))


def full_box(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


@dataclasses.dataclass(frozen=True)
class Item:
    """An item of a HEIF file."""

    number: int
    kind: bytes
    data: bytes = b""
    properties: tuple[int, ...] = ()
    parts: tuple[int, ...] = ()
    """Items that it is derived from."""


@dataclasses.dataclass(frozen=True)
class _Coded:
    data: bytes
    properties: tuple[bytes, ...]


@functools.cache
def coded_tile(kind: str, width: int) -> _Coded:
    """The coded picture and the property boxes of a small file."""
    options = {"quality": 50} if kind == "HEIC" else {"quality": 50, "speed": 9}
    data = encoded(kind, width, width, **options)
    at = data.index(b"ipco")
    end = at - 4 + int.from_bytes(data[at - 4 : at], "big")
    boxes, at = [], at + 4
    while at < end:
        size = int.from_bytes(data[at : at + 4], "big")
        boxes.append(data[at : at + size])
        at += size
    wanted = (b"hvcC", b"av1C", b"ispe", b"pixi", b"colr")
    start = data.index(b"mdat")
    size = int.from_bytes(data[start - 4 : start], "big")
    return _Coded(data[start + 4 : start - 4 + size], tuple(b for b in boxes if b[4:8] in wanted))


def heif(
    items: Sequence[Item],
    properties: Sequence[bytes],
    *,
    brand: bytes = b"heic",
    in_meta: bytes = b"",
    in_ipco: bytes = b"",
    in_iinf: bytes = b"",
    in_iref: bytes = b"",
    in_ipma: tuple[int, bytes] = (0, b""),
    in_iloc: tuple[int, bytes] = (0, b""),
    in_front: bytes = b"",
    behind: bytes = b"",
) -> bytes:
    """A file whose first item is the picture. What is said to be `in` a box stands at its end, counted where needed."""
    entries = [full_box(b"infe", struct.pack(">IH4sx", item.number, 0, item.kind), version=3) for item in items]
    references = [
        box(b"dimg", struct.pack(">IH", item.number, len(item.parts)), struct.pack(f">{len(item.parts)}I", *item.parts))
        for item in items
        if item.parts
    ]
    links = b"".join(struct.pack(">IB", item.number, len(item.properties)) + bytes(item.properties) for item in items)
    place = 0
    locations, data = [], []
    start = box(b"ftyp", brand, bytes(4), b"mif1", brand)
    for item in items:
        locations.append((item.number, place, len(item.data)))
        data.append(item.data)
        place += len(item.data)

    def meta(offset: int) -> bytes:
        located = b"".join(struct.pack(">IHHHII", n, 0, 0, 1, offset + at, size) for n, at, size in locations)
        return full_box(
            b"meta",
            full_box(b"hdlr", struct.pack(">4x4s12xx", b"pict")),
            full_box(b"pitm", struct.pack(">I", items[0].number), version=1),
            full_box(b"iinf", struct.pack(">I", len(entries)), *entries, in_iinf, version=1),
            full_box(b"iref", *references, in_iref, version=1),
            box(
                b"iprp",
                box(b"ipco", *properties, in_ipco),
                full_box(b"ipma", struct.pack(">I", len(items) + in_ipma[0]), links, in_ipma[1], version=1),
            ),
            full_box(b"iloc", struct.pack(">BBI", 0x44, 0, len(items) + in_iloc[0]), located, in_iloc[1], version=2),
            in_meta,
        )

    offset = len(start) + len(in_front) + len(meta(0)) + 8
    return b"".join((start, in_front, meta(offset), box(b"mdat", *data), behind))


def heif_with(kind: str = "HEIC", **more: object) -> bytes:
    """A good file with one picture, and more."""
    tile = coded_tile(kind, 128)
    code, brand = (b"hvc1", b"heic") if kind == "HEIC" else (b"av01", b"avif")
    item = Item(1, code, tile.data, tuple(range(1, len(tile.properties) + 1)))
    return heif([item], tile.properties, brand=brand, **more)  # type: ignore[arg-type]


def ispe(width: int, height: int) -> bytes:
    return full_box(b"ispe", struct.pack(">II", width, height))


def grid_of(megapixels: int, kind: str = "HEIC", *, tile: int = 512) -> bytes:
    """A picture of so many megapixels, put together from one tile."""
    coded = coded_tile(kind, tile)
    code, brand = (b"hvc1", b"heic") if kind == "HEIC" else (b"av01", b"avif")
    number = max(1, min(256, side(megapixels) // tile))
    width = number * tile
    size = len(coded.properties) + 1
    pixi = tuple(n for n, b in enumerate(coded.properties, 1) if b[4:8] in (b"pixi", b"colr"))
    layout = struct.pack(">BBBBII", 0, 1, number - 1, number - 1, width, width)
    grid = Item(1, b"grid", layout, (*pixi, size), tuple(range(2, 2 + number * number)))
    parts = [Item(n, code, b"", tuple(range(1, size))) for n in grid.parts]
    parts[0] = dataclasses.replace(parts[0], data=coded.data)
    data = heif([grid, *parts], [*coded.properties, ispe(width, width)], brand=brand)
    # All parts lie where the first does.
    first = data.index(struct.pack(">IHHH", 2, 0, 0, 1), data.index(b"iloc")) + 10
    place = data[first : first + 8]
    at = first
    result = bytearray(data)
    for _ in parts:
        result[at : at + 8] = place
        at += 18
    return bytes(result)


def same_part(count: int, kind: str = "HEIC") -> bytes:
    """A small picture that names one part `count` times: a grid of 256 x 256 parts, each of 512 x 512."""
    coded = coded_tile(kind, 512)
    code, brand = (b"hvc1", b"heic") if kind == "HEIC" else (b"av01", b"avif")
    number = max(2, int(min(count, 65_535) ** 0.5))
    size = len(coded.properties) + 1
    layout = struct.pack(">BBBBII", 0, 1, number - 1, number - 1, 640, 640)
    grid = Item(1, b"grid", layout, (size,), (2,) * (number * number))
    part = Item(2, code, coded.data, tuple(range(1, size)))
    return heif([grid, part], [*coded.properties, ispe(640, 640)], brand=brand)


def overlays(count: int, depth: int = 3) -> bytes:
    """Overlays of overlays: each names the next `count` times, the last one a picture."""
    coded = coded_tile("HEIC", 512)
    size = len(coded.properties) + 1
    layers = []
    for level in range(1, depth + 1):
        body = struct.pack(">BB4HII", 0, 1, 0, 0, 0, 0xFFFF, 512, 512) + bytes(8) * count
        layers.append(Item(level, b"iovl", body, (size,), (level + 1,) * count))
    last = Item(depth + 1, b"hvc1", coded.data, tuple(range(1, size)))
    return heif([*layers, last], [*coded.properties, ispe(512, 512)])


def extents(count: int) -> bytes:
    """Items of 65,535 extents each, all of one byte."""
    items = -(-count // 65_535)
    flood = b"".join(
        struct.pack(">IHHH", 1000 + n, 0, 0, 65_535) + struct.pack(">II", 40, 1) * 65_535 for n in range(items)
    )
    return heif_with(in_iloc=(items, flood))


def exif_extents(count: int) -> bytes:
    """An EXIF item of extents that overlap."""
    tile = coded_tile("HEIC", 128)
    items = [
        Item(1, b"hvc1", tile.data, tuple(range(1, len(tile.properties) + 1))),
        Item(2, b"Exif", bytes(4) + b"II*\0\x08\0\0\0\0\0"),
    ]
    flood = struct.pack(">IHHH", 2, 0, 0, 65_535) + struct.pack(">II", 40, 1) * min(count, 65_535)
    return heif(items, tile.properties, in_iloc=(1, flood))


def nested_in(depth: int, kind: bytes) -> bytes:
    sizes = range(8 * depth, 0, -8)
    return b"".join(struct.pack(">I4s", size, kind) for size in sizes)


def free_boxes(count: int) -> bytes:
    return b"\0\0\0\x08free" * count


def lying_avif(megapixels: int) -> bytes:
    """A picture of that size whose boxes say that it has 64 x 64 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (side(megapixels), side(megapixels)), (90, 100, 110)).save(buffer, "AVIF", quality=30, speed=10)
    data = buffer.getvalue()
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 64, 64) + data[at + 8 :]
