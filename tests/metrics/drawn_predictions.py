"""Predictions drawn at random, with the properties that tests ask for."""

from __future__ import annotations

import numpy as np

from iqa_cli.metrics.records import Predictions

LABELS = ("bright", "dark", "sharp")


def drawn(
    n: int = 200, seed: int = 0, *, right: float = 0.7, observed: float = 1.0, with_marginals: bool = True
) -> Predictions:
    """Predictions of three labels (4, 4 and 2 levels) of which a share is right, and a share of the truth is known."""
    random = np.random.default_rng(seed)
    n_levels = (4, 4, 2)
    truth, predicted, marginals = [], [], []
    for count in n_levels:
        true = random.choice(count, n, p=np.array([6.0, 2.0, 1.0, 1.0])[:count] / sum([6, 2, 1, 1][:count]))
        guess = np.where(random.random(n) < right, true, random.integers(0, count, n))
        shares = random.random((n, count)) * 0.5
        shares[np.arange(n), guess] += 1
        truth.append(np.where(random.random(n) < observed, true, -1))
        predicted.append(guess)
        marginals.append(shares / shares.sum(1, keepdims=True))
    return Predictions(
        source="drawn",
        names=tuple(f"{row:05}.jpg" for row in range(n)),
        labels=LABELS,
        truth=np.stack(truth, 1),
        predicted=np.stack(predicted, 1),
        n_levels=n_levels,
        marginals=tuple(marginals) if with_marginals else None,
    )
