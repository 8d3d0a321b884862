"""Sound files made unsound: bytes changed blindly, and pieces mixed up by somebody who knows the format."""

from __future__ import annotations

import dataclasses
import struct
from typing import TYPE_CHECKING

from campaign.pieces import directories, entries, mended, pieces

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from campaign.photographs import Photograph

ODD_NUMBERS = (
    0,
    1,
    2,
    7,
    8,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
"""Lengths and places that programs stumble over."""
HEAD = 700
"""Bytes at the beginning where most of what steers a decoder stands."""
SIZES = range(16, 400_000)
"""Bytes that a mutant may have: below there is nothing to change any more, and what is larger is a bomb's business."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A changed photograph."""

    data: bytes
    suffix: str
    recipe: str
    """What it was made from, and how."""


def mutant(draw: random.Random, photographs: Sequence[Photograph]) -> Mutant:
    """One to three changes of one of the photographs; the same for the same numbers."""
    source = draw.choice(photographs)
    data, done = source.data, [source.name]
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        change = draw.choice(CHANGES)
        changed = change(data, draw, photographs)
        if changed is not None and len(changed) in SIZES:
            data = changed
            done.append(change.__name__)
    if draw.random() < 0.7:
        data = mended(data)
        done.append("mended")
    suffix = draw.choice((".jpg", ".png", ".heic")) if draw.random() < 0.05 else source.suffix
    return Mutant(data, suffix, ", ".join(done))


Others = "Sequence[Photograph]"


def flip_bits(data: bytes, draw: random.Random, _others: Others) -> bytes:
    content = bytearray(data)
    for _ in range(draw.choice((1, 2, 8, 64))):
        content[_somewhere(data, draw)] ^= 1 << draw.randrange(8)
    return bytes(content)


def write_number(data: bytes, draw: random.Random, _others: Others) -> bytes | None:
    """A length or place that is odd."""
    size, at = draw.choice((1, 2, 4)), _somewhere(data, draw)
    number = draw.choice(ODD_NUMBERS) & ((1 << 8 * size) - 1)
    return _replaced(data, at, number.to_bytes(size, draw.choice(("big", "little"))))


def overwrite_block(data: bytes, draw: random.Random, _others: Others) -> bytes:
    size, at = draw.choice((16, 512, 4096)), draw.randrange(len(data))
    block = draw.choice((b"\0" * size, b"\xff" * size, draw.randbytes(size)))
    return (data[:at] + block[: len(data) - at] + data[at + size :])[: len(data)]


def cut(data: bytes, draw: random.Random, _others: Others) -> bytes:
    return data[: draw.randrange(1, len(data)) if draw.random() < 0.7 else min(len(data), draw.randrange(1, HEAD))]


def take_out(data: bytes, draw: random.Random, _others: Others) -> bytes:
    at = _somewhere(data, draw)
    return data[:at] + data[at + draw.choice((1, 2, 13, 512)) :]


def put_in(data: bytes, draw: random.Random, _others: Others) -> bytes:
    at = _somewhere(data, draw)
    return data[:at] + draw.randbytes(draw.choice((1, 2, 13, 512))) + data[at:]


def splice(data: bytes, draw: random.Random, others: Others) -> bytes:
    """The beginning of this file and the end of another, maybe of another format."""
    other = draw.choice(others).data
    return data[: draw.randrange(1, len(data))] + other[draw.randrange(len(other)) :]


def twice(data: bytes, draw: random.Random, _others: Others) -> bytes | None:
    """A piece many times over."""
    if not (found := pieces(data)):
        return None
    piece = draw.choice(found)
    return data[: piece.end] + data[piece.start : piece.end] * draw.choice((1, 1, 2, 50, 1000)) + data[piece.end :]


def without(data: bytes, draw: random.Random, _others: Others) -> bytes | None:
    if not (found := pieces(data)):
        return None
    piece = draw.choice(found)
    return data[: piece.start] + data[piece.end :]


def swapped(data: bytes, draw: random.Random, _others: Others) -> bytes | None:
    found = pieces(data)
    if len(found) < 2:
        return None
    first, second = sorted(draw.sample(found, 2), key=lambda piece: (piece.start, piece.end))
    if first.end > second.start:  # one within the other
        return data[: first.start] + data[second.start : second.end] + data[first.end :]
    parts = (data[: first.start], data[second.start : second.end], data[first.end : second.start])
    return b"".join((*parts, data[first.start : first.end], data[second.end :]))


def wrong_length(data: bytes, draw: random.Random, _others: Others) -> bytes | None:
    """Off by one, nothing, huge, or as far as the end of the file."""
    found = [piece for piece in pieces(data) if piece.length_at >= 0]
    if not found:
        return None
    piece = draw.choice(found)
    (length,) = struct.unpack_from(piece.length_format, data, piece.length_at)
    most = (1 << 8 * struct.calcsize(piece.length_format)) - 1
    wrong = draw.choice((length - 1, length + 1, length // 2, 2 * length, len(data) - piece.start, *ODD_NUMBERS))
    return _replaced(data, piece.length_at, struct.pack(piece.length_format, max(0, wrong) & most))


def odd_content(data: bytes, draw: random.Random, _others: Others) -> bytes | None:
    """What a piece says, at one place or throughout."""
    found = [piece for piece in pieces(data) if piece.body_at < piece.end]
    if not found:
        return None
    piece = draw.choice(found)
    size = piece.end - piece.body_at
    if draw.random() < 0.2:
        return _replaced(data, piece.body_at, draw.choice((b"\0" * size, b"\xff" * size, draw.randbytes(size))))
    number = draw.choice(ODD_NUMBERS).to_bytes(4, draw.choice(("big", "little")))[: min(size, draw.choice((1, 2, 4)))]
    at = piece.body_at + draw.randrange(min(size, 40))
    return _replaced(data, at, number)


def borrowed(data: bytes, draw: random.Random, others: Others) -> bytes | None:
    """A piece of another photograph in place of one of this."""
    ours, other = pieces(data), draw.choice(others).data
    theirs = pieces(other)
    if not ours or not theirs:
        return None
    piece, lent = draw.choice(ours), draw.choice(theirs)
    return data[: piece.start] + other[lent.start : lent.end] + data[piece.end :]


def odd_directory(data: bytes, draw: random.Random, _others: Others) -> bytes | None:
    """EXIF entries with another kind, a huge count or a place outside; a directory that follows itself."""
    found = directories(data)
    if not found:
        return None
    block, directory, order = draw.choice(found)
    places = entries(data, directory, order)
    (count,) = struct.unpack_from(order + "H", data, directory)
    if not places or draw.random() < 0.3:
        behind = directory + 2 + 12 * count
        following = draw.choice((directory - block, 8, 0, 0xFFFFFFFF, len(data)))
        changed = _replaced(data, behind, struct.pack(order + "I", following))
        return (
            changed
            if draw.random() < 0.5
            else _replaced(data, directory, struct.pack(order + "H", draw.choice((0, 500, 0xFFFF))))
        )
    at = draw.choice(places)
    where, code = draw.choice(((2, "H"), (4, "I"), (8, "I")))
    odd = draw.choice((*ODD_NUMBERS, directory - block, at - block, len(data)))
    if code == "H":
        odd = draw.choice((*range(14), odd & 0xFFFF))
    return _replaced(data, at + where, struct.pack(order + code, odd))


CHANGES: tuple[Callable[[bytes, random.Random, Sequence[Photograph]], bytes | None], ...] = (
    flip_bits,
    write_number,
    overwrite_block,
    cut,
    take_out,
    put_in,
    splice,
    twice,
    without,
    swapped,
    wrong_length,
    wrong_length,
    odd_content,
    odd_content,
    borrowed,
    odd_directory,
    odd_directory,
)
"""What knows the format comes up as often as what does not."""


def _somewhere(data: bytes, draw: random.Random) -> int:
    """Half of the time where the file begins."""
    return draw.randrange(min(HEAD, len(data)) if draw.random() < 0.5 else len(data))


def _replaced(data: bytes, at: int, content: bytes) -> bytes | None:
    """The file with other bytes at a place; None if they would not be within it."""
    return data[:at] + content + data[at + len(content) :] if at + len(content) <= len(data) else None
