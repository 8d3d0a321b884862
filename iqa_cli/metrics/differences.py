"""Records of how two models differ on the same photos: figures, which levels are right, and what that proves.

The first model is the one in question, the second the one it is held against. A difference is the first's figure less
the second's: above 0 means more in the first, which is better for all figures but the rates of mistakes.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from iqa_cli.metrics.records import FIGURES, INTERVALS
from iqa_cli.significance import ALPHA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.metrics.records import Evaluation, Interval

Direction = Literal["better", "worse"]
Verdict = Literal["better", "worse", "mixed", "unshown"]
"""`mixed` where one label is better and another worse, `unshown` where chance would explain all that differs."""

COMPARED = tuple(name for name in FIGURES if name != "accuracy_gain" and not name.endswith("_constant"))
"""The figures of which differences are taken. What the constant answer gets depends on the photos alone, so there is no
difference, and that of the gain is that of the accuracy."""
COMPARED_INTERVALS = tuple(name for name in COMPARED if name in INTERVALS)
"""Those that have an interval, as in an evaluation."""


@dataclasses.dataclass(frozen=True, slots=True)
class Right:
    """On how many photos which of the two is right, and what that proves."""

    both: int
    """Photos on which both are right, or as often right."""
    gained: int
    """Photos on which only the first is right, or more often: wrong -> right."""
    lost: int
    """Photos on which only the second is right, or more often: right -> wrong."""
    neither: int
    """Photos on which both are wrong; 0 where photos are counted with all their labels."""
    p: float
    """Exact two-sided p of McNemar's test. 0..1."""
    p_holm: float
    """The same by Holm's correction over all labels and the photos as a whole. 0..1."""

    @property
    def n(self) -> int:
        """Photos whose level is known."""
        return self.both + self.gained + self.lost + self.neither

    @property
    def shown(self) -> Direction | None:
        """Which way the first differs beyond chance; None if that cannot be shown."""
        if self.p_holm > ALPHA:
            return None
        return "better" if self.gained > self.lost else "worse"


@dataclasses.dataclass(frozen=True, slots=True)
class LabelDifference:
    """One label."""

    figures: Mapping[str, float]
    """Each of `COMPARED`: the first's less the second's; nan where either is undefined."""
    intervals: Mapping[str, Interval | None]
    """Each of `COMPARED_INTERVALS`, by the paired bootstrap; None where resamples cannot tell. Empty without any."""
    right: Right
    """Photos whose level of this label is right."""
    detectable: float | None
    """By what share of the photos more the first would have to be right, or wrong, to be shown in 4 cases of 5; None if
    by none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Changed:
    """One label of one photo that one of the two has right and the other wrong."""

    name: str
    """The photo."""
    label: str
    """The label."""
    truth: int
    """True zero-based level."""
    first: int
    """What the first says."""
    second: int
    """What the second says."""

    @property
    def is_gained(self) -> bool:
        """Whether the first has it right."""
        return self.first == self.truth


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """How two models differ on the photos that both have judged."""

    first_name: str
    """The model in question, for people: a checkpoint, or a predictions file."""
    second_name: str
    """What it is held against."""
    first: Evaluation
    """Of the photos that both have."""
    second: Evaluation
    """Likewise."""
    labels: Mapping[str, LabelDifference]
    """Per label, in column order."""
    mean: Mapping[str, float]
    """Each of `COMPARED`: the mean of the labels' differences, over the labels where it is defined."""
    mean_over: Mapping[str, int]
    """Over how many labels."""
    mean_intervals: Mapping[str, Interval | None]
    """Each of `COMPARED_INTERVALS`, of the mean. Empty without resamples."""
    photos: Right
    """Photos by how many of their levels are right: it speaks where what differs is spread over many labels, and none
    can alone."""
    changed: tuple[Changed, ...]
    """By photo, then by label."""
    only_first: tuple[str, ...] = ()
    """Photos that only the first has: in none of these figures."""
    only_second: tuple[str, ...] = ()
    """Photos that only the second has."""
    labels_apart: tuple[str, ...] = ()
    """Labels that only one of them has."""

    @property
    def shown(self) -> Mapping[Direction, tuple[str, ...]]:
        """The labels in which the first is better and worse beyond chance; ("",) for photos as a whole if none is."""
        rights = {label: found.right for label, found in self.labels.items()}
        if all(right.shown is None for right in rights.values()):
            rights = {"": self.photos}
        ways: tuple[Direction, Direction] = ("better", "worse")
        return {way: tuple(label for label, right in rights.items() if right.shown == way) for way in ways}

    @property
    def verdict(self) -> Verdict:
        """What can be said of the first in one word."""
        better, worse = self.shown["better"], self.shown["worse"]
        if better and worse:
            return "mixed"
        return "better" if better else "worse" if worse else "unshown"

    @property
    def detectable(self) -> float | None:
        """What these photos would have shown in each label that has any: the largest; None if one of them has none."""
        shares = [found.detectable for found in self.labels.values() if found.right.n]
        return None if None in shares else max((share for share in shares if share is not None), default=None)
