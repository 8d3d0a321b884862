"""Part: is a photograph judged the same when it is stored as PQ or HLG?

Every photograph is written anew: in SDR, with its white at HDR reference white (ITU-R BT.2408: 203 cd/m2 in PQ, 75 %
in HLG) in HEIC of 10 bit, PNG of 16 bit with a `cICP` chunk and AVIF of 8 bit, and with its highlights raised to 1000
cd/m2, as a camera with an HDR mode keeps them. The formulas here are written out once more, not taken from the package.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from iqa_cli.photos.discover import discover
from iqa_cli.pipeline import Auditor
from quality_parts.document import Estimate, Failure, Goal, Part, Table, Verdict, share, share_of_groups

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from iqa_cli.records import PhotoReport
    from quality_parts.document import Cell
    from quality_parts.judges import Judge

    Floats = NDArray[np.floating]

EQUAL = Goal(0.97)
"""Share of (photo, label) levels that are those of the SDR file."""
POINTS = 0.03
"""So far may the share of accused photographs be from that of the SDR files."""
SRGB, PQ, HLG = 13, 16, 18
BT709, BT2020 = 1, 9
_LONG_SIDE = 512
_WHITE, _PEAK = 203 / 10_000, 1000 / 203
_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
_LUMA_BT2020 = np.array([0.2627, 0.6780, 0.0593])


def linear(srgb: NDArray[np.uint8]) -> Floats:
    """(H, W, 3) light in BT.2020 primaries, 1 is the white of the picture."""
    value = srgb / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return (light @ _TO_BT2020.T).clip(0, None)


def pq(light: Floats) -> Floats:
    """PQ signal; 1 is 203 cd/m2."""
    power = (light * _WHITE).clip(0, 1) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(light: Floats) -> Floats:
    """HLG signal of scene light; 1 is 75 %."""
    scene = (light * 0.2649626).clip(0, 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def hlg_of_display(light: Floats) -> Floats:
    """HLG signal of what a screen of 1000 cd/m2 is to show: its system gamma of 1.2 is undone first."""
    relative = light / _PEAK
    luminance = np.maximum(relative @ _LUMA_BT2020, 1e-9)[..., None]
    return hlg(relative * luminance ** (1 / 1.2 - 1) / 0.2649626)


def raised(light: Floats) -> Floats:
    """Highlights as an HDR mode keeps them: above half of white, ever more, up to 1000 cd/m2."""
    top = light.max(axis=2, keepdims=True)
    above = ((top - 0.5) / 0.5).clip(0, 1)
    return light * (1 + (_PEAK - 1) * above**3)


def heic(signal: Floats, transfer: int, primaries: int = BT2020) -> bytes:
    """A HEIC file of 10 bit."""
    sixteen = np.rint(signal.clip(0, 1) * 65535).astype("<u2")
    size = (signal.shape[1], signal.shape[0])
    file = io.BytesIO()
    pillow_heif.from_bytes(mode="RGB;16", size=size, data=sixteen.tobytes()).save(
        file,
        quality=92,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=9 if primaries == BT2020 else 1,
        full_range_flag=1,
    )
    return file.getvalue()


def png(signal: Floats, transfer: int, primaries: int = BT2020) -> bytes:
    """A PNG file of 16 bit with a `cICP` chunk; Pillow writes neither."""
    sixteen = np.rint(signal.clip(0, 1) * 65535).astype(">u2")
    height, width = signal.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in sixteen)
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0),
        b"cICP": bytes((primaries, transfer, 0, 1)),
        b"IDAT": zlib.compress(rows, 1),
        b"IEND": b"",
    }
    chunks = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def avif(signal: Floats, transfer: int, primaries: int = BT2020) -> bytes:
    """An AVIF file of 8 bit. Pillow states sRGB; the numbers in its `nclx` box are changed afterwards."""
    file = io.BytesIO()
    Image.fromarray(np.rint(255 * signal.clip(0, 1)).astype(np.uint8)).save(file, "AVIF", quality=92)
    data = file.getvalue()
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


VERSIONS: dict[str, Callable[[Floats, Floats], bytes]] = {
    "SDR, HEIC": lambda srgb, _: heic(srgb, SRGB, BT709),
    "PQ, HEIC": lambda _, light: heic(pq(light), PQ),
    "HLG, HEIC": lambda _, light: heic(hlg(light), HLG),
    "PQ, PNG": lambda _, light: png(pq(light), PQ),
    "HLG, PNG": lambda _, light: png(hlg(light), HLG),
    "PQ, AVIF": lambda _, light: avif(pq(light), PQ),
    "HLG, AVIF": lambda _, light: avif(hlg(light), HLG),
    "PQ, highlights raised, PNG": lambda _, light: png(pq(raised(light)), PQ),
    "HLG, highlights raised, PNG": lambda _, light: png(hlg(raised(light)), HLG),
    "HLG by display light, PNG": lambda _, light: png(hlg_of_display(light), HLG),
}
"""From sRGB values 0..1 and light to a file."""
_REFERENCE = "SDR, PNG"


def hdr_part(folder: Path, judges: Sequence[Judge], photographs: int = 200) -> Part:
    """Judge photographs of a folder, evenly chosen, in every version, beside the SDR file in PNG."""
    refs = discover([folder]).photos
    chosen = refs[:: max(1, len(refs) // photographs)][:photographs]
    auditors = {judge.name: Auditor(judge.checkpoint, decode="scaled", jobs=1) for judge in judges}
    reports: dict[tuple[str, str], list[PhotoReport]] = {
        (name, version): [] for name in auditors for version in (_REFERENCE, *VERSIONS)
    }
    for ref in chosen:
        for version, data in versions(ref.path):
            for name, auditor in auditors.items():
                reports[name, version].append(auditor.photo(data))
    main = judges[0].name
    rows: list[tuple[Cell, ...]] = []
    failures: list[Failure] = []
    for version in (_REFERENCE, *VERSIONS):
        first, those = reports[main, _REFERENCE], reports[main, version]
        accused, usual = (sum(map(_is_accused, of)) / max(1, len(of)) for of in (those, first))
        equal = [_equal(one, other) for one, other in zip(first, those, strict=True)]
        same = share_of_groups(equal, [len(one.findings) for one in first])
        met = "–" if version == _REFERENCE else "yes" if abs(accused - usual) <= POINTS else "no"
        rows.append(
            (
                version,
                share(sum(map(_is_accused, those)), len(those)),
                share(sum(one.status != "ok" for one in those), len(those)),
                met,
                same,
                "–" if version == _REFERENCE else EQUAL.met(same.value),
                *(_same(reports[name, _REFERENCE], reports[name, version]) for name in auditors if name != main),
            )
        )
        failures += [
            Failure(f"{ref.source_file}, {version}", f"{_said(one)}; SDR: {_said(other)}")
            for ref, one, other in zip(chosen, those, first, strict=True)
            if _is_accused(one) != _is_accused(other)
        ]
    heads = ("stored as", "accused", "not ok", "within 3 points", "levels equal", EQUAL.percent())
    columns = (*heads, *(f"levels equal, `{name}`" for name in auditors if name != main))
    note = (
        f"{len(chosen)} photographs, long side at most {_LONG_SIDE} pixels. Accused: status ok and any label at "
        "ordinary or worse. Levels are compared with those of the SDR file in PNG, all labels of a photograph "
        "together. SDR in HEIC shows what the codec alone changes. Raised highlights are another picture: they may "
        "come out otherwise."
    )
    tables = (Table("", columns, tuple(rows)),)
    verdicts = tuple(
        Verdict(
            f"accused, {version}: off SDR",
            Goal(100 * POINTS, at_most=True),
            {name: _points_off(reports[name, _REFERENCE], reports[name, version]) for name in auditors},
            f"≤ {100 * POINTS:g} points",
        )
        for version in VERSIONS
        if not version.startswith("SDR")
    )
    return Part("hdr", "PQ and HLG", (note,), tables, tuple(failures), "Accused in one only", verdicts=verdicts)


def _points_off(first: Sequence[PhotoReport], those: Sequence[PhotoReport]) -> Estimate:
    """Percentage points between the shares that are accused, either way."""
    more = sum(map(_is_accused, those)) - sum(map(_is_accused, first))
    return Estimate(100 * abs(more) / max(1, len(first)), digits=1)


def versions(path: Path) -> Iterator[tuple[str, bytes]]:
    """A photograph as SDR and in every version, each with its name."""
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    image.thumbnail((_LONG_SIDE, _LONG_SIDE))
    rgb = np.asarray(image)
    file = io.BytesIO()
    image.save(file, "PNG")
    yield _REFERENCE, file.getvalue()
    light = linear(rgb)
    for version, made in VERSIONS.items():
        yield version, made(rgb / 255, light)


def _is_accused(report: PhotoReport) -> bool:
    return report.status == "ok" and report.worst is not None


def _equal(one: PhotoReport, other: PhotoReport) -> int:
    pairs = zip(one.findings, other.findings, strict=False)
    return sum(first.level == second.level for first, second in pairs)


def _same(first: Sequence[PhotoReport], those: Sequence[PhotoReport]) -> Cell:
    equal = [_equal(one, other) for one, other in zip(first, those, strict=True)]
    return share_of_groups(equal, [len(one.findings) for one in first])


def _said(report: PhotoReport) -> str:
    if report.status != "ok":
        return report.status
    return ", ".join(f"{one.label} {one.level}" for one in report.findings if one.level > 1) or "nothing"
