"""Long lists of mistakes, made short enough to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 20
"""Lines that a message lists; the rest is counted."""


def shortened(lines: Sequence[str], total: int | None = None) -> list[str]:
    """The first lines, and how many more there are.

    total  how many there are if `lines` holds only some of them
    """
    total = len(lines) if total is None else total
    shown = list(lines[:SHOWN])
    return shown if total <= SHOWN else [*shown, f"... and {total - SHOWN:,} more"]
