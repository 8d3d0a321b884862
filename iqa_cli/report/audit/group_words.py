"""Groups of photos in words and numbers, as the table and the page both show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iqa_cli.findings import in_percent
from iqa_cli.report.audit.groups import most_telling
from iqa_cli.report.group_names import keys_said, values_said

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.records import Language
    from iqa_cli.report.audit.groups import GroupRow, Groups, Rate

ROWS_SHOWN = 25
"""Groups that people are shown; the JSON document has all."""
LINES_SHOWN = 12
"""Differences that are told in words."""
MEANS = {"luma_median": 2, "clipped_fraction": 3, "lstar_p5_p95_spread": 0}
"""Measurements of which the page shows the mean, with their digits."""
MARKS = {"more": "▲", "fewer": "▼", None: ""}

WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "title": "By {keys} ({judged} photos judged)",
        "hint": "Share of the judged photos at {level} or worse, its 95 % interval, and the graver levels. ▲ more and "
        "▼ fewer than in all other photos, by Fisher's exact test and Holm's correction.",
        "judged": "Judged",
        "interval": "{low} to {high}",
        "or_worse": "{level} or worse",
        "told": "{mark} {group}: {label}, {level}, in {share} ({count} of {judged}; {low} to {high}), "
        "elsewhere in {others}, {p}",
        "p": "p = {p}",
        "p_below": "p < 0.001",
        "more_told": "... and {count} more differences: --json FILE has all",
        "nothing_told": "No group differs from the others beyond chance.",
        "left": "{count} more groups, and {beyond} photos of groups beyond those: --json FILE",
        "left_groups": "{count} more groups: --json FILE has all",
        "luma_median": "median luma",
        "clipped_fraction": "clipped",
        "lstar_p5_p95_spread": "span of L*",
        "comma": ", ",
    },
    "zh": {
        "title": "按{keys}统计（已评判 {judged} 张）",
        "hint": "已评判照片中达到{level}及以上的比例、其 95 % 区间，以及更严重的等级。▲ 多于、▼ 少于其他所有照片："
        "费希尔精确检验，经霍尔姆校正。",
        "judged": "已评判",
        "interval": "{low} 至 {high}",
        "or_worse": "{level}及以上",
        "told": "{mark} {group}：{label}，{level}占 {share}（{judged} 张中 {count} 张；{low} 至 {high}），"
        "其他照片中占 {others}，{p}",
        "p": "p = {p}",
        "p_below": "p < 0.001",
        "more_told": "…… 还有 {count} 处差异：用 --json FILE 列出全部",
        "nothing_told": "没有与其他照片有显著差异的组。",
        "left": "还有 {count} 组，以及更多组中的 {beyond} 张照片：用 --json FILE",
        "left_groups": "还有 {count} 组：用 --json FILE 列出全部",
        "luma_median": "亮度中位数",
        "clipped_fraction": "过曝",
        "lstar_p5_p95_spread": "L* 跨度",
        "comma": "，",
    },
}


def group_table(groups: Groups, graph: HexGraph, lang: Language) -> dict[str, Any]:
    """A grouping as rows of texts: `title`, `hint`, `columns`, `rows`, `told`, `left`.

    Of each row `name`, `judged`, `differs`; `cells`, one for each label, with `share`, `mark`, `interval`, `graver`;
    and `means`, in the order of `MEANS`.
    """
    words = WORDS[lang]
    rows = groups.rows(graph)
    some = most_telling(rows, ROWS_SHOWN)
    lowest = min(level for label in graph.labels for level in label.levels)
    keys = keys_said(groups.grouping.names, lang)
    told = list(_told(groups, rows, graph, lang))
    if len(told) > LINES_SHOWN:
        told = [*told[:LINES_SHOWN], words["more_told"].format(count=len(told) - LINES_SHOWN)]
    left = len(rows) - len(some)
    return {
        "title": words["title"].format(keys=keys, judged=groups.judged),
        "hint": words["hint"].format(level=graph.level_name(lowest + 1, lang)),
        "columns": [
            keys,
            words["judged"],
            *(label.display(lang) for label in graph.labels),
            *(words[name] for name in MEANS),
        ],
        "rows": [_row(row, graph, lang) for row in some],
        "told": told or [words["nothing_told"]],
        "left": words["left"].format(count=left, beyond=groups.beyond)
        if groups.beyond
        else words["left_groups"].format(count=left)
        if left
        else "",
    }


def _row(row: GroupRow, graph: HexGraph, lang: Language) -> dict[str, Any]:
    return {
        "name": values_said(row.values, lang),
        "judged": row.judged,
        "differs": row.differs,
        "cells": [_cell(rates, row.judged, graph, lang) for rates in row.rates.values()],
        "means": [f"{row.means[name]:.{digits}f}" if name in row.means else "" for name, digits in MEANS.items()],
    }


def _cell(rates: Sequence[Rate], judged: int, graph: HexGraph, lang: Language) -> dict[str, str]:
    """The lowest level or worse; the graver ones by name where there are any."""
    words = WORDS[lang]
    first, *graver = rates
    differs = next((rate.differs for rate in rates if rate.differs), None)
    return {
        "share": in_percent(first.count / judged) if judged else "–",
        "mark": MARKS[differs],
        "differs": differs or "",
        "is_none": "" if first.count or differs else "yes",
        "interval": _interval(first, lang),
        "graver": words["comma"].join(
            f"{graph.level_name(rate.level, lang)} {in_percent(rate.count / judged)}" for rate in graver if rate.count
        ),
    }


def _interval(rate: Rate, lang: Language) -> str:
    if rate.interval is None:
        return ""
    low, high = (in_percent(end) for end in rate.interval)
    return WORDS[lang]["interval"].format(low=low.removesuffix("%"), high=high)


def _told(groups: Groups, rows: Sequence[GroupRow], graph: HexGraph, lang: Language) -> Iterator[str]:
    """What differs, in words; the surest first."""
    words = WORDS[lang]
    found = [
        (rate.p, row, label, rate)
        for row in rows
        for label, rates in zip(graph.labels, row.rates.values(), strict=True)
        for rate in rates
        if rate.differs
    ]
    for _, row, label, rate in sorted(found, key=lambda entry: entry[0]):
        interval = rate.interval or (0.0, 1.0)
        others = groups.judged - row.judged
        elsewhere = groups.from_level(label.name, rate.level) - rate.count
        small = rate.p_holm < 0.001
        yield words["told"].format(
            mark=MARKS[rate.differs],
            group=values_said(row.values, lang),
            label=label.display(lang),
            level=graph.level_name(rate.level, lang)
            if rate.level == label.levels[-1]
            else words["or_worse"].format(level=graph.level_name(rate.level, lang)),
            share=in_percent(rate.count / row.judged),
            count=rate.count,
            judged=row.judged,
            low=in_percent(interval[0]).removesuffix("%"),
            high=in_percent(interval[1]),
            others=in_percent(elsewhere / others) if others else "–",
            p=words["p_below"] if small else words["p"].format(p=f"{rate.p_holm:.3f}"),
        )
