"""Scenes are recognised by structure: exposure, size and mirroring do not hide them."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from iqa_cli.training.likeness import alike, fine_structure, scenes  # noqa: E402 - torch may be missing
from tests.training.conftest import scene  # noqa: E402


def pictures(*seeds: int, side: int = 128) -> torch.Tensor:
    return torch.stack([torch.from_numpy(scene(seed, side)).permute(2, 0, 1) for seed in seeds])


def test_an_exposure_of_the_same_frame_is_the_same_scene() -> None:
    darker = (pictures(1).float() * 0.5).to(torch.uint8)
    numbers = scenes(torch.cat([pictures(0, 1, 2), darker]))
    assert numbers[1] == numbers[3]
    assert len(set(numbers.tolist())) == 3


def test_pairs_are_found_mirrored_and_of_another_size() -> None:
    other = torch.nn.functional.interpolate(pictures(7, 3).float(), size=(64, 64)).to(torch.uint8)
    assert alike(pictures(3, 4, 5), other) == [(0, 1)]
    assert alike(pictures(3, 4, 5).flip(-1), other) == [(0, 1)]
    assert alike(pictures(4, 5), other) == []


def test_a_picture_without_structure_is_like_nothing() -> None:
    plain = torch.full((2, 3, 64, 64), 128, dtype=torch.uint8)
    assert not bool(fine_structure(plain).any())
    assert alike(plain, plain) == []
