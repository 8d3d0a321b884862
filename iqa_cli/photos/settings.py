"""From tags to camera settings: what cannot be a value of its setting is left out by name, never guessed.

Nothing is said of what cameras write for "unknown": blanks, 0000:00:00, fractions of 0, and 0 where it is no value.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from typing import TYPE_CHECKING, Any

from iqa_cli.photos import tiff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from iqa_cli.photos.tiff import Value

_SHOWN = 40  # characters of a value that is left out

_NUMBER = re.compile(r"\s*([-+]?\d{1,12}(?:\.\d{0,12})?)(?:/(\d{1,12}(?:\.\d{0,12})?))?\s*")

# Between day and hour or behind the seconds some phones say which half of the day it is, each in its language.
_DATE = re.compile(
    r"(\d{4})[^\w](\d{1,2})[^\w](\d{1,2})([^\d]+)(\d{1,2})[^\w](\d{1,2})[^\w](\d{1,2})(?:[.,]\d*)?(.*)", re.DOTALL
)
_MORNING = frozenset({"am", "a", "上午", "午前", "오전"})
_AFTERNOON = frozenset({"pm", "p", "下午", "午後", "오후"})
_NOON = 12


@dataclasses.dataclass(slots=True)
class Settings:
    """What was read, and what was left out."""

    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    """By the field of `Capture`; what is not known is not there."""
    left_out: dict[str, str] = dataclasses.field(default_factory=dict)
    """By the field: exiftool's name of the setting, and what stands there, for a person."""

    def fill(self, more: Settings) -> None:
        """Take from others what is missing here."""
        self.values = {**more.values, **self.values}
        left_out = {**more.left_out, **self.left_out}
        self.left_out = {field: what for field, what in left_out.items() if field not in self.values}


def settings_of(tags: Mapping[int, Value]) -> Settings:
    """The camera settings that these tags hold."""
    found = Settings()
    for tag, (field, name, read) in _SETTINGS.items():
        value = tags.get(tag, b"")
        if _says_nothing(tag, value):
            continue
        try:
            found.values[field] = read(value)
        except (ValueError, ArithmeticError):
            found.left_out[field] = f"{name} ({_shown(value)})"
    return found


def _says_nothing(tag: int, value: Value) -> bool:
    if value is None:
        return False
    if isinstance(value, bytes):
        return not value.strip(b"\0\t\n\r :" + (b"0-/" if tag == tiff.TAKEN else b""))
    known = [number for number in value if not math.isnan(number)]
    return not (any(known) if tag in _ZERO_IS_UNKNOWN else known)


def _shown(value: Value) -> str:
    if value is None:
        return "unreadable"
    if not isinstance(value, bytes):
        return " ".join(f"{number:g}" for number in value)[:_SHOWN]
    try:
        return f'"{_one_line(value.decode())[:_SHOWN]}"'
    except UnicodeDecodeError:
        return "text that is not UTF-8"


def _one_line(text: str) -> str:
    return "".join(character for character in text if character.isprintable()).strip()


def _text(value: Value) -> str:
    """One line; padding and control characters are dropped. GBK, Shift-JIS and Latin-1 look alike, so none is tried."""
    if not isinstance(value, bytes):
        raise ValueError
    text = _one_line(value.decode())
    if not text:
        raise ValueError
    return text


def _numbers(value: Value) -> tuple[float, ...]:
    """The numbers of a value, which may be a text: `400`, `-0.7`, `1/125`."""
    if not isinstance(value, bytes):
        return value or ()
    found = _NUMBER.fullmatch(value.decode())
    if found is None:
        raise ValueError
    return (float(found[1]) / float(found[2] or 1),)


def _number(above: float, up_to: float) -> Callable[[Value], float]:
    """Reads the first number as one in (above, up_to]."""

    def read(value: Value) -> float:
        number = float(_numbers(value)[0])
        if not above < number <= up_to:
            raise ValueError
        return number

    return read


def _whole(low: int, high: int) -> Callable[[Value], int]:
    """Reads the first whole number in low..high; a list of ISO values often has zeros in it."""

    def read(value: Value) -> int:
        for number in _numbers(value):
            if low <= number <= high and number == int(number):
                return int(number)
        raise ValueError

    return read


def _flash(value: Value) -> bool:
    return bool(_FLASH(value) & 1)


def _moment(value: Value) -> dt.datetime:
    """`2024:05:31 18:03:59` with any separators, a zone or a part of a second behind it, or a half of the day.

    Of hour 24 some phones mean the first of the day, ISO 8601 the end of it: it is left out, like a word that may say
    which half of the day it is.
    """
    found = _DATE.match(value.decode("utf-8", "replace").strip()) if isinstance(value, bytes) else None
    if found is None:
        raise ValueError
    year, month, day, before, hour, minute, second, behind = found.groups()
    hours = int(hour)
    half = (_word(before.removeprefix("T")), _word(behind.removesuffix("Z")))
    if hours <= _NOON and any(half):
        word = half[0] or half[1]
        if word not in _MORNING | _AFTERNOON or all(half) or (hours == 0 and word in _AFTERNOON):
            raise ValueError
        hours = hours % _NOON + (_NOON if word in _AFTERNOON else 0)
    elif _MORNING.intersection(half):
        raise ValueError
    if hours > 23:
        raise ValueError
    return dt.datetime(int(year), int(month), int(day), hours, int(minute), int(second))  # noqa: DTZ001 - EXIF knows no zone


def _word(text: str) -> str:
    """The letters of a text, in small ones, and what could be letters in another encoding."""
    return "".join(character for character in text.lower() if character.isalpha() or character == "\ufffd")


_FLASH = _whole(0, 0x7F)  # seven bits are defined
_ZERO_IS_UNKNOWN = frozenset({tiff.EXPOSURE_TIME, tiff.F_NUMBER, tiff.FOCAL_LENGTH, tiff.ISO, tiff.ORIENTATION})
_SETTINGS: Mapping[int, tuple[str, str, Callable[[Value], Any]]] = {
    tiff.MAKE: ("make", "Make", _text),
    tiff.MODEL: ("model", "Model", _text),
    tiff.LENS_MODEL: ("lens_model", "LensModel", _text),
    tiff.TAKEN: ("taken_at", "DateTimeOriginal", _moment),
    tiff.EXPOSURE_TIME: ("exposure_time_s", "ExposureTime", _number(above=0.0, up_to=86_400.0)),
    tiff.F_NUMBER: ("f_number", "FNumber", _number(above=0.0, up_to=1_000.0)),
    tiff.ISO: ("iso", "ISO", _whole(1, 100_000_000)),
    tiff.EXPOSURE_BIAS: ("exposure_bias_ev", "ExposureCompensation", _number(above=-30.0, up_to=30.0)),
    tiff.FOCAL_LENGTH: ("focal_length_mm", "FocalLength", _number(above=0.0, up_to=100_000.0)),
    tiff.FLASH: ("flash_fired", "Flash", _flash),
    tiff.ORIENTATION: ("orientation", "Orientation", _whole(1, 8)),
}
