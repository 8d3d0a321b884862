"""Runs killed at random moments and started again; and processes that judge, killed under a run that goes on."""

from __future__ import annotations

import contextlib
import csv
import functools
import io
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
from campaign.promise import Fault, Kind

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from campaign.plan import Case, Outcome, Plan

PHOTOS = (60, 300, 640)
"""In a folder: less than a run takes in hand, more than the cache takes in a batch, and more than threads judge before
processes take over."""
EACH = 5
"""Kills over one folder: the right report takes as long to make as any."""
TRIES = 3
"""Of finding a run before it is over."""
MANY_PHOTOS = 900
"""So many that the processes are still at work when one is killed."""
PART = ".iqa-"
"""How the names of unfinished outputs begin: a killed run cannot take its own away."""
REASON = "process"
"""What the row of a photo says that took its process along."""


def attack(plan: Plan, amount: int) -> Outcome:
    """Kill so many runs, each in a place of its own."""
    if sys.platform == "win32":
        return plan.run("kills", 0, _killed, unit="kills", skipped="there is no SIGKILL")
    return plan.run("kills", amount, _killed, unit="kills", each=EACH)


def attack_workers(plan: Plan, amount: int) -> Outcome:
    """Kill a process that judges, under so many runs."""
    if not os.path.isdir("/proc/self/task"):  # noqa: PTH112 - shorter
        return plan.run("workers", 0, _orphaned, unit="kills", skipped="there is no /proc to find them in")
    return plan.run("workers", amount, _orphaned, unit="kills")


def _killed(case: Case) -> list[Fault]:
    """Kill after kill over one folder: what each leaves is looked at, and mostly the command then runs to its end."""
    arena, draw = case.arena, case.random
    photos = fill(case, draw.choice(PHOTOS))
    mode, jobs = draw.choice(MODES), draw.choice((1, 2, 3))
    command = ("--decode", mode, "--jobs", jobs, "--csv", "audit.csv")
    undisturbed = arena.assess("--decode", mode, "--no-cache", "--csv", "right.csv")
    expected = promise.content_of(arena.out / "right.csv") or b""
    faults = promise.of_ending(undisturbed, promise.JUDGED) + promise.of_rows(expected, photos)
    if faults:
        return faults
    report = arena.out / "audit.csv"
    for number in case.things:
        if draw.random() < 0.6:
            shutil.rmtree(arena.cache, ignore_errors=True)  # a run may have been killed before it made one
            report.unlink(missing_ok=True)
        if draw.random() < 0.5:
            report.write_bytes(b"SourceFile,status,\nan earlier report,ok,\n")
        before, moment_s = promise.content_of(report), draw.uniform(0, undisturbed.wall_s)
        for _ in range(TRIES):
            ended = arena.assess(*command, meanwhile=functools.partial(_kill_at, moment_s=moment_s))
            if ended.code == -signal.SIGKILL and not ended.is_hung:
                break
            faults += promise.of_ending(ended, promise.JUDGED)
            moment_s /= 2  # it was over before
        left = promise.content_of(report)
        if left not in (before, expected):
            kind = (
                "the beginning of the new report" if expected.startswith(left or b"") else "neither old nor new report"
            )
            faults.append(promise.other(f"kill {number} after {moment_s:.2f} s: under the final name lies {kind}"))
        if draw.random() < 0.7:
            faults += _to_its_end(case, command, expected, f"{mode}, the run after kill {number}")
    faults += _to_its_end(case, command, expected, f"{mode}, the run after the last kill")
    return _once(faults) + _beside(arena.strangers("audit.csv", "right.csv"))


def _to_its_end(case: Case, command: Sequence[object], expected: bytes, what: str) -> list[Fault]:
    """A run that nobody disturbs."""
    faults = promise.of_ending(case.arena.assess(*command), promise.JUDGED)
    return faults + promise.of_bytes(promise.content_of(case.arena.out / "audit.csv"), expected, what)


def _beside(strangers: list[str]) -> list[Fault]:
    """What killed runs may not leave: anything but parts of outputs that are known for it, and files of `TMPDIR`."""
    names = [name for name in strangers if not name.startswith(("temporary/", f"out/{PART}"))]
    return [promise.other(f"left after a kill: {name}") for name in names]


def _once(faults: list[Fault]) -> list[Fault]:
    """The first of each kind: what goes wrong after every kill is one fault of the case."""
    return list({fault.kind: fault for fault in reversed(faults)}.values())


def _kill_at(process: subprocess.Popen[bytes], moment_s: float) -> None:
    started = time.monotonic()
    while time.monotonic() - started < moment_s and is_running(process.pid):
        time.sleep(0.005)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)


def _orphaned(case: Case) -> list[Fault]:
    """One of the processes behind a run over previews is killed: the run goes on, and every photo has its row."""
    arena, draw = case.arena, case.random
    photos = fill(case, MANY_PHOTOS, "jpeg")
    command = ("--decode", "thumbnail", "--jobs", 2)
    undisturbed = arena.assess(*command, "--no-cache", "--csv", "right.csv")
    expected = promise.content_of(arena.out / "right.csv") or b""
    faults = promise.of_ending(undisturbed, promise.JUDGED) + promise.of_rows(expected, photos)
    if faults:
        return faults
    wait_s, killed = draw.uniform(0, 0.4), []
    ended = arena.assess(
        *command,
        "--csv",
        "audit.csv",
        meanwhile=lambda process: killed.extend(_kill_a_child(process, wait_s, draw.random())),
    )
    found = promise.content_of(arena.out / "audit.csv") or b""
    faults += promise.of_ending(ended, promise.JUDGED)
    if ended.code in promise.JUDGED:
        faults += promise.of_rows(found, photos) + _differing(found, expected, len(killed))
    again = arena.assess(*command, "--csv", "audit.csv")
    faults += promise.of_ending(again, promise.JUDGED)
    faults += promise.of_bytes(promise.content_of(arena.out / "audit.csv"), expected, "the run after it")
    if not killed:
        faults.append(Fault(Kind.OTHER, "no process was found that judges: the attack did not take place"))
    return _once(faults)


def _kill_a_child(process: subprocess.Popen[bytes], wait_s: float, which: float) -> list[int]:
    """Kill one of the processes that judge some time after they have begun; those that were killed."""
    while is_running(process.pid):
        judging = [pid for pid in children(process.pid) if b"spawn_main" in _command_of(pid)]
        if judging:
            time.sleep(wait_s)
            victim = judging[int(which * len(judging))]
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                return []
            return [victim]
        time.sleep(0.01)
    return []


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - the kernel's
            with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children") as file:  # noqa: PTH123 - as above
                found += map(int, file.read().split())
    return found


def _command_of(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123 - the kernel's
            return file.read()
    except OSError:
        return b""


def _differing(found: bytes, expected: bytes, killed: int) -> list[Fault]:
    """Rows that are not as in an undisturbed run: those that say that the process of the photo ended, and none else."""
    rows = list(csv.DictReader(io.StringIO(found.decode("utf-8", "replace"), newline="")))
    right = list(csv.DictReader(io.StringIO(expected.decode("utf-8", "replace"), newline="")))
    wrong = [row for row, other in zip(rows, right, strict=False) if row != other]
    unexplained = [row for row in wrong if row["status"] != "unreadable" or REASON not in row["error"]]
    if unexplained:
        return [
            promise.lost(f"{len(unexplained)} rows are wrong after a kill, such as {list(unexplained[0].values())[:4]}")
        ]
    if len(wrong) > killed:
        return [promise.lost(f"{len(wrong)} photos were given up for {killed} killed processes")]
    return []
