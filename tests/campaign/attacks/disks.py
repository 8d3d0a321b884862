"""Disks that are full: the earlier report stays as it was, and the user is told."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from campaign import promise
from campaign.camera_roll import fill

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from campaign.arena import Arena
    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

    Command = Callable[[Case], tuple[tuple[object, ...], list[str]]]
    """Fills the folder of a case; gives the arguments, and the names of the outputs."""

PHOTOS = 60
PAGE = 4096
"""Bytes that a tmpfs gives at once."""


def attack(plan: Plan, amount: int) -> Outcome:
    """Run into so many full disks: a tmpfs where one may be mounted, else a limit of what a file may hold."""
    mountable = can_mount(plan)
    skipped = None if mountable else "no tmpfs may be mounted here: by RLIMIT_FSIZE only"
    if sys.platform == "win32":
        return plan.run("disks", 0, lambda _case: [], unit="full disks", skipped="there is no limit to set")
    return plan.run("disks", amount, lambda case: _full(case, mountable), unit="full disks", skipped=skipped)


def _full(case: Case, mountable: bool) -> list[Fault]:
    arena, draw = case.arena, case.random
    command, outputs = draw.choice(COMMANDS)(case)
    right = arena.iqa(*command)
    faults = promise.of_ending(right, promise.JUDGED)
    sizes = {name: (arena.out / name).stat().st_size for name in outputs if (arena.out / name).exists()}
    if faults or len(sizes) < len(outputs):
        return [*faults, promise.other(f"{command[0]}: wrote {sorted(sizes)} of {outputs} with room enough")]
    earlier = {name: _earlier(arena.out / name) for name in outputs}
    # At times the disk has room enough.
    room = draw.randrange(1, sum(sizes.values()) + 3 * PAGE) + sum(map(len, earlier.values()))
    by_mount = mountable and draw.random() < 0.7
    if by_mount and draw.random() < 0.2:
        return faults + _cache_on_full_disk(arena, draw)
    with _tmpfs(arena.out, room) if by_mount else contextlib.nullcontext():
        for name, content in earlier.items():
            (arena.out / name).write_bytes(content)
        ended = arena.iqa(*command, most_bytes=None if by_mount else room)
        left = {name: promise.content_of(arena.out / name) for name in outputs}
        strangers = arena.strangers(*outputs)
    said = " ".join(ended.err.split())
    what = f"{command[0]} {' '.join(outputs)}, {room} bytes {'of tmpfs' if by_mount else 'a file'}"
    faults += promise.of_ending(ended, {0, 3, 4})
    if ended.code == 3:
        if "cannot be written" not in said or not any(name in said for name in outputs):
            faults.append(promise.other(f"{what}: nobody is told which file cannot be written: {said[:200]}"))
        spoiled = [
            name for name in outputs if left[name] != earlier[name] and not is_whole(name, left[name], sizes[name])
        ]
        if spoiled:
            faults.append(promise.lost(f"{what}: the earlier {', '.join(spoiled)} are neither as they were nor new"))
        strangers = [name for name in strangers if os.path.basename(name) not in said]  # noqa: PTH119 - plain strings
    elif not all(is_whole(name, left[name], sizes[name]) for name in outputs):
        faults.append(promise.lost(f"{what}: exit code {ended.code}, and an output is not whole"))
    return faults + [promise.other(f"{what}: left {name}, which is not spoken of") for name in strangers]


def is_whole(name: str, content: bytes | None, size: int) -> bool:
    """Whether an output is a new one from the first byte to the last: pages and documents hold the time of day, so that
    they are not the same bytes each time."""
    if content is None:
        return False
    if name.endswith(".jsonl"):  # the last line has how long it took, in as many digits as that has
        return b'"type": "end"' in content[content.rstrip().rfind(b"\n") + 1 :] and abs(len(content) - size) < 64
    if name.endswith(".html"):
        return content.rstrip().endswith(b"</html>") and abs(len(content) - size) < 64
    return len(content) == size


def _earlier(path: Path) -> bytes:
    """An output of before: the beginning of a real one, so that it may be replaced."""
    content = path.read_bytes()[:700]
    path.unlink()
    return content


def _assess(*options: tuple[str, str]) -> Command:
    def command(case: Case) -> tuple[tuple[object, ...], list[str]]:
        fill(case, PHOTOS)
        named = [argument for option in options for argument in option]
        return case.arena.assessing("--no-cache", *named), [name for _, name in options]

    return command


def _eval(*options: tuple[str, str]) -> Command:
    def command(case: Case) -> tuple[tuple[object, ...], list[str]]:
        photos = fill(case, PHOTOS)
        rows = [f"{path.relative_to(case.arena.photos)},{number % 4},0" for number, path in enumerate(photos)]
        labels = case.arena.folder / "labels.csv"
        labels.write_text("\n".join(["filename,bright,overexposed", *rows]) + "\n", encoding="utf-8")
        named = [argument for option in options for argument in option]
        given = ("--images", case.arena.photos, "--checkpoint", case.arena.checkpoint)
        return ("eval", labels, *given, *named), [name for _, name in options]

    return command


CSV, JSONL, HTML = ("--csv", "audit.csv"), ("--jsonl", "audit.jsonl"), ("--html", "audit.html")
COMMANDS = (
    _assess(CSV),
    _assess(JSONL),
    _assess(HTML),
    _assess(CSV, JSONL, HTML),
    _eval(("--json", "figures.json")),
    _eval(("--csv", "figures.csv"), ("--predictions", "predictions.csv")),
)


def _cache_on_full_disk(arena: Arena, draw: random.Random) -> list[Fault]:
    """What cannot be remembered costs a warning, and the report nothing."""
    right = arena.assess("--no-cache", "--csv", "right.csv")
    expected = promise.content_of(arena.out / "right.csv") or b""
    with _tmpfs(arena.cache, draw.randrange(0, 40) * PAGE + 1):
        ended = arena.assess("--csv", "audit.csv")
    faults = promise.of_ending(right, promise.JUDGED) + promise.of_ending(ended, promise.JUDGED)
    return faults + promise.of_bytes(promise.content_of(arena.out / "audit.csv"), expected, "a cache on a full disk")


def can_mount(plan: Plan) -> bool:
    """Whether this user may mount a tmpfs."""
    if shutil.which("mount") is None:
        return False
    with plan.place("disks", -1) as arena:
        try:
            _mount(arena.out, PAGE)
        except subprocess.CalledProcessError:
            return False
        _unmount(arena.out)
    return True


@contextlib.contextmanager
def _tmpfs(folder: Path, size: int) -> Iterator[None]:
    """A small disk of its own, for as long as it lasts."""
    _mount(folder, size)
    try:
        yield
    finally:
        _unmount(folder)


def _mount(folder: Path, size: int) -> None:
    options = ["-t", "tmpfs", "-o", f"size={max(size, PAGE)}", "tmpfs"]
    subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)
