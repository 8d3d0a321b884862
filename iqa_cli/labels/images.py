"""The photos that a label file names, on disk.

A name is taken relative to the folder of photos. It may lead out of it (`../b.jpg`) or be absolute, in which case the
folder does not matter: tables written on one machine keep working there, and a photo is only ever read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph.problems import quote
from iqa_cli.wording import SHOWN, counted, shortened

if TYPE_CHECKING:
    from pathlib import Path

    from iqa_cli.labels.table import LabelTable


def image_path(folder: Path, name: str) -> Path:
    """Where a photo of a label file lies."""
    return folder / name


def missing_images(table: LabelTable, folder: Path) -> tuple[int, ...]:
    """Rows of the table whose photo is not there or is no file; rising."""
    # Not Path.is_file(): before Python 3.14 it raises for a locked folder or a name that is too long.
    return tuple(
        row
        for row, name in enumerate(table.names)
        if not os.path.isfile(image_path(folder, name))  # noqa: PTH113 - see above
    )


def require_images(table: LabelTable, folder: Path) -> None:
    """Refuse a table whose photos are not all there.

    raises  LabelsError  naming the photos and their lines; or if there is no such folder
    """
    if not os.path.isdir(folder):  # noqa: PTH112 - see missing_images
        raise LabelsError(f"{folder}: no such folder of photos")
    missing = missing_images(table, folder)
    if not missing:
        return
    names = [f"{table.where(row)}{_nearly(folder, table.names[row])}" for row in missing[:SHOWN]]
    raise LabelsError(
        f"{table.path}: {len(missing):,} of {counted(len(table), 'photo')} "
        f"{'is' if len(missing) == 1 else 'are'} not in {folder}",
        problems=shortened(names, len(missing)),
        hint="names are relative to that folder; take out the rows, or name another folder",
    )


def _nearly(folder: Path, name: str) -> str:
    """' (there is "IMG.JPG")' if the photo is there in other case or with another suffix."""
    path = image_path(folder, name)
    try:
        there = sorted(entry.name for entry in path.parent.iterdir())
    except (OSError, ValueError):
        return ""
    for key in (str.casefold, lambda text: os.path.splitext(text)[0].casefold()):  # noqa: PTH122 - a bare name
        for other in there:
            if key(other) == key(path.name):
                return f" (there is {quote(other)})"
    return ""
