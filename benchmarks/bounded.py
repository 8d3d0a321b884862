"""What reading one hostile file takes: processor time and memory, in every decode mode.

    python benchmarks/bounded.py [--only WORD] [--modes scaled,full,thumbnail,capture] [--size small|large]

The files are those of `tests/photos/bombs`, drawn here. Each is read in a process of its own, which has read a good
file of the format before, so that libraries are loaded. Memory is what its peak has grown by. A process ends after
120 s of processor time or at 12 GB. "capture" is `read_capture`. A figure above the promise (5 s, 1 GB) is marked by *.
Needs Linux, which tells the peak of a process and lets it be set back. Markdown goes to standard output.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

CPU_S, MEMORY_GB = 5.0, 1.0
"""What is promised for one file."""
LIMIT_CPU_S, LIMIT_GB = 120, 12
"""Where a reading is ended that does not end."""
MODES = ("scaled", "full", "thumbnail", "capture")


def corpus() -> ModuleType:
    """`tests/photos/bombs`, wherever this is started."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "photos"))
    return importlib.import_module("bombs")


def read_one(path: Path, warm: Path, mode: str) -> dict[str, Any]:
    """Read one file in this process, after a good one: seconds, GB, what came out."""
    from iqa_cli.photos import read_photo
    from iqa_cli.photos.exif import read_capture
    from iqa_cli.records import Photo, PhotoRef

    read_photo(PhotoRef(warm, str(warm)))
    Path("/proc/self/clear_refs").write_text("5")
    before, started = _status("VmRSS"), time.process_time()
    ref = PhotoRef(path, str(path))
    said = "read"
    if mode == "capture":
        read_capture(ref)
    else:
        photo, _ = read_photo(ref, mode=mode)  # type: ignore[arg-type]
        said = "; ".join(("read", *photo.notes)) if isinstance(photo, Photo) else photo.reason
    return {"cpu_s": time.process_time() - started, "gb": (_status("VmHWM") - before) / 1e6, "said": said}


def _status(name: str) -> int:
    """Of this process, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def measure(path: Path, warm: Path, mode: str) -> dict[str, Any]:
    """`read_one` in a process that can be ended."""
    command = [sys.executable, __file__, "--read", str(path), str(warm), mode]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_CPU_S, LIMIT_CPU_S))
        resource.setrlimit(resource.RLIMIT_AS, (LIMIT_GB << 30, LIMIT_GB << 30))

    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"ended by signal {-done.returncode}"]
        return {"cpu_s": float("inf"), "gb": float("nan"), "said": last[0]}
    return dict(json.loads(done.stdout))


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="bombs with this in their name")
    parser.add_argument("--modes", default=",".join(MODES))
    parser.add_argument("--size", choices=("small", "large"), default="large")
    parser.add_argument("--read", nargs=3, metavar=("FILE", "GOOD", "MODE"), help="read one file here; JSON")
    options = parser.parse_args(arguments)
    if options.read:
        path, warm, mode = options.read
        print(json.dumps(read_one(Path(path), Path(warm), mode)))
        return
    bombs = corpus()
    modes = options.modes.split(",")
    print(f"| file | MB | {' | '.join(f'{mode}: s, GB' for mode in modes)} | what is said |")
    print(f"|---|---|{'---|' * len(modes)}---|", flush=True)
    over = 0
    with tempfile.TemporaryDirectory() as folder:
        for bomb in bombs.BOMBS:
            if options.only not in bomb.name:
                continue
            path, warm = Path(folder, f"bomb{bomb.suffix}"), Path(folder, f"good{bomb.suffix}")
            path.write_bytes(bomb.make(getattr(bomb, options.size)))
            kind = bomb.name.partition("-")[0].upper()
            warm.write_bytes(bombs.encoded(kind))
            figures = {mode: measure(path, warm, mode) for mode in modes}
            cells = []
            for figure in figures.values():
                is_over = not (figure["cpu_s"] <= CPU_S and figure["gb"] <= MEMORY_GB)
                over += is_over
                cells.append(f"{figure['cpu_s']:.2f}, {figure['gb']:.2f}{'*' if is_over else ''}")
            said = " / ".join(dict.fromkeys(figure["said"] for mode, figure in figures.items() if mode != "capture"))
            size = path.stat().st_size / 1e6
            print(f"| {bomb.name} | {size:.2f} | {' | '.join(cells)} | {said} |", flush=True)
    print(f"\n{over} readings above {CPU_S:g} s or {MEMORY_GB:g} GB")


if __name__ == "__main__":
    main()
