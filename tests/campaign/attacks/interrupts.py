"""Runs that are asked to end, once or twice: they end in order and keep whole rows, and older reports stay."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import sys
import time
from typing import TYPE_CHECKING

from campaign import promise
from campaign.arena import is_running
from campaign.attacks.mutants import MODES
from campaign.camera_roll import fill
from iqa_cli.cache.place import FILE

if TYPE_CHECKING:
    import subprocess

    from campaign.arena import Arena
    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

PHOTOS = (60, 300, 900)
"""In a folder; behind the largest processes judge."""
EACH = 5
"""Interrupts over one folder."""
ENDED = frozenset({0, 4, 130})
"""Interrupted, or over just before."""
EARLIER = b"SourceFile,status,\nan earlier report,ok,\n"


def attack(plan: Plan, amount: int) -> Outcome:
    """Interrupt so many runs."""
    skipped = "there are no such signals" if sys.platform == "win32" else None
    return plan.run("interrupts", 0 if skipped else amount, _asked, unit="interrupts", each=EACH, skipped=skipped)


def _asked(case: Case) -> list[Fault]:
    arena, draw = case.arena, case.random
    photos = fill(case, draw.choice(PHOTOS))
    mode, jobs = draw.choice(MODES), draw.choice((1, 2))
    command = ("--decode", mode, "--jobs", jobs, "--csv", "audit.csv")
    undisturbed = arena.assess(*command, "--no-cache")
    report = arena.out / "audit.csv"
    expected = promise.content_of(report) or b""
    faults = promise.of_ending(undisturbed, promise.JUDGED) + promise.of_rows(expected, photos)
    for number in case.things:
        for place in (arena.cache, arena.out):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(exist_ok=True)
        before = EARLIER if draw.random() < 0.5 else None
        if before:
            report.write_bytes(before)
        signals = draw.choice(SIGNALS)
        waits_s = [draw.uniform(0, undisturbed.wall_s / 2), *(draw.uniform(0, 0.3) for _ in signals[1:])]
        meanwhile = functools.partial(_ask, arena=arena, signals=signals, waits_s=waits_s)
        ended = arena.assess(*command, meanwhile=meanwhile)
        left = promise.content_of(report)
        broken = promise.of_ending(ended, ENDED if left != expected else {*ENDED, *(-number for number in signals)})
        if left not in (before, expected) and not (before is None and is_beginning(left, expected)):
            kind = "half a row" if left and not left.endswith(b"\n") else "no report of the photos judged so far"
            kind = kind if before is None else "what destroyed the earlier report"
            broken.append(promise.lost(f"under the final name lies {kind}"))
        strangers = arena.strangers("audit.csv")
        broken += [promise.other(f"left {name}") for name in strangers if os.path.basename(name) not in ended.err]  # noqa: PTH119 - a plain string
        broken += promise.of_ending(arena.assess(*command), promise.JUDGED)
        broken += promise.of_bytes(promise.content_of(report), expected, "the run after it")
        named = " and ".join(signal.Signals(number).name for number in signals)
        what = f"{named} in interrupt {number}, {mode}, jobs {jobs}, {len(photos)} photos"
        faults += [type(fault)(fault.kind, f"{what}: {fault.what}") for fault in broken]
    return faults


SIGNALS: tuple[tuple[signal.Signals, ...], ...] = (
    *((signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT, signal.SIGINT), (signal.SIGTERM, signal.SIGINT)),
    *(((signal.SIGHUP,),) if hasattr(signal, "SIGHUP") else ()),
)


def _ask(process: subprocess.Popen[bytes], *, arena: Arena, signals: tuple[int, ...], waits_s: list[float]) -> None:
    """Send the signals, each after its wait, to a run that has opened its cache: before that, Python starts."""
    while is_running(process.pid) and not (arena.cache / FILE).exists():
        time.sleep(0.005)
    for number, wait_s in zip(signals, waits_s, strict=True):
        until = time.monotonic() + wait_s
        while time.monotonic() < until and is_running(process.pid):
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def is_beginning(left: bytes | None, expected: bytes) -> bool:
    """Whether it is nothing but whole rows of the report, from the first on."""
    return left is not None and expected.startswith(left) and left.endswith(b"\n")
