"""How many photos a split has of everything: the table that a paper prints of its data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.hexgraph.problems import printable
from iqa_cli.labels.levels import UNOBSERVED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iqa_cli.hexgraph import HexGraph
    from iqa_cli.labels.table import LabelTable


_NAMED = 6
"""Levels that one warning names; the rest is counted."""


@dataclasses.dataclass(frozen=True)
class LabelCounts:
    """Photos of one label in one part."""

    positives: int
    """At a level above none, known exactly or not."""
    levels: tuple[int, ...]
    """Exactly at each level, none first: K numbers."""
    at_least: int
    """Known as "this level or worse" only; they are among the positives and at no level."""
    unobserved: int
    """Nobody looked."""


@dataclasses.dataclass(frozen=True)
class PartCounts:
    """Photos of one part."""

    total: int
    """Photos."""
    has_issue: int
    """Photos with a level above none of some label."""
    no_issue: int
    """Photos with every label observed, and none above none."""
    unknown: int
    """The rest: no issue seen, but not every label looked at."""
    labels: tuple[LabelCounts, ...]
    """One per label, in graph order."""


def count_photos(table: LabelTable, graph: HexGraph) -> PartCounts:
    """Count the photos of a table that was read for this graph."""
    positions = table.positions
    has_issue = int((positions > 0).any(axis=1).sum())
    no_issue = int((positions == 0).all(axis=1).sum())
    labels = []
    for label, n_levels in enumerate(graph.n_levels):
        told, at_least = positions[:, label], table.at_least[:, label]
        exact = told[~at_least & (told != UNOBSERVED)]
        labels.append(
            LabelCounts(
                positives=int((told > 0).sum()),
                levels=tuple(np.bincount(exact, minlength=n_levels).tolist()),
                at_least=int(at_least.sum()),
                unobserved=int((told == UNOBSERVED).sum()),
            )
        )
    return PartCounts(len(table), has_issue, no_issue, len(table) - has_issue - no_issue, tuple(labels))


def together(parts: Sequence[PartCounts]) -> PartCounts:
    """The counts of several parts added up; of at least one."""
    return PartCounts(
        total=sum(part.total for part in parts),
        has_issue=sum(part.has_issue for part in parts),
        no_issue=sum(part.no_issue for part in parts),
        unknown=sum(part.unknown for part in parts),
        labels=tuple(
            LabelCounts(
                positives=sum(label.positives for label in same),
                levels=tuple(map(sum, zip(*(label.levels for label in same), strict=True))),
                at_least=sum(label.at_least for label in same),
                unobserved=sum(label.unobserved for label in same),
            )
            for same in zip(*(part.labels for part in parts), strict=True)
        ),
    )


def absent_levels(parts: Mapping[str, PartCounts], graph: HexGraph) -> list[str]:
    """A sentence for every part without a photo at a level that other parts have: nothing is learned or judged there.

    parts  by name; photos known as "this level or worse" only are at no level
    """
    whole = together(list(parts.values()))
    warnings = []
    for part, counts in parts.items():
        absent = [
            f"{printable(label.name)} {graph.level_name(level, 'en')} ({everywhere.levels[position]:,} in all)"
            for label, everywhere, here in zip(graph.labels, whole.labels, counts.labels, strict=True)
            for position, level in enumerate(label.levels)
            if everywhere.levels[position] and not here.levels[position]
        ]
        if absent:
            more = f" and {len(absent) - _NAMED:,} more" if len(absent) > _NAMED else ""
            warnings.append(f"{part} has no photo with {', '.join(absent[:_NAMED])}{more}")
    return warnings
