"""Where the judgements of a document come from."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt


@dataclasses.dataclass(frozen=True, slots=True)
class Provenance:
    """Where the judgements of a document come from."""

    places: tuple[str, ...]
    """What was audited, as the user named it."""
    checkpoint: str
    """Name of the checkpoint."""
    decode: str
    """How photos were decoded."""
    strictness: str
    """How readily problems were named."""
    made: dt.datetime
    """When the run began."""
    card_sha256: str = ""
    """Of the checkpoint's card, which has the hashes of all its files: the same hash is the same model."""
