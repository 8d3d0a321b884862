"""The words of a graph's picture, per language. Labels and levels have theirs in the graph."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iqa_cli.records import Language
    from iqa_cli.report.graph.page import Section


@dataclasses.dataclass(frozen=True, slots=True)
class GraphWords:
    """Everything the picture says by itself; braces are filled in."""

    counts: str
    """Under the title: labels, exclusions and subsumptions between labels."""
    dead: str
    """How many levels are dead, after the counts."""
    sections: dict[Section, str]
    """Headings."""
    from_level: str
    """Head of a box whose labels are all marked from one level on."""
    tinted: str
    """Head of any other box."""
    key_levels: str
    """Legend of a card."""
    key_box: str
    """Legend of a box."""
    key_subsumption: str
    """Legend of an arrow."""
    key_exclusion: str
    """Legend of a dashed line."""
    key_dead: str
    """Legend of a dead level."""


GRAPH_WORDS: dict[Language, GraphWords] = {
    "en": GraphWords(
        counts="labels: {labels}, exclusions: {exclusions}, subsumptions between labels: {subsumptions}",
        dead=", dead levels: {dead}",
        sections={
            "linked": "Labels that rules join",
            "boxed": "Labels that exclude each other, and nothing else",
            "alone": "Labels without a rule about another",
        },
        from_level="at most one at {level} or above",
        tinted="at most one at a tinted level",
        key_levels="a label and its levels: it has exactly one, the gravest is on top",
        key_box="at most one of the labels in the box is at a tinted level",
        key_subsumption="implies: at a level beside the arrow's start, the other is at a level beside its head",
        key_exclusion="excludes: never both at the levels beside the bars",
        key_dead="dead: no combination that the rules allow has this level",
    ),
    "zh": GraphWords(
        counts="{labels} 个标签，{exclusions} 条互斥，标签之间 {subsumptions} 条蕴含",
        dead="，{dead} 个不可能的等级",
        sections={
            "linked": "由规则相连的标签",
            "boxed": "只与同框标签互斥的标签",
            "alone": "与其他标签没有规则的标签",
        },
        from_level="至多一个达到 {level} 级或以上",
        tinted="至多一个处于着色的等级",
        key_levels="标签及其等级：恰好取其一，最严重的在最上",
        key_box="同一框内至多一个标签处于着色的等级",
        key_subsumption="蕴含：箭头起点竖条旁的等级，必有箭头终点竖条旁的等级",
        key_exclusion="互斥：两端竖条旁的等级不会同时出现",
        key_dead="不可能：规则允许的任何组合都没有这一等级",
    ),
}


def words_of(lang: str) -> GraphWords:
    """The words in a language, in English if there are none."""
    return GRAPH_WORDS["zh"] if lang == "zh" else GRAPH_WORDS["en"]
