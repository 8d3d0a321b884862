"""What was found in a checkpoint's folder."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(enum.StrEnum):
    """How a check came out."""

    OK = "ok"
    BAD = "bad"
    NOTE = "note"
    """Nothing is wrong, and yet worth knowing."""
    SKIPPED = "skipped"
    """It needs what an earlier check found bad."""


@dataclasses.dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    """Such as `card`."""
    outcome: Outcome
    """How it came out."""
    said: str
    """What was found, in a line; of a bad one why."""
    problems: tuple[str, ...] = ()
    """Every mistake, where there are several."""
    hint: str = ""
    """What to do next, or nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class FoundFile:
    """Something that lies in the folder."""

    name: str
    """As the system gives it."""
    kind: str
    """A regular file, a folder, a link, a named pipe, ..."""
    size: int
    """Bytes, as the system states them."""


@dataclasses.dataclass(frozen=True)
class CheckpointReport:
    """What a folder is and holds. Texts may come from a stranger: they are made safe where they are shown."""

    name: str
    """As it was named."""
    checks: tuple[Check, ...]
    """In the order in which they were made."""
    files: tuple[FoundFile, ...] = ()
    """What lies in the folder, by name; the first thousand."""
    contents: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What it says of itself and what was worked out, see `inspection.contents`; empty if its card cannot be read."""

    @property
    def sound(self) -> bool:
        """Whether nothing bad was found."""
        return not any(check.outcome is Outcome.BAD for check in self.checks)
