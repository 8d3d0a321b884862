"""Exact tests and intervals for counts: what can be concluded from so many photos, and what cannot.

Closed formulas of the standard library alone, because the base install has no scipy; see
`docs/decisions/0138-exact-tests-in-the-base-install.md`. Tests hold each of them against scipy.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Direction = Literal["better", "worse"]
Verdict = Literal["better", "worse", "mixed", "unshown"]
"""`mixed` where something is better and something else worse, `unshown` where chance would explain all that changed."""
_Thing = TypeVar("_Thing")

ALPHA = 0.05
"""A difference is called shown if chance alone would bring about one as large in fewer than one case of twenty."""
CONFIDENCE = 0.95
"""Of the intervals."""
POWER = 0.8
"""How often a difference that `detectable_shift` names is found."""
_TIE = 1e-7
"""Tables that are as likely as the one seen up to this share count as just as unlikely, as in scipy and R."""
_NEGLIGIBLE = 1e-18


def direction_of(better: int, worse: int, p: float) -> Direction | None:
    """Which way counts differ beyond chance; None if that cannot be shown.

    p  of their test, corrected for all that were made
    """
    if p > ALPHA:
        return None
    return "better" if better > worse else "worse"


def verdict_of(shown: Mapping[Direction, Sequence[_Thing]]) -> Verdict:
    """What can be said in one word, of what is shown to be better and worse."""
    if shown["better"] and shown["worse"]:
        return "mixed"
    return "better" if shown["better"] else "worse" if shown["worse"] else "unshown"


def wilson_interval(count: int, total: int, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
    """Interval of a share, also for none or all of a few; None of nothing.

    count       photos that have it, 0..total
    total       photos
    confidence  nominal coverage, 0..1
    returns     (low, high), 0..1

    Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927.
    """
    if not total:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = count / total
    middle = share + z * z / (2 * total)
    reach = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    # At the ends rounding alone would leave a 1e-17 where the formula has 0 or 1.
    low = 0.0 if count == 0 else (middle - reach) / scale
    high = 1.0 if count == total else (middle + reach) / scale
    return low, high


def sign_test(better: int, worse: int) -> float:
    """Exact two-sided p of as many changes one way and the other, if either way were as likely.

    Pairs that did not change say nothing about the direction. Of two classes, such as severe and not, this is
    McNemar's exact test. Dixon and Mood, "The Statistical Sign Test", JASA 1946.

    better, worse  pairs that changed this way and that, 0 or more
    returns        0..1; 1 if nothing changed
    """
    total, fewer = better + worse, min(better, worse)
    if better == worse:
        return 1.0
    at_fewer = _log_choose(total, fewer) - total * math.log(2)
    return min(1.0, 2 * _tail(at_fewer, lambda k: k / (total - k + 1), fewer, -1))


def fisher_exact(count: int, total: int, other_count: int, other_total: int) -> float:
    """Exact two-sided p of two shares, if both groups were drawn from one: Fisher's test of a 2 x 2 table.

    As scipy and R have it, the sum over all tables with the same margins that are as unlikely as this one or more so.
    Fisher, "On the Interpretation of Chi-Squared from Contingency Tables", JRSS 1922.

    count, total              photos of one group that have it, and all of them
    other_count, other_total  the same of the other group
    returns                   0..1; 1 if a group is empty
    """
    have, whole = count + other_count, total + other_total
    lowest, highest = max(0, have - other_total), min(have, total)
    if lowest == highest:
        return 1.0

    def log_p(k: int) -> float:
        return _log_choose(have, k) + _log_choose(whole - have, total - k) - _log_choose(whole, total)

    def falling(k: int) -> float:
        """P(k - 1) / P(k)."""
        return k * (whole - have - total + k) / ((have - k + 1) * (total - k + 1))

    def rising(k: int) -> float:
        """P(k + 1) / P(k)."""
        return (have - k) * (total - k) / ((k + 1) * (whole - have - total + k + 1))

    most_likely = min(highest, max(lowest, (have + 1) * (total + 1) // (whole + 2)))
    limit = log_p(count) + _TIE
    if log_p(most_likely) <= limit:
        return 1.0
    p = 0.0
    # On either side of the most likely table they only become less likely: the first that counts, and all beyond it.
    below = _last(lambda k: log_p(k) <= limit, lowest, most_likely)
    if below is not None:
        p += _tail(log_p(below), falling, below, -1, end=lowest)
    mirror = highest + lowest
    above = _last(lambda k: log_p(mirror - k) <= limit, lowest, mirror - most_likely)
    if above is not None:
        p += _tail(log_p(mirror - above), rising, mirror - above, 1, end=highest)
    return min(1.0, p)


def holm(ps: Sequence[float]) -> list[float]:
    """The p of several tests made higher, so that all that is concluded from them holds together.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 1979.

    returns  in the same order, 0..1
    """
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = highest
    return adjusted


def detectable_shift(pairs: int, back_and_forth: float, tests: int) -> float | None:
    """The smallest excess of worse over better pairs that so many pairs would have shown in `POWER` of the cases.

    Miettinen's formula for the sign test, as in Connor, "Sample Size for Testing Differences in Proportions for the
    Paired-Sample Design", Biometrics 1987, solved for the difference.

    pairs           that were compared
    back_and_forth  share of pairs that change one way and are made up for by others that change the other way, 0..1
    tests           made at once, 1 or more: the level of each is that of Holm's first step
    returns         a share of the pairs, 0..1; None if none of any size could be shown
    """
    if pairs == 0 or 2.0**-pairs * 2 * tests > ALPHA:  # not even if all pairs change the same way
        return None
    z_alpha = NormalDist().inv_cdf(1 - ALPHA / (2 * tests))
    z_power = NormalDist().inv_cdf(POWER)

    def is_enough(shift: float) -> bool:
        changed = min(1.0, shift + back_and_forth)
        needed = z_alpha * math.sqrt(changed) + z_power * math.sqrt(max(0.0, changed - shift * shift))
        return pairs * shift * shift >= needed * needed

    if not is_enough(1.0):
        return None
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _tail(log_first: float, ratio: Callable[[int], float], first: int, step: int, end: int = 0) -> float:
    """The sum of probabilities from `first` on to `end`, of which each is the one before it times a ratio below 1."""
    term = total = math.exp(log_first)
    k = first
    while k != end and term > _NEGLIGIBLE * total:
        term *= ratio(k)
        total += term
        k += step
    return total


def _last(holds: Callable[[int], bool], low: int, high: int) -> int | None:
    """The last of low..high for which it holds, if it holds up to somewhere and no further; None if nowhere."""
    if not holds(low):
        return None
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
