"""Checkpoints: a damaged one is never used, and says what is damaged."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from iqa_cli.checkpoint import ONNX, load_checkpoint, write_atomically
from iqa_cli.errors import CheckpointError
from iqa_cli.models.runner import OnnxModel
from iqa_cli.paths import checkpoint_names, find_checkpoint, find_graph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(checkpoint_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(checkpoint_folder, tmp_path / "copy")


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    change(card)
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")


def test_a_whole_checkpoint_loads(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    assert checkpoint.graph.label_names[0] == "bright"
    assert checkpoint.read_verified(ONNX) == (folder / ONNX).read_bytes()


def test_a_flipped_bit_in_the_model_is_found(folder: Path) -> None:
    content = bytearray((folder / ONNX).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / ONNX).write_bytes(content)
    with pytest.raises(CheckpointError, match="SHA-256"):
        OnnxModel(load_checkpoint(folder))


def test_a_cut_model_names_both_sizes(folder: Path) -> None:
    size = (folder / ONNX).stat().st_size
    (folder / ONNX).write_bytes((folder / ONNX).read_bytes()[:-10])
    with pytest.raises(CheckpointError, match=f"{size - 10} bytes instead of {size}"):
        OnnxModel(load_checkpoint(folder))


def test_a_missing_model_is_named(folder: Path) -> None:
    (folder / ONNX).unlink()
    with pytest.raises(CheckpointError, match=r"model\.onnx: missing"):
        OnnxModel(load_checkpoint(folder))


def test_a_model_of_another_graph_is_refused(folder: Path) -> None:
    def drop_last_label(card: dict[str, Any]) -> None:
        graph = card["graph"]
        gone = graph["labels"].pop()
        graph["nodes"] = [node for node in graph["nodes"] if node["label"] != gone]
        for rules in ("exclusions", "subsumptions"):
            graph[rules] = [rule for rule in graph[rules] if gone not in (rule["label_a"], rule["label_b"])]

    edit(folder, drop_last_label)
    with pytest.raises(CheckpointError, match="needs 15"):
        OnnxModel(load_checkpoint(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.pop("graph"), "graph"),
        (lambda card: card.pop("preprocessing"), "preprocessing"),
        (lambda card: card["preprocessing"].update(size=2), "at least 8"),
        (lambda card: card["preprocessing"].update(std=[0, 1, 1]), "std above 0"),
        (lambda card: card.pop("files"), "files"),
        (lambda card: card["files"].update({ONNX: {"bytes": "many"}}), "expected bytes and sha256"),
        (lambda card: card.update(format_version=99), "format_version is 99"),
    ],
    ids=["graph", "preprocessing", "size", "std", "files", "entry", "version"],
)
def test_a_wrong_card_names_the_key(folder: Path, change: Callable[[dict[str, Any]], object], message: str) -> None:
    edit(folder, change)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xff", b"[" * 100_000])
def test_a_card_that_is_no_card_is_an_error(folder: Path, content: bytes) -> None:
    (folder / "card.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"card\.json"):
        load_checkpoint(folder)


def test_a_folder_without_a_card_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_checkpoint(tmp_path)


def test_a_miss_lists_the_names_there_are(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        find_checkpoint("defualt")
    assert ", ".join(checkpoint_names()) in (error.value.hint or "")
    with pytest.raises(CheckpointError, match="no such checkpoint folder"):
        find_checkpoint(str(tmp_path / "nowhere"))
    assert find_graph("smartphone-6").is_file()


def test_an_atomic_write_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]
