"""What is asked of photographs of each kind, and which answers count.

A photograph whose status is not `ok` accuses nobody: nothing is found in it, and it is no false alarm.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from quality_parts.document import Goal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.records import PhotoReport

ORDINARY, SEVERE = 2, 3
CLEAR, MILD, ALL = "clear", "mild", "all"
"""Which photographs of a kind."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of the pictures of one kind."""

    kind: str
    """As in the label files."""
    words: str
    """For people."""
    labels: frozenset[str] | None
    """The labels that answer it with yes; None means any."""
    level: int
    """1..4, from which they do."""
    wanted: bool
    """Whether yes is the right answer."""
    goals: Mapping[str, Goal]
    """By which photographs of the kind."""

    def yes(self, levels: Mapping[str, int] | None) -> bool:
        """Whether levels by label answer with yes; None, which is a photo that is not judged, does not."""
        return levels is not None and any(
            level >= self.level and (self.labels is None or label in self.labels) for label, level in levels.items()
        )

    @property
    def cases(self) -> tuple[str, ...]:
        """The groups that get a row: of good photographs, whose goals are for all of them, all as well."""
        return (CLEAR, MILD) if self.wanted else (CLEAR, MILD, ALL)


def _fault(kind: str, words: str, labels: set[str], **goals: float) -> Question:
    return Question(
        kind, words, frozenset(labels), ORDINARY, wanted=True, goals={cases: Goal(goals[cases]) for cases in goals}
    )


def _good(kind: str, severe: float, ordinary: float) -> tuple[Question, Question]:
    def accused(words: str, level: int, share: float) -> Question:
        said = f"called {words} or worse in anything"
        return Question(kind, said, None, level, wanted=False, goals={ALL: Goal(share, at_most=True)})

    return accused("severe", SEVERE, severe), accused("ordinary", ORDINARY, ordinary)


DARK = _fault("dark", "called dark", {"dark"}, clear=0.97)
OVEREXPOSED = _fault("bright_overexposed", "called bright or overexposed", {"bright", "overexposed"}, clear=0.97)
HAZE = _fault("low_contrast", "haze and fog: called low_contrast", {"low_contrast"}, clear=0.90, mild=0.60)
BACKLIT = _fault(
    "high_contrast_backlit",
    "called high_contrast, overexposed or dark",
    {"high_contrast", "overexposed", "dark"},
    clear=0.85,
)
NORMAL_SEVERE, NORMAL_ORDINARY = _good("normal", 0.01, 0.05)
HARD_SEVERE, HARD_ORDINARY = _good("normal_hard", 0.05, 0.15)
"""Of photographs that are good, but dark, bright or flat by nature."""
QUESTIONS = (
    DARK,
    OVEREXPOSED,
    HAZE,
    BACKLIT,
    NORMAL_SEVERE,
    NORMAL_ORDINARY,
    HARD_SEVERE,
    HARD_ORDINARY,
)


def levels_of(report: PhotoReport) -> dict[str, int] | None:
    """Levels by label; None where the status is not `ok`."""
    return {found.label: found.level for found in report.findings} if report.status == "ok" else None
