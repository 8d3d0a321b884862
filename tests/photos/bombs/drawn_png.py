"""PNG files that ask for much. ISO/IEC 15948."""

from __future__ import annotations

import struct
import zlib

from .pictures import encoded, side


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_with(*before: bytes, behind: bytes = b"", pieces: int = 0) -> bytes:
    """A good file with chunks before and behind its picture, which may come in one-byte pieces."""
    data = encoded("PNG")
    picture = data.index(b"IDAT") - 4
    length = int.from_bytes(data[picture : picture + 4], "big")
    body = data[picture + 8 : picture + 8 + length]
    coded = data[picture : picture + 12 + length]
    if pieces:
        coded = b"".join(chunk(b"IDAT", body[n : n + 1]) for n in range(len(body))) + chunk(b"IDAT") * pieces
    return b"".join((data[:picture], *before, coded, behind, data[picture + 12 + length :]))


def flat_png(megapixels: int, *, colour: int = 2, depth: int = 8, interlace: int = 0) -> bytes:
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


def unpacking(kind: bytes, start: bytes, mebibytes: int) -> bytes:
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return chunk(kind, start + b"".join(packer.compress(block) for _ in range(mebibytes)) + packer.flush())
