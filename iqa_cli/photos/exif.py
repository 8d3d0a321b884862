"""Camera settings from an EXIF block.

exifread reads the values, from a block that `tiff` has reduced to the tags below. A block that cannot be read
gives an empty `Capture` and a note; it never costs the photo.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import logging
import math
import re
from typing import TYPE_CHECKING, Any

import exifread
from PIL import Image

from iqa_cli.photos.files import SIGNATURE_BYTES, read_file, refusal, sniff
from iqa_cli.photos.headers import read_header
from iqa_cli.photos.jpeg import read_layout
from iqa_cli.photos.tiff import only_wanted_tags
from iqa_cli.records import Capture, PhotoRef, Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

# exifread warns about every odd tag of every odd camera, on stderr if nobody configured logging.
logging.getLogger("exifread").setLevel(logging.CRITICAL)

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
    try:
        wanted = only_wanted_tags(block)
        if wanted is None:
            return Capture(**size), (EXIF_DAMAGED,)
        tags = exifread.process_file(io.BytesIO(wanted), details=False, extract_thumbnail=False)
        return Capture(**_settings(tags), **size), ()
    except Exception as error:  # noqa: BLE001 - many types come out of a damaged block; none may cost the photo
        logger.debug("EXIF block of %d bytes: %r", len(block), error)
        return Capture(**size), (EXIF_DAMAGED,)


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
    except Exception as error:  # noqa: BLE001 - see capture_of_block
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


def _settings(tags: Mapping[str, Any]) -> dict[str, Any]:
    flash = _whole(tags, "EXIF Flash", 0, 0x7F)  # seven bits are defined
    return {
        "make": _text(tags, "Image Make"),
        "model": _text(tags, "Image Model"),
        "lens_model": _text(tags, "EXIF LensModel"),
        "taken_at": _date(_text(tags, "EXIF DateTimeOriginal")),
        "exposure_time_s": _number(tags, "EXIF ExposureTime", above=0.0, up_to=86_400.0),
        "f_number": _number(tags, "EXIF FNumber", above=0.0, up_to=1_000.0),
        "iso": _whole(tags, "EXIF ISOSpeedRatings", 1, 100_000_000),
        "exposure_bias_ev": _number(tags, "EXIF ExposureBiasValue", above=-30.0, up_to=30.0),
        "flash_fired": None if flash is None else bool(flash & 1),
        "orientation": _whole(tags, "Image Orientation", 1, 8),
    }


def _values(tags: Mapping[str, Any], name: str) -> list[Any]:
    """The values of a tag as a flat list; exifread gives text, a list, or a list of one-element tuples."""
    values = getattr(tags.get(name), "values", None)
    if values is None:
        return []
    if not isinstance(values, list | tuple):
        return [values]
    return [value[0] if isinstance(value, tuple) and value else value for value in values]


def _text(tags: Mapping[str, Any], name: str) -> str | None:
    """One line of text; padding, control characters and bytes that are not UTF-8 are dropped."""
    values = _values(tags, name)
    if not values or not isinstance(values[0], str | bytes):
        return None
    text = values[0].decode("utf-8", errors="ignore") if isinstance(values[0], bytes) else values[0]
    return "".join(c for c in text if c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF).strip() or None


def _number(tags: Mapping[str, Any], name: str, *, above: float, up_to: float) -> float | None:
    """The first value as a float in (above, up_to]; None for 0/0, n/0, nan and whatever is out of range."""
    for value in _values(tags, name)[:1]:
        try:
            number = float(value)
        except (TypeError, ValueError, ArithmeticError):
            return None
        if math.isfinite(number) and above < number <= up_to:
            return number
    return None


def _whole(tags: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    """The first whole number in low..high; a list of ISO values often has zeros in it."""
    for value in _values(tags, name):
        if isinstance(value, int) and low <= value <= high:
            return value
    return None


def _date(text: str | None) -> dt.datetime | None:
    """`2024:05:31 18:03:59`, with any separators; None for blanks and for days that do not exist."""
    found = _DATE.match(text or "")
    if found is None:
        return None
    try:
        return dt.datetime.fromisoformat("{}-{:0>2}-{:0>2}T{:0>2}:{:0>2}:{:0>2}".format(*found.groups()))
    except ValueError:
        return None
