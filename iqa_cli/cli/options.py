"""Values that options choose from."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Literal

from iqa_cli.provenance import STRICTNESS

if TYPE_CHECKING:
    from iqa_cli.records import Language


def choice_of(values: type[enum.StrEnum]) -> str:
    """How the help of an option shows what it chooses from: `en|zh`."""
    return "|".join(values)


class Level(enum.StrEnum):
    """Severities a user can name; the order is that of `records.Severity`, from 2 up."""

    ORDINARY = "ordinary"
    SEVERE = "severe"
    BLOCKING = "blocking"

    @property
    def number(self) -> int:
        """The level in graphs and reports: 2, 3 or 4."""
        return list(Level).index(self) + 2


class Strictness(enum.StrEnum):
    """How readily a problem is named."""

    LENIENT = "lenient"
    NORMAL = "normal"
    STRICT = "strict"

    @property
    def log_odds(self) -> float:
        """What is added to the log-odds of every problem before levels are named: a factor of e either way, for which
        `benchmarks/RESULTS.md` says what is found and what is accused.
        """
        return STRICTNESS[self.value]


class DecodeMode(enum.StrEnum):
    """How much of a photo is decoded."""

    SCALED = "scaled"
    FULL = "full"
    THUMBNAIL = "thumbnail"
    AUTO = "auto"

    @property
    def code(self) -> Literal["scaled", "full", "thumbnail", "auto"]:
        """The library's name for it."""
        return self.value


class Device(enum.StrEnum):
    """Where a model runs."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"

    @property
    def code(self) -> Literal["auto", "cpu", "cuda"]:
        """The library's name for it."""
        return self.value


class Lang(enum.StrEnum):
    """Languages of the report."""

    EN = "en"
    ZH = "zh"

    @property
    def code(self) -> Language:
        """The library's name for it."""
        return "zh" if self is Lang.ZH else "en"
