"""The same on a Ray cluster of two nodes, of which some end. One test, so that the cluster is started once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from needs import need_libraries
from servers import with_path

from iqa_cli.cache.codec import unpack
from iqa_cli.scale.card import load_run
from iqa_cli.scale.parts import read_part
from iqa_cli.scale.verify import verify
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def cluster(store: str) -> Iterator[tuple[str, Callable[[str], None]]]:
    """Address of a cluster whose nodes know the store, and what takes commands to it."""
    need_libraries("ray")
    assert store
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("cluster.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=with_path(),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    address = process.stdout.readline().strip()

    def tell(command: str) -> None:
        print(command, file=process.stdin, flush=True)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "done"

    assert address
    yield address, tell
    process.communicate("end\n", timeout=60)


def test_a_cluster_that_loses_nodes_judges_each_photo_once(
    store: str,
    cluster: tuple[str, Callable[[str], None]],
    tmp_path: Path,
    save_grey: Callable[..., Path],
    upload: Callable[..., None],
    iqa: Callable[..., subprocess.CompletedProcess[str]],
    checkpoint_folder: Path,
) -> None:
    address, tell = cluster
    for number in range(60):
        save_grey(f"photos/{number:03}.png", 40 + number)
    upload(tmp_path / "photos", f"{store}/photos")
    run = f"{store}/run"
    place = Place(run)
    iqa("plan", f"{store}/photos", "--out", run, "--shard", 4, "--checkpoint", checkpoint_folder)
    driver = subprocess.Popen(
        [sys.executable, "-m", "iqa_cli", "run", run, "--engine", "ray", "--address", address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=with_path(),
    )
    end = time.monotonic() + 120
    while len(place.names("part")) < 2:
        assert driver.poll() is None, driver.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)
    tell("kill")
    tell("kill")
    _, err = driver.communicate(timeout=180)
    assert driver.returncode == 0, err
    found = verify(place)
    assert found.is_whole
    assert found.states == {"ok": 60}
    out = tmp_path / "gathered.csv"
    iqa("gather", run, "--csv", out)
    iqa("assess", tmp_path / "photos", "--no-cache", "--checkpoint", checkpoint_folder, "--csv", tmp_path / "local.csv")
    expected = (tmp_path / "local.csv").read_bytes()
    assert out.read_bytes().replace(f"{store}/photos/".encode(), f"{tmp_path}/photos/".encode()) == expected


def test_a_photo_that_ends_its_workers_is_found_by_ray_too(
    tmp_path: Path, save_grey: Callable[..., Path], iqa: Callable[..., object], checkpoint_folder: Path
) -> None:
    """In a process of its own: Ray leaves threads behind in whoever started it."""
    need_libraries("ray")
    for number in range(6):
        save_grey(f"photos/{number}{'-deadly' if number == 4 else ''}.png", 60 + number)
    run = tmp_path / "run"
    iqa("plan", tmp_path / "photos", "--out", run, "--shard", 6, "--checkpoint", checkpoint_folder)
    script = """
import sys
import deadly
from iqa_cli.scale.driver import Driver
from iqa_cli.scale.engines.ray import RayEngine
from iqa_cli.stores.places import Place
if __name__ == "__main__":
    result = Driver(Place(sys.argv[1]), RayEngine(sys.argv[1], "local", 1, deadly.die_over_deadly)).drive()
    sys.exit(not result.is_complete)
"""
    known = with_path()
    beside = str(Path(__file__).parent)
    subprocess.run(
        [sys.executable, "-c", script, str(run)],
        check=True,
        timeout=240,
        env={**known, "PYTHONPATH": beside + os.pathsep + known["PYTHONPATH"]},
    )
    place = Place(str(run))
    found = verify(place)
    assert found.is_whole
    assert found.states == {"ok": 5, "error": 1}
    (row,) = (row for row in read_part(place, load_run(place), 0) if row.state == "error")
    assert row.key == "4-deadly.png"
    assert "of Ray" in (unpack(row.report, row.key).error or "")


def test_no_ray_at_an_address_is_one_sentence(
    tmp_path: Path, save_grey: Callable[..., Path], iqa: Callable[..., object], checkpoint_folder: Path
) -> None:
    need_libraries("ray")
    save_grey("photos/a.png", 90)
    iqa("plan", tmp_path / "photos", "--out", tmp_path / "run", "--checkpoint", checkpoint_folder)
    failed = iqa("run", tmp_path / "run", "--engine", "ray", "--address", "127.0.0.1:1", code=3)
    assert "error: --address 127.0.0.1:1: no Ray answers there" in failed.stderr
    assert "--address local" in failed.stderr
