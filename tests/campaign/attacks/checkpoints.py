"""Checkpoints of strangers: refused with a reason, in time, whatever is in the folder."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from campaign import promise
from campaign.attacks.documents import changed_json
from campaign.camera_roll import fill
from iqa_cli.paths import find_checkpoint

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from bad_checkpoints import BadCheckpoint

    from campaign.plan import Case, Outcome, Plan
    from campaign.promise import Fault

LIMIT_S = 60.0
HAS_ONNX = importlib.util.find_spec("onnx") is not None
MOST_MB = 2000.0


def attack(plan: Plan, amount: int) -> Outcome:
    """Judge a photo by so many bad checkpoints: every known one in turn, random changes in between."""
    missing = None if HAS_ONNX else "without onnx none is made that holds another model"
    return plan.run("checkpoints", amount, _bad, unit="bad checkpoints", skipped=missing)


def _bad(case: Case) -> list[Fault]:
    arena = case.arena
    fill(case, 1)
    folder = arena.folder / "checkpoint"
    name, make, codes = bad_checkpoints()[case.number % len(bad_checkpoints())]
    make(case, folder)
    faults: list[Fault] = []
    for command in (
        ("assess", arena.photos, "--checkpoint", folder, "--csv", "audit.csv"),
        ("checkpoint-check", folder),
    ):
        ended = arena.iqa(*command, limit_s=LIMIT_S)
        # What `checkpoint-check` found is its report, on stdout.
        faults += promise.of_ending(ended, codes, is_told=command[0] == "assess" or not ended.out.strip())
        if ended.peak_mb > MOST_MB:
            faults.append(promise.other(f"{ended.peak_mb:.0f} MB; the limit is {MOST_MB:.0f}"))
        faults += promise.of_place(arena, "audit.csv")
        if (arena.out / "audit.csv").exists() and not ended.is_hung and ended.code not in promise.JUDGED:
            faults.append(promise.other("a report of a run that failed"))
    with contextlib.suppress(OSError, shutil.Error):  # a pipe cannot be copied
        if faults:
            case.keep("checkpoint", folder, name)
    return [type(fault)(fault.kind, f"{name}: {fault.what}") for fault in faults]


def bad_checkpoints() -> tuple[tuple[str, Callable[[Case, Path], object], frozenset[int]], ...]:
    """What may be wrong with the folder of a checkpoint, how it is made, and the exit codes that are right then.

    The shipped one with changed files, and those that the tests draw (`bad_checkpoints`), which need onnx.
    """
    refused = frozenset({3})
    perhaps = frozenset({0, 3, 4})  # a changed weight may still be a model
    files = (
        *(no_card, card_of_nothing, card_of_noise, deep_card),
        *(card_is_a_folder, card_is_a_pipe, card_is_endless, card_is_huge),
        *(no_model, empty_model, model_of_noise, cut_model, unhashed_change),
        *(model_is_a_folder, model_is_a_pipe, model_is_endless, model_is_huge),
    )
    models = (other_model, data_elsewhere, a_loop, a_large_constant) if HAS_ONNX else ()
    by_chance = (changed_card, changed_card, changed_model, changed_model)
    changed = (
        *((damage.__name__, functools.partial(_shipped, damage), refused) for damage in (*files, *models)),
        *((damage.__name__, functools.partial(_shipped, damage), perhaps) for damage in by_chance),
    )
    if not HAS_ONNX:
        return changed
    from bad_checkpoints import refused_by

    both = set(refused_by("assess")) & set(refused_by("checkpoint-check"))
    drawn = sorted(both, key=lambda kind: kind.name)
    return (*changed, *((kind.name, functools.partial(_drawn, kind), refused) for kind in drawn))


def _shipped(damage: Callable[[Path, random.Random], None], case: Case, folder: Path) -> None:
    shutil.copytree(find_checkpoint(case.plan.checkpoint), folder)
    damage(folder, case.random)


def _drawn(kind: BadCheckpoint, _: Case, folder: Path) -> None:
    from bad_checkpoints import checkpoint_of_kind

    checkpoint_of_kind(kind, folder)


CARD, MODEL = "card.json", "model.onnx"


def rehash(folder: Path) -> None:
    """Let the card say the hashes of the files that are there: a stranger can do that as well."""
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    for name, entry in card.get("files", {}).items():
        if (folder / name).is_file():
            content = (folder / name).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            if isinstance(entry, dict):
                entry |= {key: value for key, value in (("sha256", digest), ("bytes", len(content))) if key in entry}
            else:
                card["files"][name] = digest
    (folder / CARD).write_text(json.dumps(card), encoding="utf-8")


def no_card(folder: Path, _draw: random.Random) -> None:
    (folder / CARD).unlink()


def card_of_nothing(folder: Path, draw: random.Random) -> None:
    (folder / CARD).write_text(draw.choice(("", "{}", "[]", "null", "1", '""')), encoding="utf-8")


def card_of_noise(folder: Path, draw: random.Random) -> None:
    (folder / CARD).write_bytes(draw.randbytes(5000))


def deep_card(folder: Path, draw: random.Random) -> None:
    (folder / CARD).write_text(draw.choice(("[", '{"a":')) * 200_000, encoding="utf-8")


def card_is_a_folder(folder: Path, _draw: random.Random) -> None:
    (folder / CARD).unlink()
    (folder / CARD).mkdir()


def card_is_a_pipe(folder: Path, _draw: random.Random) -> None:
    (folder / CARD).unlink()
    os.mkfifo(folder / CARD)


def card_is_endless(folder: Path, _draw: random.Random) -> None:
    (folder / CARD).unlink()
    (folder / CARD).symlink_to("/dev/zero")


def card_is_huge(folder: Path, _draw: random.Random) -> None:
    os.truncate(folder / CARD, 1 << 36)


def no_model(folder: Path, _draw: random.Random) -> None:
    (folder / MODEL).unlink()


def empty_model(folder: Path, _draw: random.Random) -> None:
    (folder / MODEL).write_bytes(b"")
    rehash(folder)


def model_of_noise(folder: Path, draw: random.Random) -> None:
    (folder / MODEL).write_bytes(draw.randbytes(10_000))
    rehash(folder)


def model_is_a_folder(folder: Path, _draw: random.Random) -> None:
    (folder / MODEL).unlink()
    (folder / MODEL).mkdir()


def model_is_a_pipe(folder: Path, _draw: random.Random) -> None:
    (folder / MODEL).unlink()
    os.mkfifo(folder / MODEL)


def model_is_endless(folder: Path, _draw: random.Random) -> None:
    (folder / MODEL).unlink()
    (folder / MODEL).symlink_to("/dev/zero")


def model_is_huge(folder: Path, _draw: random.Random) -> None:
    os.truncate(folder / MODEL, 1 << 36)


def cut_model(folder: Path, draw: random.Random) -> None:
    os.truncate(folder / MODEL, draw.randrange(1, (folder / MODEL).stat().st_size))
    rehash(folder)


def unhashed_change(folder: Path, draw: random.Random) -> None:
    content = bytearray((folder / MODEL).read_bytes())
    content[draw.randrange(len(content))] ^= 1
    (folder / MODEL).write_bytes(content)


def other_model(folder: Path, draw: random.Random) -> None:
    """A sound model that has nothing to do with the card: the identity, of one row of numbers."""
    _write_model(folder, [_node("Identity", ["pixels"], ["scores"])], draw)


def data_elsewhere(folder: Path, draw: random.Random) -> None:
    """Weights that lie in another file, outside the folder and its hashes."""
    from onnx import TensorProto

    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    place = draw.choice(("weights.bin", "../weights.bin", "/etc/hostname", "/dev/zero"))
    for key, value in (("location", place), ("offset", "0"), ("length", "16")):
        weights.external_data.add(key=key, value=value)
    _write_model(folder, [_node("Add", ["pixels", "w"], ["scores"])], draw, [weights])


def a_loop(folder: Path, draw: random.Random) -> None:
    """A model that runs for as long as it likes."""
    from onnx import TensorProto, helper, numpy_helper

    body = helper.make_graph(
        [_node("Identity", ["go"], ["go_on"]), _node("Identity", ["x"], ["y"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", TensorProto.FLOAT, None),
        ],
    )
    times, true = (numpy_helper.from_array(_array(value), name) for value, name in ((1 << 60, "times"), (True, "true")))
    _write_model(
        folder, [helper.make_node("Loop", ["times", "true", "pixels"], ["scores"], body=body)], draw, [times, true]
    )


def a_large_constant(folder: Path, draw: random.Random) -> None:
    """Gigabytes out of a few bytes."""
    from onnx import numpy_helper

    shape = numpy_helper.from_array(_array([1 << 16, 1 << 14]), "shape")
    nodes = [_node("ConstantOfShape", ["shape"], ["large"]), _node("ReduceSum", ["large"], ["sum"])]
    _write_model(folder, [*nodes, _node("Add", ["pixels", "sum"], ["scores"])], draw, [shape])


def changed_card(folder: Path, draw: random.Random) -> None:
    text = (folder / CARD).read_text(encoding="utf-8")
    (folder / CARD).write_bytes(changed_json(text, draw))


def changed_model(folder: Path, draw: random.Random) -> None:
    """Bytes of the model, at the end of which its operators and names stand, or anywhere; the card agrees."""
    content = bytearray((folder / MODEL).read_bytes())
    for _ in range(draw.choice((1, 4, 30))):
        at = draw.randrange(len(content)) if draw.random() < 0.5 else draw.randrange(min(3000, len(content)))
        content[at] = draw.randrange(256)
    (folder / MODEL).write_bytes(content)
    rehash(folder)


def _array(value: object) -> Any:
    import numpy as np

    return np.array(value)


def _node(kind: str, inputs: list[str], outputs: list[str]) -> Any:
    from onnx import helper

    return helper.make_node(kind, inputs, outputs)


def _write_model(folder: Path, nodes: list[Any], _draw: random.Random, weights: list[Any] | None = None) -> None:
    from onnx import TensorProto, helper

    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["B", 3, "H", "W"])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "stranger", [pixels], [scores], weights or [])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    (folder / MODEL).write_bytes(model.SerializeToString())
    rehash(folder)
