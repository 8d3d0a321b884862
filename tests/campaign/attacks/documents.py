"""Graphs, configs and label files that are wrong: refused or read, never a bug, and never trained on."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

from campaign import promise
from campaign.arena import ROOT
from campaign.camera_roll import fill
from campaign.promise import other

if TYPE_CHECKING:
    import random

    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

ODD_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1, 5, 1 << 31, 1 << 70, 1e308, 0.1, "", "x", "bright", "\x1b[31m", "=1", "a" * 10_000, [],
    {}, [[]], [1, 2], ["bright"], {"a": 1}, [0] * 500, "NaN", "照片",
)  # fmt: skip
ODD_TOML = (
    "0", "-1", "1e400", "nan", "inf", "9223372036854775808", "true", '""', '"x"', '"\\u001b[31m"', "[]", "{}",
    "[[1]]", "1979-05-27", '"../../../../etc"', '"/dev/zero"', "'''\n'''", "=", "",
)  # fmt: skip
ODD_CELLS = (
    "", "-1", "0", "1", "2", "3", "4", "1.0", "1.5", "nan", "1e999", "x", "=1+1", '"', "\n", "\0", "\ufeff", "照片",
    "../../x", "/dev/zero", "a" * 5000, "1,2", "\x1b[31m",
)  # fmt: skip
CONFIG = """\
[data]
ladder = "empty"
samples = 4
validation_samples = 4
[graph]
name = "smartphone-6"
[model]
backbone = "iqa-small"
pretrained = false
head = "coop"
context_tokens = 4
[loss]
name = "nll"
[optim]
lr_visual = 1e-3
lr_head = 2e-3
epochs = 1
batch_size = 2
[run]
seed = 0
out = "trained"
"""


def attack_graphs(plan: Plan, amount: int) -> Outcome:
    """Check so many changed graphs."""
    return plan.run("graphs", amount, _graphs, unit="bad graphs", each=5)


def attack_configs(plan: Plan, amount: int) -> Outcome:
    """Train by so many changed configs, over a folder without photographs: none may get as far as an epoch."""
    return plan.run("configs", amount, _config, unit="bad configs", skipped=_lacks("torch", "open_clip"))


def attack_labels(plan: Plan, amount: int) -> Outcome:
    """Evaluate and split so many changed label files."""
    return plan.run("labels", amount, _labels, unit="bad label files", skipped=_lacks("sklearn", "iterstrat"))


def _lacks(*modules: str) -> str | None:
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    return f"without {' and '.join(missing)} the commands only say so" if missing else None


def _graphs(case: Case) -> list[Fault]:
    """Several at once, and each alone if there is something wrong."""
    sources = sorted((ROOT / "hex_graphs").glob("*.json"))
    paths = []
    for number in case.things:
        text = case.random.choice(sources).read_text(encoding="utf-8")
        path = case.arena.folder / f"graph{number}.json"
        path.write_bytes(changed_json(text, case.random))
        paths.append(path)
    ended = case.arena.iqa("graph-check", *paths, *case.random.choice(((), ("--strict",), ("--json",))))
    if not _of_document(case, ended, {0, 1, 3}):
        return []
    found = []
    for path in paths:
        ended = case.arena.iqa("graph-check", path)
        faults = _of_document(case, ended, {0, 1, 3})
        if faults:
            case.keep(path.name, path.read_bytes(), faults[0].what)
        found += faults
    return found or [other("graphs at once break a promise, none of them alone")]


def _config(case: Case) -> list[Fault]:
    """The config as a rule has a value that is wrong; where it has not, the folder has no photographs."""
    arena, draw = case.arena, case.random
    (arena.folder / "empty").mkdir()
    path = arena.folder / "run.toml"
    content = changed_toml(CONFIG, draw)
    path.write_bytes(content)
    ended = arena.iqa("train", "--config", path, "--out", arena.out / "trained")
    faults = _of_document(case, ended, {2, 3})
    if b"epoch" in ended.out:
        faults.append(other("it began to train"))
    if faults:
        case.keep(path.name, content, faults[0].what)
    return faults


def _labels(case: Case) -> list[Fault]:
    arena, draw = case.arena, case.random
    photos = fill(case, 24)
    header = ["filename", "bright", "dark", "low_contrast", "high_contrast", "overexposed", "over_suppressed"]
    rows = [
        [str(path.relative_to(arena.photos)), *(str((number + place) % 7 % 4) for place in range(6))]
        for number, path in enumerate(photos)
    ]
    content = changed_csv([header, *rows], draw)
    path = arena.folder / "labels.csv"
    path.write_bytes(content)
    given = ("--images", arena.photos, "--checkpoint", arena.checkpoint, "--json", "figures.json")
    command, codes = draw.choice(
        (
            (("eval", path, *given), {0, 3, 4}),
            (("split", path, "--out", "parts"), {0, 3}),
            (("eval", "--predictions", path), {0, 3}),
            (("pick", path, "--print0"), {0, 3}),
        )
    )
    ended = arena.iqa(*command)
    faults = promise.of_ending(ended, codes)
    figures = promise.content_of(arena.out / "figures.json")
    if figures is not None and (ended.code or not _is_json(figures)):
        faults.append(other(f"half a document of figures, exit code {ended.code}"))
    if faults:
        case.keep(path.name, content, f"{' '.join(map(str, command[:1]))}: {faults[0].what}")
    return faults


def _of_document(case: Case, ended: Any, codes: set[int]) -> list[Fault]:
    return promise.of_ending(ended, codes) + promise.of_place(case.arena)


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def changed_json(text: str, draw: random.Random) -> bytes:
    """Values replaced, taken out, doubled, moved; or bytes changed so that it is no JSON at all."""
    if draw.random() < 0.25:
        return changed_bytes(text.encode(), draw)
    document = json.loads(text)
    for _ in range(draw.choice((1, 1, 2, 5))):
        places = _places(document)
        holder, key = draw.choice(places) if places else (document, None)
        if key is None:
            break
        how = draw.randrange(5)
        if how == 0:
            holder[key] = draw.choice(ODD_VALUES)
        elif how == 1:
            del holder[key]
        elif how == 2 and isinstance(holder, list):
            holder[key:key] = [holder[key]] * draw.choice((1, 2, 100))
        elif how == 3:
            other_holder, other_key = draw.choice(places)
            holder[key] = json.loads(json.dumps(other_holder[other_key]))
        elif isinstance(holder, dict):
            holder[draw.choice(("labels", "levels", "name", "", "x", "\ud800"))] = holder[key]
    written = json.dumps(document, ensure_ascii=draw.random() < 0.5)
    return written.encode("utf-8", "surrogatepass")


def _places(document: Any) -> list[tuple[Any, Any]]:
    """Every holder and key of a document, its larger lists not to the end."""
    found: list[tuple[Any, Any]] = []
    waiting = [document]
    while waiting and len(found) < 3000:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
    return found


def changed_toml(text: str, draw: random.Random) -> bytes:
    """Values replaced, lines taken out, doubled or misspelled, or bytes changed."""
    if draw.random() < 0.2:
        return changed_bytes(text.encode(), draw)
    lines = text.splitlines()
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(lines))
        key, is_value, _ = lines[at].partition(" = ")
        how = draw.randrange(4)
        if how == 0 or (how == 1 and is_value):
            lines[at] = f"{key} = {draw.choice(ODD_TOML)}"
        elif how == 1:
            del lines[at]
        elif how == 2:
            lines.insert(draw.randrange(len(lines)), lines[at])
        else:
            lines[at] = lines[at][1:]
    return "\n".join(lines).encode() + b"\n"


def changed_csv(rows: list[list[str]], draw: random.Random) -> bytes:
    """Cells replaced, rows and columns taken out or doubled, other marks and encodings, or bytes changed."""
    for _ in range(draw.choice((1, 1, 2, 5))):
        row = draw.choice(rows)
        how = draw.randrange(5)
        if how <= 1 and row:
            row[draw.randrange(len(row))] = draw.choice(ODD_CELLS)
        elif how == 2 and row:
            del row[draw.randrange(len(row))]
        elif how == 3:
            rows.append(list(row))
        else:
            row.append(draw.choice(ODD_CELLS))
    mark, end = draw.choice((",", ",", ",", ";", "\t")), draw.choice(("\n", "\r\n", "\r"))
    quote = draw.choice(("", "", '"'))
    text = end.join(mark.join(f"{quote}{cell}{quote}" for cell in row) for row in rows) + end
    content = text.encode(draw.choice(("utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-32")), "surrogatepass")
    return changed_bytes(content, draw) if draw.random() < 0.2 else content


def changed_bytes(content: bytes, draw: random.Random) -> bytes:
    """Some bytes replaced, taken out or put in, or the end cut off."""
    changed = bytearray(content)
    for _ in range(draw.choice((1, 3, 20))):
        at = draw.randrange(len(changed))
        how = draw.randrange(3)
        if how == 0:
            changed[at] = draw.randrange(256)
        elif how == 1:
            del changed[at : at + draw.randrange(1, 20)]
        else:
            changed[at:at] = draw.choice((b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"[" * 2000, b'"', b"9" * 400))
        if not changed:
            return b"\n"
    return bytes(changed[: draw.randrange(1, len(changed) + 1)]) if draw.random() < 0.2 else bytes(changed)
