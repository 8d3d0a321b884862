"""Objects fetched before their turn: in order, side by side, and never too many or too large."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iqa_cli.records import PhotoRef
from iqa_cli.stores.ahead import BYTES_AHEAD, REQUESTS, fetched
from iqa_cli.stores.places import Place
from iqa_cli.stores.remote import RemotePhoto

if TYPE_CHECKING:
    from collections.abc import Iterator


class Drawn(RemotePhoto):
    """One whose bytes are there when the test says so."""

    def __init__(self, number: int, size: int = 10) -> None:
        super().__init__(Place("s3://b"), str(number), "", size, f"s3://b/{number}", whole=True)
        self.number = number
        self.is_fetched = False

    def prefetch(self) -> None:
        self.is_fetched = True


def counted(begun: list[int], count: int, **of: Any) -> Iterator[Drawn]:
    for number in range(count):
        begun.append(number)
        yield Drawn(number, **of)


def test_they_come_in_order_and_what_is_needed_first_is_there() -> None:
    for number, photo in enumerate(fetched(counted([], 200))):
        assert photo.number == number
        assert photo.is_fetched


@pytest.mark.parametrize(("size", "most"), [(10, 2 * REQUESTS), (BYTES_AHEAD // 4, 4), (2 * BYTES_AHEAD, 1)])
def test_no_more_are_begun_than_are_allowed(size: int, most: int) -> None:
    begun: list[int] = []
    photos = fetched(counted(begun, 100, size=size))
    for number in range(50):
        assert next(photos).number == number
        assert len(begun) <= number + most
    photos.close()
    assert len(begun) < 100


def test_they_are_fetched_side_by_side() -> None:
    """Each waits until as many as may be are waiting: one after the other they would wait for ever."""
    meeting = threading.Barrier(REQUESTS, timeout=30)

    class Meeting(Drawn):
        def prefetch(self) -> None:
            meeting.wait()
            self.is_fetched = True

    assert all(photo.is_fetched for photo in fetched(Meeting(number) for number in range(REQUESTS)))


def test_what_is_no_object_passes() -> None:
    files = [PhotoRef(Path(name), name) for name in ("a", "b")]
    assert list(fetched(files)) == files
