"""What `iqa assess` costs beside the bare scaled decode of the same files, in one run.

    python benchmarks/assess.py ../shared/dcim [--copies 10] [--jobs 2] [--rounds 3]

Takes the folder's JPEG photographs of 7 to 17 megapixels, copies each `copies` times into a temporary folder, and runs
in turn, each in a process of its own: Pillow's scaled decode (`Image.draft` to 384 x 288 and `load`, a thread pool of
`jobs`) and `iqa assess --csv` with the same jobs. Prints CPU seconds (user and system, children included) and photos a
second of the best round, and the ratios. Start-up is measured on a folder of one and taken off in the second ratio.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

BARE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image
def decode(path):
    with Image.open(path) as image:
        image.draft("RGB", (384, 288))
        image.load()
with ThreadPoolExecutor(int(sys.argv[2])) as pool:
    list(pool.map(decode, sorted(Path(sys.argv[1]).iterdir())))
"""


def cost(command: list[str]) -> tuple[float, float]:
    """CPU and wall seconds of a command."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - started
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def large_jpegs(folder: Path) -> list[Path]:
    """JPEG photographs of 7 to 17 megapixels that Pillow decodes to their end."""
    found = []
    for path in sorted(folder.rglob("*.jpg")):
        try:
            with Image.open(path, formats=["JPEG"]) as image:
                if 7e6 <= image.width * image.height <= 17e6:
                    image.draft("RGB", (384, 288))
                    image.load()
                    found.append(path)
        except OSError:
            continue
    return found


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description="iqa assess beside the bare scaled decode")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    photos = large_jpegs(arguments.folder)
    if not photos:
        parser.error(f"no JPEG photographs of 7 to 17 megapixels in {arguments.folder}")
    with tempfile.TemporaryDirectory() as temporary:
        many, one = Path(temporary, "many"), Path(temporary, "one")
        many.mkdir()
        one.mkdir()
        (one / "0.jpg").symlink_to(photos[0].resolve())
        for index, photo in enumerate(photos):
            content = photo.read_bytes()
            for copy in range(arguments.copies):
                (many / f"{index:03}_{copy:03}.jpg").write_bytes(content)
        count = len(photos) * arguments.copies
        jobs = str(arguments.jobs)
        assess = [sys.executable, "-m", "iqa_cli", "assess", "--jobs", jobs, "--csv", f"{temporary}/audit.csv"]
        bare = [sys.executable, "-c", BARE]
        best: dict[str, tuple[float, float]] = {}
        for _ in range(arguments.rounds):
            for name, command in (
                ("bare scaled decode", [*bare, str(many), jobs]),
                ("bare, one photo", [*bare, str(one), jobs]),
                ("iqa assess", [*assess, str(many)]),
                ("iqa assess, one photo", [*assess, str(one)]),
            ):
                best[name] = min(best.get(name, (float("inf"), 0.0)), cost(command))
    print(f"{count} JPEGs of {len(photos)} photographs, 7 to 17 megapixels, {jobs} jobs, best of {arguments.rounds}")
    for name, (cpu, wall) in best.items():
        photos_in_run = 1 if "one" in name else count
        each, rate = cpu / photos_in_run, photos_in_run / wall
        print(f"{name:24} {cpu:7.2f} CPU-s  {each:7.4f} CPU-s/photo  {rate:7.1f} photos/s")
    (bare_cpu, bare_wall), (iqa_cpu, iqa_wall) = best["bare scaled decode"], best["iqa assess"]
    bare_start, iqa_start = best["bare, one photo"][0], best["iqa assess, one photo"][0]
    each = (iqa_cpu - iqa_start) / (bare_cpu - bare_start)
    print(f"CPU, iqa / bare: {iqa_cpu / bare_cpu:.2f} in all, {each:.2f} without start-up")
    print(f"photos a second, iqa / bare: {bare_wall / iqa_wall:.2f}")


if __name__ == "__main__":
    main()
