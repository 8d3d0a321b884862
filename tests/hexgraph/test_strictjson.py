"""Places in JSON texts: found from the text, equal to a character-by-character walk."""

from __future__ import annotations

import json

import pytest
from drawn_graphs import quick
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.hexgraph.strictjson import MAX_BYTES, JsonText, NotJsonError, read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


def all_steps(value: object, steps: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], object]]:
    found = [(steps, value)]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += all_steps(item, (*steps, key))
    return found


@given(VALUES, st.sampled_from([None, 0, 3]), st.booleans())
@quick(150)
def test_every_value_begins_where_it_is_said_to(value: object, indent: int | None, escape: bool) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=escape)
    text = JsonText(raw)
    assert text.value == value
    lines = raw.split("\n")
    decoder = json.JSONDecoder()
    for steps, item in all_steps(value):
        at = text.locate(steps)
        assert at.steps == steps
        rest = "\n".join([lines[at.line - 1][at.column - 1 :], *lines[at.line :]])
        assert decoder.raw_decode(rest)[0] == item
        if steps and isinstance(steps[-1], str):
            key = text.locate(steps, at_key=True)
            assert decoder.raw_decode(lines[key.line - 1][key.column - 1 :])[0] == steps[-1]


def test_what_is_missing_is_found_at_its_parent_and_keys_in_other_case_as_they_are_spelled() -> None:
    text = JsonText('{\n "Nodes": [{"Label": 1}]}')
    assert text.locate(("nodes", 0, "label")) == (2, 22, ("Nodes", 0, "Label"))
    assert text.locate(("nodes", 0, "levels")) == (2, 12, ("Nodes", 0))
    assert text.locate(("nodes", 5)) == (2, 11, ("Nodes",))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ('{"a": 1, "b": {"a": 1, "a": 2}, "a": 3}', [(("a",), 1, 33), (("b", "a"), 1, 24)]),
        ("[1,\n NaN, 2, -Infinity, 1e999]", [((1,), 2, 2), ((3,), 2, 10), ((4,), 2, 21)]),
        ('{"a": [' + "9" * 5000 + "]}", [(("a", 0), 1, 8)]),
    ],
    ids=["repeated keys", "no numbers", "endless number"],
)
def test_oddities_are_found_with_their_places(raw, expected):
    text = JsonText(raw)
    found = [(p.steps, *text.locate(p.steps, at_key=p.at_key)[:2]) for p in text.oddities()]
    assert sorted(found) == sorted(expected)


def test_a_repeated_key_of_an_object_that_another_repeated_key_drops_is_not_lost_on_an_innocent_one() -> None:
    text = JsonText('{"x": {"a": 1, "a": 2}, "x": {"a": 1}, "y": [{"b": 1}, {"c": 1}]}')
    assert [problem.steps for problem in text.oddities()] == [("x",)]


@pytest.mark.parametrize(
    ("raw", "line", "column", "hint"),
    [
        ('{"a": 1,\n}', 2, 1, "comma"),
        ("[1, 2,]", 1, 7, "comma"),
        ('{"a": 1 // one\n}', 1, 9, "comments"),
        ("{'a': 1}", 1, 2, "quotes"),
        ('{"a": 1} {"b": 2}', 1, 10, ""),
        ("[" * 100_000, 1, 500, ""),
        ('{"a": "' + "\n" + '"}', 1, 8, ""),
    ],
)
def test_a_mistake_of_the_grammar_has_its_place_and_its_likely_cause(raw, line, column, hint):
    with pytest.raises(NotJsonError) as caught:
        JsonText(raw)
    assert caught.value.position == (line, column)
    assert hint in caught.value.hint
    assert bool(hint) == bool(caught.value.hint)


def test_a_file_too_large_for_a_graph_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "endless.json"
    with path.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(NotJsonError, match="134,217,729 bytes, more than the 134,217,728 that are read"):
        read_json(path)
    with pytest.raises(NotJsonError, match="it is a device, not a regular file"):
        read_json(type(path)("/dev/zero"))


def test_a_byte_that_is_not_utf8_has_its_place(tmp_path):
    path = tmp_path / "latin.json"
    path.write_bytes('{"a":\n "ü'.encode() + b"\xfc")
    with pytest.raises(NotJsonError) as caught:
        read_json(path)
    assert caught.value.position == (2, 4)
