"""What a comparison finds: records that renderers read."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Literal

from iqa_cli.provenance import differences
from iqa_cli.significance import ALPHA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.comparison.pairing import Pairs, Why
    from iqa_cli.comparison.shots import Shot, Side
    from iqa_cli.provenance import Difference

Direction = Literal["better", "worse"]
Verdict = Literal["better", "worse", "mixed", "unshown"]
"""`mixed` where one label got better and another worse, `unshown` where chance would explain all that changed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Turn:
    """Pairs that changed one way and the other, and what that proves."""

    better: int
    """Pairs of which B is better."""
    worse: int
    """Pairs of which B is worse."""
    p: float
    """Exact two-sided p of the sign test. 0..1."""
    p_holm: float
    """The same by Holm's correction over all labels and the worst of all. 0..1."""

    @property
    def shown(self) -> Direction | None:
        """Which way it changed beyond chance; None if that cannot be shown."""
        if self.p_holm > ALPHA:
            return None
        return "better" if self.better > self.worse else "worse"


@dataclasses.dataclass(frozen=True, slots=True)
class Mean:
    """A mean over all pairs."""

    value: float
    """B less A."""
    interval: tuple[float, float] | None
    """By the bootstrap over pairs, 95 %; None where all pairs changed alike, from which no resample learns anything."""


@dataclasses.dataclass(frozen=True, slots=True)
class LabelChange:
    """One label over all pairs."""

    label: str
    """As the graph spells it; empty for the worst level of a photo, whatever its label."""
    transitions: tuple[tuple[int, ...], ...]
    """(K, K) pairs by the level in A (row) and in B (column), both from level 1 on."""
    level: Turn
    """Pairs whose level fell and rose."""
    severe: Turn
    """Pairs that are no longer severe or worse in B, and that are so only there."""
    change: Mean
    """Of the level."""
    expected: Mean
    """Of the mean of all levels, each as likely as the model says: it moves before a level does."""
    detectable: float | None
    """The excess of worse over better pairs, a share of all, that these pairs would have shown in 4 cases of 5; None if
    none of any size."""

    @property
    def same(self) -> int:
        """Pairs whose level did not change."""
        return sum(row[level] for level, row in enumerate(self.transitions))


@dataclasses.dataclass(frozen=True, slots=True)
class MeasuredChange:
    """One measurement over all pairs."""

    name: str
    """As reports have it, or `luma_median_ev`."""
    unit: str
    """As in `Measurement`, or `ev`."""
    mean_a: float
    """Of A."""
    mean_b: float
    """Of B."""
    change: Mean
    """B less A."""


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """The pairs whose photo in A is in one group."""

    values: tuple[str, ...]
    """One for each key; empty where it is not known."""
    pairs: int
    """How many were compared."""
    turns: tuple[Turn, ...]
    """Per label; corrected over all labels of all groups of the grouping."""


@dataclasses.dataclass(frozen=True, slots=True)
class Grouped:
    """The pairs by one grouping."""

    by: str
    """As a user writes it."""
    names: tuple[str, ...]
    """Of its keys."""
    groups: tuple[Group, ...]
    """Sorted by their values, unknown ones last."""


@dataclasses.dataclass(frozen=True, slots=True)
class PairChange:
    """One pair that was compared."""

    a: Shot
    """The photo of A."""
    b: Shot
    """The photo of B."""

    @property
    def rises(self) -> tuple[int, ...]:
        """Per label how many levels B is above A; below 0 where it is better."""
        return tuple(after - before for before, after in zip(self.a.levels, self.b.levels, strict=True))

    @property
    def rise(self) -> tuple[int, int, float]:
        """How much worse B is: by the label that got worse most, by all that did, and by what is expected of them."""
        up = [rise for rise in self.rises if rise > 0]
        return max(up, default=0), sum(up), self._move()

    @property
    def fall(self) -> tuple[int, int, float]:
        """The same of how much better."""
        down = [-rise for rise in self.rises if rise < 0]
        return max(down, default=0), sum(down), -self._move()

    def _move(self) -> float:
        """Of all labels together; rounded, so that a report orders pairs as the run does that it is of."""
        return round(sum(self.b.expected) - sum(self.a.expected), 4)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Everything that was found."""

    a: Side
    """The first audit, most often the older build."""
    b: Side
    """The second."""
    pairing: str
    """How pairs were found, as `--pair` takes it."""
    pairs: Pairs
    """All of them, and what has no partner."""
    judged: tuple[PairChange, ...]
    """The pairs of which both photos have the status ok; all figures are about these."""
    labels: tuple[LabelChange, ...]
    """In the order of the graph."""
    worst: LabelChange
    """Of the worst level of each photo: it speaks where what changed is spread over many labels, and none can alone."""
    measured: tuple[MeasuredChange, ...]
    """In the order of the reports; `luma_median_ev` first."""
    grouped: tuple[Grouped, ...] = ()
    """By each grouping that was asked for; no part in the verdict."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """In what the last runs behind A and B differ that may change what they say of one photo, if both are known."""
        return differences(self.a.runs[-1], self.b.runs[-1]) if self.a.runs and self.b.runs else ()

    @property
    def shown(self) -> Mapping[Direction, tuple[LabelChange, ...]]:
        """The labels that got better and worse beyond chance; the worst of all if none did."""
        ways: tuple[Direction, Direction] = ("better", "worse")
        changes = self.labels if any(label.level.shown for label in self.labels) else (self.worst,)
        return {way: tuple(change for change in changes if change.level.shown == way) for way in ways}

    @property
    def verdict(self) -> Verdict:
        """What can be said of B in one word."""
        better, worse = self.shown["better"], self.shown["worse"]
        if better and worse:
            return "mixed"
        return "better" if better else "worse" if worse else "unshown"

    @property
    def is_regression(self) -> bool:
        """Whether a label got worse beyond chance, or photos as a whole."""
        return bool(self.shown["worse"])

    @property
    def is_severe_regression(self) -> bool:
        """Whether more photos of B are severe or worse beyond chance, by a label or by their worst level."""
        return any(change.severe.shown == "worse" for change in (*self.labels, self.worst))

    @property
    def detectable(self) -> float | None:
        """What these pairs would have shown in each of the labels: the largest of theirs; None if one has none."""
        shares = [label.detectable for label in self.labels]
        return None if None in shares else max((share for share in shares if share is not None), default=None)

    def set_apart(self) -> collections.Counter[tuple[str, str]]:
        """Pairs that are not compared, by the status of the photo in A and in B."""
        statuses = ((a.status, b.status) for a, b in self.pairs.pairs)
        return collections.Counter(pair for pair in statuses if pair != ("ok", "ok"))

    def without_partner(self, side: Literal["a", "b"]) -> collections.Counter[Why]:
        """Photos of one side that are in no pair, by why."""
        return collections.Counter(why for _, why in (self.pairs.alone_a if side == "a" else self.pairs.alone_b))

    @property
    def n_worse(self) -> int:
        """Pairs in which a label got worse."""
        return sum(pair.rise[0] > 0 for pair in self.judged)

    @property
    def n_better(self) -> int:
        """Pairs in which a label got better; it may be the same pairs."""
        return sum(pair.fall[0] > 0 for pair in self.judged)

    def regressions(self, most: int) -> tuple[PairChange, ...]:
        """The pairs that got worse, the worst of them first."""
        found = [pair for pair in self.judged if pair.rise[0] > 0]
        return tuple(sorted(found, key=lambda pair: pair.rise, reverse=True)[:most])

    def gains(self, most: int) -> tuple[PairChange, ...]:
        """The pairs that got better, the best of them first."""
        found = [pair for pair in self.judged if pair.fall[0] > 0]
        return tuple(sorted(found, key=lambda pair: pair.fall, reverse=True)[:most])
