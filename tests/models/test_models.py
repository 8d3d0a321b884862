"""Backbones, heads and export: shapes, order of cut points, real weights or an error."""

from __future__ import annotations

import dataclasses
import importlib.util
import logging
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest

from iqa_cli.checkpoint import GRAPH_KEY
from iqa_cli.config import ModelConfig, OptimConfig
from iqa_cli.errors import ConfigError
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.paths import find_graph

torch = pytest.importorskip("torch", reason="models need the train extra")
open_clip = pytest.importorskip("open_clip", reason="models need the train extra")
pytest.importorskip("onnxscript", reason="export needs the train extra")

from exporting import onnx_bytes  # noqa: E402

from iqa_cli.models.backbone import build_backbone, encode_embedded_text, text_tower  # noqa: E402 - as above
from iqa_cli.models.heads import CoopHead, FcHead, OrdinalThresholds, word_features  # noqa: E402
from iqa_cli.models.prepare import normalise, squash  # noqa: E402
from iqa_cli.models.tone_model import ExportedModel, ToneModel  # noqa: E402

GRAPH = read_graph(find_graph("smartphone-6"))


@pytest.fixture(scope="module")
def model() -> ToneModel:
    torch.manual_seed(0)
    return ToneModel(ModelConfig(), GRAPH).eval()


def test_scores_have_one_column_per_threshold(model: ToneModel) -> None:
    with torch.no_grad():
        scores = model(torch.zeros(2, 3, 96, 96))
    assert scores.shape == (2, GRAPH.n_nodes)


def test_higher_thresholds_never_score_higher(model: ToneModel) -> None:
    with torch.no_grad():
        scores = model(torch.randn(5, 3, 96, 96)).view(5, 6, 3)
    assert bool((scores.diff(dim=-1) < 0).all())


def test_cut_points_stay_ordered_for_labels_of_any_size() -> None:
    thresholds = OrdinalThresholds([2, 4, 3])
    with torch.no_grad():
        thresholds.steps.copy_(torch.tensor([-8.0, 5.0, 0.3]))
        thresholds.first.copy_(torch.tensor([0.5, -2.0, 1.0]))
    cuts = thresholds.cuts()
    assert thresholds.label_of_node.tolist() == [0, 1, 1, 1, 2, 2]
    assert cuts[0].item() == pytest.approx(0.5)
    assert cuts[1] < cuts[2] < cuts[3]
    assert cuts[4] < cuts[5]


def test_the_exported_form_is_the_model(model: ToneModel) -> None:
    pictures = torch.randn(3, 3, 96, 96)
    with torch.no_grad():
        assert torch.allclose(ExportedModel.of(model)(pictures), model(pictures), atol=1e-5)


def test_the_context_reaches_every_label(model: ToneModel) -> None:
    weight, _ = model.head.weight_and_bias()
    weight[:, 0].sum().backward()
    assert model.head.context.grad is not None
    assert bool((model.head.context.grad.abs().sum(1) > 0).all())
    assert len(torch.unique(weight.detach().round(decimals=5), dim=0)) == 6


def test_every_parameter_but_clips_own_scale_is_trained(model: ToneModel) -> None:
    groups = model.parameter_groups(OptimConfig(lr_visual=1e-3, lr_head=2e-3))
    grouped = sum(parameter.numel() for group in groups for parameter in group["params"])
    assert grouped == sum(p.numel() for p in model.parameters()) - 1
    assert {group["peak_lr"] for group in groups} == {1e-3, 2e-3}


def test_thresholds_have_a_learning_rate_of_their_own(model: ToneModel) -> None:
    groups = model.parameter_groups(OptimConfig(lr_visual=1e-3, lr_head=2e-3, lr_thresholds=3e-3))
    own = [parameter for group in groups if group["peak_lr"] == 3e-3 for parameter in group["params"]]
    assert {id(parameter) for parameter in own} == {id(parameter) for parameter in model.thresholds.parameters()}


def test_torch_and_numpy_prepare_alike(model: ToneModel) -> None:
    picture = squash(np.random.default_rng(1).integers(0, 256, (50, 70, 3), dtype=np.uint8), 96)
    expected = model.prepared(torch.tensor(picture).permute(2, 0, 1)[None])
    assert normalise([picture], model.preprocessing) == pytest.approx(expected.numpy(), abs=1e-6)


def test_squashing_keeps_the_mean_and_the_whole_frame() -> None:
    picture = np.zeros((120, 400, 3), np.uint8)
    picture[:, 200:] = 200
    small = squash(picture, 40)
    assert small.shape == (40, 40, 3)
    assert abs(float(small.mean()) - 100) < 1.5
    assert small[:, 0].max() == 0
    assert small[:, -1].min() == 200


def test_an_unknown_filter_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="bilinear"):
        squash(np.zeros((9, 9, 3), np.uint8), 8, "sharpest")


def test_an_unknown_architecture_suggests_near_ones() -> None:
    with pytest.raises(ConfigError, match="ViT-B-33") as error:
        build_backbone("ViT-B-33", False)
    assert "ViT-B-32" in (error.value.hint or "")


def test_a_backbone_that_needs_transformers_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="needs transformers"):
        build_backbone("roberta-ViT-B-32", False)


def test_learned_prompts_are_read_as_the_text_tower_reads_text(model: ToneModel) -> None:
    head = model.head
    assert isinstance(head, CoopHead)
    with torch.no_grad():
        embedded = text_tower(model.clip).token_embedding(head.tokens)
        ours = encode_embedded_text(model.clip, embedded, head.end)
        assert torch.allclose(ours, model.clip.encode_text(head.tokens), atol=1e-5)  # which reads the padding, too


def tower(**changes: object) -> SimpleNamespace:
    """What `text_tower` looks at, in a network that is fit for learned prompts."""
    fit = {"token_embedding": None, "attn_mask": None, "pool_type": "argmax", "cls_emb": None, "use_pad_mask": False}
    return SimpleNamespace(text=SimpleNamespace(**{**fit, **changes}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"pool_type": "last"}, "pools"), ({"cls_emb": 1}, "token of its own"), ({"use_pad_mask": True}, "padding")],
    ids=["SigLIP", "CoCa", "padding"],
)
def test_learned_prompts_refuse_towers_that_read_text_otherwise(changes: dict[str, object], reason: str) -> None:
    assert text_tower(tower()) is not None
    with pytest.raises(ConfigError, match=reason) as error:
        text_tower(tower(**changes))
    assert "fc" in (error.value.hint or "")
    with pytest.raises(ConfigError, match="another kind of network"):
        text_tower(SimpleNamespace(text=object()))


def test_prompts_use_the_whole_context_and_no_more() -> None:
    words = [label.display("en") for label in GRAPH.labels]
    longest = max(len(build_backbone("iqa-small", False).tokenizer().encode(word)) for word in words)
    most = 32 - 2 - longest
    head = ToneModel(ModelConfig(context_tokens=most), GRAPH).head
    assert isinstance(head, CoopHead)
    assert int(head.end.max()) == 31
    assert len(torch.unique(head.weight_and_bias()[0].detach().round(decimals=5), dim=0)) == len(words)
    with pytest.raises(ConfigError, match=f"context_tokens: {most + 1} and the {longest} tokens of") as error:
        ToneModel(ModelConfig(context_tokens=most + 1), GRAPH)
    assert error.value.hint == f"at most {most} fit"


def test_words_that_fill_the_context_alone_are_refused() -> None:
    label = dataclasses.replace(GRAPH.labels[0], names={"en": "整体对比度高" * 20})
    graph = dataclasses.replace(GRAPH, labels=(label, *GRAPH.labels[1:]))
    with pytest.raises(ConfigError, match="do not fit") as error:
        ToneModel(ModelConfig(context_tokens=0), graph)
    assert "shorter English name" in (error.value.hint or "")


def test_words_may_not_end_the_prompt() -> None:
    label = dataclasses.replace(GRAPH.labels[0], names={"en": "bright <end_of_text>"})
    graph = dataclasses.replace(GRAPH, labels=(label, *GRAPH.labels[1:]))
    with pytest.raises(ConfigError, match="end of a text"):
        ToneModel(ModelConfig(), graph)


def test_building_a_backbone_leaves_the_callers_logging_alone() -> None:
    before = list(logging.getLogger().handlers)
    build_backbone("iqa-small", False).tokenizer()
    assert logging.getLogger().handlers == before


def test_the_exported_file_takes_batches_of_any_size_and_knows_its_graph(model: ToneModel) -> None:
    session = onnxruntime.InferenceSession(onnx_bytes(model, GRAPH.hash))
    assert session.get_modelmeta().custom_metadata_map[GRAPH_KEY] == GRAPH.hash
    assert isinstance(session.get_inputs()[0].shape[0], str)  # a name: open
    for count in (1, 7):
        scores = session.run(None, {"pictures": np.zeros((count, 3, 96, 96), np.float32)})[0]
        assert scores.shape == (count, GRAPH.n_nodes)


def test_large_scores_are_compared_by_their_size() -> None:
    torch.manual_seed(0)
    large = ToneModel(ModelConfig(head="fc"), GRAPH)
    with torch.no_grad():
        large.head.linear.weight.mul_(1e6)
    assert onnx_bytes(large, GRAPH.hash)


def test_each_label_may_have_its_own_context() -> None:
    head = ToneModel(ModelConfig(context="per-label", context_tokens=3), GRAPH).head
    assert isinstance(head, CoopHead)
    assert head.context.shape == (6, 3, 64)
    weight, _ = head.weight_and_bias()
    weight[2].sum().backward()
    assert head.context.grad is not None
    touched = head.context.grad.abs().sum((1, 2)) > 0
    assert touched.tolist() == [False, False, True, False, False, False]


def test_several_templates_are_averaged() -> None:
    torch.manual_seed(0)
    backbone = build_backbone("iqa-small", False)
    words = ["too bright", "too dark"]
    one, two = (word_features(backbone, words, [template]) for template in ("{}", "a {} photo"))
    both = word_features(backbone, words, ["{}", "a {} photo"])
    assert torch.allclose(both, torch.nn.functional.normalize(one + two, dim=-1), atol=1e-6)


def test_a_zero_shot_start_ranks_labels_as_clip_does() -> None:
    torch.manual_seed(0)
    config = ModelConfig(head="fc", start="words", templates=("a photo that is {}",))
    model = ToneModel(config, GRAPH).eval()
    assert isinstance(model.head, FcHead)
    texts = [f"a photo that is {label.display('en')}" for label in GRAPH.labels]
    tokens = build_backbone("iqa-small", False).tokenizer()(texts)
    with torch.no_grad():
        pictures = torch.randn(4, 3, 96, 96)
        text = torch.nn.functional.normalize(model.clip.encode_text(tokens), dim=-1)
        weight, bias = model.head.weight_and_bias()
        cosine = model.features(pictures) @ text.T
        assert torch.allclose(model.features(pictures) @ weight.T + bias, 10 * cosine, atol=1e-4)


def test_the_context_starts_from_the_words_that_were_asked_for() -> None:
    torch.manual_seed(0)
    model = ToneModel(ModelConfig(start="words", start_words="a photo", context_tokens=5), GRAPH)
    assert isinstance(model.head, CoopHead)
    tokenizer = build_backbone("iqa-small", False).tokenizer()
    ids = tokenizer.encode("a photo")
    embedding = text_tower(model.clip).token_embedding.weight
    for position, row in enumerate(model.head.context):
        assert torch.equal(row, embedding[ids[position % len(ids)]])


def test_features_and_pictures_give_the_same_scores(model: ToneModel) -> None:
    pictures = torch.randn(3, 3, 96, 96)
    with torch.no_grad():
        assert torch.allclose(model(model.features(pictures)), model(pictures), atol=1e-6)


def test_the_temperature_of_each_label_reaches_the_exported_form() -> None:
    torch.manual_seed(0)
    warm = ToneModel(ModelConfig(), GRAPH).eval()
    pictures = torch.randn(2, 3, 96, 96)
    temperatures = torch.tensor([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    with torch.no_grad():
        before = warm(pictures)
        assert torch.equal(warm.temperature, torch.ones(6))
        warm.temperature.copy_(temperatures)
        expected = (before.view(2, 6, 3) / temperatures[:, None]).view(2, 18)
        assert torch.allclose(warm(pictures), expected, atol=1e-6)
        assert torch.allclose(ExportedModel.of(warm)(pictures), expected, atol=1e-4)
