"""What is wrong in a graph file, and where: the record that the reader, `HexGraph` and the checks share."""

from __future__ import annotations

import collections
import dataclasses
import difflib
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

Steps = tuple[str | int, ...]
"""The way from the root of a document to a value: keys and positions in lists."""

MAX_KEPT = 1000
"""Problems of one kind that are kept; the rest is counted. Nobody reads more, and a hostile file has millions."""

MAX_COUNTED = 500_000
"""Problems after which a file is not read any further: a graph has fewer rules than that."""

_MAX_COMPARISONS = 100_000
"""Names that are compared for "did you mean", for a whole file: a second or so."""

_MAX_NAME = 100
"""Characters of a name that is compared: the time goes with their square."""


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a graph as it is written."""

    code: str
    """Kind of mistake, a key of `iqa_cli.hexgraph.check.codes.CODES`."""
    steps: Steps
    """Where it is."""
    message: str
    """What is wrong."""
    labels: tuple[str, ...] = ()
    """The labels it is about."""
    hint: str = ""
    """How to mend it, if that is not obvious."""
    at_key: bool = False
    """Whether it is the key that is wrong, not its value."""
    levels: tuple[int, ...] = ()
    """The levels of the first label that it is about, if it is about some."""
    witness: str = ""
    """The chain of implications that proves it; "" where the place proves it."""
    rules: tuple[Steps, ...] = ()
    """Where the rules stand that the proof rests on."""

    @property
    def place(self) -> str:
        """Where it is, in words: `exclusions[0].label_a`."""
        return place(self.steps)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}{suggested(self.hint)}"


class EnoughError(Exception):
    """So many problems were found that nobody needs the rest. Never leaves the reader of graphs."""


class Problems:
    """Collects problems in the order they are found; of each kind so many, the rest counted.

    most  problems after which `add` raises EnoughError, or None for any number
    """

    def __init__(self, problems: Iterable[Problem] = (), most: int | None = None) -> None:
        self._left = most
        self._kept: list[Problem] = []
        self.counts: collections.Counter[str] = collections.Counter()
        self.extend(problems)

    def add(self, problem: Problem) -> None:
        """Keep or count one."""
        self.counts[problem.code] += 1
        if self.counts[problem.code] <= MAX_KEPT:
            self._kept.append(problem)
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                raise EnoughError

    def extend(self, problems: Iterable[Problem]) -> None:
        """Keep or count several."""
        for problem in problems:
            self.add(problem)

    @property
    def omitted(self) -> dict[str, int]:
        """By code, how many were counted and not kept."""
        return {code: n - MAX_KEPT for code, n in self.counts.items() if n > MAX_KEPT}

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._kept)

    def __len__(self) -> int:
        """How many were found, kept or not."""
        return self.counts.total()


class Suggester:
    """Knows which name somebody may have meant; compares so many names and then stops looking."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = list(dict.fromkeys(known))
        self._folded: dict[str, str] | None = None
        self._left = _MAX_COMPARISONS

    def near(self, word: str) -> str | None:
        """The known name that looks most like a word, or None."""
        if self._folded is None:
            self._folded = {folded(name[: 4 * _MAX_NAME]): name for name in reversed(self._known)}
        same = self._folded.get(folded(word[: 4 * _MAX_NAME]))
        if same is not None:
            return same
        if len(word) > _MAX_NAME or self._left < len(self._known):
            return None
        self._left -= len(self._known)
        near = difflib.get_close_matches(word, [name for name in self._known if len(name) <= _MAX_NAME], n=1)
        return near[0] if near else None

    def hint(self, word: str) -> str:
        """'did you mean "x"?', or nothing."""
        near = self.near(word)
        return "" if near is None else f"did you mean {quote(near)}?"


def suggested(hint: str) -> str:
    """A question of the form 'did you mean "x"?' as it follows a message in brackets; other hints do not."""
    return f" ({hint})" if hint.startswith("did you mean") else ""


def place(steps: Steps) -> str:
    """Steps in words: `exclusions[0].label_a`; "document" for the root."""
    spelled = ""
    for step in steps:
        if isinstance(step, int):
            spelled = f"{spelled}[{step}]"
        else:
            spelled = f"{spelled}.{printable(step)}" if spelled else printable(step)
    return spelled or "document"


def pointer(steps: Steps) -> str:
    """Steps as a JSON pointer (RFC 6901): `/exclusions/0/label_a`; "" for the root."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def printable(text: str) -> str:
    """The text with everything escaped that a terminal or UTF-8 cannot show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def quote(text: str) -> str:
    """A name as it stands in messages, cut if it is endless."""
    return f'"{printable(text)}"' if len(text) <= 200 else f'"{printable(text[:200])}..."'


def listing(levels: Collection[int]) -> str:
    """Levels as a list, cut if it is endless."""
    shown = [str(level) if abs(level) < 10**12 else "..." for level in list(levels)[:20]]
    return f"[{', '.join(shown)}{', ...' if len(levels) > 20 else ''}]"


def folded(name: str) -> str:
    """What is left of a name when case, width, spaces beside spaces and characters without a shape do not count."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(c for c in plain if unicodedata.category(c) != "Cf").split())
