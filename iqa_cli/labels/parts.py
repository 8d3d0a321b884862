"""The parts of a split that exists: one label file each, or one file with a column `split`."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError, UsageError
from iqa_cli.labels.read import read_labels
from iqa_cli.labels.table import PARTS, require_one_count
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from iqa_cli.hexgraph import HexGraph
    from iqa_cli.labels.table import LabelTable

_PART = re.compile(rf"({'|'.join(PARTS)})(?![^\W_])")


def read_parts(paths: Sequence[Path], graph: HexGraph, *, no_labels: Collection[str] = ()) -> dict[str, LabelTable]:
    """Read the parts of a split, in the order given; of one file by its `split` column, train first.

    A file is called by its stem, shortened to the part that it begins with: `train_6labels.csv` is train.

    no_labels  see `read_labels`
    raises     LabelsError  with the mistakes of all files, or if not all count their levels from the same number
               GraphError   if the graph contradicts itself
               UsageError   if there is one file and it has no column `split`, or a file is named twice
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError(f"a file is named twice: {', '.join(map(str, paths))}")
    tables: list[LabelTable] = []
    errors: list[LabelsError] = []
    for path in paths:
        try:
            tables.append(read_labels(path, graph, no_labels=no_labels))
        except LabelsError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        problems = [line for error in errors for line in (error.message, *(f"  {text}" for text in error.problems))]
        hint = next((error.hint for error in errors if error.hint), None)
        raise LabelsError(f"{counted(len(errors), 'label file')} with mistakes", problems=problems, hint=hint)
    require_one_count(tables)
    if len(paths) > 1:
        return dict(zip(_names(paths), tables, strict=True))
    parts = tables[0].parts()
    if not parts:
        raise UsageError(
            f"{paths[0]}: one file without a column split has no parts to compare",
            hint="name the files of all parts: train.csv val.csv test.csv",
        )
    return parts


def _names(paths: Sequence[Path]) -> list[str]:
    """What each file is called: the shortest of part, stem and path that tells all of them apart."""
    found = [_PART.match(path.stem.casefold()) for path in paths]
    shortest = [path.stem if part is None else part[1] for path, part in zip(paths, found, strict=True)]
    for names in (shortest, [path.stem for path in paths]):
        if Counter(names).most_common(1)[0][1] == 1:
            return names
    return [str(path) for path in paths]
