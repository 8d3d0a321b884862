"""What `iqa assess` costs, beside the bare decoding of the same files and CleanVision, and what it withstands.

    python benchmarks/assess.py ../shared/dcim [--parts speed,start,agreement,scale,kill] [--jobs 2] [--rounds 3]
        [--cleanvision cv/bin/python] [--scale 100,1000,10000,100000] [--kill 20] [--json assess.json]

speed      scaled, full and thumbnail mode and a second run with the cache, beside Pillow's scaled decode
           (`Image.draft`), its full decode, and CleanVision's checks of dark and light, in turns, with the same threads
start      `iqa --help` and one photo, beside what their libraries take to load
agreement  levels from the camera's preview against levels from the picture
scale      cost per photo and peak memory in folders of growing size
kill       runs killed at random moments and continued: is the CSV file the same in the end?

Speed, start-up and scale use the JPEG photographs of 7 to 17 megapixels of the given folders, copied into a temporary
folder (of TMPDIR) and hard-linked as often as need be. All commands are processes of their own, from this checkout.
Markdown goes to standard output, progress to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from assess_parts import folders
from assess_parts.measure import CommandFailedError, compile_once
from quality_parts.document import Document

from iqa_cli import IqaError, __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from quality_parts.document import Part

PARTS = ("speed", "start", "agreement", "scale", "kill")


def parts(options: argparse.Namespace) -> Iterator[Part]:
    """The parts that were asked for, each run when it is its turn."""
    photos = folders.find(options.folders, tuple(options.megapixels))
    checkpoint, jobs = options.checkpoint, options.jobs
    compile_once(photos.large[0], checkpoint)
    if "speed" in options.parts:
        from assess_parts.speed import speed_part

        yield speed_part(
            photos,
            checkpoint=checkpoint,
            copies=options.copies,
            many=options.many,
            jobs=jobs,
            rounds=options.rounds,
            cleanvision=options.cleanvision,
        )
    if "start" in options.parts:
        from assess_parts.start import start_part

        yield start_part(photos.large, checkpoint=checkpoint, rounds=options.start_rounds)
    if "agreement" in options.parts:
        from assess_parts.agreement import agreement_part

        yield agreement_part(options.folders, checkpoint=checkpoint, jobs=jobs)
    if "scale" in options.parts:
        from assess_parts.scale import scale_part

        yield scale_part(photos, checkpoint=checkpoint, sizes=options.scale, decode=options.scale_decode, jobs=jobs)
    if "kill" in options.parts:
        from assess_parts.kill import kill_part

        yield kill_part(
            photos.everything,
            checkpoint=checkpoint,
            kills=options.kill,
            count=options.kill_photos,
            decode=options.kill_decode,
            jobs=jobs,
            seed=options.seed,
        )


def about(options: argparse.Namespace, load: float | None) -> dict[str, str]:
    """What was run on what, and how busy the machine was with other work."""
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("onnxruntime", "numpy", "pillow"))
    busy = "" if load is None else f", load {load:.1f} at the start"
    return {
        "iqa": f"{__version__}, checkpoint {Path(options.checkpoint).name}",
        "machine": f"{platform.machine()}, {os.cpu_count()} processors{busy}",
        "libraries": f"Python {platform.python_version()}, {versions}",
        "parts": ", ".join(options.parts),
    }


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"no part is called {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return names


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(size) for size in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 2:
        raise argparse.ArgumentTypeError(f"expected numbers of photos from 2 on, such as 100,1000; got {text!r}")
    return sizes


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts, print the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = ("scaled", "full", "thumbnail")
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="camera files; they are only read")
    parser.add_argument("--parts", type=_names, default=list(PARTS), metavar="NAME,...", help="only these")
    parser.add_argument("--checkpoint", default="default", help="name or folder of what judges")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, help="threads of every way")
    parser.add_argument("--megapixels", type=float, nargs=2, default=(7, 17), metavar=("LEAST", "MOST"))
    parser.add_argument("--rounds", type=_positive, default=3, help="of speed")
    parser.add_argument("--copies", type=_positive, default=20, help="of each photograph, where pictures are decoded")
    parser.add_argument("--many", type=_positive, default=10_000, help="files, where previews or the cache are read")
    parser.add_argument("--cleanvision", metavar="PYTHON", help="an interpreter that has CleanVision")
    parser.add_argument("--start-rounds", type=_positive, default=10, help="of start-up")
    parser.add_argument("--scale", type=_sizes, default=[100, 1000, 10_000], metavar="N,...", help="sizes of folders")
    parser.add_argument("--scale-decode", choices=modes, default="thumbnail", help="mode of scale")
    parser.add_argument("--kill", type=_positive, default=20, metavar="N", help="runs to kill")
    parser.add_argument("--kill-photos", type=_positive, default=1000, help="files of the folder they run over")
    parser.add_argument("--kill-decode", choices=modes, default="scaled", help="their mode")
    parser.add_argument("--seed", type=int, default=0, help="of the moments they are killed at")
    parser.add_argument("--failures", type=int, default=15, help="failures that a part names")
    parser.add_argument("--json", type=Path, help="the same as JSON")
    options = parser.parse_args(arguments)
    # The commands run in a folder of their own.
    options.folders = [folder.resolve() for folder in options.folders]
    if options.cleanvision is not None and os.sep in options.cleanvision:
        options.cleanvision = os.path.abspath(options.cleanvision)  # noqa: PTH100 - resolve() would leave the environment
    if os.sep in options.checkpoint:
        options.checkpoint = str(Path(options.checkpoint).resolve())
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    found = []
    try:
        started = time.monotonic()
        for part in parts(options):
            found.append(part)
            print(f"{part.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    except (IqaError, CommandFailedError, ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    document = Document(about(options, load), tuple(found), title="Cost of assess")
    if options.json is not None:
        options.json.write_text(json.dumps(document.json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(document.markdown(options.failures), end="")


if __name__ == "__main__":
    main()
