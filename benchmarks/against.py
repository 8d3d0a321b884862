"""Two models held against each other, on drawn truth: `python benchmarks/against.py`.

coverage   how often the 95 % interval of a difference holds the true one, paired and as if the two were apart
width      of these intervals, on average
alarms     how often two equally good models are told apart (McNemar's exact test, Holm)
power      how often a model that is right on 5 and 10 photos in 100 more is found, by number of photos
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.evaluation import evaluate_against
from iqa_cli.metrics.bootstrap import bootstrap
from iqa_cli.metrics.records import Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.metrics.records import Interval

LABELS = 6
RESAMPLES = 1000


def main() -> None:
    """Draw and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=500)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    paired, apart, widths = [], [], []
    for _ in range(options.repeats):
        one, other = drawn(rng, 200, (0.6, 0.4), labels=1)
        ends = [
            of_pairs(evaluate_against(one, other, resamples=RESAMPLES).labels["0"].intervals["accuracy"]),
            as_if_apart(one, other),
        ]
        paired.append(ends[0][0] <= 0.1 <= ends[0][1])
        apart.append(ends[1][0] <= 0.1 <= ends[1][1])
        widths.append([high - low for low, high in ends])
    narrow, wide = np.mean(widths, axis=0)
    print(f"coverage of the 95 % interval over {options.repeats} repeats, 200 photos, true difference 0.1")
    print(f"paired {np.mean(paired):.1%}, width {narrow:.3f}; as if apart {np.mean(apart):.1%}, width {wide:.3f}")
    for n in (100, 300, 1000):
        found = []
        for shares in ((0.6, 0.6), (0.65, 0.55), (0.7, 0.5)):
            verdicts = [
                evaluate_against(*drawn(rng, n, shares), resamples=0).verdict for _ in range(options.repeats // 5)
            ]
            found.append(np.mean([verdict != "unshown" for verdict in verdicts]))
        print(f"{n} photos: told apart {found[0]:.1%} if equal, {found[1]:.1%} if 5 in 100 apart, {found[2]:.1%} if 10")


def drawn(
    rng: np.random.Generator, n: int, shares: tuple[float, float], *, labels: int = LABELS
) -> tuple[Predictions, Predictions]:
    """Two models that are both right on an easy half of the photos, and on these shares of the others."""
    truth = rng.choice(4, (n, labels), p=(0.7, 0.15, 0.1, 0.05))
    easy = rng.random((n, labels)) < 0.5
    models = []
    for share in shares:
        right: NDArray[np.bool_] = easy | (rng.random((n, labels)) < share)
        predicted = np.where(right, truth, (truth + 1) % 4)
        names = tuple(map(str, range(n)))
        models.append(Predictions("drawn", names, tuple(map(str, range(labels))), truth, predicted, (4,) * labels))
    return models[0], models[1]


def of_pairs(interval: Interval | None) -> tuple[float, float]:
    """Its ends; an accuracy is never undefined."""
    return (float("nan"), float("nan")) if interval is None else (interval.low, interval.high)


def as_if_apart(one: Predictions, other: Predictions) -> tuple[float, float]:
    """The interval of the difference if the models were resampled apart: half widths add up as their squares do."""
    means, halves = [], []
    for seed, model in enumerate((one, other)):
        low, high = of_pairs(bootstrap(model, resamples=RESAMPLES, confidence=0.95, seed=seed)[0]["0"]["accuracy"])
        halves.append((high - low) / 2)
        means.append(float((model.predicted == model.truth).mean()))
    half = float(np.hypot(*halves))
    return means[0] - means[1] - half, means[0] - means[1] + half


if __name__ == "__main__":
    main()
