"""The photos that a label file names, in a bucket.

The prefix is listed once. The listing says what there is, how large it is, and by which etag it is read: an object that
is replaced later is refused and not learned from. Nothing is asked about single objects before they are read.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.errors import LabelsError
from iqa_cli.labels.folder import ImageFolder
from iqa_cli.labels.images import Images, looked_at
from iqa_cli.labels.table import same_file_key
from iqa_cli.stores.ahead import fetched
from iqa_cli.stores.places import Listed, Place, folder_of, is_bucket
from iqa_cli.stores.remote import HEAD_BYTES, RemotePhoto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from iqa_cli.labels.images import Seen
    from iqa_cli.records import PhotoRef, StoredPhoto


class ImageBucket(Images):
    """Photos below a prefix of a bucket; goes to another process with its listing.

    place    the prefix
    objects  what there is, as it was listed
    """

    kind = "prefix"

    def __init__(self, place: Place, objects: Iterable[Listed]) -> None:
        self._place = place
        self._objects = {entry.name: entry for entry in objects if entry.name}
        self._digests: dict[tuple[str, bool], str] = {}
        """By name, and whether it is of the whole object or of its head."""

    def __str__(self) -> str:
        """The URL."""
        return self._place.url

    @functools.cached_property
    def _by_spelling(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self._objects:
            found.setdefault(same_file_key(name), name)
        return found

    def _found(self, name: str) -> str | None:
        """The name as the bucket has it: as it is written, else as other systems write the same."""
        return name if name in self._objects else self._by_spelling.get(same_file_key(name))

    def only(self, names: Iterable[str]) -> ImageBucket:
        """The same of these photos alone, for who is sent no more than he needs."""
        needed = {found for name in names if (found := self._found(name)) is not None}
        return ImageBucket(self._place, (entry for name, entry in self._objects.items() if name in needed))

    def has(self, name: str) -> bool:
        """See `Images`."""
        return self._found(name) is not None

    def each(
        self, names: Sequence[str], look: Callable[[PhotoRef | StoredPhoto], Seen], *, whole: bool = True
    ) -> Iterator[Seen]:
        """See `Images`; what is read of an object is forgotten when it was looked at."""
        with contextlib.closing(fetched(self._photo(name, whole=whole) for name in names)) as photos:
            yield from looked_at(photos, functools.partial(_seen, look))

    def _photo(self, name: str, *, whole: bool) -> RemotePhoto:
        found = self._found(name)
        if found is None:
            raise LabelsError(f"{self._place.where(name)}: there is no such object")
        entry = self._objects[found]
        return RemotePhoto(self._place, found, entry.etag, entry.size, self._place.where(found), whole=whole)

    def content_keys(self, names: Iterable[str]) -> dict[str, str]:
        """See `Images`. Of objects with equal sizes the heads are read, and the rest where those agree as well: photos
        without compression have equal sizes and nothing else. An etag proves nothing: it is no hash everywhere.
        """
        found = {name: place for name in names if (place := self._found(name)) is not None}
        told = {place: str(self._objects[place].size) for place in found.values()}
        for whole in (False, True):
            alike = collections.Counter(told.values())
            doubtful = [place for place, said in told.items() if alike[said] > 1]
            if whole:
                doubtful = [place for place in doubtful if self._objects[place].size > HEAD_BYTES]
            unknown = [place for place in doubtful if (place, whole) not in self._digests]
            for place, digest in zip(unknown, self.each(unknown, _digest if whole else _head_digest, whole=whole)):  # noqa: B905 - one each
                self._digests[place, whole] = digest
            for place in doubtful:
                told[place] += f" {self._digests[place, whole]}"
        times = collections.Counter(told[place] for place in found.values())
        return {name: told[place] for name, place in found.items() if times[told[place]] > 1}

    def _refuse_nothing(self) -> None:
        if not self._objects:
            raise LabelsError(f"{self}: there are no objects with that prefix")

    def _names(self) -> Iterable[str]:
        return self._objects

    def _others(self, below: Iterable[str]) -> Iterator[ImageBucket]:
        # The one above was not listed, and may hold everything.
        for start in below:
            inside = (
                entry._replace(name=name.removeprefix(f"{start}/"))
                for name, entry in self._objects.items()
                if name.startswith(f"{start}/")
            )
            yield ImageBucket(Place(self._place.where(start)), inside)


def _seen(look: Callable[[PhotoRef | StoredPhoto], Seen], photo: RemotePhoto) -> Seen:
    try:
        return look(photo)
    finally:
        photo.refuse_failed()
        photo.release()


def _digest(photo: PhotoRef | StoredPhoto, size: int = -1) -> str:
    assert isinstance(photo, RemotePhoto)  # noqa: S101 - for the type checker
    with photo.open() as stream:
        return hashlib.sha256(stream.read(size)).hexdigest()


_head_digest = functools.partial(_digest, size=HEAD_BYTES)


def images_at(where: str | Path) -> Images:
    """The photos at a path or URL: s3://, gs://, az://, file:// or a folder. A bucket is listed.

    raises  UsageError    for a URL of another kind
            StoreError    if a bucket cannot be listed
            MissingExtra  without the client of buckets
    """
    if isinstance(where, Path) or not is_bucket(where):
        return ImageFolder(Path(folder_of(where) if isinstance(where, str) else where))
    place = Place(where)
    return ImageBucket(place, place.listed())
