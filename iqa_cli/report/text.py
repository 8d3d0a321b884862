"""Text from outside made safe to show and to store: file names, EXIF strings, notes."""

from __future__ import annotations

import math
import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_ZERO_WIDTH_JOINER = "\u200d"  # the one format character that honest names hold: it glues emoji together


def utf8(text: str) -> str:
    r"""The text with everything that UTF-8 cannot hold spelled out: a lone surrogate becomes \udcNN."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shown(text: str) -> str:
    r"""The text for a screen: what would move the cursor, hide, or reverse the line is spelled out.

    A line feed becomes \x0a, an escape \x1b, a right-to-left override \u202e.
    """
    return "".join(
        character
        if character == _ZERO_WIDTH_JOINER or unicodedata.category(character) not in _UNSAFE
        else _escape(ord(character))
        for character in text
    )


def checked_text(value: object) -> str:
    """A text of a document that is read back: one that UTF-8 can hold, as `utf8` makes all of ours.

    raises  TypeError or ValueError  for anything else
    """
    if not isinstance(value, str):
        raise TypeError
    value.encode("utf-8")
    return value


def storable(text: str) -> str:
    """Valid UTF-8 without NUL, which ends the text for many readers."""
    return utf8(text).replace("\0", "")


def harmless(text: str) -> str:
    """Storable, and no formula to a spreadsheet: what would be one gets a leading apostrophe."""
    text = storable(text)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def plain_number(value: float, digits: int) -> str:
    """A number as spreadsheets read it: a point, no exponent, no trailing zeros; "" if it is not finite.

    value   any float
    digits  after the point, at most
    """
    if not math.isfinite(value):
        return ""
    text = f"{value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def _escape(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
