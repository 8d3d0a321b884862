"""Where a container keeps what the camera said: EXIF and XMP in the segments of a JPEG and in the texts of a PNG.

Several EXIF segments are common: a block of more than 64 KB goes on in the next one, and programs put a block of their
own before or behind the camera's. Before PNG had a chunk for EXIF, programs wrote the block as digits into a text, and
some still do ("Raw profile type exif", ImageMagick's). How much is kept and tried has limits, whatever the file claims.
"""

from __future__ import annotations

import re
import zlib

from iqa_cli.photos.limits import MAX_EXIF_BYTES

BYTE_ORDER_MARKS = (b"II*\0", b"MM\0*")

# Up to four bytes of garbage, and capital letters, were met; exiftool takes both.
_EXIF = re.compile(rb".{0,4}Exif\0.", re.DOTALL | re.IGNORECASE)
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
MARK_BYTES = 4 + len(_XMP)
"""How much of a segment shows whether it is wanted."""

_MAX_BLOCKS = 4  # cameras write one, programs that add their own two
MAX_XMP_BYTES = 1 << 18  # a segment holds 64 KB; in a PNG there may be megabytes of history

_MAX_TEXTS = 4  # that are unpacked; files have one or two
_PROFILES = {b"Raw profile type exif", b"Raw profile type APP1"}
_XMP_TEXTS = {b"XML:com.adobe.xmp", b"Raw profile type xmp"}
_MAX_KEYWORD = 80  # PNG third edition, 11.3.3.1


class Segments:
    """EXIF and XMP of the APP1 segments of a JPEG, which are shown to it in their order."""

    def __init__(self) -> None:
        self.xmp: bytes | None = None
        """The XMP packet; None if there is none."""
        self._blocks: list[bytearray] = []
        self._bytes = 0

    def wants(self, start: bytes) -> bool:
        """Whether a segment that begins so, behind its length, would be kept."""
        if _EXIF.match(start):
            return self._bytes < MAX_EXIF_BYTES
        return self.xmp is None and start.startswith(_XMP)

    def add(self, body: bytes) -> None:
        """Take a segment if it is wanted."""
        if not self.wants(body[:MARK_BYTES]):
            return
        found = _EXIF.match(body)
        if found is None:
            self.xmp = body[len(_XMP) :]
            return
        part = body[found.end() :]
        self._bytes += len(body)
        if self._blocks and not part.startswith(BYTE_ORDER_MARKS):
            self._blocks[-1] += part
        elif len(self._blocks) < _MAX_BLOCKS:
            self._blocks.append(bytearray(part))

    def exif(self) -> tuple[bytes, ...]:
        """The EXIF blocks, each from its byte-order mark on; one without counts only where no other is."""
        blocks = [bytes(block) for block in self._blocks]
        return tuple([block for block in blocks if block.startswith(BYTE_ORDER_MARKS)] or blocks[:1])


class Texts:
    """EXIF and XMP of the text chunks of a PNG, which are shown to it in their order."""

    def __init__(self) -> None:
        self.exif: bytes | None = None
        """The TIFF block of a raw profile; None if there is none."""
        self.xmp: bytes | None = None
        """The XMP packet; None if there is none."""
        self._tried = 0

    def add(self, kind: bytes, body: memoryview) -> None:
        """Take the body of a `tEXt`, `zTXt` or `iTXt` chunk if it is wanted."""
        keyword, ended, _ = bytes(body[:_MAX_KEYWORD]).partition(b"\0")
        if not ended or keyword not in _PROFILES | _XMP_TEXTS or self._tried == _MAX_TEXTS:
            return
        self._tried += 1
        content = _text(kind, body[len(keyword) + 1 :])
        if keyword.startswith(b"Raw"):
            content = _raw_profile(content)
        if content.startswith(_XMP) or keyword in _XMP_TEXTS:
            self.xmp = self.xmp or content.removeprefix(_XMP) or None
        else:
            self.exif = self.exif or content.removeprefix(b"Exif\0\0") or None


def _text(kind: bytes, body: memoryview) -> bytes:
    """The text of a chunk, unpacked; empty if it is damaged. PNG third edition, 11.3.3."""
    if kind == b"tEXt":
        return bytes(body[:MAX_EXIF_BYTES])
    if kind == b"zTXt":
        return _unpacked(body[1:])
    flags, (_, _, rest) = bytes(body[:2]), _split(bytes(body[2:MAX_EXIF_BYTES]))
    return _unpacked(rest) if flags[:1] == b"\1" else rest


def _split(body: bytes) -> tuple[bytes, bytes, bytes]:
    """Language, translated keyword and text of an `iTXt` chunk."""
    language, _, rest = body.partition(b"\0")
    keyword, _, text = rest.partition(b"\0")
    return language, keyword, text


def _unpacked(data: bytes | memoryview) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MAX_EXIF_BYTES)
    except zlib.error:
        return b""


def _raw_profile(text: bytes) -> bytes:
    """The bytes that ImageMagick wrote as a name, their number, and digits; empty if it is damaged."""
    _, count, digits = (*text.split(maxsplit=2), b"", b"", b"")[:3]
    try:
        return bytes.fromhex(digits.decode("ascii"))[: int(count)]
    except ValueError:
        return b""
