"""Where the judgements of a report come from: which model, read and named how, on which machine, by which command.

Texts may hold what no UTF-8 can; who writes them makes them safe.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli._version import __version__

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from iqa_cli.machine import Machine


@dataclasses.dataclass(frozen=True, slots=True)
class Provenance:
    """Where the judgements of a report come from: all that is known when a run begins."""

    places: tuple[str, ...]
    """What was audited, as the user named it."""
    checkpoint: str
    """Name of the checkpoint."""
    decode: str
    """How photos were decoded."""
    strictness: str
    """How readily problems were named: a word of `--strictness`, or a number of log-odds."""
    made: dt.datetime
    """When the run began."""
    card_sha256: str = ""
    """Of the checkpoint's card, which has the hashes of all its files: the same hash is the same model."""
    graph: str = ""
    """Name of the graph whose labels and rules the checkpoint carries."""
    graph_sha256: str = ""
    """Of what that graph says: the same hash is the same labels, levels and rules."""
    lang: str = "en"
    """Language of evidence, notes and reasons."""
    command: tuple[str, ...] = ()
    """The words of the command line; empty for a run from Python."""
    machine: Machine | None = None
    """What it ran on; None where that was not asked."""
    iqa: str = __version__
    """Version of iqa."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ending:
    """What is known when a run has come to its end."""

    at: dt.datetime
    """When."""
    seconds: float
    """What it took."""
    remembered: int
    """Photos that were known from an earlier run."""
    photos: Mapping[str, int]
    """How many have each status."""


@dataclasses.dataclass(frozen=True, slots=True)
class Difference:
    """Something in which two runs differ that may change what they say of one photo."""

    what: str
    """`iqa`, `checkpoint`, `graph`, `decode` or `strictness`."""
    a: str
    """As it was in the first."""
    b: str
    """As it was in the second."""


_HASHED = {"checkpoint": "card_sha256", "graph": "graph_sha256"}
_SHORT = 8
"""Digits of a hash that tell two of one name apart."""


def differences(a: Provenance, b: Provenance) -> tuple[Difference, ...]:
    """In what two runs differ that may change what they say of one photo.

    Names of checkpoints and graphs do not count: what they hold does.
    """
    found = []
    for what in ("iqa", "checkpoint", "graph", "decode", "strictness"):
        one, other = (str(getattr(run, what)) for run in (a, b))
        if what in _HASHED:
            hashes = [str(getattr(run, _HASHED[what])) for run in (a, b)]
            if hashes[0] != hashes[1]:
                one, other = (f"{name} {sha[:_SHORT]}" for name, sha in zip((one, other), hashes, strict=True))
            else:
                one = other
        if one != other:
            found.append(Difference(what, one, other))
    return tuple(found)
