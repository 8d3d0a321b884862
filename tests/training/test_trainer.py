"""The trainer end to end on a tiny run: checkpoint, card, resume, determinism, and its errors."""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.config import ModelConfig, OptimConfig, load_config
from iqa_cli.errors import CheckpointError, ConfigError, OutputError, TrainingDiverged, UsageError
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.paths import find_graph

pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

import safetensors.torch
import torch

from iqa_cli.models.prepare import squash
from iqa_cli.models.runner import OnnxModel
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.report.checkpoint.card_page import card_page
from iqa_cli.training.rates import learning_rate
from iqa_cli.training.state import load_state, progress_of
from iqa_cli.training.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("quick_export")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def one_epoch(config_file: Path) -> Trainer:
    """A run that was killed after its first epoch."""
    trainer = Trainer(load_config(config_file), config_file.parent, "cpu")
    run = trainer.run()
    next(run)
    run.close()
    return trainer


def metrics(work: Path) -> list[dict[str, str]]:
    with (work / "metrics.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return safetensors.torch.load_file(folder / "model.safetensors")


@pytest.mark.usefixtures("real_export")
def test_a_run_writes_a_checkpoint_that_assess_can_use(config_file: Path) -> None:
    stale = config_file.parent / "checkpoint-run" / "last"
    stale.mkdir(parents=True)
    (stale / "card.json").write_text("of an earlier run", encoding="utf-8")
    trainer = Trainer(load_config(config_file), config_file.parent, "cpu")
    epochs = list(trainer.run())
    assert [(epoch.number, epoch.of) for epoch in epochs] == [(1, 2), (2, 2)]
    assert all(np.isfinite(epoch.loss) for epoch in epochs)
    folder = config_file.parent / "checkpoint"
    checkpoint = load_checkpoint(folder)
    assert checkpoint.graph.hash == trainer.graph.hash
    # What is passed around tells nothing of the machine it was made on.
    for content in ((folder / file).read_bytes() for file in ("card.json", "model.onnx", "model.safetensors")):
        assert b"site-packages" not in content
        assert str(config_file.parent).encode() not in content
        assert b"tone_model.py" not in content
    # The torch model and the exported one give the same scores for the same picture.
    runner = OnnxModel(checkpoint)
    picture = np.random.default_rng(0).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    prepared = squash(picture, checkpoint.preprocessing.size, checkpoint.preprocessing.interpolation)
    trainer._model.eval()
    with torch.no_grad():
        expected = trainer._model(trainer._model.prepared(torch.tensor(prepared).permute(2, 0, 1)[None]))
    assert runner.node_scores([prepared]) == pytest.approx(expected.numpy(), abs=1e-4)
    # The card vouches for the run.
    assert checkpoint.card["data"]["provenance"] == "drawn in code"
    figures = checkpoint.card["metrics"]
    assert {side: entry["pictures"] for side, entry in figures.items()} == {"validation": 24, "test": 32}
    assert set(figures["test"]["labels"]) == set(trainer.graph.label_names)
    assert checkpoint.card["model"]["fitted_temperature"] == dict.fromkeys(trainer.graph.label_names, 1.0)
    data = checkpoint.card["data"]
    held_out = data["validation"] + data["test"]
    assert data["validation"]
    assert data["test"]
    assert len(set(held_out)) == len(held_out) == data["photographs"] - data["photographs_training"] == 3
    assert str(config_file.parent) not in json.dumps(checkpoint.card)
    assert [row["epoch"] for row in metrics(config_file.parent / "checkpoint-run")] == ["1", "2"]
    # What was for --resume of an unfinished run is for more epochs now, and what is left is on the card.
    left = {path.name for path in (config_file.parent / "checkpoint-run").iterdir()}
    assert left - {"last"} == {"metrics.csv", "curves.png", "finished.safetensors", "best.safetensors"}
    assert ("last" in left) == (trainer.best != 2)
    assert "last" not in left or load_checkpoint(stale).card["training"]["epoch"] == 2
    files = ["card.json", "card.md", "model.onnx", "model.safetensors"]
    assert sorted(path.name for path in folder.iterdir()) == files
    page = (folder / "card.md").read_text("utf-8")
    assert page == card_page(checkpoint.card), "what is on it can be made from the card alone"
    assert str(config_file.parent) not in page


def test_a_resumed_run_ends_in_the_same_weights_as_an_uninterrupted_one(config_file: Path, tmp_path: Path) -> None:
    settings = load_config(config_file)
    list(Trainer(settings, tmp_path, "cpu").run())
    whole = weights(tmp_path / "checkpoint")
    other = config_file.with_name("other.toml")
    other.write_text(config_file.read_text(encoding="utf-8").replace('"checkpoint"', '"other"'), encoding="utf-8")
    killed = one_epoch(other)
    assert killed.kept == 1
    assert not (tmp_path / "other" / "card.json").exists()
    # A kill between the state and the weights of the best epoch loses nothing: the state has them.
    (tmp_path / "other-run" / "best.safetensors").unlink()
    # A kill between the state and the table loses no row, and a row of an epoch that was lost is not kept.
    (tmp_path / "other-run" / "metrics.csv").write_text("epoch\n1\n2\n", encoding="utf-8")
    trainer = Trainer(load_config(other), tmp_path, "cpu", resume=True)
    assert (trainer.kept, trainer.finished) == (1, False)
    rest = list(trainer.run())
    assert [epoch.number for epoch in rest] == [2]
    assert (trainer.kept, trainer.finished) == (2, True)
    resumed = weights(tmp_path / "other")
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name
    tables = [metrics(tmp_path / folder) for folder in ("checkpoint-run", "other-run")]
    assert [row["epoch"] for row in tables[0]] == ["1", "2"]
    for row, same in zip(*tables, strict=True):
        assert {**row, "seconds": ""} == {**same, "seconds": ""}


def test_a_kill_before_the_checkpoint_was_written_costs_no_epoch(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(config_file, "epochs = 2", "epochs = 1")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("iqa_cli.training.outcome.write_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            next(Trainer(load_config(config_file), tmp_path, "cpu").run())
    leftovers = [
        tmp_path / "checkpoint-run" / ".iqa-state.safetensors-01234567.part",
        tmp_path / "checkpoint" / ".iqa-model.onnx-01234567.part",
    ]
    others = [tmp_path / "checkpoint-run" / name for name in (".iqa-audit.csv-01234567.part", "state.part")]
    for path in (*leftovers, *others):
        path.write_bytes(b"as SIGKILL leaves it")
    trainer = Trainer(load_config(config_file), tmp_path, "cpu", resume=True)
    assert not any(path.exists() for path in leftovers)
    assert all(path.exists() for path in others)
    assert list(trainer.run()) == []
    assert load_checkpoint(tmp_path / "checkpoint").graph.hash == trainer.graph.hash
    assert not (tmp_path / "checkpoint-run" / "state.safetensors").exists()


def test_a_state_that_is_none_is_a_clear_error(config_file: Path, tmp_path: Path) -> None:
    (tmp_path / "checkpoint-run").mkdir()
    (tmp_path / "checkpoint-run" / "state.safetensors").write_bytes(b"not a state")
    with pytest.raises(CheckpointError, match="damaged"):
        Trainer(load_config(config_file), tmp_path, "cpu", resume=True)


Tensors = dict[str, torch.Tensor]


@pytest.mark.parametrize(
    "damage",
    [
        lambda tensors, _: tensors.pop("optimiser.0.exp_avg"),
        lambda tensors, _: [tensors.pop(name) for name in list(tensors) if name.startswith("optimiser.")],
        lambda tensors, _: tensors.update({"optimiser.x.step": torch.zeros(())}),
        lambda tensors, _: tensors.update({"optimiser.0.exp_avg": torch.zeros(7)}),
        lambda tensors, _: tensors.pop("model.head.bias"),
        lambda _, metadata: metadata.pop("progress"),
        lambda _, metadata: metadata.update(progress="[]"),
        lambda _, metadata: metadata.update(progress='{"identity": {}, "epochs": 2, "rows": [{}]}'),
        lambda _, metadata: metadata.pop("tensors"),
    ],
    ids=["slot", "optimiser", "number", "shape", "weight", "progress", "list", "rows", "names"],
)
def test_a_damaged_state_is_a_clear_error(
    unfinished: Path, damage: Callable[[Tensors, dict[str, str]], object], tmp_path: Path
) -> None:
    path = tmp_path / "state.safetensors"
    with safetensors.safe_open(unfinished, framework="pt") as stream:
        metadata = stream.metadata()
        tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 - not a mapping
    damage(tensors, metadata)
    safetensors.torch.save_file(tensors, path, metadata)

    def resume(work: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer) -> None:
        progress_of(work, resume=True)
        load_state(work, model, optimiser)

    model = ToneModel(ModelConfig(context_tokens=2), read_graph(find_graph("smartphone-6")))
    optimiser = torch.optim.AdamW(model.parameter_groups(OptimConfig()))
    with pytest.raises(CheckpointError, match="damaged"):
        resume(tmp_path, model, optimiser)


@pytest.fixture(scope="module")
def unfinished(ladder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a run after its first epoch."""
    folder = tmp_path_factory.mktemp("unfinished")
    path = folder / "run.toml"
    path.write_text(
        f"[data]\nladder = '{ladder_folder}'\nsamples = 16\nvalidation_samples = 8\n[model]\ncontext_tokens = 2\n"
        "[optim]\nepochs = 2\nbatch_size = 8\n[run]\nout = 'checkpoint'\n",
        encoding="utf-8",
    )
    one_epoch(path)
    return folder / "checkpoint-run" / "state.safetensors"


@pytest.mark.parametrize("folder", ["checkpoint", "checkpoint-run"])
def test_a_folder_that_cannot_be_written_is_found_before_the_photographs_are_read(
    config_file: Path, tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_reached(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("iqa_cli.training.ladder_data.load_photographs", not_reached)
    (tmp_path / folder).touch()
    with pytest.raises(OutputError, match=f"{folder}: cannot be written"):
        Trainer(load_config(config_file), tmp_path, "cpu")


def test_a_disk_that_fills_up_is_not_our_bug(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Trainer(load_config(config_file), tmp_path, "cpu").run()

    def no_space(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OutputError, match=r"state\.safetensors: cannot be written \(No space left on device\)"):
        next(run)
    assert list((tmp_path / "checkpoint-run").iterdir()) == []


def test_the_last_short_batch_does_not_thin_the_loss(config_file: Path, tmp_path: Path) -> None:
    # A batch of 16 and one picture, which is left out.
    losses = []
    for samples in (17, 16):
        edit(config_file, "samples = 48" if samples == 17 else "samples = 17", f"samples = {samples}")
        trainer = Trainer(load_config(config_file), tmp_path, "cpu")
        losses.append(trainer._train_epoch(trainer._model, 0, None))
    assert losses[0] == pytest.approx(losses[1])


def test_one_picture_per_epoch_is_refused(config_file: Path) -> None:
    edit(config_file, "samples = 48", "samples = 1")
    with pytest.raises(ConfigError) as error:
        load_config(config_file)
    assert error.value.problems[0].startswith("data.samples: expected 2 to")


def test_a_graph_that_forbids_what_the_ladder_makes_is_refused(config_file: Path, tmp_path: Path) -> None:
    graph = json.loads(find_graph("smartphone-6").read_text(encoding="utf-8"))
    rule = {"label_a": "dark", "a_levels": [2, 3, 4], "label_b": "low_contrast", "b_levels": [2, 3, 4]}
    graph["exclusions"].append(rule)
    (tmp_path / "mine.json").write_text(json.dumps(graph), encoding="utf-8")
    text = config_file.read_text(encoding="utf-8").replace("validation_samples = 24", "validation_samples = 300")
    config_file.write_text(text + f"[graph]\nname = '{tmp_path / 'mine.json'}'\n", encoding="utf-8")
    run = Trainer(load_config(config_file), tmp_path, "cpu").run()
    with pytest.raises(
        ConfigError, match=r"mine\.json: the tone ladder makes pictures that this graph forbids"
    ) as error:
        next(run)
    assert len(error.value.problems) == 1
    assert re.fullmatch(r"'dark' at [234] with 'low_contrast' at [234]", error.value.problems[0])


def test_a_backbone_that_cannot_be_exported_is_refused_before_training(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise torch.onnx.OnnxExporterError("no \x1b[96mstep\x1b[0m\nmore") from None

    monkeypatch.setattr("iqa_cli.training.checks.onnx_writer", fails)
    monkeypatch.setattr("iqa_cli.training.trainer.is_own", lambda _: False)
    with pytest.raises(ConfigError, match=r"iqa-small cannot be exported to ONNX \(no step\)"):
        Trainer(load_config(config_file), tmp_path, "cpu")


def test_blocks_are_computed_again_only_where_a_tower_can(config_file: Path, tmp_path: Path) -> None:
    edit(config_file, "seed = 3", "seed = 3\n        grad_checkpointing = true")
    with pytest.raises(ConfigError, match=r"run\.grad_checkpointing: the visual tower of iqa-small keeps batch stat"):
        Trainer(load_config(config_file), tmp_path, "cpu")
    edit(config_file, "context_tokens = 2", 'context_tokens = 2\n        train_visual = "none"')
    assert Trainer(load_config(config_file), tmp_path, "cpu")._model.recomputing  # through the text tower


@pytest.mark.usefixtures("real_export")
def test_statistics_temperatures_and_a_mirror_blind_tower_go_all_the_way(config_file: Path, tmp_path: Path) -> None:
    settings = "context_tokens = 2\n        statistics = 8\n        mirror = true\n        temperature = true"
    edit(config_file, "context_tokens = 2", settings)
    killed = one_epoch(config_file)
    fresh = {name: value.clone() for name, value in killed._model.state_dict().items()}
    trainer = Trainer(load_config(config_file), tmp_path, "cpu", resume=True)
    list(trainer.run())
    checkpoint = load_checkpoint(tmp_path / "checkpoint")
    kept = weights(tmp_path / "checkpoint")
    name = "statistics.network.0.weight"
    assert kept.keys() == fresh.keys()
    if checkpoint.card["training"]["epoch"] == 2:
        assert not torch.equal(kept[name], fresh[name])
    kernel = kept["clip.visual.conv1.weight"]
    assert torch.equal(kernel, kernel.flip(-1))
    model = checkpoint.card["model"]
    assert (model["statistics"], model["mirror"]) == (8, True)
    fitted = model["fitted_temperature"]
    assert list(fitted) == list(trainer.graph.label_names)
    assert kept["temperature"].tolist() == pytest.approx(list(fitted.values()), abs=1e-5)
    assert len(set(fitted.values())) > 1
    # The exported model has all three of them in its scores.
    picture = np.random.default_rng(0).integers(0, 256, (200, 150, 3), dtype=np.uint8)
    prepared = squash(picture, checkpoint.preprocessing.size, checkpoint.preprocessing.interpolation)
    trainer._model.eval()
    with torch.no_grad():
        expected = trainer._model(trainer._model.prepared(torch.tensor(prepared).permute(2, 0, 1)[None]))
    found = OnnxModel(checkpoint).node_scores([prepared])
    assert found == pytest.approx(expected.numpy(), abs=1e-4 * max(1.0, float(expected.abs().max())))


def test_the_fc_head_trains_too(config_file: Path, tmp_path: Path) -> None:
    text = config_file.read_text(encoding="utf-8").replace("context_tokens = 2", 'head = "fc"')
    config_file.write_text(text.replace("epochs = 2", "epochs = 1"), encoding="utf-8")
    list(Trainer(load_config(config_file), tmp_path, "cpu").run())
    assert load_checkpoint(tmp_path / "checkpoint").card["model"]["head"] == "fc"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_scores_that_are_no_numbers_stop_the_run(config_file: Path, tmp_path: Path, value: float) -> None:
    trainer = Trainer(load_config(config_file), tmp_path, "cpu")
    with torch.no_grad():
        trainer._model.thresholds.first.fill_(value)
    with pytest.raises(TrainingDiverged, match="in epoch 1, batch 1\n"):
        next(trainer.run())
    assert not (tmp_path / "checkpoint" / "card.json").exists()


def test_a_divergence_keeps_the_best_epoch_as_a_checkpoint(config_file: Path, tmp_path: Path) -> None:
    trainer = Trainer(load_config(config_file), tmp_path, "cpu")
    run = trainer.run()
    next(run)
    first = {name: value.clone() for name, value in trainer._model.state_dict().items()}
    with torch.no_grad():
        trainer._model.thresholds.first.fill_(float("nan"))
    with pytest.raises(TrainingDiverged, match="in epoch 2, batch 1") as error:
        next(run)
    assert f"the checkpoint of epoch 1 is in {tmp_path / 'checkpoint'}" in (error.value.hint or "")
    card = load_checkpoint(tmp_path / "checkpoint").card
    assert card["training"]["epoch"] == 1
    assert "in epoch 2, batch 1" in card["training"]["stopped"]
    kept = weights(tmp_path / "checkpoint")
    assert all(torch.equal(value, kept[name]) for name, value in first.items())
    assert not (tmp_path / "checkpoint-run" / "state.safetensors").exists()


def test_a_loss_that_is_no_number_names_the_batch(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = Trainer(load_config(config_file), tmp_path, "cpu")
    calls = iter([1.0, float("nan")])
    monkeypatch.setattr(trainer, "_objective", lambda unary, _: unary.sum() * 0 + next(calls))
    with pytest.raises(TrainingDiverged, match="the loss is no number in epoch 1, batch 2"):
        next(trainer.run())


@pytest.mark.parametrize("device", ["warp", "mps", "meta", "cuda:-1", "cpu:0", "", "cuda:９"])
def test_an_unknown_device_is_the_callers_mistake(config_file: Path, tmp_path: Path, device: str) -> None:
    with pytest.raises(UsageError, match=f"device '{device}' is not known"):
        Trainer(load_config(config_file), tmp_path, device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="tells what a machine without CUDA says")
def test_a_device_that_is_not_there_is_the_callers_mistake(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cuda:0.*cannot be used"):
        Trainer(load_config(config_file), tmp_path, "cuda:0")


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
    rates = [learning_rate(step, 200, 0.05) for step in range(200)]
    assert rates[9] == pytest.approx(1.0)
    assert rates[:10] == sorted(rates[:10])
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rates[-1] < 0.001


def test_a_last_step_that_was_too_large_is_a_divergence_and_keeps_the_best_epoch(
    config_file: Path, tmp_path: Path
) -> None:
    trainer = Trainer(load_config(config_file), tmp_path, "cpu")
    run = trainer.run()
    next(run)
    train = trainer._train_epoch

    def overshoots(*arguments: Any) -> float:
        loss = train(*arguments)
        with torch.no_grad():
            trainer._model.thresholds.first.fill_(float("nan"))
        return loss

    trainer._train_epoch = overshoots  # type: ignore[method-assign]
    with pytest.raises(TrainingDiverged, match="after epoch 2\n") as error:
        next(run)
    assert "the checkpoint of epoch 1 is in" in (error.value.hint or "")
    assert load_checkpoint(tmp_path / "checkpoint").card["training"]["epoch"] == 1


def test_processes_exchange_gradients_once_a_step(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(config_file, "batch_size = 16", "batch_size = 16\n        accumulate = 2")
    exchanged = []

    class Distributed(torch.nn.Module):
        """What DistributedDataParallel decides in its forward pass."""

        def __init__(self, model: torch.nn.Module) -> None:
            super().__init__()
            self.model, self.synchronises = model, True

        @contextlib.contextmanager
        def no_sync(self) -> Iterator[None]:
            self.synchronises = False
            yield
            self.synchronises = True

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            exchanged.append(self.synchronises)
            scores: torch.Tensor = self.model(inputs)
            return scores

    monkeypatch.setattr("iqa_cli.training.trainer.DistributedDataParallel", Distributed)
    trainer = Trainer(load_config(config_file), tmp_path, "cpu")
    trainer._train_epoch(Distributed(trainer._model), 0, None)
    assert exchanged == [False, True, True]  # 48 pictures in batches of 16, two a step


def test_scores_keep_their_digits_under_autocast() -> None:
    torch.manual_seed(0)
    model = ToneModel(ModelConfig(head="fc"), read_graph(find_graph("smartphone-6")))
    features = torch.nn.functional.normalize(torch.randn(4, model.head.weight_and_bias()[0].shape[1]), dim=-1)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        scores = model.scores(features)
    assert scores.dtype == torch.float32
    assert torch.equal(scores, model.scores(features))


def test_processes_without_a_batch_are_refused(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(config_file, "samples = 48", "samples = 3")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setattr("iqa_cli.training.trainer.join", lambda *_: None)  # there is nobody to meet
    with pytest.raises(ConfigError, match="no batch of two pictures is left for each of 2 processes"):
        Trainer(load_config(config_file), tmp_path, "cpu")


def test_of_epochs_that_rank_alike_the_likeliest_is_the_best(config_file: Path, tmp_path: Path) -> None:
    trainer = Trainer(load_config(config_file), tmp_path, "cpu")
    assert trainer.best == 0
    rows = [(float("nan"), 0.1), (0.9, 3.0), (1.0, 2.0), (1.0, 1.0), (1.0, 1.5)]
    trainer._rows = tuple({"qwk": 0.5, "tauc": area, "validation_loss": loss} for area, loss in rows)
    assert trainer.best == 4
