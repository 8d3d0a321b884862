"""Files by which an attack once broke a promise, drawn in code: they are tried again in every campaign.

A mutant that does harm is made small (`--keep` has it), understood, and drawn here; its line says what it did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def found_files() -> tuple[tuple[str, str, Callable[[], bytes]], ...]:
    """(what it is, suffix, how it is made)."""
    return ()
