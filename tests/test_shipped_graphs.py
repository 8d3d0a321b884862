"""The graphs in hex_graphs/: sound, named in two languages, and the ones they say they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from iqa_cli.hexgraph import HexGraph, compile_plan, read_graph

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "hex_graphs"
SHARED = ROOT.parent / "shared" / "graphs"

LEGAL_STATES = {
    "smartphone-6": 7**3,
    "smartphone-7": 7**2 * 10,
    "smartphone-12": 7**4 * 13,
    "prism-53": 115_430_162_103_244_929_368_064,
}
SMARTPHONE_6 = "de2ea21c784f4c342e59fa6fe6b3d9c7e7dc986ad05a59098228e638fec85576"


@pytest.fixture(params=sorted(LEGAL_STATES))
def graph(request: pytest.FixtureRequest) -> HexGraph:
    return read_graph(FOLDER / f"{request.param}.json")


def legal_by_search(graph: HexGraph) -> int:
    """Legal states, counted group by group of labels that rules join, label after label, from the rules as written."""
    rules: dict[int, list[tuple[int, set[tuple[int, int]]]]] = {i: [] for i in range(len(graph.labels))}
    for excl in graph.exclusions:
        a, b = graph.index(excl.label_a), graph.index(excl.label_b)
        rules[a].append((b, {(x, y) for x in excl.a_levels for y in excl.b_levels}))
    for sub in graph.subsumptions:
        a, b = graph.index(sub.label_a), graph.index(sub.label_b)
        levels_a, levels_b = graph.labels[a].levels, graph.labels[b].levels
        forbidden = {(x, y) for u, v in sub.map for x in levels_a for y in levels_b if x >= u and y < v}
        if a != b:
            rules[a].append((b, forbidden))
    for a, found in list(rules.items()):
        for b, forbidden in found[:]:
            if not any(other == a and turned == {(y, x) for x, y in forbidden} for other, turned in rules[b]):
                rules[b].append((a, {(y, x) for x, y in forbidden}))

    def count(order: list[int], chosen: dict[int, int]) -> int:
        if not order:
            return 1
        label, *rest = order
        fits = (
            level
            for level in graph.labels[label].levels
            if all(other not in chosen or (level, chosen[other]) not in bad for other, bad in rules[label])
        )
        return sum(count(rest, chosen | {label: level}) for level in fits)

    total, left = 1, set(rules)
    while left:
        group = [min(left)]
        for label in group:
            group += sorted({other for other, _ in rules[label]} - set(group))
        left -= set(group)
        total *= count(group, {})
    return total


def test_every_shipped_graph_is_known_here() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(LEGAL_STATES)


def test_the_number_of_legal_states_is_the_known_one(graph: HexGraph) -> None:
    assert compile_plan(graph).n_legal_states == legal_by_search(graph) == LEGAL_STATES[graph.name]


def test_no_problem_at_all_is_legal_and_so_is_each_problem_alone(graph: HexGraph) -> None:
    clean = [label.levels[0] for label in graph.labels]
    assert graph.is_legal(clean)
    implied = {rule.label_a for rule in graph.subsumptions if rule.label_a != rule.label_b}
    for i, label in enumerate(graph.labels):
        if label.name not in implied:
            assert graph.is_legal([*clean[:i], label.levels[-1], *clean[i + 1 :]]), label.name


def test_labels_and_levels_have_distinct_names_in_english_and_chinese(graph: HexGraph) -> None:
    for lang in ("en", "zh"):
        names = [label.names[lang] for label in graph.labels]
        assert len(set(names)) == len(names)
        assert all(graph.level_names[level][lang] for label in graph.labels for level in label.levels)
    assert all(any("\u4e00" <= c <= "\u9fff" for c in label.names["zh"]) for label in graph.labels)


def test_one_thing_has_one_chinese_name_in_all_graphs() -> None:
    six, twelve, prism = (read_graph(FOLDER / f"{name}.json") for name in ("smartphone-6", "smartphone-12", "prism-53"))
    assert twelve.labels[:6] == six.labels
    assert [label.names for label in twelve.labels[:6]] == [label.names for label in six.labels]
    of_prism = {label.name: label.names["zh"] for label in prism.labels}
    same = {
        "bright": "too bright",
        "dark": "too dark",
        "high_contrast": "contrast too high",
        "low_contrast": "contrast too low",
        "overexposed": "highlight clipped",
        "over_suppressed": "highlight over-suppressed",
        "red_cast": "WB red cast",
        "blue_cast": "WB blue cast",
        "green_cast": "WB green cast",
        "yellow_cast": "WB yellow cast",
    }
    assert {ours: of_prism[theirs] for ours, theirs in same.items()} == {
        label.name: label.names["zh"] for label in twelve.labels if label.name in same
    }


def test_smartphone_6_is_the_graph_of_the_shipped_checkpoint() -> None:
    graph = read_graph(FOLDER / "smartphone-6.json")
    assert graph.hash == SMARTPHONE_6
    assert json.loads((ROOT / "checkpoints/default/card.json").read_text("utf-8"))["graph"] == graph.to_json()


def test_smartphone_12_adds_no_rule_to_the_six_and_none_between_its_groups() -> None:
    six, twelve = (read_graph(FOLDER / f"{name}.json") for name in ("smartphone-6", "smartphone-12"))
    assert twelve.exclusions[: len(six.exclusions)] == six.exclusions
    casts = {"red_cast", "blue_cast", "green_cast", "yellow_cast"}
    added = [{rule.label_a, rule.label_b} for rule in twelve.exclusions[len(six.exclusions) :]]
    assert [pair for pair in added if not pair <= casts] == [{"crushed_shadows", "lifted_shadows"}]
    assert sum(pair <= casts for pair in added) == 6
    assert all(rule.label_a == rule.label_b for rule in twelve.subsumptions)


def test_prism_53_says_what_was_published() -> None:
    source = SHARED / "prism-53.json"
    if not source.is_file():
        pytest.skip("the sample data has no prism-53.json here")
    ours, theirs = read_graph(FOLDER / "prism-53.json"), read_graph(source)
    assert ours.label_names == theirs.label_names
    assert [label.levels for label in ours.labels] == [label.levels for label in theirs.labels]
    assert (ours.exclusions, ours.subsumptions) == (theirs.exclusions, theirs.subsumptions)
    assert ours.tables.keys() == theirs.tables.keys()
    assert all(np.array_equal(table, theirs.tables[pair]) for pair, table in ours.tables.items())
    assert [ours.level_name(level, "en") for level in (1, 2, 3, 4)] == [
        theirs.level_name(n, "en") for n in (1, 2, 3, 4)
    ]
    regions = [
        [node["region"] for node in json.loads(path.read_text("utf-8"))[key]]
        for path, key in ((FOLDER / "prism-53.json", "nodes"), (source, "Nodes"))
    ]
    assert regions[0] == regions[1]
