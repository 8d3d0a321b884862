"""What a pick says: counts, plans, and what could not be done."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iqa_cli.photos.discover import as_utf8
from iqa_cli.report.text import shown
from iqa_cli.wording import counted, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iqa_cli.picking.companions import Shared
    from iqa_cli.picking.plan import Deed, Left

DONE: dict[Deed, str] = {"link": "linked", "copy": "copied", "move": "moved"}

EXIFTOOL = "exiftool -tagsFromFile %d%f.%e.xmp -xmp:all -o copies/%d PHOTO..."
"""Writes what sidecars say into copies; `%d%f.%e` are the photo's folder, name and suffix, to exiftool."""

NOT_READ = "Lightroom and Apple Photos do not read sidecars of JPEG and HEIC; this writes the same into copies:"


def with_companions(photos: int, companions: int) -> str:
    """'12 photos and 5 companions'."""
    return counted(photos, "photo") + (f" and {counted(companions, 'companion')}" if companions else "")


def path(name: str | Path) -> str:
    """A path for a screen."""
    return shown(as_utf8(os.fspath(name)))


def arrow(source: str, to: str) -> str:
    """A file and its new place."""
    return f"{source} -> {to}"


def left_lines(left: Sequence[Left]) -> list[str]:
    """Each photo that stays with its reason, the first of many."""
    return shortened([f"warning: {entry.path}: {entry.reason}" for entry in left], head="warning: ")


def shared_lines(shared: Sequence[Shared]) -> list[str]:
    """Each companion that stays, the first of many."""
    return shortened(
        [
            f"note: {path(entry.path)} stays: it belongs to {', '.join(map(path, entry.also_of))} as well"
            for entry in shared
        ],
        head="note: ",
    )


def unlisted_lines(lines: Sequence[str], report: str) -> list[str]:
    """Each listed path that the report does not have, the first of many."""
    return shortened(
        [f"warning: {shown(line.strip())}: {report} has no such photo" for line in lines], head="warning: "
    )
