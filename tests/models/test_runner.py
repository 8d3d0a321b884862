"""The runner: a model that does not fit its card is refused when it is loaded."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from iqa_cli.checkpoint import CARD, GRAPH_KEY, ONNX, load_checkpoint, write_checkpoint
from iqa_cli.errors import CheckpointError
from iqa_cli.models.runner import OnnxModel

if TYPE_CHECKING:
    from pathlib import Path


def test_a_model_that_fits_its_card_scores_every_threshold(checkpoint_folder: Path) -> None:
    checkpoint = load_checkpoint(checkpoint_folder)
    picture = np.zeros((checkpoint.preprocessing.size, checkpoint.preprocessing.size, 3), np.uint8)
    assert OnnxModel(checkpoint).node_scores([picture] * 2).shape == (2, checkpoint.graph.n_nodes)


def test_a_card_with_another_input_size_is_refused(checkpoint_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint_folder, tmp_path / "other")
    card = json.loads((tmp_path / "other" / "card.json").read_text(encoding="utf-8"))
    card["preprocessing"]["size"] = 32
    (tmp_path / "other" / "card.json").write_text(json.dumps(card), encoding="utf-8")
    checkpoint = load_checkpoint(tmp_path / "other")
    with pytest.raises(CheckpointError, match=r"shape \(3, 16, 16\), the card's preprocessing gives \(3, 32, 32\)"):
        OnnxModel(checkpoint)


def test_a_model_of_another_graph_is_refused_even_if_the_numbers_fit(checkpoint_folder: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="editing a model needs onnx, which the train extra brings")
    model = onnx.load(checkpoint_folder / ONNX)
    onnx.helper.set_model_props(model, {GRAPH_KEY: "0" * 64})
    card = json.loads((checkpoint_folder / CARD).read_text(encoding="utf-8"))
    write_checkpoint(tmp_path, {ONNX: model.SerializeToString()}, {k: v for k, v in card.items() if k != "files"})
    with pytest.raises(CheckpointError, match="another graph"):
        OnnxModel(load_checkpoint(tmp_path))
