"""curves.png: what is drawn where, whatever labels are called and however many there are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib", reason="training needs the train extra")
pytest.importorskip("sklearn", reason="training needs the train extra")

from iqa_cli.metrics.ordinal import label_metrics
from iqa_cli.training.curves import curves, curves_png

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.metrics.records import LabelMetrics

ODD = (r"$\frac{x$", "_hidden", "整体偏亮", "[bold]")
TRUTH = np.array([0, 0, 1, 2, 3, 3])
SEEN: LabelMetrics = label_metrics(TRUTH, TRUTH, (TRUTH[:, None] >= [1, 2, 3]).astype(np.float64))


def rows(labels: Sequence[str], epochs: int) -> list[dict[str, float]]:
    """The figures rise by 0.1 an epoch; those of the last label are undefined."""
    return [
        {"epoch": number, "loss": 3 / number, "validation_loss": 2 / number}
        | dict.fromkeys(("qwk", "tauc"), 0.1 * number)
        | {f"{label}_{key}": 0.1 * number for label in labels[:-1] for key in ("qwk", "tauc")}
        | {f"{labels[-1]}_{key}": float("nan") for key in ("qwk", "tauc")}
        for number in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [1, 3])
def test_any_label_name_is_drawn_without_a_word(epochs: int) -> None:
    png = curves_png(rows(ODD, epochs), ODD, 1, dict.fromkeys(ODD, SEEN))
    with Image.open(io.BytesIO(png)) as picture:
        assert picture.format == "PNG"
    axes = curves(rows(ODD, epochs), ODD, 1, None).axes[1]
    names = [text.get_text().strip() for text in axes.get_legend().get_texts()]
    assert names == [r"\$\frac{x\$", "_hidden", "整体偏亮", "[bold] (undefined)", "mean"]


@pytest.mark.parametrize("count", [4, 40])
def test_test_figures_stand_at_the_epoch_that_was_kept(count: int) -> None:
    labels = [f"label {number}" for number in range(count)]
    for axes in curves(rows(labels, 5), labels, 2, dict.fromkeys(labels, SEEN)).axes[1:]:
        stars = [line for line in axes.get_lines() if line.get_marker() == "*"]
        assert len(stars) == (count if count == 4 else 1)
        for star in stars:
            assert list(star.get_xdata()) == [2]
            assert list(star.get_ydata()) == [pytest.approx(1.0)]


def test_of_many_labels_the_range_of_those_that_are_defined_is_drawn() -> None:
    labels = [f"label {number}" for number in range(40)]
    axes = curves(rows(labels, 5), labels, 2, None).axes[1]
    (band,) = axes.collections
    assert np.isfinite(band.get_paths()[0].vertices).all()
    assert len(band.get_paths()) == 1


def test_one_epoch_is_a_point_and_not_nothing() -> None:
    axes = curves(rows(("a", "b"), 1), ("a", "b"), 1, None).axes[0]
    assert [line.get_marker() for line in axes.get_lines()[:2]] == ["o", "o"]
