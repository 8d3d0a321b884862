"""The published recipes run as they are written, but for paths and sizes; learning rates that a config leaves out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.config import ModelConfig, OptimConfig, TrainConfig, load_config
from iqa_cli.config.sections import DataConfig, RunConfig
from iqa_cli.errors import CheckpointError, ConfigError
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.paths import find_graph
from tests.training.conftest import scene

pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

import open_clip
import safetensors.torch
import torch

from iqa_cli.inspection.contents import card_contents
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.training import trainer as module
from iqa_cli.training.rates import rate_warnings, with_rates
from iqa_cli.training.trainer import Trainer

if TYPE_CHECKING:
    from iqa_cli.hexgraph.graph import HexGraph

pytestmark = pytest.mark.usefixtures("quick_export")

CONFIGS = Path(__file__).parents[2] / "configs"
RECIPES = ("clip-vit-b32-fc", "clip-vit-b32-coop", "prism-53")
TINY = "test-recipe"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of a CLIP as OpenAI's, but tiny."""
    folder = tmp_path_factory.mktemp("tiny")
    config = {
        "embed_dim": 32,
        "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    }
    for name, more in ((TINY, {}), (f"{TINY}-quickgelu", {"quick_gelu": True})):
        (folder / f"{name}.json").write_text(json.dumps({**config, **more}))
        open_clip.add_model_config(folder / f"{name}.json")
    torch.manual_seed(0)
    clip = open_clip.create_model(TINY)
    safetensors.torch.save_file({n: v.contiguous() for n, v in clip.state_dict().items()}, folder / "clip.safetensors")
    return folder / "clip.safetensors"


@pytest.fixture
def no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a backbone can be exported is asked elsewhere."""
    monkeypatch.setattr(module, "refuse_unexportable", lambda *_: None)


def label_files(folder: Path, graph: HexGraph) -> DataConfig:
    """Drawn photographs, half of them dark, and three label files in which that is known and the rest is not."""
    (folder / "photos").mkdir()
    for part, seeds in (("train", range(8)), ("val", range(8, 12)), ("test", range(12, 16))):
        rows = [f"filename,{','.join(graph.label_names)}"]
        for seed in seeds:
            picture = scene(seed, 48) // (4 if seed % 2 else 1)
            Image.fromarray(picture.astype(np.uint8)).save(folder / "photos" / f"{seed}.png")
            cells = ["" if place != 1 else "2" if seed % 2 else "0" for place in range(len(graph.labels))]
            rows.append(f"{seed}.png,{','.join(cells)}")
        (folder / f"{part}.csv").write_text("\n".join(rows) + "\n")
    files = {"labels": folder / "train.csv", "validation": folder / "val.csv", "test": folder / "test.csv"}
    return DataConfig(**files, images=folder / "photos")


@pytest.mark.usefixtures("no_trial")
@pytest.mark.parametrize("recipe", RECIPES)
def test_a_published_recipe_runs(recipe: str, weights: Path, tmp_path: Path) -> None:
    written = load_config(CONFIGS / f"{recipe}.toml")
    graph = read_graph(find_graph(written.graph.name))
    assert (written.model.pretrained, written.model.backbone[:4]) == ("openai", "ViT-")
    config = dataclasses.replace(
        written,
        data=label_files(tmp_path, graph),
        model=dataclasses.replace(written.model, backbone=TINY, pretrained=str(weights), quick_gelu=True),
        optim=dataclasses.replace(written.optim, epochs=1, batch_size=4, accumulate=1),
        run=dataclasses.replace(written.run, out=tmp_path / "out", work=tmp_path / "work"),
    )
    trainer = Trainer(config, tmp_path, "cpu")
    assert trainer.warnings == ()
    optim = written.optim
    rates = {optim.lr_visual, optim.lr_head, optim.lr_thresholds or optim.lr_head}
    rates |= set() if optim.lr_scale is None else {optim.lr_scale}
    assert {group["peak_lr"] for group in trainer._optimiser.param_groups} == rates
    before = {name: value.clone() for name, value in trainer._model.state_dict().items()}
    (epoch,) = trainer.run()
    assert np.isfinite(epoch.loss)
    moved = {name for name, value in trainer._model.state_dict().items() if not torch.equal(value, before[name])}
    cuts = set() if written.model.prompts == "level" else {"thresholds"}  # nodes of prompts for each level have no cuts
    assert {name.partition(".")[0] for name in moved} == {"clip", "head"} | cuts
    assert all(name.startswith("clip.visual.") for name in moved if name.startswith("clip."))
    assert ("head.log_scale" in moved) == (optim.lr_scale is not None and optim.lr_scale > 0)
    card = load_checkpoint(tmp_path / "out").card
    assert card["model"]["quick_gelu"] is True
    assert load_checkpoint(tmp_path / "out").preprocessing.n_views == (10 if recipe == "prism-53" else 1)
    assert card["training"]["config"]["optim"]["lr_visual"] == optim.lr_visual
    assert card["training"]["config"]["loss"] == dataclasses.asdict(written.loss)
    assert card_contents(load_checkpoint(tmp_path / "out"))["quick_gelu"] is True


def test_the_recipes_say_what_the_research_has() -> None:
    fc, coop, prism = (load_config(CONFIGS / f"{recipe}.toml") for recipe in RECIPES)
    for config in (fc, coop):
        assert (config.loss.name, config.loss.gamma, config.loss.alpha) == ("focal-fidelity", 2.0, 0.8)
    for config in (coop, prism):
        assert (config.model.context_tokens, config.model.train_text) == (4, False)
    assert (prism.model.context, prism.model.views) == ("per-label", "nine")
    assert (coop.model.prompts, coop.model.context_per_template, len(coop.model.templates)) == ("level", True, 5)
    assert (prism.loss.name, prism.optim.batch_size * prism.optim.accumulate) == ("nll", 50)


def run_of(model: ModelConfig, **optim: Any) -> TrainConfig:
    return TrainConfig(
        DataConfig(ladder=Path("photos")), RunConfig(Path("out")), model=model, optim=OptimConfig(**optim)
    )


OPENAI = ModelConfig(backbone="ViT-B-32", pretrained="openai")


@pytest.mark.parametrize(
    ("model", "given", "visual", "text"),
    [
        (ModelConfig(), {}, 1e-3, None),
        (ModelConfig(pretrained="checkpoint:default"), {}, 1e-3, None),
        (ModelConfig(backbone="ViT-B-32"), {}, 1e-3, None),
        (OPENAI, {}, 1e-5, 1e-5),
        (OPENAI, {"lr_visual": 3e-6}, 3e-6, 3e-6),
        (OPENAI, {"lr_text": 1e-6}, 1e-5, 1e-6),
        (dataclasses.replace(OPENAI, train_text=False), {}, 1e-5, None),
        (dataclasses.replace(OPENAI, head="fc"), {}, 1e-5, None),
        (dataclasses.replace(OPENAI, pretrained="checkpoint:mine"), {}, 1e-5, 1e-5),
    ],
    ids=["ours", "ours going on", "from nothing", "pretrained", "said", "text", "text frozen", "fc", "going on"],
)
def test_a_pretrained_tower_has_a_low_rate_if_none_is_said(
    model: ModelConfig, given: dict[str, float], visual: float, text: float | None
) -> None:
    optim = with_rates(run_of(model, **given)).optim
    assert (optim.lr_visual, optim.lr_text) == (visual, text)
    assert rate_warnings(model, optim) == ()


def test_a_rate_that_destroys_a_pretrained_tower_is_warned_of() -> None:
    def warned(model: ModelConfig) -> list[str]:
        optim = with_rates(run_of(model, lr_visual=1e-3)).optim
        return [warning.partition(" is ")[0] for warning in rate_warnings(model, optim)]

    assert warned(OPENAI) == ["optim.lr_visual = 0.001", "optim.lr_text = 0.001"]
    assert warned(dataclasses.replace(OPENAI, train_text=False)) == ["optim.lr_visual = 0.001"]
    assert warned(dataclasses.replace(OPENAI, head="fc", train_visual=2)) == ["optim.lr_visual = 0.001"]
    for train_visual in ("none", 1):
        assert warned(dataclasses.replace(OPENAI, head="fc", train_visual=train_visual)) == []
    assert warned(ModelConfig(pretrained="checkpoint:default")) == []


def test_the_text_tower_and_the_scale_have_rates_of_their_own(weights: Path) -> None:
    config = ModelConfig(backbone=TINY, pretrained=str(weights), quick_gelu=True)
    model = ToneModel(config, read_graph(find_graph("smartphone-6")))
    groups = model.parameter_groups(OptimConfig(lr_visual=1e-6, lr_text=1e-7, lr_scale=1e-4, lr_head=1e-2))
    by_rate: dict[float, set[int]] = {}
    for group in groups:
        by_rate.setdefault(group["peak_lr"], set()).update(id(parameter) for parameter in group["params"])
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    told = {rate: {names[parameter] for parameter in parameters} for rate, parameters in by_rate.items()}
    assert told[1e-4] == {"head.log_scale"}
    assert all(name.startswith("clip.visual.") for name in told[1e-6])
    assert told[1e-7]
    assert not any(name.startswith(("clip.visual.", "head.")) for name in told[1e-7])
    assert {"head.context", "head.bias", "thresholds.first"} <= told[1e-2]


@pytest.fixture
def going_on(weights: Path, tmp_path: Path) -> TrainConfig:
    """A run of two epochs, of which one is done."""
    graph = read_graph(find_graph("smartphone-6"))
    model = ModelConfig(backbone=TINY, pretrained=str(weights), quick_gelu=True, head="fc")
    run = RunConfig(tmp_path / "out", tmp_path / "work")
    optim = OptimConfig(epochs=2, batch_size=4)
    config = TrainConfig(label_files(tmp_path, graph), run, model=model, optim=optim)
    started = Trainer(config, tmp_path, "cpu").run()
    next(started)
    started.close()
    return config


@pytest.mark.usefixtures("no_trial")
def test_a_run_goes_on_with_the_activation_that_it_began_with(going_on: TrainConfig, tmp_path: Path) -> None:
    other = dataclasses.replace(going_on, model=dataclasses.replace(going_on.model, quick_gelu=False))
    with pytest.raises(CheckpointError) as error:
        Trainer(other, tmp_path, "cpu", resume=True)
    assert error.value.problems == ("model.quick_gelu: True in that run, None now",)
    trainer = Trainer(going_on, tmp_path, "cpu", resume=True)
    assert trainer._model.quick_gelu
    assert [epoch.number for epoch in trainer.run()] == [2]


@pytest.mark.usefixtures("no_trial")
def test_going_on_from_a_checkpoint_keeps_its_activation(going_on: TrainConfig, tmp_path: Path) -> None:
    list(Trainer(going_on, tmp_path, "cpu", resume=True).run())
    graph = read_graph(find_graph("smartphone-6"))
    pretrained = f"checkpoint:{tmp_path / 'out'}"
    model = ToneModel(ModelConfig(backbone=TINY, head="fc", pretrained=pretrained), graph)
    assert model.quick_gelu
    assert "QuickGELU" in repr(model.clip.visual)
    with pytest.raises(ConfigError, match=r"model\.quick_gelu: false, but .*card\.json says true"):
        ToneModel(ModelConfig(backbone=TINY, head="fc", pretrained=pretrained, quick_gelu=False), graph)
