"""Photographs with labels as a data set: every photograph once an epoch, whole, as the model will see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from iqa_cli.errors import ConfigError
from iqa_cli.models.parking import give_back
from iqa_cli.training.data import WHOLE, Batch, Share, counts_of, too_few
from iqa_cli.training.features import frozen_features, tower_hash
from iqa_cli.training.pictures import Pictures, load_pictures
from iqa_cli.training.sides import read_sides

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.config import TrainConfig
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.models.tone_model import ToneModel


class LabelledData:
    """See `Data`.

    config         the whole config; `data.labels` and what goes with it
    graph          whose labels the tables are read for
    preprocessing  what the model takes
    share          whose photographs are decoded in this process

    raises  LabelsError  for tables that are wrong, missing photographs, and photographs on two sides
            ConfigError  if a side has no readable photograph, and for a scene rule that means nothing
    """

    def __init__(
        self, config: TrainConfig, graph: HexGraph, preprocessing: Preprocessing, share: Share = WHOLE
    ) -> None:
        self._config = config
        self._share = share
        self._graph = graph
        sides = read_sides(config.data, graph, config.run.seed, share)
        self.notes = sides.notes
        self.warnings = sides.warnings
        self._said = {"caveats": list(sides.caveats), **sides.card}
        self._sides: dict[str, Pictures] = {}
        unreadable: list[tuple[str, str]] = []
        for side, (table, rows) in sides.rows.items():
            taken = preprocessing.once if side == "training" else preprocessing
            self._sides[side], damaged = load_pictures(table, rows, sides.images, graph, taken, config.work, share)
            unreadable += damaged
            if len(self._sides[side]) < (2 if side == "training" else 1):
                raise ConfigError(
                    f"data: {len(self._sides[side])} readable photographs for {side}, more are needed",
                    problems=[f"{name}: {reason}" for name, reason in damaged[:10]],
                )
        self.unreadable = tuple(unreadable)
        self.warnings += too_few({side: len(pictures) for side, pictures in self._sides.items()})
        self._refuse_blind()
        self._features: dict[str, tuple[Tensor, ...]] = {}

    def _refuse_blind(self) -> None:
        """Labels that teach nothing, or that call no epoch better than another.

        raises  ConfigError  for these
        """
        if bool(self._sides["training"].allowed.all()):
            raise ConfigError("data.labels: no label of any photograph for training was observed")
        chooses = self._config.run.keep == "best" or self._config.optim.patience > 0
        counts = counts_of(self._sides["validation"].positions, self._graph)
        if chooses and not any(int((count > 0).sum()) >= 2 for count in counts):
            raise ConfigError(
                "data.validation: no label occurs at two levels there, so no epoch could be called better than another",
                hint='add photographs with and without a problem, or set [run] keep = "last" and [optim] patience = 0',
            )

    def use_features(self, model: ToneModel, folder: Path, device: torch.device) -> None:
        """Give features instead of pictures from now on: the visual tower is a constant, so they are computed once.
        Every process computes those of its share and has them all in the end; the pixels are let go.

        folder  where the first process keeps them for the next run; see `frozen_features`
        raises  OutputError  if they cannot be kept
        """
        tower = tower_hash(model)
        for side, pictures in self._sides.items():
            ways = (False, True) if side == "training" and self._config.data.mirror else (False,)
            self._features[side] = tuple(
                frozen_features(model, tower, pictures, folder, device, mirrored=mirrored, share=self._share)
                for mirrored in ways
            )
            self._sides[side] = pictures.without_pixels()
        give_back()

    @property
    def learned(self) -> tuple[tuple[str, Sequence[str], Tensor], ...]:
        """See `Data`."""
        pictures = self._sides["training"]
        return (("data.labels", [pictures.names[place] for place in pictures.places.tolist()], pictures.pixels),)

    def describe(self) -> str:
        """See `Data`."""
        sides = ", ".join(f"{len(pictures)} for {side}" for side, pictures in self._sides.items())
        return f"labelled photographs: {sides}; {len(self._graph.labels)} labels"

    def _of(self, share: Share) -> int:
        """Photographs that a process learns from in an epoch."""
        pictures = self._sides["training"]
        return share.of(len(pictures)) if self._features or pictures.is_whole else pictures.fewest

    def batches_per_epoch(self, share: Share) -> int:
        """See `Data`; batch normalisation cannot learn from one picture, so a last batch of one is left out."""
        count, size = self._of(share), self._config.optim.batch_size
        return count // size + (count % size >= 2)

    def epoch(self, number: int, share: Share) -> Iterator[Batch]:
        """See `Data`.

        All processes draw the same order. Of features, which all have, each takes its part of it, so that a step sees
        what one process would see in a larger batch. Of pixels each takes those that it has, in that order; what one
        has more than another is left out, other photographs in each epoch.
        """
        generator = torch.Generator().manual_seed((self._config.run.seed + 1) * 1_000_003 + number)
        pictures = self._sides["training"]
        order = torch.randperm(len(pictures), generator=generator)
        mirrored = torch.rand(len(pictures), generator=generator) < (0.5 if self._config.data.mirror else 0.0)
        is_shared_out = not self._features and not pictures.is_whole
        own = order[pictures.are_here(order)] if is_shared_out else order[share.rank :: share.world]
        for places in torch.split(own[: self._of(share)], self._config.optim.batch_size):
            if len(places) >= 2:
                yield self._batch("training", places, mirrored[places])

    def validation(self) -> Iterator[Batch]:
        """See `Data`."""
        return self._in_order("validation")

    def test(self) -> Iterator[Batch] | None:
        """See `Data`."""
        return self._in_order("test") if "test" in self._sides else None

    def level_counts(self) -> list[Tensor]:
        """See `Data`."""
        return counts_of(self._sides["training"].decided(self._graph), self._graph)

    def identity(self) -> dict[str, Any]:
        """See `Data`."""
        hashes = {side: pictures.content_hash for side, pictures in self._sides.items()}
        return {"mirror": self._config.data.mirror, **hashes}

    def card(self) -> dict[str, Any]:
        """See `Data`."""
        return {
            "kind": "labelled photographs",
            **self._said,
            "photographs": {side: len(pictures) for side, pictures in self._sides.items()},
            "sha256": {side: pictures.content_hash for side, pictures in self._sides.items()},
            "level_counts": {
                side: {
                    label.name: counts.tolist()
                    for label, counts in zip(
                        self._graph.labels, counts_of(pictures.positions, self._graph), strict=True
                    )
                }
                for side, pictures in self._sides.items()
            },
        }

    def _in_order(self, side: str) -> Iterator[Batch]:
        pictures = self._sides[side]
        own = self._share.among(len(pictures)) if self._features else pictures.places
        for places in torch.split(own, self._config.optim.batch_size):
            if len(places):
                yield self._batch(side, places, torch.zeros(len(places), dtype=torch.bool))

    def _batch(self, side: str, places: Tensor, mirrored: Tensor) -> Batch:
        pictures, features = self._sides[side], self._features.get(side)
        if features is None:
            inputs = pictures.pixels_of(places)
            inputs = torch.where(mirrored.view(-1, *[1] * (inputs.ndim - 1)), inputs.flip(-1), inputs)
        else:
            inputs = features[0][places]
            if len(features) > 1:
                inputs = torch.where(mirrored[:, None], features[1][places], inputs)
        return Batch(inputs, pictures.positions[places], pictures.allowed[places], places)
