"""Which light the numbers of a picture stand for, as four code points say it (CICP).

ITU-T H.273 numbers primaries, transfer curves and matrices. HEIF and AVIF carry the numbers in an `nclx` box, PNG in a
`cICP` chunk, an ICC profile of version 4.4 in a `cicp` tag; older profiles of HDR curves say it in their name only.
"""

from __future__ import annotations

import dataclasses
import functools
import re

UNSPECIFIED = 2
"""What stands for nothing in all three numbers."""

_HDR_CURVES = {16: "PQ", 18: "HLG"}

# Curves of SDR pictures, all within a few units of that of sRGB where light is not dim, and shown as sRGB by viewers:
# BT.709, BT.470 M (gamma 2.2), BT.601, SMPTE 240M, xvYCC, BT.1361, sRGB, BT.2020 of 10 and 12 bit. 2 is "unspecified",
# 0 is reserved, and written by those who state nothing.
_SDR_CURVES = frozenset({0, 1, 2, 4, 6, 7, 11, 12, 13, 14, 15})
_CONVERTIBLE_CURVES = frozenset({5, 8, *_HDR_CURVES})

# 2 (unspecified) is taken as BT.2020, the only primaries BT.2100 knows. Those of television in standard definition
# (5, 6, 7, 22) are so near those of sRGB that tone does not tell them apart.
_HDR_PRIMARIES = frozenset({1, 2, 5, 6, 7, 9, 12, 22})
_WIDE_PRIMARIES = frozenset({9, 12})

# Decoders turn these into RGB or refuse the picture. Constant luminance (10, 13) libheif takes for something else.
_MATRICES = frozenset({0, 1, 2, 4, 5, 6, 7, 8, 9, 12, 16, 17})

_MOST_TAGS = 100  # of a profile; the largest have about 30
_MOST_NAME_BYTES = 400


@dataclasses.dataclass(frozen=True, slots=True)
class ColourCoding:
    """Code points of ITU-T H.273."""

    primaries: int
    """1 BT.709 and sRGB, 2 unspecified, 9 BT.2020, 12 Display P3."""
    transfer: int
    """1 BT.709, 2 unspecified, 8 linear, 13 sRGB, 16 PQ, 18 HLG."""
    matrix: int = 0
    """How colour differences were made, which decoders undo; 0 for RGB."""
    full_range: bool = True
    """Whether black and white are the lowest and highest numbers that a decoder gives: not so in some PNG files. The
    decoders of HEIF and AVIF see to it themselves."""

    @property
    def hdr_curve(self) -> str | None:
        """The name of the HDR transfer curve, "PQ" or "HLG", if it is one."""
        return _HDR_CURVES.get(self.transfer)

    @property
    def has_sdr_curve(self) -> bool:
        """Whether the values can be taken as encoded like sRGB."""
        return self.transfer in _SDR_CURVES

    @property
    def is_plain(self) -> bool:
        """Whether the values are those of sRGB as far as tone is concerned, so that nothing is to be done."""
        return self.has_sdr_curve and self.primaries not in _WIDE_PRIMARIES and self.full_range

    @property
    def is_convertible(self) -> bool:
        """Whether a standard rendition can be made of the values."""
        if self.has_sdr_curve:
            return True
        known = self.transfer in _CONVERTIBLE_CURVES and self.primaries in _HDR_PRIMARIES
        return known and self.matrix in _MATRICES


def of_nclx(body: bytes) -> ColourCoding | None:
    """The body of a `colr` box, type first (ISO/IEC 14496-12, 12.1.5); None if it is not `nclx` or was cut."""
    if body[:4] != b"nclx" or len(body) < 11:
        return None
    primaries, transfer, matrix = (int.from_bytes(body[at : at + 2], "big") for at in (4, 6, 8))
    return ColourCoding(primaries, transfer, matrix)


def of_bytes(body: bytes) -> ColourCoding | None:
    """The body of a `cICP` chunk (PNG third edition, 11.3.2.6); None if it is too short."""
    if len(body) < 4:
        return None
    primaries, transfer, matrix, full_range = body[:4]
    return ColourCoding(primaries, transfer, matrix, full_range=full_range != 0)


@functools.lru_cache(maxsize=16)
def of_profile(profile: bytes) -> ColourCoding | None:
    """What an ICC profile says if its curve is PQ or HLG; None for every other profile, and for damaged ones.

    The `cicp` tag counts (ICC.1:2022, 9.2.17), or else a name such as "Rec. ITU-R BT.2100 PQ". Remembered: a folder
    has few profiles, so an ordinary photo costs a look into a table.
    """
    tags = _tags(profile)
    if b"cicp" in tags:
        coding = of_bytes(tags[b"cicp"][8:])
        return coding if coding is not None and coding.hdr_curve else None
    words = _name(tags.get(b"desc", b""))
    for curve, name in ((16, r"PQ|PeQ|ST ?2084"), (18, "HLG")):
        if re.search(rf"(?<![A-Za-z])({name})(?![A-Za-z0-9])", words):
            return ColourCoding(12 if "P3" in words else 1 if re.search("709|sRGB", words) else 9, curve)
    return None


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """The tags of a profile by their signature (ICC.1:2022, 7.3)."""
    found: dict[bytes, bytes] = {}
    for number in range(min(int.from_bytes(profile[128:132], "big"), _MOST_TAGS)):
        entry = profile[132 + 12 * number : 144 + 12 * number]
        start, size = int.from_bytes(entry[4:8], "big"), int.from_bytes(entry[8:12], "big")
        found[entry[:4]] = profile[start : start + size]
    return found


def _name(tag: bytes) -> str:
    """A profile's description: ASCII (version 2) or UTF-16 in several languages (version 4), of which all are read."""
    text = tag[12:_MOST_NAME_BYTES]
    return text.decode("utf-16-be", "replace") if tag[:4] == b"mluc" else text.decode("ascii", "replace")
