"""What is measured at each level, for the card: real percentiles of held-out pictures, the telling one first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the train extra")

from iqa_cli.findings import read_usual  # noqa: E402 - the train extra may be missing
from iqa_cli.hexgraph import HexGraph, Label  # noqa: E402
from iqa_cli.photometry import measure  # noqa: E402
from iqa_cli.training.data import Batch  # noqa: E402
from iqa_cli.training.measured import measured  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

GRAPH = HexGraph("own", (Label("dark", (1, 2, 3)), Label("lens flare", (1, 2))))


class Held:
    """Held-out pictures that come in two batches, half of them for the test."""

    def __init__(self, inputs: Tensor, positions: Tensor) -> None:
        self._batches = [
            Batch(
                inputs[start::2],
                positions[start::2],
                torch.ones(len(positions[start::2]), 5, dtype=torch.bool),
                torch.arange(len(positions[start::2])),
            )
            for start in range(2)
        ]

    def validation(self) -> Iterator[Batch]:
        yield self._batches[0]

    def test(self) -> Iterator[Batch]:
        return iter(self._batches[1:])


def pictures() -> tuple[Tensor, Tensor]:
    """A hundred greys: 40 light ones at level 1, 40 dark ones at level 2, 15 at level 3, 5 of unknown level."""
    values = np.concatenate([np.linspace(120, 200, 40), np.linspace(40, 90, 40), np.linspace(5, 30, 15), [60] * 5])
    positions = torch.tensor([0] * 40 + [1] * 40 + [2] * 15 + [-1] * 5)
    rng = np.random.default_rng(0)
    greys = values[:, None, None, None] + rng.uniform(-5, 5, (100, 1, 12, 12))
    inputs = torch.from_numpy(greys.clip(0, 255).astype(np.uint8)).expand(100, 3, 12, 12)
    return inputs, torch.stack([positions, torch.zeros_like(positions)], 1)


def test_the_card_tells_what_was_measured_at_each_level() -> None:
    inputs, positions = pictures()
    entry = measured(Held(inputs, positions), GRAPH)  # type: ignore[arg-type]  # all that is asked of the data
    assert entry is not None
    assert (entry["pictures"], entry["percentiles"], list(entry["labels"])) == (100, [1, 50, 99], ["dark"])
    dark = entry["labels"]["dark"]
    assert list(dark)[-1] == "dark_fraction"  # hardly any pixel is that dark
    assert dark["lstar_mean"]["separation"] == 1
    # 15 pictures are too few to say what is usual.
    assert list(dark["lstar_mean"]["levels"]) == ["1", "2"]
    expected = [
        next(value.value for value in measure(picture.permute(1, 2, 0).numpy()) if value.name == "lstar_mean")
        for picture in inputs[:40]
    ]
    assert dark["lstar_mean"]["levels"]["1"] == pytest.approx(np.percentile(expected, [1, 50, 99]), abs=1e-4)


def test_what_training_writes_is_what_assessment_reads() -> None:
    entry = measured(Held(*pictures()), GRAPH)  # type: ignore[arg-type]
    usual = read_usual(entry, GRAPH, "card.json")
    assert list(usual) == ["dark"]
    assert set(usual["dark"]["lstar_mean"]) == {1, 2}


def test_features_of_a_frozen_tower_cannot_be_measured() -> None:
    assert measured(Held(torch.rand(10, 8), torch.zeros(10, 2, dtype=torch.int64)), GRAPH) is None  # type: ignore[arg-type]


def test_levels_seen_too_rarely_say_nothing() -> None:
    inputs, positions = pictures()
    entry = measured(Held(inputs[:45], positions[:45]), GRAPH)  # type: ignore[arg-type]
    assert entry == {"pictures": 45, "percentiles": [1, 50, 99], "labels": {}}
