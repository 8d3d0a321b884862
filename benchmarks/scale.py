"""The audit over object storage: `python benchmarks/scale.py [--parts equal,kills,...]`.

Servers on loopback stand for a store, a Ray cluster of two nodes on this machine for a cluster: it shows that nothing
is lost, and what the engine costs, not how fast a cluster is.

    equal    COUNT objects: the CSV of plan, run and gather against that of `iqa assess`
    kills    drivers, workers and Ray nodes killed at random moments, drivers stopped for longer than a lease lasts
    faults   a proxy that answers 503 (5 %), breaks off (2 %), loses replies of writes (2 %), ignores ranges
    pace     photos a second beside `iqa assess`, with one and with two workers, by turns
    driver   memory of a driver of 10,000 shards
    listing  memory and rate of a plan of a million keys
    reads    bytes read of real photos with a preview (--photos FOLDERS)
    clients  obstore against fsspec (needs s3fs)
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from scale_parts import faults, kills, memory, pace, reads
from scale_parts.bed import bed, iqa, is_whole, same_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

PARTS = ("equal", "kills", "faults", "pace", "driver", "listing", "reads", "clients")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS[:-2]), help="of " + ", ".join(PARTS))
    parser.add_argument("--photos", type=Path, nargs="*", default=[], help="real photos, for reads")
    parser.add_argument("--count", type=int, default=5000, help="objects of equal")
    parser.add_argument("--kills", type=int, nargs=4, default=(50, 30, 30, 5), help="drivers, workers, nodes, stops")
    parser.add_argument("--faults", type=int, default=20, help="runs with faults")
    parser.add_argument("--pace", type=int, nargs=2, default=(1600, 5), help="photos and rounds of pace")
    parser.add_argument("--shards", type=int, default=10_000, help="of driver")
    parser.add_argument("--keys", type=int, default=1_000_000, help="of listing")
    parser.add_argument("--objects", type=int, default=300, help="of clients")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for part in options.parts.split(","):
        print(f"\n### {part}\n", flush=True)
        with tempfile.TemporaryDirectory(prefix="iqa-scale-") as work:
            for line in lines(part, options, Path(work)):
                print(line, flush=True)


def lines(part: str, options: argparse.Namespace, work: Path) -> Iterator[str]:
    """What a part has to say."""
    if part == "equal":
        with bed(work, options.count, folders=16) as ground:
            run = ground.place("equal")
            iqa("plan", ground.source, "--out", run, "--shard", 500)
            iqa("run", run)
            yield f"{options.count} objects, {len(set(ground.shards_read('equal')))} shards"
            yield f"whole: {is_whole(run)}; the CSV equals that of assess: {same_rows(ground, run)}"
    elif part == "kills":
        chance = random.Random(options.seed)  # noqa: S311 - drawn moments
        yield "| what | how often | at the end | shards begun again |\n|---|---|---|---|"
        with bed(work, 600) as ground:
            drivers, workers, nodes, stops = options.kills
            if drivers:
                yield kills.drivers(ground, drivers, chance)
            if workers:
                yield kills.workers(ground, workers, chance)
            if nodes:
                yield kills.nodes(ground, nodes, chance)
            if stops:
                yield kills.zombies(ground, stops)
    elif part == "faults":
        yield "| runs | requests | faults met | whole, and the CSV of assess |\n|---|---|---|---|"
        with bed(work, 600) as ground:
            yield from faults.faults(ground, options.faults)
    elif part == "pace":
        yield from pace.pace(work, *options.pace)
    elif part == "driver":
        yield from memory.driver(work, options.shards)
    elif part == "listing":
        yield from memory.listing(work, options.keys)
    elif part == "reads":
        yield from reads.preview_bytes(options.photos, os.environ.update)
    elif part == "clients":
        yield from reads.clients(options.objects, os.environ.update)
    else:
        raise SystemExit(f"{part}: no such part; there are {', '.join(PARTS)}")


if __name__ == "__main__":
    main()
