"""The same on a Ray cluster of two nodes, of which some end. One test, so that the cluster is started once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from needs import need_libraries
from servers import with_path

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


def test_no_ray_at_an_address_is_one_sentence(
    tmp_path: Path, save_grey: Callable[..., Path], iqa: Callable[..., object], checkpoint_folder: Path
) -> None:
    need_libraries("ray")
    save_grey("photos/a.png", 90)
    iqa("plan", tmp_path / "photos", "--out", tmp_path / "run", "--checkpoint", checkpoint_folder)
    failed = iqa("run", tmp_path / "run", "--engine", "ray", "--address", "127.0.0.1:1", code=3)
    assert "error: --address 127.0.0.1:1: no Ray answers there" in failed.stderr
    assert "--address local" in failed.stderr
