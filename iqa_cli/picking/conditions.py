"""Which photos of a report are meant.

Every condition that is given has to hold. With none at all the photos with a problem are meant, those of status `ok`.
A judgement counts where it can be trusted: conditions on labels, levels and probabilities hold for photos of status
`ok` only, unless statuses are asked for as well.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import posixpath
from typing import TYPE_CHECKING

from iqa_cli.photos.discover import as_utf8
from iqa_cli.photos.spelling import one_spelling
from iqa_cli.picking.rows import PROBLEM_FROM

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Sequence

    from iqa_cli.picking.rows import Report, Row


@dataclasses.dataclass(frozen=True, slots=True)
class Conditions:
    """What a photo has to fulfil; None and empty ones hold for every photo."""

    labels: tuple[str, ...] = ()
    """One of these labels has to have the level and the probability; empty for any label of the report."""
    min_level: int | None = None
    """A label's level, 2 or above; 2 if one of the other two is given."""
    min_probability: float | None = None
    """The same label's probability of level 2 or above, 0..1."""
    statuses: frozenset[str] = frozenset()
    """Of `STATUSES`."""
    camera: str | None = None
    """Model, maker, or both; case does not count, `*` and `?` stand for anything."""
    iso: tuple[int | None, int | None] | None = None
    """Lowest and highest sensitivity, both included; None for no bound."""
    since: dt.datetime | None = None
    """The first moment."""
    until: dt.datetime | None = None
    """The first moment that is too late."""
    under: str | None = None
    """A folder, as the report spells it or as it is reached from here."""
    paths: tuple[str, ...] | None = None
    """Lines of a list of paths, spelled as in the report or alike."""

    @property
    def judges(self) -> bool:
        """Whether labels, levels or probabilities are asked for."""
        return bool(self.labels) or self.min_level is not None or self.min_probability is not None

    @property
    def are_none(self) -> bool:
        """Whether nothing is asked for."""
        return self == Conditions()


@dataclasses.dataclass(frozen=True, slots=True)
class Selection:
    """What the conditions left."""

    rows: tuple[Row, ...]
    """In the report's order."""
    not_listed: tuple[str, ...] = ()
    """Lines of the list that the report does not hold."""


def select(report: Report, conditions: Conditions, base: str = "") -> Selection:
    """The photos that fulfil all conditions.

    base  the folder that relative paths of the report start from; empty for the current one
    """
    if conditions.are_none:
        conditions = dataclasses.replace(conditions, min_level=PROBLEM_FROM)
    listed, not_listed = _listed(report, conditions.paths)
    wanted = {report.labels.index(label) for label in conditions.labels} or range(len(report.labels))
    under = _Under(conditions.under, base) if conditions.under is not None else None
    rows = [
        row
        for index, row in enumerate(report.rows)
        if (listed is None or index in listed)
        and _has_status(row, conditions)
        and (not conditions.judges or _is_judged_so(row, conditions, wanted))
        and (conditions.camera is None or _is_by(row, conditions.camera))
        and (conditions.iso is None or _is_within(row.iso, conditions.iso))
        and (conditions.since is None or (row.taken_at is not None and row.taken_at >= conditions.since))
        and (conditions.until is None or (row.taken_at is not None and row.taken_at < conditions.until))
        and (under is None or under.holds(row))
    ]
    return Selection(tuple(rows), not_listed)


def cameras(report: Report) -> list[str]:
    """Models of the report's cameras, each once, sorted."""
    return sorted({row.model for row in report.rows if row.model})


def _listed(report: Report, paths: Sequence[str] | None) -> tuple[Collection[int] | None, tuple[str, ...]]:
    """Positions of the listed rows, and what is listed and not there; (None, ()) without a list."""
    if paths is None:
        return None, ()
    at: dict[str, list[int]] = {}
    alike: dict[str, list[int]] = {}
    for index, row in enumerate(report.rows):
        for spelling in (row.source_file, row.also):
            if spelling is not None:
                at.setdefault(spelling, []).append(index)
                alike.setdefault(_as_elsewhere(spelling), []).append(index)
    listed: set[int] = set()
    missing = []
    for path in paths:
        # A list that went through Windows has a carriage return before the end of each line.
        line = path.removesuffix("\r")
        found = at.get(path) or at.get(line)
        if found is None:
            near = alike.get(_as_elsewhere(line), [])
            found = near if len({report.rows[index].source_file for index in near}) == 1 else None
        if found is None:
            missing.append(path)
        else:
            listed.update(found)
    return listed, tuple(dict.fromkeys(missing))


def _as_elsewhere(path: str) -> str:
    r"""Equal for the spellings of one path: with and without `./`, with `\` between folders, accents joined or apart.

    `..` stays: behind a link to a folder it leads elsewhere than its spelling says.
    """
    whole = one_spelling(path)
    names = "/".join(name for name in whole.split("/") if name not in ("", "."))
    return f"/{names}" if whole.startswith("/") else names


def _has_status(row: Row, conditions: Conditions) -> bool:
    if conditions.statuses:
        return row.status in conditions.statuses
    return not conditions.judges or row.status == "ok"


def _is_judged_so(row: Row, conditions: Conditions, wanted: Collection[int]) -> bool:
    level = PROBLEM_FROM if conditions.min_level is None else conditions.min_level
    probability = conditions.min_probability or 0.0
    return bool(row.levels) and any(
        row.levels[label] >= level and row.probabilities[label] >= probability for label in wanted
    )


def _is_by(row: Row, camera: str) -> bool:
    pattern = " ".join(camera.casefold().split())
    names = (" ".join(name.casefold().split()) for name in (row.model, row.make, f"{row.make} {row.model}"))
    return any(name == pattern or fnmatch.fnmatchcase(name, pattern) for name in names if name)


def _is_within(value: int | None, bounds: tuple[int | None, int | None]) -> bool:
    low, high = bounds
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


class _Under:
    r"""Whether photos lie in a folder, told by their paths alone: it may be gone, or spelled with \\xNN."""

    def __init__(self, folder: str, base: str) -> None:
        self._base = as_utf8(os.path.abspath(base))
        folder = as_utf8(folder)
        from_here = posixpath.join(as_utf8(os.path.abspath("")), folder)
        self._folders = {
            posixpath.normpath(path).rstrip("/") + "/" for path in (from_here, posixpath.join(self._base, folder))
        }

    def holds(self, row: Row) -> bool:
        path = posixpath.normpath(posixpath.join(self._base, row.source_file))
        return any(path.startswith(folder) for folder in self._folders)
