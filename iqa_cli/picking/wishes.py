"""What a user writes after an option, understood: ranges, days, names of labels, lists of paths."""

from __future__ import annotations

import codecs
import datetime as dt
import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from iqa_cli.errors import InvalidInput, UsageError
from iqa_cli.photos.discover import as_utf8
from iqa_cli.report.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.picking.rows import Report

_ISO = re.compile(r"(\d{1,9})?(?:(-)(\d{1,9})?)?")
_WHEN = re.compile(r"(\d{4})(?:[-:](\d\d)(?:[-:](\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?)?)?")


def iso_range(text: str) -> tuple[int | None, int | None]:
    """`100-400`, `800-`, `-200` or `100` as lowest and highest, both included; None for no bound.

    raises  UsageError  if it is none of these, or the wrong way round
    """
    found = _ISO.fullmatch(text.strip())
    if found is None or not (found[1] or found[3]):
        raise UsageError(f"--iso {text}: expected A-B, A- or -B", hint="as in --iso 800-6400")
    low, high = (None if number is None else int(number) for number in (found[1], found[3]))
    if found[2] is None:
        return low, low
    if low is not None and high is not None and low > high:
        raise UsageError(f"--iso {text}: the lower number comes first", hint=f"--iso {high}-{low}")
    return low, high


def moment(option: str, text: str, *, after: bool) -> dt.datetime:
    """The beginning of a year, month, day, minute or second, `2024` to `2024-05-01T12:00:00`.

    option  for the message
    after   the end of it instead: the first moment that is later
    raises  UsageError  if it is none
    """
    found = _WHEN.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = (None if part is None else int(part) for part in found.groups())
        start = dt.datetime(year or 0, month or 1, day or 1, hour or 0, minute or 0, second or 0)  # noqa: DTZ001 - see Row
        return _next(start, month, day, hour, second) if after else start
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text}: expected a day like 2024-05-01",
            hint="a year, a month, or a day with a time will do, too",
        ) from None


def _next(start: dt.datetime, month: int | None, day: int | None, hour: int | None, second: int | None) -> dt.datetime:
    """The first moment after the span that was named down to its last part."""
    if month is None:
        return start.replace(year=start.year + 1)
    if day is None:
        return (start + dt.timedelta(days=31)).replace(day=1)
    if hour is None:
        return start + dt.timedelta(days=1)
    return start + (dt.timedelta(minutes=1) if second is None else dt.timedelta(seconds=1))


def known_labels(report: Report, text: str, names: Mapping[str, str]) -> tuple[str, ...]:
    """The labels that are meant by one, or by several with commas between them. A label may have a comma itself.

    Arguments and errors as of `known_label`.
    """
    parts = [part for part in text.split(",") if part.strip()]
    if not parts or _spelled(report, text, names) is not None:
        return (known_label(report, text, names),)
    return tuple(known_label(report, part.strip(), names) for part in parts)


def known_label(report: Report, text: str, names: Mapping[str, str]) -> str:
    """The label of a report that is meant: by its spelling or its name, whatever the case and what joins its words.

    names   label by the names that people see
    raises  UsageError  if the report has no such label; the message has the nearest, and all of them
    """
    known = _spelled(report, text, names)
    if known is not None:
        return known
    if not report.labels:
        raise UsageError(f"{report.name}: no photo was judged, so there is no label to pick by")
    spellings = _spellings(report, names)
    near = difflib.get_close_matches(_folded(text[:100]), list(spellings), n=1)
    meant = f' (did you mean "{spellings[near[0]]}"?)' if near else ""
    raise UsageError(
        f'{report.name} has no label "{shown(as_utf8(text))}"{meant}', hint=f"its labels: {', '.join(report.labels)}"
    )


def _spelled(report: Report, text: str, names: Mapping[str, str]) -> str | None:
    """The label that has this spelling or name; None if there is none."""
    return text if text in report.labels else _spellings(report, names).get(_folded(text))


def _spellings(report: Report, names: Mapping[str, str]) -> dict[str, str]:
    return {**{_folded(name): label for name, label in names.items()}, **{_folded(n): n for n in report.labels}}


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.strip()).casefold()


def read_list(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """The paths of a list: one a line, or each ended by a NUL; blank lines are passed over, nothing else is.

    UTF-8, or UTF-16 with its mark, which is what PowerShell writes.

    returns  the paths, spelled as a report would
    raises   InvalidInput  if it cannot be read, or names nothing
    """
    name = shown(as_utf8(os.fspath(path)))
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"{name}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # a NUL inside the name
        raise InvalidInput(f"{name}: cannot be read ({error})") from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", errors="backslashreplace").encode("utf-8", errors="backslashreplace")
    content = content.removeprefix(codecs.BOM_UTF8)
    entries = content.split(b"\0" if b"\0" in content else b"\n")
    # Bytes that are no UTF-8 come from lists that another program made; a report spells them out.
    paths = tuple(entry.decode("utf-8", errors="backslashreplace") for entry in entries if entry.strip())
    if not paths:
        raise InvalidInput(
            f"{name}: the list names no photo", hint="the page exports one of the photos that are marked"
        )
    return paths
