"""Two processes that torchrun starts end where one ends that takes twice as many pictures a step.

Prompts and head alone learn: where a gradient is zero but for rounding, as of the biases of attention keys, AdamW makes
a step of it all the same, and each way of adding up makes another.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("safetensors", reason="training needs the train extra")

import safetensors.torch  # noqa: E402 - the train extra may be missing

from iqa_cli.config import load_config  # noqa: E402
from iqa_cli.training.trainer import Trainer  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
[data]
labels = "train.csv"
validation = "validation.csv"
images = "."
[model]
head = "coop"
context_tokens = 2
train_visual = "none"
train_text = false
[optim]
lr_head = 1e-2
epochs = 2
batch_size = {batch_size}
[run]
out = "{out}"
keep = "last"
"""


@pytest.mark.usefixtures("quick_export")
def test_two_processes_end_where_one_with_the_double_batch_ends(tmp_path: Path, ladder_folder: Path) -> None:
    scenes = sorted(ladder_folder.iterdir())
    for number in range(20):
        with Image.open(scenes[number % len(scenes)]) as scene:
            # Every photograph its own brightness: the same one on two sides would be refused.
            picture = scene.point(
                lambda value, number=number: value * (20 + 2 * number) / (60 if number % 2 else 60 * 3)
            )
            picture.save(tmp_path / f"{number}.png")
    for name, numbers in (("train", range(16)), ("validation", range(16, 20))):
        rows = [f"{number}.png,{2 * (number % 2)}\n" for number in numbers]
        (tmp_path / f"{name}.csv").write_text("filename,dark\n" + "".join(rows), encoding="utf-8")
    for out, batch_size in (("one", 8), ("two", 4)):
        text = CONFIG.format(batch_size=batch_size, out=out)
        (tmp_path / f"{out}.toml").write_text(text, encoding="utf-8")
    list(Trainer(load_config(tmp_path / "one.toml"), tmp_path, "cpu").run())
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    train = ["-m", "iqa_cli", "train", "--config", str(tmp_path / "two.toml"), "--device", "cpu"]
    done = subprocess.run(
        [sys.executable, *launch, *train], capture_output=True, encoding="utf-8", timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, two = (safetensors.torch.load_file(tmp_path / out / "model.safetensors") for out in ("one", "two"))
    assert one.keys() == two.keys()
    moved = 0.0
    began = Trainer(load_config(tmp_path / "one.toml"), tmp_path, "cpu", overwrite=True)._model.state_dict()
    for name, value in one.items():
        assert torch.allclose(value, two[name], atol=1e-5), name
        moved = max(moved, float((value - began[name]).abs().max()))
    assert moved > 1e-3  # else they would agree however they had learned
    assert "unused parameters" not in done.stderr
