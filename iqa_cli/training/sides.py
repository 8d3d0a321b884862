"""Who learns and who judges: the sides of labelled photographs, proven apart before anything is decoded."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

from iqa_cli.errors import ConfigError, LabelsError, UsageError
from iqa_cli.hexgraph.problems import quote
from iqa_cli.labels import ImageBucket, Images, LabelTable, images_at, read_labels
from iqa_cli.labels.counts import absent_levels, absent_warnings, count_photos
from iqa_cli.labels.leakage import leakage
from iqa_cli.labels.levels import UNOBSERVED
from iqa_cli.labels.scenes import ByColumn, scene_rule, scenes
from iqa_cli.labels.split import split
from iqa_cli.labels.table import require_one_count
from iqa_cli.labels.weak import weak_zeros
from iqa_cli.training.data import WHOLE, Share
from iqa_cli.training.distributed import by_first
from iqa_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iqa_cli.config import DataConfig
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.labels.scenes import SceneRule

_SIDES = {"train": "training", "val": "validation", "test": "test"}
"""What the parts of a split are called in files, and here."""


@dataclasses.dataclass(frozen=True)
class Sides:
    """Which rows of which table are for what."""

    images: Images
    """Where the photographs are."""
    rows: Mapping[str, tuple[LabelTable, Sequence[int]]]
    """By side: training, validation and, if there is one, test."""
    notes: tuple[str, ...]
    """What the user should know, such as labels without a column."""
    warnings: tuple[str, ...]
    """What makes figures worth less: scenes on both sides, levels that a side lacks, and the caveats."""
    caveats: tuple[str, ...] = ()
    """What every report of a model that learned from this has to say: photographs on two sides, hidden labels."""
    card: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What the checkpoint's card says of how the labels were taken, beside the caveats."""


def read_sides(config: DataConfig, graph: HexGraph, seed: int, share: Share = WHOLE) -> Sides:
    """Read the label tables of a config and prove that no photograph is on two sides, unless the config allows it.

    share   which process this is; of a bucket the first one alone lists and compares, and tells the others
    raises  LabelsError  for tables that are wrong, missing photographs, and photographs on two sides, naming them
            ConfigError  for a scene rule that means nothing, and if `min_positives` leaves no label
            StoreError   if a bucket cannot be listed, or does not give what it listed
    """
    read = functools.partial(_read_sides, config, graph, seed)
    # All of them have to know the same objects, also if somebody writes there meanwhile.
    return by_first(read, share) if isinstance(config.images, str) else read()


def _read_sides(config: DataConfig, graph: HexGraph, seed: int) -> Sides:
    assert config.labels is not None and config.images is not None  # noqa: PT018, S101 - DataConfig has seen to it
    rule = _rule(config.scene)
    # Columns that tell scenes or weights may hold numbers and are no labels for it.
    columns = (rule.name if isinstance(rule, ByColumn) else "", config.labelled_weight)
    no_labels = tuple(name for name in columns if name)
    tables = _by_column(read_labels(config.labels, graph, no_labels=no_labels))
    for side, path in (("validation", config.validation), ("test", config.test)):
        if path is None:
            continue
        if side in tables:
            raise LabelsError(
                f"{config.labels}: its split column tells which photos are for {side}, and data.{side} names others",
                hint="leave one of them out",
            )
        tables[side] = read_labels(path, graph, no_labels=no_labels)
    require_one_count(tables.values())
    images = images_at(config.images)
    for table in tables.values():
        images.require(table)
    if isinstance(images, ImageBucket):
        images = images.only(name for table in tables.values() for name in table.names)
    rows: dict[str, tuple[LabelTable, Sequence[int]]] = {
        side: (table, range(len(table))) for side, table in tables.items()
    }
    notes = [note for table in tables.values() for note in table.notes]
    warnings: list[str] = []
    caveats: list[str] = []
    if len(tables) > 1:
        shared = leakage(tables, rule, images)
        if config.allow_shared:
            caveats += shared.photo_warnings()
        else:
            shared.refuse()
        notes += shared.notes
        warnings += shared.scene_warnings()
    if "validation" not in tables:
        table = tables["training"]
        found = scenes(table, rule, images)
        notes += found.notes
        if rule is None and table.scene is None:
            notes.append("every photo counts as a scene of its own; [data] scene tells which belong together")
        parts = split(table, found, _shares(config.holdout), seed)
        rows |= {part: (table, parts.rows(part)) for part in parts.parts}
    hidden = _hidden(*rows["training"], config.min_positives)
    rows = {side: (table.hiding(hidden), own) for side, (table, own) in rows.items()}
    if hidden:
        told = ", ".join(f"{quote(name)} ({positives:,})" for name, positives in hidden.items())
        least = f"fewer than {config.min_positives:,} positive"
        caveats.append(
            f"labels hidden in training, for {least} photographs there: {told}"
            if config.ladder is None
            else f"labels hidden in the labelled photographs, for {least} ones in training, so that the ladder alone "
            f"teaches them: {told}"
        )
    table, own = rows["training"]
    rows["training"] = dataclasses.replace(table, weak_zeros=config.weak_zeros), own
    card: dict[str, Any] = {"hidden_labels": hidden} if config.min_positives else {}
    if config.weak_zeros:
        zeros = table.positions[list(own)]
        weak = int(weak_zeros(zeros, graph).sum())
        card["weak_zeros"] = {"zeros": int((zeros == 0).sum()), "weak": weak}
        notes.append(
            f"weak zeros: {weak:,} of {counted(card['weak_zeros']['zeros'], 'zero')} for training "
            f"{'leaves' if weak == 1 else 'leave'} ordinary open, beside a problem of another group"
        )
    counts = {side: count_photos(table.take(own), graph) for side, (table, own) in rows.items()}
    warnings += absent_warnings(absent_levels(counts, graph))
    return Sides(
        images=images,
        rows=rows,
        notes=tuple(dict.fromkeys(notes)),
        warnings=(*caveats, *warnings),
        caveats=tuple(caveats),
        card=card,
    )


def _hidden(table: LabelTable, rows: Sequence[int], least: int) -> dict[str, int]:
    """Labels of which fewer training rows than that have the problem, with how many do.

    raises  ConfigError  if no label would be left
    """
    own = table.positions[list(rows)]
    observed, positives = (own != UNOBSERVED).any(axis=0).tolist(), (own > 0).sum(axis=0).tolist()
    known = {name: n for name, n, is_known in zip(table.labels, positives, observed, strict=True) if is_known}
    hidden = {name: n for name, n in known.items() if n < least}
    if known and len(hidden) == len(known):
        name = max(known, key=known.__getitem__)
        raise ConfigError(
            f"data.min_positives: no label has {least:,} positive photographs for training; "
            f"{quote(name)} has the most, {known[name]:,}"
        )
    return hidden


def _by_column(table: LabelTable) -> dict[str, LabelTable]:
    """The sides that a `split` column tells, else all of the table for training.

    raises  LabelsError  for a column with other parts than train, val and test, and for one without train
    """
    parts = table.parts()
    strange = [part for part in parts if part not in _SIDES]
    if strange or (parts and "train" not in parts):
        found = ", ".join(parts)
        raise LabelsError(
            f"{table.path}: the split column has the parts {found}",
            hint=f"expected {', '.join(_SIDES)}, train at least",
        )
    return {_SIDES[part]: own for part, own in parts.items()} or {"training": table}


def _shares(holdout: float) -> dict[str, float]:
    return {"training": 1.0 - holdout, "validation": holdout}


def _rule(text: str) -> SceneRule | None:
    if not text:
        return None
    try:
        return scene_rule(text)
    except UsageError as error:
        raise ConfigError(f"data.scene: {error.message.removeprefix('--by ')}") from None
