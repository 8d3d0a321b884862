"""What a sidecar says of a photo: a rating, keywords, and the figures behind them."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from iqa_cli.picking.rows import PROBLEM_FROM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from iqa_cli.picking.names import Names
    from iqa_cli.picking.rows import Row

ROOT = "iqa"
"""The keyword that all of ours stand below."""
_BEST_RATING = 4
"""Of a photo without a tone problem. Five stars are a person's to give."""
_SEPARATORS = re.compile(r"[|/]")


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """The content of a sidecar, before it is XML."""

    status: str
    """Of the photo in the report."""
    rating: int | None
    """Stars, 4 down to 1 as the worst level goes from 1 to 4 and beyond; None if the judgement is not to be trusted."""
    keywords: tuple[tuple[str, ...], ...]
    """Hierarchies from `ROOT` down: one for each label with a problem, or the status if it is not `ok`."""
    levels: tuple[str, ...]
    """`label=level`, in the report's order."""
    probabilities: tuple[str, ...]
    """`label=probability`, of a problem, four decimals."""

    @property
    def words(self) -> tuple[str, ...]:
        """Every keyword by itself, each once."""
        return tuple(dict.fromkeys(word for hierarchy in self.keywords for word in hierarchy))


def judgement(row: Row, labels: Sequence[str], names: Names) -> Judgement:
    """What to say of a photo.

    labels  of its report
    names   of them
    """
    rating = None
    keywords: list[tuple[str, ...]] = []
    if row.status != "ok":
        keywords.append((ROOT, row.status))
    elif row.levels:
        rating = max(1, _BEST_RATING + 1 - row.worst_level)
        keywords += (
            (ROOT, _as_keyword(names.labels[label]), _as_keyword(names.level(level)))
            for label, level in zip(labels, row.levels, strict=True)
            if level >= PROBLEM_FROM
        )
    return Judgement(
        row.status,
        rating,
        tuple(keywords),
        tuple(f"{label}={level}" for label, level in zip(labels, row.levels, strict=False)),
        tuple(f"{label}={share:.4f}" for label, share in zip(labels, row.probabilities, strict=False)),
    )


def _as_keyword(name: str) -> str:
    """A name without what separates the keywords of a hierarchy."""
    return _SEPARATORS.sub("-", name)
