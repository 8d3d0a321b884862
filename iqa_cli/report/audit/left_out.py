"""What a search passed over, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.chinese import in_chinese
from iqa_cli.report.audit.words import WORDS
from iqa_cli.report.text import shown

if TYPE_CHECKING:
    from iqa_cli.photos.left_out import LeftOut
    from iqa_cli.records import Language

_KINDS_NAMED = 6
"""More would be a longer line than anybody reads; the commonest come first."""


def left_out_line(left_out: LeftOut, lang: Language) -> str:
    """What was not looked at, in one line; empty if there was nothing.

    "Passed over: 5 files of other kinds (3 .mov, 2 .aae), 2 folders of copies (immich, Synology), 1 hidden"
    """
    words = WORDS[lang]
    parts = []
    if left_out.kinds:
        parts.append(
            words.other_kinds[left_out.kinds.total() != 1].format(count=left_out.kinds.total())
            + words.brackets.format(_kinds(left_out, lang))
        )
    if left_out.copies:
        parts.append(
            words.copies[left_out.copies.total() != 1].format(count=left_out.copies.total())
            + words.brackets.format(words.comma.join(_keepers(left_out, lang)) + words.look_inside)
        )
    if left_out.hidden:
        parts.append(words.hidden.format(count=left_out.hidden))
    if left_out.excluded:
        parts.append(words.excluded.format(count=left_out.excluded))
    return words.passed_over + words.comma.join(parts) if parts else ""


def _keepers(left_out: LeftOut, lang: Language) -> list[str]:
    """Who keeps the copies."""
    names = sorted(left_out.copies, key=str.lower)
    return names if lang == "en" else [in_chinese(name) for name in names]


def _kinds(left_out: LeftOut, lang: Language) -> str:
    words = WORDS[lang]
    ranked = sorted(left_out.kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    named = [f"{count} {shown(suffix) or words.no_suffix}" for suffix, count in ranked[:_KINDS_NAMED]]
    rest = sum(count for _, count in ranked[_KINDS_NAMED:])
    return words.comma.join([*named, words.more_kinds.format(count=rest)] if rest else named)
