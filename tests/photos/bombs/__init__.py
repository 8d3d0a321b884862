"""Small files, or cheap ones, that ask a reader for far more work or memory than a photograph does.

`BOMBS` lists them by name. Each is drawn by code, from a small picture, and comes in two sizes of one shape: `small`
for tests, `large` for `benchmarks/bounded.py`, which measures what reading one takes. What a size counts is said there.
"""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING

from .drawn_heif import (
    box,
    exif_extents,
    extents,
    free_boxes,
    full_box,
    grid_of,
    heif_with,
    lying_avif,
    nested_in,
    overlays,
    same_part,
)
from .drawn_jpeg import (
    exif_block,
    flat_jpeg,
    huge_claim,
    icc_chunks,
    jpeg_with,
    many_previews,
    many_scans,
    segment,
    table,
)
from .drawn_png import chunk, flat_png, png_with, unpacking
from .drawn_webp import flat_webp, webp_animation, webp_chunks
from .pictures import encoded

if TYPE_CHECKING:
    from collections.abc import Callable


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


_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ITEM_ENTRY = full_box(b"infe", b"\0\0\0\x09\0\0none\0", version=3)

BOMBS: tuple[Bomb, ...] = (
    # Sizes count segments, bytes, or megapixels. Of pictures that are really there, `large` is about the largest that
    # is not refused: what has to stay within the limits.
    Bomb("jpeg-empty-segments", 100_000, 25_000_000, lambda n: jpeg_with(segment(0xE0) * n)),
    Bomb("jpeg-comments", 100_000, 25_000_000, lambda n: jpeg_with(segment(0xFE) * n)),
    Bomb("jpeg-fill-in-head", 1_000_000, 100_000_000, lambda n: jpeg_with(b"\xff" * n)),
    Bomb("jpeg-fill-before-markers", 100_000, 12_000_000, lambda n: jpeg_with(b"\xff\xff\xff\xff\xfe\0\2" * n)),
    Bomb("jpeg-fill-in-scan", 1_000_000, 100_000_000, lambda n: jpeg_with(inside=b"\xff" * n)),
    Bomb("jpeg-fill-at-end", 1_000_000, 100_000_000, lambda n: jpeg_with()[:-2] + b"\xff" * n),
    Bomb("jpeg-zeros-at-end", 1_000_000, 100_000_000, lambda n: jpeg_with()[:-2] + bytes(n)),
    Bomb("jpeg-restarts-in-head", 100_000, 50_000_000, lambda n: jpeg_with(b"\xff\xd0" * n)),
    Bomb("jpeg-starts-in-head", 100_000, 50_000_000, lambda n: jpeg_with(b"\xff\xd8" * n)),
    Bomb("jpeg-stuffing-in-head", 100_000, 50_000_000, lambda n: jpeg_with(b"\xff\x00" * n)),
    Bomb("jpeg-restarts-in-scan", 100_000, 50_000_000, lambda n: jpeg_with(inside=b"\xff\xd0" * n)),
    Bomb("jpeg-starts-in-scan", 100_000, 50_000_000, lambda n: jpeg_with(inside=b"\xff\xd8" * n)),
    Bomb("jpeg-stuffing-in-scan", 100_000, 50_000_000, lambda n: jpeg_with(inside=b"\xff\x00" * n)),
    Bomb("jpeg-noise-in-scan", 100_000, 100_000_000, lambda n: jpeg_with(inside=bytes(range(1, 255)) * (n // 254))),
    Bomb("jpeg-huffman-tables", 10_000, 500_000, lambda n: jpeg_with(table(encoded("JPEG"), b"\xff\xc4") * n)),
    Bomb(
        "jpeg-tables-behind-scan", 10_000, 500_000, lambda n: jpeg_with(behind=table(encoded("JPEG"), b"\xff\xc4") * n)
    ),
    Bomb("jpeg-quantisation", 10_000, 1_400_000, lambda n: jpeg_with(table(encoded("JPEG"), b"\xff\xdb") * n)),
    Bomb("jpeg-frames", 10_000, 5_000_000, lambda n: jpeg_with(between=table(encoded("JPEG"), b"\xff\xc0") * n)),
    Bomb("jpeg-restart-intervals", 10_000, 16_000_000, lambda n: jpeg_with(segment(0xDD, b"\0\1") * n)),
    Bomb("jpeg-profile-chunks", 255, 1_600, lambda n: jpeg_with(b"".join(icc_chunks(n)))),
    Bomb("jpeg-adobe-segments", 10_000, 6_000_000, lambda n: jpeg_with(segment(0xEE, b"Adobe\0d\0\0\0\0\0") * n)),
    Bomb("jpeg-xmp-chain", 100, 1_600, lambda n: jpeg_with(segment(0xE1, _XMP + bytes(65_000)) * n)),
    Bomb("jpeg-exif-entries", 5_000, 5_400, lambda n: jpeg_with(segment(0xE1, b"Exif\0\0" + exif_block(n)))),
    Bomb("jpeg-previews", 4, 64, many_previews),
    Bomb("jpeg-claim", 16, 299, huge_claim),
    Bomb("jpeg-claim-cut", 16, 299, lambda n: huge_claim(n, end=b"")),
    Bomb("jpeg-claim-progressive", 4, 299, lambda n: huge_claim(n, progressive=True)),
    Bomb("jpeg-claim-many-scans", 1, 299, many_scans),
    Bomb("jpeg-flat", 4, 240, flat_jpeg),
    Bomb("jpeg-flat-arithmetic", 4, 299, lambda n: flat_jpeg(n).replace(b"\xff\xc0", b"\xff\xc9", 1)),
    Bomb("jpeg-flat-cut", 4, 120, lambda n: flat_jpeg(n, end=b"")),
    Bomb("jpeg-flat-444", 4, 240, lambda n: flat_jpeg(n, subsampling=0)),
    Bomb("jpeg-flat-grey", 4, 299, lambda n: flat_jpeg(n, mode="L")),
    Bomb("jpeg-flat-cmyk", 4, 240, lambda n: flat_jpeg(n, mode="CMYK")),
    Bomb("jpeg-flat-progressive", 4, 137, lambda n: flat_jpeg(n, scans=1)),
    Bomb("jpeg-flat-progressive-cut", 4, 144, lambda n: flat_jpeg(n, scans=1, end=b"")),
    Bomb("jpeg-flat-many-scans", 1, 11, lambda n: flat_jpeg(n, scans=400)),
    Bomb("png-chunks", 110_000, 8_000_000, lambda n: png_with(chunk(b"teSt") * n)),
    Bomb("png-chunks-behind", 110_000, 8_000_000, lambda n: png_with(behind=chunk(b"teSt") * n)),
    Bomb("png-picture-in-pieces", 110_000, 8_000_000, lambda n: png_with(pieces=n)),
    Bomb("png-frames", 10_000, 2_600_000, lambda n: png_with(chunk(b"fcTL", bytes(26)) * n)),
    Bomb("png-text", 4, 1_000, lambda n: png_with(unpacking(b"zTXt", b"text\0\0", n))),
    Bomb("png-texts", 80, 2_000, lambda n: png_with(*[unpacking(b"zTXt", b"t%d\0\0" % k, 1) for k in range(n)])),
    Bomb("png-international-text", 4, 1_000, lambda n: png_with(unpacking(b"iTXt", b"text\0\1\0\0\0", n))),
    Bomb("png-profile", 4, 1_000, lambda n: png_with(unpacking(b"iCCP", b"icc\0\0", n))),
    Bomb("png-exif", 100_000, 8_000_000, lambda n: png_with(chunk(b"eXIf", exif_block(60_000, bytes(12) * n)))),
    Bomb("png-flat", 4, 240, flat_png),
    Bomb("png-flat-palette", 4, 299, lambda n: flat_png(n, colour=3)),
    Bomb("png-flat-grey-16", 4, 299, lambda n: flat_png(n, colour=0, depth=16)),
    Bomb("png-flat-grey-opacity", 4, 240, lambda n: flat_png(n, colour=4)),
    Bomb("png-flat-opacity", 4, 240, lambda n: flat_png(n, colour=6)),
    Bomb("png-flat-opacity-16", 4, 240, lambda n: flat_png(n, colour=6, depth=16)),
    Bomb("png-flat-interlaced", 4, 240, lambda n: flat_png(n, interlace=1)),
    Bomb("png-flat-interlaced-opacity-16", 4, 195, lambda n: flat_png(n, colour=6, depth=16, interlace=1)),
    Bomb("webp-chunks", 100_000, 12_500_000, webp_chunks),
    Bomb("webp-flat", 4, 62, flat_webp),
    Bomb("webp-flat-lossless", 4, 62, lambda n: flat_webp(n, lossless=True)),
    Bomb("webp-animation", 4, 62, webp_animation),
    Bomb("heic-extents", 200_000, 12_000_000, extents),
    Bomb("heic-exif-extents", 60_000, 65_000, exif_extents),
    Bomb("heic-boxes-in-front", 100_000, 12_500_000, lambda n: heif_with(in_front=free_boxes(n))),
    Bomb("heic-boxes-behind", 100_000, 12_500_000, lambda n: heif_with(behind=free_boxes(n))),
    Bomb("heic-boxes-in-meta", 100_000, 12_500_000, lambda n: heif_with(in_meta=free_boxes(n))),
    Bomb("heic-properties", 100_000, 12_500_000, lambda n: heif_with(in_ipco=free_boxes(n))),
    Bomb("heic-items", 12_000, 4_500_000, lambda n: heif_with(in_iinf=_ITEM_ENTRY * n)),
    Bomb("heic-associations", 100_000, 10_000_000, lambda n: heif_with(in_ipma=(n, struct.pack(">IB", 9, 0) * n))),
    Bomb(
        "heic-references",
        20_000,
        6_000_000,
        lambda n: heif_with(in_iref=box(b"cdsc", struct.pack(">IHI", 9, 1, 1)) * n),
    ),
    Bomb("heic-nested", 10_000, 1_000_000, lambda n: heif_with(behind=nested_in(n, b"moov"))),
    Bomb("heic-profile", 17_000_000, 100_000_000, lambda n: heif_with(in_ipco=box(b"colr", b"prof", bytes(n)))),
    Bomb("heic-profile-let-in", 1_000_000, 16_700_000, lambda n: heif_with(in_ipco=box(b"colr", b"prof", bytes(n)))),
    Bomb("heic-grid", 1, 95, grid_of),
    Bomb("heic-grid-small-tiles", 1, 64, lambda n: grid_of(n, tile=64)),
    Bomb("heic-same-part", 16, 65_535, same_part),
    Bomb("heic-overlays", 2, 200, overlays),
    Bomb("avif-boxes-in-front", 100_000, 12_500_000, lambda n: heif_with("AVIF", in_front=free_boxes(n))),
    Bomb("avif-properties", 100_000, 12_500_000, lambda n: heif_with("AVIF", in_ipco=free_boxes(n))),
    Bomb("avif-items", 12_000, 4_500_000, lambda n: heif_with("AVIF", in_iinf=_ITEM_ENTRY * n)),
    Bomb(
        "avif-places", 30_000, 8_000_000, lambda n: heif_with("AVIF", in_iloc=(n, struct.pack(">IHHH", 9, 0, 0, 0) * n))
    ),
    Bomb(
        "avif-associations", 60_000, 10_000_000, lambda n: heif_with("AVIF", in_ipma=(n, struct.pack(">IB", 9, 0) * n))
    ),
    Bomb("avif-lying-size", 1, 60, lying_avif),
    Bomb("avif-grid", 1, 95, lambda n: grid_of(n, "AVIF")),
    Bomb("avif-same-part", 100, 65_535, lambda n: same_part(n, "AVIF")),
)
"""All of them, by format."""
