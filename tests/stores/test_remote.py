"""An object read by ranges: the same bytes as of a file, and never those of another object."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from servers import FaultProxy, Faults

from iqa_cli.photos.files import read_file
from iqa_cli.records import Unreadable
from iqa_cli.stores.places import Place
from iqa_cli.stores.remote import HEAD_BYTES, NEXT_BYTES, RemotePhoto

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"\xff\xd8\xff" + random.Random(7).randbytes(300_000)  # noqa: S311 - drawn bytes


def photo(place: Place, *, whole: bool = False, size: int = len(CONTENT)) -> RemotePhoto:
    meta = place.store.head("a.jpg")
    return RemotePhoto(place, "a.jpg", meta["e_tag"], size, "s3://b/a.jpg", whole=whole)


@pytest.fixture
def place(store: str) -> Place:
    found = Place(store)
    found.put("a.jpg", CONTENT)
    return found


def test_any_ranges_are_the_bytes_of_the_file(place: Place) -> None:
    drawn = random.Random(1)  # noqa: S311 - drawn ranges
    for _ in range(15):
        seen = photo(place)
        with seen.open() as stream:
            for _ in range(6):
                at, size = drawn.randrange(len(CONTENT) + 10), drawn.randrange(1, 90_000)
                stream.seek(at)
                assert stream.read(size) == CONTENT[at : at + size]
        assert seen.bytes_read <= len(CONTENT)


def test_the_head_costs_one_request_and_the_whole_costs_each_byte_once(place: Place) -> None:
    seen = photo(place)
    seen.prefetch()
    with seen.open() as stream:
        assert stream.read(30_000) + stream.read(30_000) == CONTENT[:60_000]
        assert (seen.requests, seen.bytes_read) == (1, HEAD_BYTES)
        stream.seek(200_000)
        stream.read(10)
        assert (seen.requests, seen.bytes_read) == (2, HEAD_BYTES + NEXT_BYTES)
    assert read_file(seen) == CONTENT
    assert (seen.requests, seen.bytes_read) == (4, len(CONTENT))
    whole = photo(place, whole=True)
    whole.prefetch()
    assert read_file(whole) == CONTENT
    assert (whole.requests, whole.bytes_read) == (1, len(CONTENT))


def test_another_object_in_its_place_is_not_read(place: Place) -> None:
    before, later = photo(place), photo(place)
    later.prefetch()
    place.put("a.jpg", CONTENT[:-1] + b"x")
    assert isinstance(read_file(before), Unreadable)
    assert before.failure == "changed"
    assert isinstance(read_file(later), Unreadable)  # its head was read before the change
    assert later.failure == "changed"
    assert photo(place, size=len(CONTENT) + 1).failure is None
    longer = photo(place, size=len(CONTENT) + 1)
    longer.prefetch()
    assert longer.failure == "changed"


def test_one_that_is_gone_is_not_there_any_more(place: Place) -> None:
    seen = photo(place)
    place.store.delete("a.jpg")
    assert read_file(seen) == Unreadable("the file is not there any more")
    assert seen.failure == "vanished"


def test_a_server_that_ignores_ranges_is_read_all_the_same(
    place: Place, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(server, Faults(ignores_ranges=True)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        seen = photo(Place(place.url))
        with seen.open() as stream:
            stream.seek(250_000)
            assert stream.read(100) == CONTENT[250_000:250_100]
        assert proxy.counts["ranges ignored"] >= 1
        assert seen.bytes_read == len(CONTENT)


def test_answers_that_break_off_are_asked_for_again(place: Place, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultProxy(server, Faults(reset=0.3, slow_down=0.2), seed=3) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        through = Place(place.url)
        for _ in range(6):
            seen = RemotePhoto(
                through, "a.jpg", place.store.head("a.jpg")["e_tag"], len(CONTENT), "s3://b/a.jpg", whole=False
            )
            assert read_file(seen) == CONTENT
        assert proxy.counts["reset"] >= 1
        assert proxy.counts["503"] >= 1


def test_a_refused_object_and_a_server_that_is_away_are_told_apart(
    place: Place, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = place.store.head("a.jpg")["e_tag"]
    with FaultProxy(server, Faults(refused="a.jpg")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        seen = RemotePhoto(Place(place.url), "a.jpg", etag, len(CONTENT), "s3://b/a.jpg", whole=False)
        assert read_file(seen) == Unreadable("permission denied")
        assert seen.failure == "denied"
        assert not seen.can_be_read()


def test_a_folder_is_read_like_a_bucket(tmp_path: Path) -> None:
    place = Place(str(tmp_path))
    place.put("a.jpg", CONTENT)
    assert read_file(photo(place)) == CONTENT
