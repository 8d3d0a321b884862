"""The fewest rules that still contradict each other: of many rules, those to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Item = TypeVar("Item")


def minimal_conflict(items: Sequence[Item], conflicts: Callable[[list[Item]], bool]) -> list[Item]:
    """A part of the items that conflicts, of which every item is needed (Junker's QuickXplain, 2004).

    items      conflict together
    conflicts  whether some of them do; more items never conflict less

    The halves are tried before the single items, so that k guilty of n take about k * log(n / k) questions.
    """
    return [] if not items or conflicts([]) else _explain([], False, list(items), conflicts)


def _explain(kept: list[Item], is_new: bool, items: list[Item], conflicts: Callable[[list[Item]], bool]) -> list[Item]:
    """The part of the items that conflicts with what is kept; `is_new` if that has grown since it was asked."""
    if is_new and conflicts(kept):
        return []
    if len(items) == 1:
        return items
    half = len(items) // 2
    second = _explain([*kept, *items[:half]], True, items[half:], conflicts)
    first = _explain([*kept, *second], bool(second), items[:half], conflicts)
    return first + second
