"""Prompts as the research has them: one for each label and level, and a context for each template."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

import safetensors.torch  # noqa: E402 - the train extra may be missing

from iqa_cli.checkpoint import load_checkpoint  # noqa: E402
from iqa_cli.config import ModelConfig, load_config  # noqa: E402
from iqa_cli.errors import ConfigError  # noqa: E402
from iqa_cli.hexgraph.read import read_graph  # noqa: E402
from iqa_cli.models.heads import CoopHead, FreeNodes  # noqa: E402
from iqa_cli.models.prepare import normalise  # noqa: E402
from iqa_cli.models.runner import OnnxModel  # noqa: E402
from iqa_cli.models.tone_model import ExportedModel, ToneModel  # noqa: E402
from iqa_cli.models.warm_start import checkpoint_of  # noqa: E402
from iqa_cli.paths import find_graph  # noqa: E402
from iqa_cli.training.trainer import Trainer  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

GRAPH = read_graph(find_graph("smartphone-6"))
BOTH = ModelConfig(prompts="level", context_per_template=True, templates=("{}", "a {} photo"), context_tokens=3)


def text_feature(model: ToneModel, context: torch.Tensor, text: str) -> torch.Tensor:
    """Of one prompt, by the whole text tower on whole rows: (D,) of unit length."""
    from iqa_cli.models.backbone import build_backbone

    tokenizer, clip = build_backbone("iqa-small", False).tokenizer(), model.clip
    ids = tokenizer.encode(text)
    row = [tokenizer.sot_token_id, *[0] * len(context), *ids, tokenizer.eot_token_id]
    tokens = torch.tensor(row + [0] * (tokenizer.context_length - len(row)))
    embedded = clip.token_embedding(tokens).detach().clone()
    embedded[1 : 1 + len(context)] = context
    states = clip.transformer((embedded + clip.positional_embedding)[None], attn_mask=clip.attn_mask)
    feature = clip.ln_final(states)[0, len(row) - 1] @ clip.text_projection
    return torch.nn.functional.normalize(feature, dim=-1)


def test_each_level_has_a_text_and_each_template_a_context() -> None:
    torch.manual_seed(0)
    model = ToneModel(BOTH, GRAPH).eval()
    assert isinstance(model.head, CoopHead)
    assert model.head.context.shape == (2, 1, 3, 64)
    with torch.no_grad():
        model.head.context.normal_()
        model.head.bias.normal_()
        weight, bias = model.head.weight_and_bias()
        node = 3 * 1 + 1  # dark, severe
        several = [
            text_feature(model, model.head.context[k, 0], template.replace("{}", "too dark, severe"))
            for k, template in enumerate(BOTH.templates)
        ]
        expected = torch.nn.functional.normalize(sum(several), dim=-1) * model.head.log_scale.exp()
        assert torch.allclose(weight[node], expected, atol=1e-4)
        pictures = torch.randn(2, 3, 96, 96)
        assert torch.allclose(model(pictures), model.features(pictures) @ weight.T + bias, atol=1e-5)
        assert torch.allclose(ExportedModel.of(model)(pictures), model(pictures), atol=1e-5)


def test_levels_are_free_and_begin_as_rare_as_with_cut_points() -> None:
    torch.manual_seed(0)
    model = ToneModel(BOTH, GRAPH)
    assert isinstance(model.thresholds, FreeNodes)
    assert not list(model.thresholds.parameters())
    assert model.head.weight_and_bias()[1].tolist() == ToneModel(ModelConfig(), GRAPH).thresholds.cuts().neg().tolist()
    # Which no cut points allow: the higher level is likelier to be reached than the lower one.
    with torch.no_grad():
        model.head.bias[:3] = torch.tensor([-9.0, 0.0, 9.0])
        scores = model(torch.zeros(1, 3, 96, 96))[0, :3]
    assert scores[0] < scores[1] < scores[2]


def test_a_template_teaches_its_own_context_alone() -> None:
    torch.manual_seed(0)
    config = ModelConfig(context_per_template=True, templates=("{}", "a {} photo"), start="words", context_tokens=2)
    head = ToneModel(config, GRAPH).head
    assert isinstance(head, CoopHead)
    assert torch.equal(head.context[0], head.context[1])  # of the same words
    head.weight_and_bias()[0].square().mul(torch.arange(128.0)).sum().backward()
    assert head.context.grad is not None
    assert not torch.allclose(head.context.grad[0], head.context.grad[1])


def test_a_temperature_of_a_label_reaches_its_three_nodes() -> None:
    torch.manual_seed(0)
    model = ToneModel(BOTH, GRAPH).eval()
    pictures = torch.randn(2, 3, 96, 96)
    temperatures = torch.tensor([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    with torch.no_grad():
        expected = (model(pictures).view(2, 6, 3) / temperatures[:, None]).view(2, 18)
        model.temperature.copy_(temperatures)
        assert torch.allclose(model(pictures), expected, atol=1e-6)
        assert torch.allclose(ExportedModel.of(model)(pictures), expected, atol=1e-5)


def run_config(folder: Path, ladder: Path, out: str) -> Path:
    path = folder / f"{out}.toml"
    path.write_text(
        f"[data]\nladder = '{ladder}'\nsamples = 16\nvalidation_samples = 12\ntest_samples = 12\n"
        '[model]\nprompts = "level"\ncontext_per_template = true\ntemplates = ["{}", "a {} photo"]\n'
        "context_tokens = 2\ntemperature = true\n"
        f"[optim]\nepochs = 2\nbatch_size = 8\n[run]\nout = '{out}'\nseed = 5\nkeep = 'last'\n",
        encoding="utf-8",
    )
    return path


def test_a_run_learns_resumes_to_the_same_weights_and_what_is_exported_scores_the_same(
    tmp_path: Path, ladder_folder: Path
) -> None:
    stopped = run_config(tmp_path, ladder_folder, "stopped")
    run = Trainer(load_config(stopped), tmp_path, "cpu").run()
    next(run)
    run.close()
    list(Trainer(load_config(stopped), tmp_path, "cpu", resume=True).run())
    list(Trainer(load_config(run_config(tmp_path, ladder_folder, "whole")), tmp_path, "cpu").run())
    one, other = (safetensors.torch.load_file(tmp_path / name / "model.safetensors") for name in ("stopped", "whole"))
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
    torch.manual_seed(5)
    model = ToneModel(load_config(stopped).model, GRAPH).eval()
    start = model.head.context.detach().clone()
    model.load_state_dict(one, strict=False)
    assert not torch.allclose(model.head.context, start, atol=1e-6)
    checkpoint = load_checkpoint(tmp_path / "stopped")
    pictures = list(np.random.default_rng(1).integers(0, 256, (3, 96, 96, 3), np.uint8))
    with torch.no_grad():
        expected = model(torch.from_numpy(normalise(pictures, checkpoint.preprocessing))).numpy()
    assert np.abs(OnnxModel(checkpoint).node_scores(pictures) - expected).max() < 1e-4
    assert checkpoint.card["model"]["prompts"] == "level"
    with pytest.raises(ConfigError, match="has prompts per level, from which training cannot go on"):
        checkpoint_of(f"checkpoint:{checkpoint.folder}", "iqa-small")
