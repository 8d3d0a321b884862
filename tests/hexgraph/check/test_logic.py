"""What the checks say of all rules together, against counting every assignment."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_graphs import Case, any_cases, chain, grid, legal_states, quick
from hypothesis import assume, given
from hypothesis import strategies as st

from iqa_cli.hexgraph import Exclusion, HexGraph, Label, Subsumption
from iqa_cli.hexgraph.check import Finding, GraphReport, check_graph
from iqa_cli.hexgraph.check.conflict import minimal_conflict
from iqa_cli.hexgraph.check.exact import Part
from iqa_cli.hexgraph.check.implications import Budget
from iqa_cli.hexgraph.check.logic import Logic
from iqa_cli.hexgraph.check.places import Places
from iqa_cli.hexgraph.check.rectangles import pair_rules
from iqa_cli.hexgraph.check.redundancy import Redundancy

if TYPE_CHECKING:
    from collections.abc import Callable

FACT = re.compile(r'"(label \d)" (>=|<) (\d+)')


@st.composite
def threshold_cases(draw: st.DrawFn, lowest: bool = True) -> Case:
    """Up to 6 labels with rules that thresholds can say, many of them about the lowest level as well."""
    labels = tuple(
        Label(f"label {i}", tuple(range(1, draw(st.integers(2, 4)) + 1))) for i in range(draw(st.integers(2, 6)))
    )
    exclusions, subsumptions = [], []
    for _ in range(draw(st.integers(1, 12))):
        a, b = draw(st.permutations(labels))[:2]
        sides = []
        for label in (a, b):
            cut = draw(st.integers(1, len(label.levels) - 1))
            upper = not lowest or draw(st.integers(0, 3)) > 0
            sides.append(label.levels[cut:] if upper else label.levels[:cut])
        if draw(st.booleans()):
            exclusions.append(Exclusion(a.name, sides[0], b.name, sides[1]))
        else:
            subsumptions.append(Subsumption(a.name, b.name, ((sides[0][0], sides[1][0]),)))
    graph = HexGraph("drawn", labels, exclusions=tuple(exclusions), subsumptions=tuple(subsumptions))
    return Case(graph, legal_states(graph), 0)


ANY = st.one_of(threshold_cases(), threshold_cases(lowest=False), any_cases())


def of(report: GraphReport, *codes: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.code in codes]


def dead_by_counting(case: Case) -> set[tuple[str, int]]:
    return {
        (label.name, level)
        for i, label in enumerate(case.graph.labels)
        for k, level in enumerate(label.levels)
        if not (case.states[:, i] == k).any()
    }


def holds(case: Case, fact: tuple[str, str, str], states: np.ndarray | None = None) -> np.ndarray:
    """(S,) whether a fact such as ("label 0", ">=", "2") is true in every assignment."""
    i = case.graph.index(fact[0])
    levels = np.array(case.graph.labels[i].levels)[(case.states if states is None else states)[:, i]]
    return levels >= int(fact[2]) if fact[1] == ">=" else levels < int(fact[2])


def without(graph: HexGraph, pointer: str) -> HexGraph:
    _, section, i = pointer.split("/")
    rules = list(getattr(graph, section))
    del rules[int(i)]
    return dataclasses.replace(graph, **{section: tuple(rules)})


def only(graph: HexGraph, pointers: tuple[str, ...]) -> HexGraph:
    return dataclasses.replace(
        graph,
        exclusions=tuple(r for i, r in enumerate(graph.exclusions) if f"/exclusions/{i}" in pointers),
        subsumptions=tuple(r for i, r in enumerate(graph.subsumptions) if f"/subsumptions/{i}" in pointers),
    )


@given(ANY)
@quick(150)
def test_dead_levels_and_contradictions_are_those_that_counting_finds(case: Case) -> None:
    report = check_graph(case.graph)
    assert report.size.legal_states == len(case.states)
    assert bool(of(report, "E301")) == (len(case.states) == 0)
    if len(case.states):
        assert report.dead == dead_by_counting(case)
        told = {(f.labels[0], level) for f in of(report, "E302", "E303") for level in f.levels}
        assert told == report.dead
    assert not of(report, "W309", "I310")


@given(ANY)
@quick(80)
def test_forced_labels_are_those_that_counting_finds(case: Case) -> None:
    assume(len(case.states))
    expected = {}
    for i, label in enumerate(case.graph.labels):
        left = tuple(label.levels[k] for k in sorted(set(case.states[:, i].tolist())))
        if len(left) == 1 or left[0] > label.levels[0]:
            expected[label.name] = left
    assert {f.labels[0]: f.levels for f in of(check_graph(case.graph), "W304")} == expected


@given(ANY)
@quick(100)
def test_the_clean_state_is_reported_if_no_assignment_has_it(case: Case) -> None:
    clean = (case.states == 0).all(axis=1).any()
    assert bool(of(check_graph(case.graph), "W305")) == (not clean)


@given(ANY)
@quick(80)
def test_redundant_rules_are_those_whose_removal_changes_nothing(case: Case) -> None:
    assume(len(case.states))
    report = check_graph(case.graph)
    idle = {f.pointer for f in of(report, "W201", "W202", "I203")}
    rest = case.graph
    for pointer in sorted(idle, key=lambda p: (p.split("/")[1], -int(p.split("/")[2]))):
        rest = without(rest, pointer)
    assert len(legal_states(rest)) == len(case.states)
    kept = [
        f"/{section}/{i}"
        for section in ("exclusions", "subsumptions")
        for i in range(len(getattr(case.graph, section)))
        if f"/{section}/{i}" not in idle
    ]
    redundant = {
        pointer
        for pointer in kept
        if len(legal_states(only(case.graph, tuple(p for p in kept if p != pointer)))) == len(case.states)
    }
    assert {f.pointer for f in of(report, "I307")} == redundant


@given(ANY)
@quick(80)
def test_equivalent_thresholds_are_those_that_counting_finds(case: Case) -> None:
    assume(len(case.states))
    columns: dict[bytes, set[str]] = {}
    for i, label in enumerate(case.graph.labels):
        for k in range(1, len(label.levels)):
            column = case.states[:, i] >= k
            if column.any() and not column.all():
                columns.setdefault(column.tobytes(), set()).add(label.name)
    expected = sorted(tuple(sorted(names)) for names in columns.values() if len(names) > 1)
    found = sorted(tuple(sorted(f.labels)) for f in of(check_graph(case.graph), "I306"))
    # Levels that always occur alike are one group for each pair of thresholds.
    assert found == expected


@given(ANY)
@quick(80)
def test_the_guilty_rules_contradict_each_other_and_each_is_needed(case: Case) -> None:
    assume(not len(case.states))
    report = check_graph(case.graph)
    for finding in of(report, "E301"):
        guilty = only(case.graph, finding.rules)
        assert not len(legal_states(guilty))
        assert finding.pointer in finding.rules
        for pointer in finding.rules:
            assert len(legal_states(only(case.graph, tuple(p for p in finding.rules if p != pointer))))
        assert finding.witness


@given(ANY)
@quick(100)
def test_every_step_of_a_witness_is_an_implication_of_the_rules(case: Case) -> None:
    report = check_graph(case.graph, with_consequences=True)
    everything = np.array(list(itertools.product(*(range(k) for k in case.graph.n_levels))))
    for finding in of(report, "E302", "W304", "I306", "I307", "I308"):
        rules = only(case.graph, finding.rules) if finding.rules else case.graph
        case_of_rules = Case(rules, legal_states(rules), 0)
        for branch in re.split(r", but |; ", finding.witness):
            for left, right in itertools.pairwise(branch.split(" -> ")):
                first, second = FACT.search(left), FACT.search(right)
                if first is None or second is None:
                    continue
                consequence = holds(case_of_rules, second.groups())
                if right.startswith("excludes"):
                    consequence = ~consequence
                assert (~holds(case_of_rules, first.groups()) | consequence).all(), finding
        assert len(everything) >= len(case.states)


@given(threshold_cases())
@quick(80)
def test_a_level_is_dead_by_the_rules_of_its_witness_alone(case: Case) -> None:
    assume(len(case.states))
    for finding in of(check_graph(case.graph), "E302", "E303"):
        assert finding.witness
        states = legal_states(only(case.graph, finding.rules))
        i = case.graph.index(finding.labels[0])
        position = case.graph.labels[i].levels.index(finding.levels[0])
        assert not (states[:, i] == position).any()


@given(ANY)
@quick(80)
def test_consequences_are_true_and_unstated(case: Case) -> None:
    assume(len(case.states))
    stated = {frozenset((r.label_a, r.label_b)) for r in (*case.graph.exclusions, *case.graph.subsumptions)}
    for finding in of(check_graph(case.graph, with_consequences=True), "I308"):
        facts = FACT.findall(finding.message)
        first, second = facts[0], facts[1]
        follows = holds(case, second)
        if "excludes" in finding.message:
            follows = ~follows
        assert (~holds(case, first) | follows).all()
        assert frozenset(finding.labels) not in stated


def test_a_wide_grid_is_refused_and_its_dead_levels_are_found_all_the_same() -> None:
    wide = grid(31, 32)
    rules = (*wide.exclusions, Exclusion("r3c3", (2, 3), "r4c4", (2, 3)), Exclusion("r30c31", (2, 3), "r30c30", (3,)))
    subsumptions = (
        Subsumption("r3c3", "r9c9", ((2, 2),)),
        Subsumption("r9c9", "r4c4", ((2, 2),)),
        Subsumption("r20c20", "r20c21", ((3, 3),)),
    )
    report = check_graph(dataclasses.replace(wide, exclusions=rules, subsumptions=subsumptions))
    assert report.dead == {("r3c3", 2), ("r3c3", 3), ("r20c20", 3)}
    (refused,) = of(report, "E404")
    assert len(refused.labels) > 20
    assert report.size.legal_states is None
    assert (report.size.labels, report.size.components) == (992, 1)
    (dead,) = of(report, "E302")
    assert dead.witness == '"r3c3" >= 2 -> excludes "r4c4" >= 2, but "r3c3" >= 2 -> "r9c9" >= 2 -> "r4c4" >= 2'
    (direct,) = of(report, "E303")
    assert direct.witness == '"r20c20" >= 3 -> "r20c21" >= 3 -> excludes "r20c20" >= 3'


def test_exact_levels_in_a_graph_that_is_too_wide_stay_undecided_and_it_says_so() -> None:
    wide = grid(12, 12)
    exact = (*wide.exclusions, Exclusion("r5c5", (2,), "r5c6", (2,)))
    report = check_graph(dataclasses.replace(wide, exclusions=exact), max_states=1000)
    (finding,) = of(report, "W309")
    assert finding.pointer == f"/exclusions/{len(exact) - 1}"
    assert not of(report, "E302")


def test_a_long_chain_of_implications_takes_no_square_of_its_length() -> None:
    n = 4_000
    labels = tuple(Label(f"link {i}", (1, 2)) for i in range(n))
    links = tuple(Subsumption(f"link {i}", f"link {i + 1}", ((2, 2),)) for i in range(n - 1))
    graph = HexGraph(
        "chain", labels, subsumptions=links, exclusions=(Exclusion("link 5", (2,), f"link {n - 1}", (2,)),)
    )
    report = check_graph(graph, max_states=10)
    assert report.dead == {(f"link {i}", 2) for i in range(6)}
    assert {f.labels[0] for f in of(report, "E302")} == {f"link {i}" for i in range(6)}


@pytest.mark.parametrize("hub_first", [True, False], ids=["hub first", "hub last"])
def test_a_hub_of_thousands_of_labels_takes_no_square_of_their_number(hub_first: bool) -> None:
    n = 8_000
    labels = tuple(Label(f"label {i}", (1, 2, 3)) for i in range(n))
    hub = "label 0" if hub_first else f"label {n - 1}"
    graph = HexGraph(
        "star", labels, subsumptions=tuple(Subsumption(x.name, hub, ((2, 2),)) for x in labels if x.name != hub)
    )
    logic = Logic(graph, pair_rules(graph, Places.of(graph).rules), 10)
    assert list(Redundancy(logic).problems()) == []  # neither a rule that follows nor one that was not tried


def test_a_search_ends_when_its_budget_is_spent_and_a_hub_is_no_way_around_it() -> None:
    labels = tuple(Label(f"label {i}", (1, 2)) for i in range(1_000))
    rules = tuple(Exclusion("label 0", (2,), label.name, (2,)) for label in labels[1:])
    graph = HexGraph("star", labels, exclusions=rules)
    implications = Logic(graph, pair_rules(graph, Places.of(graph).rules), 10).implications
    first, last = implications.at_least(0, 1), implications.at_least(999, 1)
    enough, little = Budget(10_000), Budget(500)
    assert implications.chain(first, last ^ 1, budget=enough) is not None
    assert enough.left < 10_000
    assert implications.chain(last, last - 2, budget=little) is None
    assert little.left < 500
    assert implications.chain(first, last ^ 1, budget=Budget(0)) is None


def test_rules_whose_contradiction_is_too_large_to_be_tried_are_not_called_the_fewest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = tuple(Label(name, (1, 2, 3)) for name in "abcd")
    apart = tuple(
        Exclusion(a, (level,), b, (level,)) for a, b in itertools.combinations("abcd", 2) for level in (1, 2, 3)
    )
    graph = HexGraph("colours", labels, exclusions=apart)
    (proven,) = of(check_graph(graph), "E301")
    assert proven.hint.endswith("without any one of them the rest can be satisfied")
    monkeypatch.setattr(Part, "alive", functools.partialmethod(alive_within, Part.alive))
    (open_one,) = of(check_graph(graph), "E301")
    assert "perhaps fewer suffice" in open_one.message
    assert "without any one" not in open_one.hint


def alive_within(
    part: Part, alive: Callable[..., dict[int, int] | None], max_states: int | None = None
) -> dict[int, int] | None:
    """Whole graphs are decided, the questions about some of their rules are not."""
    return None if max_states is None else alive(part, max_states)


def test_numbers_of_a_chain_are_exact() -> None:
    graph = chain(3)
    size = check_graph(graph).size
    assert (size.labels, size.rules, size.components, size.treewidth) == (3, 2, 1, 1)
    assert size.legal_states == len(legal_states(graph))
    assert len(size.max_clique_labels) == 2


@given(st.sets(st.frozensets(st.integers(0, 12), min_size=1, max_size=4), min_size=1, max_size=5))
@quick(100)
def test_a_minimal_conflict_is_one_of_the_conflicts_and_has_no_smaller_one_inside(
    conflicts: set[frozenset[int]],
) -> None:
    def conflicting(some: list[int]) -> bool:
        return any(conflict <= set(some) for conflict in conflicts)

    found = minimal_conflict(range(13), conflicting)
    assert conflicting(found)
    assert not any(conflicting([x for x in found if x != left_out]) for left_out in found)


@pytest.mark.parametrize("kind", [Exclusion("a", (1, 2), "b", (1, 2)), Subsumption("a", "b", ((1, 2),))])
def test_one_rule_can_contradict_itself(kind: Exclusion | Subsumption) -> None:
    labels = (Label("a", (1, 2)), Label("b", (1, 2)), Label("c", (1, 2)))
    rules = {"exclusions": (kind,)} if isinstance(kind, Exclusion) else {"subsumptions": (kind,)}
    report = check_graph(HexGraph("g", labels, **rules))
    assert bool(of(report, "E301")) == isinstance(kind, Exclusion)
    if isinstance(kind, Exclusion):
        assert report.size.legal_states == 0
        assert {label for label, _ in report.dead} == {"a", "b"}
