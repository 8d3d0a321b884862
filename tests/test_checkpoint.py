"""Checkpoints: a damaged one is never used, and says what is damaged."""

from __future__ import annotations

import errno
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from iqa_cli.checkpoint import (
    INTERPOLATIONS,
    ONNX,
    Views,
    load_checkpoint,
    write_checkpoint,
)
from iqa_cli.errors import CheckpointError, OutputError
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


def views(**changes: object) -> Callable[[dict[str, Any]], object]:
    """A card that looks at crops of 16 pixels in a square of 32, but for what is changed."""
    return lambda card: card["preprocessing"].update(views={"square": 32, "crops": [[0, 0], [16, 16]], **changes})


def test_a_card_says_in_which_views_a_picture_is_seen_and_an_old_one_means_once(folder: Path) -> None:
    assert load_checkpoint(folder).preprocessing.n_views == 1
    edit(folder, views())
    preprocessing = load_checkpoint(folder).preprocessing
    assert preprocessing.views == Views(32, ((0, 0), (16, 16)))
    assert (preprocessing.n_views, preprocessing.largest_side) == (3, 32)
    edit(folder, lambda card: card["preprocessing"].update(views=None))
    assert load_checkpoint(folder).preprocessing.n_views == 1


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
        (lambda card: card.update(format_version=True), "format_version is True"),
        (lambda card: card.pop("format_version"), "has no format_version"),
        (lambda card: card["preprocessing"].update(size="16"), r"preprocessing\.size: expected a whole number"),
        (lambda card: card["preprocessing"].update(size=True), r"preprocessing\.size: expected a whole number"),
        (lambda card: card["preprocessing"].update(size=10**9), "at most"),
        (lambda card: card["preprocessing"].update(mean=["0", 0, 0]), r"preprocessing\.mean: expected three numbers"),
        (lambda card: card["preprocessing"].update(mean=[10**400, 0, 0]), r"preprocessing\.mean: expected three"),
        (lambda card: card["preprocessing"].update(std=[True, 1, 1]), r"preprocessing\.std: expected three numbers"),
        (lambda card: card["preprocessing"].update(std=[float("inf"), 1, 1]), "inf is not a number that JSON knows"),
        (lambda card: card["preprocessing"].update(mean=[float("nan"), 0, 0]), "nan is not a number that JSON knows"),
        (lambda card: card["preprocessing"].update(interpolation="sharpest"), "one of nearest, box"),
        (lambda card: card["preprocessing"].update(views=True), r"preprocessing\.views: expected an object or null"),
        (views(square="32"), r"views\.square: expected a whole number, got '32'"),
        (views(square=True), r"views\.square: expected a whole number, got True"),
        (views(square=8), r"views\.crops: \[0, 0\] is no place of 16 pixels in 8 x 8 pixels"),
        (views(square=10**6), r"views\.square must be at least 8 pixels and at most 4096"),
        (views(crops=None), r"views\.crops: expected pairs of whole numbers, got None"),
        (views(crops=[[0]]), r"views\.crops: expected pairs of whole numbers"),
        (views(crops=[[0, 1.5]]), r"views\.crops: expected pairs of whole numbers"),
        (views(crops=[]), r"views\.crops needs 1 to 16 crops, got 0"),
        (views(crops=[[0, 0]] * 17), r"views\.crops needs 1 to 16 crops, got 17"),
        (views(crops=[[0, 0], [-1, 0]]), r"\[-1, 0\] is no place"),
        (lambda card: card["files"].update({ONNX: {"bytes": True, "sha256": ""}}), "expected bytes and sha256"),
    ],
)
def test_a_wrong_card_names_the_key(folder: Path, change: Callable[[dict[str, Any]], object], message: str) -> None:
    edit(folder, change)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dark": 0.5, "drak": 0.5}, r"card\.json: operating_point: the card's graph has no label 'drak'\n"),
        ({"drak": 0.5, "hell": 0}, "has no label 'drak', 'hell'\n"),
        ({"dark": 11}, r"operating_point: expected a number from -10 to 10 per label, got {'dark': 11}"),
        ({"dark": True}, "operating_point: expected a number"),
        ([0.5] * 6, "operating_point: expected a number"),
    ],
)
def test_a_wrong_operating_point_names_what_is_wrong(folder: Path, entry: object, message: str) -> None:
    edit(folder, lambda card: card.update(operating_point=entry))
    with pytest.raises(CheckpointError, match=message):
        _ = load_checkpoint(folder).offsets


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([0.1] * 6, r"card\.json: preview\.margins: expected a number from 0 to 10 per label, got \[0\.1"),
        ({}, "preview.margins: expected a number"),
        ({"margins": {"dark": -0.1}}, "preview.margins: expected a number"),
        ({"margins": {"dark": True}}, "preview.margins: expected a number"),
        ({"margins": {"drak": 0.1}}, "the card's graph has no label 'drak'\n"),
        ({"margins": {"dark": 0.1, "bright": 0.1}}, "there is none for 'high_contrast', 'low_contrast', 'over"),
    ],
)
def test_wrong_margins_of_previews_name_what_is_wrong(folder: Path, entry: object, message: str) -> None:
    assert load_checkpoint(folder).preview_margins is None
    edit(folder, lambda card: card.update(preview=entry))
    with pytest.raises(CheckpointError, match=message):
        _ = load_checkpoint(folder).preview_margins


def test_margins_of_previews_are_in_the_order_of_the_graph(folder: Path) -> None:
    names = load_checkpoint(folder).graph.label_names
    margins = {name: 0.1 * number for number, name in enumerate(names)}
    edit(folder, lambda card: card.update(preview={"margins": dict(reversed(margins.items()))}))
    assert load_checkpoint(folder).preview_margins == tuple(margins.values())


def test_labels_that_the_operating_point_leaves_out_have_no_offset(folder: Path) -> None:
    assert set(load_checkpoint(folder).offsets) == {0.0}
    edit(folder, lambda card: card.update(operating_point={"dark": -0.5}))
    checkpoint = load_checkpoint(folder)
    assert dict(zip(checkpoint.graph.label_names, checkpoint.offsets, strict=True)) == {
        name: -0.5 if name == "dark" else 0.0 for name in checkpoint.graph.label_names
    }


def test_several_mistakes_are_counted_and_the_card_is_named_once(folder: Path) -> None:
    def break_two(card: dict[str, Any]) -> None:
        card["graph"]["labels"] = 3
        card["preprocessing"]["size"] = None

    edit(folder, break_two)
    with pytest.raises(CheckpointError) as error:
        load_checkpoint(folder)
    assert error.value.message == f"{folder / 'card.json'}: {len(error.value.problems)} problems"
    assert all("card.json" not in problem for problem in error.value.problems)
    assert any(problem.startswith("graph: labels: ") for problem in error.value.problems)


def test_an_overflowing_number_is_refused(folder: Path) -> None:
    text = (folder / "card.json").read_text(encoding="utf-8")
    (folder / "card.json").write_text(text.replace('"mean": [\n      0.0', '"mean": [1e999'), encoding="utf-8")
    assert "1e999" in (folder / "card.json").read_text(encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"preprocessing\.mean\[0\]: inf is not a number"):
        load_checkpoint(folder)


def test_every_filter_is_one_that_pillow_has() -> None:
    assert {name.upper() for name in INTERPOLATIONS} <= set(Image.Resampling.__members__)


def test_the_graph_that_a_model_carries_must_be_the_cards(folder: Path) -> None:
    checkpoint = load_checkpoint(folder)
    checkpoint.refuse_other_graph(None)
    checkpoint.refuse_other_graph(checkpoint.graph.hash)
    with pytest.raises(CheckpointError, match="another graph"):
        checkpoint.refuse_other_graph("0" * 64)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xff", b"[" * 100_000, b'{"format_version": 1' + b"0" * 5000 + b"}"]
)
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


def test_a_full_disk_costs_no_older_checkpoint(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    synced: list[int] = []

    def no_space_for_the_second(descriptor: int) -> None:
        synced.append(descriptor)
        if len(synced) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space_for_the_second)
        with pytest.raises(OutputError, match=r"card\.json: cannot be written \(No space left on device\)"):
            write_checkpoint(folder, {ONNX: b"new"}, card)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    write_checkpoint(folder, {ONNX: b"new"}, card)
    assert load_checkpoint(folder).read_verified(ONNX) == b"new"


def test_a_page_for_people_lies_beside_the_card_and_never_that_of_an_older_one(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    write_checkpoint(folder, {ONNX: b"new"}, card, page="# für Menschen\n")
    assert (folder / "card.md").read_text("utf-8") == "# für Menschen\n"
    assert set(load_checkpoint(folder).card["files"]) == {ONNX}, "nothing hangs on it"
    write_checkpoint(folder, {ONNX: b"newer"}, card)
    assert not (folder / "card.md").exists()


def test_a_checkpoint_that_was_half_replaced_has_no_card_that_vouches_for_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    replace = os.replace

    def locked(path: str, target: str) -> None:
        if target.endswith("model.safetensors"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", locked)
        with pytest.raises(OutputError, match="cannot take its place"):
            write_checkpoint(folder, {ONNX: b"new", "model.safetensors": b"new"}, card)
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load_checkpoint(folder)
    assert not list(folder.glob(".*"))


def test_a_card_may_name_files_that_are_no_text(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    card["data"] = {"held_out": ["caf\udce9.jpg", "照片.jpg"]}
    write_checkpoint(folder, {}, card)
    assert load_checkpoint(folder).card["data"]["held_out"] == ["caf\udce9.jpg", "照片.jpg"]
