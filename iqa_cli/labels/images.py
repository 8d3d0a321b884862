"""Where the photos of label files are, and what is asked of that place: a folder, or a prefix of a bucket.

A name in another spelling of the same letters is the same photo. A name in other case or with another suffix may be
another photo: it is offered in the message, not taken.
"""

from __future__ import annotations

import abc
import functools
import itertools
import os
import posixpath
import unicodedata
from typing import TYPE_CHECKING, TypeVar

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph.problems import quote
from iqa_cli.photos.discover import as_utf8
from iqa_cli.stores import ahead
from iqa_cli.wording import SHOWN, counted, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from iqa_cli.labels.table import LabelTable
    from iqa_cli.records import PhotoRef, StoredPhoto

Photo = TypeVar("Photo")
Seen = TypeVar("Seen")

_MOST_FILES = 200_000
"""Files among which a like name is looked for."""

_EXAMPLES = 3
"""Photos that are named where the folder is wrong and not the names."""


class Images(abc.ABC):
    """Where the photos of label files are; names are relative to it. As text it is what the user wrote."""

    kind: str
    """What messages call it: "folder", "prefix"."""

    @abc.abstractmethod
    def has(self, name: str) -> bool:
        """Whether there is a photo of that name."""

    @abc.abstractmethod
    def each(
        self, names: Sequence[str], look: Callable[[PhotoRef | StoredPhoto], Seen], *, whole: bool = True
    ) -> Iterator[Seen]:
        """What is seen of each photo, in the order of the names, which are all there; some are looked at side by side.

        whole   whether all of a photo will be needed, or its beginning first
        raises  StoreError  if a bucket does not give an object as it was listed; what is wrong with a picture is for
                            `look` to say
        """

    @abc.abstractmethod
    def content_keys(self, names: Iterable[str]) -> Mapping[str, str]:
        """A key for every name whose photo shares its content with that of another name: equal keys, equal bytes.

        raises  LabelsError  if a file cannot be read
                StoreError   if an object cannot be read
        """

    @abc.abstractmethod
    def _refuse_nothing(self) -> None:
        """Raise LabelsError if there is no such place."""

    @abc.abstractmethod
    def _names(self) -> Iterable[str]:
        """What there is, by name, in order."""

    @abc.abstractmethod
    def _others(self, below: Iterable[str]) -> Iterator[Images]:
        """Places that may have been meant: the one above, and those below."""

    def missing(self, table: LabelTable) -> tuple[int, ...]:
        """Rows of the table whose photo is not there or is no file; rising."""
        return tuple(row for row, name in enumerate(table.names) if not self.has(name))

    def require(self, table: LabelTable) -> None:
        """Refuse a table whose photos are not all there.

        raises  LabelsError  naming the photos, their lines and what there is instead; or if there is no such place
        """
        self._refuse_nothing()
        missing = self.missing(table)
        if not missing:
            return
        near = _near_names([table.names[row] for row in missing[:SHOWN]], self._names())
        hint = f"names are relative to that {self.kind}; take out the rows, or name another {self.kind}"
        if len(missing) == len(table):
            elsewhere = self._where_all_are(table.names, near)
            if elsewhere is not None:
                more = [f"... and {len(missing) - _EXAMPLES:,} more"] if len(missing) > _EXAMPLES else []
                raise LabelsError(
                    f"{table.path}: its photos are not in {self}, all of them are in {elsewhere}: "
                    f"name that {self.kind}",
                    problems=[*map(table.where, missing[:_EXAMPLES]), *more],
                )
        elif any(near):
            hint = "write the names as the files are called, or take out the rows"
        names = [f"{table.where(row)}{_offered(found)}" for row, found in zip(missing, near, strict=False)]
        raise LabelsError(
            f"{table.path}: {len(missing):,} of {counted(len(table), 'photo')} "
            f"{'is' if len(missing) == 1 else 'are'} not in {self}",
            problems=shortened(names, len(missing)),
            hint=hint,
        )

    def _where_all_are(self, names: Sequence[str], near: Iterable[Sequence[str]]) -> Images | None:
        """Another place that all names are right in: the one above, or one below that the near names point to."""
        ends = ((found[0], f"/{name}") for name, found in zip(names, near, strict=False) if found)
        below = {path.removesuffix(end) for path, end in ends if path.endswith(end)}
        return next((place for place in self._others(sorted(below)) if all(map(place.has, names))), None)


def looked_at(photos: Iterable[Photo], look: Callable[[Photo], Seen]) -> Generator[Seen, None, None]:
    """What is seen of each photo, in order: by threads, of which none gets far ahead of who takes it."""
    threads = min(32, (os.cpu_count() or 1) + 4)
    return ahead.looked_at(photos, look, threads, 2 * threads)


def _offered(names: Sequence[str]) -> str:
    """' (there is "IMG.JPG")', or nothing."""
    if not names:
        return ""
    more = f" and {len(names) - 1:,} more" if len(names) > 1 else ""
    return f" (there is {quote(as_utf8(names[0]))}{more})"


def _near_names(names: Iterable[str], there: Iterable[str]) -> list[list[str]]:
    """For each name those of what there is that may be meant, the likeliest first.

    Those are of the same name but for its case or folder, else of the same name but for its suffix as well.
    """
    alike: dict[str, list[str]] = {}
    for path in itertools.islice(there, _MOST_FILES):
        base = posixpath.basename(path)
        for key in dict.fromkeys((_folded(base), _folded(posixpath.splitext(base)[0] + "."))):
            alike.setdefault(key, []).append(path)
    near = []
    for name in names:
        base = posixpath.basename(name.replace("\\", "/").rstrip("/"))
        found = alike.get(_folded(base)) or alike.get(_folded(posixpath.splitext(base)[0] + "."), [])
        near.append(sorted(sorted(found), key=functools.partial(_likeness, name), reverse=True))
    return near


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _likeness(name: str, path: str) -> int:
    """How many folders of two paths agree, from the file on, but for case."""
    folders = zip(path.split("/")[-2::-1], name.replace("\\", "/").split("/")[-2::-1], strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: _folded(pair[0]) == _folded(pair[1]), folders))
