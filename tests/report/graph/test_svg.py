"""The picture of a graph: complete, well formed, the same every time, and refused where nobody could read it."""

from __future__ import annotations

import dataclasses
import re
import sys
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iqa_cli.errors import GraphError, MissingExtra
from iqa_cli.hexgraph import Exclusion, HexGraph, Label, Subsumption, read_graph
from iqa_cli.paths import find_graph
from iqa_cli.report.graph.groups import Box, parts
from iqa_cli.report.graph.svg import MOST_LABELS, MOST_LINES, draw_graph
from iqa_cli.report.graph.text import safe, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

SVG = "{http://www.w3.org/2000/svg}"
SHIPPED = ("smartphone-6", "smartphone-12", "prism-53")


def labels(count: int, levels: int = 4) -> tuple[Label, ...]:
    return tuple(Label(f"l{i}", tuple(range(1, levels + 1))) for i in range(count))


def root_of(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own text


def texts(svg: str, tag: str = "text", cls: str | None = None) -> list[str]:
    return [e.text or "" for e in root_of(svg).iter(f"{SVG}{tag}") if cls is None or e.get("class") == cls]


def told(svg: str) -> list[str]:
    """What the boxes and lines of a picture say of their rules."""
    return [title for title in texts(svg, "title") if re.search("[⊘→]", title) and "\n" not in title]


@st.composite
def graphs(draw: st.DrawFn) -> HexGraph:
    """Up to 6 labels of up to 4 levels with any rules between them."""
    found = tuple(Label(f"l{i}", tuple(range(1, draw(st.integers(2, 4)) + 1))) for i in range(draw(st.integers(2, 6))))
    exclusions, subsumptions = [], []
    for _ in range(draw(st.integers(0, 8))):
        a, b = draw(st.permutations(found))[:2]
        if draw(st.booleans()):
            pair = (draw(st.sampled_from(a.levels)), draw(st.sampled_from(b.levels)))
            subsumptions.append(Subsumption(a.name, b.name, (pair,)))
        else:
            sets = [draw(st.lists(st.sampled_from(label.levels), min_size=1, unique=True)) for label in (a, b)]
            exclusions.append(Exclusion(a.name, tuple(sets[0]), b.name, tuple(sets[1])))
    return HexGraph("drawn", found, exclusions=tuple(exclusions), subsumptions=tuple(subsumptions))


def forbidden(graph: HexGraph) -> set[tuple[int, int, int, int]]:
    """(label, level, label, level) that no state has together, from the boxes and lines of a picture."""
    found = parts(graph)
    cells = set()

    def forbid(a: int, a_levels: tuple[int, ...], b: int, b_levels: tuple[int, ...]) -> None:
        a, a_levels, b, b_levels = (a, a_levels, b, b_levels) if a < b else (b, b_levels, a, a_levels)
        cells.update((a, x, b, y) for x in a_levels for y in b_levels)

    for box in found.boxes:
        ends = list(zip(box.labels, box.marked, strict=False))
        for k, end in enumerate(ends):
            for other in ends[k + 1 :]:
                forbid(*end, *other)
    for line in found.lines:
        beside = line.b.levels
        if line.kind == "subsumption":
            beside = tuple(level for level in graph.labels[line.b.label].levels if level not in beside)
        forbid(line.a.label, line.a.levels, line.b.label, beside)
    return cells


def in_tables(graph: HexGraph) -> set[tuple[int, int, int, int]]:
    """The same from the graph's own tables."""
    own = [label.levels for label in graph.labels]
    return {
        (a, own[a][x], b, own[b][y])
        for (a, b), table in graph.tables.items()
        for x in range(len(own[a]))
        for y in range(len(own[b]))
        if not table[x, y]
    }


@given(graph=graphs())
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
def test_boxes_and_lines_forbid_exactly_what_the_rules_forbid(graph: HexGraph) -> None:
    assert forbidden(graph) == in_tables(graph)
    in_boxes = [label for box in parts(graph).boxes for label in box.labels]
    assert sorted(in_boxes) == list(range(len(graph.labels)))


@given(graph=graphs())
@settings(max_examples=25, deadline=None, derandomize=True, database=None)
def test_any_graph_gives_a_picture_within_its_page_the_same_each_time(graph: HexGraph) -> None:
    pytest.importorskip("pygraphviz")
    svg = draw_graph(graph)
    assert svg == draw_graph(graph)
    root = root_of(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for card in root.iter(f"{SVG}rect"):
        if card.get("class") == "card":
            assert 0 <= float(card.attrib["x"]) < width
            assert 0 <= float(card.attrib["y"]) < height
    found = parts(graph)
    assert len(told(svg)) == len(found.lines) + sum(bool(box.marked) for box in found.boxes)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_label_and_level_stands_in_the_picture(name: str, lang: str) -> None:
    pytest.importorskip("pygraphviz")
    graph = read_graph(find_graph(name))
    svg = draw_graph(graph, lang=lang)
    spoken = "".join(texts(svg)).replace(" ", "")
    for label in graph.labels:
        assert label.display(lang).replace(" ", "") in spoken
        assert label.name.replace(" ", "") in spoken
    rows = [text for text in texts(svg) if re.match(r"\d  ", text)]
    assert len(rows) == graph.n_cells
    assert {row.split("  ")[1] for row in rows} == {graph.level_name(level, lang) for level in (1, 2, 3, 4)}


def test_labels_that_all_exclude_each_other_share_one_box() -> None:
    svg = draw_graph(read_graph(find_graph("smartphone-12")))
    casts = "red_cast ≥ 2 ⊘ blue_cast ≥ 2 ⊘ green_cast ≥ 2 ⊘ yellow_cast ≥ 2"
    assert sorted(told(svg)) == sorted(
        [
            "bright ≥ 2 ⊘ dark ≥ 2",
            "high_contrast ≥ 2 ⊘ low_contrast ≥ 2",
            "overexposed ≥ 2 ⊘ over_suppressed ≥ 2",
            casts,
            "crushed_shadows ≥ 2 ⊘ lifted_shadows ≥ 2",
        ]
    )
    assert texts(svg, cls="box-text") == ["at most one at 2 or above"] * 5


def test_every_implication_of_prism_53_is_an_arrow() -> None:
    pytest.importorskip("pygraphviz")
    graph = read_graph(find_graph("prism-53"))
    svg = draw_graph(graph)
    between = [rule for rule in graph.subsumptions if rule.label_a != rule.label_b]
    rules = {f"{rule.label_a} ≥ {x} → {rule.label_b} ≥ {y}" for rule in between for x, y in rule.map}
    assert {title for title in told(svg) if "→" in title} == rules
    arrows = [e for e in root_of(svg).iter(f"{SVG}path") if e.get("class") == "arrow"]
    assert len(arrows) == len(rules) + 1, "one for each rule, one in the legend"


def test_exact_sets_are_told_as_sets_and_shown_level_by_level() -> None:
    pytest.importorskip("pygraphviz")
    rules = (Exclusion("l0", (2, 4), "l1", (3,)), Exclusion("l0", (3,), "l1", (2,)))
    svg = draw_graph(HexGraph("sets", labels(2), exclusions=rules))
    assert sorted(told(svg)) == ["l0 {2, 4} ⊘ l1 {3}", "l0 {3} ⊘ l1 {2}"]
    bars = [e for e in root_of(svg).iter(f"{SVG}line") if e.get("class") == "bar-exclusion"]
    assert len(bars) == 5 + 2, "a bar for each of five levels, two in the legend"


def test_a_set_with_a_gap_in_a_box_is_tinted_not_called_a_threshold() -> None:
    svg = draw_graph(HexGraph("gap", labels(2), exclusions=(Exclusion("l0", (2, 4), "l1", (3, 4)),)))
    assert texts(svg, cls="box-text") == ["at most one at a tinted level"]
    tinted = [e for e in root_of(svg).iter(f"{SVG}rect") if e.get("class") == "excluded"]
    assert len(tinted) == 4 + 2, "four levels, two in the legend"


def test_a_pair_that_also_implies_is_drawn_with_both_its_lines() -> None:
    pytest.importorskip("pygraphviz")
    exclusion, subsumption = Exclusion("l0", (2, 3, 4), "l1", (2, 3, 4)), Subsumption("l0", "l1", ((3, 2),))
    svg = draw_graph(HexGraph("dead", labels(2), exclusions=(exclusion,), subsumptions=(subsumption,)))
    assert sorted(told(svg)) == ["l0 ≥ 2 ⊘ l1 ≥ 2", "l0 ≥ 3 → l1 ≥ 2"]


def test_pairs_of_a_map_that_another_implies_are_not_drawn_twice() -> None:
    pytest.importorskip("pygraphviz")
    rules = (Subsumption("l0", "l1", ((2, 2), (3, 2), (4, 3))), Subsumption("l0", "l1", ((2, 2),)))
    assert told(draw_graph(HexGraph("once", labels(2), subsumptions=rules))) == ["l0 ≥ 2 → l1 ≥ 2", "l0 ≥ 4 → l1 ≥ 3"]


def test_dead_levels_are_marked_counted_and_explained() -> None:
    graph = read_graph(find_graph("smartphone-6"))
    whole, broken = draw_graph(graph), draw_graph(graph, {("bright", 3), ("bright", 4)})
    assert sorted(texts(broken, cls="dead-text")) == ["3  severe", "4  blocking"]
    assert "dead levels: 2" in texts(broken, cls="sub")[0]
    assert any(text.startswith("dead:") for text in texts(broken, cls="key"))
    assert texts(whole, cls="dead-text") == []
    assert "dead" not in "".join(texts(whole))


@pytest.mark.parametrize("dead", [("brihgt", 3), ("bright", 9)])
def test_a_dead_level_that_the_graph_does_not_have_is_refused(dead: tuple[str, int]) -> None:
    with pytest.raises(GraphError, match=str(dead[1]) if dead[0] == "bright" else dead[0]):
        draw_graph(read_graph(find_graph("smartphone-6")), [dead])


HOSTILE = "<script>&\"'</text>\x1b[31m\u202e\ufffe\n"


def test_names_are_escaped_and_cannot_hold_what_xml_forbids() -> None:
    pytest.importorskip("pygraphviz")
    nasty = (Label("<b> & \"c\" 'd'", (1, 2), {"en": HOSTILE, "zh": "<坏>"}), Label("]]><!--", (1, 2)))
    rule = Subsumption(nasty[0].name, nasty[1].name, ((2, 2),))
    graph = HexGraph(HOSTILE, nasty, {1: {"en": HOSTILE}}, subsumptions=(rule,))
    svg = draw_graph(graph)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ufffe]", svg)
    assert "<script>" in "".join(texts(svg, "title"))
    assert "<script" not in svg
    assert "<坏>" in "".join(texts(draw_graph(graph, lang="zh")))


@given(text=st.text(max_size=60), limit=st.integers(10, 300), most=st.integers(1, 4))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_wrapped_text_loses_nothing_unless_it_says_so(text: str, limit: int, most: int) -> None:
    lines = wrapped(safe(text), 12, limit, most)
    assert 1 <= len(lines) <= most
    if not lines[-1].endswith("…"):
        assert "".join("".join(lines).split()) == "".join(safe(text).split())
    root_of(f"<a>{ET.tostring(_with_text(lines), encoding='unicode')}</a>")


def _with_text(lines: tuple[str, ...]) -> ET.Element:
    element = ET.Element("t")
    element.text = "\n".join(lines)
    return element


def _too_large() -> Iterator[tuple[HexGraph, str]]:
    many = labels(MOST_LABELS + 1, 2)
    yield HexGraph("many", many), f"{MOST_LABELS + 1} labels"
    tied = tuple(Subsumption("l0", f"l{i}", ((x, x),)) for i in range(1, 200) for x in (2, 3, 4))
    yield HexGraph("tied", labels(200), subsumptions=tied), "597 rules between labels"


@pytest.mark.parametrize(("graph", "said"), list(_too_large()), ids=["labels", "lines"])
def test_what_nobody_could_read_is_refused_with_a_way_out(graph: HexGraph, said: str) -> None:
    with pytest.raises(GraphError, match=f"{said} are too many .*at most {MOST_LINES}") as caught:
        draw_graph(graph)
    assert "a file with its labels and rules alone" in str(caught.value)


def test_the_largest_allowed_is_drawn() -> None:
    pytest.importorskip("pygraphviz")
    rules = tuple(Subsumption(f"l{i}", f"l{(i - 1) // 2}", ((2, 2),)) for i in range(1, MOST_LABELS))
    assert len(told(draw_graph(HexGraph("tree", labels(MOST_LABELS), subsumptions=rules)))) == MOST_LABELS - 1
    everyone = labels(60, 2)
    clique = tuple(Exclusion(a.name, (2,), b.name, (2,)) for i, a in enumerate(everyone) for b in everyone[:i])
    assert parts(HexGraph("clique", everyone, exclusions=clique)).boxes == (Box(tuple(range(60)), ((2,),) * 60),)


def test_without_graphviz_boxes_are_drawn_and_lines_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    assert draw_graph(read_graph(find_graph("smartphone-12")))
    with pytest.raises(MissingExtra, match="pygraphviz") as caught:
        draw_graph(read_graph(find_graph("prism-53")))
    assert "pip install '.[draw]'" in str(caught.value)


def test_two_readings_of_one_file_give_the_same_picture_whatever_the_order_of_names() -> None:
    graph = read_graph(find_graph("smartphone-12"))
    turned = [dataclasses.replace(label, names=dict(reversed(label.names.items()))) for label in graph.labels]
    pictures = [
        draw_graph(dataclasses.replace(graph, labels=found), lang="en") for found in (graph.labels, tuple(turned))
    ]
    visible = [texts(picture) for picture in pictures]
    assert visible[0] == visible[1]
