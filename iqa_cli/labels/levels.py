"""One cell of a label column: what it says of the level.

    2           exactly level 2, counted from zero: the third of the graph's levels
    2+          level 2 or worse
    -1, N/A     not looked at, as is a blank cell

This is the edge where the files' counting is understood, from 0 or, where `counting` finds that they do so, from 1.
Positions count from 0; what people see in reports are the graph's own levels.
"""

from __future__ import annotations

import re
from typing import NamedTuple

UNOBSERVED = -1
"""Position of a level that nobody looked at."""

# "2.0" and "-1.0" are what pandas makes of whole numbers in a column with a gap; half of the world writes "2,0".
_EXACT = re.compile(r"(-1|[0-9]{1,6})(?:\.0*|,0+)?")
_AT_LEAST = re.compile(r"([0-9]{1,6}) ?\+")
_NOT_LOOKED_AT = frozenset({"", "n/a", "na"})
"""In lower case: what people write, and R."""


class Reading(NamedTuple):
    """What a cell says."""

    position: int
    """0..K-1, or -1 for unobserved."""
    at_least: bool = False
    """Whether it says "this or worse"."""


def read_level(text: str, n_levels: int, first: int = 0) -> Reading | None:
    """What a cell says of a label with K levels, or None if it says nothing that is meant.

    text      the cell; spaces around it do not count
    n_levels  K
    first     0 or 1: the number that is written for the first level, none

    "0+" is every level and so unobserved; "k+" of the last level is that level.
    """
    text = text.strip()
    if is_blank(text):
        return Reading(UNOBSERVED)
    if found := _EXACT.fullmatch(text):
        if found[1] == "-1":
            return Reading(UNOBSERVED)
        position = int(found[1]) - first
        return Reading(position) if 0 <= position < n_levels else None
    if found := _AT_LEAST.fullmatch(text):
        position = int(found[1]) - first
        if not 0 <= position < n_levels:
            return None
        if position == 0:
            return Reading(UNOBSERVED)
        return Reading(position, at_least=position < n_levels - 1)
    return None


def is_blank(text: str) -> bool:
    """Whether a cell says in words, or by saying nothing, that nobody looked."""
    return text.strip().casefold() in _NOT_LOOKED_AT


def is_number(text: str) -> bool:
    """Whether a cell is written as a level, be it one that no label has."""
    text = text.strip()
    return bool(_EXACT.fullmatch(text) or _AT_LEAST.fullmatch(text))
