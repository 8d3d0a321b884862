"""From which number the levels of a file count: from 1 only where nothing else can be meant, never without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_graphs import quick
from hypothesis import given
from hypothesis import strategies as st

from iqa_cli.errors import LabelsError
from iqa_cli.hexgraph import HexGraph, Label
from iqa_cli.labels.counting import understood
from iqa_cli.labels.table import require_one_count

if TYPE_CHECKING:
    from collections.abc import Callable

    from iqa_cli.labels import LabelTable

    Read = Callable[..., LabelTable]

DARK = "filename,dark"


def test_labels_that_exclude_each_other_show_that_1_is_none(read: Read) -> None:
    table = read("a.jpg,1,3,1,1,1,1", "b.jpg,1,1,1,1,2+,1", "c.jpg,,-1,1,1.0,1+,1")
    assert table.positions.tolist() == [[0, 2, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0], [-1, -1, 0, 0, -1, 0]]
    assert table.at_least.sum() == 1
    assert table.first_level == 1
    (note,) = table.notes
    assert note == (
        f"{table.path}: levels are read as counted from 1: 1 is none, 4 the worst "
        "(no cell is 0, and counted from 0, 3 of 3 rows could not be)"
    )


def test_a_level_above_the_highest_shows_it_as_well(read: Read) -> None:
    table = read("a.jpg,1", "b.jpg,4", "c.jpg,1", "d.jpg,2", header=DARK)
    assert table.positions[:, 1].tolist() == [0, 3, 0, 1]
    assert "counted from 0, 1 of 4 rows could not be" in table.notes[0]


def test_where_both_can_be_meant_levels_count_from_0_and_that_is_said_first(read: Read) -> None:
    table = read("a.jpg,1", "b.jpg,3", "c.jpg,1", header=DARK)
    assert table.positions[:, 1].tolist() == [1, 3, 1]
    assert table.first_level == 0
    assert "no label is 0 in any row: levels are read as counted from 0, so that 1 is ordinary" in table.notes[0]


@pytest.mark.parametrize("cell", ["0", "0+", "0.0", "0,0"])
def test_one_zero_is_enough_to_count_from_0(read: Read, cell: str) -> None:
    table = read("a.jpg,1", "b.jpg,3", f'c.jpg,"{cell}"', header=DARK)
    assert table.positions[:2, 1].tolist() == [1, 3]
    assert not any("counted from" in note for note in table.notes)
    with pytest.raises(LabelsError) as error:
        read("a.jpg,1,1,1,1,1,1", f'b.jpg,1,4,1,1,1,"{cell}"')
    assert error.value.problems[1] == 'line 3, "b.jpg": "dark" is "4", expected 0..3, 1+..3+, -1 or blank'
    assert error.value.hint == "levels count from 0: 0 is none"


def test_a_slip_of_the_finger_turns_no_file_round(read: Read) -> None:
    with pytest.raises(LabelsError) as error:
        read("a.jpg,1", "b.jpg,2", "c.jpg,3", "d.jpg,4", header=DARK)
    assert error.value.problems == ('line 5, "d.jpg": "dark" is "4", expected 0..3, 1+..3+, -1 or blank',)
    assert error.value.hint == "levels count from 0: 0 is none; if 1 is none in this one, take 1 from every level"


def test_mistakes_of_a_file_that_counts_from_1_are_told_in_its_own_numbers(read: Read) -> None:
    with pytest.raises(LabelsError) as error:
        read("a.jpg,1,1,1,1,1,1", "b.jpg,1,5,1,1,1,1", "c.jpg,2,2,1,1,1,1", "c.jpg,1,3+,1,1,1,1")
    rule = '"bright" 2-4 excludes "dark" 2-4 (exclusions[0])'
    other = '"bright" 2 there, 1 here, "dark" 2 there, 3+ here'
    assert error.value.problems == (
        'line 3, "b.jpg": "dark" is "5", expected 1..4, 2+..4+, -1 or blank',
        f'line 4, "c.jpg": "bright" 2 and "dark" 2 cannot be together: {rule}',
        f'line 5, "c.jpg": the same photo is in line 4, with other labels ({other})',
    )
    assert error.value.hint == "levels are read as counted from 1: 1 is none, 4 the worst; no cell is 0"


def test_a_misspelt_label_is_found_in_a_file_that_counts_from_1(read: Read) -> None:
    with pytest.raises(LabelsError) as error:
        read("a.jpg,1,4,4", "b.jpg,1,1,1", header="filename,bright,dark,warmth")
    assert error.value.problems == ('header: graph "smartphone-6" has no label "warmth"',)


def test_tables_that_count_otherwise_are_not_taken_together(read: Read) -> None:
    tables = [read("a.jpg,1,3,1,1,1,1", name="one.csv"), read("b.jpg,0,3,0,0,0,0", name="other.csv")]
    require_one_count(tables[:1])
    with pytest.raises(LabelsError, match="do not count from the same number") as error:
        require_one_count(tables)
    assert f"from 0: {tables[1].path}; from 1: {tables[0].path}" in error.value.message


LEVELS = st.lists(st.lists(st.integers(-1, 3), min_size=2, max_size=2), min_size=1, max_size=8)


@given(LEVELS)
@quick(200)
def test_a_table_written_from_0_is_never_read_from_1(rows: list[list[int]]) -> None:
    graph = HexGraph("free", (Label("a", (1, 2, 3, 4)), Label("b", (1, 2, 3, 4))))
    cells = {label: [str(row[label]) for row in rows] for label in (0, 1)}
    levels, note, hint = understood(cells, len(rows), graph)
    assert levels.positions.tolist() == rows
    assert hint is None
    above, has_0 = np.array(rows).max() > 0, (np.array(rows) == 0).any()
    assert (note is not None) == (above and not has_0)


@given(LEVELS)
@quick(200)
def test_a_table_written_from_1_is_read_from_1_or_it_is_told_how_it_was_read(rows: list[list[int]]) -> None:
    graph = HexGraph("free", (Label("a", (1, 2, 3, 4)), Label("b", (1, 2, 3, 4))))
    cells = {label: ["" if row[label] < 0 else str(row[label] + 1) for row in rows] for label in (0, 1)}
    levels, note, hint = understood(cells, len(rows), graph)
    if levels.first:
        assert levels.positions.tolist() == rows
    has_levels = (np.array(rows) >= 0).any()
    assert bool(note or hint) == has_levels
    assert levels.is_possible or hint
