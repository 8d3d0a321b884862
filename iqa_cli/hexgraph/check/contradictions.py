"""Findings about what can never hold: contradictions, dead and forced levels, each with a proof, and open questions."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.hexgraph.check.conflict import minimal_conflict
from iqa_cli.hexgraph.check.direct import direct_contradictions
from iqa_cli.hexgraph.check.exact import Part
from iqa_cli.hexgraph.check.implications import Implications
from iqa_cli.hexgraph.check.places import labels_of
from iqa_cli.hexgraph.check.rectangles import bits, corner
from iqa_cli.hexgraph.check.wording import Wording, listed
from iqa_cli.hexgraph.problems import Problem, place, quote
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from iqa_cli.hexgraph.check.logic import Logic
    from iqa_cli.hexgraph.check.places import Places
    from iqa_cli.hexgraph.check.rectangles import PairRule
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.hexgraph.problems import Steps

_MAX_GUILTY = 400
"""Rules of a contradiction that are tried one by one; of more, all are named."""


class Contradictions:
    """Puts the answers of `Logic` into words, and looks for the rules behind them.

    logic   of the graph
    places  of its labels and rules
    """

    def __init__(self, logic: Logic, places: Places) -> None:
        self._logic = logic
        self._places = places

    def problems(self) -> Iterator[Problem]:
        """Contradictions, dead and forced levels, and what stayed open."""
        for number in sorted(self._logic.broken):
            yield self._contradiction(number)
        direct, covered = direct_contradictions(self._logic.graph, self._places)
        yield from direct
        for v, label in enumerate(self._logic.graph.labels):
            if self._logic.part_of[v] in self._logic.broken:
                continue
            where = (*self._places.nodes[label.name], "levels")
            yield from self._dead_levels(v, where, covered.get(label.name, set()))
            yield from self._forced(v, where)
        yield from self._clean_state()
        for number in sorted(self._logic.undecided):
            yield self._open_question(number)

    def _contradiction(self, number: int) -> Problem:
        suspects = self._suspects(number)
        is_fewest = len(suspects) <= _MAX_GUILTY and self._contradict(suspects)
        guilty = minimal_conflict(suspects, self._contradict) if is_fewest else suspects
        rules = sorted((self._logic.rules[r] for r in guilty), key=lambda rule: rule.steps)
        names = [place(rule.steps) for rule in rules]
        if len(rules) == 1:
            message = f"{names[0]} forbids every combination of its two labels"
            hint = "take levels out of it, or remove it"
        else:
            message = f"{listed(names, 8)} contradict each other: no levels satisfy all {len(rules)} of them"
            hint = "loosen or remove one of them"
            if is_fewest:
                hint += "; without any one of them the rest can be satisfied"
            else:
                message += " (perhaps fewer suffice)"
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
        for v in self._logic.parts[number]:
            for position in range(1, self._logic.n_levels[v]):
                literal = self._logic.literal(v, position)
                if not self._logic.same(literal, literal ^ 1) or tried >= 20:
                    continue
                tried += 1
                owners = self._round_trip(literal)
                if owners is not None and (best is None or len(owners) < len(best)):
                    best = owners
        return self._logic.rules_of[number] if best is None else best

    def _round_trip(self, literal: int) -> list[int] | None:
        there, back = self._logic.chain(literal, literal ^ 1), self._logic.chain(literal ^ 1, literal)
        if there is None or back is None:
            return None
        return sorted({r for c in (*there.clauses, *back.clauses) for r in self._logic.implications.owners(c)})

    def _contradict(self, some: list[int]) -> bool:
        """Whether some of the rules have no legal assignment; False if that would take too long to tell."""
        rules = [self._logic.rules[r] for r in some]
        small = _Small(rules, self._logic.n_levels)
        if small.conflict() is not None:
            return True
        if not small.implications.outside:
            return False
        alive = Part(small.labels, self._logic.n_levels, rules).alive()
        return alive is not None and not all(alive.values())

    def _proof_of_contradiction(self, rules: list[PairRule]) -> str:
        small = _Small(rules, self._logic.n_levels)
        literal = small.conflict()
        if literal is None:
            return ""
        wording = Wording(_named(self._logic.graph, small.labels), small.implications)
        there = small.implications.chain(literal, literal ^ 1)
        back = small.implications.chain(literal ^ 1, literal)
        if there is None or back is None:
            return ""
        return f"{wording.contradiction(there)}; and {wording.contradiction(back)}"

    def _dead_levels(self, v: int, where: Steps, covered: set[int]) -> Iterator[Problem]:
        label = self._logic.graph.labels[v]
        dead = [
            k
            for k in range(self._logic.n_levels[v])
            if not self._logic.alive[v] >> k & 1 and label.levels[k] not in covered
        ]
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

    def _proof_of_death(self, v: int, dead: Sequence[int]) -> tuple[str, tuple[Steps, ...]]:
        """Why the first dead level of a label is dead, and the rules behind it."""
        k = dead[0]
        last = self._logic.n_levels[v] - 1
        pairs = []  # the level is "at least" this position and below the next; one of them fails, or they clash
        if k > 0:
            pairs.append((self._logic.literal(v, k), self._logic.literal(v, k) ^ 1))
        if k < last:
            pairs.append((self._logic.literal(v, k + 1) ^ 1, self._logic.literal(v, k + 1)))
        if 0 < k < last:
            pairs.append((self._logic.literal(v, k), self._logic.literal(v, k + 1)))
        for start, goal in pairs:
            if not (self._logic.failed[start] if goal == start ^ 1 else self._logic.same(start, goal)):
                continue
            chain = self._logic.chain(start, goal)
            if chain is not None:
                text = (
                    self._logic.wording.contradiction(chain) if goal == start ^ 1 else self._logic.wording.chain(chain)
                )
                owners = dict.fromkeys(r for c in chain.clauses for r in self._logic.implications.owners(c))
                return text, tuple(self._logic.rules[r].steps for r in owners)
        return self._guilty_of_death(v, k)

    def _guilty_of_death(self, v: int, k: int) -> tuple[str, tuple[Steps, ...]]:
        """For rules that thresholds cannot say: a smallest set of them that kills a level."""
        number = self._logic.part_of[v]
        if number not in self._logic.outside or len(self._logic.rules_of[number]) > _MAX_GUILTY:
            return "", ()

        def kills(some: list[int]) -> bool:
            rules = [self._logic.rules[r] for r in some]
            labels = {v, *(i for rule in rules for i in rule.pair)}
            alive = Part(sorted(labels), self._logic.n_levels, rules).alive()
            return alive is not None and not alive[v] >> k & 1

        rules = sorted(self._logic.rules[r].steps for r in minimal_conflict(self._logic.rules_of[number], kills))
        label = self._logic.graph.labels[v]
        return f"{listed(map(place, rules), 50)} leave no level to others at {quote(label.name)} = {label.levels[k]}", (
            tuple(rules)
        )

    def _forced(self, v: int, where: Steps) -> Iterator[Problem]:
        label, left = self._logic.graph.labels[v], bits(self._logic.alive[v])
        if self._logic.part_of[v] in self._logic.undecided and len(left) > 1 and left[0] == 0:
            return
        if len(left) == 1:
            what = f"is {label.levels[left[0]]} in every photo"
        elif left[0] > 0:
            what = f"is {label.levels[left[0]]} or more in every photo"
        else:
            return
        literal = self._logic.literal(v, left[0]) ^ 1 if left[0] > 0 else self._logic.literal(v, 1)
        chain = self._logic.chain(literal, literal ^ 1) if self._logic.failed[literal] else None
        yield Problem(
            "W304",
            (*where, left[0]),
            f"{quote(label.name)} {what}: it tells nothing",
            (label.name,),
            "loosen the rules of this label, or leave the label out",
            levels=tuple(label.levels[k] for k in left),
            witness="" if chain is None else self._logic.wording.contradiction(chain),
        )

    def _clean_state(self) -> Iterator[Problem]:
        against = [rule for rule in self._logic.rules if rule.rows.get(0, 0) & 1]
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
        sides = self._logic.n_levels[rule.first], self._logic.n_levels[rule.second]
        return any(corner(rectangle, *sides) is None for rectangle in rule.rectangles)

    def _open_question(self, number: int) -> Problem:
        names = [self._logic.graph.labels[v].name for v in self._logic.parts[number]]
        members = [self._logic.rules[r] for r in self._logic.rules_of[number]]
        outside = next(
            rule for rule in members if rule.pair in self._logic.implications.outside and self._is_exact(rule)
        )
        return Problem(
            "W309",
            outside.steps,
            f"whether every level of {counted(len(names), 'label')} can occur was not decided: {place(outside.steps)}"
            " names levels that are no threshold, and the labels hang together too closely to try all",
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
