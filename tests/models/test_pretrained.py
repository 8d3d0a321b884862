"""Weights see what they were trained to see: activation and preparation are known, said, or asked for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="models need the train extra")
pytest.importorskip("open_clip", reason="models need the train extra")

import huggingface_hub
import open_clip
import open_clip.pretrained
import safetensors.torch
import torch

from iqa_cli.config import ModelConfig, load_config
from iqa_cli.errors import ConfigError
from iqa_cli.hexgraph.read import read_graph
from iqa_cli.models import hub
from iqa_cli.models.backbone import Backbone, build_backbone
from iqa_cli.models.pretrained import is_ambiguous
from iqa_cli.models.tone_model import ToneModel
from iqa_cli.paths import find_graph
from tests.models.families import SIDE, randomised, register

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
BESIDE = "open_clip_config.json"


@pytest.fixture(scope="module", autouse=True)
def families() -> None:
    register()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return weights_of("test-vit", tmp_path / "clip.safetensors")


def weights_of(architecture: str, path: Path) -> Path:
    clip = open_clip.create_model(architecture, pretrained_image=False, pretrained_text=False)
    randomised(clip, torch.Generator().manual_seed(4))
    safetensors.torch.save_file({name: value.contiguous() for name, value in clip.state_dict().items()}, path)
    return path


def sees(backbone: Backbone) -> torch.Tensor:
    pictures = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        seen: torch.Tensor = backbone.clip.eval().encode_image(pictures)
    return seen


def tag(monkeypatch: pytest.MonkeyPatch, architecture: str, name: str, **entry: Any) -> None:
    """A tag that open_clip knows."""
    known = open_clip.pretrained._PRETRAINED
    tags = {**known.get(architecture, {}), name: open_clip.pretrained._pcfg(**entry)}
    monkeypatch.setitem(known, architecture, tags)


def in_hub_cache(cache: Path, repository: str, weights: Path) -> Path:
    """A file of weights where the hub's library would put it: a link to what is called by its hash."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / ("0" * 40)
    for place in (snapshot, folder / "refs", folder / "blobs"):
        place.mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    blob = folder / "blobs" / hashlib.sha256(weights.read_bytes()).hexdigest()
    blob.write_bytes(weights.read_bytes())
    link = snapshot / "open_clip_model.safetensors"
    link.symlink_to(Path("../../blobs") / blob.name)
    return link


def never(*_: object, **__: object) -> None:
    raise AssertionError("asked")


def test_a_tag_brings_its_own_activation_and_preparation(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `ViT-B-32` with `openai`: a plain name, and weights that need QuickGELU. The cache is enough."""
    tag(
        monkeypatch, "test-vit", "own", hf_hub="us/vit.own/", quick_gelu=True, mean=(0.1, 0.2, 0.3), interpolation="box"
    )
    in_hub_cache(tmp_path / "hub", "us/vit.own", weights)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "_answers", never)
    made = build_backbone("test-vit", "own")
    truth = open_clip.create_model("test-vit-quickgelu", pretrained=str(weights))
    plain = open_clip.create_model("test-vit", pretrained=str(weights))
    assert torch.equal(sees(made), sees(Backbone(truth, "", made.preprocessing, 32, True)))
    assert not torch.allclose(sees(made), sees(Backbone(plain, "", made.preprocessing, 32, False)), atol=1e-3)
    assert made.quick_gelu
    assert made.config["quick_gelu"] is True
    assert (made.preprocessing.mean, made.preprocessing.interpolation) == ((0.1, 0.2, 0.3), "box")
    with pytest.raises(ConfigError, match=r"quick_gelu: false, but open_clip's tag 'own' says .* with QuickGELU"):
        build_backbone("test-vit", "own", quick_gelu=False)


def test_open_clips_own_model_of_a_tag_is_prepared_alike(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag(monkeypatch, "test-vit-quickgelu", "own", hf_hub="us/vit.own/", quick_gelu=True, std=(0.3, 0.2, 0.1))
    in_hub_cache(tmp_path / "hub", "us/vit.own", weights)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    clip, prepare = open_clip.create_model_from_pretrained("test-vit-quickgelu", pretrained="own")
    made = build_backbone("test-vit-quickgelu", "own")
    theirs = next(step for step in prepare.transforms if hasattr(step, "mean"))
    assert (tuple(theirs.mean), tuple(theirs.std)) == (made.preprocessing.mean, made.preprocessing.std)
    assert torch.equal(sees(made), sees(Backbone(clip, "", made.preprocessing, 32, True)))


def test_a_file_that_does_not_tell_is_asked_about(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tag(monkeypatch, "test-vit", "one", quick_gelu=True)
    tag(monkeypatch, "test-vit", "another")
    with pytest.raises(ConfigError) as error:
        build_backbone("test-vit", str(weights))
    assert error.value.message.startswith("model.quick_gelu: missing: test-vit exists with QuickGELU and with GELU")
    assert "quick_gelu = true into [model] for weights such as one," in (error.value.hint or "")
    assert "quick_gelu = false for another;" in (error.value.hint or "")
    quick, plain = (build_backbone("test-vit", str(weights), quick_gelu=said) for said in (True, False))
    assert (quick.quick_gelu, plain.quick_gelu) == (True, False)
    assert not torch.allclose(sees(quick), sees(plain), atol=1e-3)
    assert quick.preprocessing.mean == CLIP_MEAN


def test_the_configuration_beside_a_file_tells(weights: Path) -> None:
    own = open_clip.get_model_config("test-vit")
    beside = weights.with_name(BESIDE)
    document = {"model_cfg": {**own, "quick_gelu": True}, "preprocess_cfg": {"mean": [0.5, 0.5, 0.4]}}
    beside.write_text(json.dumps(document))
    made = build_backbone("test-vit", str(weights))
    assert made.quick_gelu
    assert made.preprocessing.mean == (0.5, 0.5, 0.4)
    with pytest.raises(ConfigError, match=f"quick_gelu: false, but {BESIDE} beside it says"):
        build_backbone("test-vit", str(weights), quick_gelu=False)
    beside.write_text(json.dumps({"model_cfg": own}))
    assert not build_backbone("test-vit", str(weights)).quick_gelu
    with pytest.raises(ConfigError, match=r"test-vit-quickgelu has QuickGELU, but .* with GELU") as error:
        build_backbone("test-vit-quickgelu", str(weights))
    assert error.value.hint == 'set model.backbone = "test-vit"'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[1]", "quick_gelu: missing"),
        ('{"model_cfg": {"embed_dim": 512, "vision_cfg": {}, "quick_gelu": true}}', "quick_gelu: missing"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        (
            '{"model_cfg": OWN, "preprocess_cfg": {"mean": [0.5, NaN, 0.5]}}',
            "not a configuration that open_clip writes",
        ),
        ('{"model_cfg": OWN, "preprocess_cfg": {"std": [0.5, "a", 0.5]}}', "not a configuration that open_clip writes"),
    ],
    ids=["list", "another tower", "cut off", "deep", "no number", "text"],
)
def test_a_configuration_that_is_none_or_of_another_tower_tells_nothing(weights: Path, content: str, told: str) -> None:
    own = json.dumps(open_clip.get_model_config("test-vit"))
    weights.with_name(BESIDE).write_text(content.replace("OWN", own))
    with pytest.raises(ConfigError, match=told):
        build_backbone("test-vit", str(weights))


def test_a_file_in_the_hubs_cache_tells_by_its_folder(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by way of a config, which must not follow the link to a name without a suffix."""
    tag(monkeypatch, "test-vit", "own", hf_hub="us/vit.own/", quick_gelu=True)
    link = in_hub_cache(tmp_path / "hub", "us/vit.own", weights)
    (tmp_path / "run.toml").write_text(
        '[data]\nladder = "photos"\n[run]\nout = "mine"\n[model]\nbackbone = "test-vit"\nhead = "fc"\n'
        f'pretrained = "elsewhere/../{link.relative_to(tmp_path)}"\n'
    )
    (tmp_path / "elsewhere").mkdir()
    config = load_config(tmp_path / "run.toml")
    assert config.model.pretrained == str(link)
    graph = read_graph(find_graph("smartphone-6"))
    assert ToneModel(config.model, graph).quick_gelu


def test_weights_that_were_published_are_known_by_their_hash(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    tag(monkeypatch, "test-vit", "another", url=f"https://example.org/models/{'0' * 64}/clip.pt")
    for url in (f"https://example.org/models/{digest}/clip.pt", f"https://example.org/v1/vit-own-{digest[:8]}.pt"):
        tag(monkeypatch, "test-vit", "own", url=url, quick_gelu=True)
        assert build_backbone("test-vit", str(weights)).quick_gelu
        with pytest.raises(ConfigError, match="open_clip's tag 'own' says"):
            build_backbone("test-vit", str(weights), quick_gelu=False)
    tag(monkeypatch, "test-vit", "own", url=f"https://example.org/models/{'1' * 64}/clip.pt", quick_gelu=True)
    with pytest.raises(ConfigError, match="quick_gelu: missing"):
        build_backbone("test-vit", str(weights))


def test_openais_weights_are_known_by_the_hash_in_their_address() -> None:
    from iqa_cli.models.pretrained import _published_hash

    entry = open_clip.get_pretrained_cfg("ViT-B-32", "openai")
    assert _published_hash(entry).startswith("40d36571")
    assert _published_hash(open_clip.get_pretrained_cfg("ViT-B-32", "laion400m_e31")) == "d867053b"
    assert _published_hash(open_clip.get_pretrained_cfg("ViT-B-32", "laion2b_s34b_b79k")) == ""


def test_where_the_name_tells_nothing_is_asked() -> None:
    asked = [
        name for name in ("ViT-B-32", "ViT-B-16", "ViT-L-14", "ViT-H-14", "RN50", "test-vit") if is_ambiguous(name)
    ]
    assert len(asked) == 6
    plain = ("ViT-B-32-quickgelu", "ViT-B-16-SigLIP", "EVA02-B-16", "convnext_base", "MobileCLIP2-S0", "iqa-small")
    plain += ("ViTamin-S", "coca_ViT-B-32", "ViT-B-32-256", "roberta-ViT-B-32", "ViT-L-14-CLIPA")
    assert [name for name in plain if is_ambiguous(name)] == []


def test_a_name_with_quickgelu_has_it_whatever_is_said(weights: Path) -> None:
    assert build_backbone("test-vit-quickgelu", str(weights)).quick_gelu
    assert build_backbone("test-vit-quickgelu", False).quick_gelu
    with pytest.raises(ConfigError, match=r"has QuickGELU, but model\.quick_gelu says"):
        build_backbone("test-vit-quickgelu", str(weights), quick_gelu=False)


def test_a_tower_of_timm_has_no_such_choice() -> None:
    with pytest.raises(ConfigError, match="test-siglip is timm's"):
        build_backbone("test-siglip", False, quick_gelu=True)


def test_a_file_is_prepared_as_most_tags_of_its_architecture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """open_clip takes CLIP's mean for every file, SigLIP's among them."""
    for name, mean in (("webli", (0.5, 0.5, 0.5)), ("mine", (0.5, 0.5, 0.5)), ("odd", CLIP_MEAN)):
        tag(monkeypatch, "test-siglip", name, mean=mean)
    path = weights_of("test-siglip", tmp_path / "clip.safetensors")
    assert build_backbone("test-siglip", str(path)).preprocessing.mean == (0.5, 0.5, 0.5)


def test_the_models_card_says_which_activation_it_has(weights: Path) -> None:
    graph = read_graph(find_graph("smartphone-6"))
    for said in (True, False):
        config = ModelConfig(backbone="test-vit", head="fc", pretrained=str(weights), quick_gelu=said)
        told = ToneModel(config, graph).description()
        assert told["quick_gelu"] is said
        assert told["config"].get("quick_gelu", False) is said
