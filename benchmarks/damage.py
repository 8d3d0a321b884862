"""How much damage inside files goes by unseen: `python benchmarks/damage.py --photos FOLDER... --clean FOLDER...`.

    blocks   a block of each photo in --photos is overwritten at a random place of its picture data, in its JPEG as it
             is and as a progressive one; counted are shifts in mean luma above 10 of 255 and changed levels, told and
             untold. Told means `damaged`, `unreadable`, or a note about how it was read that the whole file has not
    heic     blocks at PLACES places of the coded data of each HEIC file in --heic; counted is what is told
    clean    photos in --clean and --photos, as they are, that are called damaged

The seed is fixed: the same photographs give the same table.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import io
import random
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from iqa_cli.photos import damage, hevc, isobmff, jpeg
from iqa_cli.photos.decode import decode
from iqa_cli.pipeline import Auditor
from iqa_cli.records import Photo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from iqa_cli.records import PhotoReport

LUMA = np.array([0.2126, 0.7152, 0.0722])
CHANCE = random.Random(14)  # noqa: S311 - damage, not secrets
BLOCKS: dict[str, Callable[[], bytes]] = {
    "512 bytes of noise": lambda: CHANCE.randbytes(512),
    "512 zeros": lambda: bytes(512),
    "4096 bytes of noise": lambda: CHANCE.randbytes(4096),
    "4096 zeros": lambda: bytes(4096),
    "one bit": lambda: b"",
}


PLACES = 100


@dataclasses.dataclass
class Count:
    """What became of the files with one kind of damage."""

    files: int = 0
    told: int = 0
    shifted: int = 0
    shifted_told: int = 0
    changed: int = 0
    changed_told: int = 0


def main() -> None:
    """Measure and print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="folders of good JPEGs to damage")
    parser.add_argument(
        "--clean", type=Path, nargs="*", default=[], help="more folders of good files, left as they are"
    )
    parser.add_argument("--most", type=int, default=300, help="photos to damage, chosen by chance")
    parser.add_argument("--heic", type=Path, nargs="*", default=[], help="folders of good HEIC files to damage")
    options = parser.parse_args()
    files = sorted(path for folder in options.photos for path in folder.rglob("*") if is_jpeg(path))
    chosen = CHANCE.sample(files, min(options.most, len(files)))
    auditor = Auditor.load()
    print("| damage | files | told | luma shifted by > 10 | of them told | another level | untold |")
    print("|---|---|---|---|---|---|---|")
    for kind, count in blocks(auditor, chosen).items():
        share = f" ({count.shifted_told / count.shifted:.1%})" if count.shifted else ""
        untold = count.changed - count.changed_told
        cells = (kind, count.files, count.told, count.shifted, f"{count.shifted_told}{share}", count.changed)
        print(f"| {' | '.join(map(str, cells))} | {untold} ({untold / count.files:.1%}) |")
    heic(path for folder in options.heic for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".heic")
    clean(files, options.clean)


def heic(files: Iterable[Path]) -> None:
    """Say how much of the damage in HEVC data is told: by their bytes alone, nothing is decoded."""
    counts: dict[str, list[int]] = {kind: [0, 0] for kind in BLOCKS}
    for path in files:
        data = path.read_bytes()
        items = isobmff.read_items(data)
        spans = [] if items is None else [span for item in hevc.coded_items(items) for span in items.spans[item]]
        for kind, draw in BLOCKS.items():
            for first, last in (
                CHANCE.choices(spans, [last - first for first, last in spans], k=PLACES) if spans else ()
            ):
                at = CHANCE.randrange(first, last)
                block = draw() or bytes([data[at] ^ 1 << CHANCE.randrange(8)])
                changed = data[:at] + block + data[at + len(block) :]
                why = damage.of_heif(items, lambda at, size, file=changed: file[at : at + size], len(changed))
                counts[kind][0] += 1
                counts[kind][1] += why is not None
    print("\n| damage in HEIC | places | told |\n|---|---|---|")
    for kind, (places, told) in counts.items():
        print(f"| {kind} | {places} | {told / max(places, 1):.0%} |")


def is_jpeg(path: Path) -> bool:
    """By its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(3) == b"\xff\xd8\xff"


def blocks(auditor: Auditor, photos: Iterable[Path]) -> dict[str, Count]:
    """The counts by kind of file and damage."""
    counts: dict[str, Count] = collections.defaultdict(Count)
    for path in photos:
        for form, data in forms(path).items():
            layout = jpeg.read_layout(data)
            whole = decode(data)
            if not layout.has_end or not isinstance(whole, Photo) or whole.damage is not None:
                continue
            report = auditor.photo(data)
            for kind, draw in BLOCKS.items():
                changed = with_block(data, layout, draw())
                if changed is not None:
                    compare(counts[f"{form}: {kind}"], whole, report, decode(changed), auditor.photo(changed))
    return counts


def forms(path: Path) -> dict[str, bytes]:
    """The file as it is, and its picture as a progressive file."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=90, progressive=True)
    return {"as it is": path.read_bytes(), "progressive": buffer.getvalue()}


def with_block(data: bytes, layout: jpeg.JpegLayout, block: bytes) -> bytes | None:
    """The file with the block put over a place of its picture data, or a bit turned; None if it has no room for it."""
    start = data.index(layout.picture[:64].tobytes()) + 64
    room = len(layout.picture) - 64 - len(block)
    if room <= len(block):
        return None
    at = start + CHANCE.randrange(room)
    if not block:
        block = bytes([data[at] ^ 1 << CHANCE.randrange(8)])
    return data[:at] + block + data[at + len(block) :]


def compare(count: Count, whole: Photo, report: PhotoReport, photo: object, after: PhotoReport) -> None:
    """Count one damaged file."""
    told = after.status in ("damaged", "unreadable") or bool(set(after.notes) - set(report.notes))
    count.files += 1
    count.told += told
    if isinstance(photo, Photo) and abs(float((photo.rgb @ LUMA).mean() - (whole.rgb @ LUMA).mean())) > 10:
        count.shifted += 1
        count.shifted_told += told
    levels = [[finding.level for finding in each.findings] for each in (report, after)]
    if after.findings and levels[0] != levels[1]:
        count.changed += 1
        count.changed_told += told


def clean(photos: Iterable[Path], folders: Iterable[Path]) -> None:
    """Say which files as they are are called damaged."""
    more = (path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file())
    seen, damaged = 0, []
    for path in [*photos, *more]:
        photo = decode(path.read_bytes())
        seen += isinstance(photo, Photo)
        if isinstance(photo, Photo) and photo.damage is not None:
            damaged.append(f"{path.name}: {photo.damage}")
    print(f"\nOf {seen} readable files as they are {len(damaged)} are called damaged.")
    for line in damaged:
        print(f"- {line}")


if __name__ == "__main__":
    main()
