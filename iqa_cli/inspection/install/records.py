"""What was found of an installation."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.inspection.records import Check, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclasses.dataclass(frozen=True)
class InstallReport:
    """What is installed, and whether it works. It is meant to be pasted: no name of a user or of a machine is in it."""

    about: Mapping[str, str]
    """What this runs on: iqa, python, system, processors, memory."""
    checks: Mapping[str, tuple[Check, ...]]
    """By section: libraries, formats, model, extras, cache."""

    @property
    def bad(self) -> tuple[Check, ...]:
        """What is broken."""
        return tuple(check for section in self.checks.values() for check in section if check.outcome is Outcome.BAD)


def checked(name: str, look: Callable[[], str], hint: str) -> Check:
    """What `look` says of a part that works, or what it raises; a broken installation raises anything.

    hint  what to do if it does not work
    """
    try:
        return Check(name, Outcome.OK, look())
    except Exception as error:  # noqa: BLE001 - see above
        said = " ".join(str(error).split())[:300]
        return Check(name, Outcome.BAD, f"{type(error).__name__}{': ' if said else ''}{said}", hint=hint)
