r"""One path in its several spellings, and from a path as reports spell it back to the file.

A report spells bytes that are not UTF-8 as \xNN (`discover.as_utf8`), and a name may hold the same four characters
itself. Which of them is meant is asked of the file system, folder by folder.
"""

from __future__ import annotations

import itertools
import os
import posixpath
import re
import unicodedata
from typing import TYPE_CHECKING

from iqa_cli.photos.discover import as_utf8

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ESCAPE = re.compile(r"\\x([89a-f][0-9a-f])")
_MOST_MIXED = 6
"""Spelled bytes in one name up to which every mixture with literal ones is tried; beyond, all or none."""


def one_spelling(path: str) -> str:
    r"""Accents joined to their letters, which a copy by way of macOS may have apart; `/` between folders, not `\`."""
    return unicodedata.normalize("NFC", path).replace("\\", "/")


def files_spelled(path: str, base: str = "") -> list[str]:
    """The files and folders that a path of a report may mean and that are there; most often one or none.

    path  valid UTF-8, `/` between folders
    base  what a relative one starts from; empty for the current folder
    """
    if "\0" in path:
        return []
    if _ESCAPE.search(path) is None:
        name = os.path.join(base, os.fsdecode(path.encode()))  # noqa: PTH118 - Path drops the "./" that reports keep
        return [name] if os.path.lexists(name) else []
    places = ["/" if posixpath.isabs(path) else base]
    for name in path.split("/"):
        if name:
            spellings = itertools.product(places, _spelled_so(name))
            tried = (os.path.join(place, spelled) for place, spelled in spellings)  # noqa: PTH118 - see above
            places = [place for place in tried if os.path.lexists(place)]
    return places


def _spelled_so(name: str) -> Iterator[str]:
    r"""The names that `as_utf8` writes like this one: itself, and those where some \xNN were bytes."""
    yield os.fsdecode(name.encode())
    escapes = list(_ESCAPE.finditer(name))
    if not escapes:
        return
    starts, ends = [escape.start() for escape in escapes], [escape.end() for escape in escapes]
    pairs = zip([0, *ends], [*starts, len(name)], strict=True)
    texts = [name[start:end].encode() for start, end in pairs]
    mixtures: Iterable[tuple[bool, ...]] = [(True,) * len(escapes)]
    if len(escapes) <= _MOST_MIXED:
        mixtures = itertools.product((True, False), repeat=len(escapes))
    for are_bytes in mixtures:
        raw = texts[0]
        for escape, is_byte, text in zip(escapes, are_bytes, texts[1:], strict=True):
            raw += (bytes([int(escape[1], 16)]) if is_byte else escape[0].encode()) + text
        spelled = os.fsdecode(raw)
        if any(are_bytes) and as_utf8(spelled) == name:
            yield spelled
