"""One cell of a label column: what it says of the level.

    2           exactly level 2, counted from zero: the third of the graph's levels
    2+          level 2 or worse
    -1, blank   not looked at

This is the edge where the files' counting from zero is understood. Positions count from zero as well, so nothing is
shifted here or anywhere behind it; what people see in reports are the graph's own levels.
"""

from __future__ import annotations

import re
from typing import NamedTuple

UNOBSERVED = -1
"""Position of a level that nobody looked at."""

# "2.0" and "-1.0" are what pandas makes of whole numbers in a column with a gap.
_EXACT = re.compile(r"(-1|[0-9]{1,6})(?:\.0*)?")
_AT_LEAST = re.compile(r"([0-9]{1,6}) ?\+")


class Reading(NamedTuple):
    """What a cell says."""

    position: int
    """0..K-1, or -1 for unobserved."""
    at_least: bool = False
    """Whether it says "this or worse"."""


def read_level(text: str, n_levels: int) -> Reading | None:
    """What a cell says of a label with K levels, or None if it says nothing that is meant.

    text      the cell; spaces around it do not count
    n_levels  K

    "0+" is every level and so unobserved; "k+" of the last level is that level.
    """
    text = text.strip()
    if not text:
        return Reading(UNOBSERVED)
    if found := _EXACT.fullmatch(text):
        position = int(found[1])
        return Reading(position) if position < n_levels else None
    if found := _AT_LEAST.fullmatch(text):
        position = int(found[1])
        if position >= n_levels:
            return None
        if position == 0:
            return Reading(UNOBSERVED)
        return Reading(position, at_least=position < n_levels - 1)
    return None


def is_number(text: str) -> bool:
    """Whether a cell is written as a level, be it one that no label has."""
    text = text.strip()
    return bool(_EXACT.fullmatch(text) or _AT_LEAST.fullmatch(text))
