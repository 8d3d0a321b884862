"""What a comparison keeps of each photo: its levels and measurements in a few hundred bytes."""

from __future__ import annotations

import array
import dataclasses
import sys
from typing import TYPE_CHECKING

from iqa_cli.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

    from iqa_cli.provenance import Provenance
    from iqa_cli.records import Capture, PhotoReport


@dataclasses.dataclass(frozen=True, slots=True)
class Shot:
    """One photo of one side."""

    source_file: str
    """Its path as reports spell it."""
    status: str
    """`ok`, `uncertain`, `damaged` or `unreadable`; only `ok` is compared."""
    reason: str
    """Why it is not `ok`; empty if it is."""
    levels: bytes
    """Per label its level, 1..K; empty if it was not judged."""
    expected: array.array[float]
    """Per label the mean of its levels, each as likely as the model says; moves before a level does."""
    values: array.array[float]
    """Per measurement its value; empty if it was not judged."""
    capture: Capture
    """The camera's settings."""


class Side:
    """One of the two audits.

    name  as the user named it
    root  what the paths of all photos of the folder that was searched begin with; None where only they tell

    Labels and measurements are those of the first photo that was judged.
    """

    def __init__(self, name: str, root: str | None = None) -> None:
        self.name = name
        self.root = root
        self.labels: tuple[str, ...] = ()
        """In the order of the graph; empty until a photo was judged."""
        self.levels: tuple[int, ...] = ()
        """How many levels each of them has."""
        self.measurements: tuple[tuple[str, str], ...] = ()
        """Name and unit of each."""
        self.shots: list[Shot] = []
        self.runs: list[Provenance] = []
        """Where the judgements come from; empty where that is not known."""
        self.is_cut_short = False
        """Whether a run did not come to its end."""

    @classmethod
    def of(cls, name: str, reports: Iterable[PhotoReport], root: str | None = None) -> Side:
        """The side that these reports make."""
        side = cls(name, root)
        for report in reports:
            side.add(report)
        return side

    def add(self, report: PhotoReport) -> None:
        """Take one photo.

        raises  InvalidInput  if it was judged by other labels than those before it, or lacks a measurement of theirs
        """
        if report.findings:
            labels = tuple(finding.label for finding in report.findings)
            levels = tuple(len(report.marginals[label]) for label in labels)
            if not self.labels:
                self.labels, self.levels = labels, levels
                self.measurements = tuple((entry.name, entry.unit) for entry in report.measurements)
            elif (labels, levels) != (self.labels, self.levels):
                raise InvalidInput(f"{self.name}: {report.source_file} has other labels than the photos before it")
            elif [entry.name for entry in report.measurements] != [name for name, _ in self.measurements]:
                raise InvalidInput(f"{self.name}: {report.source_file} was measured otherwise than those before it")
        reason = report.error or "; ".join(report.notes) if report.status != "ok" else ""
        self.shots.append(
            Shot(
                source_file=report.source_file,
                status=sys.intern(report.status),
                reason=sys.intern(reason),
                levels=bytes(finding.level for finding in report.findings),
                expected=array.array("d", map(_mean, report.marginals.values())),
                values=array.array("d", (entry.value for entry in report.measurements)),
                capture=report.capture,
            )
        )


def _mean(marginals: tuple[float, ...]) -> float:
    return sum(level * probability for level, probability in enumerate(marginals, 1))
