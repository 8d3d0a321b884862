"""Drivers and workers that are killed, photos that kill: nothing is lost, nothing doubled, what was done stays."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import deadly
import pytest
from servers import with_path

from iqa_cli.cache.codec import unpack
from iqa_cli.scale.card import load_run
from iqa_cli.scale.driver import Driver
from iqa_cli.scale.engines.local import LocalEngine
from iqa_cli.scale.parts import read_part
from iqa_cli.scale.verify import verify
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture
def run(
    tmp_path: Path, save_grey: Callable[..., Path], iqa: Callable[..., object], checkpoint_folder: Path
) -> Callable[..., Place]:
    """Plans a run over a folder of grey photos of these names."""

    def planned(names: list[str], shard: int) -> Place:
        for number, name in enumerate(names):
            save_grey(f"photos/{name}", 40 + number % 150)
        place = tmp_path / "run"
        iqa("plan", tmp_path / "photos", "--out", place, "--shard", shard, "--checkpoint", checkpoint_folder)
        return Place(str(place))

    return planned


def started(place: Place, *options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "iqa_cli", "run", place.url, "--resume", *map(str, options)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=with_path())


def children_of(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_bytes().rpartition(b")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def parts(place: Place) -> dict[str, bytes | None]:
    return {name: place.get(name) for name in place.names("part")}


def wait_for(place: Place, shards: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while len(place.names("part")) < shards and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_driver_that_is_killed_loses_and_doubles_nothing(run: Callable[..., Place]) -> None:
    place = run([f"{number:03}.png" for number in range(60)], 3)
    drawn = random.Random(5)  # noqa: S311 - drawn moments
    for already in (1, 6):
        process = started(place, "--jobs", 1)
        wait_for(place, already, process)
        time.sleep(drawn.uniform(0, 0.1))
        workers = children_of(process.pid)
        process.kill()
        process.communicate()
        kept = parts(place)
        assert len(kept) >= already
        end = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in workers):  # they end with their driver
            assert time.monotonic() < end
            time.sleep(0.05)
        late = parts(place)
        assert {name: late[name] for name in kept} == kept
        assert len(late) - len(kept) <= 2  # what a worker had in hand
    process = started(place, "--jobs", 1)
    assert process.wait(60) == 0
    process.communicate()
    final = parts(place)
    assert {name: final[name] for name in kept} == kept
    found = verify(place)
    assert found.is_whole
    assert (found.rows, found.states) == (60, {"ok": 60})


def test_workers_that_are_killed_are_replaced(run: Callable[..., Place]) -> None:
    place = run([f"{number:03}.png" for number in range(40)], 4)
    process = started(place, "--jobs", 1)
    for already in (1, 4):
        wait_for(place, already, process)
        for pid in children_of(process.pid):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    assert process.wait(90) == 0
    process.communicate()
    assert verify(place).is_whole


def test_an_interrupt_leaves_what_is_done_and_the_next_run_goes_on_at_once(run: Callable[..., Place]) -> None:
    place = run([f"{number:03}.png" for number in range(60)], 3)
    process = started(place, "--jobs", 1)
    wait_for(place, 2, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"--resume goes on" in err
    kept = parts(place)
    process = started(place)
    assert process.wait(60) == 0
    process.communicate()
    assert {name: parts(place)[name] for name in kept} == kept
    assert verify(place).is_whole


def test_a_photo_that_ends_its_workers_is_a_row_and_the_others_are_judged(run: Callable[..., Place]) -> None:
    names = [f"{number:02}{'-deadly' if number == 5 else ''}.png" for number in range(8)]
    place = run(names, 8)
    engine = LocalEngine(place.url, 1)
    engine._make = functools.partial(deadly.answering, place.url)
    result = Driver(place, engine).drive()
    assert result.is_complete
    assert result.progress.lost_races == 0
    found = verify(place)
    assert found.is_whole
    assert found.states == {"ok": 7, "error": 1}
    rows = read_part(place, load_run(place), 0)
    assert [row.key for row in rows if row.state == "error"] == ["05-deadly.png"]
    assert unpack(rows[5].report, rows[5].key).error == "the decoder crashed on it (signal 11)"


def test_a_shard_that_takes_too_long_is_ended(run: Callable[..., Place]) -> None:
    place = run(["a.png", "b.png"], 2)
    engine = LocalEngine(place.url, 1)
    engine._make = functools.partial(deadly.hanging_once, place.url, place.url + "/hung")
    result = Driver(place, engine, deadline_s=3.0).drive()
    assert result.is_complete
    assert result.progress.retries == 1
    assert verify(place).is_whole


def test_the_time_of_a_shard_counts_from_where_its_worker_is_ready(run: Callable[..., Place]) -> None:
    place = run(["a.png", "b.png"], 1)
    engine = LocalEngine(place.url, 1)
    engine._make = functools.partial(deadly.slow_to_start, place.url, 4.0)
    result = Driver(place, engine, deadline_s=3.0).drive()
    assert result.is_complete
    assert result.progress.retries == 0
