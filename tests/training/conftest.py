"""Drawn photographs for the ladder and a config small enough to train in a test."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)  # makes `torchruns` importable

pytest.importorskip("torch", reason="training needs the train extra")
pytest.importorskip("open_clip", reason="training needs the train extra")


def scene(seed: int, side: int = 128) -> np.ndarray:
    """A well-exposed scene: sky, ground and a few objects, with shading and texture. (side, side, 3) uint8."""
    rng = np.random.default_rng(seed)
    down, across = np.mgrid[0:side, 0:side] / side
    horizon = rng.uniform(0.3, 0.7)
    sky = np.array([0.55, 0.7, 0.85]) * (0.75 + 0.3 * (1 - down[..., None]))
    ground = rng.uniform(0.25, 0.5, 3) * (0.6 + 0.6 * across[..., None])
    picture = np.where(down[..., None] < horizon, sky, ground)
    for _ in range(6):
        y, x, radius = rng.uniform(0.1, 0.9, 3) * [1, 1, 0.25]
        inside = ((down - y) ** 2 + (across - x) ** 2 < radius**2)[..., None]
        picture = np.where(inside, rng.uniform(0.05, 0.9, 3) * (0.7 + 0.5 * across[..., None]), picture)
    picture = picture + 0.03 * rng.standard_normal((side, side, 1))
    return (picture.clip(0, 0.94) * 255).round().astype(np.uint8)


@pytest.fixture(scope="session")
def ladder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve different scenes as PNG files."""
    folder = tmp_path_factory.mktemp("ladder")
    for seed in range(12):
        Image.fromarray(scene(seed)).save(folder / f"scene{seed:02d}.png")
    return folder


@pytest.fixture
def config_file(tmp_path: Path, ladder_folder: Path) -> Path:
    """Two short epochs of the small backbone."""
    path = tmp_path / "run.toml"
    path.write_text(
        f"""
        [data]
        ladder = '{ladder_folder}'
        samples = 48
        validation_samples = 24
        test_samples = 32
        holdout = 0.25
        provenance = "drawn in code"
        [model]
        context_tokens = 2
        [optim]
        epochs = 2
        batch_size = 16
        [run]
        out = "checkpoint"
        seed = 3
        """,
        encoding="utf-8",
    )
    return path


@pytest.fixture
def real_export() -> None:
    """Asked for by tests that look at the exported model; see `quick_export`."""


@pytest.fixture
def quick_export(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs end without an exported model: making one takes seconds, and most tests ask about something else."""
    if "real_export" not in request.fixturenames:
        monkeypatch.setattr(
            "iqa_cli.training.outcome.onnx_writer", lambda *_: lambda path: path.write_bytes(b"not exported")
        )
