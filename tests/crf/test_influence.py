"""Which rule changed which label: against plain enumeration with and without each rule."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from iqa_cli.crf.influence import SMALLEST_SHIFT, independent_marginals
from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.hexgraph import HexGraph, Label, compile_plan
from iqa_cli.hexgraph.parts import Exclusion, Subsumption

LABELS = tuple(Label(name, (1, 2, 3)) for name in "abcd")
# a >= 2 pushes b up, b excludes c; d stands apart.
CHAIN = HexGraph(
    name="chain",
    labels=LABELS,
    exclusions=(Exclusion("b", (2, 3), "c", (2, 3)),),
    subsumptions=(Subsumption("a", "b", ((2, 2),)),),
)


def at_least(graph: HexGraph, unary: np.ndarray) -> dict[tuple[str, int], float]:
    """P(label >= level) by enumeration of all legal assignments."""
    found: dict[tuple[str, int], float] = {}
    total = 0.0
    for levels in itertools.product(*(label.levels for label in graph.labels)):
        if not graph.is_legal(levels):
            continue
        cells = [3 * index + level - 1 for index, level in enumerate(levels)]
        weight = float(np.exp(unary[cells].sum()))
        total += weight
        for label, level in zip(graph.label_names, levels, strict=True):
            for threshold in range(2, level + 1):
                found[label, threshold] = found.get((label, threshold), 0.0) + weight
    return {key: value / total for key, value in found.items()}


def without(graph: HexGraph, pointers: tuple[str, ...]) -> HexGraph:
    return dataclasses.replace(
        graph,
        exclusions=tuple(r for i, r in enumerate(graph.exclusions) if f"/exclusions/{i}" not in pointers),
        subsumptions=tuple(r for i, r in enumerate(graph.subsumptions) if f"/subsumptions/{i}" not in pointers),
    )


def test_a_chain_names_the_rule_that_pushes_and_the_one_that_forbids() -> None:
    unary = np.zeros((1, 12))
    unary[0, [2, 5, 8]] = 4.0, -1.0, 3.0  # a is surely bad, b looks fine, c looks bad
    beliefs = NumpyCRF(compile_plan(CHAIN)).infer(unary)
    (found,) = beliefs.influence
    by = {(entry.rules, entry.label): entry for entry in found}
    assert by[("/subsumptions/0",), "b"].shift > 0.3  # a raises b
    assert by[("/exclusions/0",), "c"].shift < -0.3  # b lowers c
    assert by[("/subsumptions/0",), "c"].shift < -0.1  # and so a lowers c, through b
    assert not [entry for entry in found if entry.label == "d"]
    assert [abs(entry.shift) for entry in found] == sorted((abs(entry.shift) for entry in found), reverse=True)


rules = st.lists(
    st.tuples(
        st.sampled_from(list(itertools.permutations("abcd", 2))),
        st.booleans(),
        st.sampled_from(((2, 3), (3,), (2,))),
        st.sampled_from(((2, 3), (3,))),
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@example(rules=[(("a", "b"), True, (3,), (2, 3)), (("d", "a"), False, (2, 3), (3,))], seed=4702, scale=3.0)
@given(rules=rules, seed=st.integers(0, 2**16), scale=st.sampled_from((0.5, 3.0)))
def test_every_influence_is_what_enumeration_gives_and_none_is_left_out(rules: list, seed: int, scale: float) -> None:
    graph = HexGraph(
        name="drawn",
        labels=LABELS,
        exclusions=tuple(Exclusion(a, x, b, y) for (a, b), exclusion, x, y in rules if exclusion),
        subsumptions=tuple(
            Subsumption(a, b, ((min(x), min(y)),)) for (a, b), exclusion, x, y in rules if not exclusion
        ),
    )
    unary = np.random.default_rng(seed).normal(scale=scale, size=(3, 12))
    beliefs = NumpyCRF(compile_plan(graph)).infer(unary)
    bare = dataclasses.replace(graph, exclusions=(), subsumptions=())
    pairs = {frozenset(graph.label_names[label] for label in pair) for pair in graph.tables}
    for row, found in zip(unary, beliefs.influence, strict=True):
        before, after = at_least(bare, row), at_least(graph, row)
        for entry in found:
            relaxed = at_least(without(graph, entry.rules), row)
            key = (entry.label, entry.level)
            assert entry.before == pytest.approx(before[key], abs=1e-9)
            assert entry.after == pytest.approx(after.get(key, 0.0), abs=1e-9)
            assert entry.without == pytest.approx(relaxed.get(key, 0.0), abs=1e-9)
            assert abs(entry.shift) >= SMALLEST_SHIFT
        told = {(frozenset(entry.between), entry.label) for entry in found}
        for pair in pairs:
            pointers = tuple(
                f"/{section}/{i}"
                for section, own in (("exclusions", graph.exclusions), ("subsumptions", graph.subsumptions))
                for i, rule in enumerate(own)
                if {rule.label_a, rule.label_b} == pair
            )
            relaxed = at_least(without(graph, pointers), row)
            for label in graph.label_names:
                shift = max(abs(after.get((label, k), 0.0) - relaxed.get((label, k), 0.0)) for k in (2, 3))
                if shift > SMALLEST_SHIFT + 1e-9:
                    assert (pair, label) in told


def test_without_rules_nothing_has_an_influence() -> None:
    graph = HexGraph(name="free", labels=LABELS)
    unary = np.random.default_rng(0).normal(size=(2, 12))
    beliefs = NumpyCRF(compile_plan(graph)).infer(unary)
    assert beliefs.influence == ((), ())
    assert independent_marginals(compile_plan(graph), unary) == pytest.approx(beliefs.marginals)
