"""The few boxes of a HEIF or AVIF file that are needed before a decoder runs.

The stored size of the primary picture (to refuse absurd claims, and because decoders report the size after
rotation), how it is turned, where its EXIF block lies (at the end of the file in some), which light its numbers stand
for, and how long the file ought to be. ISO/IEC 14496-12 (boxes) and 23008-12 (items and properties).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.photos.cicp import ColourCoding, of_nclx
from iqa_cli.photos.limits import MAX_EXIF_BYTES, MAX_PROFILE_BYTES, ExcessError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MAX_THUMBNAILS = 8  # cameras write one
# Of one table, and boxes in one box: a grid of 100 megapixels has 400 tiles of 512 pixels or 1,600 of 256. Boxes have 8
# bytes, so a file of 100 MB has room for 12 million, and decoders keep all of them.
_MAX_ENTRIES = 10_000
# Of one table: libavif looks for the item of each entry among all that came before.
_MAX_TABLE_BYTES = 256 * 1024
_TABLES = (b"iloc", b"iinf", b"iref")

_TOO_MANY = f"could not be decoded: too many boxes or entries in one box; the limit is {_MAX_ENTRIES}"
_TOO_LARGE = f"could not be decoded: the properties of its pictures are too large; the limit is {2 * MAX_PROFILE_BYTES}"
_TWICE = "could not be decoded: a box that there may be only one of is there twice"
_SINGLE = frozenset({b"pitm", b"iinf", b"iref", b"iloc", b"iprp", b"ipco", b"idat"})
_NO_END = "could not be decoded: the picture is put together from pictures that are put together, without an end"
_MAX_DEPTH = 8  # of pictures put together from pictures: a grid has one

_INDEX = {1: 0x7F, 2: 0x7FFF}  # the bit above says that a property may not be passed over

# EXIF orientation by quarter turns anticlockwise (`irot`) and the mirroring after them (`imir`): 0 swaps top and
# bottom, 1 left and right. ISO/IEC 23008-12, 6.5.10 and 6.5.12; in this order by ISO/IEC 23000-22 (MIAF), 7.3.6.7.
_ORIENTATION: dict[tuple[int, int | None], int] = {
    (0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6,
    (0, 0): 4, (1, 0): 5, (2, 0): 2, (3, 0): 7,
    (0, 1): 2, (1, 1): 7, (2, 1): 4, (3, 1): 5,
}  # fmt: skip

_NCLX_BYTES = 11  # of a `colr` box that states numbers; one with a profile may have millions
_XMP_TYPE = b"\0application/rdf+xml\0"
_MAX_NAME = 80  # of an item, before its type

TURNS = frozenset({b"irot", b"imir", b"clap"})
"""Properties by which a picture is turned or cut once it is decoded."""

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
    excess: str = ""
    """Why the boxes were not read to their end, for a person; empty if they were."""


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


@dataclasses.dataclass(frozen=True, slots=True)
class Items:
    """What the tables of a file say of its items, by item number."""

    primary: int
    """The item that is the picture."""
    types: Mapping[int, bytes]
    """Of four bytes, such as `hvc1`."""
    spans: Mapping[int, tuple[_Span, ...]]
    """Where in the file its bytes lie."""
    properties: Mapping[int, tuple[tuple[bytes, bytes], ...]]
    """(type, body) of its property boxes, each once."""
    references: Mapping[bytes, tuple[tuple[int, tuple[int, ...]], ...]]
    """By kind: (item, items it refers to), in the order of the file."""

    def property_of(self, item: int, kind: bytes) -> bytes | None:
        """The body of its first property of a kind; None if it has none."""
        return next((body for found, body in self.properties.get(item, ()) if found == kind), None)


@dataclasses.dataclass(frozen=True, slots=True)
class Demand:
    """What decoding a picture takes."""

    pixels: int
    """That are decoded, one after the other."""
    coded_bytes: int
    """That they are decoded from, counted as often."""
    largest_pixels: int
    """Of the largest picture among them."""


def read_boxes(data: bytes) -> PictureBoxes:
    """Read the boxes of a HEIF or AVIF file; never raises, whatever the bytes are."""
    try:
        return _read_boxes(data)
    except ExcessError as error:
        return PictureBoxes(0, 0, 1, None, None, None, 0, 0, excess=str(error))


def _read_boxes(data: bytes) -> PictureBoxes:
    meta, claimed = _meta(data)
    for name in _TABLES:
        _check_table(*meta.get(name, (0, 0)))
    width = height = turns = 0
    mirrored = coding = None
    has_colours = False
    primary = _primary(data, meta)
    for kind, start, end in _properties(data, meta, primary):
        if kind == b"ispe":
            width, height = _uint(data, start + 4, 4), _uint(data, start + 8, 4)
        elif kind == b"colr":
            has_colours = True
            coding = of_nclx(data[start : min(end, start + _NCLX_BYTES)]) or coding
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
                exif = tiff_block(b"".join(data[first:last] for first, last in spans)[:MAX_EXIF_BYTES])
        else:
            picture_end = max(picture_end, end)
    orientation = _ORIENTATION[turns, mirrored]
    return PictureBoxes(width, height, orientation, exif, exif_type_at, coding, picture_end, claimed, exif_spans)


def read_demand(data: bytes) -> Demand:
    """What a decoder has to do for the primary picture.

    Parts count as often as they are used, though they may be one small item that a table names 65,000 times; pictures
    that belong to it count as well, because one may be its opacity.
    raises  ExcessError  if there is no end to it
    """
    meta, _ = _meta(data)
    primary = _primary(data, meta)
    pixels = _pixels_of_items(data, meta)
    coded = {
        item: sum(max(0, min(last, len(data)) - first) for first, last in spans)
        for item, spans in _item_spans(data, meta)
    }
    parts: dict[int, list[int]] = {}
    for item, targets in _references(data, meta, b"dimg"):
        parts.setdefault(item, []).extend(targets)
    others = [item for item, targets in _references(data, meta, b"auxl") if primary in targets]
    known: dict[int, Demand] = {}

    def demand_of(item: int, depth: int = 0) -> Demand:
        if depth > _MAX_DEPTH:
            raise ExcessError(_NO_END)
        if item not in known:
            own = pixels.get(item, 0)
            inside = [demand_of(part, depth + 1) for part in parts.get(item, ())]
            known[item] = Demand(
                max(own, sum(part.pixels for part in inside)),
                coded.get(item, 0) + sum(part.coded_bytes for part in inside),
                max(own, *(part.largest_pixels for part in inside), 0),
            )
        return known[item]

    wanted = [demand_of(item) for item in (primary, *others) if item is not None]
    return Demand(
        sum(one.pixels for one in wanted),
        sum(one.coded_bytes for one in wanted),
        max((one.largest_pixels for one in wanted), default=0),
    )


def _pixels_of_items(data: bytes, meta: Mapping[bytes, _Span]) -> dict[int, int]:
    """What the items state as their size (`ispe`)."""
    properties, links = _property_links(data, meta)
    sizes = {
        number: _uint(data, start + 4, 4) * _uint(data, start + 8, 4)
        for number, (kind, start, _) in enumerate(properties, 1)
        if kind == b"ispe"
    }
    pixels: dict[int, int] = {}
    for item, at, count, index_size in links:
        for place in range(at, at + count * index_size, index_size):
            stated = sizes.get(_uint(data, place, index_size) & _INDEX[index_size], 0)
            if stated:
                pixels[item] = max(stated, pixels.get(item, 0))
    return pixels


def meta_end(data: bytes) -> int | None:
    """Where the `meta` box of a file ends, told from the file's beginning; None if it does not begin there."""
    return next((end for kind, _, end in walk(data, 0, len(data)) if kind == b"meta"), None)


def find_thumbnail(data: bytes) -> ThumbnailItem | None:
    """The largest HEVC thumbnail of the primary picture (`iref/thmb`).

    data    a HEIF file that `read_boxes` has read to its end, or its beginning up to the end of the `meta` box
    raises  ExcessError  for a file with too many boxes; for nothing else that the bytes are
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
        boxes = [box for box in _properties(data, meta, item) if box[0] not in TURNS]
        if not any(kind == b"colr" for kind, _, _ in boxes):  # in the colours of the picture
            boxes += [box for box in _properties(data, meta, primary) if box[0] == b"colr"]
        properties = tuple((kind, data[start:end]) for kind, start, end in boxes)
        found.append(ThumbnailItem(tuple(spans), properties))
    return max(found, key=lambda item: item.coded_bytes, default=None)


def read_items(data: bytes) -> Items | None:
    """The items of a file; None if it has no primary one, or tables that name an item twice.

    data    as for `find_thumbnail`
    raises  ExcessError  as `find_thumbnail`
    """
    meta, _ = _meta(data)
    primary = _primary(data, meta)
    types = [(item, data[at : at + 4]) for item, at in _items(data, meta)]
    spans = [(item, tuple(found)) for item, found in _item_spans(data, meta)]
    boxes, links = _property_links(data, meta)
    bodies = [(kind, data[start:end]) for kind, start, end in boxes]
    numbers: dict[int, dict[int, None]] = {}
    for entry, (item, at, count, size) in enumerate(links):
        if entry == _MAX_ENTRIES:  # of all tables together
            raise ExcessError(_TOO_MANY)
        numbers.setdefault(item, {}).update(
            dict.fromkeys(_uint(data, at + link * size, size) & _INDEX[size] for link in range(count))
        )
    properties = {
        item: tuple(bodies[number - 1] for number in own if 1 <= number <= len(bodies)) for item, own in numbers.items()
    }
    if primary is None or len(dict(types)) < len(types) or len(dict(spans)) < len(spans):
        return None
    kinds = (b"dimg", b"thmb", b"auxl")
    references = {kind: tuple((item, tuple(to)) for item, to in _references(data, meta, kind)) for kind in kinds}
    return Items(primary, dict(types), dict(spans), properties, references)


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


def walk(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of the body, end) of the boxes in a span; the last may claim to end behind the data."""
    for _ in range(_MAX_ENTRIES):
        if at + 8 > end:
            return
        size, kind, header = _uint(data, at, 4), data[at + 4 : at + 8], 8
        if size == 1:
            size, header = _uint(data, at + 8, 8), 16
        elif size == 0:
            size = end - at
        if size < header:
            return
        yield kind, at + header, at + size
        at += size
    if at + 8 <= end:
        raise ExcessError(_TOO_MANY)


def _check_table(start: int, end: int) -> None:
    if end - start > _MAX_TABLE_BYTES:
        raise ExcessError(_TOO_MANY)


def _meta(data: bytes) -> tuple[dict[bytes, _Span], int]:
    """The boxes in the first `meta` box by their type, and where the last box of the file claims to end."""
    claimed = 0
    meta: dict[bytes, _Span] = {}
    for kind, start, end in walk(data, 0, len(data)):
        claimed = end
        if kind == b"meta":
            if meta:
                raise ExcessError(_TWICE)
            meta = _only(walk(data, start + 4, min(end, len(data))))
    return meta, claimed


def _only(boxes: Iterable[tuple[bytes, int, int]]) -> dict[bytes, _Span]:
    """Boxes by their type. Of two of one type decoders would take the one or the other: there is one of each."""
    found: dict[bytes, _Span] = {}
    for kind, start, end in boxes:
        if kind in found and kind in _SINGLE:
            raise ExcessError(_TWICE)
        found[kind] = (start, end)
    return found


def _primary(data: bytes, meta: Mapping[bytes, _Span]) -> int | None:
    """Item number of the primary picture (`pitm`)."""
    if b"pitm" not in meta:
        return None
    at = meta[b"pitm"][0]
    return _uint(data, at + 4, 2 if _uint(data, at, 1) == 0 else 4)


def _properties(data: bytes, meta: Mapping[bytes, _Span], wanted: int | None) -> Iterator[tuple[bytes, int, int]]:
    """The property boxes of an item (`iprp/ipco`, `iprp/ipma`), each once however often it is linked."""
    if wanted is None:
        return
    properties, links = _property_links(data, meta)
    given: set[int] = set()
    for item, at, count, index_size in links:
        for link in range(count) if item == wanted else ():
            index = _uint(data, at + link * index_size, index_size) & _INDEX[index_size]
            if 1 <= index <= len(properties) and index not in given:
                given.add(index)
                yield properties[index - 1]


def _property_links(
    data: bytes, meta: Mapping[bytes, _Span]
) -> tuple[list[tuple[bytes, int, int]], Iterator[tuple[int, int, int, int]]]:
    """The property boxes (`iprp/ipco`), and what links items to them (`iprp/ipma`).

    returns  (type, start, end) of the boxes; (item, where the first of its numbers is, how many there are, their bytes)
    """
    if b"iprp" not in meta:
        return [], iter(())
    children = list(walk(data, *meta[b"iprp"]))
    properties = _only(children).get(b"ipco")
    tables = [(start, end) for kind, start, end in children if kind == b"ipma"]
    if properties is None:
        return [], iter(())
    if properties[1] - properties[0] > 2 * MAX_PROFILE_BYTES:
        raise ExcessError(_TOO_LARGE)  # libheif reads a colour profile byte by byte, and is asked for one or two
    for table in tables:
        _check_table(*table)
    return list(walk(data, *properties)), (link for table in tables for link in _links(data, *table))


def _links(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    id_size = 2 if _uint(data, at, 1) == 0 else 4
    index_size = 2 if _uint(data, at + 3, 1) & 1 else 1
    count = min(_uint(data, at + 4, 4), _MAX_ENTRIES)
    at += 8
    for _ in range(count):
        if at >= min(end, len(data)):
            return
        item, links = _uint(data, at, id_size), _uint(data, at + id_size, 1)
        at += id_size + 1
        yield item, at, links, index_size
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
    for kind, at, _ in walk(data, entries, end):
        id_size = 4 if _uint(data, at, 1) == 3 else 2
        type_at = at + 4 + id_size + 2
        if kind == b"infe":
            yield _uint(data, at + 4, id_size), type_at


def _coding_of_parts(data: bytes, meta: Mapping[bytes, _Span], picture: int | None) -> ColourCoding | None:
    """What the first part of a picture says that is put together from parts (`grid`) and says nothing itself."""
    parts = next((targets for item, targets in _references(data, meta, b"dimg") if item == picture), ())
    for kind, start, end in _properties(data, meta, min(parts, default=None)):
        if kind == b"colr" and (coding := of_nclx(data[start : min(end, start + _NCLX_BYTES)])):
            return coding
    return None


def _references(data: bytes, meta: Mapping[bytes, _Span], wanted: bytes) -> Iterator[tuple[int, list[int]]]:
    """(item, items it refers to) by number (`iref`): thumbnail to pictures (`thmb`), picture to its parts (`dimg`)."""
    if b"iref" not in meta:
        return
    start, end = meta[b"iref"]
    size = 2 if _uint(data, start, 1) == 0 else 4
    for kind, at, last in walk(data, start + 4, end):
        if kind == wanted:
            targets = range(at + size + 2, min(last, len(data)), size)[: _uint(data, at + size, 2)]
            yield _uint(data, at, size), [_uint(data, place, size) for place in targets]


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
