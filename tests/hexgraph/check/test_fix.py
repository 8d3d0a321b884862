"""The canonical form: the same legal states, nothing lost, nothing left to mend."""

from __future__ import annotations

import json

from drawn_graphs import SEED_6, Case, any_cases, legal_states, quick
from hypothesis import given

from iqa_cli.hexgraph import parse_graph
from iqa_cli.hexgraph.check import canonical_document, canonical_text, check_graph

MESSY = {
    "Author": "somebody",
    "NOTE": "kept",
    "Levels": {"1": "none"},
    "Nodes": [
        {"Levels": [1, 2, 3], "region": None, "Label": "b", "names": {"zh": "乙"}},
        {"label": "a", "levels": [1, 2, 3, 4], "weight": 0.5},
    ],
    "Exclusions": [
        {"label_a": "a", "a_levels": [4, 3], "label_b": "b", "b_levels": [2, 3], "note": "first"},
        {"label_a": "b", "a_levels": [2, 3], "label_b": "a", "b_levels": [3, 4], "note": "second", "by": "me"},
    ],
    "Subsumptions": [
        {"label_a": "a", "label_b": "b", "map": [[2, 1], [4, 2]], "note": "x"},
        {"label_a": "a", "label_b": "a", "map": [[3, 2]]},
    ],
}


def fixed(document: dict[str, object]) -> dict[str, object]:
    text = canonical_text(canonical_document(parse_graph(document, "x"), document))
    return dict(json.loads(text))


def test_the_canonical_form_is_complete_and_keeps_what_it_does_not_know() -> None:
    assert fixed(MESSY) == {
        "format_version": 1,
        "Author": "somebody",
        "NOTE": "kept",
        "labels": ["b", "a"],
        "levels": {"1": "none"},
        "nodes": [
            {"label": "b", "levels": [1, 2, 3], "names": {"zh": "乙"}, "region": None},
            {"label": "a", "levels": [1, 2, 3, 4], "weight": 0.5},
        ],
        "exclusions": [
            {
                "label_a": "a",
                "a_levels": [3, 4],
                "label_b": "b",
                "b_levels": [2, 3],
                "note": ["first", "second"],
                "by": "me",
            }
        ],
        "subsumptions": [
            {"label_a": "a", "label_b": "b", "map": [[4, 2]], "note": "x"},
            {"label_a": "a", "label_b": "a", "map": [[3, 2], [4, 2], [4, 3]]},
            {"label_a": "b", "label_b": "b", "map": [[3, 2]]},
        ],
    }


def test_a_duplicate_whose_notes_would_be_lost_stays() -> None:
    rules = [dict(rule, by=name) for rule, name in zip(MESSY["Exclusions"], ("me", "you"), strict=True)]
    assert len(fixed({**MESSY, "Exclusions": rules})["exclusions"]) == 2


@given(any_cases())
@quick(60)
def test_the_canonical_form_allows_the_same_states_and_is_its_own_canonical_form(case: Case) -> None:
    document = fixed(case.graph.to_json())
    again = parse_graph(document, "fixed")
    assert (legal_states(again) == case.states).all()
    assert fixed(document) == document
    codes = {finding.code for finding in check_graph(again).findings}
    assert not codes & {"W201", "W207", "I207", "I209", "W210", "I210", "W211"}


def test_the_published_graph_becomes_lower_case_and_keeps_its_hash_of_rules() -> None:
    document = fixed(SEED_6)
    assert list(document) == ["format_version", "labels", "levels", "nodes", "exclusions", "subsumptions"]
    before, after = parse_graph(SEED_6, "a", name="x"), parse_graph(document, "b", name="x")
    assert after == before
    assert after.hash == before.hash


def test_half_a_surrogate_pair_in_a_note_is_written_as_json_can_say_it() -> None:
    document = {**MESSY, "NOTE": "\ud800"}
    assert fixed(document)["NOTE"] == "\ud800"


def test_rules_stand_on_lines_of_their_own() -> None:
    text = canonical_text(canonical_document(parse_graph(SEED_6, "x"), SEED_6))
    assert '    {"label_a": "整体偏亮", "a_levels": [2, 3, 4], "label_b": "整体偏暗", "b_levels": [2, 3, 4]},\n' in text
