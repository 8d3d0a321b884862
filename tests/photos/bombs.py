"""Small files, or cheap ones, that ask a reader for far more work or memory than a photograph does.

`BOMBS` lists them by name. Each is drawn by code, from a small picture, and comes in two sizes of one shape: `small`
for tests, `large` for `benchmarks/bombs.py`, which measures what reading one takes. What a size counts is said at each.
"""

from __future__ import annotations

import dataclasses
import functools
import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MEGAPIXEL = 1_000_000


@dataclasses.dataclass(frozen=True)
class Bomb:
    """One shape of file."""

    name: str
    """Format first: `jpeg-empty-segments`."""
    small: int
    """Its size in a test: a fraction of a second at worst."""
    large: int
    """Its size in the benchmark."""
    make: Callable[[int], bytes]
    """The bytes of the file of one size."""

    @property
    def suffix(self) -> str:
        """What such a file is called."""
        kind = self.name.partition("-")[0]
        return {"jpeg": ".jpg", "heic": ".heic"}.get(kind, f".{kind}")


# Pictures.


def scene(width: int = 96, height: int = 64, mode: str = "RGB") -> Image.Image:
    """A ramp across and down with some texture."""
    across, down = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    rgb = np.stack([200 * across, 180 * down, 90 + 60 * across * down], axis=2)
    rgb += 12 * np.sin(np.arange(width) / 3.0)[None, :, None] * np.cos(np.arange(height) / 4.0)[:, None, None]
    return Image.fromarray(np.clip(rgb + 20, 0, 255).astype(np.uint8)).convert(mode)


@functools.cache
def encoded(kind: str, width: int = 96, height: int = 64, mode: str = "RGB", **options: int | bool) -> bytes:
    """`scene` as a file."""
    buffer = io.BytesIO()
    if kind == "HEIC":
        import pillow_heif

        pillow_heif.from_pillow(scene(width, height, mode)).save(buffer, **options)
    else:
        scene(width, height, mode).save(buffer, kind, **options)
    return buffer.getvalue()


def side(megapixels: int) -> int:
    """Of a square picture with so many megapixels, in whole blocks of 16."""
    return int((megapixels * MEGAPIXEL) ** 0.5) // 16 * 16


# JPEG. ITU-T T.81, annex B.


def segment(marker: int, body: bytes = b"") -> bytes:
    """A marker with its length and body."""
    return struct.pack(">BBH", 0xFF, marker, 2 + len(body)) + body


def _jpeg(before: bytes = b"", inside: bytes = b"", behind: bytes = b"", between: bytes = b"") -> bytes:
    """A good file with more after its first marker, before its scan, within its coded data, and before its end."""
    data = encoded("JPEG")
    scan = data.index(b"\xff\xda")
    middle = len(data) - 100
    return b"".join(
        (data[:2], before, data[2:scan], between, data[scan:middle], inside, data[middle:-2], behind, data[-2:])
    )


def _claiming(data: bytes, width: int, height: int) -> bytes:
    """The same JPEG file with another size in its frame header."""
    at = next(at for marker in (b"\xff\xc0", b"\xff\xc2", b"\xff\xc9") if (at := data.find(marker)) >= 0)
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def _table(data: bytes, marker: bytes) -> bytes:
    """The first segment with that marker."""
    at = data.index(marker)
    return data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]


def _flat_jpeg(
    megapixels: int, *, mode: str = "RGB", subsampling: int = 2, scans: int = 0, end: bytes = b"\xff\xd9"
) -> bytes:
    """A flat picture of that size, complete: rows of blocks that were coded once and are repeated.

    scans  0 for a baseline file; else a progressive one, its last scan repeated so often
    """
    width = side(megapixels)
    buffer = io.BytesIO()
    options = {"progressive": True} if scans else {"restart_marker_rows": 1}
    if mode != "CMYK":
        options["subsampling"] = subsampling
    # 16 rows of blocks, a restart marker behind each: eight of them are one turn of the markers' numbers.
    height = 256 if not scans else width
    Image.new(mode, (width, height), 90 if mode in ("L", "CMYK") else (90, 100, 110)).save(buffer, "JPEG", **options)
    data = buffer.getvalue()
    if scans:
        last = data.rindex(b"\xff\xda")
        return data[:-2] + data[last:-2] * scans + end
    start = data.index(b"\xff\xda")
    start += 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    turn = data[start : data.index(b"\xff\xd7", start) + 2]  # eight rows of blocks
    per_row = 8 if mode in ("L", "CMYK") or subsampling == 0 else 16
    return _claiming(data[:start], width, width) + turn * -(-width // (8 * per_row)) + end


def _huge_claim(megapixels: int, *, end: bytes = b"\xff\xd9", size: int = 64_000, **options: int | bool) -> bytes:
    """A small file whose header claims that size, filled up with coded data that never end."""
    data = encoded("JPEG", 96, 64, **options)
    rest = bytes((37 * n * n + 91 * n + 17) % 251 for n in range(997)) * (size // 997)
    return _claiming(data[:-2], side(megapixels), side(megapixels)) + rest + end


def _many_scans(megapixels: int, scans: int = 490) -> bytes:
    """A progressive file of a size it does not hold, its last scan repeated."""
    data = encoded("JPEG", 96, 64, progressive=True)
    last = data.rindex(b"\xff\xda")
    return _claiming(data[:-2], side(megapixels), side(megapixels)) + data[last:-2] * scans + b"\xff\xd9"


def _icc_chunks(count: int) -> Iterable[bytes]:
    for number in range(count):
        yield segment(0xE2, b"ICC_PROFILE\0" + bytes((1 + number % 255, min(count, 255))) + bytes(65_000))


def _exif(entries: int = 1, body: bytes = b"") -> bytes:
    """A TIFF block whose first directory has so many entries and points to itself."""
    entry = struct.pack("<HHII", 0x010F, 2, 900, 8)
    return b"II*\0" + struct.pack("<IH", 8, min(entries, 65_535)) + entry * entries + struct.pack("<I", 8) + body


def _mpf(previews: int) -> bytes:
    """A photo with a multi-picture index that lists so many large previews, none of the picture's shape."""
    preview = encoded("JPEG", 1600, 1200, progressive=True)
    listed = [(0x010001, len(preview))] * min(previews, 64)
    photo = encoded("JPEG", 2000, 400)
    entries = b"".join(struct.pack("<III4x", kind, size, 4096) for kind, size in listed)
    index = b"II*\0" + struct.pack("<IH", 8, 1) + struct.pack("<HHII", 0xB002, 7, len(entries), 26) + bytes(4) + entries
    # The offset leads to where the preview lies: behind the picture.
    head = photo[:2] + segment(0xE2, b"MPF\0" + index)
    offset = len(head) + len(photo) - 2 - 10
    return head.replace(struct.pack("<I", 4096), struct.pack("<I", offset)) + photo[2:] + preview


# PNG and WebP.


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(*before: bytes, behind: bytes = b"", pieces: int = 0) -> bytes:
    """A good file with chunks before and behind its picture, which may come in one-byte pieces."""
    data = encoded("PNG")
    picture = data.index(b"IDAT") - 4
    length = int.from_bytes(data[picture : picture + 4], "big")
    body = data[picture + 8 : picture + 8 + length]
    coded = data[picture : picture + 12 + length]
    if pieces:
        coded = b"".join(chunk(b"IDAT", body[n : n + 1]) for n in range(len(body))) + chunk(b"IDAT") * pieces
    return b"".join((data[:picture], *before, coded, behind, data[picture + 12 + length :]))


def _flat_png(megapixels: int, *, colour: int = 2, depth: int = 8, interlace: int = 0) -> bytes:
    """A black picture of that size, complete; colour 0 grey, 2 RGB, 3 palette, 4 grey and opacity, 6 RGBA."""
    width = side(megapixels)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    total = width * (1 + width * channels * depth // 8)
    if interlace:
        total += width * 2  # filter bytes of seven passes; what is too much is not read
    packer = zlib.compressobj(9)
    block = bytes(1 << 22)
    parts = [packer.compress(block[: min(len(block), total - at)]) for at in range(0, total, len(block))]
    header = struct.pack(">IIBBBBB", width, width, depth, colour, 0, 0, interlace)
    palette = chunk(b"PLTE", bytes(range(48))) + chunk(b"tRNS", bytes((255, 9))) if colour == 3 else b""
    body = chunk(b"IDAT", b"".join(parts) + packer.flush())
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + body + chunk(b"IEND")


def _unpacking(kind: bytes, start: bytes, mebibytes: int) -> bytes:
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return chunk(kind, start + b"".join(packer.compress(block) for _ in range(mebibytes)) + packer.flush())


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP file of these chunks."""
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _webp_chunks(count: int) -> bytes:
    data = encoded("WEBP")
    flood = b"junk\0\0\0\0" * count
    body = b"WEBP" + data[12:] + flood
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _flat_webp(pixels: int, *, lossless: bool = False) -> bytes:
    """A flat picture of so many megapixels."""
    width = min(16_383, side(pixels))
    buffer = io.BytesIO()
    image = Image.new("RGB", (width, width), (90, 100, 110))
    image.save(buffer, "WEBP", lossless=lossless, quality=0, method=0)
    return buffer.getvalue()


def _webp_animation(megapixels: int, frames: int = 200) -> bytes:
    """A canvas of that size with tiny frames."""
    width = side(megapixels)
    size = struct.pack("<I", width - 1)[:3]
    picture = encoded("WEBP", 16, 16)[12:]
    frame = bytes(6) + struct.pack("<I", 15)[:3] * 2 + struct.pack("<I", 40)[:3] + b"\0" + picture
    header = b"\x02\0\0\0" + size * 2
    return riff((b"VP8X", header), (b"ANIM", bytes(6)), *([(b"ANMF", frame)] * frames))


# HEIC and AVIF. ISO/IEC 14496-12 and 23008-12.


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
def _tile(kind: str, width: int) -> _Coded:
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


def _one(kind: str = "HEIC", **more: object) -> bytes:
    """A good file with one picture, and more."""
    tile = _tile(kind, 128)
    code, brand = (b"hvc1", b"heic") if kind == "HEIC" else (b"av01", b"avif")
    item = Item(1, code, tile.data, tuple(range(1, len(tile.properties) + 1)))
    return heif([item], tile.properties, brand=brand, **more)  # type: ignore[arg-type]


def _ispe(width: int, height: int) -> bytes:
    return full_box(b"ispe", struct.pack(">II", width, height))


def _grid(megapixels: int, kind: str = "HEIC", *, tile: int = 512) -> bytes:
    """A picture of so many megapixels, put together from one tile."""
    coded = _tile(kind, tile)
    code, brand = (b"hvc1", b"heic") if kind == "HEIC" else (b"av01", b"avif")
    number = max(1, min(256, side(megapixels) // tile))
    width = number * tile
    size = len(coded.properties) + 1
    pixi = tuple(n for n, b in enumerate(coded.properties, 1) if b[4:8] in (b"pixi", b"colr"))
    layout = struct.pack(">BBBBII", 0, 1, number - 1, number - 1, width, width)
    grid = Item(1, b"grid", layout, (*pixi, size), tuple(range(2, 2 + number * number)))
    parts = [Item(n, code, b"", tuple(range(1, size))) for n in grid.parts]
    parts[0] = dataclasses.replace(parts[0], data=coded.data)
    data = heif([grid, *parts], [*coded.properties, _ispe(width, width)], brand=brand)
    # All parts lie where the first does.
    first = data.index(struct.pack(">IHHH", 2, 0, 0, 1), data.index(b"iloc")) + 10
    place = data[first : first + 8]
    at = first
    result = bytearray(data)
    for _ in parts:
        result[at : at + 8] = place
        at += 18
    return bytes(result)


def _same_part(count: int, kind: str = "HEIC") -> bytes:
    """A small picture that names one part `count` times: a grid of 256 x 256 parts, each of 512 x 512."""
    coded = _tile(kind, 512)
    code, brand = (b"hvc1", b"heic") if kind == "HEIC" else (b"av01", b"avif")
    number = max(2, int(min(count, 65_535) ** 0.5))
    size = len(coded.properties) + 1
    layout = struct.pack(">BBBBII", 0, 1, number - 1, number - 1, 640, 640)
    grid = Item(1, b"grid", layout, (size,), (2,) * (number * number))
    part = Item(2, code, coded.data, tuple(range(1, size)))
    return heif([grid, part], [*coded.properties, _ispe(640, 640)], brand=brand)


def _overlays(count: int, depth: int = 3) -> bytes:
    """Overlays of overlays: each names the next `count` times, the last one a picture."""
    coded = _tile("HEIC", 512)
    size = len(coded.properties) + 1
    layers = []
    for level in range(1, depth + 1):
        body = struct.pack(">BB4HII", 0, 1, 0, 0, 0, 0xFFFF, 512, 512) + bytes(8) * count
        layers.append(Item(level, b"iovl", body, (size,), (level + 1,) * count))
    last = Item(depth + 1, b"hvc1", coded.data, tuple(range(1, size)))
    return heif([*layers, last], [*coded.properties, _ispe(512, 512)])


def _extents(count: int) -> bytes:
    """Items of 65,535 extents each, all of one byte."""
    items = -(-count // 65_535)
    flood = b"".join(
        struct.pack(">IHHH", 1000 + n, 0, 0, 65_535) + struct.pack(">II", 40, 1) * 65_535 for n in range(items)
    )
    return _one(in_iloc=(items, flood))


def _exif_extents(count: int) -> bytes:
    """An EXIF item of extents that overlap."""
    tile = _tile("HEIC", 128)
    items = [
        Item(1, b"hvc1", tile.data, tuple(range(1, len(tile.properties) + 1))),
        Item(2, b"Exif", bytes(4) + b"II*\0\x08\0\0\0\0\0"),
    ]
    flood = struct.pack(">IHHH", 2, 0, 0, 65_535) + struct.pack(">II", 40, 1) * min(count, 65_535)
    return heif(items, tile.properties, in_iloc=(1, flood))


def _nested_in(depth: int, kind: bytes) -> bytes:
    sizes = range(8 * depth, 0, -8)
    return b"".join(struct.pack(">I4s", size, kind) for size in sizes)


def _free(count: int) -> bytes:
    return b"\0\0\0\x08free" * count


def _lying_avif(megapixels: int) -> bytes:
    """A picture of that size whose boxes say that it has 64 x 64 pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", (side(megapixels), side(megapixels)), (90, 100, 110)).save(buffer, "AVIF", quality=30, speed=10)
    data = buffer.getvalue()
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 64, 64) + data[at + 8 :]


_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ITEM_ENTRY = full_box(b"infe", b"\0\0\0\x09\0\0none\0", version=3)

BOMBS: tuple[Bomb, ...] = (
    # Sizes count segments, bytes, or megapixels. Of pictures that are really there, `large` is about the largest that
    # is not refused: what has to stay within the limits.
    Bomb("jpeg-empty-segments", 100_000, 25_000_000, lambda n: _jpeg(segment(0xE0) * n)),
    Bomb("jpeg-comments", 100_000, 25_000_000, lambda n: _jpeg(segment(0xFE) * n)),
    Bomb("jpeg-fill-in-head", 1_000_000, 100_000_000, lambda n: _jpeg(b"\xff" * n)),
    Bomb("jpeg-fill-before-markers", 100_000, 12_000_000, lambda n: _jpeg(b"\xff\xff\xff\xff\xfe\0\2" * n)),
    Bomb("jpeg-fill-in-scan", 1_000_000, 100_000_000, lambda n: _jpeg(inside=b"\xff" * n)),
    Bomb("jpeg-fill-at-end", 1_000_000, 100_000_000, lambda n: _jpeg()[:-2] + b"\xff" * n),
    Bomb("jpeg-zeros-at-end", 1_000_000, 100_000_000, lambda n: _jpeg()[:-2] + bytes(n)),
    Bomb("jpeg-restarts-in-head", 100_000, 50_000_000, lambda n: _jpeg(b"\xff\xd0" * n)),
    Bomb("jpeg-starts-in-head", 100_000, 50_000_000, lambda n: _jpeg(b"\xff\xd8" * n)),
    Bomb("jpeg-stuffing-in-head", 100_000, 50_000_000, lambda n: _jpeg(b"\xff\x00" * n)),
    Bomb("jpeg-restarts-in-scan", 100_000, 50_000_000, lambda n: _jpeg(inside=b"\xff\xd0" * n)),
    Bomb("jpeg-starts-in-scan", 100_000, 50_000_000, lambda n: _jpeg(inside=b"\xff\xd8" * n)),
    Bomb("jpeg-stuffing-in-scan", 100_000, 50_000_000, lambda n: _jpeg(inside=b"\xff\x00" * n)),
    Bomb("jpeg-noise-in-scan", 100_000, 100_000_000, lambda n: _jpeg(inside=bytes(range(1, 255)) * (n // 254))),
    Bomb("jpeg-huffman-tables", 10_000, 500_000, lambda n: _jpeg(_table(encoded("JPEG"), b"\xff\xc4") * n)),
    Bomb("jpeg-tables-behind-scan", 10_000, 500_000, lambda n: _jpeg(behind=_table(encoded("JPEG"), b"\xff\xc4") * n)),
    Bomb("jpeg-quantisation", 10_000, 1_400_000, lambda n: _jpeg(_table(encoded("JPEG"), b"\xff\xdb") * n)),
    Bomb("jpeg-frames", 10_000, 5_000_000, lambda n: _jpeg(between=_table(encoded("JPEG"), b"\xff\xc0") * n)),
    Bomb("jpeg-restart-intervals", 10_000, 16_000_000, lambda n: _jpeg(segment(0xDD, b"\0\1") * n)),
    Bomb("jpeg-profile-chunks", 255, 1_600, lambda n: _jpeg(b"".join(_icc_chunks(n)))),
    Bomb("jpeg-adobe-segments", 10_000, 6_000_000, lambda n: _jpeg(segment(0xEE, b"Adobe\0d\0\0\0\0\0") * n)),
    Bomb("jpeg-xmp-chain", 100, 1_600, lambda n: _jpeg(segment(0xE1, _XMP + bytes(65_000)) * n)),
    Bomb("jpeg-exif-entries", 5_000, 5_400, lambda n: _jpeg(segment(0xE1, b"Exif\0\0" + _exif(n)))),
    Bomb("jpeg-previews", 4, 64, _mpf),
    Bomb("jpeg-claim", 16, 299, _huge_claim),
    Bomb("jpeg-claim-cut", 16, 299, lambda n: _huge_claim(n, end=b"")),
    Bomb("jpeg-claim-progressive", 4, 299, lambda n: _huge_claim(n, progressive=True)),
    Bomb("jpeg-claim-many-scans", 1, 299, _many_scans),
    Bomb("jpeg-flat", 4, 240, _flat_jpeg),
    Bomb("jpeg-flat-arithmetic", 4, 299, lambda n: _flat_jpeg(n).replace(b"\xff\xc0", b"\xff\xc9", 1)),
    Bomb("jpeg-flat-cut", 4, 120, lambda n: _flat_jpeg(n, end=b"")),
    Bomb("jpeg-flat-444", 4, 240, lambda n: _flat_jpeg(n, subsampling=0)),
    Bomb("jpeg-flat-grey", 4, 299, lambda n: _flat_jpeg(n, mode="L")),
    Bomb("jpeg-flat-cmyk", 4, 240, lambda n: _flat_jpeg(n, mode="CMYK")),
    Bomb("jpeg-flat-progressive", 4, 137, lambda n: _flat_jpeg(n, scans=1)),
    Bomb("jpeg-flat-progressive-cut", 4, 144, lambda n: _flat_jpeg(n, scans=1, end=b"")),
    Bomb("jpeg-flat-many-scans", 1, 11, lambda n: _flat_jpeg(n, scans=400)),
    Bomb("png-chunks", 110_000, 8_000_000, lambda n: _png(chunk(b"teSt") * n)),
    Bomb("png-chunks-behind", 110_000, 8_000_000, lambda n: _png(behind=chunk(b"teSt") * n)),
    Bomb("png-picture-in-pieces", 110_000, 8_000_000, lambda n: _png(pieces=n)),
    Bomb("png-frames", 10_000, 2_600_000, lambda n: _png(chunk(b"fcTL", bytes(26)) * n)),
    Bomb("png-text", 4, 1_000, lambda n: _png(_unpacking(b"zTXt", b"text\0\0", n))),
    Bomb("png-texts", 80, 2_000, lambda n: _png(*[_unpacking(b"zTXt", b"t%d\0\0" % k, 1) for k in range(n)])),
    Bomb("png-international-text", 4, 1_000, lambda n: _png(_unpacking(b"iTXt", b"text\0\1\0\0\0", n))),
    Bomb("png-profile", 4, 1_000, lambda n: _png(_unpacking(b"iCCP", b"icc\0\0", n))),
    Bomb("png-exif", 100_000, 8_000_000, lambda n: _png(chunk(b"eXIf", _exif(60_000, bytes(12) * n)))),
    Bomb("png-flat", 4, 240, _flat_png),
    Bomb("png-flat-palette", 4, 299, lambda n: _flat_png(n, colour=3)),
    Bomb("png-flat-grey-16", 4, 299, lambda n: _flat_png(n, colour=0, depth=16)),
    Bomb("png-flat-grey-opacity", 4, 240, lambda n: _flat_png(n, colour=4)),
    Bomb("png-flat-opacity", 4, 240, lambda n: _flat_png(n, colour=6)),
    Bomb("png-flat-opacity-16", 4, 240, lambda n: _flat_png(n, colour=6, depth=16)),
    Bomb("png-flat-interlaced", 4, 240, lambda n: _flat_png(n, interlace=1)),
    Bomb("png-flat-interlaced-opacity-16", 4, 195, lambda n: _flat_png(n, colour=6, depth=16, interlace=1)),
    Bomb("webp-chunks", 100_000, 12_500_000, _webp_chunks),
    Bomb("webp-flat", 4, 62, _flat_webp),
    Bomb("webp-flat-lossless", 4, 62, lambda n: _flat_webp(n, lossless=True)),
    Bomb("webp-animation", 4, 62, _webp_animation),
    Bomb("heic-extents", 200_000, 12_000_000, _extents),
    Bomb("heic-exif-extents", 60_000, 65_000, _exif_extents),
    Bomb("heic-boxes-in-front", 100_000, 12_500_000, lambda n: _one(in_front=_free(n))),
    Bomb("heic-boxes-behind", 100_000, 12_500_000, lambda n: _one(behind=_free(n))),
    Bomb("heic-boxes-in-meta", 100_000, 12_500_000, lambda n: _one(in_meta=_free(n))),
    Bomb("heic-properties", 100_000, 12_500_000, lambda n: _one(in_ipco=_free(n))),
    Bomb("heic-items", 12_000, 4_500_000, lambda n: _one(in_iinf=_ITEM_ENTRY * n)),
    Bomb("heic-associations", 100_000, 10_000_000, lambda n: _one(in_ipma=(n, struct.pack(">IB", 9, 0) * n))),
    Bomb("heic-references", 20_000, 6_000_000, lambda n: _one(in_iref=box(b"cdsc", struct.pack(">IHI", 9, 1, 1)) * n)),
    Bomb("heic-nested", 10_000, 1_000_000, lambda n: _one(behind=_nested_in(n, b"moov"))),
    Bomb("heic-profile", 17_000_000, 100_000_000, lambda n: _one(in_ipco=box(b"colr", b"prof", bytes(n)))),
    Bomb("heic-profile-let-in", 1_000_000, 16_700_000, lambda n: _one(in_ipco=box(b"colr", b"prof", bytes(n)))),
    Bomb("heic-grid", 1, 95, _grid),
    Bomb("heic-grid-small-tiles", 1, 64, lambda n: _grid(n, tile=64)),
    Bomb("heic-same-part", 16, 65_535, _same_part),
    Bomb("heic-overlays", 2, 200, _overlays),
    Bomb("avif-boxes-in-front", 100_000, 12_500_000, lambda n: _one("AVIF", in_front=_free(n))),
    Bomb("avif-properties", 100_000, 12_500_000, lambda n: _one("AVIF", in_ipco=_free(n))),
    Bomb("avif-items", 12_000, 4_500_000, lambda n: _one("AVIF", in_iinf=_ITEM_ENTRY * n)),
    Bomb("avif-places", 30_000, 8_000_000, lambda n: _one("AVIF", in_iloc=(n, struct.pack(">IHHH", 9, 0, 0, 0) * n))),
    Bomb("avif-associations", 60_000, 10_000_000, lambda n: _one("AVIF", in_ipma=(n, struct.pack(">IB", 9, 0) * n))),
    Bomb("avif-lying-size", 1, 60, _lying_avif),
    Bomb("avif-grid", 1, 95, lambda n: _grid(n, "AVIF")),
    Bomb("avif-same-part", 100, 65_535, lambda n: _same_part(n, "AVIF")),
)
"""All of them, by format."""
