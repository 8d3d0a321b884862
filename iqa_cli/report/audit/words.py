"""The words of the table, per language. Labels and levels have theirs in the graph."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.records import Language
    from iqa_cli.report.audit.tally import Tally


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """Everything the table says by itself; braces are filled in."""

    summary: str
    """Heading of the summary."""
    label: str
    """Heading of its first column."""
    worst: str
    """Heading of the list of the worst photos when it is complete."""
    worst_of: str
    """The same when it is not."""
    uncertain: str
    """Heading of the photos not to be trusted."""
    damaged: str
    """Heading of those whose files are damaged."""
    unreadable: str
    """Heading of the photos not judged."""
    doubted: str
    """Heading of the photos judged fine that were measured otherwise."""
    nearly: str
    """Before the evidence, the level next to the one that is named."""
    more: str
    """Ends a list that was cut."""
    other_reasons: str
    """Photos whose reason is not told apart any more."""
    photos: tuple[str, str]
    """The closing line's first words: one photo, several."""
    seconds: str
    """How long they took."""
    remembered: str
    problems: str
    """How many photos have a problem."""
    fine: str
    """How many have none."""
    uncertain_count: str
    """How many are uncertain."""
    damaged_count: str
    """How many are damaged."""
    unreadable_count: str
    """How many are unreadable."""
    passed_over: str
    """Begins the line about what was not looked at."""
    other_kinds: tuple[str, str]
    """One file, several of kinds that are not read."""
    no_suffix: str
    """A kind of file whose name has no suffix."""
    more_kinds: str
    """Files of kinds that are not named any more."""
    copies: tuple[str, str]
    """One folder, several with copies or deleted photos."""
    hidden: str
    """Names that begin with a dot."""
    excluded: str
    """What the caller excluded."""
    look_inside: str
    """How to look into folders of copies."""
    graver: str
    """Of the photos with a problem, how many at one of the graver levels."""
    sure: str
    """The probability of a problem."""
    maybe: str
    """The same where it is below one half: an operating point may name what is less likely than not."""
    colon: str
    """Between the first words of the closing line and the counts."""
    comma: str
    """Between items of a list."""
    between: str
    """Between several reasons."""
    brackets: str
    """Around an aside."""


WORDS: dict[Language, Words] = {
    "en": Words(
        summary="Tone problems, by photo ({judged} of {photos} photos judged)",
        label="Problem",
        worst="Worst photos first ({shown})",
        worst_of="Worst photos first ({shown} of {candidates}; --top N shows more)",
        uncertain="Uncertain, do not trust these ({count})",
        damaged="Damaged files, do not trust these ({count})",
        unreadable="Unreadable ({count})",
        doubted="Judged fine, but measured otherwise ({count})",
        nearly="nearly {level}",
        more="... and {count} more: --csv FILE lists all",
        other_reasons="for other reasons: --csv FILE lists all",
        photos=("1 photo", "{count} photos"),
        seconds=" in {seconds} s",
        remembered="{count} remembered",
        problems="{count} flawed",
        fine="{count} fine",
        uncertain_count="{count} uncertain",
        damaged_count="{count} damaged",
        unreadable_count="{count} unreadable",
        passed_over="Passed over: ",
        other_kinds=("1 file of another kind", "{count} files of other kinds"),
        no_suffix="without a suffix",
        more_kinds="{count} more",
        copies=("1 folder of copies", "{count} folders of copies"),
        hidden="{count} hidden",
        excluded="{count} excluded",
        look_inside="; --include-copies looks into them",
        graver="{count} {level}",
        sure="{share} sure",
        maybe="maybe, {share}",
        colon=": ",
        comma=", ",
        between="; ",
        brackets=" ({})",
    ),
    "zh": Words(
        summary="影调问题（已评判 {judged} 张，共 {photos} 张）",
        label="问题",
        worst="最严重的照片（{shown} 张）",
        worst_of="最严重的照片（前 {shown} 张，共 {candidates} 张；用 --top N 显示更多）",
        uncertain="存疑，结果不可靠（{count} 张）",
        damaged="文件已损坏，结果不可靠（{count} 张）",
        unreadable="无法读取（{count} 张）",
        doubted="判为正常，但实测并非如此（{count} 张）",
        nearly="接近{level}",
        more="…… 还有 {count} 张：用 --csv FILE 列出全部",
        other_reasons="其他原因：用 --csv FILE 列出全部",
        photos=("{count} 张", "{count} 张"),
        seconds="，用时 {seconds} 秒",
        remembered="其中 {count} 张此前已评判",
        problems="{count} 张有问题",
        fine="{count} 张正常",
        uncertain_count="{count} 张存疑",
        damaged_count="{count} 张已损坏",
        unreadable_count="{count} 张无法读取",
        passed_over="未查看：",
        other_kinds=("{count} 个其他类型的文件", "{count} 个其他类型的文件"),
        no_suffix="无后缀",
        more_kinds="其他 {count} 个",
        copies=("{count} 个存放副本的文件夹", "{count} 个存放副本的文件夹"),
        hidden="{count} 个隐藏项",
        excluded="{count} 个已排除项",
        look_inside="；用 --include-copies 查看这些文件夹",
        graver="{count} 张{level}",
        sure="{share} 把握",
        maybe="可能，{share}",
        colon="：",
        comma="，",
        between="；",
        brackets="（{}）",
    ),
}


def closing_line(tally: Tally, graph: HexGraph, elapsed_s: float | None, lang: Language, remembered: int = 0) -> str:
    """The run in one line.

    "89 photos in 4.1 s: 12 flawed (3 blocking), 66 fine, 2 uncertain, 9 unreadable"

    elapsed_s  None leaves the time out

    Of the levels it names those above the lowest that is a problem; counts of zero are left out, except for
    problems and fine photos. How many were known from an earlier run comes first, if any. Without that, and with counts
    of three digits, it has no more than 100 columns.
    """
    words = WORDS[lang]
    grave = [
        words.graver.format(count=tally.problems[level], level=graph.level_name(level, lang))
        for level in sorted(tally.problems, reverse=True)
        if level > 2
    ]
    problems = words.problems.format(count=tally.problems.total())
    if grave:
        problems += words.brackets.format(words.comma.join(grave))
    parts = [problems, words.fine.format(count=tally.fine)]
    if tally.uncertain.total:
        parts.append(words.uncertain_count.format(count=tally.uncertain.total))
    if tally.damaged.total:
        parts.append(words.damaged_count.format(count=tally.damaged.total))
    if tally.unreadable.total:
        parts.append(words.unreadable_count.format(count=tally.unreadable.total))
    first = words.photos[tally.photos != 1].format(count=tally.photos)
    if elapsed_s is not None:
        first += words.seconds.format(seconds=f"{elapsed_s:.1f}" if elapsed_s < 10 else f"{elapsed_s:.0f}")
    if remembered:
        first += words.brackets.format(words.remembered.format(count=remembered))
    return first + words.colon + words.comma.join(parts)
