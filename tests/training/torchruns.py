"""What runs of several processes learn from, and how they are started."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from PIL import Image
from servers import with_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]


def photographs(folder: Path, scenes: Path, count: int) -> None:
    """Every photograph has its own brightness: the same one on two sides would be refused."""
    files = sorted(scenes.iterdir())
    for number in range(count):
        with Image.open(files[number % len(files)]) as scene:
            factor = (20 + 2 * number) / (60 if number % 2 else 60 * 3)
            scene.point(lambda value, factor=factor: value * factor).save(folder / f"{number}.png")


def table(path: Path, numbers: Iterable[int]) -> None:
    """Every other one is dark."""
    rows = [f"{number}.png,{2 * (number % 2)}\n" for number in numbers]
    path.write_text("filename,dark\n" + "".join(rows), encoding="utf-8")


def launched(*commands: tuple[Path, list[str]]) -> list[subprocess.CompletedProcess[str]]:
    """Commands side by side, each in its folder; what they say, when all have ended."""
    running = [
        subprocess.Popen(
            command, cwd=folder, env=with_path(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        )
        for folder, command in commands
    ]
    try:
        said = [process.communicate(timeout=300) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    return [
        subprocess.CompletedProcess(process.args, process.returncode, out, err)
        for process, (out, err) in zip(running, said, strict=True)
    ]


def two(*command: object) -> subprocess.CompletedProcess[str]:
    """A Python command in two processes."""
    done = subprocess.run(
        [*TORCHRUN, "--standalone", "--nproc-per-node", "2", *map(str, command)],
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[:6000]
    return done
