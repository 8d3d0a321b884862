"""A comparison in sentences and numbers, in one language: what the table and the page both say."""

from __future__ import annotations

import collections
import dataclasses
from typing import TYPE_CHECKING, Any

from iqa_cli.findings import in_percent
from iqa_cli.records import Severity
from iqa_cli.report.comparison.words import SHOWN, WORDS
from iqa_cli.report.group_names import keys_said, values_said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iqa_cli.comparison import Comparison, Side
    from iqa_cli.comparison.records import LabelChange, Mean, MeasuredChange, PairChange, Turn
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.records import Language

GROUPS_SHOWN = 25
"""Groups that people are shown; the JSON document has all."""
_STATUSES = ("ok", "uncertain", "damaged", "unreadable")
_FIRST_DIGITS = 0.001
_MINUS = "\u2212"
_OPTIONS = {"decode": "--decode", "strictness": "--strictness"}
"""What a user calls that in which runs differ, in any language."""


@dataclasses.dataclass(frozen=True)
class Names:
    """What labels and levels are called."""

    labels: Mapping[str, str]
    """By their spelling in the graph."""
    levels: Mapping[int, str]
    """By their number."""

    @classmethod
    def of(cls, labels: Sequence[str], graph: HexGraph | None, lang: Language) -> Names:
        """The graph's names if it has just these labels; else their spelling with blanks, and the usual levels."""
        if graph is not None and graph.label_names == tuple(labels):
            levels = {level for label in graph.labels for level in label.levels}
            return cls(
                {label.name: label.display(lang) for label in graph.labels},
                {level: graph.level_name(level, lang) for level in levels},
            )
        return cls(
            {label: label.replace("_", " ") for label in labels},
            {level.value: level.name.lower() for level in Severity},
        )

    def level(self, level: int) -> str:
        """The name of a level; its number where it has none."""
        return self.levels.get(level, str(level))


class Sentences:
    """Says what a comparison found.

    found  what
    names  of labels and levels, in that language
    lang   of the rest
    """

    def __init__(self, found: Comparison, names: Names, lang: Language) -> None:
        self.found = found
        self.names = names
        self.lang: Language = lang
        self.words = WORDS[lang]

    def verdict(self) -> str:
        """What can be said of B, in one sentence or two, and what was measured."""
        found, words = self.found, self.words
        said = {way: self._listed([self._label(label, way) for label in labels]) for way, labels in found.shown.items()}
        match found.verdict:
            case "mixed":
                sentences = [words["mixed"].format(worse=said["worse"], better=said["better"])]
            case "worse" | "better" as way:
                sentences = [words[way].format(labels=said[way])]
            case _:
                sentences = [words["unshown"].format(count=len(found.judged)), self._detectable()]
        gap = "" if sentences[0].endswith("。") else " "
        return gap.join([*sentences, *self._exposure()])

    def _listed(self, parts: Sequence[str]) -> str:
        *first, last = parts or [""]
        return self.words["and"].join([*([self.words["comma"].join(first)] if first else []), last])

    def _label(self, change: LabelChange, way: str) -> str:
        return self.words[f"label_{way}"].format(
            label=self.label(change) if change.label else self.words["any_said"],
            better=change.level.better,
            worse=change.level.worse,
            count=len(self.found.judged),
            p=self.p_said(change.level.p_holm),
        )

    def _detectable(self) -> str:
        share = self.found.detectable
        if share is None:
            return self.words["undetectable"]
        return self.words["detectable"].format(share=in_percent(share).replace("%", " %"))

    def _exposure(self) -> Iterator[str]:
        for entry in self.found.measured:
            interval = entry.change.interval
            if entry.name == "luma_median_ev" and interval is not None and abs(entry.change.value) >= 0.005:
                low, high = sorted(map(abs, interval))
                if interval[0] * interval[1] > 0:
                    way = "darker" if entry.change.value < 0 else "brighter"
                    yield self.words[way].format(
                        ev=f"{abs(entry.change.value):.2f}", low=f"{low:.2f}", high=f"{high:.2f}"
                    )

    def label(self, change: LabelChange) -> str:
        """What it is called; the worst level of a photo has a name of its own."""
        return self.names.labels[change.label] if change.label else self.words["any"]

    def side(self, letter: str, side: Side) -> str:
        """One of the two: `A: build41, 89 photos (84 judged, 5 uncertain)`."""
        counts = collections.Counter(shot.status for shot in side.shots)
        parts = [self.words[f"status_{status}"].format(count=counts[status]) for status in _STATUSES if counts[status]]
        photos = self.words["photo" if len(side.shots) == 1 else "photos"].format(count=len(side.shots))
        photos += self.words["brackets"].format(self.words["comma"].join(parts))
        return self.words["side"].format(side=letter, name=side.name, photos=photos)

    def pairs(self) -> str:
        """How many were compared, how they were found, and what was left over."""
        found, words = self.found, self.words
        how = words["by_path"] if found.pairing == "path" else found.pairing
        parts = [words["pair" if len(found.judged) == 1 else "pairs"].format(count=len(found.judged), how=how)]
        apart = found.set_apart().total()
        if apart:
            parts.append(words["not_judged"].format(count=apart))
        for letter, alone in (("A", found.without_partner("a")), ("B", found.without_partner("b"))):
            parts += [words[why].format(count=count, side=letter) for why, count in sorted(alone.items())]
        return words["between"].join(parts)

    def caveats(self) -> Iterator[str]:
        """What has to be known of where A and B come from."""
        parts = []
        for entry in self.found.differences:
            what = _OPTIONS.get(entry.what) or self.words.get(f"what_{entry.what}", entry.what)
            parts.append(self.words["difference"].format(what=what, a=entry.a, b=entry.b))
        if parts:
            yield self.words["differently"].format(parts=self.words["between"].join(parts))
        for letter, side in (("A", self.found.a), ("B", self.found.b)):
            if not side.runs:
                yield self.words["unsaid"].format(side=letter)
            if side.is_cut_short:
                yield self.words["cut_short"].format(side=letter)

    def p(self, value: float) -> str:
        """A p without words, as 0.031; below a thousandth only that."""
        return "<0.001" if value < _FIRST_DIGITS else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"

    def p_said(self, value: float) -> str:
        """A p inside a sentence."""
        return self.words["p_below"] if value < _FIRST_DIGITS else self.words["p"].format(p=self.p(value))

    def mean(self, mean: Mean, *, scale: float = 1, digits: int = 2) -> str:
        """A change with its interval."""
        value = _signed(scale * mean.value, digits)
        if mean.interval is None:
            return value
        low, high = (_signed(scale * end, digits) for end in mean.interval)
        return self.words["interval"].format(value=value, low=low, high=high)

    def measured(self) -> Iterator[tuple[str, str, str, str]]:
        """Name, A, B and the change of each measurement that people are shown."""
        by_name: dict[str, MeasuredChange] = {entry.name: entry for entry in self.found.measured}
        for name, (scale, digits) in SHOWN.items():
            if name in by_name:
                entry = by_name[name]
                yield (
                    self.words[name],
                    _plain(scale * entry.mean_a, digits),
                    _plain(scale * entry.mean_b, digits),
                    self.mean(entry.change, scale=scale, digits=digits),
                )

    def transitions(self, change: LabelChange) -> str:
        """From which level to which, as `12 none → ordinary, 3 none → severe`; empty if nothing changed."""
        moves = [
            (count, before, after)
            for before, row in enumerate(change.transitions, 1)
            for after, count in enumerate(row, 1)
            if before != after and count
        ]
        return self.words["comma"].join(
            self.words["transition"].format(count=count, before=self.names.level(before), after=self.names.level(after))
            for count, before, after in sorted(moves, key=lambda move: (-move[0], move[1:]))
        )

    def groups(self) -> Iterator[dict[str, Any]]:
        """Each grouping as a table: `title`, `columns`, `rows` with `name`, `pairs` and `cells`, `left`.

        A cell has its `text` and what is `shown`. Of many groups those with the most pairs are there.
        """
        for grouped in self.found.grouped:
            ranked = sorted(range(len(grouped.groups)), key=lambda place: -grouped.groups[place].pairs)
            some = [grouped.groups[place] for place in sorted(ranked[:GROUPS_SHOWN])]
            keys = keys_said(grouped.names, self.lang)
            left = len(grouped.groups) - len(some)
            yield {
                "title": self.words["by"].format(keys=keys),
                "columns": [keys, self.words["column_pairs"], *self.names.labels.values()],
                "rows": [
                    {
                        "name": values_said(group.values, self.lang),
                        "pairs": group.pairs,
                        "cells": [_turn_cell(turn) for turn in group.turns],
                    }
                    for group in some
                ],
                "left": self.words["more_groups"].format(count=left) if left else "",
            }

    def steps(self, pair: PairChange) -> list[tuple[int, str]]:
        """What changed in one pair, the largest change first: by how many levels, and in words."""
        found = [
            (
                rise,
                self.words["step"].format(
                    label=self.names.labels[label], before=self.names.level(before), after=self.names.level(after)
                ),
            )
            for label, rise, before, after in zip(
                self.found.a.labels, pair.rises, pair.a.levels, pair.b.levels, strict=True
            )
            if rise
        ]
        return sorted(found, key=lambda step: -abs(step[0]))


def _turn_cell(turn: Turn) -> dict[str, str]:
    mark = {"worse": " ▲", "better": " ▼", None: ""}[turn.shown]
    changed = turn.better or turn.worse
    return {"text": f"{turn.better} / {turn.worse}{mark}" if changed else "-", "shown": turn.shown or ""}


def _signed(value: float, digits: int) -> str:
    """A number with its sign, and zero without."""
    text = f"{value:+.{digits}f}"
    return _plain(value, digits) if float(text) == 0 else text.replace("-", _MINUS)


def _plain(value: float, digits: int) -> str:
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", _MINUS)
