"""Which photo of B shows the scene of which photo of A."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
import re
from typing import TYPE_CHECKING, Literal, Protocol

from iqa_cli.errors import UsageError
from iqa_cli.photos.spelling import one_spelling

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Hashable, Sequence

    from iqa_cli.comparison.shots import Shot, Side

Why = Literal["none", "several", "unplaced"]
"""Why a photo has no partner: there is none, there are several, or the rule cannot place the photo at all."""


@dataclasses.dataclass(frozen=True)
class Pairs:
    """What became of every photo of both sides."""

    pairs: tuple[tuple[Shot, Shot], ...]
    """Of A and of B, in the order of A's paths."""
    alone_a: tuple[tuple[Shot, Why], ...]
    """Photos of A without a partner, in order."""
    alone_b: tuple[tuple[Shot, Why], ...]
    """The same of B."""


class Pairing(Protocol):
    """A rule by which photos belong together."""

    text: str
    """As a user writes it."""

    def pairs(self, a: Side, b: Side) -> Pairs:
        """Find them; one photo is in one pair at most."""


class ByPath:
    """Photos with the same path below the folders that are compared.

    Of a report that folder is what all its paths begin with. Where one report lacks a folder that the other has, this
    may be too deep, so the paths of either are also tried with one or more of its last folders.
    """

    text = "path"

    def pairs(self, a: Side, b: Side) -> Pairs:
        """See `Pairing`."""
        roots_a, roots_b = _roots(a), _roots(b)
        tries = [(roots_a[0], root) for root in roots_b] + [(root, roots_b[0]) for root in roots_a[1:]]

        def common(roots: tuple[str, str]) -> int:
            of_a, of_b = ({_below(shot.source_file, root) for shot in side.shots} for side, root in zip((a, b), roots))  # noqa: B905 - two and two
            return len(of_a & of_b)

        best = max(tries, key=common) if len(tries) > 1 else tries[0]  # the first of equals
        return _by_key(
            a, b, lambda shot: _below(shot.source_file, best[0]), lambda shot: _below(shot.source_file, best[1])
        )


class ByPattern:
    """Photos of which a regular expression finds the same in the path.

    pattern  searched in the path, `/` between folders: its named groups count together; without such group 1, and
             without any the whole match

    A photo that it does not match is in no pair.
    """

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self.text = f"regex:{pattern.pattern}"
        self._pattern = pattern

    def pairs(self, a: Side, b: Side) -> Pairs:
        """See `Pairing`."""
        return _by_key(a, b, self._key, self._key)

    def _key(self, shot: Shot) -> Hashable | None:
        found = self._pattern.search(one_spelling(shot.source_file))
        if found is None:
            return None
        named = found.groupdict()
        if named:
            return tuple(sorted(named.items(), key=lambda group: group[0]))
        return found[1 if self._pattern.groups else 0]


class ByTime:
    """Photos taken at most so many seconds apart, by the cameras' clocks.

    seconds  0 or more

    A pair is one photo of each side that have no other within that time. A photo without a time is in no pair.
    """

    def __init__(self, seconds: float) -> None:
        self.text = f"time:{seconds:g}"
        self._seconds = seconds

    def pairs(self, a: Side, b: Side) -> Pairs:
        """See `Pairing`."""
        of_a, of_b = _timed(a), _timed(b)
        partners_a, partners_b = self._partners(of_a, of_b), self._partners(of_b, of_a)
        found = {
            id(shot): of_b[near.start][1]
            for (_, shot), near in zip(of_a, partners_a, strict=True)
            if len(near) == 1 and len(partners_b[near.start]) == 1
        }
        taken = {id(shot) for shot in found.values()}
        counts = [
            {id(shot): len(near) for (_, shot), near in zip(timed, partners, strict=True)}
            for timed, partners in ((of_a, partners_a), (of_b, partners_b))
        ]

        def why(shot: Shot, near: dict[int, int]) -> Why:
            return "unplaced" if id(shot) not in near else "none" if near[id(shot)] == 0 else "several"

        return _sorted(
            [(shot, found[id(shot)]) for shot in a.shots if id(shot) in found],
            [(shot, why(shot, counts[0])) for shot in a.shots if id(shot) not in found],
            [(shot, why(shot, counts[1])) for shot in b.shots if id(shot) not in taken],
        )

    def _partners(self, shots: Sequence[tuple[float, Shot]], others: Sequence[tuple[float, Shot]]) -> list[range]:
        """For each the places of the others that are near enough."""
        times = [seconds for seconds, _ in others]
        return [
            range(bisect.bisect_left(times, at - self._seconds), bisect.bisect_right(times, at + self._seconds))
            for at, _ in shots
        ]


def pairing_of(text: str) -> Pairing:
    """The rule that a text names: `path`, `regex:PATTERN` or `time:SECONDS`.

    raises  UsageError  if it names none
    """
    kind, _, value = text.partition(":")
    if text == ByPath.text:
        return ByPath()
    if kind == "regex" and value:
        try:
            return ByPattern(re.compile(value))
        except re.error as error:
            raise UsageError(f"--pair {text}: no regular expression ({error})") from None
    if kind == "time" and value:
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise UsageError(f"--pair {text}: expected a number of seconds, 0 or more", hint="--pair time:2")
        return ByTime(seconds)
    raise UsageError(
        f"--pair {text}: expected path, regex:PATTERN or time:SECONDS",
        hint=r"--pair 'regex:(?P<scene>scene\d+)' pairs photos whose paths have the same scene number",
    )


def _by_key(
    a: Side, b: Side, key_a: Callable[[Shot], Hashable | None], key_b: Callable[[Shot], Hashable | None]
) -> Pairs:
    """Pairs of photos whose keys are equal and that are alone with it on their side; no pair without a key."""
    keyed = []
    for side, key in ((a, key_a), (b, key_b)):
        found: dict[Hashable | None, list[Shot]] = {}
        for shot in side.shots:
            found.setdefault(key(shot), []).append(shot)
        keyed.append(found)
    of_a, of_b = keyed
    pairs = [
        (shots[0], of_b[key][0])
        for key, shots in of_a.items()
        if key is not None and len(shots) == 1 and len(of_b.get(key, ())) == 1
    ]
    paired = {id(shot) for pair in pairs for shot in pair}

    def alone(
        mine: dict[Hashable | None, list[Shot]], others: dict[Hashable | None, list[Shot]]
    ) -> list[tuple[Shot, Why]]:
        return [
            (shot, "unplaced" if key is None else "several" if key in others else "none")
            for key, shots in mine.items()
            for shot in shots
            if id(shot) not in paired
        ]

    return _sorted(pairs, alone(of_a, of_b), alone(of_b, of_a))


def _sorted(pairs: list[tuple[Shot, Shot]], alone_a: list[tuple[Shot, Why]], alone_b: list[tuple[Shot, Why]]) -> Pairs:
    pairs.sort(key=lambda pair: (pair[0].source_file, pair[1].source_file))
    for alone in (alone_a, alone_b):
        alone.sort(key=lambda entry: entry[0].source_file)
    return Pairs(tuple(pairs), tuple(alone_a), tuple(alone_b))


def _roots(side: Side) -> list[str]:
    """Folders that all paths of a side begin with, each with a slash at its end or empty; the deepest first."""
    if side.root is not None:
        return [side.root]
    folders = {tuple(shot.source_file.split("/")[:-1]) for shot in side.shots} or {()}
    # What the first and the last in order share, all between them share too.
    pairs = zip(min(folders), max(folders), strict=False)
    shared = [one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)]
    return ["".join(f"{part}/" for part in shared[:length]) for length in range(len(shared), -1, -1)]


def _below(path: str, root: str) -> str:
    return one_spelling(path.removeprefix(root))


def _timed(side: Side) -> list[tuple[float, Shot]]:
    """Those with a time, by it, in seconds since some moment."""
    shots = [(_seconds(shot.capture.taken_at), shot) for shot in side.shots if shot.capture.taken_at is not None]
    return sorted(shots, key=lambda entry: entry[0])


def _seconds(taken_at: dt.datetime) -> float:
    """Whole days and seconds, without a zone: `timestamp` would ask for the one of this machine."""
    return taken_at.toordinal() * 86_400 + taken_at.hour * 3_600 + taken_at.minute * 60 + taken_at.second
