r"""The photos that a label file names, on disk.

A name is taken relative to the folder of photos. It may lead out of it (`../b.jpg`) or be absolute, in which case the
folder does not matter: tables written on one machine keep working there, and a photo is only ever read.

A name is read as it is written. If nothing is there, it is read as other systems write the same name: `\` between
folders (Windows), letters and their accents apart or joined (macOS and the rest), bytes that are no UTF-8 as \xNN (our
reports). A name in other case or with another suffix may be another photo: it is offered in the message, not taken.
"""

from __future__ import annotations

import functools
import itertools
import os
import posixpath
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph.problems import quote
from iqa_cli.photos.discover import as_utf8
from iqa_cli.photos.spelling import files_spelled
from iqa_cli.wording import SHOWN, counted, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iqa_cli.labels.table import LabelTable

_MOST_FILES = 200_000
"""Files among which a like name is looked for."""

_EXAMPLES = 3
"""Photos that are named where the folder is wrong and not the names."""


def image_path(folder: Path, name: str) -> Path:
    """Where a photo of a label file lies; if it is nowhere, where its name says."""
    path = folder / name
    if os.path.lexists(path) or "\0" in name:
        return path
    for spelled in dict.fromkeys((name, name.replace("\\", "/"))):
        found = _with_accents(folder, spelled)
        if found is not None:
            return found
    there = files_spelled(name, str(folder)) if name.isprintable() else []
    return Path(there[0]) if len(there) == 1 else path


def _with_accents(folder: Path, name: str) -> Path | None:
    """The file of a name whose folders and file may each have their accents apart or joined; None without one."""
    places = [Path("/") if name.startswith("/") else folder]
    for part in name.split("/"):
        spellings = dict.fromkeys((part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD"))))
        tried = (place / spelling for place in places for spelling in spellings)
        places = [path for path in tried if os.path.lexists(path)]
    return places[0] if places else None


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

    raises  LabelsError  naming the photos, their lines and what there is instead; or if there is no such folder
    """
    if not os.path.isdir(folder):  # noqa: PTH112 - see missing_images
        raise LabelsError(f"{folder}: no such folder of photos")
    missing = missing_images(table, folder)
    if not missing:
        return
    near = _near_names([table.names[row] for row in missing[:SHOWN]], folder)
    hint = "names are relative to that folder; take out the rows, or name another folder"
    if len(missing) == len(table):
        elsewhere = _where_all_are(table.names, near, folder)
        if elsewhere is not None:
            more = [f"... and {len(missing) - _EXAMPLES:,} more"] if len(missing) > _EXAMPLES else []
            raise LabelsError(
                f"{table.path}: its photos are not in {folder}, all of them are in {elsewhere}: name that folder",
                problems=[*map(table.where, missing[:_EXAMPLES]), *more],
            )
    elif any(near):
        hint = "write the names as the files are called, or take out the rows"
    names = [f"{table.where(row)}{_offered(found)}" for row, found in zip(missing, near, strict=False)]
    raise LabelsError(
        f"{table.path}: {len(missing):,} of {counted(len(table), 'photo')} "
        f"{'is' if len(missing) == 1 else 'are'} not in {folder}",
        problems=shortened(names, len(missing)),
        hint=hint,
    )


def _offered(names: Sequence[str]) -> str:
    """' (there is "IMG.JPG")', or nothing."""
    if not names:
        return ""
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f" (there is {quote(as_utf8(names[0]))}{more})"


def _near_names(names: Iterable[str], folder: Path) -> list[list[str]]:
    """For each name the files that may be meant, the likeliest first, relative to the folder.

    Those are of the same name but for its case or folder, else of the same name but for its suffix as well.
    """
    alike: dict[str, list[str]] = {}
    for path in _files_below(folder):
        base = posixpath.basename(path)
        for key in dict.fromkeys((_folded(base), _folded(posixpath.splitext(base)[0] + "."))):
            alike.setdefault(key, []).append(path)
    near = []
    for name in names:
        base = posixpath.basename(name.replace("\\", "/").rstrip("/"))
        found = alike.get(_folded(base)) or alike.get(_folded(posixpath.splitext(base)[0] + "."), [])
        near.append(sorted(sorted(found), key=functools.partial(_likeness, name), reverse=True))
    return near


def _files_below(folder: Path) -> Iterable[str]:
    count = 0
    for place, folders, files in os.walk(folder):
        folders.sort()
        start = os.path.relpath(place, folder).replace(os.sep, "/")
        for file in sorted(files):
            yield file if start == "." else f"{start}/{file}"
            count += 1
            if count >= _MOST_FILES:
                return


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _likeness(name: str, path: str) -> int:
    """How many folders of two paths agree, from the file on, but for case."""
    folders = zip(path.split("/")[-2::-1], name.replace("\\", "/").split("/")[-2::-1], strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: _folded(pair[0]) == _folded(pair[1]), folders))


def _where_all_are(names: Sequence[str], near: Iterable[Sequence[str]], folder: Path) -> Path | None:
    """Another folder that all names are right in: the one above, or one below that the near names point to."""
    ends = ((found[0], f"/{name}") for name, found in zip(names, near, strict=False) if found)
    below = {path.removesuffix(end) for path, end in ends if path.endswith(end)}
    above = folder.parent if folder.name else folder.absolute().parent
    for candidate in (above, *(folder / start for start in sorted(below))):
        if all(os.path.isfile(image_path(candidate, name)) for name in names):  # noqa: PTH113 - see missing_images
            return candidate
    return None
