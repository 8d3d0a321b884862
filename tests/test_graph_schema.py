"""docs/graph-schema.json: it explains every field, takes what is shipped, and refuses what the reader refuses."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from iqa_cli.errors import GraphError
from iqa_cli.hexgraph import HexGraph, Label, parse_graph, read_graph

if TYPE_CHECKING:
    from collections.abc import Iterator

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).parents[1]
SHIPPED = sorted((ROOT / "hex_graphs").glob("*.json"))
SCHEMA = json.loads((ROOT / "docs" / "graph-schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

SOUND: dict[str, Any] = {
    "format_version": 1,
    "name": "sound",
    "labels": ["a", "b"],
    "levels": {"1": {"en": "none", "zh": "无"}, "2": "some"},
    "nodes": [
        {"label": "a", "levels": [1, 2, 3], "names": {"en": "A"}, "region": "face"},
        {"label": "b", "levels": [1, 2], "region": None, "note": "anything"},
    ],
    "exclusions": [{"label_a": "a", "a_levels": [3], "label_b": "b", "b_levels": [2], "note": ["why"]}],
    "subsumptions": [{"label_a": "a", "label_b": "b", "map": [[2, 2]]}],
    "somebody's own key": {"kept": True},
}
DELETE = object()

BROKEN: list[tuple[tuple[str | int, ...], object]] = [
    (("format_version",), 2),
    (("format_version",), "1"),
    (("format_version",), True),
    (("name",), 5),
    (("labels",), "a, b"),
    (("labels", 0), 1),
    (("labels", 1), "a"),
    (("levels",), ["none", "some"]),
    (("levels", "one"), "none"),
    (("levels", "01"), "none"),
    (("levels", "1"), 1),
    (("levels", "1", "en"), None),
    (("nodes",), DELETE),
    (("nodes",), {}),
    (("nodes",), []),
    (("nodes", 0), "a"),
    (("nodes", 0, "label"), DELETE),
    (("nodes", 0, "label"), 7),
    (("nodes", 0, "label"), ""),
    (("nodes", 0, "label"), " a"),
    (("nodes", 0, "label"), "a\nb"),
    (("nodes", 0, "label"), "a\x7f"),
    (("nodes", 0, "levels"), DELETE),
    (("nodes", 0, "levels"), 3),
    (("nodes", 0, "levels"), [1]),
    (("nodes", 0, "levels"), [1, 1, 2, 3]),
    (("nodes", 0, "levels"), [0, 1, 2, 3]),
    (("nodes", 0, "levels"), [1, 2, 3, 1_000_001]),
    (("nodes", 0, "levels"), list(range(1, 102))),
    (("nodes", 0, "levels"), [1, True, 3]),
    (("nodes", 0, "levels"), [1, 2.5, 3]),
    (("nodes", 0, "levels"), [1, "2", 3]),
    (("nodes", 0, "names"), "A"),
    (("nodes", 0, "names", "en"), 1),
    (("nodes", 0, "aliases"), "A"),
    (("nodes", 0, "aliases"), [1]),
    (("nodes", 0, "aliases"), [""]),
    (("nodes", 0, "aliases"), ["x", "x"]),
    (("exclusions",), {}),
    (("exclusions", 0), None),
    (("exclusions", 0, "label_a"), DELETE),
    (("exclusions", 0, "label_b"), ["b"]),
    (("exclusions", 0, "a_levels"), DELETE),
    (("exclusions", 0, "b_levels"), 2),
    (("exclusions", 0, "b_levels"), ["2"]),
    (("exclusions", 0, "b_levels"), [True]),
    (("subsumptions",), "none"),
    (("subsumptions", 0), []),
    (("subsumptions", 0, "label_b"), DELETE),
    (("subsumptions", 0, "map"), DELETE),
    (("subsumptions", 0, "map"), {"2": 2}),
    (("subsumptions", 0, "map"), [2, 2]),
    (("subsumptions", 0, "map"), [[2]]),
    (("subsumptions", 0, "map"), [[2, 2, 2]]),
    (("subsumptions", 0, "map"), [[2, None]]),
    (("subsumptions", 0, "map"), [[2, 2], [3, 2.5]]),
]

BEYOND_A_SCHEMA: list[tuple[tuple[str | int, ...], object]] = [
    (("labels", 1), "c"),
    (("nodes", 1, "label"), "a"),
    (("nodes", 0, "levels"), [3, 2, 1]),
    (("nodes", 0, "levels"), [1, 2.0, 3]),
    (("exclusions", 0, "label_a"), "c"),
    (("exclusions", 0, "a_levels"), [4]),
    (("subsumptions", 0, "map"), [[4, 2]]),
]


def changed(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """The sound document with one thing changed."""
    document = copy.deepcopy(SOUND)
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    if value is DELETE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return document


def case_name(value: object) -> str:
    if isinstance(value, tuple):
        return ".".join(map(str, value))
    return "left out" if value is DELETE else str(value)[:20].encode("unicode_escape").decode()


def objects(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema of a property inside a schema, with its place."""
    if isinstance(schema, dict):
        for name, prop in schema.get("properties", {}).items():
            yield f"{place}/{name}", prop
        for key, value in schema.items():
            yield from objects(value, f"{place}/{key}")
    elif isinstance(schema, list):
        for i, value in enumerate(schema):
            yield from objects(value, f"{place}/{i}")


def explanation(prop: dict[str, Any]) -> str:
    """What a property says of itself, else what the schema that it refers to says."""
    referred = SCHEMA["$defs"].get(prop.get("$ref", "").rsplit("/", 1)[-1], {})
    return str({**referred, **prop}.get("description", ""))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_field_is_explained() -> None:
    fields = dict(objects(SCHEMA))
    assert len(fields) > 20
    assert [name for name, prop in fields.items() if len(explanation(prop)) < 20] == []
    assert [name for name, part in SCHEMA["$defs"].items() if "description" not in part] == []


def test_the_canonical_document_has_no_field_that_the_schema_does_not_explain() -> None:
    document = read_graph(SHIPPED[0]).to_json()
    assert set(document) <= set(SCHEMA["properties"])
    for section, part in (("nodes", "node"), ("exclusions", "exclusion"), ("subsumptions", "subsumption")):
        items = document[section]
        assert isinstance(items, list)
        assert {key for item in items for key in item} <= set(SCHEMA["$defs"][part]["properties"])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("form", ["as shipped", "written again"])
def test_shipped_graphs_hold_to_the_schema(path: Path, form: str) -> None:
    document = json.loads(path.read_text("utf-8")) if form == "as shipped" else read_graph(path).to_json()
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


def test_what_the_library_writes_holds_to_the_schema() -> None:
    graph = HexGraph("least", (Label("a", (1, 2)),))
    assert list(VALIDATOR.iter_errors(json.loads(json.dumps(graph.to_json())))) == []


def test_a_document_with_everything_in_it_is_taken_by_both() -> None:
    assert [error.message for error in VALIDATOR.iter_errors(SOUND)] == []
    assert parse_graph(SOUND, "sound").label_names == ("a", "b")


@pytest.mark.parametrize("leave_out", ["format_version", "name", "labels", "levels", "exclusions", "subsumptions"])
def test_all_but_the_nodes_may_be_left_out(leave_out: str) -> None:
    document = changed((leave_out,), DELETE)
    assert list(VALIDATOR.iter_errors(document)) == []
    parse_graph(document, "short")


@pytest.mark.parametrize(("path", "value"), BROKEN, ids=case_name)
def test_schema_and_reader_refuse_the_same(path: tuple[str | int, ...], value: object) -> None:
    document = changed(path, value)
    assert list(VALIDATOR.iter_errors(document)) != []
    with pytest.raises(GraphError):
        parse_graph(document, "broken")


@pytest.mark.parametrize(("path", "value"), BEYOND_A_SCHEMA, ids=case_name)
def test_the_reader_finds_what_a_schema_cannot_say(path: tuple[str | int, ...], value: object) -> None:
    document = changed(path, value)
    assert list(VALIDATOR.iter_errors(document)) == []
    with pytest.raises(GraphError):
        parse_graph(document, "broken")


def test_the_limits_of_the_schema_are_those_of_the_reader() -> None:
    from iqa_cli.hexgraph.rules import MAX_LEVEL, MAX_LEVELS, MAX_NAME

    assert SCHEMA["$defs"]["level"]["maximum"] == MAX_LEVEL
    assert SCHEMA["$defs"]["node"]["properties"]["levels"]["maxItems"] == MAX_LEVELS
    assert SCHEMA["$defs"]["label"]["maxLength"] == MAX_NAME
    HexGraph("longest", (Label("x" * MAX_NAME, (1, 2)),))
    with pytest.raises(GraphError):
        HexGraph("too long", (Label("x" * (MAX_NAME + 1), (1, 2)),))
