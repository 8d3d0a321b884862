"""Exact tests and intervals against scipy, which computes them otherwise, and against what they promise."""

from __future__ import annotations

import math
import random

import pytest

from iqa_cli.significance import ALPHA, POWER, detectable_shift, fisher_exact, holm, sign_test, wilson_interval

stats = pytest.importorskip("scipy.stats", reason="scipy comes with the eval extra")

SIZES = (1, 2, 5, 20, 200, 3000)


def tables(count: int) -> list[tuple[int, int, int, int]]:
    """Counts and totals of two groups: many small ones, some large, some far apart."""
    chance = random.Random(4)  # noqa: S311 - the same draws each time
    found = []
    for _ in range(count):
        total, other = (chance.randint(0, chance.choice(SIZES)) for _ in range(2))
        found.append((chance.randint(0, total), total, chance.randint(0, other), other))
    return found


def test_wilson_intervals_equal_those_of_scipy() -> None:
    for count, total, *_ in tables(500):
        if total:
            expected = stats.binomtest(count, total).proportion_ci(method="wilson")
            assert wilson_interval(count, total) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_intervals_stay_between_0_and_1_and_nothing_has_none() -> None:
    assert wilson_interval(0, 0) is None
    none, whole = wilson_interval(0, 7), wilson_interval(7, 7)
    assert none is not None
    assert whole is not None
    assert none[0] == 0.0
    assert whole[1] == 1.0
    assert none[1] == pytest.approx(1 - whole[0])


def test_the_sign_test_equals_the_binomial_test_of_scipy() -> None:
    for better, _, worse, _ in tables(1000):
        if better + worse:
            expected = stats.binomtest(better, better + worse).pvalue
            assert sign_test(better, worse) == pytest.approx(expected, rel=1e-8, abs=1e-280)


@pytest.mark.parametrize(("better", "worse", "p"), [(0, 0, 1.0), (0, 1, 1.0), (0, 5, 0.0625), (1, 5, 14 / 64)])
def test_the_sign_test_of_few_pairs_is_counted_by_hand(better: int, worse: int, p: float) -> None:
    assert sign_test(better, worse) == sign_test(worse, better) == pytest.approx(p)


def test_fishers_test_equals_that_of_scipy() -> None:
    for count, total, other_count, other_total in tables(1500):
        expected = stats.fisher_exact([[count, total - count], [other_count, other_total - other_count]]).pvalue
        found = fisher_exact(count, total, other_count, other_total)
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-250), (count, total, other_count, other_total)


def test_fishers_test_of_a_hundred_thousand_photos_is_right_and_asks_for_no_table_of_them() -> None:
    found = fisher_exact(1_000, 10_000, 8_400, 90_000)
    expected = stats.fisher_exact([[1_000, 9_000], [8_400, 81_600]]).pvalue
    assert found == pytest.approx(expected, rel=1e-6)


def test_fishers_test_does_not_depend_on_which_group_or_answer_is_named_first() -> None:
    for count, total, other_count, other_total in tables(200):
        p = fisher_exact(count, total, other_count, other_total)
        assert fisher_exact(other_count, other_total, count, total) == pytest.approx(p)
        assert fisher_exact(total - count, total, other_total - other_count, other_total) == pytest.approx(p)


def test_holms_correction_by_hand() -> None:
    # Sorted: 0.01 * 4, 0.02 * 3 = 0.06, 0.03 * 2 = 0.06, 0.5 * 1.
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holms_correction_never_lowers_a_p_and_keeps_their_order() -> None:
    chance = random.Random(1)  # noqa: S311 - as above
    for _ in range(100):
        ps = [chance.random() ** 4 for _ in range(chance.randint(1, 12))]
        adjusted = holm(ps)
        assert all(p <= higher <= 1 for p, higher in zip(ps, adjusted, strict=True))
        ranked = [adjusted[place] for place in sorted(range(len(ps)), key=ps.__getitem__)]
        assert ranked == sorted(ranked)


def power(pairs: int, better: float, worse: float, tests: int) -> float:
    """How often the sign test at Holm's first step shows a shift: the sum over all counts."""
    changed = better + worse
    total = 0.0
    for n in range(pairs + 1):
        of_n = math.comb(pairs, n) * changed**n * (1 - changed) ** (pairs - n)
        for k in range(n + 1):
            if sign_test(n - k, k) <= ALPHA / tests:
                total += of_n * math.comb(n, k) * (worse / changed) ** k * (better / changed) ** (n - k)
    return total


@pytest.mark.parametrize(("pairs", "back_and_forth"), [(30, 0.0), (30, 0.1), (60, 0.0), (60, 0.1)])
def test_the_smallest_difference_is_found_about_as_often_as_promised(pairs: int, back_and_forth: float) -> None:
    shift = detectable_shift(pairs, back_and_forth, 6)
    assert shift is not None
    # The formula is one for large numbers, and an exact test takes steps: few pairs come within some hundredths.
    assert POWER - 0.1 < power(pairs, back_and_forth / 2, back_and_forth / 2 + shift, 6) < POWER + 0.12


def test_more_pairs_show_smaller_differences_and_too_few_show_none() -> None:
    shifts = [detectable_shift(pairs, 0.02, 6) for pairs in (20, 100, 1_000, 20_000)]
    assert all(shift is not None for shift in shifts)
    assert shifts == sorted(shifts, reverse=True)
    # Seven pairs that all change the same way have p = 1/64, above a sixth of 0.05; of eight it is 1/128.
    assert detectable_shift(7, 0.0, 6) is None
    assert detectable_shift(0, 0.0, 1) is None
    assert detectable_shift(10, 0.0, 6) is not None
