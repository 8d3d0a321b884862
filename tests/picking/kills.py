"""Kills moves and their undoing with SIGKILL at chosen lines of code, and looks whether undoing brings everything back.

Run as a program, because it forks: `python kills.py FOLDER SEED STEP WAY`.

    FOLDER  an empty folder to work in
    SEED    of the random numbers that choose where an undoing is killed
    STEP    kill at every STEP-th line that a move runs through
    WAY     rename, link, look (see `placing`), or copy (every move crosses file systems)

Prints how many processes were killed; leaves with 1 and says where if anything was lost.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from drawn import content_of, make_files, photo, plan_of, spelled, undone

from iqa_cli.picking import copying
from iqa_cli.picking.move import move
from iqa_cli.writing import placing

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTOS = (b"D/1/IMG_1.JPG", b"D/2/IMG_1.JPG", b"D/1/caf\xe9.jpg")
COMPANIONS = (b"D/1/IMG_1.MOV", b"D/1/IMG_1.JPG.xmp")
WATCHED = (
    *(os.path.join("iqa_cli", "picking", f"{name}.py") for name in ("move", "copying", "undo_list", "undo")),
    *(os.path.join("iqa_cli", "writing", f"{name}.py") for name in ("placing", "replacement", "whole")),
)


class Killer:
    """Counts the lines that run in the watched modules and kills the process before one of them."""

    def __init__(self, at: int) -> None:
        self.lines = 0
        self._at = at

    def trace(self, frame: Any, event: str, _argument: object) -> Any:
        if not frame.f_code.co_filename.endswith(WATCHED):
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.trace


def run_killed(work: Callable[[], object], at: int) -> bool:
    """Do the work in a process that is killed before its `at`-th line; whether it lived so long."""
    child = os.fork()
    if child == 0:
        sys.settrace(Killer(at).trace)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def count_lines(work: Callable[[], object]) -> int:
    """How many lines the work runs through."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        killer = Killer(-1)
        sys.settrace(killer.trace)
        work()
        sys.settrace(None)
        os.write(writer, str(killer.lines).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return int(os.read(reader, 20))


def choose(way: str) -> None:
    """Have files go to their places this way."""
    if way in ("link", "look"):
        placing._renamer = lambda: lambda _source, _to: errno.EINVAL  # type: ignore[assignment]
    if way == "look":
        placing.os.link = refuse
    if way == "copy":
        real = placing.place

        def place(source: str, to: str) -> None:
            if os.path.dirname(os.path.abspath(source)) != os.path.dirname(os.path.abspath(to)):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            real(source, to)

        copying.place = place


def refuse(*_: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def move_all() -> None:
    """The move that is killed."""
    for outcome in move(plan_of(map(photo, spelled(*PHOTOS)), "out"), str):
        assert outcome.left is None, outcome.left


def undo_all() -> None:
    """The undoing that is killed, and at last is not."""
    for path in Path("out").glob("*undo*"):
        if path.stat().st_size:
            problems = [(entry.moved.to, entry.problem) for entry in undone(path) if entry.problem is not None]
            assert not problems, problems


def main() -> None:
    """Kill at line after line."""
    folder, seed, step, way = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    draw = random.Random(seed)  # noqa: S311 - which lines are tried
    os.chdir(folder)
    choose(way)
    # Waiting for a disk is no part of what is tested, and a killed process leaves what it wrote to the system.
    os.fsync = lambda _descriptor: None
    make_files(folder, *PHOTOS, *COMPANIONS, b"D/2/stays.jpg")
    before = content_of(folder)
    lines = count_lines(move_all)
    undone_lines = count_lines(undo_all)
    assert content_of(folder) == before
    killed = 0
    for at in range(draw.randrange(1, step + 1), lines + 1, step):
        killed += run_killed(move_all, at)
        second = draw.randrange(1, undone_lines + 1)
        killed += run_killed(undo_all, second)
        undo_all()
        # Killed before the first line of the list was written: nothing was moved, and an empty list may be there.
        if Path("out").is_dir():
            for path in Path("out").glob("*undo*"):
                path.unlink()
            Path("out").rmdir()
        after = content_of(folder)
        if after != before:
            lost = sorted(before.keys() ^ after.keys()) or [path for path in before if before[path] != after[path]]
            sys.exit(f"{way}, seed {seed}: a move killed at line {at} and its undoing at {second} changed {lost}")
    print(killed)


if __name__ == "__main__":
    main()
