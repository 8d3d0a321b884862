"""Splits: every photo in one part, every scene whole, evenly by level, and the same whatever the order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_graphs import quick
from hypothesis import assume, given
from hypothesis import strategies as st

pytest.importorskip("iterstrat", reason="splitting needs the split extra")

from iqa_cli.errors import LabelsError, MissingExtra, UsageError
from iqa_cli.labels import LabelTable, read_labels
from iqa_cli.labels.scenes import Scenes, scene_rule, scenes
from iqa_cli.labels.split import FRACTIONS, Split, parse_fractions, split

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iqa_cli.hexgraph import HexGraph


def table_of(positions: Sequence[Sequence[int]], names: Sequence[str] | None = None) -> LabelTable:
    """A table of such levels."""
    levels = np.array(positions, dtype=np.int64)
    return LabelTable(
        path=Path("labels.csv"),
        names=tuple(names or (f"{row:04}.jpg" for row in range(len(levels)))),
        labels=tuple(f"label {number}" for number in range(levels.shape[1])),
        positions=levels,
        at_least=np.zeros(levels.shape, dtype=np.bool_),
        lines=tuple(range(2, len(levels) + 2)),
    )


def sizes(found: Split) -> list[int]:
    return [len(found.rows(part)) for part in found.parts]


@st.composite
def tables(draw: st.DrawFn) -> tuple[LabelTable, Scenes]:
    """Up to 40 photos of two labels in a few scenes."""
    rows = draw(st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 1)), min_size=3, max_size=40))
    numbers = draw(st.lists(st.integers(0, 15), min_size=len(rows), max_size=len(rows)))
    return table_of(rows), Scenes(tuple(f"scene {number}" for number in numbers))


@given(drawn=tables(), seed=st.integers(0, 2**32 - 1))
@quick(50)
def test_every_photo_is_in_one_part_every_scene_whole_and_no_part_empty(
    drawn: tuple[LabelTable, Scenes], seed: int
) -> None:
    table, grouped = drawn
    if grouped.count < 3:
        with pytest.raises(LabelsError, match="without an empty part"):
            split(table, grouped, seed=seed)
        return
    found = split(table, grouped, seed=seed)
    assert found.parts == ("train", "val", "test")
    assert sorted(row for part in found.parts for row in found.rows(part)) == list(range(len(table)))
    assert min(sizes(found)) > 0
    where = dict(zip(grouped.of, found.of, strict=True))
    assert tuple(where[scene] for scene in grouped.of) == found.of


@given(drawn=tables(), seed=st.integers(0, 1000), shuffled=st.randoms(use_true_random=False))
@quick(20)
def test_the_order_of_the_rows_changes_nothing(drawn: tuple[LabelTable, Scenes], seed: int, shuffled: object) -> None:
    table, grouped = drawn
    assume(grouped.count >= 3)
    order = list(range(len(table)))
    shuffled.shuffle(order)  # type: ignore[attr-defined]
    before = split(table, grouped, seed=seed)
    after = split(table.take(order), Scenes(tuple(grouped.of[row] for row in order)), seed=seed)
    assert after.of == tuple(before.of[row] for row in order)
    assert split(table, grouped, seed=seed).of == before.of


def test_another_seed_gives_another_split() -> None:
    table = table_of([[row % 4, 0] for row in range(80)])
    found = {split(table, scenes(table), seed=seed).of for seed in range(5)}
    assert len(found) == 5


def test_every_level_of_every_label_gets_its_share() -> None:
    levels = [[1, 0]] * 40 + [[2, 0]] * 20 + [[3, 0]] * 20 + [[0, 1]] * 60 + [[-1, 2]] * 20 + [[0, 0]] * 240
    table = table_of(levels)
    found = split(table, scenes(table))
    assert sizes(found) == [280, 60, 60]
    for position in ([1, 0], [2, 0], [3, 0], [0, 1], [-1, 2]):
        rows = np.flatnonzero((table.positions == position).all(axis=1))
        dealt = [sum(found.of[row] == part for row in rows) for part in found.parts]
        assert dealt == pytest.approx([share * len(rows) for share in FRACTIONS.values()], abs=1)


def test_scenes_of_very_different_size_are_dealt_more_evenly_than_by_chance() -> None:
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(60), rng.integers(1, 30, 60))
    bad = rng.random(60) < 0.3
    table = table_of([[int(bad[scene] and rng.random() < 0.7), 0] for scene in of])
    grouped = Scenes(tuple(f"{scene:02}" for scene in of))

    def off(parts: np.ndarray) -> float:
        """Photos and positives too many or too few in the three parts."""
        wanted = np.array(list(FRACTIONS.values()))
        counts = np.array([[(parts == part).sum(), table.positions[parts == part, 0].sum()] for part in FRACTIONS])
        return float(np.abs(counts / counts.sum(axis=0) - wanted[:, None]).sum())

    by_chance = [off(rng.choice(list(FRACTIONS), 60, p=list(FRACTIONS.values()))[of]) for _ in range(50)]
    ours = [off(np.array(split(table, grouped, seed=seed).of)) for seed in range(5)]
    assert max(ours) < np.quantile(by_chance, 0.1)


def test_the_published_photos_split_evenly_with_whole_scenes(
    seed_files: list[Path], graph: HexGraph, write: Callable[..., Path]
) -> None:
    lines = {line for path in seed_files for line in path.read_text(encoding="utf-8").splitlines()[1:]}
    table = read_labels(write(*sorted(lines)), graph)
    grouped = scenes(table, scene_rule("regex:^[^_]+"))
    assert (len(table), grouped.count) == (2042, 209)
    found = split(table, grouped)
    assert sizes(found) == pytest.approx([share * 2042 for share in FRACTIONS.values()], rel=0.03)
    for label in range(6):
        dealt = [(table.positions[found.rows(part), label] > 0).sum() for part in found.parts]
        assert dealt == pytest.approx([share * sum(dealt) for share in FRACTIONS.values()], abs=4)
    assert all(
        len({part for part, of in zip(found.of, grouped.of, strict=True) if of == scene}) == 1 for scene in grouped.of
    )


def test_fewer_scenes_than_parts_are_refused() -> None:
    table = table_of([[0, 0]] * 9)
    with pytest.raises(LabelsError, match=r"9 photos of 2 scenes cannot be split into train=0.7,val=0.15,test=0.15"):
        split(table, Scenes(("a",) * 5 + ("b",) * 4))
    assert sorted(sizes(split(table_of([[0, 0]] * 3), Scenes(("a", "b", "c"))))) == [1, 1, 1]
    assert sorted(sizes(split(table_of([[0]] * 2), Scenes(("a", "b")), {"a": 0.5, "b": 0.5}))) == [1, 1]


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "iterstrat.ml_stratifiers", None)
    table = table_of([[0, 0]] * 9)
    with pytest.raises(MissingExtra, match="iqa split needs iterative-stratification") as error:
        split(table, scenes(table))
    assert "pip install '.[split]'" in str(error.value)


def test_fractions_are_read() -> None:
    assert parse_fractions("train=0.8, test=.2") == {"train": 0.8, "test": 0.2}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "train",
        "train=1",
        "train=0.7,val=0.2",
        "train=70,val=30",
        "train=0.5,train=0.5",
        "../x=0.5,y=0.5",
        "a=nan,b=0.5",
        "a=0,b=1",
    ],
)
def test_fractions_that_cannot_be_are_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="--fractions"):
        parse_fractions(text)


def test_the_library_refuses_impossible_fractions_too() -> None:
    table = table_of([[0, 0]] * 9)
    for fractions in ({"a": 1.0}, {"a": 0.5, "b": 0.6}, {"a": 1.5, "b": -0.5}):
        with pytest.raises(UsageError):
            split(table, scenes(table), fractions)
