"""The trainer end to end on a tiny run: checkpoint, card, resume, determinism, and its errors."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.config import load_config
from iqa_cli.errors import CheckpointError, ConfigError, TrainingDiverged, UsageError

pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

import safetensors.torch
import torch

from iqa_cli.models.runner import OnnxModel
from iqa_cli.training.trainer import Trainer, _learning_rate

if TYPE_CHECKING:
    from pathlib import Path


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "model.safetensors")


def test_a_run_writes_a_checkpoint_that_assess_can_use(config_file: Path) -> None:
    trainer = Trainer(load_config(config_file), config_file.parent, "cpu")
    epochs = list(trainer.run())
    assert [(epoch.number, epoch.of) for epoch in epochs] == [(1, 2), (2, 2)]
    assert all(np.isfinite(epoch.loss) for epoch in epochs)
    folder = config_file.parent / "checkpoint"
    checkpoint = load_checkpoint(folder)
    assert checkpoint.graph.hash == trainer.graph.hash
    # The torch model and the exported one give the same scores for the same picture.
    runner = OnnxModel(checkpoint)
    picture = np.random.default_rng(0).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    prepared = runner.prepare(picture)
    trainer._model.eval()
    with torch.no_grad():
        expected = trainer._model(trainer._model.prepared(torch.tensor(prepared).permute(2, 0, 1)[None]))
    assert runner.node_scores([prepared]) == pytest.approx(expected.numpy(), abs=1e-4)
    # The card vouches for the run.
    assert checkpoint.card["data"]["provenance"] == "drawn in code"
    assert checkpoint.card["metrics"]["held_out_ladder"]["pictures"] == 32
    assert set(checkpoint.card["metrics"]["held_out_ladder"]["labels"]) == set(trainer.graph.label_names)
    assert str(config_file.parent) not in json.dumps(checkpoint.card)
    with (config_file.parent / "checkpoint-run" / "metrics.csv").open(encoding="utf-8") as stream:
        assert [row["epoch"] for row in csv.DictReader(stream)] == ["1", "2"]


def test_a_resumed_run_ends_in_the_same_weights_as_an_uninterrupted_one(config_file: Path, tmp_path: Path) -> None:
    settings = load_config(config_file)
    list(Trainer(settings, tmp_path, "cpu").run())
    whole = weights(tmp_path / "checkpoint")
    other = config_file.with_name("other.toml")
    other.write_text(config_file.read_text(encoding="utf-8").replace('"checkpoint"', '"other"'), encoding="utf-8")
    killed = Trainer(load_config(other), tmp_path, "cpu").run()
    next(killed)
    killed.close()
    assert not (tmp_path / "other" / "card.json").exists()
    rest = list(Trainer(load_config(other), tmp_path, "cpu").run(resume=True))
    assert [epoch.number for epoch in rest] == [2]
    resumed = weights(tmp_path / "other")
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_the_state_of_another_config_is_refused(config_file: Path, tmp_path: Path) -> None:
    run = Trainer(load_config(config_file), tmp_path, "cpu").run()
    next(run)
    run.close()
    config_file.write_text(
        config_file.read_text(encoding="utf-8").replace("batch_size = 16", "batch_size = 12"), encoding="utf-8"
    )
    with pytest.raises(CheckpointError, match="another config"):
        next(Trainer(load_config(config_file), tmp_path, "cpu").run(resume=True))


def test_a_damaged_state_is_a_clear_error(config_file: Path, tmp_path: Path) -> None:
    trainer = Trainer(load_config(config_file), tmp_path, "cpu")
    (tmp_path / "checkpoint-run" / "state.safetensors").write_bytes(b"not a state")
    with pytest.raises(CheckpointError, match="damaged"):
        next(trainer.run(resume=True))


def test_the_fc_head_trains_too(config_file: Path, tmp_path: Path) -> None:
    text = config_file.read_text(encoding="utf-8").replace("context_tokens = 2", 'head = "fc"')
    config_file.write_text(text.replace("epochs = 2", "epochs = 1"), encoding="utf-8")
    list(Trainer(load_config(config_file), tmp_path, "cpu").run())
    assert load_checkpoint(tmp_path / "checkpoint").card["model"]["head"] == "fc"


def test_a_loss_that_is_no_number_stops_the_run(config_file: Path, tmp_path: Path) -> None:
    trainer = Trainer(load_config(config_file), tmp_path, "cpu")
    with torch.no_grad():
        trainer._model.thresholds.first.fill_(float("inf"))
    with pytest.raises((TrainingDiverged, ValueError)):
        next(trainer.run())
    assert not (tmp_path / "checkpoint" / "card.json").exists()


def test_an_unknown_device_is_the_callers_mistake(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="warp"):
        Trainer(load_config(config_file), tmp_path, "warp")


def test_a_missing_photo_folder_is_named(config_file: Path, tmp_path: Path) -> None:
    text = config_file.read_text(encoding="utf-8")
    config_file.write_text(text.replace("ladder = '", "ladder = '/nowhere"), encoding="utf-8")
    with pytest.raises(ConfigError, match="nowhere"):
        Trainer(load_config(config_file), tmp_path, "cpu")


def test_a_graph_that_the_ladder_cannot_label_is_refused_before_training(config_file: Path, tmp_path: Path) -> None:
    graph = {
        "labels": ["bright", "blurred"],
        "levels": {"1": "none", "2": "some", "3": "much", "4": "too much"},
        "nodes": [{"label": "bright", "levels": [1, 2, 3]}, {"label": "blurred", "levels": [1, 2, 3, 4]}],
        "exclusions": [],
        "subsumptions": [],
    }
    (tmp_path / "mine.json").write_text(json.dumps(graph), encoding="utf-8")
    text = config_file.read_text(encoding="utf-8")
    config_file.write_text(text + f"[graph]\nname = '{tmp_path / 'mine.json'}'\n", encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        Trainer(load_config(config_file), tmp_path, "cpu")
    assert error.value.problems == (
        "'bright': the tone ladder knows 4 levels, not 3",
        "'blurred': the tone ladder does not measure it",
    )


def test_the_learning_rate_rises_then_falls_to_nothing() -> None:
    rates = [_learning_rate(step, 200, 0.05) for step in range(200)]
    assert rates[9] == pytest.approx(1.0)
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < 0.001
