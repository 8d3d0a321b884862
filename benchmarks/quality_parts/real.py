"""Part: real photographs whose fault is known.

The folder holds pictures and `labels.csv` with file, kind, confidence, order, scene. `kind` is what is known of a
picture, not a label of ours, so each kind has its own question; clear cases (`confidence` high) and mild ones are told
apart. Within a bracketed scene the order of exposure is certain: the brighter frame must not be judged the darker one.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
import math
from collections import defaultdict
from typing import TYPE_CHECKING

from quality_parts import baselines
from quality_parts.document import Failure, Goal, Part, Share, Table, share, share_of_groups
from quality_parts.judges import said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from iqa_cli.records import PhotoReport
    from quality_parts.document import Cell
    from quality_parts.judges import Judge


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of the pictures of one kind."""

    kind: str
    """As in the label file."""
    words: str
    """For people."""
    labels: frozenset[str] | None
    """The labels that answer it with yes; None means any."""
    level: int
    """1..4, from which they do."""
    goal: Goal
    """For the clear cases."""

    @property
    def wanted(self) -> bool:
        """Whether yes is the right answer."""
        return not self.goal.at_most


ORDINARY, SEVERE = 2, 3
QUESTIONS = (
    Question("dark", "called dark", frozenset({"dark"}), ORDINARY, Goal(0.97)),
    Question(
        "bright_overexposed", "called bright or overexposed", frozenset({"bright", "overexposed"}), ORDINARY, Goal(0.97)
    ),
    Question("low_contrast", "haze and fog: called low_contrast", frozenset({"low_contrast"}), ORDINARY, Goal(0.85)),
    Question(
        "high_contrast_backlit",
        "called high_contrast, overexposed or dark",
        frozenset({"high_contrast", "overexposed", "dark"}),
        ORDINARY,
        Goal(0.70),
    ),
    Question("normal", "called severe or worse in anything", None, SEVERE, Goal(0.02, at_most=True)),
    Question("normal", "called ordinary or worse in anything", None, ORDINARY, Goal(0.06, at_most=True)),
)
MILD, ORDER = Goal(0.70), Goal(0.98)
EXPOSURE_ORDER = {"under": -1.0, "over": 1.0, "order 1 of 2": 0.0, "order 2 of 2": 1.0}
CLEANVISION = "CleanVision"
LIGHT = frozenset(baselines.CLEANVISION_LABELS.values())
"""The labels that CleanVision's flags stand for."""

Row = dict[str, str]


def real_part(folder: Path, judges: Sequence[Judge]) -> Part:
    """Judge the folder and ask each kind its question."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    paths = {row["file"]: folder / row["file"] for row in rows}
    reports = {judge.name: judge.reports(paths) for judge in judges}
    flags = _flags(paths) if baselines.has_cleanvision() else None
    main = judges[0].name
    names = [judge.name for judge in judges]

    table, failures = _answered(rows, reports, flags, main)
    scenes = _scenes(rows)
    pairs = {name: _order_right(scenes, of) for name, of in reports.items()}
    said_of = {file: _words(report) for file, report in reports[main].items()}
    failures += tuple(
        Failure(f"{darker}, a darker exposure than {brighter}", f"{said_of[darker]}; {said_of[brighter]}")
        for scene in scenes
        for darker, brighter in scene
        if not _in_order(reports[main][darker], reports[main][brighter])
    )
    words = "the brighter exposure called the brighter"
    order: tuple[Cell, ...] = ("frames of a scene", "pairs", words, *pairs.values())
    table.append((*order, *([None] if flags is not None else []), ORDER.percent(), ORDER.met(pairs[main].value)))
    columns = ("kind", "cases", "question", *names, *([CLEANVISION] if flags is not None else []), "goal", "met")
    note = (
        f"{len(rows)} photographs. Clear cases are those whose label file says high confidence. Intervals: 95 %, "
        f"Wilson; of pairs, resampled scenes. *Met* compares the figure of `{main}` with the goal, not its interval. "
        "Some kinds were picked by luma thresholds, which makes them easier than what people send."
    )
    beside = f"{CLEANVISION} answers for dark (its dark) and bright (its light), with its own thresholds."
    notes = (note, baselines.NO_CLEANVISION if flags is None else beside)
    return Part("real", "Real photographs of known kind", notes, (Table("", columns, tuple(table)),), failures)


def _flags(paths: Mapping[str, Path]) -> dict[str, set[str]]:
    """By file the labels that CleanVision's flags stand for."""
    flagged, _ = baselines.cleanvision_of_files(list(paths.values()))
    return {file: {label for label, marks in flagged.items() if marks[row]} for row, file in enumerate(paths)}


def _answered(
    rows: Sequence[Row],
    reports: Mapping[str, Mapping[str, PhotoReport]],
    flags: Mapping[str, set[str]] | None,
    main: str,
) -> tuple[list[tuple[Cell, ...]], tuple[Failure, ...]]:
    """Rows of the table, and what the first judge got wrong."""
    table: list[tuple[Cell, ...]] = []
    failures: list[Failure] = []
    mild: dict[str, list[bool]] = defaultdict(list)
    for question, clear in itertools.product(QUESTIONS, (True, False)):
        asked = [row for row in rows if row["kind"] == question.kind and (row["confidence"] == "high") == clear]
        if not asked:
            continue
        found = {name: [_says_yes(of[row["file"]], question) for row in asked] for name, of in reports.items()}
        if flags is not None and (question.level > ORDINARY or not (question.labels or LIGHT) & LIGHT):
            found[CLEANVISION] = []  # it has no levels, and knows nothing of contrast
        elif flags is not None:
            found[CLEANVISION] = [bool(flags[row["file"]] & (question.labels or LIGHT)) for row in asked]
        for name, hits in found.items():
            if not clear and question.wanted:
                mild[name] += hits
        cells = [share(sum(hits), len(hits)) if hits else None for hits in found.values()]
        goal: tuple[Cell, Cell] = (None, None)
        if clear:
            goal = (question.goal.percent(), question.goal.met(_value(cells[0])))
        table.append((question.kind, "clear" if clear else "mild", question.words, *cells, *goal))
        failures += [
            Failure(
                f"{row['file']} ({question.kind}, {'clear' if clear else 'mild'})", _words(reports[main][row["file"]])
            )
            for row, hit in zip(asked, found[main], strict=True)
            if hit != question.wanted
        ]
    if mild:
        cells = [share(sum(hits), len(hits)) if hits else None for hits in mild.values()]
        words = "its question answered with yes"
        table.append(("all faults", "mild", words, *cells, MILD.percent(), MILD.met(_value(cells[0]))))
    return table, tuple(dict.fromkeys(failures))  # a severe false alarm is an ordinary one as well


def _value(cell: Share | None) -> float:
    return math.nan if cell is None else cell.value


def _says_yes(report: PhotoReport, question: Question) -> bool:
    return any(
        finding.level >= question.level and (question.labels is None or finding.label in question.labels)
        for finding in report.findings
    )


def _words(report: PhotoReport) -> str:
    return report.error or said(report.findings)


def _brightness(report: PhotoReport) -> float:
    """Expected level of bright minus that of dark: where a photo stands between too dark and too bright."""
    bright, dark = (
        sum(level * probability for level, probability in enumerate(report.marginals[label]))
        for label in ("bright", "dark")
    )
    return bright - dark


def _in_order(darker: PhotoReport, brighter: PhotoReport) -> bool:
    return bool(darker.findings) and bool(brighter.findings) and _brightness(darker) < _brightness(brighter)


def _scenes(rows: Sequence[Row]) -> list[list[tuple[str, str]]]:
    """Per scene the pairs (darker, brighter) of files whose order of exposure is known."""
    scenes: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for row in rows:
        order = EXPOSURE_ORDER.get(row["order"])
        if order is None and row["order"][:1] in ("+", "-"):
            order = float(row["order"])
        if order is not None and row["scene"]:
            scenes[row["scene"]].append((order, row["file"]))
    return [
        [(file, other) for (order, file), (brighter, other) in itertools.permutations(frames, 2) if order < brighter]
        for frames in scenes.values()
    ]


def _order_right(scenes: Sequence[Sequence[tuple[str, str]]], reports: Mapping[str, PhotoReport]) -> Share:
    """Pairs of `_scenes` in which the brighter frame is judged the brighter."""
    right = [sum(_in_order(reports[darker], reports[brighter]) for darker, brighter in pairs) for pairs in scenes]
    return share_of_groups(right, [len(pairs) for pairs in scenes])
