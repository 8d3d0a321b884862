"""How many photos a split has of everything: the table that a paper prints of its data."""

from __future__ import annotations

import collections
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


def absent_levels(parts: Mapping[str, PartCounts], graph: HexGraph) -> dict[str, list[str]]:
    """For every part the levels without a photo that other parts have: nothing is learned or judged there.

    parts    by name; photos known as "this level or worse" only are at no level
    returns  as in `overexposed blocking (1 in all)`; a part that lacks nothing is left out
    """
    whole = together(list(parts.values()))
    absent = {
        part: [
            f"{printable(label.name)} {graph.level_name(level, 'en')} ({everywhere.levels[position]:,} in all)"
            for label, everywhere, here in zip(graph.labels, whole.labels, counts.labels, strict=True)
            for position, level in enumerate(label.levels)
            if everywhere.levels[position] and not here.levels[position]
        ]
        for part, counts in parts.items()
    }
    return {part: levels for part, levels in absent.items() if levels}


def absent_warnings(absent: Mapping[str, Sequence[str]]) -> list[str]:
    """A sentence for every part that lacks levels, as `absent_levels` gives them."""
    return [f"{part} has no photo with {_some(levels)}" for part, levels in absent.items()]


def repeated_warning(repeats: Sequence[Mapping[str, Sequence[str]]]) -> str | None:
    """One sentence for what the parts of several splits lack, the most frequent first; None if they lack nothing."""
    pairs = [(part, level) for absent in repeats for part, levels in absent.items() for level in levels]
    if not pairs:
        return None
    told = [f"{part} {level} in {times:,}" for (part, level), times in collections.Counter(pairs).most_common()]
    return f"levels that a part has no photo with, in how many of {len(repeats):,} repeats: {_some(told)}"


def _some(things: Sequence[str]) -> str:
    more = f" and {len(things) - _NAMED:,} more" if len(things) > _NAMED else ""
    return f"{', '.join(things[:_NAMED])}{more}"
