"""The few boxes of a HEIF or AVIF file that are needed before a decoder runs.

The stored size of the primary picture (to refuse absurd claims, and because decoders report the size after
rotation), how it is turned, where its EXIF block lies (at the end of the file in some), which light its numbers stand
for, and how long the file ought to be. ISO/IEC 14496-12 (boxes) and 23008-12 (items and properties).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.photos.cicp import ColourCoding, of_nclx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MAX_THUMBNAILS = 8  # cameras write one
_MAX_ENTRIES = 20_000  # of one table; a 300-megapixel grid of 512-pixel tiles has 1,200

# EXIF orientation by quarter turns anticlockwise (`irot`) and the mirroring after them (`imir`): 0 swaps top and
# bottom, 1 left and right. ISO/IEC 23008-12, 6.5.10 and 6.5.12; in this order by ISO/IEC 23000-22 (MIAF), 7.3.6.7.
_ORIENTATION: dict[tuple[int, int | None], int] = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip

_XMP_TYPE = b"\0application/rdf+xml\0"
_MAX_NAME = 80  # of an item, before its type

_TURNS = frozenset({b"irot", b"imir", b"clap"})

_Span = tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class PictureBoxes:
    """What the boxes say about the primary picture."""

    width: int
    """Pixels across before rotation; 0 if not stated."""
    height: int
    """Pixels down before rotation; 0 if not stated."""
    orientation: int
    """How the boxes say to turn the picture, as an EXIF orientation 1..8."""
    exif: bytes | None
    """The TIFF block, or None."""
    exif_type_at: int | None
    """Where in the file the type of the EXIF item is written."""
    coding: ColourCoding | None
    """Primaries, transfer curve and matrix, if the file states them as numbers (`nclx`)."""
    picture_end: int
    """Where the last item that is not EXIF ends; behind the end of a file that was cut."""
    claimed_bytes: int
    """Length of the file according to its boxes and items."""
    exif_spans: tuple[_Span, ...] = ()
    """Where in the file the EXIF item lies, for a reader that has the boxes only; see `tiff_block`."""


@dataclasses.dataclass(frozen=True, slots=True)
class ThumbnailItem:
    """A thumbnail of the primary picture, coded with HEVC."""

    spans: tuple[_Span, ...]
    """Where in the file its coded data lie."""
    properties: tuple[tuple[bytes, bytes], ...]
    """(type, body) of its property boxes: settings of the decoder, size, colours; not how it is turned."""

    @property
    def coding(self) -> ColourCoding | None:
        """Primaries, transfer curve and matrix, if they are stated as numbers."""
        return next((coding for kind, body in self.properties if kind == b"colr" and (coding := of_nclx(body))), None)

    @property
    def coded_bytes(self) -> int:
        """Length of the coded data."""
        return sum(last - first for first, last in self.spans)


def read_boxes(data: bytes) -> PictureBoxes:
    """Read the boxes of a HEIF or AVIF file; never raises, whatever the bytes are."""
    meta, claimed = _meta(data)
    width = height = turns = 0
    mirrored = coding = None
    has_colours = False
    primary = _primary(data, meta)
    for kind, start, end in _properties(data, meta, primary):
        if kind == b"ispe":
            width, height = _uint(data, start + 4, 4), _uint(data, start + 8, 4)
        elif kind == b"colr":
            has_colours = True
            coding = of_nclx(data[start:end]) or coding
        elif kind == b"irot":
            turns = _uint(data, start, 1) & 3
        elif kind == b"imir":
            mirrored = _uint(data, start, 1) & 1
    if not has_colours:
        coding = _coding_of_parts(data, meta, primary)
    exif_item, exif_type_at = _exif_item(data, meta)
    exif = None
    exif_spans: tuple[_Span, ...] = ()
    picture_end = 0
    for item, spans in _item_spans(data, meta):
        end = max((last for _, last in spans), default=0)
        claimed = max(claimed, end)
        if item == exif_item:
            exif_spans = tuple(spans)
            # Extents may overlap: 65,000 of them in a file of 260 KB claimed 17 GB.
            if sum(min(last, len(data)) - first for first, last in spans if first < len(data)) <= len(data):
                exif = tiff_block(b"".join(data[first:last] for first, last in spans))
        else:
            picture_end = max(picture_end, end)
    orientation = _ORIENTATION[turns, mirrored]
    return PictureBoxes(width, height, orientation, exif, exif_type_at, coding, picture_end, claimed, exif_spans)


def meta_end(data: bytes) -> int | None:
    """Where the `meta` box of a file ends, told from the file's beginning; None if it does not begin there."""
    return next((end for kind, _, end in _boxes(data, 0, len(data)) if kind == b"meta"), None)


def find_thumbnail(data: bytes) -> ThumbnailItem | None:
    """The largest HEVC thumbnail of the primary picture (`iref/thmb`); never raises, whatever the bytes are.

    data  a HEIF file, or its beginning up to the end of the `meta` box
    """
    meta, _ = _meta(data)
    primary = _primary(data, meta)
    types = {item: data[at : at + 4] for item, at in _items(data, meta)}
    of_primary = {item for item, targets in _references(data, meta, b"thmb") if primary in targets}
    found: list[ThumbnailItem] = []
    for item, spans in _item_spans(data, meta):
        if len(found) == _MAX_THUMBNAILS:
            break
        if item not in of_primary or types.get(item) != b"hvc1":
            continue
        boxes = [box for box in _properties(data, meta, item) if box[0] not in _TURNS]
        if not any(kind == b"colr" for kind, _, _ in boxes):  # in the colours of the picture
            boxes += [box for box in _properties(data, meta, primary) if box[0] == b"colr"]
        properties = tuple((kind, data[start:end]) for kind, start, end in boxes)
        found.append(ThumbnailItem(tuple(spans), properties))
    return max(found, key=lambda item: item.coded_bytes, default=None)


def hide_exif(data: bytes, boxes: PictureBoxes) -> bytes:
    """The same file with its EXIF item renamed, so that a decoder passes it over and a damaged one does no harm."""
    at = boxes.exif_type_at
    return data if at is None else data[:at] + b"none" + data[at + 4 :]


def xmp_spans(data: bytes) -> tuple[_Span, ...]:
    """Where in the file the XMP packet lies; empty if there is none.

    data  a HEIF or AVIF file, or its beginning up to the end of the `meta` box
    """
    meta, _ = _meta(data)
    for wanted, at in _items(data, meta):
        if data[at : at + 4] == b"mime" and _XMP_TYPE in data[at + 4 : at + 4 + _MAX_NAME]:
            return next((tuple(spans) for item, spans in _item_spans(data, meta) if item == wanted), ())
    return ()


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of the body, end) of the boxes in a span; the last may claim to end behind the data."""
    while at + 8 <= end:
        size, kind, header = _uint(data, at, 4), data[at + 4 : at + 8], 8
        if size == 1:
            size, header = _uint(data, at + 8, 8), 16
        elif size == 0:
            size = end - at
        if size < header:
            return
        yield kind, at + header, at + size
        at += size


def _meta(data: bytes) -> tuple[dict[bytes, _Span], int]:
    """The boxes in the first `meta` box by their type, and where the last box of the file claims to end."""
    claimed = 0
    meta: dict[bytes, _Span] = {}
    for kind, start, end in _boxes(data, 0, len(data)):
        claimed = end
        if kind == b"meta" and not meta:
            meta = {name: (first, last) for name, first, last in _boxes(data, start + 4, min(end, len(data)))}
    return meta, claimed


def _primary(data: bytes, meta: Mapping[bytes, _Span]) -> int | None:
    """Item number of the primary picture (`pitm`)."""
    if b"pitm" not in meta:
        return None
    at = meta[b"pitm"][0]
    return _uint(data, at + 4, 2 if _uint(data, at, 1) == 0 else 4)


def _properties(data: bytes, meta: Mapping[bytes, _Span], wanted: int | None) -> Iterator[tuple[bytes, int, int]]:
    """The property boxes of an item (`iprp/ipco`, `iprp/ipma`), each once however often it is linked."""
    if wanted is None or b"iprp" not in meta:
        return
    children = {kind: (start, end) for kind, start, end in _boxes(data, *meta[b"iprp"])}
    if b"ipco" not in children or b"ipma" not in children:
        return
    properties = list(_boxes(data, *children[b"ipco"]))
    at, end = children[b"ipma"]
    id_size = 2 if _uint(data, at, 1) == 0 else 4
    index_size = 2 if _uint(data, at + 3, 1) & 1 else 1
    count = min(_uint(data, at + 4, 4), _MAX_ENTRIES)
    given: set[int] = set()
    at += 8
    for _ in range(count):
        if at >= min(end, len(data)):
            return
        item, links = _uint(data, at, id_size), _uint(data, at + id_size, 1)
        at += id_size + 1
        for link in range(links) if item == wanted else ():
            index = _uint(data, at + link * index_size, index_size) & (0x7FFF if index_size == 2 else 0x7F)
            if 1 <= index <= len(properties) and index not in given:
                given.add(index)
                yield properties[index - 1]
        at += links * index_size


def _exif_item(data: bytes, meta: Mapping[bytes, _Span]) -> tuple[int | None, int | None]:
    """Item number of the EXIF block and where its type is written."""
    found = ((item, type_at) for item, type_at in _items(data, meta) if data[type_at : type_at + 4] == b"Exif")
    return next(found, (None, None))


def _items(data: bytes, meta: Mapping[bytes, _Span]) -> Iterator[tuple[int, int]]:
    """(item, where its type is written) of every item (`iinf/infe`, versions 2 and 3)."""
    if b"iinf" not in meta:
        return
    start, end = meta[b"iinf"]
    entries = start + (6 if _uint(data, start, 1) == 0 else 8)
    for kind, at, _ in _boxes(data, entries, end):
        id_size = 4 if _uint(data, at, 1) == 3 else 2
        type_at = at + 4 + id_size + 2
        if kind == b"infe":
            yield _uint(data, at + 4, id_size), type_at


def _coding_of_parts(data: bytes, meta: Mapping[bytes, _Span], picture: int | None) -> ColourCoding | None:
    """What the first part of a picture says that is put together from parts (`grid`) and says nothing itself."""
    parts = next((targets for item, targets in _references(data, meta, b"dimg") if item == picture), ())
    for kind, start, end in _properties(data, meta, min(parts, default=None)):
        if kind == b"colr" and (coding := of_nclx(data[start:end])):
            return coding
    return None


def _references(data: bytes, meta: Mapping[bytes, _Span], wanted: bytes) -> Iterator[tuple[int, set[int]]]:
    """(item, items it refers to) by number (`iref`): thumbnail to pictures (`thmb`), picture to its parts (`dimg`)."""
    if b"iref" not in meta:
        return
    start, end = meta[b"iref"]
    size = 2 if _uint(data, start, 1) == 0 else 4
    for kind, at, last in _boxes(data, start + 4, end):
        if kind == wanted:
            targets = range(at + size + 2, min(last, len(data)), size)[: _uint(data, at + size, 2)]
            yield _uint(data, at, size), {_uint(data, place, size) for place in targets}


def _item_spans(data: bytes, meta: Mapping[bytes, _Span]) -> Iterator[tuple[int, list[_Span]]]:
    """(item, spans of its bytes in the file) of every item (`iloc`, versions 0 to 2)."""
    if b"iloc" not in meta:
        return
    at, end = meta[b"iloc"]
    version, sizes, more = _uint(data, at, 1), _uint(data, at + 4, 1), _uint(data, at + 5, 1)
    offset_size, length_size, base_size = sizes >> 4, sizes & 15, more >> 4
    index_size = more & 15 if version else 0
    id_size = 4 if version == 2 else 2
    count = min(_uint(data, at + 6, id_size), _MAX_ENTRIES)
    at, end = at + 6 + id_size, min(end, len(data))
    entry = index_size + offset_size + length_size
    for _ in range(count):
        if at >= end:
            return
        item = _uint(data, at, id_size)
        at += id_size
        in_idat = version > 0 and _uint(data, at, 2) & 15 == 1
        at += (2 if version else 0) + 2  # construction method, data reference
        base = _uint(data, at, base_size)
        if in_idat:
            base += meta.get(b"idat", (0, 0))[0]
        extents = _uint(data, at + base_size, 2)
        at += base_size + 2
        # Entries of no size at all would be 65,535 of nothing an item.
        places = range(at, min(at + extents * entry, end), entry) if entry else range(at, at + min(extents, 1))
        firsts = [base + _uint(data, place + index_size, offset_size) for place in places]
        lengths = [_uint(data, place + index_size + offset_size, length_size) for place in places]
        at += extents * entry
        yield item, [(first, first + length) for first, length in zip(firsts, lengths, strict=True)]


def tiff_block(payload: bytes) -> bytes | None:
    """An EXIF item without its leading offset (23008-12, A.2.1); None when it does not hold one."""
    block = payload[4 + _uint(payload, 0, 4) :] or payload[4:]
    return block.removeprefix(b"Exif\0\0") or None


def _uint(data: bytes, at: int, size: int) -> int:
    """A big-endian number; what lies behind the end of the data is not there and does not raise."""
    return int.from_bytes(data[at : at + size], "big")
