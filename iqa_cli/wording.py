"""Counts and long lists in words: what messages of all packages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 20
"""Lines that a message lists; the rest is counted."""


def counted(n: int, noun: str) -> str:
    """'1 problem', '1,200 problems'."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def shortened(lines: Sequence[str], total: int | None = None, *, head: str = "") -> list[str]:
    """The first lines, and how many more there are.

    total  how many there are if `lines` holds only some of them
    head   what the line that tells of the others begins with
    """
    total = len(lines) if total is None else total
    shown = list(lines[:SHOWN])
    return shown if total <= SHOWN else [*shown, f"{head}... and {total - SHOWN:,} more"]
