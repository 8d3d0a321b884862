"""Boxes of HEIF files that nobody's camera wrote: small files that claim much cost little."""

from __future__ import annotations

import struct

import pytest

from iqa_cli.photos import isobmff

EXIF = b"\0\0\0\0II*\0" + bytes(20)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return box(kind, bytes((version, 0, 0, 0)) + body)


def file_of(*boxes: bytes, behind: bytes = b"") -> bytes:
    """A HEIF file with these boxes in its `meta`."""
    start = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    return start + full_box(b"meta", full_box(b"hdlr", bytes(24)) + b"".join(boxes)) + behind


def entry(item: int, kind: bytes) -> bytes:
    return full_box(b"infe", struct.pack(">HH4sx", item, 0, kind), version=2)


def with_exif_at(*spans: tuple[int, int], behind: bytes = b"") -> bytes:
    """A file whose only item is an EXIF block in these spans, (offset, length)."""
    extents = b"".join(struct.pack(">II", *span) for span in spans)
    places = full_box(b"iloc", struct.pack(">BBHHHH", 0x44, 0, 1, 1, 0, len(spans)) + extents)
    return file_of(full_box(b"iinf", struct.pack(">H", 1) + entry(1, b"Exif")), places, behind=behind)


def with_thumbnails(count: int, *, entries: int = 0, links: bytes = b"") -> bytes:
    """A file with thumbnails of 10 bytes, of which the first has a size of 100 x 100 and further links to properties.

    entries  of `ipma` that follow the one which links the size
    links    numbers of the properties that each of them links; 2 is the decoder's settings
    """
    items = range(2, 2 + count)
    properties = box(b"ispe", struct.pack(">III", 0, 100, 100)) + box(b"hvcC", bytes(10))
    linked = struct.pack(">IHBB", 1 + entries, 2, 1, 1) + (struct.pack(">HB", 2, len(links)) + links) * entries
    places = b"".join(struct.pack(">HHHII", item, 0, 1, 0, 10) for item in items)
    return file_of(
        full_box(b"pitm", struct.pack(">H", 1)),
        full_box(b"iinf", struct.pack(">H", count) + b"".join(entry(item, b"hvc1") for item in items)),
        full_box(b"iref", b"".join(box(b"thmb", struct.pack(">HHH", item, 1, 1)) for item in items)),
        full_box(b"iloc", struct.pack(">BBH", 0x44, 0, count) + places),
        box(b"iprp", box(b"ipco", properties) + full_box(b"ipma", linked)),
    )


@pytest.fixture
def numbers_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where numbers were read, in order: their count is the work."""
    places: list[int] = []
    read = isobmff._uint

    def counted(data: bytes, at: int, size: int) -> int:
        places.append(at)
        return read(data, at, size)

    monkeypatch.setattr(isobmff, "_uint", counted)
    return places


def test_extents_of_no_size_are_not_counted_one_by_one(numbers_read: list[int]) -> None:
    items = b"".join(struct.pack(">HHH", item, 0, 65535) for item in range(1, 6))
    boxes = isobmff.read_boxes(file_of(full_box(b"iloc", struct.pack(">BBH", 0, 0, 5) + items)))
    assert boxes.picture_end == 0
    assert len(numbers_read) < 100


def test_extents_end_with_their_box(numbers_read: list[int]) -> None:
    items = struct.pack(">HHH", 1, 0, 65535) + struct.pack(">II", 7, 70)
    boxes = isobmff.read_boxes(file_of(full_box(b"iloc", struct.pack(">BBH", 0x44, 0, 1) + items)))
    assert boxes.picture_end == 77
    assert len(numbers_read) < 100


def test_an_exif_block_in_parts_is_put_together() -> None:
    length = len(with_exif_at((0, 0), (0, 0)))
    data = with_exif_at((length, 10), (length + 10, len(EXIF) - 10), behind=EXIF)
    assert isobmff.read_boxes(data).exif == EXIF[4:]


def test_an_exif_block_of_overlapping_parts_is_not_longer_than_its_file() -> None:
    data = with_exif_at(*[(0, 1_000_000)] * 100)
    boxes = isobmff.read_boxes(data)
    assert boxes.exif is None
    assert len(boxes.exif_spans) == 100


def test_a_property_that_is_linked_often_is_one_property() -> None:
    thumbnail = isobmff.find_thumbnail(with_thumbnails(1, entries=4, links=b"\2" * 255))
    assert thumbnail is not None
    assert [kind for kind, _ in thumbnail.properties] == [b"ispe", b"hvcC"]


def test_links_of_other_items_are_passed_over(numbers_read: list[int]) -> None:
    """Of 40 thumbnails with 2,550 links that lead nowhere: few are looked at, and each walks past the others' links."""
    assert isobmff.find_thumbnail(with_thumbnails(40, entries=10, links=bytes(255))) is not None
    assert len(numbers_read) < 10_000
