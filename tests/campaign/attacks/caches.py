"""Caches that were damaged: a run over them is as one without, says so, and the cache heals."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from campaign import promise
from campaign.attacks.mutants import MODES
from campaign.camera_roll import fill
from iqa_cli.cache.place import FILE

_DAMAGE = str(Path(__file__).parents[2] / "cache")
if _DAMAGE not in sys.path:
    sys.path.append(_DAMAGE)

import damage  # noqa: E402 - found by the lines above

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

PHOTOS = 120


def attack(plan: Plan, amount: int) -> Outcome:
    """Damage so many caches."""
    return plan.run("caches", amount, _damaged, unit="damaged caches")


def _damaged(case: Case) -> list[Fault]:
    arena, draw = case.arena, case.random
    photos = fill(case, PHOTOS)
    mode = draw.choice(MODES)
    right = arena.assess("--decode", mode, "--csv", "right.csv")
    expected = promise.content_of(arena.out / "right.csv") or b""
    faults = promise.of_ending(right, promise.JUDGED) + promise.of_rows(expected, photos)
    if not (arena.cache / FILE).is_file():
        return [*faults, promise.other("nothing was remembered")]
    ways = DAMAGES[case.number % len(DAMAGES)]
    ways(arena.cache / FILE, draw)
    for name in ("damaged.csv", "healed.csv", "settled.csv"):
        ended = arena.assess("--decode", mode, "--csv", name)
        faults += promise.of_ending(ended, promise.JUDGED)
        faults += promise.of_bytes(promise.content_of(arena.out / name), expected, f"{ways.__name__}, {mode}, {name}")
    if "warning" in ended.err and ways not in CANNOT_HEAL:
        faults.append(promise.other(f"{ways.__name__}: the cache did not heal: {ended.err.strip()[:200]}"))
    known = arena.iqa("cache", "info")
    faults += promise.of_ending(known, {0, 3})
    return faults + promise.of_place(arena, "right.csv", "damaged.csv", "healed.csv", "settled.csv")


def flipped_bits(file: Path, draw: random.Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(draw.choice((1, 10, 1000))):
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    file.write_bytes(content)


def noise(file: Path, draw: random.Random) -> None:
    """One page, or a few bytes of the header, overwritten."""
    content = bytearray(file.read_bytes())
    at = draw.choice((draw.randrange(100), 4096 * draw.randrange(max(1, len(content) // 4096))))
    size = draw.choice((4, 512, 4096))
    content[at : at + size] = draw.randbytes(min(size, len(content) - at))
    file.write_bytes(content)


def cut(file: Path, draw: random.Random) -> None:
    os.truncate(file, draw.randrange(file.stat().st_size))


def emptied(file: Path, _draw: random.Random) -> None:
    os.truncate(file, 0)


def foreign_journal(file: Path, draw: random.Random) -> None:
    """Beside it lies a write-ahead log, or its index, of another database, or of none."""
    for suffix in draw.choice((("-wal",), ("-shm",), ("-wal", "-shm"), ("-journal",))):
        Path(f"{file}{suffix}").write_bytes(
            draw.choice((b"", draw.randbytes(5000), b"\x37\x7f\x06\x82" + draw.randbytes(5000)))
        )


def a_folder(file: Path, _draw: random.Random) -> None:
    file.unlink()
    file.mkdir()


def a_link_to_itself(file: Path, _draw: random.Random) -> None:
    file.unlink()
    file.symlink_to(file.name)


def a_pipe(file: Path, _draw: random.Random) -> None:
    file.unlink()
    os.mkfifo(file)


def write_protected(file: Path, _draw: random.Random) -> None:
    file.chmod(0o400)
    file.parent.chmod(0o500)


CANNOT_HEAL = (a_folder, a_link_to_itself, a_pipe, write_protected)
"""Somebody else's things that a run leaves alone and does without."""


def _known(way: Callable[[Path], None]) -> Callable[[Path, random.Random], None]:
    def damaged(file: Path, _draw: random.Random) -> None:
        way(file)

    damaged.__name__ = way.__name__
    return damaged


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    flipped_bits,
    noise,
    cut,
    foreign_journal,
    *map(
        _known,
        (damage.zeros, damage.text, damage.foreign_database, damage.half, damage.overwritten, damage.lacks_a_table),
    ),
    emptied,
    flipped_bits,
    noise,
    cut,
    *CANNOT_HEAL,
)
