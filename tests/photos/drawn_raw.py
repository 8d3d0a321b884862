"""A raw file drawn in code: the smallest DNG that LibRaw opens, with a JPEG preview in it."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
from exif_blocks import directory

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = {1: "B", 3: "H", 4: "I"}


def dng(preview: Image.Image | None, *, orientation: int = 1, raw: tuple[int, int] = (1200, 800)) -> bytes:
    """A DNG file (Adobe's specification 1.4) whose sensor saw an even grey.

    preview  as the camera shows it, not turned; None for a file without one
    raw      pixels of the sensor across and down
    """
    sensor = np.full((raw[1], raw[0]), 2000, "<u2").tobytes()
    jpeg = b""
    if preview is not None:
        buffer = io.BytesIO()
        preview.save(buffer, "JPEG", quality=92)
        jpeg = buffer.getvalue()
    file = bytearray(b"II*\0" + struct.pack("<I", 8))

    def main(sub: int, at: int) -> bytes:
        entries = [
            (0x00FE, 4, [1]),
            (0x010F, 2, b"Maker\0"),
            (0x0110, 2, b"Model X\0"),
            (0x0112, 3, [orientation]),
            (0x014A, 4, [sub]),
            (0xC612, 1, [1, 4, 0, 0]),
            (0xC614, 2, b"Maker Model X\0"),
        ]
        if preview is not None:
            entries += [
                (0x0100, 4, [preview.width]),
                (0x0101, 4, [preview.height]),
                (0x0102, 3, [8, 8, 8]),
                (0x0103, 3, [7]),
                (0x0106, 3, [6]),
                (0x0111, 4, [at]),
                (0x0115, 3, [3]),
                (0x0116, 4, [preview.height]),
                (0x0117, 4, [len(jpeg)]),
            ]
        return _directory(entries, 8)

    def below(start: int, at: int) -> bytes:
        entries = [
            (0x00FE, 4, [0]),
            (0x0100, 4, [raw[0]]),
            (0x0101, 4, [raw[1]]),
            (0x0102, 3, [16]),
            (0x0103, 3, [1]),
            (0x0106, 3, [32803]),
            (0x0111, 4, [at]),
            (0x0115, 3, [1]),
            (0x0116, 4, [raw[1]]),
            (0x0117, 4, [len(sensor)]),
            (0x828D, 3, [2, 2]),
            (0x828E, 1, [0, 1, 1, 2]),
        ]
        return _directory(entries, start)

    first = 8 + len(main(0, 0))
    second = first + len(below(first, 0))
    file += main(first, second) + below(first, second + len(jpeg)) + jpeg + sensor
    return bytes(file)


def _directory(entries: list[tuple[int, int, list[int] | bytes]], start: int) -> bytes:
    """A directory of plain values that begins at `start`."""
    packed = [
        (
            tag,
            kind,
            len(values),
            values if isinstance(values, bytes) else struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values),
        )
        for tag, kind, values in entries
    ]
    return directory(packed, start)
