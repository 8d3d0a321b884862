"""Splitting photos into parts: whole scenes, stratified by every level of every label.

The stratification is that of Sechidis, Tsoumakas and Vlahavas (ECML PKDD 2011), from the package
iterative-stratification. It deals out samples with yes-or-no properties; our samples are scenes, and what they hold
in numbers ("five photos with a severe label") is spelled as properties by thresholds of 1, 2, 4, 8...: at least so
many photos in all, at least so many of a label at a level or above.
"""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.errors import LabelsError, MissingExtra, UsageError
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels.levels import UNOBSERVED
from iqa_cli.labels.scenes import is_alone
from iqa_cli.labels.table import PARTS, same_file_key
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from iqa_cli.labels.scenes import Scenes
    from iqa_cli.labels.table import LabelTable

FRACTIONS: Mapping[str, float] = dict(zip(PARTS, (0.7, 0.15, 0.15), strict=True))
"""What a split is made of unless told."""

_MOST_DRAWS = 16
"""Stratifications tried, of which the most even one is taken: with few scenes of very different size, ties that are
broken by chance decide much."""
_SCENES_PER_DRAW = 8_000
"""Of thousands of scenes one draw is even already, and takes seconds."""

_PART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclasses.dataclass(frozen=True)
class Split:
    """A part for every row of a table."""

    parts: tuple[str, ...]
    """Names of the parts, in the order given."""
    of: tuple[str, ...]
    """The part of each row."""

    def rows(self, part: str) -> list[int]:
        """The rows of one part, rising."""
        return [row for row, other in enumerate(self.of) if other == part]


def parse_fractions(text: str) -> dict[str, float]:
    """The shares that a text like `train=0.7,val=0.15,test=0.15` names.

    raises  UsageError  if it is no such list, a name could not be a file's, or the shares do not add up to 1
    """
    fractions: dict[str, float] = {}
    for item in text.split(","):
        name, equals, value = (piece.strip() for piece in item.partition("="))
        try:
            share = float(value)
        except ValueError:
            share = math.nan
        if not equals or not _PART_NAME.fullmatch(name):
            raise UsageError(f"--fractions {text}: expected NAME=SHARE,..., got {item.strip()!r}")
        if name in fractions:
            raise UsageError(f"--fractions {text}: {name} is there twice")
        if not 0 < share < 1:
            raise UsageError(f"--fractions {text}: the share of {name} has to be above 0 and below 1")
        fractions[name] = share
    if len(fractions) < 2 or not math.isclose(sum(fractions.values()), 1, abs_tol=1e-6):
        raise UsageError(
            f"--fractions {text}: the shares add up to {sum(fractions.values()):g}, expected 1 over two parts or more"
        )
    return fractions


def split(table: LabelTable, scenes: Scenes, fractions: Mapping[str, float] = FRACTIONS, seed: int = 0) -> Split:
    """Deal the photos out to parts, each scene whole.

    fractions  share of the photos of each part, above 0, adding up to 1
    seed       0..2**32-1; the same seed gives every photo the same part, whatever the order of the rows
    raises     LabelsError   if there are not enough scenes to give every part some
               MissingExtra  without the package iterative-stratification
               UsageError    for fractions that cannot be
    """
    if len(fractions) < 2 or min(fractions.values()) <= 0 or not math.isclose(sum(fractions.values()), 1, abs_tol=1e-6):
        raise UsageError(f"expected two shares or more that add up to 1, got {dict(fractions)}")
    members = _members(table, scenes)
    if len(members) < len(fractions):
        shares = ",".join(f"{part}={share:g}" for part, share in fractions.items())
        told = [quote(scene) for scene in dict.fromkeys(scenes.of) if not is_alone(scene)]
        raise LabelsError(
            f"{table.path}: {counted(len(table), 'photo')} of {counted(len(members), 'scene')} cannot be split into "
            f"{shares} without an empty part" + (f"; the rule finds {', '.join(told)}" if told else ""),
            hint="scenes stay whole: label photos of more scenes, ask for fewer parts, or tell scenes by a finer rule",
        )
    counts = _counts(table, members)
    dealt = _deal(_properties(counts), counts, tuple(fractions.values()), seed)
    of = np.empty(len(table), dtype=np.intp)
    for rows, part in zip(members, dealt, strict=True):
        of[rows] = part
    parts = tuple(fractions)
    return Split(parts, tuple(parts[part] for part in of))


def _members(table: LabelTable, scenes: Scenes) -> list[list[int]]:
    """Rows of every scene, in an order that does not depend on that of the rows."""
    rows: dict[str, list[int]] = {}
    for row, scene in enumerate(scenes.of):
        rows.setdefault(scene, []).append(row)
    return [
        rows[scene] for scene in sorted(rows, key=lambda scene: min(same_file_key(table.names[r]) for r in rows[scene]))
    ]


def _counts(table: LabelTable, members: Sequence[Sequence[int]]) -> NDArray[np.intp]:
    """(S, F) photos of each scene with each feature: being there, a label at a level or above, a label observed."""
    features = [np.ones(len(table), dtype=np.bool_)]
    for positions in table.positions.T:
        features += [positions >= level for level in range(1, int(positions.max(initial=0)) + 1)]
        features.append(positions != UNOBSERVED)
    scene = np.empty(len(table), dtype=np.intp)
    for number, rows in enumerate(members):
        scene[list(rows)] = number
    return np.stack([np.bincount(scene, weights=has, minlength=len(members)) for has in features], 1).astype(np.intp)


def _properties(counts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """(S, P) whether a scene has at least 1, 2, 4, 8... photos of each feature; what all or none have is left out."""
    steps = 2 ** np.arange(int(counts.max(initial=1)).bit_length())
    properties = (counts[:, :, None] >= steps).reshape(len(counts), -1)
    varied = np.unique(properties[:, properties.any(axis=0) & ~properties.all(axis=0)], axis=1)
    # The stratifier takes two columns or more.
    return np.concatenate([varied, np.zeros((len(counts), max(0, 2 - varied.shape[1])), dtype=np.bool_)], axis=1)


def _deal(
    properties: NDArray[np.bool_], counts: NDArray[np.intp], shares: tuple[float, ...], seed: int
) -> NDArray[np.intp]:
    """(S,) the part of each scene; no part is empty."""
    draws = min(_MOST_DRAWS, max(1, _SCENES_PER_DRAW // len(counts)))
    seeds = np.random.SeedSequence(seed).generate_state(draws).tolist()
    dealt = [_filled(_stratified(properties, shares, draw), len(shares), draw) for draw in seeds]
    return min(dealt, key=lambda parts: _unevenness(parts, counts, shares))


def _filled(dealt: NDArray[np.intp], n_parts: int, seed: int) -> NDArray[np.intp]:
    """The same with a scene of the largest part for every empty one: of a handful the stratifier may give none."""
    rng = np.random.default_rng(seed)
    for part in range(n_parts):
        sizes = np.bincount(dealt, minlength=n_parts)
        if not sizes[part]:
            dealt[rng.choice(np.flatnonzero(dealt == sizes.argmax()))] = part
    return dealt


def _stratified(properties: NDArray[np.bool_], shares: tuple[float, ...], seed: int) -> NDArray[np.intp]:
    """(S,) one stratification: the last part is taken off first, then the one before it from what is left."""
    try:
        from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit
    except ModuleNotFoundError as error:
        raise MissingExtra("iqa split", "iterative-stratification", "split") from error
    dealt = np.zeros(len(properties), dtype=np.intp)
    left = np.arange(len(properties))
    for part in range(len(shares) - 1, 0, -1):
        wanted = round(shares[part] / sum(shares[: part + 1]) * len(left))
        size = min(max(1, wanted), len(left) - part)
        if size < 1:
            break
        splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=size, random_state=seed)
        rest, taken = next(splitter.split(left, properties[left]))
        dealt[left[taken]] = part
        left = left[rest]
    return dealt


def _unevenness(dealt: NDArray[np.intp], counts: NDArray[np.intp], shares: tuple[float, ...]) -> float:
    """How far the parts are from their shares of every feature, as chi-squared is: 0 if they have them exactly."""
    expected = np.outer(shares, counts.sum(axis=0))
    got = np.stack([counts[dealt == part].sum(axis=0) for part in range(len(shares))])
    return float(((got - expected) ** 2 / np.maximum(expected, 1)).sum())
