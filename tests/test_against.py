"""Two models on the same photos: differences, intervals and tests against scipy, scikit-learn and drawn truth."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from iqa_cli.errors import LabelsError, UsageError
from iqa_cli.evaluation import evaluate_against
from iqa_cli.metrics.differences import COMPARED, COMPARED_INTERVALS
from iqa_cli.metrics.records import Predictions

pytest.importorskip("sklearn")
LABELS = ("bright", "dark", "flat")


def drawn(right: float, seed: int, n: int = 200, truth_seed: int = 0, source: str = "drawn") -> Predictions:
    """A model that is right on this share of all levels, and off by anything otherwise."""
    truth = np.random.default_rng(truth_seed).choice(4, (n, 3), p=(0.7, 0.15, 0.1, 0.05))
    rng = np.random.default_rng(seed)
    wrong = (truth + rng.integers(1, 4, truth.shape)) % 4
    predicted = np.where(rng.random(truth.shape) < right, truth, wrong)
    return Predictions(source, tuple(f"{row:03}.jpg" for row in range(n)), LABELS, truth, predicted, (4,) * 3)


def rows_of(predictions: Predictions, rows: list[int]) -> Predictions:
    return dataclasses.replace(
        predictions,
        names=tuple(predictions.names[row] for row in rows),
        truth=predictions.truth[rows],
        predicted=predictions.predicted[rows],
    )


def test_a_model_against_itself_differs_in_nothing() -> None:
    one = drawn(0.8, 1)
    found = evaluate_against(one, one)
    assert found.verdict == "unshown"
    assert found.changed == ()
    for of in found.labels.values():
        assert all(value == 0 or np.isnan(value) for value in of.figures.values())
        assert (of.right.gained, of.right.lost, of.right.p, of.right.p_holm) == (0, 0, 1.0, 1.0)
        assert all(interval is None or (interval.low, interval.high) == (0, 0) for interval in of.intervals.values())


@pytest.mark.parametrize("seed", range(5))
def test_p_is_that_of_mcnemars_exact_test_in_scipy(seed: int) -> None:
    from scipy.stats import binomtest

    one, other = drawn(0.8, 2 * seed), drawn(0.7, 2 * seed + 1)
    found = evaluate_against(one, other, resamples=0)
    for column, label in enumerate(LABELS):
        here, there = (of.predicted[:, column] == of.truth[:, column] for of in (one, other))
        gained, lost = int((here & ~there).sum()), int((~here & there).sum())
        right = found.labels[label].right
        assert (right.gained, right.lost) == (gained, lost)
        assert (right.both, right.neither) == (int((here & there).sum()), int((~here & ~there).sum()))
        assert right.p == pytest.approx(binomtest(gained, gained + lost, 0.5).pvalue, rel=1e-9)


def test_differences_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, cohen_kappa_score

    one, other = drawn(0.85, 1), drawn(0.6, 2)
    found = evaluate_against(one, other, resamples=0)
    for column, label in enumerate(LABELS):
        truth = one.truth[:, column]
        kappas = [cohen_kappa_score(truth, of.predicted[:, column], weights="quadratic") for of in (one, other)]
        shares = [accuracy_score(truth, of.predicted[:, column]) for of in (one, other)]
        assert found.labels[label].figures["qwk"] == pytest.approx(kappas[0] - kappas[1])
        assert found.labels[label].figures["accuracy"] == pytest.approx(shares[0] - shares[1])
    assert found.mean["accuracy"] == pytest.approx(np.mean([of.figures["accuracy"] for of in found.labels.values()]))


def test_holm_corrects_over_the_labels_and_the_photos() -> None:
    found = evaluate_against(drawn(0.9, 1), drawn(0.8, 2), resamples=0)
    rights = [*(of.right for of in found.labels.values()), found.photos]
    ordered = sorted(rights, key=lambda right: right.p)
    floor = 0.0
    for place, right in enumerate(ordered):
        floor = max(floor, min(1.0, right.p * (len(rights) - place)))
        assert right.p_holm == pytest.approx(floor)


def test_a_model_with_noise_loses_and_the_other_way_round_wins() -> None:
    good, noisy = drawn(0.95, 1), drawn(0.6, 2)
    assert evaluate_against(noisy, good).verdict == "worse"
    found = evaluate_against(good, noisy)
    assert found.verdict == "better"
    assert found.shown["better"] == LABELS
    interval = found.mean_intervals["accuracy"]
    assert interval is not None
    assert 0 < interval.low < found.mean["accuracy"] < interval.high


def test_what_is_better_in_one_label_and_worse_in_another_is_mixed() -> None:
    one, other = drawn(0.9, 1), drawn(0.9, 2)
    one.predicted[:, 0], other.predicted[:, 1] = one.truth[:, 0], one.truth[:, 1]
    one.predicted[:60, 1] = (one.truth[:60, 1] + 1) % 4
    other.predicted[:60, 0] = (one.truth[:60, 0] + 1) % 4
    assert evaluate_against(one, other, resamples=0).verdict == "mixed"


def test_the_order_of_photos_and_labels_does_not_matter() -> None:
    one, other = drawn(0.8, 1), drawn(0.7, 2)
    shuffled = rows_of(other, np.random.default_rng(0).permutation(len(other.names)).tolist())
    turned = dataclasses.replace(
        shuffled, labels=LABELS[::-1], truth=shuffled.truth[:, ::-1], predicted=shuffled.predicted[:, ::-1]
    )
    expected = evaluate_against(one, other)
    for again in (shuffled, turned):
        found = evaluate_against(one, again)
        assert (found.photos, found.changed) == (expected.photos, expected.changed)
        for label, of in expected.labels.items():
            assert found.labels[label].right == of.right
            assert found.labels[label].intervals == of.intervals
            assert found.labels[label].figures == pytest.approx(of.figures, nan_ok=True)


def test_photos_and_labels_that_only_one_has_are_named_and_count_nowhere() -> None:
    one, other = drawn(0.8, 1), drawn(0.7, 2)
    here, there = rows_of(one, list(range(150))), rows_of(other, list(range(50, 200)))
    there = dataclasses.replace(there, labels=("bright", "dark", "hazy"))
    found = evaluate_against(here, there, resamples=0)
    assert found.first.n == found.second.n == 100
    assert found.only_first == one.names[:50]
    assert found.only_second == one.names[150:]
    assert found.labels_apart == ("flat", "hazy")
    assert [*found.labels] == ["bright", "dark"]


def test_changed_levels_are_listed_both_ways() -> None:
    one, other = drawn(0.8, 1, n=30), drawn(0.7, 2, n=30)
    found = evaluate_against(one, other, resamples=0)
    gained = sum(of.right.gained for of in found.labels.values())
    lost = sum(of.right.lost for of in found.labels.values())
    assert sum(entry.is_gained for entry in found.changed) == gained
    assert len(found.changed) == gained + lost
    for entry in found.changed:
        assert (entry.first == entry.truth) != (entry.second == entry.truth)


def test_levels_that_nobody_looked_at_count_nowhere() -> None:
    one, other = drawn(0.8, 1), drawn(0.7, 2)
    for of in (one, other):
        of.truth[:, 2] = -1
        of.truth[:120, 1] = -1
    found = evaluate_against(one, other, resamples=0)
    assert (found.labels["dark"].right.n, found.labels["flat"].right.n) == (80, 0)
    assert found.labels["flat"].right.p_holm == 1
    assert {entry.label for entry in found.changed} == {"bright", "dark"}


def test_intervals_cover_the_true_difference() -> None:
    """Both are right by chance on known shares: 100 draws, of which 93 to 97 % are expected to hold 0.1."""
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(100):
        truth = rng.choice(4, (150, 1))
        easy = rng.random((150, 1)) < 0.5  # what makes a photo easy makes it so for both
        rights = [easy | (rng.random((150, 1)) < share) for share in (0.6, 0.4)]
        one, other = (
            Predictions(
                "drawn", tuple(map(str, range(150))), ("a",), truth, np.where(right, truth, (truth + 1) % 4), (4,)
            )
            for right in rights
        )
        interval = evaluate_against(one, other, resamples=400).labels["a"].intervals["accuracy"]
        assert interval is not None
        hits.append(interval.low <= 0.1 <= interval.high)
    assert 0.88 <= np.mean(hits) <= 1.0


def test_what_cannot_be_held_against_each_other_is_refused() -> None:
    one, other = drawn(0.8, 1, source="one.csv"), drawn(0.7, 2, source="other.csv")
    apart = dataclasses.replace(other, names=tuple(f"other/{name}" for name in other.names))
    with pytest.raises(LabelsError, match=r"one.csv and other.csv have no photo in common"):
        evaluate_against(one, apart)
    with pytest.raises(LabelsError, match="have no label in common"):
        evaluate_against(one, dataclasses.replace(other, labels=("x", "y", "z")))
    truth = other.truth.copy()
    truth[3, 1] = (truth[3, 1] + 1) % 4
    with pytest.raises(LabelsError, match="do not agree on the truth: 1 level") as raised:
        evaluate_against(one, dataclasses.replace(other, truth=truth))
    assert "003.jpg" in raised.value.problems[0]
    five = dataclasses.replace(other, n_levels=(4, 5, 4))
    with pytest.raises(LabelsError, match="labels of other levels"):
        evaluate_against(one, five)
    with pytest.raises(UsageError, match="no photo to evaluate"):
        evaluate_against(one, rows_of(other, []))


def test_what_is_compared_is_what_an_evaluation_has() -> None:
    assert set(COMPARED_INTERVALS) <= set(COMPARED)
    assert {"qwk", "accuracy", "miss_rate", "false_alarm_rate"} <= set(COMPARED)
