"""What of a PNG file a decoder is given, and what its colours are: as browsers show it (PNG third edition).

Pillow refuses a file over a text of more than a megabyte, or over one wrong checksum in a chunk that has nothing to do
with the picture, and does not look at gAMA. So it is handed the chunks that the picture needs.
"""

from __future__ import annotations

import dataclasses
import zlib

from iqa_cli.photos.cicp import ColourCoding, of_bytes
from iqa_cli.photos.limits import MAX_PROFILE_BYTES

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_PICTURE = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"})
_COLOURS = frozenset({b"cICP", b"iCCP", b"sRGB", b"gAMA"})

_LINEAR = (0.9, 1.1)
_LIKE_SRGB = (0.43, 0.48)
"""Of gAMA; 0.45455 is what is written beside sRGB and for it."""
_MAX_NAME = 80  # of a profile
_SRGB_GAMMA = 1 / 2.2


@dataclasses.dataclass(slots=True)
class PngParts:
    """The chunks of a PNG file that matter, gathered one by one."""

    file_bytes: int
    """Of the whole file."""
    spans: list[tuple[int, int]] = dataclasses.field(default_factory=list)
    """(start, end) in the file of what the picture needs."""
    _colours: dict[bytes, bytes] = dataclasses.field(default_factory=dict)

    def add(self, kind: bytes, body: memoryview, end: int, checksum: bytes) -> None:
        """Take a chunk; one about colours whose checksum is wrong is passed over, as browsers do.

        end  where in the file it ends, behind its checksum
        """
        if kind in _PICTURE:
            self.spans.append((end - 12 - len(body), end))
        elif kind in _COLOURS and zlib.crc32(body, zlib.crc32(kind)).to_bytes(4, "big") == checksum:
            self._colours.setdefault(kind, bytes(body[: MAX_PROFILE_BYTES + _MAX_NAME]))

    @property
    def is_whole(self) -> bool:
        """Whether the file has no other chunks."""
        return len(SIGNATURE) + sum(end - start for start, end in self.spans) == self.file_bytes

    def stream(self, data: bytes) -> bytes:
        """The file with these chunks only; itself if it has no others."""
        if self.is_whole:
            return data
        return b"".join((SIGNATURE, *(data[start:end] for start, end in self.spans)))

    @property
    def coding(self) -> ColourCoding | None:
        """The light of its numbers, if they say so: by cICP, or by a gAMA of linear light that nothing overrules."""
        if b"cICP" in self._colours:
            return of_bytes(self._colours[b"cICP"])
        gamma = self._gamma
        return ColourCoding(1, 8) if gamma is not None and _LINEAR[0] < gamma < _LINEAR[1] else None

    @property
    def profile(self) -> bytes | None:
        """The colour profile; None if there is none, cICP overrules it, or it is damaged or longer than any."""
        body = self._colours.get(b"iCCP", b"")
        at = body.find(b"\0", 0, _MAX_NAME)
        if at < 0 or b"cICP" in self._colours:
            return None
        unpacking = zlib.decompressobj()
        try:
            profile = unpacking.decompress(body[at + 2 :], MAX_PROFILE_BYTES)
        except zlib.error:
            return None
        return profile if unpacking.eof and profile else None

    @property
    def exponent(self) -> float | None:
        """The power that makes values 0..1 those of sRGB, by a gAMA that nothing overrules; None if they are already,
        or stand for linear light.
        """
        gamma = self._gamma
        if gamma is None or self.coding is not None or _LIKE_SRGB[0] <= gamma <= _LIKE_SRGB[1]:
            return None
        return _SRGB_GAMMA / gamma

    @property
    def _gamma(self) -> float | None:
        if self._colours.keys() & {b"cICP", b"iCCP", b"sRGB"}:
            return None
        value = int.from_bytes(self._colours.get(b"gAMA", b""), "big") / 100_000
        return value if 0.01 < value < 10 else None
