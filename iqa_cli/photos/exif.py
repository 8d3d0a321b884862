"""Camera settings from an EXIF block.

`tiff` reads the values; what they mean and which are believed is said here. A block that cannot be read gives an
empty `Capture` and a note; it never costs the photo.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import logging
import math
import re
from typing import TYPE_CHECKING, Any

from PIL import Image

from iqa_cli.photos.files import SIGNATURE_BYTES, read_file, refusal, sniff
from iqa_cli.photos.headers import read_header
from iqa_cli.photos.jpeg import read_layout
from iqa_cli.photos.tiff import wanted_values
from iqa_cli.records import Capture, PhotoRef, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

logger = logging.getLogger(__name__)

EXIF_DAMAGED = "the camera settings (EXIF) are damaged"

# EXIF lies in the first 64 KiB of a JPEG, after at most a JFIF header and sometimes a preview of the same
# size.
_HEAD_BYTES = 256 * 1024

# Where Pillow puts an XMP packet: as bytes, and as text from PNG.
_XMP_KEYS = ("xmp", "XML:com.adobe.xmp")

_DATE = re.compile(r"(\d{4})\D(\d{1,2})\D(\d{1,2})\D+(\d{1,2})\D(\d{1,2})\D(\d{1,2})")


def read_capture(source: PhotoRef | bytes | Image.Image) -> Capture:
    """The camera settings of a photo, without decoding it.

    source   a found photo, the bytes of a file, or a PIL image
    returns  a Capture; fields that are missing, damaged or out of range are None, and so are all of them when the
             file cannot be read
    raises   TypeError  for any other source

    Of a JPEG on disk only the first 256 KiB are read.
    """
    if isinstance(source, Image.Image):
        return capture_of_image(source)[0]
    if isinstance(source, PhotoRef):
        data = read_file(source.path, limit=_HEAD_BYTES)
        if not isinstance(data, Unreadable) and not _shows_header(data):
            data = read_file(source.path)
        return Capture() if isinstance(data, Unreadable) else _capture_of_bytes(data)
    if isinstance(source, bytes | bytearray | memoryview):
        return _capture_of_bytes(bytes(source))
    raise TypeError(f"expected PhotoRef, bytes or a PIL image, got {type(source).__name__}")


def capture_of_block(block: bytes | None, width: int, height: int) -> tuple[Capture, tuple[str, ...]]:
    """Settings from a TIFF block, with the size that the container states, and notes about the block.

    block          the EXIF block, from its byte-order mark on; None or empty if the file has none
    width, height  stored pixels, before orientation; 0 if unknown. They fill `image_width` and `image_height`
                   (exiftool's ImageWidth and ImageHeight), because what EXIF says about the size is stale in
                   files that were edited
    """
    size: dict[str, Any] = {"image_width": width or None, "image_height": height or None}
    if not block:
        return Capture(**size), ()
    values = wanted_values(block)
    if values is None:
        return Capture(**size), (EXIF_DAMAGED,)
    return Capture(**_settings(values), **size), ()


def capture_of_image(image: Image.Image) -> tuple[Capture, tuple[str, ...]]:
    """Settings of a PIL image as its owner sees them, and notes.

    Pillow takes an orientation that EXIF lacks from XMP. It does not count here, as it does not for a file.
    """
    block = image.info.get("exif")
    try:
        exif = image.getexif()
        if not isinstance(block, bytes):
            block = exif.tobytes() if len(exif) else None
        orientation = exif.get(0x0112)
    except Exception as error:  # noqa: BLE001 - many types come out of a damaged block; none may cost the photo
        logger.debug("EXIF of a PIL image: %r", error)
        return Capture(image_width=image.width, image_height=image.height), (EXIF_DAMAGED,)
    capture, notes = capture_of_block(block and block.removeprefix(b"Exif\0\0"), *image.size)
    # The owner may have changed or removed the orientation after the file was opened.
    valid = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else None
    stated = capture.orientation if isinstance(image.info.get("exif"), bytes) else None
    if stated is None and any("tiff:Orientation" in repr(image.info.get(key)) for key in _XMP_KEYS):
        valid = None
    return dataclasses.replace(capture, orientation=valid), notes


def _shows_header(head: bytes) -> bool:
    if len(head) < _HEAD_BYTES:
        return True
    return head.startswith(b"\xff\xd8") and bool(read_layout(head).scans)


def _capture_of_bytes(data: bytes) -> Capture:
    kind = sniff(data[:SIGNATURE_BYTES])
    if kind is None:
        logger.debug("no EXIF: %s", refusal(data[:SIGNATURE_BYTES]))
        return Capture()
    header = read_header(kind, data)
    return capture_of_block(header.exif, header.width, header.height)[0]


def _settings(values: Mapping[int, Sequence[int | float | bytes]]) -> dict[str, Any]:
    flash = _whole(values, 0x9209, 0, 0x7F)  # seven bits are defined
    return {
        "make": _text(values, 0x010F),
        "model": _text(values, 0x0110),
        "lens_model": _text(values, 0xA434),
        "taken_at": _date(_text(values, 0x9003)),
        "exposure_time_s": _number(values, 0x829A, above=0.0, up_to=86_400.0),
        "f_number": _number(values, 0x829D, above=0.0, up_to=1_000.0),
        "iso": _whole(values, 0x8827, 1, 100_000_000),
        "exposure_bias_ev": _number(values, 0x9204, above=-30.0, up_to=30.0),
        "flash_fired": None if flash is None else bool(flash & 1),
        "orientation": _whole(values, 0x0112, 1, 8),
    }


def _text(values: Mapping[int, Sequence[int | float | bytes]], tag: int) -> str | None:
    """One line of text; padding, control characters and bytes that are not UTF-8 are dropped."""
    first = next(iter(values.get(tag, ())), None)
    if not isinstance(first, bytes):
        return None
    text = first.decode("utf-8", errors="ignore")
    if not text.isprintable():
        text = "".join(c for c in text if c.isprintable())
    return text.strip() or None


def _number(
    values: Mapping[int, Sequence[int | float | bytes]], tag: int, *, above: float, up_to: float
) -> float | None:
    """The first value, which may be text, as a float in (above, up_to]; None for nan and whatever is out of range."""
    first = next(iter(values.get(tag, ())), None)
    try:
        number = math.nan if first is None else float(first)
    except ValueError:
        return None
    return number if math.isfinite(number) and above < number <= up_to else None


def _whole(values: Mapping[int, Sequence[int | float | bytes]], tag: int, low: int, high: int) -> int | None:
    """The first whole number in low..high; a list of ISO values often has zeros in it."""
    return next((value for value in values.get(tag, ()) if isinstance(value, int) and low <= value <= high), None)


def _date(text: str | None) -> dt.datetime | None:
    """`2024:05:31 18:03:59`, with any separators; None for blanks and for days that do not exist."""
    found = _DATE.match(text or "")
    if found is None:
        return None
    try:
        return dt.datetime.fromisoformat("{}-{:0>2}-{:0>2}T{:0>2}:{:0>2}:{:0>2}".format(*found.groups()))
    except ValueError:
        return None
