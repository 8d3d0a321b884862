"""What all parts stand on: photos that are drawn, a server with a counting proxy before it, the commands."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import io
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from servers import BUCKET, FaultProxy, Faults, environment, s3_server, with_path

from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

TIMEOUT_S = 1800.0


@dataclasses.dataclass
class Bed:
    """A folder of photos, the same ones in a bucket, and the way to it."""

    work: Path
    photos: Path
    proxy: FaultProxy

    def place(self, name: str) -> str:
        """A prefix for a run."""
        return f"s3://{BUCKET}/{name}"

    @property
    def source(self) -> str:
        """The prefix of the photos."""
        return self.place("DCIM")

    def shards_read(self, run: str) -> collections.Counter[str]:
        """How often each shard of the manifest of a run was fetched: once by each worker that began it."""
        pattern = re.compile(rf"GET /{BUCKET}/{run}/(manifest/\d+\.parquet)")
        return collections.Counter(found[1] for line in self.proxy.lines if (found := pattern.match(line)))


@contextlib.contextmanager
def bed(work: Path, count: int, *, folders: int = 4, size: tuple[int, int] = (320, 240)) -> Iterator[Bed]:
    """A server and `count` photos, in a folder and in its bucket."""
    photos = work / "DCIM"
    draw(photos, count, folders=folders, size=size)
    with s3_server() as server, FaultProxy(server, Faults()) as proxy:
        os.environ.update(environment(server))
        place = Place(f"s3://{BUCKET}/DCIM")
        for path in sorted(photos.rglob("*.jpg")):
            place.put(path.relative_to(photos).as_posix(), path.read_bytes())
        os.environ.update(environment(proxy.url))
        yield Bed(work, photos, proxy)


def draw(folder: Path, count: int, *, folders: int, size: tuple[int, int]) -> None:
    """Photos of every brightness and contrast, in folders whose order is not that of their paths' words."""
    rng = np.random.default_rng(7)
    width, height = size
    names = [("DSC/a", "DSC-1", "DSC", "100APPLE/b")[number % 4] + f"{number // 4 or ''}" for number in range(folders)]
    for number in range(count):
        coarse = rng.random((6, 8, 3)) ** rng.uniform(0.3, 3.0) * rng.uniform(0.3, 1.0) * 255
        image = Image.fromarray(coarse.astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=85)
        path = folder / names[number % folders] / f"IMG {number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stream.getvalue())


def command(*arguments: object) -> list[str]:
    """`iqa` with these words, as a process is started with."""
    return [sys.executable, "-m", "iqa_cli", *map(str, arguments)]


def iqa(*arguments: object, codes: tuple[int, ...] = (0,)) -> subprocess.CompletedProcess[str]:
    """Run the command; raises RuntimeError if it ends with another exit code."""
    done = subprocess.run(
        command(*arguments), capture_output=True, text=True, env=with_path(), check=False, timeout=TIMEOUT_S
    )
    if done.returncode not in codes:
        raise RuntimeError(f"iqa {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}{done.stdout}")
    return done


def start(*arguments: object, log: Path) -> subprocess.Popen[bytes]:
    """Begin the command; what it says goes to the log."""
    with log.open("ab") as file:
        return subprocess.Popen(command(*arguments), stdout=file, stderr=file, env=with_path(), start_new_session=True)


def same_rows(bed: Bed, run: str, *, decode: str = "auto") -> bool:
    """Whether the CSV of a run equals that of `iqa assess`, byte for byte, but for what stands before the keys."""
    gathered = bed.work / "gathered.csv"
    iqa("gather", run, "--csv", gathered)
    rows = gathered.read_bytes().replace(f"{bed.source}/".encode(), f"{bed.photos}/".encode())
    return rows == local_rows(bed, decode)


def local_rows(bed: Bed, decode: str) -> bytes:
    """The CSV of `iqa assess`, made once."""
    expected = bed.work / f"local-{decode}.csv"
    if not expected.exists():
        iqa("assess", bed.photos, "--no-cache", "--decode", decode, "--csv", expected)
    return expected.read_bytes()


def is_whole(run: str) -> bool:
    """What `iqa verify` says."""
    return iqa("verify", run, codes=(0, 1)).returncode == 0


def peak_bytes(pid: int) -> int:
    """The most memory that a process had so far (VmHWM of proc(5)); 0 if it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def watched(process: subprocess.Popen[bytes]) -> int:
    """Wait for a process; its peak memory."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, peak_bytes(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"exit {process.returncode}")
    return peak
