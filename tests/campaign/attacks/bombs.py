"""Small files that ask for much: each alone, in every mode, within the limits of one photo."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import struct
import zlib
from typing import TYPE_CHECKING

from campaign import promise
from campaign.attacks.mutants import MODES
from campaign.camera_roll import date_back
from campaign.corpus import found_files
from campaign.photographs import encoded, exif, heic, png_chunk, scene
from campaign.plan import MOST_KEPT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

LIMIT_CPU_S = 15
"""Enough to see that it is too much."""
MANY = 1_000_000


def attack(plan: Plan, amount: int) -> Outcome:
    """Judge as many bombs, each in every mode; the list is gone through as often as it takes."""
    return plan.run("bombs", amount, _bomb, unit="bombs in 3 modes")


def amount_of_all() -> int:
    """How many there are."""
    return len(bombs())


def _bomb(case: Case) -> list[Fault]:
    arena = case.arena
    number = case.number % len(bombs())
    name, suffix, _ = bombs()[number]
    path = arena.photos / f"bomb{suffix}"
    # In a process of its own: what this one holds would be counted as the command's, see `Ended.peak_mb`.
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        size = pool.submit(write, number, path).result()
    date_back([path])
    faults = []
    for mode in MODES:
        csv = f"{mode}.csv"
        ended = arena.assess("--decode", mode, "--csv", csv, "--no-cache", limit_cpu_s=LIMIT_CPU_S)
        broken = promise.of_ending(ended, promise.JUDGED) or promise.of_effort(ended)
        if ended.code in promise.JUDGED:
            broken += promise.of_rows(promise.content_of(arena.out / csv) or b"", [path])
        faults += [type(fault)(fault.kind, f"{name} ({size} bytes), {mode}: {fault.what}") for fault in broken]
    if faults and size < MOST_KEPT:
        case.keep(f"{name}{suffix}", path.read_bytes(), faults[0].what)
    return faults


def write(number: int, path: Path) -> int:
    """Make a bomb; how many bytes it has."""
    return path.write_bytes(bombs()[number][2]())


def bombs() -> tuple[tuple[str, str, Callable[[], bytes]], ...]:
    """(what it is, suffix, how it is made): made when it is its turn, because some are large."""
    made = (
        ("jpeg that claims 65,500 pixels square", ".jpg", lambda: _claiming(65_500, 65_500)),
        ("jpeg that claims 299 megapixels", ".jpg", lambda: _claiming(23_000, 13_000)),
        ("progressive jpeg that claims 299 megapixels", ".jpg", lambda: _claiming(23_000, 13_000, progressive=True)),
        ("jpeg of 10,000 scans", ".jpg", lambda: _scans(10_000)),
        ("large jpeg of 490 scans", ".jpg", lambda: _scans(480, 8000, 6000)),
        ("jpeg of 25,000,000 empty segments", ".jpg", lambda: _behind_start(b"\xff\xe5\0\2" * 25 * MANY)),
        ("jpeg of 100 MB of fill bytes", ".jpg", lambda: _behind_start(b"\xff" * 100 * MANY)),
        ("jpeg whose EXIF has 65,535 entries", ".jpg", lambda: _behind_start(_app1(_entries(5000, 0xFFFF)))),
        ("jpeg whose EXIF follows itself", ".jpg", lambda: _behind_start(_app1(_entries(1, 1, following=8)))),
        (
            "jpeg whose EXIF counts to 4 billion",
            ".jpg",
            lambda: _behind_start(_app1(_entries(300, 300, count=0xFFFFFFFF))),
        ),
        ("png that claims 300,000 pixels square", ".png", lambda: _png(300_000, 300_000, _zeros(1000))),
        ("png of 299 megapixels of nothing", ".png", lambda: _png(23_000, 13_000, _zeros(13_000 * (3 * 23_000 + 1)))),
        ("png of a pixel and 1 GB behind it", ".png", lambda: _png(1, 1, _zeros(1000 * MANY))),
        ("png of 8,000,000 empty chunks", ".png", lambda: _png(8, 8, _zeros(200), png_chunk(b"teSt", b"") * 8 * MANY)),
        ("png of a profile of 1 GB", ".png", lambda: _png(8, 8, _zeros(200), _profile())),
        ("webp of 12,000,000 empty chunks", ".webp", _webp),
        ("webp of 100 frames", ".webp", _frames),
        ("heic of 12,000,000 boxes", ".heic", lambda: _heic_with(b"\0\0\0\x08free" * 12 * MANY)),
        ("heic that claims 400 megapixels", ".heic", _heic_claiming),
    )
    return (*made, *found_files())


def _claiming(width: int, height: int, *, progressive: bool = False) -> bytes:
    data = encoded(scene(), "JPEG", progressive=progressive)
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def _scans(count: int, width: int = 320, height: int = 240) -> bytes:
    """The last scan of a progressive JPEG again and again, of a picture that claims this size."""
    data = _claiming(width, height, progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def _behind_start(content: bytes) -> bytes:
    data = encoded(scene(), "JPEG")
    return data[:2] + content + data[2:]


def _app1(block: bytes) -> bytes:
    return b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block


def _entries(there: int, said: int, count: int = 1, following: int = 0) -> bytes:
    """An EXIF block with so many entries of so many that it says it has."""
    entry = struct.pack("<HHII", 0x010F, 2, count, 8)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, said) + entry * there + struct.pack("<I", following)


def _png(width: int, height: int, compressed: bytes, between: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IDAT", compressed)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + between + body + png_chunk(b"IEND", b"")


def _zeros(count: int) -> bytes:
    """So many zeros compressed, without ever holding them."""
    packer, block = zlib.compressobj(1), bytes(MANY)
    parts = [packer.compress(block) for _ in range(count // MANY)]
    return b"".join((*parts, packer.compress(block[: count % MANY]), packer.flush()))


def _profile() -> bytes:
    return png_chunk(b"iCCP", b"x\0\0" + _zeros(1000 * MANY))


def _webp() -> bytes:
    data = encoded(scene(), "WEBP", exif=exif())
    return data[:4] + struct.pack("<I", len(data) - 8 + 96 * MANY) + data[8:] + b"teSt\0\0\0\0" * 12 * MANY


def _frames() -> bytes:
    frames = [scene(640, 480, 0.5 + number / 200) for number in range(100)]
    return encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], quality=10, method=0)


def _heic_with(boxes: bytes) -> bytes:
    """Boxes behind the picture, whose places in the file stay as they were said."""
    return heic(scene()) + boxes


def _heic_claiming() -> bytes:
    data = heic(scene())
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", 20_000, 20_000) + data[at + 8 :]
