"""HEIC files by their checked previews, from end to end: `python benchmarks/heic.py PHOTOS --real FOLDERS`.

Of COUNT photographs HEIC files are made as phones write them, in tiles of 512 pixels with a preview of 320, half of
them with a fault of tone drawn into the picture before. These files, and the real ones of FOLDERS, are judged by
`--decode full` and by `auto`:

    equal    levels that are the same, of all
    far      levels that are wrong by more than one
    decoded  photos of which `auto` decoded the picture after all
    CPU      of the whole judgement, milliseconds a photo, one process, one thread, in one run
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from iqa_cli.photos.discover import discover
from iqa_cli.pipeline import Auditor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iqa_cli.records import Decode, PhotoReport

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "photos"))
from drawn_tiles import parts
from previews import FILTERS, with_fault

SIZE = (2048, 1536)
TILE = 512
SMALL = (320, 240)
PREVIEWED = "preview, which agrees with"
MODES: tuple[Decode, ...] = ("full", "auto")


def main() -> None:
    """Make, judge, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+", help="photographs, or folders of them")
    parser.add_argument("--real", type=Path, nargs="*", default=[], help="folders with HEIC files of cameras")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    auditors = {mode: Auditor.load(decode=mode, jobs=1) for mode in MODES}
    print("| files | photos | equal | far | decoded | CPU full | CPU auto |\n|---|---|---|---|---|---|---|")
    real = [ref.path for ref in discover(options.real).photos if ref.path.suffix.lower() in (".heic", ".heif")]
    row("of cameras", auditors, (path.read_bytes() for path in real))
    rng = np.random.default_rng(options.seed)
    found = discover(options.photos).photos
    taken = [found[number].path for number in rng.permutation(len(found))[: options.count]]
    row("made, as they are", auditors, (made(path, rng, is_faulty=False) for path in taken[::2]))
    row("made, with faults", auditors, (made(path, rng, is_faulty=True) for path in taken[1::2]))


def made(path: Path, rng: np.random.Generator, *, is_faulty: bool) -> bytes:
    """A HEIC file of a photograph, upright or lying as it is, with some noise of a sensor."""
    with Image.open(path) as image:
        size = SIZE if image.width >= image.height else SIZE[::-1]
        rgb = np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    rgb = with_fault(rgb, rng) if is_faulty else rgb
    noisy = (rgb + rng.normal(0, 2, rgb.shape)).round().clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(noisy)
    small = picture.resize(SMALL if size == SIZE else SMALL[::-1], FILTERS[rng.integers(len(FILTERS))])
    return parts(picture, small, tile=TILE).file()


def row(name: str, auditors: dict[Decode, Auditor], files: Iterable[bytes]) -> None:
    """Judge files in all modes and print what came out."""
    spent = dict.fromkeys(auditors, 0.0)
    count = previewed = 0
    differences: list[int] = []
    for data in files:
        reports: list[PhotoReport] = []
        for mode, auditor in auditors.items():
            if not count:
                auditor.photo(data)  # loads the model
            began = time.process_time()
            reports.append(auditor.photo(data))
            spent[mode] += time.process_time() - began
        count += 1
        previewed += any(PREVIEWED in note for note in reports[1].notes)
        differences += [
            abs(one.level - other.level) for one, other in zip(reports[0].findings, reports[1].findings, strict=True)
        ]
    if not count:
        return
    equal = float(np.mean(np.array(differences) == 0))
    cpu = " | ".join(f"{1000 * spent[mode] / count:.0f}" for mode in auditors)
    far = sum(one > 1 for one in differences)
    print(f"| {name} | {count} | {equal:.2%} | {far} | {count - previewed} | {cpu} |", flush=True)


if __name__ == "__main__":
    main()
