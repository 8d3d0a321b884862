"""Whether photos that cannot be had are lost themselves, or their source is: then there must be no rows for them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from iqa_cli.errors import StoreError
from iqa_cli.records import PhotoRef
from iqa_cli.scale.manifest import read_shard
from iqa_cli.stores.remote import RemotePhoto

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iqa_cli.records import PhotoReport
    from iqa_cli.scale.card import Run
    from iqa_cli.scale.sources import Photo, Source
    from iqa_cli.stores.places import Place
    from iqa_cli.stores.remote import Failure

LOOKED_AT = 8
"""Shards in which a photo is looked for that can be had, where none of a shard can."""


class Health:
    """What is known of a source while shards are judged.

    place, run, source  of the run
    """

    def __init__(self, place: Place, run: Run, source: Source) -> None:
        self._given: Photo | None = None
        """The last photo that could be had, of any shard."""
        self._place = place
        self._run = run
        self._source = source
        self._lost: dict[Failure, Photo] = {}

    def begin(self) -> None:
        """Begin a shard: what could not be had of another one does not count."""
        self._lost = {}

    def note(self, photo: Photo, failure: Failure | None) -> None:
        """Take notice of what became of a photo."""
        if failure is None:
            self._given = photo
        elif failure != "changed":  # somebody gave another one
            self._lost[failure] = photo

    def check(self) -> None:
        """See whether the source gives anything, if something could not be had.

        raises  StoreError  if it does not: credentials may have run out, a disk may not be mounted
        """
        if not self._lost:
            return
        if self._given is None or not _can_be_had(self._given):
            self._given = next(self._others(), None)
        if self._given is not None:
            return
        for photo in self._lost.values():
            if isinstance(photo, RemotePhoto) and photo.problem is not None:
                raise photo.problem
        raise StoreError(
            f"{self._source.name}: none of its photos is there any more",
            hint="is it mounted? If they are gone for good, nothing is left to judge",
        )

    def _others(self) -> Iterator[Photo]:
        """Photos of the run that can be had, of a few that are tried."""
        shards = len(self._run.shards)
        for number in sorted({shards * part // LOOKED_AT for part in range(LOOKED_AT)}):
            entries = read_shard(self._place, self._run, number)
            for entry in {entries[0], entries[len(entries) // 2], entries[-1]}:
                photo = self._source.photo(entry, whole=False)
                if _can_be_had(photo):
                    yield photo


def failure_of(photo: Photo, report: PhotoReport) -> Failure | None:
    """Why a photo could not be had; None if it could, whatever its report says."""
    if isinstance(photo, RemotePhoto):
        return photo.failure
    return "vanished" if report.error is not None and report.error.startswith("the file is not there") else None


def _can_be_had(photo: Photo) -> bool:
    if isinstance(photo, RemotePhoto):
        return photo.can_be_read()
    return isinstance(photo, PhotoRef) and os.path.isfile(photo.path)  # noqa: PTH113 - Path's own may raise
