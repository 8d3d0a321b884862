"""What containers and profiles say about the light behind the numbers."""

from __future__ import annotations

import struct

import pytest
from PIL import ImageCms

from iqa_cli.photos.cicp import ColourCoding, of_bytes, of_nclx, of_profile


def profile_with(signature: bytes, body: bytes) -> bytes:
    """An sRGB profile with one more tag, before the others."""
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = int.from_bytes(plain[128:132], "big")
    entries = [plain[132 + 12 * n : 144 + 12 * n] for n in range(count)]
    kept = [entry for entry in entries if entry[:4] != signature]
    body += bytes(-len(body) % 4)
    grown = 12 * (len(kept) + 1 - count)
    moved = [entry[:4] + struct.pack(">I", int.from_bytes(entry[4:8], "big") + grown) + entry[8:] for entry in kept]
    new = signature + struct.pack(">II", len(plain) + grown, len(body))
    whole = plain[:128] + struct.pack(">I", len(kept) + 1) + new + b"".join(moved) + plain[132 + 12 * count :] + body
    return struct.pack(">I", len(whole)) + whole[4:]


def cicp_tag(*numbers: int) -> bytes:
    return b"cicp\0\0\0\0" + bytes(numbers)


def named(name: str) -> bytes:
    text = name.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(text), 28) + text


def test_a_box_says_primaries_curve_and_matrix() -> None:
    assert of_nclx(b"nclx\0\x09\0\x10\0\x09\x80") == ColourCoding(9, 16, 9)
    assert of_nclx(b"prof" + bytes(40)) is None
    assert of_nclx(b"nclx\0\x09\0\x10\0\x09") is None


def test_a_chunk_says_the_range_too() -> None:
    assert of_bytes(bytes((9, 18, 0, 1))) == ColourCoding(9, 18)
    assert of_bytes(bytes((9, 18, 0, 0))) == ColourCoding(9, 18, full_range=False)
    assert of_bytes(b"\x09\x10\0") is None


@pytest.mark.parametrize(
    ("coding", "is_plain", "is_convertible"),
    [
        (ColourCoding(1, 13), True, True),
        (ColourCoding(2, 2, 2), True, True),
        (ColourCoding(6, 6, 6), True, True),
        (ColourCoding(5, 1, 5), True, True),
        (ColourCoding(12, 13), False, True),
        (ColourCoding(9, 14, 9), False, True),
        (ColourCoding(9, 16, 9), False, True),
        (ColourCoding(2, 18, 2), False, True),
        (ColourCoding(12, 16, 0), False, True),
        (ColourCoding(1, 8), False, True),
        (ColourCoding(1, 9), False, False),
        (ColourCoding(9, 17), False, False),
        (ColourCoding(9, 99), False, False),
        (ColourCoding(10, 16), False, False),
        (ColourCoding(9, 16, 10), False, False),
        (ColourCoding(1, 13, full_range=False), False, True),
    ],
)
def test_what_is_to_be_done(coding: ColourCoding, is_plain: bool, is_convertible: bool) -> None:
    assert (coding.is_plain, coding.is_convertible) == (is_plain, is_convertible)


@pytest.mark.parametrize(
    ("profile", "coding"),
    [
        (profile_with(b"cicp", cicp_tag(9, 16, 0, 1)), ColourCoding(9, 16)),
        (profile_with(b"cicp", cicp_tag(12, 18, 0, 1)), ColourCoding(12, 18)),
        (profile_with(b"cicp", cicp_tag(12, 13, 0, 1)), None),
        (profile_with(b"desc", named("Rec. ITU-R BT.2100 PQ")), ColourCoding(9, 16)),
        (profile_with(b"desc", named("Rec2100HLG")), ColourCoding(9, 18)),
        (profile_with(b"desc", named("RGB_D65_202_Per_PeQ")), ColourCoding(9, 16)),
        (profile_with(b"desc", named("RGB_D65_202_Rel_HLG")), ColourCoding(9, 18)),
        (profile_with(b"desc", named("Display P3 Gamut with HLG Transfer")), ColourCoding(12, 18)),
        (profile_with(b"desc", named("Display P3")), None),
        (profile_with(b"desc", named("Rec. ITU-R BT.2020-1")), None),
        (profile_with(b"desc", named("My PQR Scanner")), None),
        (profile_with(b"desc", b""), None),
        (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), None),
        (b"", None),
        (b"\xff" * 200, None),
        (b"\0" * 128 + b"\0\0\0\x01cicp\xff\xff\xff\xff\xff\xff\xff\xff", None),
    ],
)
def test_a_profile_is_told_by_its_tag_or_its_name(profile: bytes, coding: ColourCoding | None) -> None:
    assert of_profile(profile) == coding
