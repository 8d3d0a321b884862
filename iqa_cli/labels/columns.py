"""Which column of a label CSV is what, told by its name."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.problems import Suggester, quote, suggested
from iqa_cli.labels.dialect import FILE_COLUMNS
from iqa_cli.labels.levels import is_blank, is_number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from iqa_cli.hexgraph import HexGraph

NOT_A_LABEL = "_"
"""A column whose name begins with this is never taken for a label."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of a header, by their index."""

    name: int
    """The photo's file name; -1 if the header has no such column."""
    labels: Mapping[int, int]
    """Column of each label that has one, by the label's position in the graph."""
    split: int | None
    """The part a photo belongs to."""
    scene: int | None
    """The scene a photo shows."""
    others: Mapping[str, int]
    """Everything that is no label, `split` and `scene` among it, by name as written."""
    nameless: Sequence[int]
    """Columns without a name; they are not read."""


def assign_columns(header: Sequence[str], graph: HexGraph) -> tuple[Columns, list[str]]:
    """Understand a header.

    A label's column is called as `LabelNames` finds it.

    returns  the columns, and every problem found
    """
    problems: list[str] = []
    names = LabelNames(graph)
    files: list[int] = []
    labels: dict[int, int] = {}
    others: dict[str, int] = {}
    nameless: list[int] = []
    for column, cell in enumerate(header):
        name = cell.strip()
        found = names.find(name)
        if not name:
            nameless.append(column)
        elif name.casefold() in FILE_COLUMNS and not found:
            files.append(column)
        elif len(found) > 1:
            which = " and ".join(quote(graph.label_names[label]) for label in found)
            problems.append(f"header: column {quote(name)} may be {which}; use the label's own spelling")
        elif found and found[0] in labels:
            first = header[labels[found[0]]].strip()
            problems.append(_twice(name, first, f", label {quote(graph.label_names[found[0]])}"))
        elif found:
            labels[found[0]] = column
        elif name in others:
            problems.append(_twice(name, name, ""))
        else:
            others[name] = column
    if not files:
        names_of_files = Suggester(FILE_COLUMNS)
        near = next((name for name in others if names_of_files.near(name)), None)
        meant = "" if near is None else f" (is it {quote(near)}?)"
        both = " or ".join(map(quote, FILE_COLUMNS))
        problems.append(f"header: no column {both} with the file names{meant}")
    elif len(files) > 1:
        both = " and ".join(f"{column + 1} ({quote(header[column].strip())})" for column in files)
        problems.append(f"header: columns {both} both hold file names; rename or remove one")
    lower = {name.casefold(): column for name, column in reversed(others.items())}
    columns = Columns(
        name=files[0] if files else -1,
        labels=labels,
        split=lower.get("split"),
        scene=lower.get("scene"),
        others=others,
        nameless=nameless,
    )
    return columns, problems


def stray_labels(
    others: Mapping[str, Sequence[str]], missing: Collection[str], graph: HexGraph, *, first: int = 0
) -> list[str]:
    """Columns that look like labels of which the graph knows nothing: a problem for each.

    others   cells of the columns that are no labels of the graph
    missing  labels of the graph without a column
    first    what the file writes for none, 0 or 1

    A column is meant as a label if all its cells are levels, or if its name is nearly that of a missing label.
    Whatever else a file holds (devices, dates, comments) is left alone.
    """
    problems = []
    highest = max(graph.n_levels) - 1 + first
    missing_names, all_names = Suggester(missing), Suggester(graph.label_names)
    for name, cells in others.items():
        if name.startswith(NOT_A_LABEL):
            continue
        near = missing_names.hint(name)
        if near or _are_levels(cells, highest):
            meant = suggested(near or all_names.hint(name))
            problems.append(f"header: graph {quote(graph.name)} has no label {quote(name)}{meant}")
    return problems


def _are_levels(cells: Sequence[str], highest: int) -> bool:
    seen = {cell.strip() for cell in cells if not is_blank(cell)}
    return bool(seen) and all(is_number(text) and _number(text) <= highest for text in seen)


def _number(text: str) -> float:
    return float(text.rstrip("+ ").replace(",", "."))


def _twice(name: str, first: str, what: str) -> str:
    as_well = "" if name == first else f" (as {quote(first)})"
    return f"header: column {quote(name)} is there twice{as_well}{what}"


class LabelNames:
    """Labels by every name that they go by in tables.

    That is a label's spelling, else one of its aliases or of its display names in any language, else one of all these
    in another case, or with words joined by a space, `_` or `-` instead.
    """

    def __init__(self, graph: HexGraph) -> None:
        self._tiers: list[dict[str, list[int]]] = [{}, {}, {}]
        for position, label in enumerate(graph.labels):
            spelling, display, loose = self._tiers
            spelling[label.name] = [position]
            others = (*label.aliases, *label.names.values())
            for name in dict.fromkeys(others):
                display.setdefault(name, []).append(position)
            for name in dict.fromkeys(map(_loose, (label.name, *others))):
                loose.setdefault(name, []).append(position)
        self._suggester = Suggester(name for tier in self._tiers[:2] for name in tier)

    def near(self, name: str) -> str:
        """'did you mean "x"?', or nothing."""
        return self._suggester.hint(name)

    def find(self, name: str) -> list[int]:
        """Positions of the labels that a name may mean: one, none if it is no label's, several if it is ambiguous."""
        for tier, key in zip(self._tiers, (name, name, _loose(name)), strict=True):
            if key in tier:
                return tier[key]
        return []


def _loose(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFC", name).casefold()).strip()
