"""Photos to pixels: one guarded function around every decoder.

A file that cannot be read is an `Unreadable` with one line for a person; nothing a file contains makes this
raise. Decoders are called by name for the format that the first bytes show, never through `Image.open` or a
registered plug-in: the suffix does not matter, no other parser gets to see the data, and Pillow's
process-wide pixel limit is neither used nor changed. Everything is a function of its arguments, so threads
may call it side by side; only huge pictures wait for each other. Decoders are imported when the first file of their
format is met: most folders have JPEGs only.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import threading
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from iqa_cli.photos import costs, damage, isobmff, jpeg, jpeg_decoder, raw, tiff, truncated
from iqa_cli.photos.cicp import UNSPECIFIED, ColourCoding
from iqa_cli.photos.exif import capture_of_header, capture_of_image
from iqa_cli.photos.files import SIGNATURE_BYTES, read_file, refusal, sniff
from iqa_cli.photos.headers import Header, read_header
from iqa_cli.photos.heif import HeifPicture
from iqa_cli.photos.limits import MAX_MEGAPIXELS, ExcessError
from iqa_cli.photos.pixels import (
    FIRST_FRAME,
    FIRST_PAGE,
    KEPT_SHORT_SIDE,
    finish,
    image_of_array,
    upright_size,
    with_exponent,
)
from iqa_cli.photos.preview import MIN_SHORT_SIDE, read_checked_preview, read_preview
from iqa_cli.records import Capture, Photo, PhotoRef, StoredPhoto, Unreadable

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import ImageFile

logger = logging.getLogger(__name__)

Mode = Literal["scaled", "full", "thumbnail", "auto"]
Decoded = Literal["scaled", "full"]
Source = PhotoRef | StoredPhoto | bytes | bytearray | memoryview | Image.Image | NDArray[Any]

# Above this size pictures are decoded one after the other, or each thread would hold a gigabyte. The common large
# sensors (48 and 50 megapixels) stay below it.
LARGE_MEGAPIXELS = 52
_one_large_at_a_time = threading.Lock()


_WORDLESS = {
    "jxl": "the JPEG XL data are damaged, cut off, or of a kind that libjxl does not know",
    "raw": "damaged, or a kind of raw file that LibRaw does not know",
}
"""What to say where a library says nothing that helps."""


def decode(source: Source, *, mode: Mode = "scaled") -> Photo | Unreadable:
    """The working picture of a photo. See `read_photo`, which gives the camera settings as well."""
    return read_photo(source, mode=mode)[0]


def read_photo(source: Source, *, mode: Mode = "scaled", side: int = 0) -> tuple[Photo | Unreadable, Capture]:
    """Picture and camera settings of a photo, the file opened once.

    source   a found photo, one that is stored elsewhere, the bytes of a file, a PIL image (any mode; its EXIF
             orientation is applied), or an array (H, W), (H, W, 3) or (H, W, 4) of uint8, uint16 or floats in 0..1
    mode     "scaled" shrinks a JPEG while decoding it (1/2, 1/4, 1/8), "full" decodes every pixel first; both
             give a picture with a long side of at most 512 pixels, and their mean tone agrees. "thumbnail" takes
             the preview that the camera wrote, in a file or in the bytes of one, looks at the head only and so does
             not notice damage behind it; what has no good preview, and PIL images and arrays, is read as by "scaled".
             "auto" takes the preview of a HEIC picture in tiles if three of them agree with it, and reads everything
             else as by "scaled"
    side     of the largest square that a model squashes the picture to. Above 288 pixels it gets a `Photo.large` whose
             shorter side has as many, if the file has them and decoding them does not take too much: a note says if it
             does. A preview is taken as it is
    returns  (Photo or Unreadable, Capture); an unreadable picture may still have settings
    raises   TypeError, ValueError  for a wrong argument (another type, an array of another shape or range);
             never for what a file contains
    """
    if mode not in get_args(Mode):
        raise ValueError(f"expected mode 'scaled', 'full', 'thumbnail' or 'auto', got {mode!r}")
    if mode == "thumbnail" or mode == "auto":
        return _from_preview(source, side, mode == "auto")
    side = side if side > KEPT_SHORT_SIDE else 0
    if isinstance(source, PhotoRef | StoredPhoto):
        data = read_file(source.path if isinstance(source, PhotoRef) else source)
        return (data, Capture()) if isinstance(data, Unreadable) else _from_bytes(data, mode, side)
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(bytes(source), mode, side)
    if isinstance(source, Image.Image):
        return _from_image(source, side)
    if isinstance(source, np.ndarray):
        image = image_of_array(source)
        capture = Capture(image_width=image.width, image_height=image.height)
        return finish(image, size=image.size, orientation=1, short_side=side), capture
    raise TypeError(f"expected PhotoRef, bytes, a PIL image or a numpy array, got {type(source).__name__}")


def _from_preview(source: Source, side: int, is_checked: bool) -> tuple[Photo | Unreadable, Capture]:
    if not isinstance(source, PhotoRef | StoredPhoto | bytes | bytearray | memoryview):
        return read_photo(source, side=side)  # pixels already
    file: Path | StoredPhoto | bytes
    if isinstance(source, PhotoRef):
        file = source.path
    elif isinstance(source, StoredPhoto):
        file = source
    else:
        file = bytes(source)
    seen = read_checked_preview(file, side) if is_checked else read_preview(file)
    # What is refused in one mode is refused in every one.
    if seen.photo is not None and _too_large(seen.photo.width, seen.photo.height) is None:
        return seen.photo, seen.capture
    photo, capture = read_photo(source, side=side)
    if seen.note and isinstance(photo, Photo):
        photo = dataclasses.replace(photo, notes=(*photo.notes, seen.note))
    return photo, capture


def _from_bytes(data: bytes, mode: Decoded, side: int) -> tuple[Photo | Unreadable, Capture]:
    capture = Capture()
    header = None
    try:
        kind = sniff(data[:SIGNATURE_BYTES])
        if kind is None:
            return Unreadable(refusal(data[:SIGNATURE_BYTES])), capture
        header = read_header(kind, data)
        capture, notes = capture_of_header(header)
        excess = Unreadable(header.excess) if header.excess else None
        if header.jpeg is None:  # of a JPEG it counts what scaled decoding holds
            excess = excess or _too_large(header.width, header.height)
        if excess is not None:
            return excess, capture
        mode, side, note = _affordable(header, mode, data, side)
        notes = (*notes, note) if note else notes
        with _one_large_at_a_time if _takes_much_memory(header, mode, side) else contextlib.nullcontext():
            if header.kind == "raw":
                return _from_raw(data, mode, capture, notes, side)
            if header.jpeg is not None:
                return _from_jpeg(header.jpeg, mode, capture.orientation or 1, notes, side), capture
            return _from_other(header, data, capture.orientation or 1, notes, side), capture
    except Exception as error:  # noqa: BLE001 - 13 types came out of the decoders on damaged files
        return _why(error, header, data), capture


def _affordable(header: Header, mode: Decoded, data: bytes, side: int) -> tuple[Decoded, int, str]:
    """The mode and side in which a photo can be decoded within the limits, and a note if they are not those that were
    asked for.

    raises  ExcessError  if there is none
    """
    if header.jpeg is None:
        costs.check_other(header, data)
        return mode, side, ""
    pictures = 1 if header.jpeg.has_end else 2
    possible = costs.affordable(header.jpeg, mode, pictures=pictures, short_side=side)
    return *possible, "" if possible == (mode, side) else costs.SCALED_INSTEAD


def _from_image(image: Image.Image, side: int) -> tuple[Photo | Unreadable, Capture]:
    try:
        excess = _too_large(*image.size)
        if excess is not None:
            return excess, capture_of_image(image)[0]
        image.load()  # a file that was opened lazily fails here
        # Not before: a TIFF file is turned by loading it, and says so by losing its orientation.
        capture, notes = capture_of_image(image)
        turn, coding = capture.orientation or 1, _stated_coding(image)
        photo = finish(image, size=image.size, orientation=turn, notes=notes, coding=coding, short_side=side)
        return photo, capture
    except Exception as error:  # noqa: BLE001 - see _from_bytes
        return _why(error, None, b""), capture_of_image(image)[0]


def _stated_coding(image: Image.Image) -> ColourCoding | None:
    """What pillow-heif left with a picture that it opened for somebody else."""
    stated = image.info.get("nclx_profile")
    if not isinstance(stated, dict):
        return None
    names = ("color_primaries", "transfer_characteristics", "matrix_coefficients")
    primaries, transfer, matrix = (int(stated.get(name, UNSPECIFIED)) for name in names)
    return ColourCoding(primaries, transfer, matrix)


def _from_jpeg(
    layout: jpeg.JpegLayout, mode: Decoded, orientation: int, notes: tuple[str, ...], side: int
) -> Photo | Unreadable:
    if not layout.scans:
        return Unreadable("cut off: the file ends before the picture begins")
    if not (layout.width and layout.height):
        return Unreadable("could not be decoded: the JPEG header states no size")
    if len(layout.scans) > jpeg.MAX_SCANS:
        return Unreadable(f"could not be decoded: too many scans; the limit is {jpeg.MAX_SCANS}")
    size = (layout.width, layout.height)
    why = damage.HOLE if damage.has_hole(layout) else None
    if layout.has_end:
        decoded = jpeg_decoder.load(layout, mode, short_side=side)
        if not truncated.looks_filled(decoded.image):
            why = why or damage.corrupt(decoded.complaint)
            return finish(decoded.image, size=size, orientation=orientation, notes=notes, damage=why, short_side=side)
        del decoded  # or three would be there at once
    cut = truncated.measure(layout, mode, short_side=side)
    if cut.share < truncated.MIN_SHARE or not cut.rows:
        part = f"only {cut.percent} %" if cut.percent else "hardly any"
        return Unreadable(f"cut off: {part} of the picture is there")
    if cut.is_too_coarse:
        return Unreadable("cut off: only a coarse version of the picture is there")
    if not cut.is_coarse and cut.rows == cut.image.height:
        why = why or damage.corrupt(cut.complaint)  # nothing is missing, so there was no reason to complain
    elif layout.has_end:
        why = damage.ends_early(cut.percent)
    else:
        part = f"{cut.percent} % of the picture is there" if cut.share < 1 else "the whole picture is there"
        notes = (*notes, f"the file ends early: {part}{', without its finest detail' if cut.is_coarse else ''}")
    return finish(
        cut.image, size=size, orientation=orientation, rows=cut.rows, notes=notes, damage=why, short_side=side
    )


def _from_raw(
    data: bytes, mode: Decoded, capture: Capture, notes: tuple[str, ...], side: int
) -> tuple[Photo | Unreadable, Capture]:
    """The preview in a raw file, with the size of what it stands for."""
    preview = raw.read_raw(data)
    if preview is None:
        return Unreadable(raw.NO_PREVIEW), capture
    if isinstance(preview.picture, bytes):
        header = read_header("jpeg", preview.picture)
        if header.jpeg is None or header.excess:
            return Unreadable(header.excess or raw.NO_PREVIEW), capture
        if capture == Capture():  # in files that are not built like a TIFF it stands in the preview
            capture = capture_of_header(header)[0]
        possible, affordable = costs.affordable(header.jpeg, mode, short_side=side)
        photo = _from_jpeg(header.jpeg, possible, preview.orientation, notes, affordable)
        shown = (header.width, header.height)
    else:
        image = image_of_array(preview.picture)
        photo = finish(image, size=image.size, orientation=preview.orientation, notes=notes, short_side=side)
        shown = image.size
    capture = dataclasses.replace(capture, image_width=preview.size[0] or None, image_height=preview.size[1] or None)
    if isinstance(photo, Unreadable):
        return photo, capture
    if min(shown) < MIN_SHORT_SIDE:
        return Unreadable(f"a raw file with a preview of {shown[0]} x {shown[1]} pixels, too small to judge"), capture
    note = f"a raw file: the camera's preview of {shown[0]} x {shown[1]} pixels is judged"
    width, height = upright_size(preview.size, preview.orientation)
    return dataclasses.replace(photo, width=width, height=height, notes=(note, *photo.notes)), capture


def _from_other(header: Header, data: bytes, orientation: int, notes: tuple[str, ...], side: int) -> Photo | Unreadable:
    """All but JPEG and raw files: no scaled decoding, and nothing to save from a file that is cut."""
    boxes, coding = header.boxes, header.coding
    if header.kind == "heif":
        if boxes is not None and boxes.picture_end > len(data):
            return _cut_file(header, data)  # libheif fills missing tiles with green and does not say so
        picture = HeifPicture(data, coding)
        excess = _too_large(*picture.size)
        if excess is not None:
            return excess
        loaded = picture.load(side)
        notes = (*notes, *loaded.notes)
        why = _damage_of_heif(data)
        # libheif has applied the rotation of the container, which is the one that counts (23008-12, 6.5.10).
        return finish(
            loaded.image,
            size=picture.size,
            orientation=1,
            notes=notes,
            coding=loaded.coding,
            damage=why,
            short_side=side,
        )
    file = _open_other(header, data)
    excess = _too_large(*file.size)
    if excess is not None:
        return excess
    if boxes is not None:
        orientation = boxes.orientation  # the container's counts, and Pillow leaves it to us
    if header.kind != "tiff" and getattr(file, "is_animated", False):
        notes = (*notes, FIRST_FRAME)
    size = file.size
    file.load()
    if header.kind == "tiff":  # turned by loading it
        size, orientation = file.size, 1
        notes = (*notes, FIRST_PAGE) if tiff.has_pages(data) else notes
    elif header.kind == "jxl":  # and so is what its decoder gives
        orientation = 1
    image: Image.Image = file
    if header.png is not None:
        if header.png.profile is not None:
            file.info["icc_profile"] = header.png.profile
        if header.png.exponent is not None:
            image = with_exponent(file, header.png.exponent)
    is_halved = header.depth == 16  # Pillow has no colours of 16 bit and keeps the upper half
    return finish(
        image,
        size=size,
        orientation=orientation,
        notes=notes,
        coding=coding,
        is_halved=is_halved,
        short_side=side,
    )


def _damage_of_heif(data: bytes) -> str | None:
    """What is wrong with a picture that was decoded; tables that nobody understands say nothing about it."""
    try:
        return damage.of_heif(isobmff.read_items(data), lambda at, size: data[at : at + size], len(data))
    except Exception as error:  # a decoder took the file
        logger.debug("no look at the coded data", exc_info=error)
        return None


def _open_other(header: Header, data: bytes) -> ImageFile.ImageFile:
    if header.kind == "png":
        from PIL import PngImagePlugin

        return PngImagePlugin.PngImageFile(io.BytesIO(data if header.png is None else header.png.stream(data)))
    if header.kind == "webp":
        from PIL import WebPImagePlugin

        return WebPImagePlugin.WebPImageFile(io.BytesIO(data))
    if header.kind == "tiff":
        from PIL import TiffImagePlugin

        return TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    if header.kind == "bmp":
        from PIL import BmpImagePlugin

        return BmpImagePlugin.BmpImageFile(io.BytesIO(data))
    if header.kind == "gif":
        from PIL import GifImagePlugin

        return GifImagePlugin.GifImageFile(io.BytesIO(data))
    if header.kind == "jxl":
        from pillow_jxl import JpegXLImagePlugin

        return JpegXLImagePlugin.JXLImageFile(io.BytesIO(data))
    from PIL import AvifImagePlugin

    plain = data if header.boxes is None else isobmff.hide_exif(data, header.boxes)
    return AvifImagePlugin.AvifImageFile(io.BytesIO(plain))


def _cut_file(header: Header, data: bytes) -> Unreadable:
    percent = 100 * len(data) // header.claimed_bytes
    return Unreadable(f"cut off: {'only ' if percent < 90 else ''}{percent} % of the file is there")


def _takes_much_memory(header: Header, mode: Decoded, side: int) -> bool:
    """Whether decoding holds a large picture whole; a JPEG of one scan is scaled down row by row."""
    size = (header.width, header.height)
    is_scaled = mode == "scaled" and (not side or jpeg_decoder.factor_of(size, mode, short_side=side) > 1)
    if is_scaled and header.jpeg is not None and len(header.jpeg.scans) == 1:
        return False
    return header.width * header.height > LARGE_MEGAPIXELS * 1_000_000


def _too_large(width: int, height: int) -> Unreadable | None:
    if width * height <= MAX_MEGAPIXELS * 1_000_000:
        return None
    megapixels = -(-width * height // 100_000) / 10  # rounded up, so that it never seems to be within the limit
    return Unreadable(f"claims {width} x {height} = {megapixels:.1f} megapixels; the limit is {MAX_MEGAPIXELS}")


def _why(error: Exception, header: Header | None, data: bytes) -> Unreadable:
    """One line for a person; the traceback goes to the log, because the mistake may be ours."""
    logger.debug("decoding failed", exc_info=error)
    if isinstance(error, ExcessError):
        return Unreadable(str(error))
    if isinstance(error, MemoryError):
        return Unreadable("not enough memory to decode it")
    if header is not None and header.kind == "png" and header.claimed_bytes > len(data):
        return Unreadable("cut off: the file ends before the picture does")
    if header is not None and header.claimed_bytes > len(data):
        return _cut_file(header, data)
    if header is not None and header.kind in _WORDLESS:
        return Unreadable(f"could not be decoded: {_WORDLESS[header.kind]}")
    message = " ".join(str(error).split())[:200]
    return Unreadable(f"could not be decoded ({type(error).__name__}{': ' if message else ''}{message})")
