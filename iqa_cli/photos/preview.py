"""The small preview that the camera wrote beside the picture, read without the picture.

Where it is looked for, the best first: in a JPEG the VGA picture of a multi-picture index (CIPA DC-007) and the
thumbnail in EXIF; in a HEIC file the thumbnail item and the thumbnail in EXIF; in AVIF the thumbnail in EXIF. A preview
counts only if it is intact, not tiny, and has the shape of the picture once its bars are off. It can still be older
than the picture: a program that brightens a photo and copies its EXIF block leaves the dark preview in it. In a HEIC
picture in tiles that shows where some of its tiles are decoded as well: `read_checked_preview`.
"""

from __future__ import annotations

import dataclasses
import io
import logging
import stat
from typing import TYPE_CHECKING

from iqa_cli.photos import heif_thumbnail, heif_tiles, isobmff, jpeg, jpeg_decoder, tiff, truncated
from iqa_cli.photos.exif import capture_of_block, capture_of_header
from iqa_cli.photos.files import FIRST_WINDOW_BYTES, SIGNATURE_BYTES, Windows, sniff
from iqa_cli.photos.headers import read_header
from iqa_cli.photos.heif import HeifPicture
from iqa_cli.photos.limits import MAX_FILE_BYTES
from iqa_cli.photos.pixels import finish, upright_size
from iqa_cli.photos.surroundings import without_bars
from iqa_cli.records import Capture, Photo, StoredPhoto

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from PIL import Image

    from iqa_cli.photos.cicp import ColourCoding

logger = logging.getLogger(__name__)

# Pixels. What is judged is the model's input of 96 x 96; a 160 x 120 preview of a 16:9 picture has 86 rows without its
# bars. See docs/decisions/0080.
MIN_SHORT_SIDE = 80

# Pixels that scaled decoding leaves a large preview: half of the common 512 x 384. A quarter of the pixels is a quarter
# of the time, most of which their colour profile takes, and the levels do not change.
_LONG_SIDE = 240

# Above these a preview is no quick look any more: VGA previews have up to 100 KB, the boxes of HEIC files 20 KB, a
# preview one scan, or ten if it is progressive.
_MAX_PREVIEW_BYTES = 256 * 1024
_MAX_PREVIEW_PIXELS = 2_000_000
_MAX_PREVIEW_SCANS = 20
_MAX_PREVIEWS = 4  # that an index lists; cameras write one or two
_MAX_BOXES_BYTES = 1024 * 1024

# Bytes behind the head for each pixel: less is a copy that broke off. One whole photograph of 1,200 has less too.
_MIN_DENSITY = 0.02

_VGA_PREVIEW = 0x010001  # MP type code "Large Thumbnail, VGA equivalent"; CIPA DC-007, 5.2.3.3.1
_TYPE_CODE = 0xFFFFFF

_COLOURS = 3

OTHER_SHAPE = "the camera's preview has another shape than the picture and was not used"
OTHER_SIZE = "the picture was changed after the camera wrote its preview, which was not used"
DAMAGED = "the camera's preview is damaged and was not used"
UNLIKE = "the camera's preview looks unlike the picture and was not used"


@dataclasses.dataclass(frozen=True, slots=True)
class Preview:
    """What the head of a photo file gives."""

    photo: Photo | None = None
    """The preview as the working picture, with the size of the picture it stands for; None if it is of no use."""
    capture: Capture = dataclasses.field(default_factory=Capture)
    """The same as of the whole file where `photo` is not None."""
    note: str = ""
    """Why a preview that is there was not used; empty if there is none, or none of a useful size."""
    bytes_read: int = 0
    """Bytes read from the file."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Opened:
    """A preview that was found and decoded."""

    image: Image.Image
    """As decoded, perhaps scaled down, with its colour profile in `info`."""
    width: int
    """Pixels across as stored."""
    height: int
    """Pixels down as stored."""
    coding: ColourCoding | None = None
    """Which light its numbers stand for, if that is still to be regarded."""
    notes: tuple[str, ...] = ()
    """How it was read."""


def read_preview(source: Path | StoredPhoto | bytes) -> Preview:
    """The camera's preview of a photo, and its settings.

    source   a file, a photo stored elsewhere, or the bytes of one
    returns  a Preview without photo for whatever cannot be read: `read_photo` says why
    """
    return _from(source, _read)


def read_checked_preview(source: Path | StoredPhoto | bytes, side: int = 0) -> Preview:
    """The thumbnail of a HEIC picture in tiles, if it agrees with some of them; its photo says that it was checked.

    source  as in `read_preview`
    side    of the largest square that a model squashes the picture to: a smaller preview is of no use
    returns a Preview without photo for everything else, also for what is no such picture
    """
    return _from(source, lambda file: _checked(file, side))


def _from(source: Path | StoredPhoto | bytes, read: Callable[[Windows], Preview]) -> Preview:
    if isinstance(source, bytes):
        return _guarded(Windows(io.BytesIO(source), len(source)), read)
    try:
        if isinstance(source, StoredPhoto):
            if source.size > MAX_FILE_BYTES:
                return Preview()
            with source.open() as stored:
                return _guarded(Windows(stored, source.size), read)
        status = source.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
            return Preview()
        with source.open("rb", buffering=0) as file:
            return _guarded(Windows(file, status.st_size), read)
    except OSError as error:
        logger.debug("no preview: %r", error)
        return Preview()


def _guarded(file: Windows, read: Callable[[Windows], Preview]) -> Preview:
    try:
        seen = read(file)
    except Exception as error:  # as many types as in `decode`; the picture may be fine
        logger.debug("no preview", exc_info=error)
        seen = Preview()
    return dataclasses.replace(seen, bytes_read=file.bytes_read)


def _read(file: Windows) -> Preview:
    kind = sniff(file.read(0, SIGNATURE_BYTES))
    if kind == "jpeg":
        return _of_jpeg(file)
    return _of_heif(file) if kind in ("heif", "avif") else Preview()


def _of_jpeg(file: Windows) -> Preview:
    head = jpeg.read_head(file)
    if head is None:
        return Preview()
    header = read_header("jpeg", head.data)
    size = (header.width, header.height)
    # The profile of another kind of picture (CMYK, grey) does not fit a preview in colour.
    if not all(size) or header.jpeg is None or len(header.jpeg.components) != _COLOURS:
        return Preview()
    if file.size - head.ends_at < _MIN_DENSITY * header.width * header.height:
        return Preview()
    capture, notes = capture_of_header(header)
    previews = (_open_jpeg(data, head.profile) for data in _in_jpeg(file, head, header.exif))
    seen = _first_good(previews, size, capture.orientation or 1, capture, notes)
    if seen.photo is not None and header.exif and tiff.stated_size(header.exif) not in (None, size):
        return Preview(note=OTHER_SIZE)
    return seen


def _in_jpeg(file: Windows, head: jpeg.JpegHead, exif: bytes | None) -> Iterator[bytes]:
    """The previews of a JPEG file, as JPEG files, the larger kind first."""
    listed = [
        (offset, size)
        for attributes, size, offset in tiff.pictures(head.pictures)
        if attributes & _TYPE_CODE == _VGA_PREVIEW and offset and size <= _MAX_PREVIEW_BYTES
    ]
    for offset, size in listed[:_MAX_PREVIEWS]:
        yield file.read(head.pictures_at + offset, size)
    thumbnail = tiff.thumbnail(exif or b"")
    if thumbnail is not None:
        yield thumbnail


def _head_of_heif(file: Windows) -> tuple[bytes, isobmff.PictureBoxes] | None:
    """The file up to the end of its `meta` box, and what that says; None if it is of no use here."""
    end = isobmff.meta_end(file.read(0, FIRST_WINDOW_BYTES))
    if end is None or end > _MAX_BOXES_BYTES:
        return None
    head = file.read(0, end)
    boxes = isobmff.read_boxes(head)
    if not (boxes.width and boxes.height) or boxes.picture_end > file.size:
        return None
    return head, boxes


def _settings_of_heif(
    file: Windows, head: bytes, boxes: isobmff.PictureBoxes
) -> tuple[bytes | None, Capture, tuple[str, ...]]:
    """The EXIF block, the camera settings, and notes on these."""
    exif = isobmff.tiff_block(_join(file, boxes.exif_spans))
    xmp = None if exif else _join(file, isobmff.xmp_spans(head))
    return exif, *capture_of_block(exif, boxes.width, boxes.height, xmp=xmp)


def _of_heif(file: Windows) -> Preview:
    found = _head_of_heif(file)
    if found is None:
        return Preview()
    head, boxes = found
    exif, capture, notes = _settings_of_heif(file, head, boxes)
    previews = _in_heif(file, isobmff.find_thumbnail(head), exif)
    # How the boxes turn the picture counts for all that is in the file (23008-12, 6.5.10).
    return _first_good(previews, (boxes.width, boxes.height), boxes.orientation, capture, notes)


def _checked(file: Windows, side: int) -> Preview:
    if sniff(file.read(0, SIGNATURE_BYTES)) != "heif":
        return Preview()
    found = _head_of_heif(file)
    if found is None:
        return Preview()
    head, boxes = found
    item = isobmff.find_thumbnail(head)
    if item is None or item.coded_bytes > _MAX_PREVIEW_BYTES:
        return Preview()
    size = (boxes.width, boxes.height)
    grid = heif_tiles.find_grid(file, head, size, item)
    if grid is None or any(coding is not None and coding.hdr_curve for coding in (boxes.coding, item.coding)):
        return Preview()
    _, capture, notes = _settings_of_heif(file, head, boxes)  # now: it mostly lies before the tiles
    opened = _open_heif(item, _join(file, item.spans))
    if opened is None:
        return Preview(note=DAMAGED)
    stored = (opened.width, opened.height)
    if not heif_tiles.has_shape_of(stored, size):
        return Preview(note=OTHER_SHAPE)
    if min(stored) < max(MIN_SHORT_SIDE, side):
        return Preview()
    if not grid.is_intact(file):
        return Preview()  # decoding it says what is wrong
    compared = grid.agreeing_tiles(file, opened.image)
    if not compared:
        return Preview(note=UNLIKE)
    across, down = upright_size(stored, boxes.orientation)
    said = (
        f"judged from the camera's {across} x {down} preview, "
        f"which agrees with {compared} of the picture's {len(grid.tiles)} tiles"
    )
    photo = finish(
        opened.image,
        size=size,
        orientation=boxes.orientation,
        notes=(*notes, *opened.notes, said),
        coding=opened.coding,
    )
    # Where bars or borders end is told from the picture itself: on a preview a line of it is 13 of the picture.
    if photo.rgb.shape[:2] != (down, across):
        return Preview()
    return Preview(dataclasses.replace(photo, is_checked_preview=True), capture)


def _in_heif(file: Windows, item: isobmff.ThumbnailItem | None, exif: bytes | None) -> Iterator[_Opened | None]:
    """The previews of a HEIF or AVIF file, the better kind first; None for one that is damaged."""
    if item is not None and item.coded_bytes <= _MAX_PREVIEW_BYTES:
        yield _open_heif(item, _join(file, item.spans))
    thumbnail = tiff.thumbnail(exif or b"")
    if thumbnail is not None:
        yield _open_jpeg(thumbnail, b"")


def _join(file: Windows, spans: Collection[tuple[int, int]]) -> bytes:
    """The bytes of an item; none if it claims too many."""
    if sum(last - first for first, last in spans) > _MAX_BOXES_BYTES:
        return b""
    return b"".join(file.read(first, last - first) for first, last in spans)


def _open_jpeg(data: bytes, profile: bytes) -> _Opened | None:
    """A preview in the colours of its picture unless it has a profile of its own; None if it is damaged."""
    layout = jpeg.read_layout(data)
    if not (data.startswith(b"\xff\xd8") and layout.scans and layout.has_end):
        return None
    if layout.width * layout.height > _MAX_PREVIEW_PIXELS or len(layout.scans) > _MAX_PREVIEW_SCANS:
        return None
    if profile and len(layout.components) == _COLOURS and b"ICC_PROFILE\0" not in layout.head:
        layout = dataclasses.replace(layout, head=jpeg.with_profile(layout.head, profile))
    try:
        decoded = jpeg_decoder.load(layout, "scaled", long_side=_LONG_SIDE)
    except Exception as error:  # noqa: BLE001 - see _guarded
        logger.debug("a damaged preview: %r", error)
        return None
    if decoded.complaint or truncated.looks_filled(decoded.image):
        return None
    return _Opened(decoded.image, layout.width, layout.height)


def _open_heif(item: isobmff.ThumbnailItem, coded: bytes) -> _Opened | None:
    try:
        picture = HeifPicture(heif_thumbnail.as_file(item.properties, coded), item.coding)
        if picture.size[0] * picture.size[1] > _MAX_PREVIEW_PIXELS:
            return None
        loaded = picture.load()
        return _Opened(loaded.image, *picture.size, loaded.coding, loaded.notes)
    except Exception as error:  # noqa: BLE001 - see _guarded
        logger.debug("a damaged preview: %r", error)
        return None


def _first_good(
    previews: Iterable[_Opened | None],
    size: tuple[int, int],
    orientation: int,
    capture: Capture,
    notes: tuple[str, ...],
) -> Preview:
    """The first preview that will do; `size` is the picture's as stored, `orientation` still to be applied."""
    note = ""
    for opened in previews:
        if opened is None:
            note = DAMAGED
            continue
        if min(opened.image.size) < MIN_SHORT_SIDE:
            continue
        picture = without_bars(opened.image, *size)
        if picture is None:
            note = OTHER_SHAPE
        elif min(picture.size) >= MIN_SHORT_SIDE:
            stored = (opened.width, opened.height)
            across, down = upright_size(stored, orientation)
            seen = f"judged from the camera's {across} x {down} preview"
            said = (*notes, *opened.notes, seen)
            photo = finish(picture, size=size, orientation=orientation, notes=said, coding=opened.coding)
            return Preview(photo, capture)
    return Preview(note=note)
