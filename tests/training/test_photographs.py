"""Photographs are loaded whole, split before anything else, and a scene is never on two sides."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from iqa_cli.errors import ConfigError

torch = pytest.importorskip("torch", reason="training needs the train extra")

from iqa_cli.training.photographs import load_photographs, split  # noqa: E402 - torch may be missing

if TYPE_CHECKING:
    from pathlib import Path


def test_unreadable_files_are_left_out_and_named(ladder_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(ladder_folder, folder)
    (folder / "empty.jpg").write_bytes(b"")
    photographs = load_photographs(folder, 32)
    assert len(photographs.names) == 12
    assert photographs.pictures.shape == (12, 3, 32, 32)
    assert [name for name, _ in photographs.unreadable] == ["empty.jpg"]


def test_no_photograph_and_no_scene_is_on_two_sides(ladder_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(ladder_folder, folder)
    for name in ("scene03", "scene07"):  # a bracket: the same scene, darker and brighter
        picture = np.asarray(Image.open(folder / f"{name}.png")).astype(float)
        for ev in (0.6, 1.05):
            Image.fromarray((picture * ev).clip(0, 255).astype(np.uint8)).save(folder / f"{name}-{ev}.png")
    photographs = load_photographs(folder, 32)
    for seed in range(8):
        sides = [side.tolist() for side in split(photographs, 0.3, seed)]
        assert all(side == sorted(side) and side for side in sides)
        assert sorted(index for side in sides for index in side) == list(range(16))
        scenes = [{photographs.names[index].split("-")[0].removesuffix(".png") for index in side} for side in sides]
        assert sum(len(side) for side in scenes) == 12


@pytest.mark.parametrize(("holdout", "sizes"), [(0.15, (10, 1, 1)), (0.25, (9, 1, 2)), (0.5, (6, 3, 3))])
def test_validation_and_test_share_what_is_held_out(
    ladder_folder: Path, holdout: float, sizes: tuple[int, ...]
) -> None:
    sides = split(load_photographs(ladder_folder, 32), holdout, 0)
    assert tuple(len(side) for side in sides) == sizes
    assert {side.dtype for side in sides} == {torch.int64}


def test_a_sky_over_the_ground_does_not_make_two_photographs_one_scene(tmp_path: Path) -> None:
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sky_and_ground = np.repeat(np.linspace(220, 60, 96)[:, None, None], 96, 1).repeat(3, 2)
        texture = np.kron(rng.normal(0, 12, (32, 32, 1)), np.ones((3, 3, 3)))
        Image.fromarray((sky_and_ground + texture).clip(0, 255).astype(np.uint8)).save(tmp_path / f"{seed}.png")
    sides = split(load_photographs(tmp_path, 64), 0.25, 0)
    assert [len(side) for side in sides] == [6, 1, 1]


def test_one_scene_alone_cannot_be_split(ladder_folder: Path, tmp_path: Path) -> None:
    for copy in range(3):
        shutil.copy(ladder_folder / "scene00.png", tmp_path / f"{copy}.png")
    with pytest.raises(ConfigError, match="3 photographs of 1 scene"):
        split(load_photographs(tmp_path, 32), 0.3, 0)


@pytest.mark.parametrize("holdout", [0.05, 0.99])
def test_each_side_needs_a_scene(ladder_folder: Path, holdout: float) -> None:
    with pytest.raises(ConfigError, match=rf"12 scene\(s\) cannot be split with holdout = {holdout}") as error:
        split(load_photographs(ladder_folder, 32), holdout, 0)
    assert "two scenes at least are held out" in (error.value.hint or "")


def test_three_scenes_are_one_for_each_side(ladder_folder: Path, tmp_path: Path) -> None:
    for seed in range(3):
        shutil.copy(ladder_folder / f"scene{seed:02d}.png", tmp_path)
    assert [len(side) for side in split(load_photographs(tmp_path, 32), 0.6, 0)] == [1, 1, 1]


def test_the_split_depends_on_the_seed_alone(ladder_folder: Path) -> None:
    photographs = load_photographs(ladder_folder, 32)
    for side in (1, 2):
        assert split(photographs, 0.25, 1)[side].tolist() == split(photographs, 0.25, 1)[side].tolist()
        assert len({tuple(split(photographs, 0.25, seed)[side].tolist()) for seed in range(6)}) > 1


def test_a_missing_or_empty_folder_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        load_photographs(tmp_path / "nowhere", 32)
    with pytest.raises(ConfigError, match="0 readable photographs"):
        load_photographs(tmp_path, 32)


def test_photographs_of_doubtful_tone_are_told_from_good_ones() -> None:
    """A scene with its blacks and whites is good; with a large black area, a veil, burnt, or very light it is not."""
    torch = pytest.importorskip("torch")
    from iqa_cli.training.photographs import is_plainly_good

    rng = np.random.default_rng(0)
    scene = np.kron(rng.uniform(0.1, 0.85, (12, 12, 1)), np.ones((8, 8, 3)))
    black, veiled, burnt, light = scene.copy(), 0.55 + 0.25 * scene, scene.copy(), 0.75 + 0.2 * scene
    black[:20] = 0.0
    burnt[:10] = 1.0
    pictures = (255 * np.stack([scene, black, veiled, burnt, light])).astype(np.uint8)
    good = is_plainly_good(torch.from_numpy(pictures).permute(0, 3, 1, 2))
    assert good.tolist() == [True, False, False, False, False]
