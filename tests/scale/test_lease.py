"""One driver at a time: the second refuses, or takes over from one that is dead."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from iqa_cli.errors import RunError
from iqa_cli.scale import lease
from iqa_cli.scale.lease import Lease
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.1)
    monkeypatch.setattr(lease, "WATCHED_S", 1.0)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(str(tmp_path))


def of_another_machine(count: int) -> bytes:
    return json.dumps({"driver": "x", "count": count, "over": False, "host": "far", "pid": 1, "machine": "m"}).encode()


def test_a_second_driver_refuses_while_the_first_is_alive(place: Place) -> None:
    with Lease(place) as first:
        with pytest.raises(RunError, match="another iqa is at work"), Lease(place):
            pass
        assert not first.is_lost
    with Lease(place) as third:
        assert not third.is_lost
    assert place.names("lease") == ["lease/000001.json", "lease/000002.json"]


def test_one_that_gives_no_sign_is_taken_over_without_a_look_at_its_clock(place: Place) -> None:
    place.put("lease/000007.json", of_another_machine(5))
    started = time.monotonic()
    with Lease(place):
        assert time.monotonic() - started >= 1.0
        assert place.names("lease")[-1] == "lease/000008.json"


def test_a_process_of_this_machine_that_was_killed_is_known_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "WATCHED_S", 3600.0)
    code = (
        "import os; from iqa_cli.scale.lease import Lease; from iqa_cli.stores.places import Place; "
        f"Lease(Place({place.url!r})).__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert place.names("lease") == ["lease/000001.json"]
    with Lease(place):
        pass


def test_a_holder_that_was_taken_for_dead_finds_out(place: Place) -> None:
    with Lease(place) as first:
        place.put("lease/000002.json", of_another_machine(1))
        end = time.monotonic() + 10
        while not first.is_lost and time.monotonic() < end:
            time.sleep(0.02)
        assert first.is_lost
    assert json.loads(place.get("lease/000002.json") or b"")["host"] == "far"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}'])
def test_a_damaged_lease_is_one_that_gives_no_sign(content: bytes, place: Place) -> None:
    place.put("lease/000001.json", content)
    with Lease(place) as taken:
        assert not taken.is_lost
