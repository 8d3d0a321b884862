"""Hostile names and texts: read back from every output as they were, no formula, no tag, no order to a terminal."""

from __future__ import annotations

import collections
import csv
import html.parser
import io
import json
import os
import unicodedata
from typing import TYPE_CHECKING

from campaign import promise
from campaign.camera_roll import date_back
from campaign.photographs import encoded, exif, scene
from iqa_cli.photos.discover import as_utf8
from iqa_cli.photos.spelling import files_spelled
from iqa_cli.report.audit.csv_file import TEXT_COLUMNS

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

GROUP = 50
"""Names to a folder."""
TEXTS = (
    "=cmd|'/c calc'!A1", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1+1", "%0A=1", "'=1", '"=1', ";=1",
    ",=1", "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<!--", "-->",
    "<img src=x onerror=alert(1)>", "]]>", "{{7*7}}", "${7*7}", "{% raw %}", "&lt;b&gt;", "&amp;",
    "javascript:alert(1)", '" onload="alert(1)', "' onload='alert(1)", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07",
    "line\nfeed", "carriage\rreturn", "\b\b\b", "\u202egpj.exe", "\u2066a\u2069", "\u200b", "\ufeff", "\u2028",
    "\u2029", "\x85", "é", "e\u0301", "👩‍👩‍👧", "照片", "a" * 200, "照" * 60, "-rf", "--csv", "~", "*", "?", "[a]",
    "$HOME", "`id`", "$(id)", ";id", "|id", "\\", "\\x41", "\\xff", "\\udcff", "nul", "CON", "%s%n", "%00",
)  # fmt: skip
MOST_NAME = 255
"""Bytes of a name in most file systems."""


def attack(plan: Plan, amount: int) -> Outcome:
    """Name so many photos hostilely, and let their cameras say hostile things."""
    return plan.run("names", amount, _named, unit="names and texts", each=GROUP)


def _named(case: Case) -> list[Fault]:
    arena, draw = case.arena, case.random
    pixels = encoded(scene(96, 72), "JPEG")
    paths: list[Path] = []
    for number in case.things:
        path = _write(
            arena.photos, hostile_name(draw, number), _saying(pixels, *(hostile_text(draw) for _ in range(3)))
        )
        if path is not None:
            paths.append(path)
    date_back(paths)
    tame = arena.folder / "tame"
    tame.mkdir()
    for number in range(len(paths)):
        _write(tame, b"tame %03d.jpg" % number, _saying(pixels, f"Maker {number}", f"Model {number}", f"Lens {number}"))
    lang = draw.choice(("en", "zh"))
    outputs = ("--csv", "audit.csv", "--jsonl", "audit.jsonl", "--html", "audit.html", "--lang", lang)
    ended = arena.assess(*outputs)
    arena.iqa("assess", tame, "--checkpoint", arena.checkpoint, "--html", "tame.html", "--lang", lang)
    faults = promise.of_ending(ended, promise.JUDGED)
    faults += promise.of_place(arena, "audit.csv", "audit.jsonl", "audit.html", "tame.html")
    faults += of_csv(promise.content_of(arena.out / "audit.csv") or b"", paths)
    faults += of_jsonl(promise.content_of(arena.out / "audit.jsonl") or b"", paths)
    faults += of_page(
        promise.content_of(arena.out / "audit.html") or b"", promise.content_of(arena.out / "tame.html") or b""
    )
    table = arena.iqa("assess", arena.photos, "--checkpoint", arena.checkpoint, "--top", 200)
    faults += promise.of_ending(table, promise.JUDGED) + of_screen(table.out.decode("utf-8", "replace"))
    picked = arena.iqa("pick", "audit.csv", "--print0")
    faults += promise.of_ending(picked, {0, 3})
    known = {os.path.realpath(os.fsencode(path)) for path in paths}
    strange = [name for name in picked.out.split(b"\0") if name and os.path.realpath(name) not in known]
    if strange:
        faults.append(promise.lost(f"pick names what is not there: {strange[0]!r}"))
    if faults:
        case.keep("photos", arena.photos, "the folder that was judged")
    return faults


def hostile_name(draw: random.Random, number: int) -> bytes:
    """A name with bytes of any kind but the two that no name has, and the suffix of a photo."""
    kind = draw.randrange(4)
    if kind == 0:
        middle = bytes(
            draw.choice([byte for byte in range(1, 256) if byte != ord("/")]) for _ in range(draw.randrange(1, 40))
        )
    elif kind == 1:
        middle = draw.choice(TEXTS).replace("/", "∕").encode("utf-8", "surrogatepass")
    elif kind == 2:
        middle = b"".join(draw.choice(TEXTS).replace("/", "∕").encode() for _ in range(3))
    else:
        middle = draw.choice((b"x", "é".encode(), b"\xff", b"=")) * 255
    end = b"%d.jpg" % number
    name = middle[: MOST_NAME - len(end)] + end
    return b"x" + name[1:] if name.startswith(b".") else name  # hidden ones are passed over


def hostile_text(draw: random.Random) -> str:
    """What a camera might say of itself."""
    if draw.random() < 0.3:
        return "".join(chr(draw.randrange(1, 0x250)) for _ in range(draw.randrange(1, 30)))
    return draw.choice(TEXTS)


def _saying(jpeg: bytes, make: str, model: str, lens: str) -> bytes:
    """The JPEG with the EXIF of a camera that is called so: its texts are bytes, whatever the standard says."""
    block = exif(make, model, lens)
    return jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:]


def _write(folder: Path, name: bytes, data: bytes) -> Path | None:
    """Make a file; None where the file system knows no such name."""
    path = folder / os.fsdecode(name)
    try:
        path.write_bytes(data)
    except (OSError, ValueError):
        return None
    return path


def of_csv(content: bytes, paths: list[Path]) -> list[Fault]:
    """Every name comes back, and no cell begins as a formula does."""
    faults = promise.of_rows(content, paths)
    for row in csv.DictReader(io.StringIO(content.decode("utf-8", "replace"), newline="")):
        for column in TEXT_COLUMNS:
            if (
                (row[column] or "")
                .lstrip(" ")
                .startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
            ):
                faults.append(promise.other(f"{column} begins as a formula: {row[column]!r}"))
    if b"\0" in content:
        faults.append(promise.other("a NUL in the CSV"))
    return faults[:5]


def of_jsonl(content: bytes, paths: list[Path]) -> list[Fault]:
    """Every line is an object, and every name leads back to its file."""
    lines = content.splitlines(keepends=False) if b"\r" not in content else content.split(b"\n")[:-1]
    try:
        records = [json.loads(line) for line in lines]
        named = [record["source_file"] for record in records if record.get("type", "photo") == "photo"]
    except (ValueError, KeyError) as error:
        return [promise.lost(f"the JSON lines cannot be read: {error}")]
    faults = []
    if sorted(named) != sorted(as_utf8(os.fspath(path)) for path in paths):
        faults.append(promise.lost(f"{len(paths)} photos, {len(set(named))} names in the JSON lines"))
    known = {os.fspath(path) for path in paths}
    lost = [name for name in named if not known & set(files_spelled(name))]
    if lost:
        faults.append(promise.lost(f"no way back from {lost[0]!r} to its file, and {len(lost) - 1} others"))
    return faults


class _Tags(html.parser.HTMLParser):
    """Counts what a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: collections.Counter[str] = collections.Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[f"<{tag}>"] += 1
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.seen[f"{tag} {name}={value}"] += 1

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 - its caller names it
        self.seen["a comment"] += 1


def of_page(page: bytes, tame: bytes) -> list[Fault]:
    """The page has the tags that it has for tame names, and no more."""
    counts = []
    for content in (page, tame):
        parser = _Tags()
        parser.feed(content.decode("utf-8", "replace"))
        parser.close()
        counts.append(parser.seen)
    if not counts[1]["<script>"]:
        return [promise.other("the page of tame photos has no script: it cannot be compared")]
    # Cameras that say the same, or nothing that can be shown, are fewer: there may be fewer choices and rows.
    more = {tag: (count, counts[1][tag]) for tag, count in counts[0].items() if count > counts[1][tag]}
    return [promise.other(f"the page has more tags than that of tame photos: {more}")] if more else []


def of_screen(text: str) -> list[Fault]:
    """Nothing that moves a cursor, hides or turns a line."""
    bad = {character for character in text if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp")} - {
        "\n",
        "\u200d",
    }
    return [promise.other(f"on the screen: {sorted(map(ascii, bad))}")] if bad else []
