"""What a comparison counts, tests and concludes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from iqa_cli.comparison import Side, compare
from iqa_cli.comparison.comparing import mean_changes
from iqa_cli.errors import InvalidInput
from iqa_cli.grouping import grouping_of
from iqa_cli.significance import ALPHA, holm, sign_test

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.comparison import Comparison
    from iqa_cli.records import PhotoReport


@pytest.fixture
def compared(side: Callable[..., Side]) -> Callable[..., Comparison]:
    """Compares photos given by their levels (bright, dark) before and after."""

    def run(*pairs: tuple[tuple[int, int], tuple[int, int]]) -> Comparison:
        a = {f"A/{number:04}": before for number, (before, _) in enumerate(pairs)}
        b = {f"B/{number:04}": after for number, (_, after) in enumerate(pairs)}
        return compare(side("A", a), side("B", b), resamples=200)

    return run


def test_every_pair_is_in_the_table_of_each_label(compared: Callable[..., Comparison]) -> None:
    found = compared(((1, 1), (1, 3)), ((1, 2), (1, 2)), ((4, 1), (2, 1)), ((1, 1), (1, 3)))
    bright, dark = found.labels
    assert (bright.label, dark.label) == ("bright", "dark")
    assert bright.transitions == ((3, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 1, 0, 0))
    assert dark.transitions == ((1, 0, 2, 0), (0, 1, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0))
    assert (dark.level.better, dark.level.worse, dark.same) == (0, 2, 2)
    assert (bright.level.better, bright.level.worse, bright.same) == (1, 0, 3)
    assert dark.change.value == pytest.approx(1.0)
    assert (dark.severe.better, dark.severe.worse) == (0, 2)
    assert (bright.severe.better, bright.severe.worse) == (1, 0)
    # Of each photo its worst level: 1 to 3, 2 to 2, 4 to 2, 1 to 3.
    assert (found.worst.level.better, found.worst.level.worse, found.worst.same) == (1, 2, 1)


def test_ps_are_those_of_the_sign_test_and_of_holm(compared: Callable[..., Comparison]) -> None:
    found = compared(*[((1, 1), (1, 2))] * 9, *[((3, 2), (1, 1))] * 2, ((1, 1), (2, 1)))
    changes = (*found.labels, found.worst)
    ps = [sign_test(change.level.better, change.level.worse) for change in changes]
    assert [change.level.p for change in changes] == ps
    assert [change.level.p_holm for change in changes] == holm(ps)


def test_a_little_of_everything_adds_up(compared: Callable[..., Comparison]) -> None:
    found = compared(*[((1, 1), (1, 2))] * 5, *[((1, 1), (2, 1))] * 5, *[((1, 1), (1, 1))] * 5)
    assert [label.level.shown for label in found.labels] == [None, None]
    assert found.worst.level.worse == 10
    assert found.verdict == "worse"
    assert found.shown["worse"] == (found.worst,)
    assert found.is_regression


WORSE, BETTER, SAME = ((1, 1), (1, 3)), ((1, 3), (1, 1)), ((2, 1), (2, 1))


def test_verdicts(compared: Callable[..., Comparison]) -> None:
    assert compared(*[WORSE] * 10, SAME).verdict == "worse"
    assert compared(*[BETTER] * 10, SAME).verdict == "better"
    assert compared(*[((3, 1), (1, 3))] * 10).verdict == "mixed"
    for few in ([SAME] * 10, [WORSE] * 3, [WORSE, BETTER] * 20):
        assert compared(*few).verdict == "unshown"


def test_a_regression_below_severe_is_no_severe_one(compared: Callable[..., Comparison]) -> None:
    slight = compared(*[((1, 1), (1, 2))] * 10)
    assert (slight.is_regression, slight.is_severe_regression) == (True, False)
    grave = compared(*[WORSE] * 10)
    assert (grave.is_regression, grave.is_severe_regression) == (True, True)
    # Worse among the severe ones already: not more of them are severe.
    deeper = compared(*[((1, 3), (1, 4))] * 10)
    assert (deeper.is_regression, deeper.is_severe_regression) == (True, False)


def test_a_side_against_itself_shows_nothing_at_all(compared: Callable[..., Comparison]) -> None:
    found = compared(*[((n % 4 + 1, 1), (n % 4 + 1, 1)) for n in range(40)])
    assert found.verdict == "unshown"
    assert found.regressions(9) == found.gains(9) == ()
    assert all(label.change.value == 0 and label.change.interval is None for label in found.labels)
    assert all(entry.change.value == 0 for entry in found.measured)


def test_turning_the_sides_turns_every_conclusion(side: Callable[..., Side]) -> None:
    chance = np.random.default_rng(2)
    a, b = (
        side(name, {f"{name}/{n:03}": tuple(map(int, chance.integers(low, 5, 2))) for n in range(60)})
        for name, low in (("A", 1), ("B", 2))
    )
    there, back = compare(a, b, resamples=200), compare(b, a, resamples=200)
    for one, other in zip(there.labels, back.labels, strict=True):
        assert (one.level.better, one.level.worse) == (other.level.worse, other.level.better)
        assert one.level.p_holm == other.level.p_holm
        assert np.array_equal(np.array(one.transitions), np.array(other.transitions).T)
        assert one.change.value == pytest.approx(-other.change.value)
    assert there.regressions(60)[0].rise == back.gains(60)[0].fall


def test_only_pairs_that_were_judged_count(shot: Callable[..., PhotoReport]) -> None:
    a = Side.of("A", [shot("A/1"), shot("A/2", status="unreadable"), shot("A/3", status="uncertain"), shot("A/4")])
    b = Side.of("B", [shot("B/1", (1, 2)), shot("B/2"), shot("B/3"), shot("B/4", status="damaged")])
    found = compare(a, b)
    assert len(found.judged) == 1
    assert dict(found.set_apart()) == {("unreadable", "ok"): 1, ("uncertain", "ok"): 1, ("ok", "damaged"): 1}
    assert [sum(map(sum, label.transitions)) for label in found.labels] == [1, 1]


def test_a_darker_build_is_measured_in_ev(shot: Callable[..., PhotoReport]) -> None:
    def encoded(linear: float) -> float:
        return 1.055 * linear ** (1 / 2.4) - 0.055

    chance = np.random.default_rng(0)
    lumas = chance.uniform(0.05, 0.5, 30)
    a = Side.of("A", [shot(f"A/{n:02}", luma=encoded(luma)) for n, luma in enumerate(lumas)])
    b = Side.of("B", [shot(f"B/{n:02}", luma=encoded(luma * 2**-0.7)) for n, luma in enumerate(lumas)])
    ev = compare(a, b).measured[0]
    assert (ev.name, ev.unit) == ("luma_median_ev", "ev")
    assert ev.change.value == pytest.approx(-0.7, abs=1e-6)
    assert ev.mean_a == pytest.approx(np.log2(lumas).mean(), abs=1e-6)


def test_black_pictures_have_an_exposure_that_is_a_number(shot: Callable[..., PhotoReport]) -> None:
    sides = [Side.of(name, [shot(f"{name}/1", luma=0.0), shot(f"{name}/2", luma=0.3)]) for name in "AB"]
    assert math.isfinite(compare(*sides).measured[0].mean_a)


def test_the_worst_regression_comes_first_and_gains_apart(compared: Callable[..., Comparison]) -> None:
    found = compared(((1, 1), (1, 2)), ((1, 1), (1, 4)), ((3, 1), (1, 2)), SAME, ((1, 1), (2, 4)))
    assert [pair.b.source_file for pair in found.regressions(9)] == ["B/0004", "B/0001", "B/0000", "B/0002"]
    assert [pair.b.source_file for pair in found.regressions(2)] == ["B/0004", "B/0001"]
    assert [pair.b.source_file for pair in found.gains(9)] == ["B/0002"]
    assert (found.n_worse, found.n_better) == (4, 1)


def test_what_could_have_been_shown_shrinks_with_more_pairs(compared: Callable[..., Comparison]) -> None:
    few, many = compared(*[SAME] * 20).detectable, compared(*[SAME] * 200).detectable
    assert few is not None
    assert many is not None
    assert 0 < many < few < 1
    assert compared(*[SAME] * 3).detectable is None


def test_the_interval_of_a_mean_holds_the_true_one_as_often_as_it_says() -> None:
    held = np.zeros(2)
    repeats = 500
    for repeat in range(repeats):
        chance = np.random.default_rng([7, repeat])
        levels = chance.choice([0.0, 1.0, -1.0], 100, p=[0.7, 0.2, 0.1])
        values = np.stack([levels, chance.normal(0.3, 1.0, 100)], axis=1)
        for column, (mean, true) in enumerate(
            zip(mean_changes(values, resamples=500, seed=repeat), (0.1, 0.3), strict=True)
        ):
            assert mean.interval is not None
            held[column] += mean.interval[0] <= true <= mean.interval[1]
    assert np.all((held >= 0.93 * repeats) & (held <= 0.97 * repeats)), held / repeats


def test_builds_that_do_not_differ_are_seldom_called_different() -> None:
    alarms = 0
    for repeat in range(400):
        counts = np.random.default_rng([3, repeat]).multinomial(200, [0.05, 0.05, 0.9], 6)
        alarms += min(holm([sign_test(int(one), int(other)) for one, other, _ in counts])) <= ALPHA
    assert alarms <= 0.07 * 400


def test_the_same_photos_give_the_same_numbers_in_any_order(shot: Callable[..., PhotoReport]) -> None:
    chance = np.random.default_rng(5)
    reports = [
        [
            shot(f"{name}/{n:03}", tuple(map(int, chance.integers(1, 5, 2))), luma=float(chance.random()))
            for n in range(50)
        ]
        for name in "AB"
    ]
    there = compare(*[Side.of(name, of) for name, of in zip("AB", reports, strict=True)])
    back = compare(*[Side.of(name, of[::-1]) for name, of in zip("AB", reports, strict=True)])
    assert there.labels == back.labels
    assert there.measured == back.measured


def test_different_labels_cannot_be_compared(shot: Callable[..., PhotoReport]) -> None:
    a, b = Side.of("A", [shot("A/1")]), Side.of("B", [shot("B/1", labels=("bright", "flat"))])
    with pytest.raises(InvalidInput, match="judged by different labels"):
        compare(a, b)
    with pytest.raises(InvalidInput, match="other labels than the photos before it"):
        Side.of("A", [shot("A/1"), shot("A/2", labels=("bright", "flat"))])


def test_nothing_to_compare_is_said(shot: Callable[..., PhotoReport]) -> None:
    with pytest.raises(InvalidInput, match=r"0 pairs of 1 and 2 photos[\s\S]*--pair"):
        compare(Side.of("A", [shot("A/1")]), Side.of("B", [shot("B/2"), shot("B/3")]))
    with pytest.raises(InvalidInput, match="no photo of it was judged"):
        compare(Side.of("A", [shot("A/1", status="unreadable")]), Side.of("B", [shot("B/1")]))


def test_groups_are_by_the_photo_in_a_and_corrected_together(shot: Callable[..., PhotoReport]) -> None:
    a, b = [], []
    for iso, pairs, after in ((100, 20, (1, 1)), (1600, 12, (1, 3)), (None, 2, (2, 1))):
        for number in range(pairs):
            a.append(shot(f"A/{iso}/{number}", iso=iso))
            b.append(shot(f"B/{iso}/{number}", after, iso=50))
    found = compare(Side.of("A", a), Side.of("B", b), by=[grouping_of("iso"), grouping_of("camera")])
    iso, camera = found.grouped
    assert [(group.values, group.pairs) for group in iso.groups] == [(("51-100",), 20), (("801-1600",), 12), (("",), 2)]
    dark = [group.turns[1] for group in iso.groups]
    assert [(turn.better, turn.worse, turn.shown) for turn in dark] == [(0, 0, None), (0, 12, "worse"), (0, 0, None)]
    # Of six tests two have pairs that changed.
    assert dark[1].p_holm == pytest.approx(2 * sign_test(0, 12))
    assert [(group.values, group.pairs) for group in camera.groups] == [(("",), 34)]
    assert camera.groups[0].turns[1].worse == found.labels[1].level.worse


def test_groups_of_pairs_that_did_not_change_are_there(shot: Callable[..., PhotoReport]) -> None:
    sides = [Side.of(name, [shot(f"{name}/{n}", iso=100) for n in range(3)]) for name in "AB"]
    (iso,) = compare(*sides, by=[grouping_of("iso")]).grouped
    assert [turn.p for turn in iso.groups[0].turns] == [1.0, 1.0]
