"""System calls that fail at their n-th time, once or for ever, by strace: a clean end or a whole report."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from campaign import promise
from campaign.camera_roll import fill
from iqa_cli.cache.place import FILE, SUFFIXES

if TYPE_CHECKING:
    from pathlib import Path

    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

PHOTOS = 12
STRACE = ("strace", "-f", "-qq", "-o", "/dev/null")
WRITING = (
    "write,pwrite64,pwritev,writev",
    "fsync,fdatasync",
    "rename,renameat,renameat2",
    "ftruncate",
    "unlink,unlinkat",
)
"""Calls that a start of Python does not need, so that any of them may fail."""
READING = ("openat,open", "read,pread64", "newfstatat,fstat,statx,stat,lstat", "getdents64", "fcntl")
"""These fail for photos, cache and outputs only: a Python that cannot read itself is not ours to mend. fcntl locks the
cache."""
ERRORS = ("EIO", "ENOSPC", "EACCES", "ENOMEM", "EMFILE", "ENOLCK", "EINTR")


def attack(plan: Plan, amount: int) -> Outcome:
    """Let a call fail in so many runs."""
    reason = untraceable()
    if reason is not None:
        return plan.run("syscalls", 0, _failing, unit="failing calls", skipped=reason)
    return plan.run("syscalls", amount, _failing, unit="failing calls")


def untraceable() -> str | None:
    """Why no call can be made to fail here, if that is so."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = [*STRACE, "-e", "inject=fsync:error=EIO:when=1", "true"]
    if subprocess.run(probe, check=False, capture_output=True).returncode != 0:
        return "this machine lets no process be traced"
    return None


def _failing(case: Case) -> list[Fault]:
    arena, draw = case.arena, case.random
    photos = fill(case, PHOTOS)
    right = arena.assess("--no-cache", "--csv", "right.csv")
    expected = promise.content_of(arena.out / "right.csv") or b""
    faults = promise.of_ending(right, promise.JUDGED) + promise.of_rows(expected, photos)
    earlier = expected[:600] * draw.choice((0, 1))
    if earlier:
        (arena.out / "audit.csv").write_bytes(earlier)
    is_writing = draw.random() < 0.5
    calls = draw.choice(WRITING if is_writing else READING)
    error, first = draw.choice(ERRORS), draw.choice((1, 2, 3, draw.randrange(1, 40)))
    # A call that is interrupted for ever is no fault that a system has: whoever tries again is right to.
    is_lasting = error != "EINTR" and draw.random() < 0.5
    when = f"{first}+" if is_lasting else f"{first}"
    watched: list[Path] = [] if is_writing else [*photos, *_folders(photos), arena.out / "audit.csv"]
    watched += [] if is_writing else [arena.cache / f"{FILE}{suffix}" for suffix in SUFFIXES]
    before = [*STRACE, "-e", f"inject={calls}:error={error}:when={when}", "-e", f"trace={calls}"]
    before += [argument for path in watched for argument in ("-P", str(path))]
    options = ("--csv", "audit.csv", "--jobs", 2)
    ended = arena.assess(*options, before=before)
    what = f"{calls} fails with {error}, when={when}"
    broken = promise.of_ending(ended, {0, 3, 4}, is_told=not (is_lasting and calls.startswith("write")))
    left = promise.content_of(arena.out / "audit.csv")
    if ended.code in (0, 4) and "not searched" not in ended.err:
        broken += promise.of_rows(left or b"", photos)
    if ended.code == 3 and left not in (None, earlier, expected):
        broken.append(promise.lost("the report is neither the earlier nor a whole new one"))
    after = arena.assess(*options)
    broken += promise.of_ending(after, promise.JUDGED)
    broken += promise.of_bytes(promise.content_of(arena.out / "audit.csv"), expected, "the run after it")
    faults += [type(fault)(fault.kind, f"{what}: {fault.what}") for fault in broken]
    return faults


def _folders(photos: list[Path]) -> list[Path]:
    return sorted({path.parent for path in photos} | {path.parents[1] for path in photos})
