"""The marker structure of a JPEG file, read without decoding (ITU-T T.81, annex B).

Pillow reads EXIF, Photoshop and multi-picture blocks while it opens a file, and a damaged one of those makes
it warn or fail though the picture is fine. So the segments are walked here, and Pillow is handed a stream
with only those that the picture needs. The same walk finds the scans, which is how a file that ends early is
told from a whole one.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, cast

import numpy as np

from iqa_cli.photos.metadata import MARK_BYTES, Segments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.photos.files import Windows

EOI = b"\xff\xd9"

# A failed copy leaves whole disk sectors of zeros, and zeros are valid codes: they decode to a flat area.
_PADDING = bytes(512)

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_AT_ONCE = frozenset(bytes((code,)) for code in range(0x01, 0xFF) if not 0xD0 <= code <= 0xD7)
_SHORT_SCAN = 1024
# Bytes of a longer scan that are looked through at once: what the second-level cache holds twice.
_SEARCHED_AT_ONCE = 256 * 1024

# Encoders write about ten scans. Each costs a pass over the whole picture, so a small file with thousands of
# empty ones keeps a decoder busy for minutes.
MAX_SCANS = 500

# What else stands between markers. Photos have 10 to 60 segments, with depth maps in XMP some hundreds; a file of
# 100 MB has room for 25 million empty ones, each of which costs every reader a step.
MAX_SEGMENTS = 10_000
_MAX_HEAD_BYTES = 32 * 1024 * 1024  # of those that the picture needs; the largest colour profile takes 17 MB
_SHORT_GAP = 64

_TOO_MANY_SEGMENTS = f"could not be decoded: too many segments; the limit is {MAX_SEGMENTS}"
_TOO_LARGE_HEAD = f"could not be decoded: too many tables before the picture; the limit is {_MAX_HEAD_BYTES} bytes"

_TWO_FRAMES = "could not be decoded: more than one frame header"

_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_MAX_HEAD_SEGMENTS = 200  # photos have 10 to 60; many more are a trap that costs a reading each
_DROPPED = frozenset({0xFE, *range(0xE0, 0xF0)}) - {0xE0, 0xE2, 0xEE}


@dataclasses.dataclass(frozen=True, slots=True)
class Scan:
    """One pass over the picture; a baseline file has one, a progressive file about ten."""

    components: frozenset[int]
    """Colour components that it carries."""
    coefficients: range
    """DCT coefficients in it, of 0..63."""
    is_first: bool
    """Whether it is the pass that brings the block averages (all a baseline file has)."""
    is_final: bool
    """Whether its coefficients have all their bits afterwards."""


@dataclasses.dataclass(frozen=True, slots=True)
class JpegLayout:
    """What the markers of a JPEG file say."""

    width: int
    """Stored pixels across; 0 if the size is missing."""
    height: int
    """Stored pixels down; 0 if the size is missing."""
    components: frozenset[int]
    """Colour components of the picture."""
    block_rows: int
    """Rows that are coded together: 8, or 16 where colour is stored at half height."""
    blocks: Mapping[int, int]
    """Blocks of 8 x 8 samples of each component, padding left out."""
    is_progressive: bool
    """Whether the picture comes in passes over all of it, so that a decoder keeps every coefficient."""
    exif: tuple[bytes, ...]
    """The EXIF blocks as TIFF streams, the camera's mostly the only one."""
    scans: tuple[Scan, ...]
    """The scans whose header is complete, in file order."""
    has_end: bool
    """Whether the end marker was found."""
    head: bytes
    """The segments that the picture needs, up to its first scan."""
    picture: memoryview
    """The first picture of the file from its first scan on, without its end marker; in the bytes that were given."""
    plain: bytes | None = None
    """The file itself if nothing but segments that decoders pass over sets it apart from `stream()`."""
    excess: str = ""
    """Why the file was not walked to its end, for a person; empty if it was."""
    xmp: bytes | None = None
    """The XMP packet; None if there is none."""

    @property
    def file(self) -> bytes:
        """The bytes that were given."""
        return cast("bytes", self.picture.obj)

    def stream(self, tail: bytes = b"") -> bytes:
        """The picture as a JPEG file of its own, ending with `tail` and an end marker."""
        return b"".join((self.head, self.picture, tail, EOI))

    def picture_has(self, part: bytes) -> bool:
        """Whether these bytes stand somewhere in `picture`, but for zeros at its end, which are padding."""
        # A view cannot be searched, and a copy of it is seldom needed.
        return part in self.file and part in self.picture.tobytes().rstrip(b"\0")

    def without_padding(self) -> JpegLayout | None:
        """The same without the zeros at the end of its picture; None if there are none."""
        end = len(self.picture)
        while end and not self.picture[end - 1]:
            end -= 1
        return None if end == len(self.picture) else dataclasses.replace(self, picture=self.picture[:end], plain=None)

    def start(self) -> bytes:
        """The beginning of `stream()`, the header of the first scan included: all that Pillow itself reads."""
        return b"".join((self.head, self.picture[: 2 + int.from_bytes(self.picture[2:4], "big")]))


def read_layout(data: bytes) -> JpegLayout:
    """Walk the markers of the first picture in `data`; never raises, whatever the bytes are."""
    width = height = 0
    components: frozenset[int] = frozenset()
    block_rows = 8
    blocks: dict[int, int] = {}
    is_progressive = False
    metadata = Segments()
    scans: list[Scan] = []
    kept = [data[:2]]
    kept_bytes = segments = 0
    first_scan = None
    has_end = False
    is_plain = True
    excess = ""
    at = 2
    while True:
        # Mostly a marker follows at once.
        marker_at = at if data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] in _AT_ONCE else _next_marker(data, at)
        if marker_at < 0:
            end = len(data)
            break
        if marker_at > at and first_scan is None:
            is_plain = is_plain and marker_at - at <= _SHORT_GAP and _RESTART.search(data, at, marker_at) is None
        marker = data[marker_at + 1]
        if marker == 0xD9:
            has_end, end = True, marker_at
            break
        segments += 1
        if segments > MAX_SEGMENTS or kept_bytes > _MAX_HEAD_BYTES:
            excess = _TOO_MANY_SEGMENTS if segments > MAX_SEGMENTS else _TOO_LARGE_HEAD
            end = marker_at
            break
        if marker in _NO_LENGTH:
            is_plain = is_plain and first_scan is not None
            at = marker_at + 2
            continue
        length = int.from_bytes(data[marker_at + 2 : marker_at + 4], "big")
        after = marker_at + 2 + length
        if length < 2 or after > len(data):  # the file ends inside this segment
            end = marker_at
            break
        if marker in _SIZE_MARKERS and components and first_scan is None:
            excess, end = _TWO_FRAMES, marker_at  # libjpeg takes the first for the size, Pillow the last
            break
        body = data[marker_at + 4 : after]
        if marker in _SIZE_MARKERS and not components and len(body) >= 6:
            height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            components = frozenset(body[6 : 6 + 3 * body[5] : 3])
            factors = body[7 : 7 + 3 * body[5] : 3]
            block_rows = 8 * max((factor & 15 for factor in factors), default=1)
            blocks = _blocks(width, height, body[6 : 6 + 3 * body[5] : 3], factors)
            is_progressive = marker & 3 == 2
        if marker == 0xE1:
            metadata.add(body)
        if marker == 0xDA:
            first_scan = marker_at if first_scan is None else first_scan
            scans.append(_scan(body))
            if len(scans) > MAX_SCANS:  # each takes 330 bytes here, and nobody will decode them
                end = marker_at
                break
            after = _next_marker(data, after)
            if after < 0:
                end = len(data)
                break
        elif first_scan is None and _is_needed(marker, body):
            kept.append(data[marker_at:after])
            kept_bytes += after - marker_at
        at = after
    start = end if first_scan is None else first_scan
    if not has_end:
        end = _without_padding(data, start, end)
    return JpegLayout(
        width,
        height,
        components,
        block_rows,
        blocks,
        is_progressive,
        metadata.exif(),
        tuple(scans),
        has_end,
        b"".join(kept),
        memoryview(data)[start:end],
        data if is_plain and has_end and end + len(EOI) == len(data) else None,
        excess,
        xmp=metadata.xmp,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class JpegHead:
    """What stands before the first scan of a JPEG file, without the segments that nobody asks for."""

    data: bytes
    """A JPEG file of its own: EXIF, XMP, colour profile, tables, size, the header of the first scan, no picture."""
    profile: bytes
    """The segments of the colour profile, as they are; empty if there is none."""
    pictures: bytes
    """The index of a multi-picture file, from its byte-order mark on; empty if there is none."""
    pictures_at: int
    """Where in the file that index begins."""
    ends_at: int
    """Where in the file the data of the picture begin."""


def read_head(file: Windows) -> JpegHead | None:
    """Walk the markers up to the first scan, passing over large segments unread.

    returns  None if the file is not made of whole segments up to there; `read_layout` takes more trouble
    raises   OSError  as reading does
    """
    kept = [file.read(0, 2)]
    profile: list[bytes] = []
    index, index_at = b"", 0
    metadata = Segments()
    at = 2
    for _ in range(_MAX_HEAD_SEGMENTS):
        start = file.read(at, 4 + MARK_BYTES)
        if len(start) < 4 or start[0] != 0xFF or start[1] in _NO_LENGTH or start[1] == 0:
            return None
        marker = start[1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        length = int.from_bytes(start[2:4], "big")
        after = at + 2 + length
        if length < 2 or after > file.size:
            return None
        is_metadata = marker == 0xE1 and metadata.wants(start[4:])
        is_index = marker == 0xE2 and start.startswith(b"MPF\0", 4) and not index
        if is_metadata or is_index or _is_needed(marker, start[4:]):
            segment = file.read(at, 2 + length)
            if is_index:
                index, index_at = segment[8:], at + 8
            else:
                kept.append(segment)
            if marker == 0xE2 and not is_index:
                profile.append(segment)
            if is_metadata:
                metadata.add(segment[4:])
        if marker == 0xDA:
            return JpegHead(b"".join(kept), b"".join(profile), index, index_at, after)
        at = after
    return None


def with_profile(data: bytes, profile: bytes) -> bytes:
    """The JPEG file `data` with the segments of a colour profile put in after its first marker."""
    return data[:2] + profile + data[2:]


def _next_marker(data: bytes, at: int) -> int:
    """Where the marker stands that ends the coded data, or whatever else, from `at` on; -1 if none does.

    Neither a stuffed byte (T.81, B.1.1.5), nor a restart marker, nor a fill byte. Array by array this takes a third of
    the time of a regular expression, which stops at every 0xFF of some ten thousand; a short scan is left to it, or a
    file of thousands of empty ones would be a trap.
    """
    near = _MARKER.search(data, at, at + _SHORT_SCAN)
    if near is not None:
        return near.start()
    array = np.frombuffer(data, np.uint8)
    for start in range(at, len(data) - 1, _SEARCHED_AT_ONCE):
        codes = array[start + 1 : start + 1 + _SEARCHED_AT_ONCE]
        candidates = array[start : start + len(codes)] == 0xFF
        ones = candidates.view(np.uint8)
        np.minimum(ones, codes, out=ones)  # stays 1 unless the code is 0: one pass instead of comparing and joining
        if candidates.any():
            places = np.flatnonzero(candidates)
            found = codes[places]
            is_end = (found != 0xFF) & ((found < 0xD0) | (found > 0xD7))
            if is_end.any():
                return start + int(places[is_end.argmax()])
    return -1


def _without_padding(data: bytes, start: int, end: int) -> int:
    """Where the coded data really end that break off at `end`."""
    if data.endswith(_PADDING, start, end):
        end = _without(b"\0", data, start, end)
    return _without(b"\xff", data, start, end)  # half of a marker or of a stuffed byte


def _without(byte: bytes, data: bytes, start: int, end: int) -> int:
    """Where a run of one byte begins that ends at `end`. Piece by piece, because there may be a file full of it."""
    while end > start:
        first = max(start, end - _SEARCHED_AT_ONCE)
        left = len(data[first:end].rstrip(byte))
        end = first + left
        if left:
            break
    return end


def _blocks(width: int, height: int, components: bytes, factors: bytes) -> dict[int, int]:
    """Blocks of each component by its sampling factors (T.81, A.1.1); components of one number are added up."""
    most_across = max((factor >> 4 for factor in factors), default=1) or 1
    most_down = max((factor & 15 for factor in factors), default=1) or 1
    blocks: dict[int, int] = {}
    for component, factor in zip(components, factors, strict=False):
        across = -(-width * (factor >> 4) // (8 * most_across))
        blocks[component] = blocks.get(component, 0) + across * -(-height * (factor & 15) // (8 * most_down))
    return blocks


def _scan(body: bytes) -> Scan:
    count = body[0] if body else 0
    start, stop, bits = (*body[1 + 2 * count : 4 + 2 * count], 0, 0, 0)[:3]
    return Scan(
        components=frozenset(body[1 : 1 + 2 * count : 2]),
        coefficients=range(start, min(stop, 63) + 1),
        is_first=start == 0 and bits >> 4 == 0,
        is_final=bits & 15 == 0,
    )


def _is_needed(marker: int, body: bytes) -> bool:
    """Tables, frame header, JFIF, Adobe and the colour profile; not comments, previews, EXIF, XMP, MPF."""
    return marker not in _DROPPED and (marker != 0xE2 or body.startswith(b"ICC_PROFILE\0"))
