"""docs/training.md holds what it says: its five commands run one after the other, its keys are those that are read."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_cli.config import load_config
from iqa_cli.config.reference import reference

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "training.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
CONFIGS = [body for kind, body in BLOCKS if kind == "toml"]
COMMANDS = [shlex.split(line) for kind, body in BLOCKS if kind == "sh" for line in body.splitlines()]
LABELS = next(body for kind, body in BLOCKS if kind == "text" and body.startswith("filename,"))


def test_every_key_is_explained_as_the_code_reads_it() -> None:
    marker = "<!-- python -m iqa_cli.config.reference -->\n"
    assert TEXT.partition(marker)[2] == reference(), "run the command in the marker and put its output below it"
    assert reference().count("\n| `") > 40


@pytest.mark.parametrize("config", CONFIGS, ids=range(len(CONFIGS)))
def test_every_example_is_a_config(config: str, tmp_path: Path) -> None:
    text = config
    if "[data]" not in text:  # a part of a config
        text = f'[data]\nladder = "photos"\n[run]\nout = "mine"\n{text}'
    (tmp_path / "run.toml").write_text(text, encoding="utf-8")
    load_config(tmp_path / "run.toml")
    assert tomllib.loads(config)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda path: path.name)
def test_every_config_of_the_project_can_be_read(path: Path) -> None:
    data = load_config(path).data
    assert data.ladder is not None or data.labels is not None
    assert f"configs/{path.name}" in TEXT


def photo(dark: bool, seed: int) -> Image.Image:
    """A drawn scene: a sky, a ground and some objects; much darker if asked for."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:96, 0:128] / 96
    picture = np.where(down[..., None] < 0.5, [0.6, 0.7, 0.85], [0.4, 0.42, 0.3]) * (0.7 + 0.2 * across[..., None])
    for _ in range(5):
        y, x, radius = rng.uniform(0.1, 0.9, 3) * [1, 1.3, 0.2]
        picture = np.where(
            ((down - y) ** 2 + (across - x) ** 2 < radius**2)[..., None], rng.uniform(0.1, 0.9, 3), picture
        )
    return Image.fromarray((255 * picture * (0.12 if dark else 1.0)).clip(0, 255).astype(np.uint8))


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the page says that one needs: photos, labels.csv, run.toml."""
    (tmp_path / "photos").mkdir()
    header = LABELS.splitlines()[0]
    rows = [header]
    for scene in range(24):
        for shot, dark in (("a", False), ("b", True)):
            name = f"{scene:03d}_{shot}.jpg"
            photo(dark, 2 * scene + dark).save(tmp_path / "photos" / name, quality=90)
            rows.append(f"{name},0,{3 if dark else 0},0,0,0,{'' if scene % 5 == 0 else 0}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (tmp_path / "run.toml").write_text(CONFIGS[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_five_commands_go_from_labels_to_a_judged_folder(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="training needs the train extra")
    from iqa_cli.cli.app import main

    def iqa(arguments: list[str]) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as leaving:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err, err
        return int(leaving.value.code or 0), out

    assert [command[1] for command in COMMANDS] == ["split", "train", "eval", "assess", "eval"]
    results: list[tuple[int, str]] = [iqa(command) for command in COMMANDS]
    assert [code for code, _ in results] == [0] * 5
    card = json.loads((workplace / "checkpoints" / "mine" / "card.json").read_text("utf-8"))
    assert set(card["metrics"]) == {"validation", "test"}
    assert list(card["model"]["fitted_temperature"]) == LABELS.splitlines()[0].split(",")[1:]
    assert all(temperature > 0 for temperature in card["model"]["fitted_temperature"].values())
    figures = json.loads((workplace / "figures.json").read_text("utf-8"))
    assert figures["labels"]["dark"]["qwk"] > 0.6  # of eight photographs: one wrong is 0.2
    # What was judged at the end of training is what `iqa eval` finds in the exported model.
    assert card["metrics"]["test"]["labels"]["dark"]["accuracy"] == pytest.approx(figures["labels"]["dark"]["accuracy"])
    assert "beats" in results[4][1] or "better" in results[4][1]
    audit = (workplace / "audit.csv").read_text("utf-8").splitlines()
    assert len(audit) == 1 + 48
    left = {path.name.partition("-")[0] for path in (workplace / "checkpoints" / "mine-run").iterdir()}
    assert {"metrics.csv", "curves.png", "features"} <= left
