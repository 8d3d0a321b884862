"""The photos of a split by issue, label and level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.labels import read_labels
from iqa_cli.labels.counts import LabelCounts, PartCounts, absent_levels, absent_warnings, count_photos, together

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from iqa_cli.hexgraph import HexGraph
    from iqa_cli.labels import LabelTable


def test_known_photos_are_counted(read: Callable[..., LabelTable], graph: HexGraph) -> None:
    table = read("a,0,0,0,0,0,0", "b,2,0,0,0,0,0", "c,1+,0,0,0,0,3", "d,,0,0,0,0,0", "e,,,,,,", "f,-1,1,0,0,0,2")
    counts = count_photos(table, graph)
    assert (counts.total, counts.has_issue, counts.no_issue, counts.unknown) == (6, 3, 1, 2)
    assert counts.labels[0] == LabelCounts(positives=2, levels=(1, 0, 1, 0), at_least=1, unobserved=3)
    assert counts.labels[1] == LabelCounts(positives=1, levels=(4, 1, 0, 0), at_least=0, unobserved=1)
    assert counts.labels[5] == LabelCounts(positives=2, levels=(3, 0, 1, 1), at_least=0, unobserved=1)
    for label in counts.labels:
        assert sum(label.levels) + label.at_least + label.unobserved == counts.total
        assert sum(label.levels[1:]) + label.at_least == label.positives


def test_parts_add_up_to_the_whole(read: Callable[..., LabelTable], graph: HexGraph) -> None:
    table = read("a,0,0,0,0,0,0", "b,2,0,0,0,0,0", "c,1+,0,0,0,0,3", "d,,0,0,0,0,0", "e,,,,,,", "f,-1,1,0,0,0,2")
    parts = [count_photos(table.take(rows), graph) for rows in ([0, 5], [1, 2, 4], [3], [])]
    assert together(parts) == count_photos(table, graph)
    assert parts[3] == PartCounts(0, 0, 0, 0, (LabelCounts(0, (0,) * 4, 0, 0),) * 6)


def test_levels_that_a_part_lacks_are_named_with_how_many_there_are(
    read: Callable[..., LabelTable], graph: HexGraph
) -> None:
    table = read("a,0,0,0,0,0,0", "b,2,0,0,0,0,0", "c,2,0,0,0,0,3", "d,1+,0,,1,0,0", "e,0,3,2,0,1,0")

    def absent(**rows: list[int]) -> list[str]:
        counts = {part: count_photos(table.take(taken), graph) for part, taken in rows.items()}
        return absent_warnings(absent_levels(counts, graph))

    assert absent(train=[0, 1, 2, 3, 4]) == []
    train, test = absent(train=[0, 1, 3, 4], test=[0, 2])
    assert train == "train has no photo with over_suppressed blocking (1 in all)"
    assert test == (
        "test has no photo with dark blocking (1 in all), high_contrast ordinary (1 in all), "
        "low_contrast severe (1 in all), overexposed ordinary (1 in all)"
    )
    assert absent(train=[0, 1, 2, 3, 4], test=[])[0].endswith("high_contrast ordinary (1 in all) and 6 more")


def test_the_published_files_have_these_counts(seed_files: list[Path], graph: HexGraph) -> None:
    counts = [count_photos(read_labels(path, graph), graph) for path in seed_files]
    assert [(part.total, part.has_issue, part.no_issue) for part in counts] == [
        (1635, 278, 1357),
        (352, 65, 287),
        (352, 58, 294),
    ]
    assert [label.positives for label in counts[0].labels] == [56, 97, 57, 40, 13, 19]
    assert counts[0].labels[0].levels == (1579, 0, 53, 3)
