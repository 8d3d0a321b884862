"""What the rules say twice, or without saying it: rules implied by the others, labels tied together, consequences."""

from __future__ import annotations

import collections
import math
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.hexgraph.check.exact import Part
from iqa_cli.hexgraph.check.implications import Budget
from iqa_cli.hexgraph.check.places import labels_of
from iqa_cli.hexgraph.check.rectangles import corner
from iqa_cli.hexgraph.check.wording import listed
from iqa_cli.hexgraph.problems import Problem, place
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iqa_cli.hexgraph.check.implications import Implications
    from iqa_cli.hexgraph.check.logic import Logic
    from iqa_cli.hexgraph.check.places import Places

_SEARCH_CLAUSES = 30_000_000
"""Clauses looked at for rules that the others imply, or for what no rule states, in all; some ten seconds."""

_CHAIN_CLAUSES = 10_000_000
"""Clauses looked at to write down how rules follow from the others, in all; later ones come without a witness."""

_MAX_TREE_QUESTIONS = 200
"""Rules of a part without thresholds that are tried: each takes a junction tree."""

_MAX_CONSEQUENCES = 200
"""Consequences that are listed."""


class Redundancy:
    """Rules that follow from the others.

    logic  of the graph; its rules have no duplicates
    """

    def __init__(self, logic: Logic) -> None:
        self._logic = logic
        self._implications = logic.implications
        self._budget = Budget(_SEARCH_CLAUSES)
        self._for_chains = Budget(_CHAIN_CLAUSES)
        self._one_way = self._parts_of_one_way()

    def _parts_of_one_way(self) -> set[int]:
        """Parts in which no opposite implies a threshold: of these an assignment of all lowest levels is legal."""
        logic = self._logic
        one_way = set(range(len(logic.parts)))
        for literal in range(1, self._implications.n_literals, 2):
            if any(not w & 1 for w, _ in self._implications.follows(literal)):
                one_way.discard(logic.part_of[self._implications.label_of[literal >> 1]])
        return one_way

    def problems(self) -> Iterator[Problem]:
        """Every rule that can be left out, one at a time, and how many were not tried."""
        logic, open_rules = self._logic, 0
        for r, rule in enumerate(logic.rules):
            number = logic.part_of[rule.first]
            if number in logic.broken:
                continue
            if number in logic.outside or r in self._implications.merged:
                follows, witness = self._by_tree(r, number), ""
            else:
                follows, witness = self._by_thresholds(r)
            open_rules += follows is None
            if follows:
                yield Problem(
                    "I307",
                    rule.steps,
                    f"{place(rule.steps)} follows from the other rules",
                    labels_of([rule.rule]),
                    "keep it if it is worth saying; removing it changes nothing",
                    witness=witness,
                )
        if open_rules:
            message = f"whether {counted(open_rules, 'rule')} could be left out was not decided: it would take too long"
            yield Problem("I310", (), message)

    def _by_tree(self, r: int, number: int) -> bool | None:
        logic = self._logic
        if len(logic.rules_of[number]) > _MAX_TREE_QUESTIONS:
            return None
        others = [logic.rules[other] for other in logic.rules_of[number] if other != r]
        allows = Part(logic.parts[number], logic.n_levels, others).allows(logic.rules[r])
        return None if allows is None else not allows

    def _by_thresholds(self, r: int) -> tuple[bool | None, str]:
        """Whether each clause of a rule follows without the rule, and how the first one does."""
        logic = self._logic
        rule = logic.rules[r]
        first: tuple[int, int] | None = None
        for rectangle in rule.rectangles:
            found = corner(rectangle, logic.n_levels[rule.first], logic.n_levels[rule.second])
            literals = [] if found is None else self._implications.literals(rule.first, rule.second, found)
            if not literals:
                return False, ""
            p, q = literals[0], literals[-1]
            follows = self._clause_follows(p, q, r)
            if not follows:
                return follows, ""
            first = first or (p, q)
        return (False, "") if first is None else (True, self._chain(*first, r))

    def _clause_follows(self, p: int, q: int, r: int) -> bool | None:
        """Whether two literals exclude each other even without a rule; None if there was no time to tell."""
        logic = self._logic
        # Of satisfiable clauses two literals clash only if one leads to the other's opposite, or one fails.
        ways = [(p, q)] + [(x, x) for x in dict.fromkeys((p, q)) if logic.failed[x] and p != q]
        for start, end in ways:
            met = self._meet(start, end, r)
            if met is not False:
                return met
        return False

    def _meet(self, p: int, q: int, r: int) -> bool | None:
        """Whether p leads to the opposite of q without a rule, from both ends at once.

        A way to the opposite of q is a way from q, read backwards: the two searches meet at a literal and its opposite.
        """
        implications, one_way = self._implications, self._one_way
        keep_side = self._logic.part_of[implications.label_of[p >> 1]] in one_way
        sides = [({p}, collections.deque([p])), ({q}, collections.deque([q]))]
        if p == q ^ 1:
            return True
        # Two ways that stay on their side meet in the middle, so both have to be gone to their ends.
        is_over = all if keep_side and (p ^ q) & 1 == 0 else any
        looked_at = [0, 0]
        while not is_over(not queue for _, queue in sides):
            if self._budget.left <= 0:
                return None
            # The search that is cheaper so far goes on, and stops before a hub: often it ends without the other.
            ahead = [
                n + implications.degree(queue[0]) if queue else math.inf
                for n, (_, queue) in zip(looked_at, sides, strict=True)
            ]
            k = ahead.index(min(ahead))
            (seen, queue), (other, _) = sides[k], sides[1 - k]
            v = queue.popleft()
            looked_at[k] += implications.degree(v)
            self._budget.left -= implications.degree(v)
            for w, c in implications.follows(v):
                if w in seen or r in implications.owners(c):
                    continue
                if w ^ 1 in other:
                    return True
                seen.add(w)
                # In a part of one way nothing comes back from the other side, so nobody has to go on there.
                if not keep_side or (w ^ v) & 1 == 0:
                    queue.append(w)
        return False

    def _chain(self, p: int, q: int, r: int) -> str:
        implications = self._implications

        def spared(clause: int) -> bool:
            return r not in implications.owners(clause)

        for start, goal in ((p, q ^ 1), (p, p ^ 1), (q, q ^ 1)):
            chain = implications.chain(start, goal, spared, self._for_chains)
            if chain is not None:
                return self._logic.wording.chain(chain)
        return ""


def equivalences(logic: Logic, places: Places) -> Iterator[Problem]:
    """Thresholds of several labels that always hold together."""
    implications = logic.implications
    groups: dict[int, list[int]] = collections.defaultdict(list)
    for literal in range(0, implications.n_literals, 2):
        number = logic.part_of[implications.label_of[literal >> 1]]
        if number not in logic.broken and not logic.failed[literal] and not logic.failed[literal ^ 1]:
            groups[logic.strong[literal]].append(literal)
    tied = [group for group in groups.values() if len({implications.label_of[x >> 1] for x in group}) > 1]
    searched = logic.outside - logic.broken - logic.undecided
    tied = [group for group in tied if logic.part_of[implications.label_of[group[0] >> 1]] not in searched]
    for number in sorted(searched):
        tied += _equal_columns(logic, number)
    for group in sorted(tied):
        first = group[0]
        other = next(x for x in group if implications.label_of[x >> 1] != implications.label_of[first >> 1])
        there, back = logic.chain(first, other), logic.chain(other, first)
        witness = ""
        if there is not None and back is not None:
            witness = f"{logic.wording.chain(there)}; {logic.wording.chain(back)}"
        names = tuple(dict.fromkeys(logic.graph.labels[implications.label_of[x >> 1]].name for x in group))
        together = listed(map(logic.wording.literal, group), 8)
        yield Problem(
            "I306",
            places.nodes[names[0]],
            f"{together} always hold together",
            names,
            "one label may do" if len(names) > 1 else "",
            witness=witness,
        )


def _equal_columns(logic: Logic, number: int) -> list[list[int]]:
    """Equivalent thresholds of a part, by comparing all its legal assignments; none if they are too many."""
    labels = logic.parts[number]
    states = Part(labels, logic.n_levels, [logic.rules[r] for r in logic.rules_of[number]]).assignments()
    if states is None:
        return []
    columns: dict[bytes, list[int]] = collections.defaultdict(list)
    for column, v in enumerate(labels):
        for position in range(1, logic.n_levels[v]):
            holds = states[:, column] >= position
            if holds.any() and not holds.all():
                columns[np.packbits(holds).tobytes()].append(logic.implications.at_least(v, position))
    of = logic.implications.label_of
    return [group for group in columns.values() if len({of[x >> 1] for x in group}) > 1]


def consequences(logic: Logic, places: Places) -> Iterator[Problem]:
    """Strong facts between labels that no rule names together: the densified graph of Deng et al. (ECCV 2014)."""
    stated = {rule.pair for rule in logic.rules}
    implications, found, budget = logic.implications, 0, Budget(_SEARCH_CLAUSES)
    for v, label in enumerate(logic.graph.labels):
        if logic.part_of[v] in logic.broken:
            continue
        told: set[tuple[int, int]] = set()
        for position in range(1, logic.n_levels[v]):
            start = implications.at_least(v, position)
            if logic.failed[start]:
                break
            reached = _closure(implications, start, budget)
            if budget.left <= 0 or found >= _MAX_CONSEQUENCES:
                yield Problem("I310", (), f"not all consequences are listed: the search ended after {found}")
                return
            for literal in _strongest(logic, reached, v):
                other = implications.label_of[literal >> 1]
                pair = (min(v, other), max(v, other))
                # An exclusion is found from both of its labels, and told once.
                if pair in stated or (literal & 1 and other < v) or (literal & 1, literal) in told:
                    continue
                told.add((literal & 1, literal))
                found += 1
                name = logic.graph.labels[other].name
                verb = "excludes" if literal & 1 else "implies"
                fact = logic.wording.literal(literal & ~1)
                chain = logic.chain(start, literal)
                yield Problem(
                    "I308",
                    places.nodes[label.name],
                    f"{logic.wording.literal(start)} {verb} {fact}, which no rule between the two labels says",
                    (label.name, name),
                    witness="" if chain is None else logic.wording.chain(chain),
                )


def _closure(implications: Implications, start: int, budget: Budget) -> set[int]:
    seen, queue = {start}, [start]
    while queue and budget.left > 0:
        v = queue.pop()
        budget.left -= implications.degree(v)
        for w, _ in implications.follows(v):
            if w not in seen:
                seen.add(w)
                queue.append(w)
    return seen


def _strongest(logic: Logic, literals: set[int], v: int) -> list[int]:
    """Of each other label the highest "at least" and the lowest "below" that can fail at all."""
    implications = logic.implications
    best: dict[tuple[int, int], int] = {}
    for literal in literals:
        label = implications.label_of[literal >> 1]
        if label == v or logic.failed[literal ^ 1]:
            continue
        key = (label, literal & 1)
        if key not in best or (literal < best[key]) == bool(literal & 1):
            best[key] = literal
    return sorted(best.values())
