"""An object that is written once: of any number of writers one wins, and who lost his reply knows that he did."""

from __future__ import annotations

import concurrent.futures
from typing import TYPE_CHECKING

import pytest
from servers import FaultProxy, Faults

from iqa_cli.errors import StoreError
from iqa_cli.stores.once import write_once
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("kind", ["bucket", "folder"])
def test_of_many_writers_one_wins(kind: str, store: str, tmp_path: Path) -> None:
    place = Place(store if kind == "bucket" else str(tmp_path))
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for number in range(5):
            name = f"part/{number}"
            contents = [f"{writer} of {number}".encode() for writer in range(16)]
            won = list(pool.map(lambda content, name=name: write_once(place, name, content), contents))
            assert won.count(True) == 1
            assert place.get(name) == contents[won.index(True)]
    assert place.names("part") == [f"part/{number}" for number in range(5)]


def test_the_same_bytes_are_a_success_and_others_are_not(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    assert write_once(place, "a", b"one")
    assert write_once(place, "a", b"one")
    assert not write_once(place, "a", b"two")
    assert place.get("a") == b"one"


def test_a_lost_reply_is_no_failure(store: str, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    direct = Place(store)
    assert direct.names("") == []
    with FaultProxy(server, Faults(lost_reply=0.5), seed=2) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        through = Place(store)
        for number in range(12):
            assert write_once(through, f"p/{number}", b"%d" % number)
        assert proxy.counts["lost"] >= 3
    assert [direct.get(f"p/{number}") for number in range(12)] == [b"%d" % number for number in range(12)]


def test_a_full_store_says_so(tmp_path: Path, mount: Callable[..., None]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "-t", "tmpfs", "-o", "size=64k", "tmpfs")
    place = Place(str(disk))
    with pytest.raises(StoreError, match="no room is left") as caught:
        write_once(place, "part/0", bytes(200_000))
    assert not caught.value.is_passing
    assert "disk/part/0" in str(caught.value)
    assert place.names("part") == []


def test_a_store_that_may_only_be_read_says_so(tmp_path: Path, mount: Callable[..., None]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk, "-t", "tmpfs", "-o", "ro", "tmpfs")
    with pytest.raises(StoreError, match="may only be read"):
        write_once(Place(str(disk)), "part/0", b"x")


def test_two_at_once_of_whom_neither_won_try_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 409 of S3: "a conflicting operation is in progress", and nothing need lie there then."""
    from obstore import exceptions

    from iqa_cli.stores import answers

    monkeypatch.setattr(answers, "_FIRST_PAUSE_S", 0.0)
    place = Place(str(tmp_path))
    real, refused = place.store, []

    class Conflicting:
        def put(self, name: str, content: bytes, **options: object) -> object:
            if len(refused) < 2:
                refused.append(name)
                raise exceptions.AlreadyExistsError("409 Conflict")
            return real.put(name, content, **options)

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    place._opened = Conflicting()
    assert write_once(place, "part/0", b"x")
    assert place.get("part/0") == b"x"
