"""What is fetched or looked at before its turn, a bounded number at a time, and given in order.

Who does not take all closes the generator: a pool left to the garbage collector may be ended in one of its own threads,
which then waits for itself.
"""

from __future__ import annotations

import collections
import concurrent.futures
from typing import TYPE_CHECKING, TypeVar

from iqa_cli.stores.remote import RemotePhoto

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

REQUESTS = 16
"""Photos of one process that are fetched side by side."""
BYTES_AHEAD = 64 * 1024 * 1024
"""Of photos that are fetched before their turn."""

Item = TypeVar("Item")
Photo = TypeVar("Photo")
Seen = TypeVar("Seen")


def looked_at(
    items: Iterable[Item], look: Callable[[Item], Seen], threads: int, ahead: int
) -> Generator[Seen, None, None]:
    """What is seen of each item, in order; raises what `look` raises.

    threads  that look
    ahead    items that may be looked at, or wait for it, at a time
    """
    waiting: collections.deque[concurrent.futures.Future[Seen]] = collections.deque()
    pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="iqa-look")
    try:
        for item in items:
            waiting.append(pool.submit(look, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def fetched(photos: Iterable[Photo]) -> Generator[Photo, None, None]:
    """Photos in order, what is needed first of objects fetched before their turn, a bounded number at a time.

    What is no object passes as it is. What goes wrong is told to whoever reads.
    """
    coming = iter(photos)
    waiting: collections.deque[tuple[Photo, concurrent.futures.Future[None] | None]] = collections.deque()
    ahead = 0
    pool = concurrent.futures.ThreadPoolExecutor(REQUESTS, thread_name_prefix="iqa-fetch")
    try:
        while True:
            while len(waiting) < 2 * REQUESTS and (ahead < BYTES_AHEAD or not waiting):
                found = next(coming, None)
                if found is None:
                    break
                fetching = None
                if isinstance(found, RemotePhoto):
                    ahead += found.first_bytes
                    fetching = pool.submit(found.prefetch)
                waiting.append((found, fetching))
            if not waiting:
                return
            photo, fetching = waiting.popleft()
            if fetching is not None and isinstance(photo, RemotePhoto):
                fetching.result()
                ahead -= photo.first_bytes
            yield photo
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
