"""What a run comes to: counters and the few photos worth naming, in memory that does not grow with it."""

from __future__ import annotations

import collections
import dataclasses
import heapq
from typing import TYPE_CHECKING

from iqa_cli.report.audit.groups import Groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.grouping import Grouping
    from iqa_cli.records import PhotoReport

NAMES_KEPT = 5
"""Names kept per reason; the CSV has them all."""
REASONS_KEPT = 20
"""Different reasons told apart; the rest is counted together."""


@dataclasses.dataclass(slots=True)
class Group:
    """Photos that share a reason."""

    count: int = 0
    """How many there are."""
    names: list[str] = dataclasses.field(default_factory=list)
    """The first few of them, in order."""


class ReasonGroups:
    """Photos grouped by why they are unreadable, damaged, uncertain or doubted."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        """In the order in which the reasons came up."""
        self.others = 0
        """Photos whose reason came up after `REASONS_KEPT` different ones."""

    def add(self, reason: str, name: str) -> None:
        """Count one photo."""
        if reason not in self.groups and len(self.groups) >= REASONS_KEPT:
            self.others += 1
            return
        group = self.groups.setdefault(reason, Group())
        group.count += 1
        if len(group.names) < NAMES_KEPT:
            group.names.append(name)

    @property
    def total(self) -> int:
        """All photos counted."""
        return self.others + sum(group.count for group in self.groups.values())


class Tally:
    """Counts reports as they come by and keeps the worst.

    top        how many of the worst photos to keep; 0 keeps none
    min_level  a photo is kept among the worst from this level on
    by         groupings that photos are also counted by
    """

    def __init__(self, *, top: int = 20, min_level: int = 2, between: str = "; ", by: Sequence[Grouping] = ()) -> None:
        self.groups = tuple(map(Groups, by))
        """Photos by group, for each grouping."""
        self.photos = 0
        """Photos seen, readable or not."""
        self.fine = 0
        """Photos with status ok and no label above level 1."""
        self.problems: collections.Counter[int] = collections.Counter()
        """Photos with status ok that have a problem, by their worst level."""
        self.levels: collections.Counter[tuple[str, int]] = collections.Counter()
        """Photos with status ok by (label, level)."""
        self.uncertain = ReasonGroups()
        """Photos judged that should not be trusted."""
        self.damaged = ReasonGroups()
        """Photos judged that should not be trusted because their files are damaged."""
        self.unreadable = ReasonGroups()
        """Photos not judged."""
        self.doubted = ReasonGroups()
        """Photos with status ok and no label above level 1 that were measured as if they had a problem."""
        self.candidates = 0
        """Photos at or above `min_level`, of which the worst `top` are kept."""
        self.top = top
        self.min_level = min_level
        self.between = between
        self._heap: list[tuple[int, float, int, PhotoReport]] = []

    def add(self, report: PhotoReport) -> None:
        """Count one photo."""
        self.photos += 1
        for groups in self.groups:
            groups.add(report)
        if report.status == "unreadable":
            self.unreadable.add(report.error or "", report.source_file)
            return
        if report.status == "uncertain":
            self.uncertain.add(self.between.join(report.notes), report.source_file)
            return
        if report.status == "damaged":
            self.damaged.add(report.notes[0] if report.notes else "", report.source_file)
            return
        for finding in report.findings:
            self.levels[finding.label, finding.level] += 1
        worst = report.worst
        if worst is None:
            self.fine += 1
            if any(finding.measured == "more" for finding in report.findings):
                self.doubted.add(self.between.join(report.notes), report.source_file)
            return
        self.problems[worst.level] += 1
        if worst.level < self.min_level:
            return
        self.candidates += 1
        # The running number makes entries differ before reports are compared, and of equals keeps the
        # earlier.
        entry = (worst.level, worst.probability, -self.photos, report)
        if len(self._heap) < self.top:
            heapq.heappush(self._heap, entry)
        elif self.top:
            heapq.heappushpop(self._heap, entry)

    @property
    def worst(self) -> list[PhotoReport]:
        """The worst photos, worst first; photos as bad as each other in the order they came."""
        return [entry[-1] for entry in sorted(self._heap, key=lambda entry: entry[:3], reverse=True)]

    @property
    def judged(self) -> int:
        """Photos with status ok."""
        return self.fine + self.problems.total()

    @property
    def statuses(self) -> dict[str, int]:
        """Photos by status."""
        return {
            "ok": self.judged,
            "uncertain": self.uncertain.total,
            "damaged": self.damaged.total,
            "unreadable": self.unreadable.total,
        }

    def reaches(self, level: int) -> bool:
        """Whether any photo that was judged with status ok is at this level or above."""
        return any(count for worst, count in self.problems.items() if worst >= level)
