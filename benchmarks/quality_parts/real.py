"""Part: real photographs whose fault is known, of one folder or several.

What is known of a picture is no label of ours, so each kind has its own question (`questions`); clear cases and mild
ones are told apart. Within a bracketed scene the order of exposure is certain: the brighter frame must not be judged
the darker one.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from quality_parts import baselines
from quality_parts.document import Failure, Goal, Part, Share, Table, Verdict, share, share_of_groups
from quality_parts.judges import said
from quality_parts.questions import ALL, CLEAR, MILD, ORDINARY, QUESTIONS, levels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iqa_cli.records import PhotoReport
    from quality_parts.document import Cell
    from quality_parts.folders import Judged, Photo
    from quality_parts.judges import Judge
    from quality_parts.questions import Question

    Flags = Mapping[str, set[str]]
    """By photograph the labels that CleanVision's flags stand for."""

ORDER = Goal(0.98)
EXPOSURE_ORDER = {"under": -1.0, "over": 1.0, "order 1 of 2": 0.0, "order 2 of 2": 1.0}
CLEANVISION = "CleanVision"
LIGHT = frozenset(baselines.CLEANVISION_LABELS.values())
"""The labels that CleanVision's flags stand for."""
_ORDER_WORDS = ("frames of a scene", "pairs", "the brighter exposure called the brighter")


def real_part(judged: Judged, judges: Sequence[Judge]) -> Part:
    """Ask each kind its question: of all folders together, of each, of each source that a folder names."""
    main = judges[0].name
    flags = _flags(judged.photos) if baselines.has_cleanvision() else None
    answered = ("kind", "cases", "question", *judged.reports, *([CLEANVISION] if flags is not None else []))
    pooled = (*answered, "goal", "met")
    tables = [
        Table("All folders" if len(judged.folders) > 1 else "", pooled, tuple(_rows(judged.photos, judged, flags)))
    ]
    if len(judged.folders) > 1:
        for folder in judged.folders:
            own = [photo for photo in judged.photos if photo.folder == folder]
            rows = tuple(row[: len(answered)] for row in _rows(own, judged, flags))
            tables.append(Table(f"`{folder}`", answered, rows))
    sourced = [photo for photo in judged.photos if photo.source]
    if sourced:
        tables.append(Table("By source", ("source", *answered), tuple(_by_source(sourced, judged, flags))))
        tables.append(_without_largest(sourced, judged, flags, answered))
    doubted = _not_judged(judged)
    if doubted.rows:
        tables.append(doubted)
    counts = Counter(photo.folder for photo in judged.photos)
    note = (
        f"{len(judged.photos)} photographs: {', '.join(f'{count} in `{name}`' for name, count in counts.items())}. "
        "Clear cases are those whose label file says high confidence. Goals are for all folders together. Intervals: "
        f"95 %, Wilson; of pairs, resampled scenes. *Met* compares the figure of `{main}` with the goal, not its "
        "interval. What is not of status `ok` accuses nobody: nothing is found in it, and it is no false alarm. Some "
        "kinds were picked by luma thresholds, which makes them easier than what people send, and pictures of one "
        "source resemble each other, so that the intervals are narrower than the truth."
    )
    statuses = () if doubted.rows else ("Every judge gives every photograph the status `ok`.",)
    beside = f"{CLEANVISION} answers for dark (its dark) and bright (its light), with its own thresholds."
    return Part(
        "real",
        "Real photographs of known kind",
        (note, *statuses, baselines.NO_CLEANVISION if flags is None else beside),
        tuple(tables),
        tuple(_failures(judged, main)),
        name_all=True,
        verdicts=tuple(_verdicts(judged)),
    )


def hits(photos: Sequence[Photo], question: Question, cases: str, reports: Mapping[str, PhotoReport]) -> Share:
    """Photographs of the question's kind that answer it with yes."""
    asked = _asked(photos, question, cases)
    return share(sum(question.yes(levels_of(reports[photo.name])) for photo in asked), len(asked))


def _asked(photos: Sequence[Photo], question: Question, cases: str) -> list[Photo]:
    return [photo for photo in photos if photo.kind == question.kind and cases in (photo.cases, ALL)]


def _flags(photos: Sequence[Photo]) -> Flags:
    flagged, _ = baselines.cleanvision_of_files([photo.path for photo in photos])
    return {photo.name: {label for label, marks in flagged.items() if marks[row]} for row, photo in enumerate(photos)}


def _rows(photos: Sequence[Photo], judged: Judged, flags: Flags | None) -> Iterator[tuple[Cell, ...]]:
    """Kind, cases, question, every judge's share, the goal and whether the first judge meets it."""
    for question, cases in _questions(photos):
        cells = _cells(photos, question, cases, judged, flags)
        goal = question.goals.get(cases)
        first = cells[0]
        met = None if goal is None or not isinstance(first, Share) else goal.met(first.value)
        yield (question.kind, cases, question.words, *cells, None if goal is None else goal.percent(), met)
    mild = [(photo, question) for question in QUESTIONS if question.wanted for photo in _asked(photos, question, MILD)]
    if mild:
        cells = [
            share(sum(question.yes(levels_of(of[photo.name])) for photo, question in mild), len(mild))
            for of in judged.reports.values()
        ]
        yield ("all faults", MILD, "its question answered with yes", *cells, *_none_for(flags), None, None)
    scenes = _scenes(photos)
    if scenes:
        pairs = [_order_right(scenes, of) for of in judged.reports.values()]
        yield (*_ORDER_WORDS, *pairs, *_none_for(flags), ORDER.percent(), ORDER.met(pairs[0].value))


def _questions(photos: Sequence[Photo]) -> Iterator[tuple[Question, str]]:
    """Questions that some of the photographs are asked, and of which of them."""
    for question in QUESTIONS:
        there = {photo.cases for photo in photos if photo.kind == question.kind}
        for cases in question.cases:
            alone = not question.wanted and len(there) == 1
            if (cases in there and not alone) or (cases == ALL and there):
                yield question, cases


def _none_for(flags: Flags | None) -> list[Cell]:
    return [] if flags is None else [None]


def _cells(photos: Sequence[Photo], question: Question, cases: str, judged: Judged, flags: Flags | None) -> list[Cell]:
    cells: list[Cell] = [hits(photos, question, cases, of) for of in judged.reports.values()]
    if flags is None:
        return cells
    if question.level > ORDINARY or not (question.labels or LIGHT) & LIGHT:
        return [*cells, None]  # it has no levels, and knows nothing of contrast
    asked = _asked(photos, question, cases)
    yes = sum(bool(flags[photo.name] & (question.labels or LIGHT)) for photo in asked)
    return [*cells, share(yes, len(asked))]


def _by_source(photos: Sequence[Photo], judged: Judged, flags: Flags | None) -> Iterator[tuple[Cell, ...]]:
    """By kind, then source, the largest first."""
    for question, cases in _questions(photos):
        if question.wanted == (cases == ALL):
            continue
        asked = _asked(photos, question, cases)
        for source, _ in Counter(photo.source for photo in asked).most_common():
            own = [photo for photo in asked if photo.source == source]
            yield (source, question.kind, cases, question.words, *_cells(own, question, cases, judged, flags))


def _without_largest(photos: Sequence[Photo], judged: Judged, flags: Flags | None, answered: tuple[str, ...]) -> Table:
    """The same of each kind without the source that most of its pictures are from."""
    rows: list[tuple[Cell, ...]] = []
    for question, cases in _questions(photos):
        asked = _asked(photos, question, cases)
        (largest, count), *others = Counter(photo.source for photo in asked).most_common()
        if others and question.wanted == (cases != ALL):
            rest = [photo for photo in asked if photo.source != largest]
            left_out = f"{largest} ({count} of {len(asked)})"
            rows.append((left_out, question.kind, cases, question.words, *_cells(rest, question, cases, judged, flags)))
    return Table("Without the largest source", ("left out", *answered), tuple(rows))


def _not_judged(judged: Judged) -> Table:
    """Photographs that somebody does not judge, by kind, and how many of them would be called something."""
    rows: list[tuple[Cell, ...]] = []
    for kind in dict.fromkeys(photo.kind for photo in judged.photos):
        own = [photo for photo in judged.photos if photo.kind == kind]
        counts = []
        for of in judged.reports.values():
            doubted = [of[photo.name] for photo in own if of[photo.name].status != "ok"]
            counts += [len(doubted), sum(any(found.level > 1 for found in report.findings) for report in doubted)]
        if any(counts):
            rows.append((kind, len(own), *counts))
    heads = [head for name in judged.reports for head in (f"{name}: not ok", f"{name}: of these, called something")]
    return Table("Status other than ok", ("kind", "photographs", *heads), tuple(rows))


def _verdicts(judged: Judged) -> Iterator[Verdict]:
    for question, cases in _questions(judged.photos):
        if goal := question.goals.get(cases):
            figures = {name: hits(judged.photos, question, cases, of) for name, of in judged.reports.items()}
            whose = f"{question.kind}, {cases}" if question.wanted else question.kind
            yield Verdict(f"{whose}: {question.words}", goal, figures)
    scenes = _scenes(judged.photos)
    if scenes:
        figures = {name: _order_right(scenes, of) for name, of in judged.reports.items()}
        yield Verdict(", ".join(_ORDER_WORDS[::2]), ORDER, figures)


def _failures(judged: Judged, main: str) -> Iterator[Failure]:
    """What the first judge got wrong, by kind; a severe false alarm is an ordinary one as well and named once."""
    reports = judged.reports[main]
    named = set()
    for question, cases in itertools.product(QUESTIONS, (CLEAR, MILD)):
        for photo in _asked(judged.photos, question, cases):
            report = reports[photo.name]
            if question.yes(levels_of(report)) != question.wanted and photo.name not in named:
                named.add(photo.name)
                yield Failure(f"{photo.name} ({photo.kind}, {cases})", _words(report))
    for scene in _scenes(judged.photos):
        for darker, brighter in scene:
            if not _in_order(reports[darker], reports[brighter]):
                words = f"{_words(reports[darker])}; {_words(reports[brighter])}"
                yield Failure(f"{darker}, a darker exposure than {brighter}", words)


def _words(report: PhotoReport) -> str:
    if report.error:
        return report.error
    return said(report.findings) if report.status == "ok" else f"status {report.status}: {said(report.findings)}"


def _brightness(report: PhotoReport) -> float:
    """Expected level of bright minus that of dark: where a photo stands between too dark and too bright."""
    bright, dark = (
        sum(level * probability for level, probability in enumerate(report.marginals[label]))
        for label in ("bright", "dark")
    )
    return bright - dark


def _in_order(darker: PhotoReport, brighter: PhotoReport) -> bool:
    return bool(darker.findings) and bool(brighter.findings) and _brightness(darker) < _brightness(brighter)


def _scenes(photos: Sequence[Photo]) -> list[list[tuple[str, str]]]:
    """Per scene the pairs (darker, brighter) of photographs whose order of exposure is known."""
    scenes: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for photo in photos:
        order = EXPOSURE_ORDER.get(photo.order)
        if order is None and photo.order[:1] in ("+", "-"):
            order = float(photo.order)
        if order is not None and photo.scene:
            scenes[photo.folder, photo.scene].append((order, photo.name))
    pairs = [
        [(name, other) for (order, name), (brighter, other) in itertools.permutations(frames, 2) if order < brighter]
        for frames in scenes.values()
    ]
    return [scene for scene in pairs if scene]


def _order_right(scenes: Sequence[Sequence[tuple[str, str]]], reports: Mapping[str, PhotoReport]) -> Share:
    """Pairs of `_scenes` in which the brighter frame is judged the brighter."""
    right = [sum(_in_order(reports[darker], reports[brighter]) for darker, brighter in pairs) for pairs in scenes]
    return share_of_groups(right, [len(pairs) for pairs in scenes])
