"""The fields of an object in a document: each getter gives a value of the wanted type, or a complaint and None."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.problems import Problem, printable
from iqa_cli.hexgraph.strictjson import HugeNumber

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from iqa_cli.hexgraph.problems import Problems, Steps


class Fields:
    """An object of the document, its keys in lower case; every getter writes its complaint and gives None."""

    def __init__(self, values: Mapping[str, tuple[str, object]], steps: Steps, problems: Problems) -> None:
        self._values = values
        self._steps = steps
        self._problems = problems

    @classmethod
    def of(cls, value: object, steps: Steps, problems: Problems) -> Fields | None:
        """The fields of a JSON object, or None (with a complaint) if it is something else."""
        if not isinstance(value, dict):
            problems.add(Problem("E102", steps, f"expected an object, got {shown(value)}"))
            return None
        values: dict[str, tuple[str, object]] = {}
        for key, item in value.items():
            lower = str(key).lower()
            if lower in values:
                message = "key is given more than once, in different case"
                problems.add(Problem("E101", (*steps, key), message, hint="keep one of them", at_key=True))
            values[lower] = (key, item)
        return cls(values, steps, problems)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def steps(self, key: str) -> Steps:
        """Where the value of a key stands, with the key as the file spells it."""
        return (*self._steps, self._values[key][0] if key in self._values else key)

    def get(self, key: str, default: object = None) -> object:
        """The value as it is."""
        return self._values[key][1] if key in self._values else default

    def _wanted(self, key: str, kind: type, what: str) -> bool:
        if key not in self._values:
            self._problems.add(Problem("E102", self.steps(key), f"missing, expected {what}"))
        elif type(self._values[key][1]) is not kind:
            self._complain(self.steps(key), what, self._values[key][1])
        else:
            return True
        return False

    def _complain(self, steps: Steps, what: str, value: object) -> None:
        self._problems.add(Problem("E102", steps, f"expected {what}, got {shown(value)}"))

    def text(self, key: str) -> str | None:
        """A string."""
        return str(self.get(key)) if self._wanted(key, str, "a text") else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, those of it that are."""
        if not self._wanted(key, list, "a list of texts"):
            return ()
        texts = []
        for i, item in enumerate(_as_list(self.get(key))):
            if isinstance(item, str):
                texts.append(item)
            else:
                self._complain((*self.steps(key), i), "a text", item)
        return tuple(texts)

    def mapping(self, key: str) -> dict[str, object]:
        """An object, empty if it is something else."""
        value = self.get(key) if self._wanted(key, dict, "an object") else {}
        return value if isinstance(value, dict) else {}

    def items(self, key: str, *, optional: bool = False) -> Iterator[tuple[Steps, object]]:
        """A list's items with their places, empty if it is something else."""
        if optional and key not in self._values:
            return
        value = self.get(key) if self._wanted(key, list, "a list") else []
        steps = self.steps(key)
        for i, item in enumerate(_as_list(value)):
            yield (*steps, i), item

    def integers(self, key: str) -> tuple[int, ...] | None:
        """A list of whole numbers; `true` is not 1 and 2.0 is not 2."""
        if not self._wanted(key, list, "a list of levels"):
            return None
        return self._whole(self.steps(key), _as_list(self.get(key)))

    def pairs(self, key: str) -> tuple[tuple[int, int], ...] | None:
        """A list of pairs of whole numbers."""
        if not self._wanted(key, list, "a list of pairs of levels"):
            return None
        pairs = []
        items = _as_list(self.get(key))
        for i, item in enumerate(items):
            steps = (*self.steps(key), i)
            if type(item) is not list or len(item) != 2:
                self._complain(steps, "a pair of levels", item)
                continue
            whole = self._whole(steps, item)
            if whole is not None:
                pairs.append((whole[0], whole[1]))
        return tuple(pairs) if len(pairs) == len(items) else None

    def _whole(self, steps: Steps, items: list[object]) -> tuple[int, ...] | None:
        whole = []
        for i, item in enumerate(items):
            if type(item) is int:
                whole.append(item)
            else:
                self._complain((*steps, i), "a whole number", item)
        return tuple(whole) if len(whole) == len(items) else None


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def shown(value: object) -> str:
    """A value as JSON would show it, short; never looks inside lists and objects."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list" if len(value) != 1 else "a list of one"
    if isinstance(value, HugeNumber):
        return f"a number of {value.n_digits} digits"
    if isinstance(value, str):
        value = value[:100]
    if value is None or isinstance(value, str | int | float):
        text = printable(json.dumps(value, ensure_ascii=False))
    else:
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
