"""JSON files read strictly, with the place of every mistake.

The standard library's parser takes NaN, keeps the last of two equal keys, and knows `true == 1`; a rule file
must not mean something else than it says, so all of these are mistakes here.
"""

from __future__ import annotations

import codecs
import json
import math
from typing import TYPE_CHECKING, TypeAlias

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph.rules import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_Place: TypeAlias = "tuple[_Place, str | int] | None"
"""Steps from the root to a value, the last one outermost."""

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _Object(dict[str, object]):
    """A JSON object that remembers which of its keys came more than once."""

    repeated: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, object]]) -> _Object:
    made = _Object(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        made.repeated = tuple(dict.fromkeys(key for key in keys if keys.count(key) > 1))
    return made


def load_json(path: Path) -> object:
    """The document in a UTF-8 JSON file.

    raises  GraphError  if the file cannot be opened or is not JSON; the message names line and column
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise GraphError(f"{path}: cannot be read: {error.strerror or error}") from error
    if raw.startswith(_MARKS):
        raise GraphError(f"{path}: starts with a byte order mark", hint="save it as UTF-8 without one")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise GraphError(f"{path}: byte {error.start} is not UTF-8", hint="save it as UTF-8") from error
    try:
        document: object = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise GraphError(f"{path}:{error.lineno}:{error.colno}: not JSON: {error.msg}") from error
    except RecursionError as error:
        raise GraphError(f"{path}: nested too deeply to be a graph") from error
    except ValueError as error:  # int() refuses numbers of thousands of digits with a plain ValueError
        raise GraphError(f"{path}: not JSON: {error}") from error
    return document


def oddities(document: object) -> list[str]:
    """Repeated keys and numbers that are not finite, wherever they stand, one line each with the place."""
    problems = []
    # A place is kept as a chain and spelled out only for a problem: a deeply nested file would cost its square.
    stack: list[tuple[_Place, object]] = [(None, document)]
    while stack:
        place, value = stack.pop()
        if isinstance(value, dict):
            if isinstance(value, _Object):
                problems += [f"{_spell((place, key))}: key is given more than once" for key in value.repeated]
            stack += [((place, str(key)), item) for key, item in reversed(value.items())]
        elif isinstance(value, list):
            stack += [((place, i), item) for i, item in reversed(list(enumerate(value)))]
        elif isinstance(value, float) and not math.isfinite(value):
            problems.append(f"{_spell(place)}: {value} is not a number that JSON knows")
    return problems


def _spell(place: _Place) -> str:
    steps: list[str | int] = []
    while place is not None:
        place, step = place
        steps.append(step)
    spelled = ""
    for step in reversed(steps):
        spelled = f"{spelled}[{step}]" if isinstance(step, int) else _join(spelled, step)
    return spelled or "document"


def _join(place: str, key: str) -> str:
    key = printable(key)
    return f"{place}.{key}" if place else key


class Fields:
    """An object of the document, its keys in lower case; every getter writes its complaint and gives None."""

    def __init__(self, values: Mapping[str, object], place: str, problems: list[str]) -> None:
        self._values = values
        self._place = place
        self._problems = problems

    @classmethod
    def of(cls, value: object, place: str, problems: list[str]) -> Fields | None:
        """The fields of a JSON object, or None (with a complaint) if it is something else."""
        if not isinstance(value, dict):
            problems.append(f"{place or 'document'}: expected an object, got {shown(value)}")
            return None
        values: dict[str, object] = {}
        for key, item in value.items():
            lower = str(key).lower()
            if lower in values:
                problems.append(f"{_join(place, str(key))}: key is given more than once, in different case")
            values[lower] = item
        return cls(values, place, problems)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def get(self, key: str, default: object = None) -> object:
        """The value as it is."""
        return self._values.get(key, default)

    def _wanted(self, key: str, kind: type, what: str) -> bool:
        if key not in self._values:
            self._problems.append(f"{_join(self._place, key)}: missing, expected {what}")
        elif type(self._values[key]) is not kind and not (kind is dict and isinstance(self._values[key], dict)):
            self._complain(key, what, self._values[key])
        else:
            return True
        return False

    def _complain(self, where: str, what: str, value: object) -> None:
        self._problems.append(f"{_join(self._place, where)}: expected {what}, got {shown(value)}")

    def text(self, key: str) -> str | None:
        """A string."""
        return str(self._values[key]) if self._wanted(key, str, "a text") else None

    def mapping(self, key: str) -> dict[str, object]:
        """An object, empty if it is something else."""
        value = self._values[key] if self._wanted(key, dict, "an object") else {}
        return dict(value) if isinstance(value, dict) else {}

    def items(self, key: str, *, optional: bool = False) -> list[tuple[str, object]]:
        """A list's items with their places, empty if it is something else."""
        if optional and key not in self._values:
            return []
        value = self._values[key] if self._wanted(key, list, "a list") else []
        return [(f"{_join(self._place, key)}[{i}]", item) for i, item in enumerate(_as_list(value))]

    def integers(self, key: str) -> tuple[int, ...] | None:
        """A list of whole numbers; `true` is not 1 and 2.0 is not 2."""
        if not self._wanted(key, list, "a list of levels"):
            return None
        return self._whole(key, _as_list(self._values[key]))

    def pairs(self, key: str) -> tuple[tuple[int, int], ...] | None:
        """A list of pairs of whole numbers."""
        if not self._wanted(key, list, "a list of pairs of levels"):
            return None
        pairs = []
        items = _as_list(self._values[key])
        for i, item in enumerate(items):
            if type(item) is not list or len(item) != 2:
                self._complain(f"{key}[{i}]", "a pair of levels", item)
                continue
            whole = self._whole(f"{key}[{i}]", item)
            if whole is not None:
                pairs.append((whole[0], whole[1]))
        return tuple(pairs) if len(pairs) == len(items) else None

    def _whole(self, where: str, items: list[object]) -> tuple[int, ...] | None:
        whole = []
        for i, item in enumerate(items):
            if type(item) is int:
                whole.append(item)
            else:
                self._complain(f"{where}[{i}]", "a whole number", item)
        return tuple(whole) if len(whole) == len(items) else None


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def shown(value: object) -> str:
    """A value as JSON would show it, short; never looks inside lists and objects."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list" if len(value) != 1 else "a list of one"
    if value is None or isinstance(value, str | int | float):
        text = printable(json.dumps(value, ensure_ascii=False))
    else:
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
