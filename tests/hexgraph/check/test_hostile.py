"""Files that want to hurt: the answer is a report, soon, and never a traceback."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from drawn_graphs import SEED_6, quick
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph import read_graph
from iqa_cli.hexgraph.check import GraphReport, GraphSize, check_graph
from iqa_cli.hexgraph.check.size import all_digits, short_count
from iqa_cli.hexgraph.problems import MAX_KEPT
from iqa_cli.paths import find_graph
from iqa_cli.report.graph.json_file import graph_reports_json

if TYPE_CHECKING:
    from pathlib import Path


def checked(path: Path) -> GraphReport:
    """The report, which agrees with the reader and can be written."""
    report = check_graph(path, with_consequences=True, max_states=20_000)
    assert json.loads(graph_reports_json([report]))["format_version"] == 1
    try:
        graph = read_graph(path)
    except GraphError:
        assert report.graph is None
        assert report.errors
    else:
        assert report.graph == graph
    return report


def with_nodes(nodes: object, **sections: object) -> str:
    return json.dumps({"nodes": nodes, **sections})


PLAIN = [{"label": "a", "levels": [1, 2]}, {"label": "b", "levels": [1, 2]}]
RULE = {"label_a": "a", "a_levels": [2], "label_b": "b", "b_levels": [2]}

HOSTILE = {
    "empty": "",
    "null": "null",
    "a list": "[]",
    "an empty object": "{}",
    "not a graph": '{"name": "x", "version": 3}',
    "deep": "[" * 100_000,
    "deep but closed": '{"nodes": ' + "[" * 50_000 + "]" * 50_000 + "}",
    "endless number": '{"nodes": [{"label": "a", "levels": [1, ' + "9" * 200_000 + "]}]}",
    "large numbers": with_nodes([{"label": "a", "levels": [1, 10**3000]}, *PLAIN[1:]]),
    "large levels in rules": with_nodes(PLAIN, exclusions=[{**RULE, "a_levels": [10**3000]}]),
    "many levels": with_nodes([{"label": "a", "levels": list(range(1, 50_000))}]),
    "a level many times": with_nodes(PLAIN, exclusions=[{**RULE, "a_levels": [2] * 50_000}]),
    "a key many times": '{"nodes": [], ' + ", ".join(['"x": 1'] * 50_000) + "}",
    "many keys many times": "{" + ", ".join(f'"k{i % 20_000}": 1' for i in range(40_000)) + ', "nodes": []}',
    "no numbers": '{"nodes": [' + ", ".join(["NaN"] * 10_000) + "]}",
    "many unknown labels": with_nodes(
        [{"label": f"label {i}", "levels": [1, 2]} for i in range(2000)],
        exclusions=[{**RULE, "label_a": f"lable {i}"} for i in range(2000)],
    ),
    "long names": with_nodes(
        [{"label": "x" * 50_000 + str(i), "levels": [1, 2]} for i in range(4)],
        exclusions=[{**RULE, "label_a": "x" * 50_000 + str(i)} for i in range(4, 8)],
    ),
    "one pair many rules": with_nodes(PLAIN, exclusions=[RULE] * 3_000),
    "the same label many times": with_nodes(PLAIN[:1] * 5_000),
    "surrogates": '{"nodes": [{"label": "\\ud800", "levels": [1, 2]}, {"label": "b\\udfff", "levels": [1, 2]}]}',
    "control characters": '{"nodes": [{"label": "a\\u001b[2J", "levels": [1, 2]}, {"label": "\\u202eb"}]}',
    "keys with slashes": '{"nodes": [{"label": "a", "levels": [1, 2], "x/y~z": NaN}]}',
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_get_a_report(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "graph.json"
    path.write_text(HOSTILE[kind], encoding="utf-8")
    report = checked(path)
    assert all(f.line is not None for f in report.findings)
    assert len(report.findings) <= 6 * MAX_KEPT
    if kind in ("empty", "null", "a list", "an empty object", "not a graph", "deep", "deep but closed"):
        assert not report.is_graph


def test_of_many_findings_of_a_kind_all_are_counted_and_a_thousand_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text(HOSTILE["many unknown labels"], encoding="utf-8")
    report = check_graph(path)
    assert sum(f.code == "E105" for f in report.findings) == MAX_KEPT
    assert report.omitted["E105"] == 4_000 - MAX_KEPT
    assert report.errors == 4_000
    assert 'did you mean "label 7"?' in {f.hint for f in report.findings}


def test_pointers_are_escaped_as_rfc_6901_says(tmp_path: Path) -> None:
    path = tmp_path / "graph.json"
    path.write_text(HOSTILE["keys with slashes"], encoding="utf-8")
    assert "/nodes/0/x~1y~0z" in {f.pointer for f in check_graph(path).findings}


@pytest.mark.parametrize(
    "raw", [b"\xef\xbb\xbf{}", '{"nodes": []}'.encode("utf-16"), b'{"nodes": "\xff"}', b"\x00" * 50]
)
def test_files_that_are_not_utf8_are_no_graphs(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "graph.json"
    path.write_bytes(raw)
    report = checked(path)
    assert [f.code for f in report.findings] == ["E101"]
    assert not report.is_graph


@pytest.mark.parametrize("name", ["missing.json", ".", "a\0b.json"])
def test_files_that_cannot_be_read_are_no_graphs(tmp_path: Path, name: str) -> None:
    report = check_graph(tmp_path / name)
    assert [(f.code, f.line) for f in report.findings] == [("E101", None)]


SOURCES = [json.dumps(SEED_6, ensure_ascii=False, indent=1), find_graph("smartphone-12").read_text(encoding="utf-8")]
PIECES = ["{", "}", "[", "]", ",", ":", '"', "1", "4", "true", "null", "NaN", "2.0", "-1", "1e999", "[]", "{}",
          '"label"', '"dark"', "\\", "\n", "\x00", "\u202e", "9" * 30]  # fmt: skip


@given(st.sampled_from(SOURCES), st.integers(0, 2**32), st.integers(1, 4))
@quick(150)
def test_damaged_files_get_a_report(
    tmp_path_factory: pytest.TempPathFactory, source: str, seed: int, cuts: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - damage, not secrets
    for _ in range(cuts):
        start = rng.randrange(len(source))
        end = start + rng.choice([0, 1, 1, 2, 5, 40])
        source = source[:start] + rng.choice(["", "", source[end : end + 30], *PIECES]) + source[end:]
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    path.write_text(source, encoding="utf-8")
    checked(path)


def _replaced(value: object, rng: random.Random) -> object:
    """A document with a value somewhere replaced by another one."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        other = rng.choice(["label_a", "map", "note", key.upper()]) if rng.random() < 0.1 else key
        return {k if k != key else other: v if k != key else _replaced(v, rng) for k, v in value.items()}
    if isinstance(value, list) and value and rng.random() < 0.9:
        i = rng.randrange(len(value))
        return [*value[:i], _replaced(value[i], rng), *value[i + rng.choice([0, 1, 1, 1]) :]]
    return rng.choice(
        [None, True, 0, 1, 2, 3, 4, 5, 2.0, "", "dark", "bright", [], {}, [1], [4, 1], [[2, 1]], [[1, 2]]]
    )


@given(st.sampled_from([json.loads(source) for source in SOURCES]), st.integers(0, 2**32), st.integers(1, 6))
@quick(150)
def test_files_with_other_values_get_a_report(
    tmp_path_factory: pytest.TempPathFactory, document: object, seed: int, times: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - damage, not secrets
    for _ in range(times):
        document = _replaced(document, rng)
    path = tmp_path_factory.getbasetemp() / "replaced.json"
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    checked(path)


@given(st.integers(0, 10**40))
@quick(100)
def test_counts_for_people_are_those_for_programs(number: int) -> None:
    assert all_digits(number) == str(number)
    shown = short_count(number)
    if number < 10**15:
        assert shown.replace(",", "") == str(number)
    else:
        assert abs(float(shown) / number - 1) < 0.006


def test_a_size_of_any_length_can_be_shown_in_a_session() -> None:
    assert "treewidth=1" in repr(GraphSize(treewidth=1, legal_states=10**5000))


def test_counts_of_any_length_are_written() -> None:
    number = 7**20_000
    digits = all_digits(number)
    assert len(digits) == 16902
    assert short_count(number).endswith("e+16901")
    assert float(short_count(number)[:4]) == round(int(digits[:6]) / 100_000, 2)
    value = 0
    for k in range(0, len(digits), 4000):
        value = value * 10 ** len(digits[k : k + 4000]) + int(digits[k : k + 4000])
    assert value == number
