"""Shards read before their turn: a store answers many at a time, and one after the other takes hours for 10,000."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

AHEAD = 4
"""Shards that are read before their turn: each holds up to some ten megabytes."""
T = TypeVar("T")


def read_ahead(read: Callable[[int], T], numbers: Iterable[int]) -> Generator[T, None, None]:
    """What `read` gives for each number, in order. Raises what it raises.

    Who does not take all closes it: a pool left to the garbage collector may be ended in one of its own threads, which
    then waits for itself.
    """
    coming = iter(numbers)
    pool = concurrent.futures.ThreadPoolExecutor(AHEAD, thread_name_prefix="iqa-read")
    try:
        waiting = collections.deque(pool.submit(read, number) for number in itertools.islice(coming, AHEAD))
        while waiting:
            found = waiting.popleft().result()
            waiting.extend(pool.submit(read, number) for number in itertools.islice(coming, 1))
            yield found
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
