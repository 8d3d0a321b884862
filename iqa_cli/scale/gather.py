"""The reports of a run, one after the other, in the order of a local audit."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING

from iqa_cli.errors import RunError
from iqa_cli.scale.card import check_version
from iqa_cli.scale.parts import AHEAD, done_shards, read_part, report_of
from iqa_cli.scale.sources import name_of
from iqa_cli.stores.ahead import looked_at

if TYPE_CHECKING:
    from collections.abc import Generator

    from iqa_cli.records import PhotoReport
    from iqa_cli.scale.card import Run
    from iqa_cli.stores.places import Place


def reports(place: Place, run: Run) -> Generator[PhotoReport, None, None]:
    """All reports of a run in order; memory holds a few shards of them. Who does not take all closes it.

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
    parts = looked_at(range(len(run.shards)), functools.partial(read_part, place, run), AHEAD, AHEAD)
    with contextlib.closing(parts):
        for rows in parts:
            for row in rows:
                yield report_of(row, name)
