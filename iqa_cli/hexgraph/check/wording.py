"""Chains of implications in words: `"sky clipped" >= 2 -> "clipped" >= 2 -> excludes "over-suppressed" >= 2`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iqa_cli.hexgraph.problems import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from iqa_cli.hexgraph.check.implications import Chain, Implications
    from iqa_cli.hexgraph.graph import HexGraph

_LONGEST = 12
"""Steps of a chain that are written out; the middle of a longer one is left out."""


class Wording:
    """Writes literals and chains with the names of a graph.

    graph         names labels and levels
    implications  gave the literals
    """

    def __init__(self, graph: HexGraph, implications: Implications) -> None:
        self._graph = graph
        self._implications = implications

    def literal(self, literal: int) -> str:
        """`"dark" >= 3` or `"dark" < 3`."""
        label = self._graph.labels[self._implications.label_of[literal >> 1]]
        sign = "<" if literal & 1 else ">="
        return f"{quote(label.name)} {sign} {label.levels[self._implications.position(literal)]}"

    def contradiction(self, chain: Chain) -> str:
        """A chain from a literal to its opposite.

        One that begins "at least" is told as two branches that exclude each other: the way back from what is excluded
        is a way there, read backwards.
        """
        literals = chain.literals
        crossing = next((i for i in range(1, len(literals)) if literals[i] & 1 > literals[i - 1] & 1), None)
        if crossing is None:
            return self.chain(chain)
        excluded = literals[crossing] ^ 1
        there = self._steps(literals[:crossing], chain.clauses[: crossing - 1])
        text = f"{' -> '.join(there)} -> excludes {self.literal(excluded)}"
        back = [literal ^ 1 for literal in reversed(literals[crossing:])]
        branch = self._steps(back, list(reversed(chain.clauses[crossing:])))
        if self._label(back[0]) != self._label(back[-1]) or len(branch) > 2:
            text += f", but {' -> '.join(branch)}"
        return text

    def chain(self, chain: Chain) -> str:
        """Any chain, a step after the other."""
        return " -> ".join(self._steps(chain.literals, chain.clauses))

    def _label(self, literal: int) -> int:
        return self._implications.label_of[literal >> 1]

    def _steps(self, literals: Sequence[int], clauses: Sequence[int]) -> list[str]:
        """What a chain says; steps along a label's own order are taken with the next rule."""
        kept = [literals[0]]
        kept += [w for w, c in zip(literals[1:], clauses, strict=True) if self._implications.owners(c)]
        last = literals[-1]
        if kept[-1] != last and (self._label(kept[-1]) != self._label(last) or len(kept) == 1):
            kept.append(last)
        if len(kept) <= _LONGEST:
            return list(map(self.literal, kept))
        head, tail = kept[: _LONGEST // 2], kept[-(_LONGEST // 2 - 1) :]
        left_out = f"... {len(kept) - len(head) - len(tail)} more ..."
        return [*map(self.literal, head), left_out, *map(self.literal, tail)]


def listed(items: Iterable[str], most: int = 6) -> str:
    """'a, b and c'; of many the first."""
    names = list(items)
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
