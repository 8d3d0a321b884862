"""What all rules of a graph mean together: which levels can occur at all, and which rules contradict each other.

Exact at any treewidth where thresholds can say the rules (`implications`); elsewhere by the junction tree (`exact`);
where that is too large the answer is open, and `undecided` says so.
"""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.check.conflict import minimal_conflict
from iqa_cli.hexgraph.check.exact import Part
from iqa_cli.hexgraph.check.implications import Implications
from iqa_cli.hexgraph.check.places import labels_of
from iqa_cli.hexgraph.check.rectangles import bits, corner
from iqa_cli.hexgraph.check.wording import Wording, listed
from iqa_cli.hexgraph.problems import Problem, counted, place, quote

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iqa_cli.hexgraph.check.implications import Chain
    from iqa_cli.hexgraph.check.places import Places
    from iqa_cli.hexgraph.check.rectangles import PairRule
    from iqa_cli.hexgraph.graph import Exclusion, HexGraph, Subsumption

_WITNESS_STEPS = 10_000_000
"""Literals looked at for witnesses, in all: some ten seconds. Later findings come without one."""

_MAX_GUILTY = 400
"""Rules of a contradiction that are tried one by one; of more, all are named."""


class Logic:
    """The answers about one graph.

    graph       well formed
    rules       between two labels; rules that others cover may be left out, for they change nothing
    max_states  legal states of the junction tree where one is needed

    implications  the graph as clauses
    part_of       (labels,) number of the part that rules connect a label with
    parts         labels of every part
    alive         (labels,) mask of the positions that can occur; of an undecided part, that may
    broken        parts whose rules contradict each other
    undecided     parts whose labels may have more dead levels than are known, or no legal assignment at all
    """

    def __init__(self, graph: HexGraph, rules: Sequence[PairRule], max_states: int) -> None:
        self.graph = graph
        self.rules = rules
        self.n_levels = graph.n_levels
        self.implications = Implications(graph.n_levels, rules)
        self.part_of = _parts(len(graph.labels), rules)
        self.parts: list[list[int]] = [[] for _ in range(max(self.part_of) + 1)]
        for v, part in enumerate(self.part_of):
            self.parts[part].append(v)
        self.rules_of: dict[int, list[int]] = collections.defaultdict(list)
        for r, rule in enumerate(rules):
            self.rules_of[self.part_of[rule.first]].append(r)
        self.strong = self.implications.strong_components()
        self.broken: set[int] = {
            self.part_of[v]
            for v, k in enumerate(self.n_levels)
            if any(self._same(self._literal(v, p), self._literal(v, p) ^ 1) for p in range(1, k))
        }
        self.outside: set[int] = {self.part_of[i] for i, _ in self.implications.outside}
        self.failed = self.implications.failed(
            self.strong, [self._literals(labels) for p, labels in enumerate(self.parts) if p not in self.broken]
        )
        self.alive = [0 if self.part_of[v] in self.broken else self._alive(v) for v in range(len(self.n_levels))]
        self.undecided: set[int] = set()
        self._ask_the_tree(max_states)
        self._steps_left = _WITNESS_STEPS
        self.wording = Wording(graph, self.implications)

    def _literal(self, label: int, position: int) -> int:
        return self.implications.at_least(label, position)

    def _literals(self, labels: Sequence[int]) -> list[int]:
        return [
            literal + side
            for v in labels
            for literal in range(self._literal(v, 1), self._literal(v, self.n_levels[v]), 2)
            for side in (0, 1)
        ]

    def _same(self, p: int, q: int) -> bool:
        return self.strong[p] == self.strong[q]

    def _alive(self, v: int) -> int:
        """The positions that thresholds allow. Two literals clash only if one fails or implies the other's opposite."""
        mask = (1 << self.n_levels[v]) - 1
        for position in range(1, self.n_levels[v]):
            literal = self._literal(v, position)
            if self.failed[literal]:
                mask &= (1 << position) - 1
            if self.failed[literal ^ 1]:
                mask &= ~((1 << position) - 1)
            if position + 1 < self.n_levels[v] and self._same(literal, literal + 2):
                mask &= ~(1 << position)
        return mask

    def _ask_the_tree(self, max_states: int) -> None:
        for number in sorted(self.outside - self.broken):
            rules = [self.rules[r] for r in self.rules_of[number]]
            alive = Part(self.parts[number], self.n_levels, rules).alive(max_states)
            if alive is None:
                self.undecided.add(number)
                continue
            for v, mask in alive.items():
                self.alive[v] = mask
            if not all(alive.values()):
                self.broken.add(number)

    @property
    def dead(self) -> frozenset[tuple[str, int]]:
        """(label, level) that no legal assignment contains."""
        return frozenset(
            (label.name, level)
            for label, mask in zip(self.graph.labels, self.alive, strict=True)
            for k, level in enumerate(label.levels)
            if not mask >> k & 1
        )

    def chain(self, start: int, goal: int) -> Chain | None:
        """The shortest way from a literal to another, as long as there is time for witnesses."""
        seen = 0

        def is_goal(literal: int) -> bool:
            nonlocal seen
            seen += 1
            return literal == goal

        found = self.implications.chain(start, is_goal, limit=self._steps_left) if self._steps_left > 0 else None
        self._steps_left -= seen
        return found

    def problems(self, places: Places) -> Iterator[Problem]:
        """Contradictions, dead and forced levels, and what stayed open."""
        for number in sorted(self.broken):
            yield self._contradiction(number)
        direct, covered = _direct_contradictions(self.graph, places)
        yield from direct
        for v, label in enumerate(self.graph.labels):
            if self.part_of[v] in self.broken:
                continue
            where = (*places.nodes[label.name], "levels")
            yield from self._dead_levels(v, where, covered.get(label.name, set()))
            yield from self._forced(v, where)
        yield from self._clean_state()
        for number in sorted(self.undecided):
            yield self._open_question(number)

    def _contradiction(self, number: int) -> Problem:
        suspects = self._suspects(number)
        if len(suspects) <= _MAX_GUILTY:
            guilty = minimal_conflict(suspects, lambda some: self._contradict([self.rules[r] for r in some]))
        else:
            guilty = suspects
        rules = sorted((self.rules[r] for r in guilty), key=lambda rule: rule.steps)
        names = [place(rule.steps) for rule in rules]
        if len(rules) == 1:
            message = f"{names[0]} forbids every combination of its two labels"
            hint = "take levels out of it, or remove it"
        else:
            fewest = "" if len(suspects) <= _MAX_GUILTY else " (perhaps fewer suffice)"
            message = f"{listed(names, 8)} contradict each other: no levels satisfy all {len(rules)} of them{fewest}"
            hint = "loosen or remove one of them; without any one of them the rest can be satisfied"
        return Problem(
            "E301",
            rules[0].steps,
            message,
            labels_of([rule.rule for rule in rules]),
            hint,
            witness=self._proof_of_contradiction(rules) or f"{listed(names, 50)} cannot all hold",
            rules=tuple(rule.steps for rule in rules),
        )

    def _suspects(self, number: int) -> list[int]:
        """Rules of a part that contradict each other; few, if thresholds prove it."""
        best: list[int] | None = None
        tried = 0
        for v in self.parts[number]:
            for position in range(1, self.n_levels[v]):
                literal = self._literal(v, position)
                if not self._same(literal, literal ^ 1) or tried >= 20:
                    continue
                tried += 1
                owners = self._round_trip(literal)
                if owners is not None and (best is None or len(owners) < len(best)):
                    best = owners
        return self.rules_of[number] if best is None else best

    def _round_trip(self, literal: int) -> list[int] | None:
        there, back = self.chain(literal, literal ^ 1), self.chain(literal ^ 1, literal)
        if there is None or back is None:
            return None
        return sorted({r for c in (*there.clauses, *back.clauses) for r in self.implications.owners(c)})

    def _contradict(self, rules: list[PairRule]) -> bool:
        """Whether some of the rules have no legal assignment."""
        small = _Small(rules, self.n_levels)
        if small.conflict() is not None:
            return True
        if not small.implications.outside:
            return False
        alive = Part(small.labels, self.n_levels, rules).alive()
        return alive is not None and not all(alive.values())

    def _proof_of_contradiction(self, rules: list[PairRule]) -> str:
        small = _Small(rules, self.n_levels)
        literal = small.conflict()
        if literal is None:
            return ""
        wording = Wording(_named(self.graph, small.labels), small.implications)
        there = small.implications.chain(literal, lambda w: w == literal ^ 1)
        back = small.implications.chain(literal ^ 1, lambda w: w == literal)
        if there is None or back is None:
            return ""
        return f"{wording.contradiction(there)}; and {wording.contradiction(back)}"

    def _dead_levels(self, v: int, where: tuple[str | int, ...], covered: set[int]) -> Iterator[Problem]:
        label = self.graph.labels[v]
        dead = [k for k in range(self.n_levels[v]) if not self.alive[v] >> k & 1 and label.levels[k] not in covered]
        if not dead:
            return
        levels = tuple(label.levels[k] for k in dead)
        which = f"level {levels[0]}" if len(levels) == 1 else f"levels {listed(map(str, levels), 20)}"
        witness, rules = self._proof_of_death(v, dead)
        yield Problem(
            "E302",
            (*where, dead[0]),
            f"{which} of {quote(label.name)} can never occur",
            (label.name,),
            "loosen one of the rules of the chain" if rules else "loosen a rule of this label",
            levels=levels,
            witness=witness,
            rules=rules,
        )

    def _proof_of_death(self, v: int, dead: Sequence[int]) -> tuple[str, tuple[tuple[str | int, ...], ...]]:
        """Why the first dead level of a label is dead, and the rules behind it."""
        k = dead[0]
        last = self.n_levels[v] - 1
        pairs = []  # the level is "at least" this position and below the next; one of them fails, or they clash
        if k > 0:
            pairs.append((self._literal(v, k), self._literal(v, k) ^ 1))
        if k < last:
            pairs.append((self._literal(v, k + 1) ^ 1, self._literal(v, k + 1)))
        if 0 < k < last:
            pairs.append((self._literal(v, k), self._literal(v, k + 1)))
        for start, goal in pairs:
            if not (self.failed[start] if goal == start ^ 1 else self._same(start, goal)):
                continue
            chain = self.chain(start, goal)
            if chain is not None:
                text = self.wording.contradiction(chain) if goal == start ^ 1 else self.wording.chain(chain)
                owners = dict.fromkeys(r for c in chain.clauses for r in self.implications.owners(c))
                return text, tuple(self.rules[r].steps for r in owners)
        return self._guilty_of_death(v, k)

    def _guilty_of_death(self, v: int, k: int) -> tuple[str, tuple[tuple[str | int, ...], ...]]:
        """For rules that thresholds cannot say: a smallest set of them that kills a level."""
        number = self.part_of[v]
        if number not in self.outside or len(self.rules_of[number]) > _MAX_GUILTY:
            return "", ()

        def kills(some: list[int]) -> bool:
            rules = [self.rules[r] for r in some]
            labels = {v, *(i for rule in rules for i in rule.pair)}
            alive = Part(sorted(labels), self.n_levels, rules).alive()
            return alive is not None and not alive[v] >> k & 1

        rules = sorted(self.rules[r].steps for r in minimal_conflict(self.rules_of[number], kills))
        label = self.graph.labels[v]
        return f"{listed(map(place, rules), 50)} leave no level to others at {quote(label.name)} = {label.levels[k]}", (
            tuple(rules)
        )

    def _forced(self, v: int, where: tuple[str | int, ...]) -> Iterator[Problem]:
        label, left = self.graph.labels[v], bits(self.alive[v])
        if self.part_of[v] in self.undecided and len(left) > 1 and left[0] == 0:
            return
        if len(left) == 1:
            what = f"is {label.levels[left[0]]} in every photo"
        elif left[0] > 0:
            what = f"is {label.levels[left[0]]} or more in every photo"
        else:
            return
        literal = self._literal(v, left[0]) ^ 1 if left[0] > 0 else self._literal(v, 1)
        chain = self.chain(literal, literal ^ 1) if self.failed[literal] else None
        yield Problem(
            "W304",
            (*where, left[0]),
            f"{quote(label.name)} {what}: it tells nothing",
            (label.name,),
            "loosen the rules of this label, or leave the label out",
            levels=tuple(label.levels[k] for k in left),
            witness="" if chain is None else self.wording.contradiction(chain),
        )

    def _clean_state(self) -> Iterator[Problem]:
        against = [rule for rule in self.rules if rule.rows.get(0, 0) & 1]
        if against:
            names = listed((place(rule.steps) for rule in against), 4)
            yield Problem(
                "W305",
                against[0].steps,
                f"a photo with every label at its lowest level is not allowed: {names}",
                labels_of([against[0].rule]),
                "a good photo has no problem at all; leave the lowest level out of the rule",
                rules=tuple(rule.steps for rule in against),
            )

    def _is_exact(self, rule: PairRule) -> bool:
        """Whether a rule names levels that are no threshold."""
        sides = self.n_levels[rule.first], self.n_levels[rule.second]
        return any(corner(rectangle, *sides) is None for rectangle in rule.rectangles)

    def _open_question(self, number: int) -> Problem:
        names = [self.graph.labels[v].name for v in self.parts[number]]
        outside = next(
            r
            for r in self.rules_of[number]
            if self.rules[r].pair in self.implications.outside and self._is_exact(self.rules[r])
        )
        return Problem(
            "W309",
            self.rules[outside].steps,
            f"whether every level of {counted(len(names), 'label')} can occur was not decided:"
            f" {place(self.rules[outside].steps)} names levels that are no threshold, and the labels hang together"
            " too closely to try all",
            tuple(names[:50]),
            "write such rules with all worse levels, or allow more states (--max-states)",
        )


class _Small:
    """A few rules as clauses of their own."""

    def __init__(self, rules: Sequence[PairRule], n_levels: Sequence[int]) -> None:
        self.labels = sorted({v for rule in rules for v in rule.pair})
        place_of = {v: i for i, v in enumerate(self.labels)}
        moved = [dataclasses.replace(rule, first=place_of[rule.first], second=place_of[rule.second]) for rule in rules]
        self.implications = Implications([n_levels[v] for v in self.labels], moved)

    def conflict(self) -> int | None:
        """A literal that implies its opposite and follows from it."""
        strong = self.implications.strong_components()
        return next((v for v in range(0, len(strong), 2) if strong[v] == strong[v + 1]), None)


def _named(graph: HexGraph, labels: Sequence[int]) -> HexGraph:
    return dataclasses.replace(graph, labels=tuple(graph.labels[v] for v in labels), exclusions=(), subsumptions=())


def _parts(n_labels: int, rules: Sequence[PairRule]) -> list[int]:
    """Number of the part of every label, 0, 1, ... in the order of their first labels."""
    root = list(range(n_labels))

    def find(v: int) -> int:
        while root[v] != v:
            root[v] = root[root[v]]
            v = root[v]
        return v

    for rule in rules:
        a, b = find(rule.first), find(rule.second)
        root[max(a, b)] = min(a, b)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(find(v), len(numbers)) for v in range(n_labels)]


def _direct_contradictions(graph: HexGraph, places: Places) -> tuple[list[Problem], dict[str, set[int]]]:
    """A level that implies one of another label and excludes it as well: levels that are dead for the nearest reason.

    returns  the findings, and by label the levels that they explain
    """
    found: list[Problem] = []
    covered: dict[str, set[int]] = collections.defaultdict(set)
    by_pair: dict[frozenset[str], list[tuple[int, Exclusion]]] = collections.defaultdict(list)
    for i, excl in enumerate(graph.exclusions):
        by_pair[frozenset((excl.label_a, excl.label_b))].append((i, excl))
    for s, sub in enumerate(graph.subsumptions):
        for i, excl in by_pair.get(frozenset((sub.label_a, sub.label_b)), ()):
            dead, (x, y) = _implied_and_excluded(graph, sub, excl)
            if not dead or dead <= covered[sub.label_a]:
                continue
            covered[sub.label_a] |= dead
            a, b = quote(sub.label_a), quote(sub.label_b)
            levels = tuple(sorted(dead))
            which = f"level {levels[0]}" if len(levels) == 1 else f"levels {listed(map(str, levels), 20)}"
            message = (
                f"{which} of {a} can never occur: {place(places.subsumptions[s])} wants {b} at {y} or more with it,"
                f" {place(places.exclusions[i])} excludes that"
            )
            problem = Problem(
                "E303",
                places.exclusions[i],
                message,
                (sub.label_a, sub.label_b),
                "remove one of the two rules, or take the level out of one",
                levels=levels,
                witness=f"{a} >= {x} -> {b} >= {y} -> excludes {a} {_among(graph, sub.label_a, levels)}",
                rules=(places.subsumptions[s], places.exclusions[i]),
            )
            found.append(problem)
    return found, covered


def _implied_and_excluded(graph: HexGraph, sub: Subsumption, excl: Exclusion) -> tuple[set[int], tuple[int, int]]:
    """Levels of the implying label that cannot occur by two rules, and the entry of the map that says so."""
    own, other = (excl.a_levels, excl.b_levels) if excl.label_a == sub.label_a else (excl.b_levels, excl.a_levels)
    implied = graph.labels[graph.index(sub.label_b)].levels
    for x, y in sorted(sub.map):
        if all(level in other for level in implied if level >= y):
            return {level for level in own if level >= x}, (x, y)
    return set(), (0, 0)


def _among(graph: HexGraph, label: str, levels: Sequence[int]) -> str:
    """`>= 3` if these are all levels from one on, else `= 2, 4`."""
    known = graph.labels[graph.index(label)].levels
    if levels == tuple(level for level in known if level >= levels[0]):
        return f">= {levels[0]}"
    return f"= {', '.join(map(str, levels))}"
