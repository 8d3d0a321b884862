"""The reports of a run, one after the other, in the order of a local audit."""

from __future__ import annotations

import concurrent.futures
import contextlib
from typing import TYPE_CHECKING

from iqa_cli.errors import RunError
from iqa_cli.scale.card import check_version
from iqa_cli.scale.parts import done_shards, read_part, report_of
from iqa_cli.scale.sources import name_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from iqa_cli.records import PhotoReport
    from iqa_cli.scale.card import Run
    from iqa_cli.stores.places import Place

_AHEAD = 3
"""Results that are read before their turn."""


def reports(place: Place, run: Run) -> Generator[PhotoReport, None, None]:
    """All reports of a run in order; memory holds a few shards of them.

    raises  RunError    if a result is missing, damaged, or of another run or version
            StoreError  if the store does not answer
    """
    check_version(run.settings)
    missing = len(run.shards) - len(done_shards(place, run))
    if missing:
        raise RunError(
            f"{place.url}: {missing} of {len(run.shards)} shards have no result yet",
            hint="iqa run --resume makes them; iqa verify says which",
        )
    name = name_of(run.settings.source)
    numbers = iter(range(len(run.shards)))
    with concurrent.futures.ThreadPoolExecutor(_AHEAD, thread_name_prefix="iqa-gather") as pool:
        waiting = [
            pool.submit(read_part, place, run, number) for _, number in zip(range(_AHEAD), numbers, strict=False)
        ]
        try:
            while waiting:
                rows = waiting.pop(0).result()
                with contextlib.suppress(StopIteration):
                    waiting.append(pool.submit(read_part, place, run, next(numbers)))
                for row in rows:
                    yield report_of(row, name)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
