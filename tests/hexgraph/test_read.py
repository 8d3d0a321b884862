from __future__ import annotations

import copy
import json

import pytest
from drawn_graphs import SEED_6, shared_graph

from iqa_cli.errors import ExitCode, GraphError
from iqa_cli.hexgraph import parse_graph, read_graph

GOOD = {
    "nodes": [
        {"label": "too bright", "levels": [1, 2, 3, 4], "region": None},
        {"label": "too dark", "levels": [1, 2, 3, 4], "note": "at night"},
    ],
    "exclusions": [{"label_a": "too bright", "a_levels": [2, 3, 4], "label_b": "too dark", "b_levels": [2, 3, 4]}],
    "subsumptions": [{"label_a": "too dark", "label_b": "too dark", "map": [[3, 2]]}],
}


def problems_of(document: object) -> list[str]:
    with pytest.raises(GraphError) as caught:
        parse_graph(document, "phone.json")
    assert caught.value.exit_code == ExitCode.INVALID_INPUT
    assert str(caught.value).startswith("phone.json: ")
    return list(caught.value.problems)


def changed(**sections: object) -> dict[str, object]:
    return {**copy.deepcopy(GOOD), **sections}


def with_rule(section: str, **fields: object) -> dict[str, object]:
    rules = copy.deepcopy(GOOD[section])
    rules[0].update(fields)
    return changed(**{section: rules})


def test_keys_are_read_in_any_case_and_extra_keys_are_left_alone():
    graph = parse_graph(SEED_6, "seed", name="seed-6")
    shouting = {key.upper(): value for key, value in SEED_6.items()} | {"note": "x", "Author": {"any": [1.5]}}
    assert parse_graph(shouting, "seed", name="seed-6") == graph
    assert graph.name == "seed-6"
    assert graph.level_name(4, "en") == "阻塞"


def test_labels_come_in_the_order_of_the_list_of_labels():
    graph = parse_graph(changed(labels=["too dark", "too bright"]), "x")
    assert graph.label_names == ("too dark", "too bright")
    assert parse_graph(GOOD, "x").label_names == ("too bright", "too dark")


def with_aliases(*aliases: object) -> dict[str, object]:
    document = copy.deepcopy(GOOD)
    document["nodes"][0]["aliases"] = list(aliases)
    return document


def test_aliases_are_kept_and_tell_no_graphs_apart():
    graph, plain = parse_graph(with_aliases("glare", "过亮"), "x"), parse_graph(GOOD, "x")
    assert [label.aliases for label in graph.labels] == [("glare", "过亮"), ()]
    assert parse_graph(graph.to_json(), "card") == graph != plain
    assert graph.hash == plain.hash
    assert "aliases" not in json.dumps(plain.to_json())


@pytest.mark.parametrize(
    ("aliases", "expected"),
    [
        (["too dark"], 'nodes[0].aliases[0]: alias "too dark" is the spelling of nodes[1]'),
        (["x", "x"], 'nodes[0].aliases[1]: alias "x" is already one of "too bright"'),
        ([""], "nodes[0].aliases[0]: as an alias: a label needs a name"),
        (["x", 3], "nodes[0].aliases[1]: expected a text, got 3"),
    ],
)
def test_an_alias_that_is_none_or_is_taken_is_told_with_its_place(aliases: list[object], expected: str):
    assert problems_of(with_aliases(*aliases)) == [expected]


def test_two_labels_cannot_have_one_alias():
    document = with_aliases("tone")
    document["nodes"][1]["aliases"] = ["tone"]
    assert problems_of(document) == ['nodes[1].aliases[0]: alias "tone" is already one of "too bright"']
    document["nodes"][1]["aliases"] = "tone"
    assert problems_of(document) == ['nodes[1].aliases: expected a list of texts, got "tone"']


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (None, "document: expected an object, got null"),
        ([], "document: expected an object, got a list"),
        ({}, "nodes: the graph has no labels"),
        (changed(nodes={}), "nodes: expected a list, got an object"),
        (changed(nodes=[3]), "nodes[0]: expected an object, got 3"),
        (changed(exclusions=None), "exclusions: expected a list, got null"),
        (changed(nodes=[{"levels": [1, 2]}]), "nodes[0].label: missing, expected a text"),
        (changed(nodes=[{"label": 7, "levels": [1, 2]}]), "nodes[0].label: expected a text, got 7"),
        (changed(nodes=[{"label": "a"}]), "nodes[0].levels: missing, expected a list of levels"),
        (changed(nodes=[{"label": "a", "levels": [True, 2]}]), "nodes[0].levels[0]: expected a whole number, got true"),
        (changed(nodes=[{"label": "a", "levels": [1, 2.0]}]), "nodes[0].levels[1]: expected a whole number, got 2.0"),
        (changed(nodes=[{"label": "a", "levels": ["1"]}]), 'nodes[0].levels[0]: expected a whole number, got "1"'),
        (changed(nodes=[{"label": "a", "levels": []}]), 'nodes[0].levels: "a" needs at least two levels, got []'),
        (changed(nodes=[{"label": "a", "levels": [1, 1]}]), 'nodes[0].levels: levels of "a" must rise, got [1, 1]'),
        (changed(nodes=[*GOOD["nodes"], GOOD["nodes"][0]]), 'nodes[2]: label "too bright" is already nodes[0]'),
        (
            changed(nodes=[{"label": "a\n", "levels": [1, 2]}]),
            'nodes[0]: label "a\\n" holds a control character or half of a surrogate pair',
        ),
        (changed(nodes=[{"label": "a ", "levels": [1, 2]}]), 'nodes[0]: label "a " begins or ends with a space'),
        (
            changed(nodes=[{"label": "a\ud800", "levels": [1, 2]}]),
            'nodes[0]: label "a\\ud800" holds a control character or half of a surrogate pair',
        ),
        (with_rule("exclusions", label_a="夜\udfff"), 'exclusions[0].label_a: no label "夜\\udfff"'),
        (
            changed(nodes=[{"label": "a", "levels": [1, 2], "names": {"en": 1}}]),
            "nodes[0].names: expected a text per language, got an object",
        ),
        (
            with_rule("exclusions", label_a="too brigth"),
            'exclusions[0].label_a: no label "too brigth" (did you mean "too bright"?)',
        ),
        (
            with_rule("exclusions", b_levels=[2, 5]),
            'exclusions[0].b_levels[1]: "too dark" has no level 5 (it has 1, 2, 3, 4)',
        ),
        (with_rule("exclusions", b_levels=[2, 2]), "exclusions[0].b_levels[1]: level 2 is given twice"),
        (with_rule("exclusions", a_levels=[]), "exclusions[0].a_levels: no levels, so the rule excludes nothing"),
        (with_rule("exclusions", label_b="too bright"), 'exclusions[0]: "too bright" excludes itself'),
        (with_rule("subsumptions", map=[]), "subsumptions[0].map: no pairs, so the rule implies nothing"),
        (with_rule("subsumptions", map=[[3]]), "subsumptions[0].map[0]: expected a pair of levels, got a list of one"),
        (with_rule("subsumptions", map=[[3, None]]), "subsumptions[0].map[0][1]: expected a whole number, got null"),
        (
            with_rule("subsumptions", map=[[3, 2], [9, 2]]),
            'subsumptions[0].map[1][0]: "too dark" has no level 9 (it has 1, 2, 3, 4)',
        ),
        (
            with_rule("subsumptions", map=[[2, 3]]),
            'subsumptions[0].map[0]: "too dark" at 2 would imply 3 of itself and never occur',
        ),
        (changed(exclusion=[]) | {"Nodes": []}, "Nodes: key is given more than once, in different case"),
        ({"nodes": GOOD["nodes"], "exclusion": []}, 'exclusion: no such key (did you mean "exclusions"?)'),
        (changed(labels=["too bright"]), 'nodes[1]: label "too dark" is not in the list of labels'),
        (changed(labels=["too bright", "too dark", "hazy"]), 'labels[2]: label "hazy" has no node'),
        (changed(labels=["too bright", "too dark", "too dark"]), 'labels[2]: label "too dark" is already labels[1]'),
        (changed(labels=["too bright", "too dark", 1]), "labels[2]: expected a text, got 1"),
        (changed(levels=["none"]), "levels: expected an object, got a list of one"),
        (changed(levels={"one": "none"}), "levels.one: expected the number of a level as key"),
        (changed(levels={"1": None}), "levels.1: expected a text per language, got null"),
        (changed(format_version=2), "format_version: expected 1, got 2"),
        (changed(name=3), "name: expected a text, got 3"),
        (changed(note=[{"x": float("nan")}]), "note[0].x: nan is not a number that JSON knows"),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_its_place(document, expected):
    assert expected in problems_of(document)


def test_all_mistakes_come_at_once_and_keep_their_places():
    document = changed(
        exclusions=[
            "not a rule",
            {"label_a": "too brigth", "a_levels": [2], "label_b": "too dark", "b_levels": [7]},
        ],
        subsumptions=[{"label_a": "too dark", "label_b": "too dark", "map": [[3, True]]}],
    )
    assert problems_of(document) == [
        'exclusions[0]: expected an object, got "not a rule"',
        "subsumptions[0].map[0][1]: expected a whole number, got true",
        'exclusions[1].label_a: no label "too brigth" (did you mean "too bright"?)',
        'exclusions[1].b_levels[0]: "too dark" has no level 7 (it has 1, 2, 3, 4)',
    ]


def test_rules_about_a_damaged_label_are_not_blamed():
    nodes = [{"label": "too bright", "levels": "1-4"}, GOOD["nodes"][1]]
    assert problems_of(changed(nodes=nodes)) == ['nodes[0].levels: expected a list of levels, got "1-4"']


def test_a_file_is_named_after_its_stem_unless_it_says_otherwise(tmp_path):
    path = tmp_path / "phone.json"
    path.write_text(json.dumps(GOOD), encoding="utf-8")
    assert read_graph(path).name == "phone"
    path.write_text(json.dumps(changed(name="night")), encoding="utf-8")
    assert read_graph(str(path)).name == "night"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ":1:1: not JSON: Expecting value"),
        (b'{"nodes": [\n  1,]}', ":2:5: not JSON: "),
        (b'{"nodes": []} x', ":1:15: not JSON: Extra data"),
        (b"\xef\xbb\xbf{}", ": starts with a byte order mark"),
        ('{"nodes": []}'.encode("utf-16"), ": starts with a byte order mark"),
        (b'{"nodes": "\xff"}', ": byte 11 is not UTF-8"),
        (b"[" * 200_000, ": nested too deeply"),
        (b'{"nodes": ' + b"9" * 5000 + b"}", "1:11: nodes: a number of 5000 digits"),
        (b'{"nodes": [{"label": "a", "levels": [1, 2], "label": "b"}]}', "nodes[0].label: key is given more than once"),
        (b'{"nodes": [{"label": "a", "levels": [1, NaN]}]}', "nodes[0].levels[1]: nan is not a number"),
        (b'{"nodes": [{"label": "a", "levels": [1, 2], "x": 1e999}]}', "nodes[0].x: inf is not a number"),
        (b'{"nodes": [{"label": "a", "levels": [1, 2]}], "nodes": []}', "nodes: key is given more than once"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_strict_json_is_refused_with_its_place(tmp_path, raw, expected):
    path = tmp_path / "phone.json"
    path.write_bytes(raw)
    with pytest.raises(GraphError) as caught:
        read_graph(path)
    assert str(caught.value).startswith(str(path))
    assert expected in str(caught.value)


def test_a_deep_note_is_only_a_note(tmp_path):
    path = tmp_path / "phone.json"
    note = "[" * 400 + "]" * 400
    path.write_text(json.dumps(GOOD)[:-1] + f', "note": {note}, "exclusions ": {note}}}', encoding="utf-8")
    assert read_graph(path).label_names == ("too bright", "too dark")


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_a_file_that_cannot_be_opened_is_an_error_of_the_input(tmp_path, name):
    with pytest.raises(GraphError, match="cannot be read"):
        read_graph(tmp_path / name)


def test_the_sample_graphs_read_as_they_are():
    seed, prism = shared_graph("seed-6"), shared_graph("prism-53")
    assert seed == parse_graph(SEED_6, "inline", name="seed-6")
    assert (len(prism.labels), prism.n_nodes, prism.n_cells) == (53, 159, 212)
    assert prism.level_name(3, "en") == "severe"
