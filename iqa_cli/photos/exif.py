"""Camera settings of a photo, from EXIF and, where that has none, from XMP.

What is there and cannot be read is named in a note. A block that cannot be read at all gives an empty `Capture` and a
note; it never costs the photo.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import TYPE_CHECKING, Any

from PIL import Image

from iqa_cli.photos.files import SIGNATURE_BYTES, read_file, refusal, sniff
from iqa_cli.photos.headers import Header, read_header
from iqa_cli.photos.jpeg import read_layout
from iqa_cli.photos.metadata import MAX_XMP_BYTES
from iqa_cli.photos.settings import Settings, settings_of
from iqa_cli.photos.tiff import camera_tags
from iqa_cli.photos.xmp import tags_of_xmp
from iqa_cli.records import Capture, PhotoRef, StoredPhoto, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from iqa_cli.photos.tiff import Value

logger = logging.getLogger(__name__)

EXIF_DAMAGED = "the camera settings (EXIF) are damaged"
XMP_DAMAGED = "the camera settings in XMP are damaged"
LEFT_OUT = "left out of the camera settings:"
TURNED_BY_XMP = "only XMP says that the picture is to be turned, which viewers do not heed; it was left as it is"

# EXIF lies in the first 64 KiB of a JPEG, after at most a JFIF header and sometimes a preview of the same
# size.
_HEAD_BYTES = 256 * 1024
_FIRST_BYTES = 68 * 1024
"""Where a byte costs more than on disk: enough for nearly all."""

# Where Pillow puts an XMP packet: as bytes, and as text from PNG.
_XMP_KEYS = ("xmp", "XML:com.adobe.xmp")

_ALL_FIELDS = len(dataclasses.fields(Capture)) - len(("image_width", "image_height"))


def read_capture(source: PhotoRef | StoredPhoto | bytes | Image.Image) -> Capture:
    """The camera settings of a photo, without decoding it.

    source   a found photo, one that is stored elsewhere, the bytes of a file, or a PIL image
    returns  a Capture; fields that are missing, damaged or out of range are None, and so are all of them when the
             file cannot be read
    raises   TypeError  for any other source

    Of a JPEG on disk only the first 256 KiB are read; of one that is stored elsewhere 68 KiB, if they show all of it.
    """
    if isinstance(source, Image.Image):
        return capture_of_image(source)[0]
    if isinstance(source, PhotoRef | StoredPhoto):
        file = source.path if isinstance(source, PhotoRef) else source
        data: bytes | Unreadable = b""
        for limit in (_HEAD_BYTES, None) if isinstance(source, PhotoRef) else (_FIRST_BYTES, _HEAD_BYTES, None):
            data = read_file(file, limit)
            if isinstance(data, Unreadable) or (limit is not None and _shows_header(data, limit)):
                break
        return Capture() if isinstance(data, Unreadable) else _capture_of_bytes(data)
    if isinstance(source, bytes | bytearray | memoryview):
        return _capture_of_bytes(bytes(source))
    raise TypeError(f"expected PhotoRef, bytes or a PIL image, got {type(source).__name__}")


def capture_of_header(header: Header) -> tuple[Capture, tuple[str, ...]]:
    """Settings of a photo whose container was walked, and notes about them."""
    return capture_of_block(header.exif, header.width, header.height, later=header.later_exif, xmp=header.xmp)


def capture_of_block(
    block: bytes | None, width: int, height: int, *, later: Sequence[bytes] = (), xmp: bytes | None = None
) -> tuple[Capture, tuple[str, ...]]:
    """Settings from a TIFF block, with the size that the container states, and notes about them.

    block          the EXIF block, from its byte-order mark on; None or empty if the file has none
    width, height  stored pixels, before orientation; 0 if unknown. They fill `image_width` and `image_height`
                   (exiftool's ImageWidth and ImageHeight), because what EXIF says about the size is stale in
                   files that were edited
    later          more blocks of the file; as for exiftool, of a setting the last counts, of the orientation the first
    xmp            the XMP packet, for what EXIF does not have; its orientation does not count
    """
    found, is_damaged = Settings(), False
    for part in (*reversed(later), block):
        settings = _guarded(camera_tags, part) if part else Settings()
        is_damaged = is_damaged or settings is None
        found.fill(settings or Settings())
        if settings is not None and "orientation" in settings.values:
            found.values["orientation"] = settings.values["orientation"]
    notes = [EXIF_DAMAGED] if is_damaged and not found.values else []
    if xmp is not None and len(found.values) < _ALL_FIELDS:
        more = _guarded(tags_of_xmp, xmp)
        if more is None:
            notes.append(XMP_DAMAGED)
        else:
            turned = more.values.pop("orientation", 1) != 1
            more.left_out.pop("orientation", None)
            notes += [TURNED_BY_XMP] if turned and "orientation" not in found.values else []
            found.fill(more)
    if found.left_out:
        notes.append(f"{LEFT_OUT} {', '.join(found.left_out.values())}")
    size: dict[str, Any] = {"image_width": width or None, "image_height": height or None}
    return Capture(**found.values, **size), tuple(notes)


def _guarded(read: Callable[[bytes], Mapping[int, Value] | None], block: bytes) -> Settings | None:
    """The settings in a block by this reader of tags; None if it is damaged."""
    try:
        tags = read(block)
        return None if tags is None else settings_of(tags)
    except Exception as error:  # noqa: BLE001 - whatever comes out of a damaged block may not cost the photo
        logger.debug("a block of %d bytes: %r", len(block), error)
        return None


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
    except Exception as error:  # noqa: BLE001 - see _guarded
        logger.debug("EXIF of a PIL image: %r", error)
        return Capture(image_width=image.width, image_height=image.height), (EXIF_DAMAGED,)
    capture, notes = capture_of_block(block and block.removeprefix(b"Exif\0\0"), *image.size, xmp=_xmp_of(image))
    # The owner may have changed or removed the orientation after the file was opened.
    valid = orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else None
    stated = capture.orientation if isinstance(image.info.get("exif"), bytes) else None
    if stated is None and any("tiff:Orientation" in repr(image.info.get(key)) for key in _XMP_KEYS):
        valid = None
    return dataclasses.replace(capture, orientation=valid), notes


def _xmp_of(image: Image.Image) -> bytes | None:
    packet = next((found for key in _XMP_KEYS if (found := image.info.get(key))), None)
    data = packet.encode("utf-8", "replace") if isinstance(packet, str) else packet
    return data[:MAX_XMP_BYTES] if isinstance(data, bytes) else None


def _shows_header(head: bytes, limit: int) -> bool:
    if len(head) < limit:
        return True
    return head.startswith(b"\xff\xd8") and bool(read_layout(head).scans)


def _capture_of_bytes(data: bytes) -> Capture:
    kind = sniff(data[:SIGNATURE_BYTES])
    if kind is None:
        logger.debug("no EXIF: %s", refusal(data[:SIGNATURE_BYTES]))
        return Capture()
    header = read_header(kind, data)
    return capture_of_header(header)[0]
