"""What a clone is told to try first works: photographs are made, a config learns from them, the checkpoint judges."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")
pytest.importorskip("skimage", reason="the photographs come with scikit-image, which the train extra brings")

from in_process import run_iqa
from PIL import Image

ROOT = Path(__file__).parents[2]
TINY = {"samples": 16, "validation_samples": 8, "test_samples": 8, "epochs": 1, "batch_size": 8}
"""The numbers of the config that take the time."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The parts of a clone that a first run touches, with tiny numbers."""
    for part in ("configs", "demo"):
        (tmp_path / part).mkdir()
    text = (ROOT / "configs" / "quick.toml").read_text("utf-8")
    for key, number in TINY.items():
        text, found = re.subn(rf"^{key} = \d+", f"{key} = {number}", text, flags=re.MULTILINE)
        assert found == 1, key
    (tmp_path / "configs" / "quick.toml").write_text(text, encoding="utf-8")
    (tmp_path / "demo" / "make_photographs.py").write_bytes((ROOT / "demo" / "make_photographs.py").read_bytes())
    return tmp_path


def test_a_first_run_goes_from_a_clone_to_a_judged_folder(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(clone)

    def iqa(*arguments: str) -> tuple[int, str, str]:
        return run_iqa(monkeypatch, capsys, *arguments)

    train = ("train", "--config", "configs/quick.toml")
    code, _, err = iqa(*train)
    assert code == 3
    assert err.splitlines()[-1].startswith("hint: in a clone, `python demo/make_photographs.py` makes this folder")

    made = subprocess.run(
        [sys.executable, "demo/make_photographs.py"], cwd=clone, capture_output=True, text=True, check=True
    )
    photographs = sorted((clone / "demo" / "photographs").iterdir())
    assert made.stdout.endswith(f"{len(photographs)} photographs to learn from\n")
    assert len(photographs) == 12
    for path in photographs:
        with Image.open(path) as picture:
            assert picture.mode == "RGB"

    code, out, err = iqa(*train)
    assert code == 0, err
    assert out.startswith("Held-out photographs (test), epoch 1")
    assert "warning: 2 photographs for validation" in err
    assert "warning: 2 photographs for test" in err
    card = json.loads((clone / "checkpoints" / "quick" / "card.json").read_text("utf-8"))
    assert (card["data"]["photographs"], card["data"]["photographs_training"]) == (12, 8)
    assert set(card["metrics"]) == {"validation", "test"}

    code, _, err = iqa("assess", "demo/photographs", "--checkpoint", "checkpoints/quick", "--csv", "audit.csv")
    assert (code, err) == (0, "")
    with Path("audit.csv").open(encoding="utf-8", newline="") as stream:
        assert {row["status"] for row in csv.DictReader(stream)} <= {"ok", "uncertain"}

    code, _, err = iqa(*train)
    assert code == 3
    assert "a finished checkpoint is there" in err


def test_the_recipe_of_the_shipped_checkpoint_says_where_its_photographs_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("first", "default"):
        # Read from another place: nobody has these photographs there.
        copy = tmp_path / "deep" / "er" / f"{name}.toml"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / "configs" / f"{name}.toml").read_bytes())
        code, _, err = run_iqa(monkeypatch, capsys, "train", "--config", copy)
        assert code == 3
        hint = err.splitlines()[-1]
        assert "not part of the repository" in hint
        for named in re.findall(r"configs/\S+\.(?:csv|py|toml)", hint):
            assert (ROOT / named).is_file(), named
        assert "iqa train --config configs/quick.toml" in hint
