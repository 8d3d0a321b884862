"""The ladder: repeatable, about half without a problem, every level of every label, never an illegal pair.

And natures: scenes that are dark, bright or clipped from the start, of which no untouched one has a label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the tone ladder needs the train extra")

from iqa_cli.hexgraph.read import read_graph  # noqa: E402 - torch may be missing
from iqa_cli.paths import find_graph  # noqa: E402
from iqa_cli.training import ladder as ladder_module  # noqa: E402
from iqa_cli.training import severity, tone  # noqa: E402
from iqa_cli.training.drawing import Drawers, Stock, Studio, orders  # noqa: E402
from iqa_cli.training.ladder import _TOGETHER, FAULTS, Drawn, Ladder, _faults  # noqa: E402
from iqa_cli.training.natures import NATURES, with_natures  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

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
    studio = Studio(Ladder(), {"training": Stock(photographs, torch.arange(len(photographs)), 48)}, GRAPH.label_names)
    made = list(Drawers(studio, 0).draw(orders("training", 1500, 250, seed=5)))
    return torch.cat([batch.pictures for batch in made]), torch.cat([batch.positions for batch in made])


def test_the_same_seed_gives_the_same_pictures(photographs: torch.Tensor) -> None:
    def draw(seed: int) -> list[Drawn]:
        studio = Studio(
            Ladder(), {"training": Stock(photographs, torch.arange(len(photographs)), 32)}, GRAPH.label_names
        )
        return list(Drawers(studio, 0).draw(orders("training", 20, 8, seed)))

    first, again, other = draw(1), draw(1), draw(2)
    assert [len(batch.pictures) for batch in first] == [8, 8, 4]
    for one, same in zip(first, again, strict=True):
        assert torch.equal(one.pictures, same.pictures)
        assert torch.equal(one.positions, same.positions)
        assert torch.equal(one.photographs, same.photographs)
    assert not torch.equal(first[0].pictures, other[0].pictures)


def test_what_is_drawn_has_the_shapes_and_types_it_says(photographs: torch.Tensor) -> None:
    drawn = Ladder().draw(photographs[:6], GRAPH.label_names, 40, torch.Generator().manual_seed(0))
    assert drawn.pictures.shape == drawn.photographs.shape == (6, 3, 40, 40)
    assert drawn.pictures.dtype == drawn.photographs.dtype == torch.uint8
    assert (drawn.positions.shape, drawn.positions.dtype) == ((6, len(GRAPH.labels)), torch.int64)


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


@pytest.fixture(scope="module")
def faults() -> torch.Tensor:
    """The faults of 20,000 faulty pictures. (F, 20000) bool."""
    return _faults(torch.ones(20_000, dtype=torch.bool), torch.Generator().manual_seed(0))


def together(faults: torch.Tensor, one: str, other: str) -> float:
    """How much oftener than by chance two faults are in one picture."""
    first, second = faults[FAULTS.index(one)], faults[FAULTS.index(other)]
    return float((first & second).float().mean() / (first.float().mean() * second.float().mean()))


def test_a_faulty_picture_has_one_to_three_faults_and_a_clean_one_none(faults: torch.Tensor) -> None:
    assert set(faults.sum(0).tolist()) == {1, 2, 3}
    assert bool((faults.sum(1) > 0).all())
    clean = torch.zeros(100, dtype=torch.bool)
    assert not bool(_faults(clean, torch.Generator().manual_seed(0)).any())


def test_faults_that_undo_each_other_are_never_drawn_together(faults: torch.Tensor) -> None:
    never = [pair for pair, factor in _TOGETHER.items() if factor == 0]
    assert ("bright", "dark") in never
    assert ("clip", "suppress") in never
    assert [together(faults, *pair) for pair in never] == [0.0] * len(never)


def test_faults_that_come_together_do_so_oftener_than_by_chance(
    faults: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    often = [pair for pair, factor in _TOGETHER.items() if factor > 1]
    monkeypatch.setattr(ladder_module, "_TOGETHER", {pair: 0.0 for pair in _TOGETHER if pair not in often})
    by_chance = _faults(torch.ones(20_000, dtype=torch.bool), torch.Generator().manual_seed(0))
    for pair in often:
        assert together(faults, *pair) > 1.1 * together(by_chance, *pair), pair


def test_a_clean_picture_without_crop_is_the_photograph(
    photographs: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder_module, "with_natures", lambda scenes, _: scenes)
    ladder = Ladder(clean_share=1.0, untouched_share=1.0, crop=1.0, varied_share=0.0, jpeg_share=0.0)
    drawn = ladder.draw(photographs, GRAPH.label_names, 64, torch.Generator().manual_seed(0))
    same = (drawn.pictures == photographs).flatten(1).all(1)
    mirrored = (drawn.pictures == photographs.flip(-1)).flatten(1).all(1)
    assert bool((same | mirrored).all())
    assert 0 < int(mirrored.sum()) < len(mirrored)
    assert torch.equal(drawn.photographs, drawn.pictures)
    assert int(drawn.positions.sum()) == 0


def test_a_jpeg_file_changes_pixels_but_no_tone(photographs: torch.Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder_module, "with_natures", lambda scenes, _: scenes)
    ladder = Ladder(clean_share=1.0, untouched_share=1.0, varied_share=0.0, jpeg_share=1.0)
    drawn = ladder.draw(photographs, GRAPH.label_names, 96, torch.Generator().manual_seed(0))
    assert bool((drawn.pictures != drawn.photographs).flatten(1).any(1).all())
    error = drawn.pictures.float().mean((1, 2, 3)) - drawn.photographs.float().mean((1, 2, 3))
    assert float(error.abs().max()) < 1.5
    assert int(drawn.positions.sum()) == 0


ONE_NATURE = pytest.mark.parametrize("nature", [nature for nature, _ in NATURES], ids=lambda nature: nature.__name__)


@ONE_NATURE
def test_an_untouched_nature_has_no_label_at_any_draw(
    photographs: torch.Tensor, monkeypatch: pytest.MonkeyPatch, nature: Callable[..., torch.Tensor]
) -> None:
    """Though its good rendering was varied, and half of the pictures went through a JPEG file."""
    monkeypatch.setattr(ladder_module, "with_natures", lambda scenes, generator: nature(scenes, generator).clamp(0, 1))
    ladder = Ladder(clean_share=1.0, untouched_share=1.0, varied_share=1.0, jpeg_share=0.5)
    for seed in range(5):
        drawn = ladder.draw(photographs, GRAPH.label_names, 96, torch.Generator().manual_seed(seed))
        assert int(drawn.positions.sum()) == 0


@pytest.mark.parametrize(
    ("name", "direction"), [("night", -1), ("on_black", -1), ("on_white", 1), ("snow", 1), ("document", 1)]
)
def test_a_nature_is_darker_or_brighter_than_the_photograph_it_was_made_from(
    photographs: torch.Tensor, name: str, direction: int
) -> None:
    """Else it would teach nothing."""
    nature = next(nature for nature, _ in NATURES if nature.__name__ == name)
    scenes = photographs.float() / 255
    made = nature(scenes, torch.Generator().manual_seed(0)).clamp(0, 1)
    change = tone.weighted_rec709(made).mean((1, 2, 3)) - tone.weighted_rec709(scenes).mean((1, 2, 3))
    assert float(change.median()) * direction > 0.05


@pytest.mark.parametrize("name", ["night", "on_white", "white_sky", "lamps"])
def test_what_is_clipped_by_nature_is_clipped(name: str) -> None:
    nature = next(nature for nature, _ in NATURES if nature.__name__ == name)
    sky = torch.tensor([0.45, 0.6, 0.8]).view(1, 3, 1, 1).expand(20, 3, 64, 64)
    made = tone.quantised(nature(sky, torch.Generator().manual_seed(0)))
    assert float((made >= severity.CLIPPED).all(1).flatten(1).any(1).float().mean()) > 0.25


def test_natures_come_in_their_shares_and_leave_the_other_photographs_alone() -> None:
    scenes = torch.rand(2000, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.8
    changed = with_natures(scenes, torch.Generator().manual_seed(1))
    touched = (changed != scenes).flatten(1).any(1).float().mean()
    # A white sky finds no sky in noise, so its share may change nothing.
    total = sum(share for _, share in NATURES)
    sky = next(share for nature, share in NATURES if nature.__name__ == "white_sky")
    assert total - sky - 0.03 < float(touched) < total + 0.03
    assert 0 <= float(changed.min()) <= float(changed.max()) <= 1
    assert torch.equal(changed, with_natures(scenes, torch.Generator().manual_seed(1)))
