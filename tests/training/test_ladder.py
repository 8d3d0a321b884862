"""The ladder: repeatable, about half without a problem, every level of every label, never an illegal pair."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the tone ladder needs the train extra")

from iqa_cli.hexgraph.read import read_graph  # noqa: E402 - torch may be missing
from iqa_cli.paths import find_graph  # noqa: E402
from iqa_cli.training.ladder import _OPPOSITES, FAULTS, Ladder, _faults, batches  # noqa: E402

GRAPH = read_graph(find_graph("smartphone-6"))


@pytest.fixture(scope="module")
def photographs() -> torch.Tensor:
    """Twenty photographs: frames cut from the two that scikit-learn brings. (20, 3, 64, 64) uint8."""
    images = pytest.importorskip("sklearn.datasets").load_sample_images().images
    rng = np.random.default_rng(0)
    frames = []
    for turn in range(20):
        y, x = rng.integers(0, 427 - 256), rng.integers(0, 640 - 256)
        frames.append(images[turn % 2][y : y + 256 : 4, x : x + 256 : 4])
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="module")
def drawn(photographs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """1,500 pictures of 48 pixels."""
    made = list(batches(Ladder(), photographs, GRAPH.label_names, size=48, batch_size=250, samples=1500, seed=5))
    return torch.cat([pictures for pictures, _ in made]), torch.cat([positions for _, positions in made])


def test_the_same_seed_gives_the_same_pictures(photographs: torch.Tensor) -> None:
    def draw(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return list(batches(Ladder(), photographs, GRAPH.label_names, size=32, batch_size=8, samples=20, seed=seed))

    first, again, other = draw(1), draw(1), draw(2)
    assert [len(pictures) for pictures, _ in first] == [8, 8, 4]
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])


def test_about_half_have_no_problem(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    assert 0.4 < float((drawn[1] == 0).all(1).float().mean()) < 0.6


def test_every_level_of_every_label_occurs(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    for column, label in enumerate(GRAPH.label_names):
        counts = torch.bincount(drawn[1][:, column], minlength=4)
        assert bool((counts > 0).all()), f"{label}: {counts.tolist()}"


def test_every_combination_is_legal(drawn: tuple[torch.Tensor, torch.Tensor]) -> None:
    for row in set(map(tuple, drawn[1].tolist())):
        assert GRAPH.is_legal([position + 1 for position in row])


def test_dark_pictures_are_darker_and_bright_ones_brighter_than_the_rest(
    drawn: tuple[torch.Tensor, torch.Tensor],
) -> None:
    pictures, positions = drawn
    mean = pictures.float().mean((1, 2, 3))
    fine = mean[(positions == 0).all(1)].median()
    bright, dark = (positions[:, GRAPH.label_names.index(name)] >= 2 for name in ("bright", "dark"))
    assert mean[bright].median() > fine + 40
    assert mean[dark].median() < fine - 40


def test_opposite_faults_are_never_drawn_together() -> None:
    chosen = _faults(torch.ones(4000, dtype=torch.bool), torch.Generator().manual_seed(0))
    assert set(chosen.sum(0).tolist()) == {1, 2, 3}
    for one, other in _OPPOSITES:
        assert not bool((chosen[FAULTS.index(one)] & chosen[FAULTS.index(other)]).any())
    assert bool((chosen.sum(1) > 0).all())


def test_a_clean_picture_without_crop_is_the_photograph(photographs: torch.Tensor) -> None:
    ladder = Ladder(clean_share=1.0, untouched_share=1.0, crop=1.0, varied_share=0.0)
    pictures, positions = ladder.draw(photographs, GRAPH.label_names, 64, torch.Generator().manual_seed(0))
    same = (pictures == photographs).flatten(1).all(1) | (pictures == photographs.flip(-1)).flatten(1).all(1)
    assert bool(same.all())
    assert int(positions.sum()) == 0
