"""Records refuse what does not fit together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from drawn_predictions import drawn


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": ("bright", "dark")}, r"truth: expected \(9, 2\), got \(9, 3\)"),
        ({"names": ("a.jpg",)}, r"truth: expected \(1, 3\)"),
        ({"truth": np.full((9, 3), -2)}, "truth: levels outside -1"),
        ({"predicted": np.full((9, 3), -1)}, "predicted: levels outside 0"),
        ({"predicted": np.full((9, 3), 3)}, "predicted: levels outside"),  # the third label has two levels only
        ({"n_levels": (4, 4)}, "levels outside"),
        ({"marginals": (np.zeros((9, 4)),)}, "marginals: expected"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(change: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(drawn(9), **change)  # type: ignore[arg-type]


def test_truth_may_be_unobserved() -> None:
    assert (dataclasses.replace(drawn(9), truth=np.full((9, 3), -1)).truth == -1).all()
