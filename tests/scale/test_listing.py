"""The photos of a bucket: those of the folder with the same names, in its order, whatever is listed side by side."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_cli.errors import StoreError
from iqa_cli.photos.discover import discover
from iqa_cli.photos.left_out import LeftOut
from iqa_cli.scale.listing import PAGE, PARALLEL, Entry, photos_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Listed:
    """A store that lists these keys in order, pages of some."""

    def __init__(self, keys: Sequence[str], page: int = PAGE) -> None:
        self.keys = sorted(keys, key=str.encode)
        self.page = page
        self.asked = 0

    def pages(self, prefix: str, after: str | None) -> Iterator[list[Entry]]:
        below = [key for key in self.keys if key.startswith(prefix) and (after is None or key > after)]
        for start in range(0, len(below), self.page):
            self.asked += 1
            yield [Entry(key, 1, "e", 0) for key in below[start : start + self.page]]

    def has(self, key: str) -> bool:
        return key in self.keys


def listed(keys: Sequence[str], after: str | None = None, page: int = PAGE) -> tuple[list[str], LeftOut]:
    counts = LeftOut()
    return [entry.key for entry in photos_of(Listed(keys, page), after, counts, "s3://b")], counts


NAMES = st.sampled_from(
    [
        "a",
        "b",
        "a-1",
        "a.jpg",
        "-x.jpg",
        "é.png",
        ".hidden.jpg",
        ".nomedia",
        "notes.txt",
        "thumbs",
        ".trash",
        "z0",
        "data",
    ]
)
TREES = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=14, unique=True)


def as_files(keys: Sequence[str]) -> list[str]:
    """Those that can be files beside each other: none is a folder of another, and the mark of a folder is a file."""
    keys = [key for key in keys if ".nomedia/" not in key]
    return [key for key in keys if not any(other.startswith(f"{key}/") for other in keys)]


@given(keys=TREES, page=st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_a_bucket_holds_the_photos_of_the_same_folder(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], page: int
) -> None:
    keys = as_files(keys)
    folder = tmp_path_factory.mktemp("tree")
    try:
        for key in keys:
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(b"x")
        found = discover([folder])
        expected = [ref.path.relative_to(folder).as_posix() for ref in found.photos]
        photos, counts = listed(keys, page=page)
        assert photos == expected
        assert counts == found.left_out
    finally:
        shutil.rmtree(folder)


@given(keys=TREES, page=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_a_listing_goes_on_behind_any_photo(keys: list[str], page: int) -> None:
    keys = as_files(keys)
    photos, counts = listed(keys)
    for number, key in enumerate(photos):
        assert listed(keys, key, page)[0] == photos[number + 1 :]
    if photos:
        before = LeftOut()
        stream = photos_of(Listed(keys, page), None, before, "s3://b")
        next(stream)
        _, behind = listed(keys, photos[0], page)
        assert before.kinds + behind.kinds == counts.kinds
        assert before.copies + behind.copies == counts.copies
        assert before.hidden + behind.hidden == counts.hidden


def test_many_folders_are_listed_in_order() -> None:
    keys = [f"{a:03}/{b:02}/{c}.jpg" for a in range(3 * PARALLEL) for b in range(3) for c in range(5)]
    assert listed(keys, page=7)[0] == sorted(keys)


def test_one_long_list_costs_no_more_requests_than_pages() -> None:
    store = Listed([f"{number:06}.jpg" for number in range(20 * PAGE)])
    assert sum(1 for _ in photos_of(store, None, LeftOut(), "s3://b")) == 20 * PAGE
    assert store.asked <= 21


def test_folders_that_fit_into_a_page_cost_no_request_of_their_own() -> None:
    store = Listed(
        [
            f"{year}/{month:02}/{day:02}/{number}.jpg"
            for year in (2024, 2025, 2026)
            for month in range(1, 13)
            for day in range(1, 29)
            for number in range(10)
        ]
    )
    assert sum(1 for _ in photos_of(store, None, LeftOut(), "s3://b")) == 3 * 12 * 28 * 10
    assert store.asked <= 60  # eleven pages, and what a page leaves open at each of three levels


def test_keys_out_of_order_are_refused() -> None:
    class Shuffled(Listed):
        def pages(self, prefix: str, after: str | None) -> Iterator[list[Entry]]:
            assert not prefix
            yield [Entry(key, 1, "", 0) for key in ("b.jpg", "a.jpg") if after is None or key > after]

    with pytest.raises(StoreError, match="out of order"):
        list(photos_of(Shuffled([]), None, LeftOut(), "s3://b"))


def test_what_fails_in_one_folder_ends_the_listing() -> None:
    class Broken(Listed):
        def pages(self, prefix: str, after: str | None) -> Iterator[list[Entry]]:
            if prefix == "d05/":
                raise StoreError("gone")
            yield from super().pages(prefix, after)

    keys = [f"d{number:02}/{name}.jpg" for number in range(40) for name in "abc"]
    found: list[str] = []
    with pytest.raises(StoreError, match="gone"):
        found.extend(entry.key for entry in photos_of(Broken(keys, 2), None, LeftOut(), "s3://b"))
    assert found == sorted(keys)[: len(found)]
    assert len(found) <= 17  # the page that showed the folder's beginning


def test_a_marker_of_a_folder_is_no_photo() -> None:
    class Console(Listed):
        """Lists `a/` as obstore does: without its slash, where it stood."""

        def pages(self, prefix: str, after: str | None) -> Iterator[list[Entry]]:
            entries = [Entry("a-1.jpg", 5, "", 0), Entry("a", 0, "", 0), Entry("a/x.jpg", 5, "", 0)]
            yield [entry for entry in entries if entry.key.startswith(prefix) and (after is None or entry.key > after)]

    counts = LeftOut()
    photos = [entry.key for entry in photos_of(Console([]), None, counts, "s3://b")]
    assert photos == ["a-1.jpg", "a/x.jpg"]


def test_markers_are_nothing_and_empty_files_are_files() -> None:
    class Console(Listed):
        """Two markers, of which one looks like a photo, and an empty photo."""

        def pages(self, prefix: str, after: str | None) -> Iterator[list[Entry]]:  # noqa: ARG002 - see below
            entries = [Entry("album.jpg", 0, "", 0), Entry("empty.jpg", 0, "", 0), Entry("folder", 0, "", 0)]
            yield [entry for entry in entries if entry.key.startswith(prefix)]  # whatever is asked for

    counts = LeftOut()
    photos = [entry.key for entry in photos_of(Console(["empty.jpg"]), None, counts, "s3://b")]
    assert photos == ["empty.jpg"]
    assert counts == LeftOut()
