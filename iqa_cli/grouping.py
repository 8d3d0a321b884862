r"""By what photos are grouped: the camera's settings, the path, the time. `--by` of assess names it.

    camera         maker and model
    lens           as the camera wrote it
    iso            doublings: 51-100, 101-200, 201-400 ...
    exposure-time  the nearest whole stop: 1/125 s is everything from 1/181 to 1/91
    focal-length   doublings in mm, of the lens itself: 4-8 mm is everything from 4 to below 8
    flash          fired, not fired
    hour           of the day by the camera's clock: 00 to 23
    month          2026-07
    folder         that the photo lies in
    regex:PATTERN  what a regular expression finds in the path: its named groups, else group 1, else the whole match

Several with commas between them are one grouping by all of them together. What is not known is a group of its own.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING

from iqa_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iqa_cli.records import Capture

_STOPS = {
    -13: "1/8000", -12: "1/4000", -11: "1/2000", -10: "1/1000", -9: "1/500", -8: "1/250", -7: "1/125", -6: "1/60",
    -5: "1/30", -4: "1/15", -3: "1/8", -2: "1/4", -1: "1/2", 0: "1", 1: "2", 2: "4", 3: "8", 4: "15", 5: "30",
}  # fmt: skip
"""Exposure times as they are engraved on cameras, by the power of two of the seconds that they stand for."""
_REGEX = "regex:"


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Value:
    """What one photo has of one key."""

    order: float
    """By which groups are sorted before their names; unknown comes last."""
    text: str
    """For people and documents; empty if it is not known."""


UNKNOWN = Value(math.inf, "")


@dataclasses.dataclass(frozen=True)
class Grouping:
    """One or more keys that make groups together."""

    text: str
    """As a user writes it."""
    keys: tuple[Callable[[str, Capture], Value], ...]
    """One for each key: from path and settings to a value."""
    names: tuple[str, ...]
    """Of the keys."""

    def values(self, source_file: str, capture: Capture) -> tuple[Value, ...]:
        """The group that a photo is in.

        source_file  its path, `/` between folders
        """
        return tuple(key(source_file, capture) for key in self.keys)


def grouping_of(text: str) -> Grouping:
    """The grouping that a text names, such as `camera` or `lens,iso`.

    raises  UsageError  if it names none
    """
    before, found, pattern = text.partition(_REGEX)  # a pattern may have commas: it comes last
    names = [name.strip() for name in before.split(",")] if before else []
    if found and names and names.pop():  # nothing may stand between the last comma and the pattern
        raise _unknown(text)
    if found:
        names.append(found + pattern)
    if not names or len(set(names)) < len(names):
        raise _unknown(text)
    return Grouping(text, tuple(_key(name, text) for name in names), tuple(names))


def _key(name: str, text: str) -> Callable[[str, Capture], Value]:
    if name in _KEYS:
        return _KEYS[name]
    if not name.startswith(_REGEX) or name == _REGEX:
        raise _unknown(text)
    try:
        pattern = re.compile(name.removeprefix(_REGEX))
    except re.error as error:
        raise UsageError(f"--by {text}: no regular expression ({error})") from None

    def matched(source_file: str, _: Capture) -> Value:
        found = pattern.search(source_file)
        if found is None:
            return UNKNOWN
        named = [part for part in found.groupdict().values() if part]
        return _text(" ".join(named) if pattern.groupindex else found[1 if pattern.groups else 0])

    return matched


def _unknown(text: str) -> UsageError:
    return UsageError(
        f"--by {text}: expected {', '.join(_KEYS)} or regex:PATTERN, each once",
        hint="--by camera --by lens,iso counts by camera, and then by lens and ISO together",
    )


def _text(text: str | None) -> Value:
    return Value(0.0, text) if text else UNKNOWN


def _iso(_: str, capture: Capture) -> Value:
    if not capture.iso or capture.iso < 1:
        return UNKNOWN
    top = 100.0
    while top < capture.iso:
        top *= 2
    while top / 2 >= capture.iso:
        top /= 2
    low, high = math.floor(top / 2) + 1, math.floor(top)
    return Value(top, f"{low}-{high}" if low < high else str(high))


def _exposure_time(_: str, capture: Capture) -> Value:
    if not capture.exposure_time_s:
        return UNKNOWN
    stop = round(math.log2(capture.exposure_time_s))
    # Beyond what is engraved the powers of two themselves.
    return Value(stop, f"{_STOPS.get(stop) or (f'1/{2**-stop}' if stop < 0 else str(2**stop))} s")


def _focal_length(_: str, capture: Capture) -> Value:
    if not capture.focal_length_mm:
        return UNKNOWN
    low = 2.0 ** math.floor(math.log2(capture.focal_length_mm))
    return Value(low, f"{low:g}-{2 * low:g} mm")


def _flash(_: str, capture: Capture) -> Value:
    return UNKNOWN if capture.flash_fired is None else _text("fired" if capture.flash_fired else "not fired")


_KEYS: Mapping[str, Callable[[str, Capture], Value]] = {
    "camera": lambda _, capture: _text(" ".join(filter(None, (capture.make, capture.model)))),
    "lens": lambda _, capture: _text(capture.lens_model),
    "iso": _iso,
    "exposure-time": _exposure_time,
    "focal-length": _focal_length,
    "flash": _flash,
    "hour": lambda _, capture: _text(f"{capture.taken_at:%H}" if capture.taken_at else None),
    "month": lambda _, capture: _text(capture.taken_at.isoformat()[:7] if capture.taken_at else None),
    "folder": lambda source_file, _: _text(source_file.rpartition("/")[0] or ("/" if "/" in source_file else ".")),
}
KEYS = tuple(_KEYS)
"""All but `regex:`."""
