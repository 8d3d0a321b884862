"""What a frozen CLIP costs: training its prompts on cached features, and judging with it.

    python benchmarks/frozen_clip.py [--backbone ViT-B-32-quickgelu] [--photos 1000] [--epochs 3] [--graph smartphone-6]

Weights are random and photographs are drawn: what is measured is cost, and neither changes it. Each part runs in a
process of its own, so that its peak of memory is its own. CPU seconds count all threads.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from assess_parts.measure import iqa, run
from PIL import Image

from iqa_cli.hexgraph.read import read_graph
from iqa_cli.paths import find_graph

CONFIG = """\
[data]
labels = "labels.csv"
images = "photos"
holdout = 0.2

[graph]
name = "{graph}"

[model]
backbone = "{backbone}"
pretrained = "weights.safetensors"
head = "coop"
context_tokens = 4
train_visual = "none"
train_text = false

[optim]
lr_head = 1e-3
epochs = {epochs}
batch_size = 64

[run]
out = "checkpoint"
"""


def draw(folder: Path, photos: int, graph: str) -> None:
    """Photographs of 224 pixels and a table that says how bright each is."""
    (folder / "photos").mkdir()
    labels = read_graph(find_graph(graph)).label_names
    rng = np.random.default_rng(0)
    lines = [",".join(["filename", *labels])]
    for number in range(photos):
        level = number % 4
        picture = rng.integers(0, 100, (224, 224, 3)) + 50 * level
        name = f"{number:05}.jpg"
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / "photos" / name, quality=85)
        lines.append(",".join([name, str(level), *["0"] * (len(labels) - 1)]))
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_weights(folder: Path, backbone: str) -> None:
    """Random weights of an architecture, as a file."""
    import open_clip
    import safetensors.torch
    import torch

    torch.manual_seed(0)
    model = open_clip.create_model(backbone, pretrained=None)
    safetensors.torch.save_file(dict(model.state_dict()), folder / "weights.safetensors")


def train(folder: Path) -> None:
    """A whole run in this process; its CPU seconds go into `cpu.json`."""
    from iqa_cli.config import load_config
    from iqa_cli.training.trainer import Trainer

    started = time.process_time()
    trainer = Trainer(load_config(folder / "run.toml"), folder, "cpu")
    marks = [time.process_time()]
    marks += [time.process_time() for _ in trainer.run()]
    epochs = [round(after - before, 2) for before, after in itertools.pairwise(marks)]
    figures = {"start": round(marks[0] - started, 2), "epochs": epochs}
    (folder / "cpu.json").write_text(json.dumps(figures), encoding="utf-8")


def main() -> None:
    """Draw, train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="ViT-B-32-quickgelu")
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--graph", default="smartphone-6")
    parser.add_argument("--train-in", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train_in is not None:
        train(options.train_in)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        draw(folder, options.photos, options.graph)
        make_weights(folder, options.backbone)
        config = CONFIG.format(graph=options.graph, backbone=options.backbone, epochs=options.epochs)
        (folder / "run.toml").write_text(config, encoding="utf-8")
        for name in ("first run", "features cached"):
            cost = run([sys.executable, __file__, "--train-in", str(folder)])
            cpu = json.loads((folder / "cpu.json").read_text(encoding="utf-8"))
            print(f"{name}: start {cpu['start']} CPU s, epochs {cpu['epochs']} CPU s, peak {cost.peak_mb:.0f} MB")
            if name == "first run":
                size = sum(path.stat().st_size for path in (folder / "checkpoint-run").iterdir()) / 1e6
                print(f"work folder: {size:.1f} MB", flush=True)
                (folder / "checkpoint" / "card.json").unlink()  # a second run may then write there
        judge = iqa(folder / "photos", "--no-cache", "--checkpoint", folder / "checkpoint", "--csv", os.devnull)
        one, four = (run([*judge, "--jobs", str(jobs)]).peak_mb for jobs in (1, 4))
        print(f"assess: {one:.0f} MB with one worker, {four:.0f} with four ({four / one:.2f}x)")
        one, four = (run([*judge, "--decode", "thumbnail", "--jobs", str(jobs)]).peak_mb for jobs in (1, 4))
        print(f"assess --decode thumbnail: {one:.0f} MB with one worker, {four:.0f} with four ({four / one:.2f}x)")


if __name__ == "__main__":
    main()
