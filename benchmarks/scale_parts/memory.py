"""Memory of a driver of 10,000 shards, and of a plan of a million keys."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from assess_parts.measure import run as measured
from servers import with_path

from scale_parts.bed import command, iqa, is_whole, watched

if TYPE_CHECKING:
    from collections.abc import Iterator


def driver(work: Path, shards: int) -> Iterator[str]:
    """A run whose every shard is one empty file: nothing is judged, all is counted."""
    photos = work / "empty"
    photos.mkdir()
    for number in range(shards):
        (photos / f"{number:06}.jpg").touch()
    yield "| engine | shards | peak memory of the driver | seconds | whole |\n|---|---|---|---|---|"
    for engine in ("local", "ray"):
        run = work / f"driver-{engine}"
        iqa("plan", photos, "--out", run, "--shard", 1)
        began = time.monotonic()
        process = subprocess.Popen(
            command("run", run, "--engine", engine, "--jobs", 2), stdout=subprocess.DEVNULL, env=with_path()
        )
        peak = watched(process)
        took = time.monotonic() - began
        yield f"| {engine} | {shards} | {peak / 1e6:.0f} MB | {took:.0f} | {'yes' if is_whole(str(run)) else 'NO'} |"


def listing(work: Path, keys: int) -> Iterator[str]:
    """Plans of so many keys, in one folder and in a thousand, by a lister that makes them up; the plan is real."""
    yield "| keys | folders | keys/s | CPU us a key | peak memory |\n|---|---|---|---|---|"
    for folders in (1, 1000):
        script = Path(__file__).with_name("made_up.py")
        cost = measured([sys.executable, str(script), str(keys), str(folders), str(work / f"listed{folders}")])
        rate, cpu = keys / cost.wall_s, 1e6 * cost.cpu_s / keys
        yield f"| {keys} | {folders} | {rate:.0f} | {cpu:.1f} | {cost.peak_mb:.0f} MB |"
