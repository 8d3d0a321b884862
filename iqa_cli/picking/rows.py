"""What a pick knows of a photo: a row of a report that `iqa assess` wrote."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

STATUSES = ("ok", "uncertain", "damaged", "unreadable")
"""What a report may say of how far a photo was judged; of `unreadable` ones there are no levels."""

PROBLEM_FROM = 2
"""Levels count from 1, which is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One photo of a report."""

    source_file: str
    r"""Its path as shown: valid UTF-8, bytes that are not as \xNN, `/` between folders."""
    also: str | None
    """How else the path may be spelled, where a CSV leaves two ways to read it; else None."""
    status: str
    """One of `STATUSES`."""
    levels: tuple[int, ...]
    """Per label of the report, 1..K; empty if it was not judged."""
    probabilities: tuple[float, ...]
    """Per label the probability of a level of 2 or above, 0..1; empty if it was not judged."""
    make: str
    """Camera maker as written, or empty."""
    model: str
    """Camera model as written, or empty."""
    taken_at: dt.datetime | None
    """By the camera's clock, without a zone."""
    iso: int | None
    """Sensitivity."""

    @property
    def worst_level(self) -> int:
        """The highest level, 1 if every label is none; 0 if it was not judged."""
        return max(self.levels, default=0)


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """A report that was read."""

    name: str
    """Of its file, as shown."""
    folder: str
    """Where its file lies."""
    labels: tuple[str, ...]
    """As the graph spells them, in its order; empty if a report of JSON lines holds no judged photo."""
    rows: tuple[Row, ...]
    """In the report's order."""
