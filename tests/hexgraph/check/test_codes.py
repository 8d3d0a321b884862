"""Every code has a smallest file that brings it about, and nothing else, at the right place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from drawn_graphs import shared_graph

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph import HexGraph, parse_graph, read_graph
from iqa_cli.hexgraph.check import CODES, Finding, Severity, check_graph
from iqa_cli.paths import find_graph, graph_names

if TYPE_CHECKING:
    from pathlib import Path

SIZES = ("I401", "I402", "I405")
THREE = '"levels": [1, 2, 3]'
A3, B3, C3 = (f'{{"label": "{name}", {THREE}}}' for name in "abc")
A2, B2, C2, D2 = (f'{{"label": "{name}", "levels": [1, 2]}}' for name in "abcd")
SAME = '{"label_a": "c", "a_levels": [2], "label_b": "d", "b_levels": [2]}'


def excl(a: str, a_levels: str, b: str, b_levels: str) -> str:
    return f'{{"label_a": "{a}", "a_levels": {a_levels}, "label_b": "{b}", "b_levels": {b_levels}}}'


def sub(a: str, b: str, pairs: str) -> str:
    return f'{{"label_a": "{a}", "label_b": "{b}", "map": {pairs}}}'


OWN = [sub(name, name, "[[3, 2]]") for name in "ab"]


def text(nodes: list[str], exclusions: list[str] = (), subsumptions: list[str] = (), more: str = "") -> str:
    """A graph file with an item per line: nodes from line 3, exclusions from line 6 + nodes, and so on."""
    return "\n".join(
        [
            "{" + more,
            '"nodes": [',
            ",\n".join(nodes),
            '], "exclusions": [',
            ",\n".join(exclusions),
            '], "subsumptions": [',
            ",\n".join(subsumptions),
            "]}",
        ]
    )


# code: file, pointer, line, column, labels
CASES = {
    "E101": ('{"nodes": [\n  1,]}', "", 2, 5, ()),
    "E102": (text([A2, B2, '{"label": "c", "levels": [1, true]}']), "/nodes/2/levels/1", 5, 30, ()),
    "E103": (text([A2, B2, A2]), "/nodes/2", 5, 1, ("a",)),
    "W104": (
        text(
            [A2, B2, '{"label": "Ａ", "levels": [1, 2]}'], [excl("a", "[2]", "b", "[2]"), excl("Ａ", "[2]", "b", "[2]")]
        ),
        "/nodes/2/label",
        5,
        11,
        ("Ａ", "a"),
    ),
    "E105": (text([A2, B2], [excl("a", "[2]", "bb", "[2]")]), "/exclusions/0/label_b", 6, 46, ("bb",)),
    "E106": (text([A2, B2], [excl("a", "[2]", "b", "[2, 7]")]), "/exclusions/0/b_levels/1", 6, 67, ("b",)),
    "E107": (text([A2, '{"label": "b", "levels": [2, 1]}']), "/nodes/1/levels", 4, 26, ("b",)),
    "I108": (text([A2, B2, C2], [excl("a", "[2]", "b", "[2]")]), "/nodes/2", 5, 1, ("c",)),
    "W201": (
        text([A2, B2], [excl("a", "[2]", "b", "[2]"), excl("b", "[2]", "a", "[2]")]),
        "/exclusions/1",
        7,
        1,
        ("b", "a"),
    ),
    "W202": (
        text([A3, B3], [excl("a", "[2, 3]", "b", "[2, 3]"), excl("a", "[3]", "b", "[2, 3]")], OWN),
        "/exclusions/1",
        7,
        1,
        ("a", "b"),
    ),
    "I203": (
        text([A2, B2], [excl("a", "[2]", "b", "[2]")], [sub("a", "b", "[[2, 1]]")]),
        "/subsumptions/0",
        8,
        1,
        ("a", "b"),
    ),
    "E204": (text([A2, B2], [excl("a", "[2]", "a", "[2]")]), "/exclusions/0", 6, 1, ("a",)),
    "W205": (text([A3, B3], [excl("a", "[2]", "b", "[2, 3]")], OWN), "/exclusions/0/a_levels", 6, 30, ("a",)),
    "W206": (text([A2, B2], [excl("a", "[1]", "b", "[2]")]), "/exclusions/0/a_levels", 6, 30, ("a",)),
    "W207": (text([A3, B3], [excl("a", "[3]", "b", "[3]")], OWN[:1]), "/nodes/1", 4, 1, ("b",)),
    "I207": (text([A3, B3], [excl("a", "[3]", "b", "[3]")]), "/nodes/0", 3, 1, ("a", "b")),
    "E208": (text([A3, B3], [], [sub("a", "a", "[[2, 3]]")]), "/subsumptions/0/map/0", 8, 42, ("a",)),
    "I209": (
        text(
            ['{"label": "a", "levels": [1, 2, 3, 4]}', B2],
            [excl("a", "[4]", "b", "[2]")],
            [sub("a", "a", "[[3, 2]]")],
        ),
        "/subsumptions/0/map",
        8,
        41,
        ("a",),
    ),
    "W210": (
        text(
            ['{"label": "a", "levels": [1, 2, 3, 4]}', B2],
            [],
            [sub("a", "b", "[[2, 2], [3, 2]]"), sub("a", "a", "[[3, 2], [4, 2], [4, 3]]")],
        ),
        "/subsumptions/0/map",
        8,
        41,
        ("a", "b"),
    ),
    "I210": (text([A3, B3], [], [sub("a", "b", "[[2, 2]]"), *OWN]), "/subsumptions/0/map", 8, 41, ("a", "b")),
    "W211": (
        text([A3, B3], [], [sub("a", "b", "[[2, 3], [3, 2]]"), *OWN]),
        "/subsumptions/0/map/1",
        8,
        50,
        ("a", "b"),
    ),
    "I307": (
        text(
            [A2, B2, C2],
            [],
            [sub("a", "b", "[[2, 2]]"), sub("b", "c", "[[2, 2]]"), sub("a", "c", "[[2, 2]]")],
        ),
        "/subsumptions/2",
        11,
        1,
        ("a", "c"),
    ),
    "I306": (
        text([A2, B2, C2], [], [sub("a", "b", "[[2, 2]]"), sub("b", "c", "[[2, 2]]"), sub("c", "a", "[[2, 2]]")]),
        "/nodes/0",
        3,
        1,
        ("a", "b", "c"),
    ),
    "I401": (text([A2, B2], [excl("a", "[2]", "b", "[2]")]), "", 1, 1, ()),
    "I402": (text([A2, B2], [excl("a", "[2]", "b", "[2]")]), "", 1, 1, ("a", "b")),
    "I405": (text([A2, B2], [excl("a", "[2]", "b", "[2]")]), "", 1, 1, ()),
}

# Findings that cannot come alone: what else there is, because the one follows from the other.
WITH_OTHERS = {
    "W212": (
        text([A2, B2], [], [sub("a", "b", "[[1, 2]]")]),
        "/subsumptions/0/map/0",
        8,
        42,
        ("a", "b"),
        {"E302", "W304", "W305", "I210"},
    ),
    "E301": (
        text([A2, B2], [excl("a", "[1, 2]", "b", "[1, 2]")]),
        "/exclusions/0",
        6,
        1,
        ("a", "b"),
        {"W206", "W305"},
    ),
    "E302": (
        text([A2, B2, C2], [excl("b", "[2]", "c", "[2]")], [sub("a", "b", "[[2, 2]]"), sub("a", "c", "[[2, 2]]")]),
        "/nodes/0/levels/1",
        3,
        30,
        ("a",),
        {"W304"},
    ),
    "E303": (
        text([A2, B2], [excl("a", "[2]", "b", "[2]")], [sub("a", "b", "[[2, 2]]")]),
        "/exclusions/0",
        6,
        1,
        ("a", "b"),
        {"W304"},
    ),
    "W304": (
        text([A2, B2], [excl("a", "[2]", "b", "[1, 2]")]),
        "/nodes/0/levels/0",
        3,
        27,
        ("a",),
        {"E302", "W206"},
    ),
    "W305": (
        text([A2, B2], [excl("a", "[1]", "b", "[1]")]),
        "/exclusions/0",
        6,
        1,
        ("a", "b"),
        {"W206"},
    ),
    "I308": (
        text([A2, B2, C2], [], [sub("a", "b", "[[2, 2]]"), sub("b", "c", "[[2, 2]]")]),
        "/nodes/0",
        3,
        1,
        ("a", "c"),
        set(),
    ),
}


def findings_of(tmp_path: Path, content: str, **options: object) -> list[Finding]:
    path = tmp_path / "graph.json"
    path.write_text(content, encoding="utf-8")
    report = check_graph(path, **options)
    return [f for f in report.findings if f.code not in SIZES]


@pytest.mark.parametrize("code", [code for code in CASES if code not in SIZES])
def test_each_finding_comes_alone_and_at_its_place(tmp_path: Path, code: str) -> None:
    content, pointer, line, column, labels = CASES[code]
    (found,) = findings_of(tmp_path, content)
    assert (found.code, found.pointer, found.line, found.column, found.labels) == (code, pointer, line, column, labels)
    assert found.severity is {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}[code[0]]
    assert found.message


@pytest.mark.parametrize("code", WITH_OTHERS)
def test_a_finding_that_follows_from_another_has_its_own_place(tmp_path: Path, code: str) -> None:
    content, pointer, line, column, labels, others = WITH_OTHERS[code]
    found = findings_of(tmp_path, content, with_consequences=code == "I308")
    (own,) = [f for f in found if f.code == code]
    assert (own.pointer, own.line, own.column, own.labels) == (pointer, line, column, labels)
    assert {f.code for f in found} - {code} == others


@pytest.mark.parametrize("code", SIZES)
def test_sizes_are_told_of_every_sound_graph(tmp_path: Path, code: str) -> None:
    content, pointer, line, column, labels = CASES[code]
    path = tmp_path / "graph.json"
    path.write_text(content, encoding="utf-8")
    (found,) = [f for f in check_graph(path).findings if f.code == code]
    assert (found.pointer, found.line, found.column, found.labels) == (pointer, line, column, labels)


def test_a_graph_above_the_cap_is_refused_and_above_the_slow_mark_warned_of(tmp_path: Path) -> None:
    levels = list(range(1, 101))
    nodes = [f'{{"label": "{name}", "levels": {levels}}}' for name in "abc"]
    up = [[level, level] for level in levels[1:]]
    ties = [sub(x, y, str(up)) for x, y in ("ab", "bc", "ac")]  # a <= b <= c: 171,700 ways, all looked at together
    found = findings_of(tmp_path, text(nodes, subsumptions=ties))
    (slow,) = [f for f in found if f.code == "W403"]
    assert (slow.pointer, slow.labels) == ("", ("a", "b", "c"))
    assert "171,700" in slow.message
    assert slow.hint == "take out rules between these labels"
    (refused,) = [f for f in findings_of(tmp_path, text(nodes, subsumptions=ties), max_states=5) if f.code == "E404"]
    assert set(refused.labels) <= {"a", "b", "c"}


def test_small_cliques_that_add_up_to_a_slow_graph_are_not_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqa_cli.hexgraph.check.size.SLOW_FROM", 20)
    nodes = [f'{{"label": "x{i}", {THREE}}}' for i in range(12)]
    (slow,) = [f for f in findings_of(tmp_path, text(nodes)) if f.code == "W403"]
    assert "has 3 of them" in slow.message
    assert slow.hint == "split the graph, or leave out labels"


def test_labels_that_add_up_are_not_said_to_hang_together(tmp_path: Path) -> None:
    (refused,) = [f for f in findings_of(tmp_path, text([A3, B3, C3]), max_states=8) if f.code == "E404"]
    assert "hang together more closely" in refused.message
    assert "all 3 labels add up" in refused.message
    assert refused.hint.startswith("split the graph")


@pytest.mark.parametrize(
    "name",
    ["a  b", "A b", "a\u00a0b", "a\u200b b", "\u202ea b", "a\u00ad b"],
    ids=lambda name: name.encode("unicode_escape"),
)
def test_labels_that_nobody_can_tell_apart_look_alike(tmp_path: Path, name: str) -> None:
    nodes = [f'{{"label": {json.dumps(other)}, "levels": [1, 2]}}' for other in ("a b", "ab", name)]
    (alike,) = [f for f in findings_of(tmp_path, text(nodes)) if f.code == "W104"]
    assert alike.labels == (name, "a b")


@pytest.mark.parametrize("key", ["01", "-1", "1.0", "+1", "\u0661", ""])
def test_a_level_has_one_spelling_as_a_key(tmp_path: Path, key: str) -> None:
    more = f'"levels": {{"1": "none", {json.dumps(key)}: "other"}},'
    (finding,) = [f for f in findings_of(tmp_path, text([A2], more=more)) if f.code[0] == "E"]
    assert (finding.code, finding.pointer) == ("E102", f"/levels/{key}")


@pytest.mark.parametrize(("content", "hint"), [("", "is empty"), (" \n", "is empty"), ('{"nodes": [', "too early")])
def test_a_file_that_is_empty_or_cut_off_is_said_to_be(tmp_path: Path, content: str, hint: str) -> None:
    (finding,) = findings_of(tmp_path, content)
    assert finding.code == "E101"
    assert hint in finding.hint


def test_every_code_has_a_case_here_or_in_the_logic_tests() -> None:
    elsewhere = {"W309", "I310", "W403", "E404"}
    assert set(CODES) == set(CASES) | set(WITH_OTHERS) | elsewhere


def test_all_findings_of_a_broken_file_come_at_once(tmp_path: Path) -> None:
    content = text(
        [A2, B2, C2, '{"label": "d", "levels": [1, 2.0]}'],
        [excl("a", "[2]", "b", "[2]"), excl("x", "[2]", "b", "[9]")],
        [sub("a", "b", "[[2, 2]]"), sub("c", "d", "[[2, 2]]")],
    )
    assert [f.code for f in findings_of(tmp_path, content)] == ["E102", "E105", "E106", "E303", "W304"]


def test_what_the_reader_refuses_the_check_calls_an_error_and_the_other_way_round(tmp_path: Path) -> None:
    refused = {"E101", "E102", "E103", "E105", "E106", "E107", "E204", "E208"}
    path = tmp_path / "graph.json"
    for code, case in (CASES | WITH_OTHERS).items():
        path.write_text(case[0], encoding="utf-8")
        report = check_graph(path)
        if code in refused:
            with pytest.raises(GraphError) as caught:
                read_graph(path)
            lines = [f"{f.line}:{f.column}: {f.message}" for f in report.findings if f.code in refused]
            if code != "E101":
                assert [line.split(" (did")[0] for line in caught.value.problems] == lines
        else:
            assert report.graph == read_graph(path)
            assert not {f.code for f in report.findings} & refused


@pytest.mark.parametrize("name", graph_names())
def test_shipped_graphs_are_sound_and_free_of_warnings(name: str) -> None:
    report = check_graph(find_graph(name))
    assert (report.errors, report.warnings) == (0, 0)
    assert report.size.legal_states is not None


@pytest.mark.parametrize(("name", "legal"), [("seed-6", 343), ("prism-53", 115430162103244929368064)])
def test_graphs_as_published_are_sound_and_free_of_warnings(name: str, legal: int) -> None:
    graph: HexGraph = shared_graph(name)
    report = check_graph(graph)
    assert (report.errors, report.warnings, report.size.legal_states) == (0, 0, legal)
    assert all(f.line is None for f in report.findings)


def test_a_graph_without_a_file_has_the_places_of_its_canonical_document() -> None:
    graph = parse_graph(json.loads(CASES["W205"][0]), "x")
    (found,) = [f for f in check_graph(graph).findings if f.code == "W205"]
    assert (found.pointer, found.line) == ("/exclusions/0/a_levels", None)


def test_a_finding_of_an_unknown_kind_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="E999"):
        Finding("E999", "", None, None, "no")
