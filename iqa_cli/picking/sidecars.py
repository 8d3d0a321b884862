"""Sidecars beside photos: `NAME.EXT.xmp`, as darktable and digiKam read them."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from iqa_cli.errors import InvalidInput, UsageError
from iqa_cli.picking.carry import HOPELESS, cannot_be_written
from iqa_cli.picking.judgement import judgement
from iqa_cli.report.text import shown
from iqa_cli.writing import Replacement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iqa_cli.picking.judgement import Judgement
    from iqa_cli.picking.names import Names
    from iqa_cli.picking.places import Photo

_LARGEST_BYTES = 1 << 26
"""A sidecar with masks of darktable has some megabytes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Written:
    """What became of the sidecar of one photo."""

    photo: Photo
    """The photo."""
    path: str
    """Of the sidecar."""
    how: Literal["new", "merged", "unchanged", "left"]
    """Made; one that was there renewed; it said the same before; or not touched."""
    reason: str | None = None
    """Why it was not touched, in one line."""


def sidecar_of(photo: str) -> str:
    """The sidecar of a photo, there or not; one whose suffix is in capitals counts as well."""
    return next((path for suffix in (".xmp", ".XMP") if os.path.lexists(path := photo + suffix)), photo + ".xmp")


def write_sidecars(
    photos: Sequence[Photo], labels: Sequence[str], names: Names, *, dry_run: bool = False
) -> Iterator[Written]:
    """Write or renew the sidecar of each photo; what others wrote in it stays.

    labels   of the report
    names    of them
    dry_run  write nothing
    raises   OutputError  if nothing more can be written; what was written stays
    """
    for photo in photos:
        path = sidecar_of(photo.path)
        try:
            yield Written(photo, path, _write(path, judgement(photo.row, labels, names), dry_run=dry_run))
        except OSError as error:
            if error.errno in HOPELESS:
                raise cannot_be_written(path, error) from None
            yield Written(photo, path, "left", f"cannot be written ({error.strerror or error})")
        except (InvalidInput, UsageError) as error:
            yield Written(photo, path, "left", error.message.removeprefix(f"{path}: "))


def _write(path: str, said: Judgement, *, dry_run: bool) -> Literal["new", "merged", "unchanged"]:
    """Bring a sidecar up to date.

    raises  InvalidInput          if what is there is no XMP
            UsageError, OSError   if it cannot be written
            OutputError           if there is no room; it is as it was
    """
    from iqa_cli.picking.xmp import NoXmp, sidecar  # lxml takes as long to load as all else that a pick needs

    if not os.path.lexists(path):
        if not dry_run:
            with Replacement(Path(path)) as file:
                file.write(sidecar(said))
                file.commit(only_if_free=True)
        return "new"
    before = os.stat(path)
    if before.st_size > _LARGEST_BYTES:
        raise InvalidInput(f"it is no XMP ({before.st_size:,} bytes)")
    existing = Path(path).read_bytes()
    try:
        content = sidecar(said, existing)
    except NoXmp as error:
        raise InvalidInput(f"it is no XMP ({shown(str(error))})") from None
    if content == existing:
        return "unchanged"
    if not dry_run:
        with Replacement(Path(path)) as file:
            file.write(content)
            now = os.stat(path)
            if (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
                raise OSError(errno.EAGAIN, "another program has just written it", path)
            file.commit()
    return "merged"
