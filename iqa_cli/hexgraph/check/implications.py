"""The implication graph of a label graph: which thresholds follow from which (2-SAT).

A literal is a threshold or its opposite: 2v is "label at or above a level", 2v + 1 "below it". A clause forbids two
literals together, so each implies the opposite of the other; a label's own order is a clause as well. Everything asked
here is exact at any treewidth, for the rules that thresholds can say.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.check.rectangles import Corner, PairRule, corner, corners_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_LADDER: tuple[int, ...] = ()
"""Owners of a clause that is a label's own order."""

_BITS_AT_ONCE = 4096
"""Exclusions that one sweep follows; a sweep keeps two numbers of so many bits for each literal of a component."""


class Budget:
    """Work that several searches share; a search that has none left ends without an answer.

    left  clauses that may still be looked at; a literal of a hub has a hundred thousand
    """

    def __init__(self, left: int) -> None:
        self.left = left


@dataclasses.dataclass(frozen=True)
class Chain:
    """A shortest way from one literal to another."""

    literals: tuple[int, ...]
    """From the first to the last."""
    clauses: tuple[int, ...]
    """The clause behind each step, one fewer."""


class Implications:
    """Literals, clauses, and what follows.

    n_levels  K of every label
    rules     between two labels each
    """

    def __init__(self, n_levels: Sequence[int], rules: Sequence[PairRule]) -> None:
        self.n_levels = n_levels
        self._start = [0]
        for k in n_levels:
            self._start.append(self._start[-1] + k - 1)
        self.n_literals = 2 * self._start[-1]
        self.label_of: list[int] = [i for i, k in enumerate(n_levels) for _ in range(k - 1)]
        self._xor: list[int] = []  # of the clause's two literals: with one of them it gives the other
        self._owners: list[tuple[int, ...]] = []
        self._clauses_of: list[list[int]] = [[] for _ in range(self.n_literals)]
        self.outside: set[tuple[int, int]] = set()
        """Pairs of labels with rules that thresholds cannot say; of these the clauses say a part only."""
        self.merged: set[int] = set()
        """Rules that thresholds can say only together with others of the same pair."""
        for i, k in enumerate(n_levels):
            for position in range(2, k):
                self._forbid(self.at_least(i, position), self.at_least(i, position - 1) ^ 1, _LADDER)
        self._add_rules(rules)

    def _add_rules(self, rules: Sequence[PairRule]) -> None:
        by_pair: dict[tuple[int, int], list[int]] = {}
        for r, rule in enumerate(rules):
            by_pair.setdefault(rule.pair, []).append(r)
        for (i, j), members in by_pair.items():
            k, m = self.n_levels[i], self.n_levels[j]
            single = [(r, corner(rectangle, k, m)) for r in members for rectangle in rules[r].rectangles]
            for r, found in single:
                if found is not None:
                    self._add_corner(i, j, found, (r,))
            if any(found is None for _, found in single):
                corners, complete = corners_within([x for r in members for x in rules[r].rectangles], k, m)
                alone = {found for _, found in single}
                for found in corners:
                    if found not in alone:
                        self._add_corner(i, j, found, tuple(members))
                self.merged.update(members)
                if not complete:
                    self.outside.add((i, j))

    def _add_corner(self, i: int, j: int, found: Corner, owners: tuple[int, ...]) -> None:
        literals = self.literals(i, j, found)
        if not literals:  # no level goes with any: say it as a threshold that neither holds nor fails
            self._forbid(self.at_least(i, 1), self.at_least(i, 1), owners)
            literals = [self.at_least(i, 1) ^ 1]
        self._forbid(literals[0], literals[-1], owners)

    def _forbid(self, p: int, q: int, owners: tuple[int, ...]) -> None:
        clause = len(self._xor)
        self._xor.append(p ^ q)
        self._owners.append(owners)
        self._clauses_of[p].append(clause)
        if p != q:
            self._clauses_of[q].append(clause)

    def at_least(self, label: int, position: int) -> int:
        """The literal "position or above", for positions from 1."""
        return 2 * (self._start[label] + position - 1)

    def literals(self, i: int, j: int, found: Corner) -> list[int]:
        """The literals of two labels that a rectangle of thresholds forbids together; of a side of all levels none."""
        return [self._literal(label, side) for label, side in zip((i, j), found, strict=True) if side is not None]

    def _literal(self, label: int, side: int) -> int:
        return self.at_least(label, side) if side > 0 else self.at_least(label, -side) ^ 1

    def position(self, literal: int) -> int:
        """The position of a literal's threshold."""
        v = literal >> 1
        return v - self._start[self.label_of[v]] + 1

    def owners(self, clause: int) -> tuple[int, ...]:
        """The rules behind a clause, by index; none for a label's own order."""
        return self._owners[clause]

    def follows(self, literal: int) -> list[tuple[int, int]]:
        """(literal that follows, clause) for each clause that the literal is in."""
        xor = self._xor
        return [(xor[c] ^ literal ^ 1, c) for c in self._clauses_of[literal]]

    def degree(self, literal: int) -> int:
        """How many clauses a literal is in."""
        return len(self._clauses_of[literal])

    def strong_components(self) -> list[int]:
        """Strongly connected component of every literal; what follows has lower numbers (Tarjan, 1972)."""
        n, xor, clauses_of = self.n_literals, self._xor, self._clauses_of
        order, low, component = [0] * n, [0] * n, [-1] * n
        clock = made = 0
        stack: list[int] = []
        for root in range(n):
            if order[root]:
                continue
            clock += 1
            order[root] = low[root] = clock
            stack.append(root)
            work = [(root, iter(clauses_of[root]))]
            while work:
                v, clauses = work[-1]
                for c in clauses:
                    w = xor[c] ^ v ^ 1
                    if not order[w]:
                        clock += 1
                        order[w] = low[w] = clock
                        stack.append(w)
                        work.append((w, iter(clauses_of[w])))
                        break
                    if component[w] < 0 and order[w] < low[v]:
                        low[v] = order[w]
                else:
                    work.pop()
                    if work:
                        up = work[-1][0]
                        low[up] = min(low[up], low[v])
                    if low[v] == order[v]:
                        while component[v] < 0:
                            component[stack.pop()] = made
                        made += 1
        return component

    def failed(self, component: Sequence[int], parts: Iterable[Sequence[int]]) -> bytearray:
        """Which literals imply their own opposite, so that no legal assignment has them.

        component  of every literal, see `strong_components`; no literal may be in one with its opposite
        parts      literals that hang together, each part to be looked at by itself
        returns    (literals,) 1 for those that fail
        """
        failed = bytearray(self.n_literals)
        for part in parts:
            self._fail(sorted(part, key=component.__getitem__), component, failed)
        return failed

    def _fail(self, literals: list[int], component: Sequence[int], failed: bytearray) -> None:
        """As `failed`, for literals of one part, what follows before what it follows from.

        A way from a literal to its opposite crosses from thresholds to opposites, or back, by a clause of two
        literals of the same kind; the literal leads to both of them, so to one of them and to its opposite. It is
        enough to look for these, one literal per clause, and to carry them along as bits.
        """
        crossing: dict[int, None] = {}
        for p in literals:
            for c in self._clauses_of[p]:
                q = self._xor[c] ^ p
                if (p ^ q) & 1 == 0 and p >> 1 not in crossing and q >> 1 not in crossing:
                    crossing[p >> 1] = None
        watched = list(crossing)
        for first in range(0, len(watched), _BITS_AT_ONCE):
            bit_of = {v: 1 << k for k, v in enumerate(watched[first : first + _BITS_AT_ONCE])}
            self._sweep(literals, component, bit_of, failed)

    def _sweep(self, literals: list[int], component: Sequence[int], bit_of: dict[int, int], failed: bytearray) -> None:
        above: dict[int, int] = {}  # by strong component: which watched thresholds it leads to
        below: dict[int, int] = {}  # and which of their opposites
        start = 0
        while start < len(literals):
            number = component[literals[start]]
            end = start
            up = down = bad = 0
            while end < len(literals) and component[literals[end]] == number:
                literal = literals[end]
                end += 1
                bit = bit_of.get(literal >> 1, 0)
                if literal & 1:
                    down |= bit
                else:
                    up |= bit
                for c in self._clauses_of[literal]:
                    w = self._xor[c] ^ literal ^ 1
                    other = component[w]
                    if other != number:
                        up |= above[other]
                        down |= below[other]
                        bad |= failed[w]
            above[number], below[number] = up, down
            if bad or up & down:
                for literal in literals[start:end]:
                    failed[literal] = 1
            start = end

    def chain(
        self,
        start: int,
        goal: int,
        allowed: Callable[[int], bool] | None = None,
        budget: Budget | None = None,
    ) -> Chain | None:
        """A way of the fewest rules from a literal to another; None if none was found.

        allowed  whether a clause may be used
        budget   ends the search; None for no end
        """
        cost = {start: 0}
        came: dict[int, tuple[int, int]] = {}
        queue = collections.deque([start])
        done: set[int] = set()
        while queue and (budget is None or budget.left > 0):
            v = queue.popleft()
            if v in done:
                continue
            done.add(v)
            if v != start and v == goal:
                return self._way(start, v, came)
            if budget is not None:
                budget.left -= self.degree(v)
            for w, c in self.follows(v):
                if allowed is not None and not allowed(c):
                    continue
                step = 1 if self._owners[c] else 0  # a label's own order is no rule
                if w not in cost or cost[v] + step < cost[w]:
                    cost[w] = cost[v] + step
                    came[w] = (v, c)
                    (queue.append if step else queue.appendleft)(w)
        return None

    def _way(self, start: int, end: int, came: dict[int, tuple[int, int]]) -> Chain:
        literals, clauses = [end], []
        while literals[-1] != start:
            v, c = came[literals[-1]]
            literals.append(v)
            clauses.append(c)
        return Chain(tuple(reversed(literals)), tuple(reversed(clauses)))
