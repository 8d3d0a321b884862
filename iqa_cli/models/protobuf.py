"""Protobuf read strictly: every field of a message is a known one, in its known form, and no more often than it may be.

The usual readers pass over what they do not know and let the last of two values win, so two of them can understand the
same bytes differently. What this one accepts has one meaning. (Encoding: protobuf.dev/programming-guides/encoding.)
"""

from __future__ import annotations

import dataclasses
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

MOST_TEXT = 4096
"""Bytes of a text: names, and what stands in the metadata."""


class NotOurMessageError(Exception):
    """A message that holds something else than it should.

    what   is wrong
    where  the fields that lead to it, from the outside
    """

    def __init__(self, what: str, where: tuple[str, ...] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.where = where

    def __str__(self) -> str:
        return f"{'.'.join(self.where)}: {self.what}" if self.where else self.what

    def inside(self, field: str) -> NotOurMessageError:
        """The same, seen from the message that holds the field."""
        return NotOurMessageError(self.what, (field, *self.where))


VARINT: Final = 0
BYTES: Final = 2
FLOAT: Final = 5
"""How a field is written: a number, bytes with their length before them, four bytes."""

Reading: TypeAlias = Callable[[Any], Any]
"""From what is written (int, memoryview or float) to what it means; raises NotOurMessageError."""
Field: TypeAlias = tuple[str, int, Reading, bool]
"""Name, how it is written, what is made of it, and whether it may come several times."""


@dataclasses.dataclass(frozen=True)
class Message:
    """The description of a message, and its reader."""

    fields: Mapping[int, Field]
    """By number."""
    lists: tuple[str, ...] = dataclasses.field(init=False)
    """Names of the fields that may come several times."""

    def __post_init__(self) -> None:
        """Look up what is needed for every message once."""
        object.__setattr__(self, "lists", tuple(name for name, _, _, several in self.fields.values() if several))

    def __call__(self, content: memoryview) -> dict[str, Any]:
        """The fields of a message by name; those that may come several times are lists, empty ones too.

        raises  NotOurMessageError  for anything that is not described
        """
        found: dict[str, Any] = {}
        for name in self.lists:
            found[name] = []
        fields, at, end = self.fields, 0, len(content)
        while at < end:
            tag = content[at]
            at += 1
            if tag > 127:
                tag, at = _varint(content, at - 1)
            known = fields.get(tag >> 3)
            if known is None:
                raise NotOurMessageError(f"holds a field {tag >> 3}, which our exports do not use")
            name, wire, reading, several = known
            if tag & 7 != wire:
                raise NotOurMessageError(f"is written as type {tag & 7}, expected {wire}", (name,))
            if wire == BYTES:
                # Most lengths are one byte, and are read here: a call would cost more than the rest of a small field.
                size = content[at] if at < end else 128
                at += 1
                if size > 127:
                    size, at = _varint(content, at - 1)
                if size > end - at:
                    raise NotOurMessageError(
                        f"{size} bytes are announced and {end - at} are there; it may be cut", (name,)
                    )
                value: Any = content[at : at + size]
                at += size
            elif wire == VARINT:
                value, at = _varint(content, at)
                value = value - (1 << 64) if value >> 63 else value
            else:
                if end - at < 4:
                    raise NotOurMessageError("is cut", (name,))
                (value,) = struct.unpack_from("<f", content, at)
                at += 4
            try:
                value = reading(value)
            except NotOurMessageError as error:
                raise error.inside(name) from None
            if several:
                found[name].append(value)
            elif name in found:
                raise NotOurMessageError("is there twice", (name,))
            else:
                found[name] = value
        return found


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """A number of 1 to 10 bytes, and where it ends."""
    value = shift = 0
    try:
        while (byte := content[at]) > 127:
            value |= (byte & 127) << shift
            shift += 7
            at += 1
            if shift > 63:
                raise NotOurMessageError("a number is too long")
    except IndexError:
        raise NotOurMessageError("ends inside a number; it may be cut") from None
    value |= byte << shift
    if value >> 64:
        raise NotOurMessageError("a number is too large")
    return value, at + 1


def spans(content: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """The fields of a message that its `Message` has accepted: number, the whole field, what it holds.

    content  of a message whose fields are numbers and bytes
    """
    at = 0
    while at < len(content):
        start = at
        tag, at = _varint(content, at)
        size, value = _varint(content, at)
        at = value + size if tag & 7 == BYTES else value
        yield tag >> 3, content[start:at], content[value:at]


def as_varint(value: int) -> bytes:
    """A number from 0 on as it is written."""
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def as_is(value: Any) -> Any:
    """A number or bytes as they are written."""
    return value


def finite(value: float) -> float:
    """A number; raises NotOurMessageError for nan and infinity."""
    if not math.isfinite(value):
        raise NotOurMessageError(f"is {value}")
    return value


def text(content: memoryview) -> str:
    """UTF-8; raises NotOurMessageError if it is none, or longer than any name."""
    if len(content) > MOST_TEXT:
        raise NotOurMessageError(f"is a text of {len(content):,} bytes")
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        raise NotOurMessageError("is not UTF-8") from None


def passed_over(_: object) -> None:
    """For fields that mean nothing to us."""


def refused(why: str) -> Reading:
    """For fields that nothing may have."""

    def refuse(_: object) -> None:
        raise NotOurMessageError(why)

    return refuse
