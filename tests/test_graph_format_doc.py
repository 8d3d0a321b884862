"""docs/graph-format.md holds what it says: its graphs, its counts, its commands and its pictures.

A JSON block says in its first line what is true of it: `title` the file that later commands name, `states` its legal
states, `dead` its dead levels, `refused` the message of the reader. A command says how it ends: `# exit 0`.
"""

from __future__ import annotations

import itertools
import json
import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph import HexGraph, compile_plan, parse_graph, read_graph
from iqa_cli.report.graph.svg import draw_graph

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "graph-format.md"
TEXT = PAGE.read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)([^\n]*)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
JSON_BLOCKS = [
    (dict(re.findall(r'(\w+)="?((?:(?<==)\d+)|(?:(?<=")(?:[^"\\]|\\.)*))', facts)), body)
    for kind, facts, body in BLOCKS
    if kind == "json"
]
READABLE = [(facts, body) for facts, body in JSON_BLOCKS if "refused" not in facts]
COMMANDS = [line for kind, _, body in BLOCKS if kind == "sh" for line in body.splitlines()]


def title(block: object) -> str | None:
    return block["title"] if isinstance(block, dict) else ""


def legal_states(graph: HexGraph) -> list[tuple[int, ...]]:
    return [state for state in itertools.product(*(label.levels for label in graph.labels)) if graph.is_legal(state)]


def test_the_page_has_graphs_and_commands_and_every_block_is_tested() -> None:
    assert {kind for kind, _, _ in BLOCKS} == {"json", "sh"}
    assert all(facts["title"] and facts.keys() & {"states", "refused"} for facts, _ in JSON_BLOCKS)
    assert len(READABLE) >= 5
    assert all(re.search(r"# exit \d+$", line) for line in COMMANDS)


@pytest.mark.parametrize(("facts", "body"), READABLE, ids=title)
def test_a_graph_of_the_page_has_the_states_it_says(facts: dict[str, str], body: str) -> None:
    graph = parse_graph(json.loads(body), facts["title"])
    states = legal_states(graph)
    assert len(states) == int(facts["states"])
    dead = [
        f"{label.name} {level}"
        for i, label in enumerate(graph.labels)
        for level in label.levels
        if not any(state[i] == level for state in states)
    ]
    assert ", ".join(dead) == facts.get("dead", "")
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    assert re.search(rf"\b{facts['states']}\b", prose), "the number is explained in the text"


def test_the_graphs_of_the_page_in_our_spelling_hold_to_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "graph-schema.json").read_text("utf-8")))
    ours = {facts["title"]: json.loads(body) for facts, body in READABLE if "Nodes" not in body}
    assert len(ours) >= 4
    assert {name: error.message for name, document in ours.items() for error in schema.iter_errors(document)} == {}


def test_a_refused_graph_of_the_page_is_refused_in_these_words() -> None:
    refused = [(facts, body) for facts, body in JSON_BLOCKS if "refused" in facts]
    assert refused
    for facts, body in refused:
        with pytest.raises(GraphError) as caught:
            parse_graph(json.loads(body), facts["title"])
        assert facts["refused"].replace('\\"', '"') in str(caught.value)


def test_the_commands_of_the_page_end_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    typer_main = pytest.importorskip("typer.main")
    from typer.testing import CliRunner

    from iqa_cli.cli.app import app

    assert COMMANDS
    if "graph-check" not in typer_main.get_command(app).commands:
        pytest.skip("this build has no graph-check")
    if any("--draw" in line for line in COMMANDS):
        pytest.importorskip("pygraphviz", reason="a picture with lines needs the draw extra")
    for facts, body in JSON_BLOCKS:
        (tmp_path / facts["title"]).write_text(body, "utf-8")
    monkeypatch.chdir(tmp_path)
    for line in COMMANDS:
        command, code = line.split("# exit ")
        program, *arguments = shlex.split(command)
        result = CliRunner().invoke(app, arguments)
        assert (program, result.exit_code) == ("iqa", int(code)), f"{line}\n{result.output}"
    assert ET.parse(tmp_path / "five.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own file
    assert read_graph(tmp_path / "new.json").tables.keys() == read_graph(tmp_path / "older.json").tables.keys()


@pytest.mark.parametrize("name", ["smartphone-6", "smartphone-7", "smartphone-12", "prism-53"])
def test_the_table_of_sizes_is_true(name: str) -> None:
    (row,) = re.findall(rf"^\| `{name}` \|(.*)\|$", TEXT, flags=re.MULTILINE)
    graph = read_graph(ROOT / "hex_graphs" / f"{name}.json")
    plan = compile_plan(graph)
    numbers = [int(cell.replace(",", "")) for cell in row.split("|")]
    assert numbers == [len(graph.labels), plan.n_legal_states, plan.stats.treewidth + 1]


def test_the_picture_of_smartphone_12_is_current() -> None:
    drawn = draw_graph(read_graph(ROOT / "hex_graphs" / "smartphone-12.json"))
    stored = (ROOT / "docs" / "graph-smartphone-12.svg").read_text("utf-8")
    assert drawn == stored, "iqa graph-check hex_graphs/smartphone-12.json --draw docs/graph-smartphone-12.svg"


def test_the_picture_of_the_five_labels_is_current_but_for_places() -> None:
    """Another release of Graphviz may lead the lines another way; what is drawn must be the same."""
    pytest.importorskip("pygraphviz")
    (body,) = (body for facts, body in JSON_BLOCKS if facts["title"] == "five.json")
    drawn = draw_graph(parse_graph(json.loads(body), "five"))
    stored = (ROOT / "docs" / "graph-first-five.svg").read_text("utf-8")
    assert _content(drawn) == _content(stored), "draw the graph of the page anew into docs/graph-first-five.svg"


def _content(svg: str) -> list[tuple[str, str, str]]:
    """Elements in order, without their places."""
    elements = ET.fromstring(svg).iter()  # noqa: S314 - our own text
    return [(e.tag, e.get("class", ""), (e.text or "").strip()) for e in elements]
