"""WebP files that ask for much. RFC 9649."""

from __future__ import annotations

import io
import struct

from PIL import Image

from .pictures import encoded, side


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP file of these chunks."""
    body = b"".join(kind + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def webp_chunks(count: int) -> bytes:
    data = encoded("WEBP")
    flood = b"junk\0\0\0\0" * count
    body = b"WEBP" + data[12:] + flood
    return b"RIFF" + struct.pack("<I", len(body)) + body


def flat_webp(pixels: int, *, lossless: bool = False) -> bytes:
    """A flat picture of so many megapixels."""
    width = min(16_383, side(pixels))
    buffer = io.BytesIO()
    image = Image.new("RGB", (width, width), (90, 100, 110))
    image.save(buffer, "WEBP", lossless=lossless, quality=0, method=0)
    return buffer.getvalue()


def webp_animation(megapixels: int, frames: int = 200) -> bytes:
    """A canvas of that size with tiny frames."""
    width = side(megapixels)
    size = struct.pack("<I", width - 1)[:3]
    picture = encoded("WEBP", 16, 16)[12:]
    frame = bytes(6) + struct.pack("<I", 15)[:3] * 2 + struct.pack("<I", 40)[:3] + b"\0" + picture
    header = b"\x02\0\0\0" + size * 2
    return riff((b"VP8X", header), (b"ANIM", bytes(6)), *([(b"ANMF", frame)] * frames))
