"""Colour profiles: what is built once is kept, in every thread, and not without bound."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageCms

from iqa_cli.photos import colour

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PICTURE = Image.new("RGB", (4, 4), (200, 120, 90))


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Threads that built a transform, one entry for each time."""
    threads: list[int] = []
    build = ImageCms.buildTransform

    def counted(*arguments: object) -> object:
        threads.append(threading.get_ident())
        return build(*arguments)

    monkeypatch.setattr(ImageCms, "buildTransform", counted)
    return threads


def made_at(second: int) -> bytes:
    """The sRGB profile with another time in its header (ICC.1:2022, 7.2.8)."""
    return SRGB[:34] + second.to_bytes(2, "big") + SRGB[36:]


def test_each_of_many_threads_builds_a_transform_once(built: list[int]) -> None:
    count = 40
    together = threading.Barrier(count)

    def convert(_: int) -> None:
        together.wait(60)  # so that every thread takes one of each round
        assert colour.to_srgb(PICTURE, SRGB) == (PICTURE, None)

    with ThreadPoolExecutor(count) as pool:
        for _ in range(3):
            list(pool.map(convert, range(count)))
    assert len(built) == len(set(built)) == count


def test_a_thread_keeps_a_bounded_number_of_transforms(built: list[int]) -> None:
    def convert() -> int:
        for second in range(20):
            assert colour.to_srgb(PICTURE, made_at(second))[1] is None
        colour.to_srgb(PICTURE, made_at(19))
        return colour._of_thread.transform.cache_info().currsize

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(convert).result() == colour._MOST_KEPT
    assert len(built) == 20
