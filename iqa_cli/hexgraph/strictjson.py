"""JSON files read strictly, with the place of every value.

The standard library's parser takes NaN, keeps the last of two equal keys, and knows `true == 1`; a rule file
must not mean something else than it says, so all of these are mistakes here. It parses quickly, though, and tells
no places: they are found afterwards, in the text, for the few values that somebody asks about.
"""

from __future__ import annotations

import array
import bisect
import codecs
import collections
import json
import math
import re
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from iqa_cli.hexgraph.problems import Problem, Steps
from iqa_cli.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

MAX_BYTES = 128 * 2**20
"""A file larger than this is not read: a million rules take less."""

MAX_DIGITS = 4000
"""A whole number longer than this is not converted: Python refuses it, because that takes the square of its length."""

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

# Possessive all through: on valid JSON there is nothing to go back to, and a string of 100 MB leaves no trail.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rf'[\[{{](?:[^"\[\]{{}}]++|{_STRING})*+[\]}}]'
_SPACE = re.compile(r"[ \t\n\r]*+")
_TEXT = re.compile(_STRING, re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\s]*+")
_TO_BRACKET = re.compile(rf'(?:[^"\[\]{{}}]++|{_STRING}|{_FLAT})*+', re.DOTALL)
_TO_ANY_BRACKET = re.compile(rf'(?:[^"\[\]{{}}]++|{_STRING})*+', re.DOTALL)


class Position(NamedTuple):
    """A place in a text file, as editors count."""

    line: int
    """From 1."""
    column: int
    """From 1, in characters."""


class Located(NamedTuple):
    """Where a value was found."""

    line: int
    """From 1."""
    column: int
    """From 1, in characters."""
    steps: Steps
    """The way to it, with keys as the file spells them; a value that is missing is found at its parent."""


class HugeNumber:
    """A whole number too long to be converted."""

    def __init__(self, digits: str) -> None:
        self.n_digits = len(digits.lstrip("-"))


class JsonText:
    """A JSON text: its value, and where in it everything stands.

    text    the document
    raises  NotJsonError  if it breaks the grammar

    value   what the standard library makes of it; a repeated key has its last value, as there
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._repeated: list[tuple[dict[str, object], tuple[str, ...]]] = []
        self._has_odd_numbers = False
        self._children: dict[int, array.array[int] | dict[str, tuple[int, int]]] = {}
        self._line_starts: array.array[int] | None = None
        self.value = self._parse()

    def _parse(self) -> object:
        try:
            try:
                return self._decode(int)
            except json.JSONDecodeError:
                raise
            except ValueError:  # a whole number of thousands of digits: once more, with an eye on each number
                return self._decode(self._whole)
        except json.JSONDecodeError as error:
            raise NotJsonError(
                f"not JSON: {error.msg}", self._position(error.pos), _grammar_hint(self._text, error.pos)
            ) from None
        except RecursionError:
            offset = self._deepest()
            raise NotJsonError("nested too deeply", self._position(offset)) from None

    def _decode(self, parse_int: Callable[[str], object]) -> object:
        return json.loads(
            self._text,
            parse_int=parse_int,
            parse_float=self._float,
            parse_constant=self._float,
            object_pairs_hook=self._object,
        )

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) < len(pairs):
            counts = collections.Counter(key for key, _ in pairs)
            # Kept alive: an object that a repeated key drops must not leave its identity to another.
            self._repeated.append((made, tuple(key for key, count in counts.items() if count > 1)))
        return made

    def _float(self, text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            self._has_odd_numbers = True
        return value

    def _whole(self, text: str) -> int | HugeNumber:
        if len(text) <= MAX_DIGITS:
            return int(text)
        self._has_odd_numbers = True
        return HugeNumber(text)

    def oddities(self) -> Iterator[Problem]:
        """Repeated keys and numbers that nobody can read alike, wherever they stand."""
        if self._repeated or self._has_odd_numbers:
            yield from _oddities(self.value, {id(made): keys for made, keys in self._repeated})

    def locate(self, steps: Steps, *, at_key: bool = False) -> Located:
        """Where the value that the steps from the root lead to begins, or its key; as far as they lead.

        steps  keys that are not there as they are spelled are found in other case
        """
        offset = self._space(0)
        found: list[str | int] = []
        for i, step in enumerate(steps):
            children = self._children_at(offset)
            if isinstance(children, dict):
                key = str(step)
                if key not in children:
                    key = next((other for other in children if other.lower() == key), key)
                if key not in children:
                    break
                offset = children[key][0 if at_key and i == len(steps) - 1 else 1]
                found.append(key)
            elif isinstance(step, int) and step < len(children):
                offset = children[step]
                found.append(step)
            else:
                break
        return Located(*self._position(offset), tuple(found))

    def _position(self, offset: int) -> Position:
        if self._line_starts is None:
            self._line_starts = array.array("q", (match.end() for match in re.finditer(r"\A|\n", self._text)))
        line = bisect.bisect_right(self._line_starts, offset)
        return Position(line, offset - self._line_starts[line - 1] + 1)

    def _children_at(self, offset: int) -> array.array[int] | dict[str, tuple[int, int]]:
        """Offsets of a container's items, or of its keys and values; none if it is no container."""
        if offset not in self._children:
            opening = self._text[offset : offset + 1]
            self._children[offset] = self._members(offset) if opening == "{" else self._items(offset, opening)
        return self._children[offset]

    def _items(self, offset: int, opening: str) -> array.array[int]:
        items = array.array("q")
        if opening != "[":
            return items
        offset = self._next(offset)
        while self._text[offset] != "]":
            items.append(offset)
            offset = self._next_after(self._end(offset))
        return items

    def _members(self, offset: int) -> dict[str, tuple[int, int]]:
        members: dict[str, tuple[int, int]] = {}
        offset = self._next(offset)
        while self._text[offset] != "}":
            end = self._end(offset)
            key = (
                json.loads(self._text[offset:end])
                if "\\" in self._text[offset:end]
                else self._text[offset + 1 : end - 1]
            )
            value = self._next(self._space(end))
            members[key] = (offset, value)
            offset = self._next_after(self._end(value))
        return members

    def _space(self, offset: int) -> int:
        return _SPACE.match(self._text, offset).end()  # type: ignore[union-attr]  # see position

    def _next(self, offset: int) -> int:
        """The first character that is no space, after the one at the offset."""
        return self._space(offset + 1)

    def _next_after(self, end: int) -> int:
        """The first character of the next item, or the closing bracket."""
        end = self._space(end)
        return self._next(end) if self._text[end] == "," else end

    def _end(self, offset: int) -> int:
        """Behind the last character of the value that begins here."""
        first = self._text[offset]
        if first == '"':
            return _TEXT.match(self._text, offset).end()  # type: ignore[union-attr]  # the text is JSON
        if first not in "[{":
            return _SCALAR.match(self._text, offset).end()  # type: ignore[union-attr]  # see position
        depth = 1
        while depth:
            offset = _TO_BRACKET.match(self._text, offset + 1).end()  # type: ignore[union-attr]  # see position
            depth += 1 if self._text[offset] in "[{" else -1
        return offset + 1

    def _deepest(self, limit: int = 500) -> int:
        """Where the nesting passes a limit."""
        offset, depth = -1, 0
        while depth < limit:
            offset = _TO_ANY_BRACKET.match(self._text, offset + 1).end()  # type: ignore[union-attr]  # see position
            if self._text[offset : offset + 1] not in ("[", "{", "]", "}"):
                break
            depth += 1 if self._text[offset] in "[{" else -1
        return offset


def odd_numbers(document: object) -> Iterator[Problem]:
    """Numbers in a parsed document that JSON does not know."""
    yield from _oddities(document, {})


def _oddities(document: object, repeated: Mapping[int, tuple[str, ...]]) -> Iterator[Problem]:
    """As `JsonText.oddities`; `repeated` has the repeated keys of an object by its identity."""
    # A place is kept as a chain and spelled out only for a problem: a deep file would cost its square. Of a list only
    # the item in hand is kept: it may have millions.
    stack: list[tuple[_Chain, Iterator[tuple[str | int, object]]]] = [(None, iter([("", document)]))]
    while stack:
        chain, items = stack[-1]
        for step, value in items:
            here: _Chain = (chain, step) if len(stack) > 1 else None
            if isinstance(value, dict):
                for key in repeated.get(id(value), ()):
                    steps = (*_steps(here), key)
                    yield Problem("E101", steps, "key is given more than once", hint="keep one of them", at_key=True)
                stack.append((here, iter(value.items())))
                break
            if isinstance(value, list):
                stack.append((here, iter(enumerate(value))))
                break
            if isinstance(value, float) and not math.isfinite(value):
                yield Problem("E101", _steps(here), f"{value} is not a number that JSON knows")
            elif isinstance(value, HugeNumber):
                yield Problem("E101", _steps(here), f"a number of {value.n_digits} digits cannot be read")
        else:
            stack.pop()


class NotJsonError(Exception):
    """A file that cannot be read as JSON. Never leaves the readers of graphs.

    message   what is wrong
    position  where, or None if it is the file as a whole
    hint      what to do, or ""
    """

    def __init__(self, message: str, position: Position | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        self.hint = hint


def read_json(path: Path) -> JsonText:
    """The document in a UTF-8 JSON file.

    raises  NotJsonError  if the file cannot be opened, is too large or is not JSON
    """
    try:
        raw = read_regular(path, MAX_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise NotJsonError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if raw.startswith(_MARKS):
        raise NotJsonError("starts with a byte order mark", Position(1, 1), "save it as UTF-8 without one")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        position = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise NotJsonError(f"byte {error.start} is not UTF-8", position, "save it as UTF-8") from None
    del raw
    return JsonText(text)


def _grammar_hint(text: str, offset: int) -> str:
    """The likely cause of a mistake that people make, or nothing."""
    before, after = text[max(0, offset - 200) : offset].rstrip(), text[offset : offset + 200]
    if not before and not after.strip():
        return "the file is empty"
    if not after.strip():
        return "the file ends too early; is it complete?"
    if re.match(r",\s*[]}]", after) or (before.endswith(",") and after[:1] in ("]", "}")):
        return "remove the comma before the closing bracket"
    if after.startswith(("//", "/*", "#")):
        return 'JSON has no comments; write "note": "..." instead'
    if after.startswith("'"):
        return 'put names between "double quotes"'
    return ""


_Chain: TypeAlias = "tuple[_Chain, str | int] | None"
"""Steps from the root to a value, the last one outermost."""


def _steps(chain: _Chain) -> Steps:
    steps: list[str | int] = []
    while chain is not None:
        chain, step = chain
        steps.append(step)
    return tuple(reversed(steps))
