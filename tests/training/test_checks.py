"""What is said of a config before hours are spent on it."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")

from iqa_cli.cli.train import _introduce
from iqa_cli.config import ModelConfig
from iqa_cli.hexgraph.graph import HexGraph
from iqa_cli.hexgraph.parts import Label
from iqa_cli.training.checks import unread_words


def graph(*labels: Label) -> HexGraph:
    return HexGraph("own", labels)


CHINESE = Label("整体偏亮", (1, 2))
MIXED = graph(
    CHINESE, Label("高光过曝", (1, 2), {"en": "blown highlights"}), Label("trop_foncé", (1, 2)), Label("flat-1", (1, 2))
)
CLIP = {"backbone": "ViT-B-32-quickgelu", "pretrained": "openai"}


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(**CLIP),
        ModelConfig(**CLIP, head="fc", start="words"),
    ],
    ids=["coop", "words"],
)
def test_words_that_clip_cannot_read_are_one_warning_naming_them(config: ModelConfig) -> None:
    [warning] = unread_words(config, MIXED)
    assert "these names as noise: 整体偏亮; give them" in warning
    levels = HexGraph("levels", (Label("dark", (1, 2)),), {1: {"zh": "无"}, 2: {"und": "普通"}})
    assert unread_words(config, levels) == ()
    by_level = dataclasses.replace(config, head="coop", prompts="level")
    assert "these names as noise: 普通; " in unread_words(by_level, levels)[0]
    [many] = unread_words(config, graph(*(Label(f"亮{i}", (1, 2)) for i in range(53))))
    assert "亮19, ... and 33 more" in many


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(**CLIP, head="fc"),  # no prompts
        ModelConfig(backbone="ViT-B-32", pretrained=False),  # it learns whatever words there are
        ModelConfig(backbone="iqa-small", pretrained="checkpoint:default"),
    ],
)
def test_where_no_words_are_read_nothing_is_said(config: ModelConfig) -> None:
    assert unread_words(config, MIXED) == ()


def test_english_names_are_taken_and_the_warning_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert unread_words(ModelConfig(**CLIP), graph(*MIXED.labels[1:])) == ()
    warnings = unread_words(ModelConfig(**CLIP), MIXED)
    data = SimpleNamespace(notes=(), warnings=(), unreadable=(), describe=lambda: "12 photographs")
    _introduce(SimpleNamespace(data=data, notes=(), warnings=warnings))
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.partition(":")[0] for line in err.splitlines()] == ["warning", "12 photographs"]
