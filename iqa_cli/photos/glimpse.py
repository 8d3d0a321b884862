"""A quick look at a photo file: its picture if it can be had cheaply, and nothing else."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from iqa_cli.photos import costs
from iqa_cli.photos.decode import read_photo
from iqa_cli.photos.files import SIGNATURE_BYTES, read_file, sniff
from iqa_cli.photos.headers import read_header
from iqa_cli.photos.preview import read_preview
from iqa_cli.records import Photo, Unreadable

if TYPE_CHECKING:
    from pathlib import Path

MOST_SECONDS = 0.5
"""Of processor time for decoding; a JPEG of 50 megapixels takes a third of it."""

logger = logging.getLogger(__name__)


def glimpse(path: Path) -> Photo | None:
    """The working picture of a file: from the camera's preview if there is one, else decoded at a fraction of its size.

    path     may be anything, or be gone
    returns  None for what is no photo, cannot be read, or would take more than about MOST_SECONDS
    """
    photo = read_preview(path).photo
    if photo is not None:
        return photo
    data = read_file(path)
    if isinstance(data, Unreadable):
        return None
    try:
        kind = sniff(data[:SIGNATURE_BYTES])
        if kind is None:
            return None
        header = read_header(kind, data)
        cost = costs.of_other(header, data) if header.jpeg is None else costs.of_jpeg(header.jpeg, "scaled")
    except Exception as error:  # noqa: BLE001 - as many types as in `decode`
        logger.debug("no glimpse: %r", error)
        return None
    if cost.seconds > MOST_SECONDS:
        return None
    found, _ = read_photo(data)
    return found if isinstance(found, Photo) else None
