"""Configs: defaults, relative paths, and every mistake at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iqa_cli.config import load_config
from iqa_cli.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL = '[data]\nladder = "photos"\n[run]\nout = "out/mine"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_minimal_config_gets_the_defaults_and_paths_of_its_folder(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL))
    assert config.data.ladder == tmp_path / "photos"
    assert config.run.out == tmp_path / "out" / "mine"
    assert config.work == tmp_path / "out" / "mine-run"
    assert (config.model.head, config.graph.name, config.model.pretrained) == ("coop", "smartphone-6", False)


def test_the_shipped_config_is_valid() -> None:
    from pathlib import Path

    config = load_config(Path(__file__).parents[1] / "configs" / "default.toml")
    assert config.run.out.name == "default"


def test_a_graph_or_weights_file_is_found_from_the_configs_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.json").touch()
    (tmp_path / "clip.safetensors").touch()
    text = MINIMAL + '[graph]\nname = "mine.json"\n[model]\npretrained = "clip.safetensors"\n'
    config = load_config(write(tmp_path, text))
    assert config.graph.name == str(tmp_path / "mine.json")
    assert config.model.pretrained == str(tmp_path / "clip.safetensors")


def test_numbers_may_be_written_in_any_form(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL + "[optim]\nlr_visual = 5e-6\nweight_decay = 0\n"))
    assert config.optim.lr_visual == 5e-6
    assert config.optim.weight_decay == 0.0


def test_all_mistakes_are_reported_at_once_with_the_nearest_key(tmp_path: Path) -> None:
    text = (
        '[data]\nladder = 3\nsample = 5\n[modell]\nx = 1\n[model]\nhead = "co-op"\npretrained = true\n'
        '[optim]\nepochs = true\nbatch_size = 1\nlr_head = "5e-6"\n[run]\nseed = 0.5\n'
    )
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, text))
    problems = "\n".join(error.value.problems)
    for expected in (
        "data.ladder: expected a path, got 3",
        "data.sample: no such key (did you mean 'samples'?)",
        "[modell]: no such section (did you mean 'model'?)",
        "model.head: expected 'coop' or 'fc', got 'co-op'",
        "model.pretrained: expected a text or false, got True",
        "optim.epochs: expected a whole number, got True",
        "optim.batch_size: expected 2 to 65536, got 1",
        "optim.lr_head: expected a number, got '5e-6'",
        "run.out: missing",
        "run.seed: expected a whole number, got 0.5",
    ):
        assert expected in problems
    assert error.value.exit_code == ExitCode.INVALID_INPUT


@pytest.mark.parametrize(
    ("content", "message"), [(b"= nothing", "not TOML"), (b"\xff\xfe", "not TOML"), (None, "no such config file")]
)
def test_a_file_that_is_no_config_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_config(path)
