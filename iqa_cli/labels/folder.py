r"""The photos that a label file names, on disk.

A name is taken relative to the folder of photos. It may lead out of it (`../b.jpg`) or be absolute, in which case the
folder does not matter: tables written on one machine keep working there, and a photo is only ever read.

A name is read as it is written. If nothing is there, it is read as other systems write the same name: `\` between
folders (Windows), letters and their accents apart or joined (macOS and the rest), bytes that are no UTF-8 as \xNN (our
reports).
"""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError
from iqa_cli.labels.copies import content_keys
from iqa_cli.labels.images import Images, looked_at
from iqa_cli.photos.discover import as_utf8
from iqa_cli.photos.spelling import files_spelled
from iqa_cli.records import PhotoRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from iqa_cli.labels.images import Seen
    from iqa_cli.records import StoredPhoto


class ImageFolder(Images):
    """Photos in a folder of this machine."""

    kind = "folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        """The folder."""
        return str(self._folder)

    def path(self, name: str) -> Path:
        """Where a photo lies; if it is nowhere, where its name says."""
        path = self._folder / name
        if os.path.lexists(path) or "\0" in name:
            return path
        for spelled in dict.fromkeys((name, name.replace("\\", "/"))):
            found = _with_accents(self._folder, spelled)
            if found is not None:
                return found
        there = files_spelled(name, str(self._folder)) if name.isprintable() else []
        return Path(there[0]) if len(there) == 1 else path

    def ref(self, name: str) -> PhotoRef:
        """The photo, to be read."""
        path = self.path(name)
        return PhotoRef(path, as_utf8(str(path)))

    def has(self, name: str) -> bool:
        """See `Images`."""
        # Not Path.is_file(): before Python 3.14 it raises for a locked folder or a name that is too long.
        return os.path.isfile(self.path(name))  # noqa: PTH113 - see above

    def each(
        self,
        names: Sequence[str],
        look: Callable[[PhotoRef | StoredPhoto], Seen],
        *,
        whole: bool = True,  # noqa: ARG002 - see Images
    ) -> Iterator[Seen]:
        """See `Images`."""
        return looked_at(map(self.ref, names), look)

    def content_keys(self, names: Iterable[str]) -> dict[str, str]:
        """See `Images`; two names of one path are one photo."""
        paths = {name: self.path(name) for name in names}
        keys = content_keys(paths.values())
        return {name: keys[path] for name, path in paths.items() if path in keys}

    def _refuse_nothing(self) -> None:
        if not os.path.isdir(self._folder):  # noqa: PTH112 - see has
            raise LabelsError(f"{self._folder}: no such folder of photos")

    def _names(self) -> Iterator[str]:
        for place, folders, files in os.walk(self._folder):
            folders.sort()
            start = os.path.relpath(place, self._folder).replace(os.sep, "/")
            for file in sorted(files):
                yield file if start == "." else f"{start}/{file}"

    def _others(self, below: Iterable[str]) -> Iterator[ImageFolder]:
        yield ImageFolder(self._folder.parent if self._folder.name else self._folder.absolute().parent)
        yield from (ImageFolder(self._folder / start) for start in below)


def _with_accents(folder: Path, name: str) -> Path | None:
    """The file of a name whose folders and file may each have their accents apart or joined; None without one."""
    places = [Path("/") if name.startswith("/") else folder]
    for part in name.split("/"):
        spellings = dict.fromkeys((part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD"))))
        tried = (place / spelling for place in places for spelling in spellings)
        places = [path for path in tried if os.path.lexists(path)]
    return places[0] if places else None
