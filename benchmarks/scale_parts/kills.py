"""Drivers, workers and nodes that are killed at random moments, and drivers that stop breathing for a while."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from servers import with_path

if TYPE_CHECKING:
    from collections.abc import Callable

from scale_parts.bed import TIMEOUT_S, Bed, iqa, is_whole, same_rows, start

if TYPE_CHECKING:
    import random

JOBS = 2
SHARD = 5


def drivers(bed: Bed, count: int, chance: random.Random) -> str:
    """`kill -9` of the driver, then `--resume`, until there were so many; each while shards are in hand."""

    def drive(name: str, left: int) -> tuple[int, bool]:
        killed = 0
        while True:
            begun = bed.shards_read(name).total()
            process = start("run", bed.place(name), "--resume", "--jobs", JOBS, log=bed.work / "drivers.log")
            while killed < left and process.poll() is None and bed.shards_read(name).total() == begun:
                time.sleep(0.02)
            try:
                return killed, process.wait(chance.uniform(0.0, 1.0) if killed < left else TIMEOUT_S) == 0
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                killed += 1

    return campaign(bed, "kill -9 of the driver", "drivers", count, JOBS, drive)


def workers(bed: Bed, count: int, chance: random.Random) -> str:
    """`kill -9` of a process that judges."""

    def drive(name: str, left: int) -> tuple[int, bool]:
        killed = 0
        process = start("run", bed.place(name), "--jobs", JOBS, log=bed.work / "workers.log")
        while process.poll() is None:
            time.sleep(chance.uniform(0.3, 1.5))
            children = children_of(process.pid) if bed.shards_read(name) else []
            if killed < left and children and process.poll() is None:
                with contextlib.suppress(OSError):
                    os.kill(chance.choice(children), signal.SIGKILL)
                    killed += 1
        return killed, process.returncode == 0

    return campaign(bed, "kill -9 of a worker", "workers", count, 1, drive)


def nodes(bed: Bed, count: int, chance: random.Random) -> str:
    """The end of a node of a Ray cluster of two, without a word; another one joins."""
    script = Path(__file__).parents[2] / "tests" / "scale" / "cluster.py"
    with (bed.work / "cluster.log").open("ab") as log:
        cluster = subprocess.Popen(
            [sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=with_path(),
        )
    commands, answers = cluster.stdin, cluster.stdout
    if commands is None or answers is None:
        raise RuntimeError("the cluster takes no commands")
    address = answers.readline().strip()

    def drive(name: str, left: int) -> tuple[int, bool]:
        killed = 0
        process = start("run", bed.place(name), "--engine", "ray", "--address", address, log=bed.work / "nodes.log")
        while process.poll() is None:
            time.sleep(chance.uniform(1.0, 6.0))
            if killed < left and process.poll() is None and bed.shards_read(name):
                print("kill", file=commands, flush=True)
                answers.readline()
                killed += 1
        return killed, process.returncode == 0

    said = campaign(bed, "end of a Ray node", "nodes", count, 1, drive)
    cluster.communicate("end\n", timeout=120)
    return said


def campaign(
    bed: Bed, what: str, prefix: str, count: int, most: int, drive: Callable[[str, int], tuple[int, bool]]
) -> str:
    """Runs until so many were killed, each looked at when it is done.

    most   shards that one kill may cost
    drive  does the run of this name, killing at most so many; gives how many, and whether it ended well
    """
    killed = rounds = redone = 0
    sound = True
    while killed < count:
        name = f"{prefix}{rounds}"
        rounds += 1
        run = planned(bed, name)
        more, ended_well = drive(name, count - killed)
        killed += more
        redone += again(bed, name)
        sound = sound and ended_well and is_whole(run) and same_rows(bed, run)
    return row(what, killed, rounds, sound, redone, killed * most)


def zombies(bed: Bed, count: int) -> str:
    """A driver and its workers are stopped for longer than a lease lasts; they go on beside the one that took over."""
    sound = True
    refused = redone = 0
    for number in range(count):
        name = f"zombies{number}"
        run = planned(bed, name)
        log = bed.work / f"zombie{number}.log"
        first = start("run", run, "--jobs", JOBS, log=log)
        while not bed.shards_read(name):
            time.sleep(0.05)
        time.sleep(0.3)
        os.killpg(first.pid, signal.SIGSTOP)
        second = start("run", run, "--resume", "--jobs", JOBS, log=bed.work / "second.log")
        time.sleep(24 + number)  # a lease is watched for 20 s
        os.killpg(first.pid, signal.SIGCONT)
        sound = sound and second.wait(TIMEOUT_S) == 0
        refused += first.wait(TIMEOUT_S) == 3 and b"took over" in log.read_bytes()
        redone += again(bed, name)
        sound = sound and is_whole(run) and same_rows(bed, run)
    return row(f"a driver stopped for 24 s or more ({refused} gave way)", count, count, sound, redone, count * JOBS * 3)


def planned(bed: Bed, name: str) -> str:
    """A new run over all photos."""
    run = bed.place(name)
    iqa("plan", bed.source, "--out", run, "--shard", SHARD)
    return run


def again(bed: Bed, name: str) -> int:
    """Shards that a worker began though one had begun them before."""
    begun = bed.shards_read(name)
    return sum(begun.values()) - len(begun)


def children_of(pid: int) -> list[int]:
    """Processes that a process started to judge; not the one by which Python looks after what they share."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError):
            parent = int(stat.read_bytes().rpartition(b")")[2].split()[1])
            if parent == pid and b"spawn_main" in stat.with_name("cmdline").read_bytes():
                found.append(int(stat.parent.name))
    return found


def row(what: str, count: int, rounds: int, sound: bool, redone: int, most: int) -> str:
    """A row of the table."""
    said = "every row once, the CSV of assess" if sound else "WRONG"
    return f"| {what} | {count} in {rounds} runs | {said} | {redone} (at most {most}) |"
