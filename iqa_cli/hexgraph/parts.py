"""What a label graph is made of: labels with ordered levels, and rules between two of them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Label:
    """One thing a photo can have, in degrees."""

    name: str
    """Spelling used in files, columns and messages."""
    levels: tuple[int, ...]
    """The levels, rising; at least two, the first is "none"."""
    names: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    """Name for people, by language code (`en`, `zh`)."""
    aliases: tuple[str, ...] = ()
    """Other spellings that tables of labels may have it under; no other label has one of them."""

    def display(self, lang: str) -> str:
        """The name in a language, or the label's own spelling when there is none."""
        return self.names.get(lang, self.name)


@dataclasses.dataclass(frozen=True)
class Exclusion:
    """Levels of two labels that never occur together."""

    label_a: str
    """One label."""
    a_levels: tuple[int, ...]
    """Its levels, exactly these."""
    label_b: str
    """The other label."""
    b_levels: tuple[int, ...]
    """Its levels, exactly these."""


@dataclasses.dataclass(frozen=True)
class Subsumption:
    """Levels of one label that imply levels of another."""

    label_a: str
    """The label that implies."""
    label_b: str
    """The label that is implied."""
    map: tuple[tuple[int, int], ...]
    """Pairs (x, y): label_a >= x implies label_b >= y."""
