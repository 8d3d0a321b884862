"""EXIF blocks entry by entry, as some phones and programs write them and no library does, and JPEGs that hold them."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

MAKE, MODEL, ORIENTATION = 0x010F, 0x0110, 0x0112
EXPOSURE, F_NUMBER, ISO, TAKEN, BIAS, FLASH, LENS = 0x829A, 0x829D, 0x8827, 0x9003, 0x9204, 0x9209, 0xA434

Entry = tuple[int, int, int, bytes]
"""Tag, type, count, value."""


def text(tag: int, value: str | bytes, kind: int = 2) -> Entry:
    data = (value if isinstance(value, bytes) else value.encode()) + b"\0"
    return tag, kind, len(data), data


def short(tag: int, *values: int) -> Entry:
    return tag, 3, len(values), struct.pack(f"<{len(values)}H", *values)


def ratio(tag: int, above: int, below: int, *, signed: bool = False) -> Entry:
    return tag, 10 if signed else 5, 1, struct.pack("<ii" if signed else "<II", above, below)


def directory(entries: Sequence[Entry], at: int, following: int = 0) -> bytes:
    """A directory that stands at this place of its block, its values behind it."""
    head, body, behind = struct.pack("<H", len(entries)), b"", at + 6 + 12 * len(entries)
    for tag, kind, count, value in sorted(entries):
        if len(value) <= 4:
            head += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
        else:
            head += struct.pack("<HHII", tag, kind, count, behind + len(body))
            body += value + bytes(len(value) % 2)
    return head + struct.pack("<I", following) + body


def block(main: Sequence[Entry], settings: Sequence[Entry] = ()) -> bytes:
    """A block with a main directory and, if there are any, one of settings."""
    if not settings:
        return b"II*\0\x08\0\0\0" + directory(main, 8)
    start = 8 + len(directory([*main, (0x8769, 4, 1, bytes(4))], 8))
    first = directory([*main, (0x8769, 4, 1, struct.pack("<I", start))], 8)
    return b"II*\0\x08\0\0\0" + first + directory(settings, start)


def segment(body: bytes) -> bytes:
    """An APP1 segment."""
    return b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body


def exif_segments(*blocks: bytes) -> bytes:
    """A segment for each of these blocks, or parts of one."""
    return b"".join(segment(b"Exif\0\0" + part) for part in blocks)


def jpeg(segments: bytes, size: tuple[int, int] = (96, 64)) -> bytes:
    """A JPEG of this size, darker to the right, with these segments at its start."""
    file = io.BytesIO()
    picture = Image.linear_gradient("L").transpose(Image.Transpose.ROTATE_270).resize(size).convert("RGB")
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()[:2] + segments + file.getvalue()[2:]


CAMERA = (text(MAKE, "Maker"), text(MODEL, "Model X"), short(ORIENTATION, 6))
EXPOSED = (ratio(EXPOSURE, 1, 125), ratio(F_NUMBER, 18, 10), short(ISO, 400))
WHEN = text(TAKEN, "2024:05:31 18:03:59")


def oddities() -> dict[str, bytes]:
    """JPEGs with a camera's settings in odd forms, by a name for each."""
    other = [text(MAKE, "Other"), short(ORIENTATION, 3)]
    whole = block([*CAMERA, (0x9C9C, 7, 70_000, bytes(70_000))], [*EXPOSED, WHEN])  # goes on in a second segment
    parts = {
        "as_it_should": [block(CAMERA, [*EXPOSED, WHEN, ratio(BIAS, -7, 10, signed=True)])],
        "in_the_main_directory": [block([*CAMERA, *EXPOSED, WHEN, ratio(BIAS, -7, 10, signed=True)])],
        "in_the_other_directories": [block(EXPOSED, CAMERA)],
        "bias_unsigned": [block(CAMERA, [*EXPOSED, ratio(BIAS, 4294967289, 10)])],
        "bias_of_no_type": [block(CAMERA, [(BIAS, 7, 8, struct.pack("<ii", -7, 10))])],
        "bias_in_shorts": [block(CAMERA, [short(BIAS, 36, 0, 18, 0)])],
        "two_blocks": [block(CAMERA, EXPOSED), block(other, [short(ISO, 200)])],
        "a_short_block_first": [block([text(0x0131, "program")]), block(CAMERA, EXPOSED)],
        "garbage_first": [b"garbage and more garbage", block(CAMERA, EXPOSED)],
        "nothing_first": [b"", block(CAMERA, EXPOSED)],
        "longer_than_a_segment": [whole[:60_000], whole[60_000:]],
        "texts_of_no_type": [
            block([text(MAKE, "Maker", 7)], [text(LENS, "Lens", 7), text(TAKEN, "2024:05:31 18:03:59", 7)])
        ],
        "numbers_as_texts": [block([text(ORIENTATION, "6")], [text(ISO, "400"), text(FLASH, "1")])],
        "iso_as_a_fraction": [block(CAMERA, [ratio(ISO, 400, 1)])],
        "iso_as_a_float": [block(CAMERA, [(ISO, 11, 1, struct.pack("<f", 400))])],
        "f_number_as_a_short": [block(CAMERA, [short(F_NUMBER, 2)])],
        "orientation_of_other_types": [block([(ORIENTATION, 4, 1, b"\x06\0\0\0")], EXPOSED)],
        "orientation_as_a_fraction": [block([ratio(ORIENTATION, 6, 1)], EXPOSED)],
        "orientation_out_of_range": [block([short(ORIENTATION, 0x0600)], EXPOSED)],
        "beyond_the_block": [block([(MAKE, 2, 100, struct.pack("<I", 90_000))], EXPOSED)],
        "half_past_midnight": [block(CAMERA, [text(TAKEN, "2024:05:31 24:30:00")])],
        "a_date_alone": [block(CAMERA, [text(TAKEN, "2024:05:31")])],
        "gbk": [block([text(MAKE, "华为".encode("gbk"))], EXPOSED)],
        "shift_jis": [block([text(MAKE, "富士フイルム".encode("shift_jis"))], EXPOSED)],
        "latin_1": [block([text(MAKE, "König".encode("latin-1"))], EXPOSED)],
        "utf_8": [block([text(MAKE, "华为")], EXPOSED)],
        "unknown": [block([text(MAKE, "   "), short(ORIENTATION, 0)], [ratio(EXPOSURE, 0, 0), ratio(F_NUMBER, 0, 1)])],
    }
    files = {name: jpeg(exif_segments(*blocks)) for name, blocks in parts.items()}
    files["in_capitals"] = jpeg(segment(b"EXIF\0\0" + block(CAMERA, EXPOSED)))
    files["behind_garbage"] = jpeg(segment(b"\0\0\xff\xe1Exif\0\0" + block(CAMERA, EXPOSED)))
    return files
