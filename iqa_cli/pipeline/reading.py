"""One photo read, measured and prepared: everything before the model."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from PIL import Image

from iqa_cli.models.prepare import views
from iqa_cli.photometry import examine
from iqa_cli.photos import read_photo
from iqa_cli.pipeline.thumbnail import thumbnail_of
from iqa_cli.records import Capture, Photo, PhotoRef, StoredPhoto, Unreadable

if TYPE_CHECKING:
    import numpy as np

    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.photometry import Doubt
    from iqa_cli.records import Decode, Measurement, Thumbnail, Unclear

TOO_CLOSE = "too close to call from the camera's preview: the picture was decoded"
"""The note of a photo that was `looked_at_again`."""

Pixels = bytes | bytearray | memoryview | Image.Image | NDArray[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Look:
    """One photo after reading and measuring, ready for the model."""

    source_file: str
    """As in `PhotoRef`; empty for a photo from memory."""
    error: str | None
    """Why it cannot be judged; None if it can."""
    views: NDArray[np.uint8] | None = None
    """(V, S, S, 3) uint8, what the model is shown; None if there is an error."""
    size: tuple[int, int] = (0, 0)
    """Width and height of the upright original."""
    notes: tuple[str, ...] = ()
    """From the decoder."""
    measurements: tuple[Measurement, ...] = ()
    """Of the decoded picture."""
    doubt: Doubt | None = None
    """What it seems to be, if no photograph."""
    unclear: Unclear | None = None
    """Why what is judged may not be the picture alone, or not as it looks, if so."""
    damage: str | None = None
    """What is wrong with the file, though a picture came out."""
    capture: Capture = dataclasses.field(default_factory=Capture)
    """Camera settings, as far as they could be read."""
    thumbnail: Thumbnail | None = None
    """The picture, small, if it was asked for."""
    is_checked_preview: bool = False
    """Whether the camera's preview was looked at in place of the picture; see `Photo`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Manner:
    """How photos are looked at: the same for all of a run."""

    decode: Decode
    """How much of a file is decoded."""
    preprocessing: Preprocessing
    """What the model wants."""
    thumbnails: bool = False
    """Whether a small copy of each picture is kept."""


def look_at(ref: PhotoRef | StoredPhoto, manner: Manner) -> Look:
    """Read, measure and prepare one photo; whatever is wrong with it becomes its `error`.

    Stateless: everything it needs comes in, everything it found goes out, so it runs in any thread or
    process.
    """
    try:
        return look_at_source(ref.source_file, ref, manner)
    # Thirteen kinds of exception came out of the readers on damaged files; one photo must never end a run.
    except Exception as error:  # noqa: BLE001 - see above
        return Look(ref.source_file, error=f"reading it failed ({type(error).__name__}: {error})")


def look_at_source(source_file: str, source: PhotoRef | StoredPhoto | Pixels, manner: Manner) -> Look:
    """The same for a photo from anywhere.

    source_file  as in `Look`
    source       as in `read_photo`
    raises       TypeError, ValueError  for a wrong argument; for what a file contains only if there is a bug
    """
    side = manner.preprocessing.largest_side
    seen = _look(source_file, *read_photo(source, mode=manner.decode, side=side), manner)
    if manner.decode in ("thumbnail", "auto") and (seen.doubt is not None or seen.unclear is not None):
        # A preview of a few kilobytes may look drawn, or its edges unsharp, where the picture's are not.
        seen = _look(source_file, *read_photo(source, mode="scaled", side=side), manner)
    return seen


def looked_at_again(look: Look, source: PhotoRef | StoredPhoto | Pixels, manner: Manner) -> Look:
    """The picture of a photo whose preview left it open what to say of it.

    source  what was looked at
    raises  as `look_at_source`, for nothing that is wrong with the photo if that is a file
    """
    manner = dataclasses.replace(manner, decode="scaled")
    if isinstance(source, PhotoRef | StoredPhoto):
        seen = look_at(source, manner)
    else:
        seen = look_at_source(look.source_file, source, manner)
    return seen if seen.error is not None else dataclasses.replace(seen, notes=(*seen.notes, TOO_CLOSE))


def _look(source_file: str, photo: Photo | Unreadable, capture: Capture, manner: Manner) -> Look:
    if isinstance(photo, Unreadable):
        return Look(source_file, error=photo.reason, capture=capture)
    seen = examine(photo.rgb)
    return Look(
        source_file,
        error=None,
        views=views(photo.largest, manner.preprocessing),
        size=(photo.width, photo.height),
        notes=photo.notes,
        measurements=seen.measurements,
        doubt=seen.doubt,
        unclear=photo.unclear,
        damage=photo.damage,
        capture=capture,
        thumbnail=thumbnail_of(photo.rgb, seen) if manner.thumbnails else None,
        is_checked_preview=photo.is_checked_preview,
    )
