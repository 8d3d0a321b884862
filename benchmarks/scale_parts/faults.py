"""A store that answers 503, breaks off, loses its replies, or does not know ranges; servers that do such things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servers import Faults

from scale_parts.bed import Bed, iqa, is_whole, same_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARD = 50


def faults(bed: Bed, count: int) -> Iterator[str]:
    """So many runs from plan to CSV, half of them with ranges ignored; a row for each kind."""
    for ignores in (False, True):
        spoilt = Faults(slow_down=0.05, reset=0.02, lost_reply=0.02, ignores_ranges=ignores)
        sound = 0
        before = dict(bed.proxy.counts)
        for number in range(count // 2):
            run = bed.place(f"faults-{ignores}-{number}")
            decode = "thumbnail" if number % 2 else "auto"
            bed.proxy.faults = spoilt
            iqa("plan", bed.source, "--out", run, "--shard", SHARD, "--decode", decode)
            iqa("run", run)
            whole = is_whole(run)
            bed.proxy.faults = Faults()
            sound += whole and same_rows(bed, run, decode=decode)
        met = {name: count - before[name] for name, count in bed.proxy.counts.items()}
        said = ", ".join(f"{met[name]} {name}" for name in ("503", "reset", "lost", "ranges ignored"))
        yield f"| {count // 2} runs{', ranges ignored' if ignores else ''} | {met['requests']} | {said} | {sound} |"
