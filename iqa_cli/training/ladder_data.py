"""The tone ladder as a data set: good photographs without labels, a fresh picture of them every time."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from iqa_cli.errors import ConfigError
from iqa_cli.models.prepare import views
from iqa_cli.training.checks import refuse_forbidden, refuse_unmeasured_labels
from iqa_cli.training.data import Batch, Share, counts_of, exactly, too_few
from iqa_cli.training.ladder import Drawn, Ladder, batches
from iqa_cli.training.photographs import is_plainly_good, load_photographs, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.config import TrainConfig
    from iqa_cli.hexgraph.graph import HexGraph

_SIDES = ("training", "validation", "test")
CROP_ROOM = 4 / 3
"""Photographs are kept this much larger than the model's input, so that a cropped frame is not blown up."""
_COUNTED = 2_000
"""Pictures drawn to learn how often each level occurs: frequencies to about one percent."""
_VALIDATION_SEED, _TEST_SEED, _COUNTING_SEED = 1, 2, 3


class LadderData:
    """See `Data`.

    config  the whole config; its `data.ladder` is the folder
    graph   whose labels the ladder has to measure
    size    S, side of the pictures
    batch_size  pictures of a batch; the config's if None
    judged      how pictures are looked at that are judged; None is once. For several views they are drawn in the size
                of the square that crops are cut from, of photographs that are kept as much larger

    raises  ConfigError  if the ladder cannot teach this graph, or the folder holds too little
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        graph: HexGraph,
        size: int,
        *,
        batch_size: int | None = None,
        judged: Preprocessing | None = None,
    ) -> None:
        refuse_unmeasured_labels(graph, config.graph.name)
        self.batch_size = batch_size or config.optim.batch_size
        self._config = config
        self._graph = graph
        self._size = size
        self._ladder = Ladder()
        photographs = load_photographs(folder, math.ceil(size * CROP_ROOM))
        self.names = photographs.names
        """Photographs that were read, as paths relative to their folder."""
        self.unreadable = photographs.unreadable
        self.notes: tuple[str, ...] = ()
        self.warnings: tuple[str, ...] = ()
        self._content_hash = photographs.content_hash()
        self._sides = dict(zip(_SIDES, split(photographs, config.data.holdout, config.run.seed), strict=True))
        self.pictures = photographs.pictures
        """(M, 3, P, P) uint8, the photographs of `names`; after `join` more follow."""
        self._joined: list[str] = []
        self._doubtful = 0
        if config.data.select:
            self._leave_out(~is_plainly_good(photographs.pictures))
        self.warnings = too_few({side: len(indices) for side, indices in self._sides.items()})
        self._validation: list[Batch] | None = None
        self._judged = judged if judged is not None and judged.views is not None else None
        self._judged_pictures: dict[str, Tensor] = {}
        if self._judged is not None:
            side = math.ceil(self._judged.largest_side * CROP_ROOM)
            for judged_side in ("validation", "test"):
                only = set(self.names_of(judged_side))
                self._judged_pictures[judged_side] = load_photographs(folder, side, least=1, only=only).pictures

    def _leave_out(self, doubtful: Tensor) -> None:
        """Take photographs out of their sides, which stay what they are; (M,) bool.

        raises  ConfigError  if a side has none left
        """
        kept = {side: indices[~doubtful[indices]] for side, indices in self._sides.items()}
        empty = [side for side, indices in kept.items() if not len(indices)]
        if empty:
            raise ConfigError(
                f"data.select: no photograph for {' and '.join(empty)} has a tone beyond doubt",
                hint="add well-exposed photographs, or leave data.select out",
            )
        self._sides, self._doubtful = kept, int(doubtful.sum())
        self.notes = (f"{self._doubtful} of {len(doubtful)} photographs left out: their own tone is doubtful",)

    def join(self, names: list[str], pictures: Tensor) -> None:
        """Learn from further photographs, known to be good; nobody is judged on them. (m, 3, P, P) uint8."""
        first = len(self.pictures)
        self.pictures = torch.cat([self.pictures, pictures])
        self._sides["training"] = torch.cat([self._sides["training"], torch.arange(first, len(self.pictures))])
        self._joined += names

    @property
    def learned(self) -> tuple[tuple[str, Sequence[str], Tensor], ...]:
        """See `Data`."""
        # What joined is told of by whoever had it before.
        own = [index for index in self._sides["training"].tolist() if index < len(self.names)]
        return (("data.ladder", [self.names[index] for index in own], self.pictures[own]),)

    def describe(self) -> str:
        """See `Data`."""
        return (
            f"tone ladder on {len(self._sides['training'])} photographs, "
            f"judged on {len(self._sides['validation']) + len(self._sides['test'])} others; "
            f"{len(self._graph.labels)} labels"
        )

    def batches_per_epoch(self, share: Share) -> int:
        """See `Data`; batch normalisation cannot learn from one picture, so a last batch of one is left out."""
        samples, size = share.of(self._config.data.samples), self._config.optim.batch_size
        return samples // size + (samples % size >= 2)

    def epoch(self, number: int, share: Share) -> Iterator[Batch]:
        """See `Data`."""
        # Seeds of training start far above those of judging, so no recipe is met twice.
        seed = (self._config.run.seed + 1) * 1_000_003 + number * share.world + share.rank
        for batch in self._drawn("training", share.of(self._config.data.samples), seed):
            if len(batch.inputs) >= 2:
                yield batch

    def validation(self) -> Iterator[Batch]:
        """See `Data`."""
        if self._validation is None:
            self._validation = list(self._drawn("validation", self._config.data.validation_samples, _VALIDATION_SEED))
        yield from map(self._seen, self._validation)

    def test(self) -> Iterator[Batch]:
        """See `Data`."""
        return map(self._seen, self._drawn("test", self._config.data.test_samples, _TEST_SEED))

    def _seen(self, batch: Batch) -> Batch:
        """Pictures as they are judged: of a batch at a time, as all of their views would take much memory."""
        if self._judged is None:
            return batch
        shown = [
            views(np.ascontiguousarray(picture), self._judged) for picture in batch.inputs.permute(0, 2, 3, 1).numpy()
        ]
        inputs = torch.from_numpy(np.stack(shown)).permute(0, 1, 4, 2, 3).contiguous()
        return dataclasses.replace(batch, inputs=inputs)

    def level_counts(self) -> list[Tensor]:
        """See `Data`."""
        drawn = [batch.positions for batch in self._drawn("training", _COUNTED, _COUNTING_SEED)]
        return counts_of(torch.cat(drawn), self._graph)

    def identity(self) -> dict[str, Any]:
        """See `Data`."""
        data = self._config.data
        return {
            "samples": data.samples,
            "holdout": data.holdout,
            "photographs": self._content_hash,
            "select": data.select,
        }

    def card(self) -> dict[str, Any]:
        """See `Data`."""
        return {
            "kind": "tone ladder",
            "photographs": len(self.names),
            "photographs_left_out": self._doubtful,
            "photographs_joined": len(self._joined),
            "photographs_training": len(self._sides["training"]),
            "photographs_sha256": self._content_hash,
            "validation": self.names_of("validation"),
            "test": self.names_of("test"),
        }

    def names_of(self, side: str) -> list[str]:
        """Photographs of a side: training, validation or test."""
        return [self.names[index] for index in self._sides[side].tolist()]

    def drawn(self, side: str, samples: int, seed: int) -> Iterator[Drawn]:
        """Pictures made from the photographs of a side, with what they were made from; the same for the same seed."""
        larger = self._judged_pictures.get(side)
        for drawn in batches(
            self._ladder,
            self.pictures[self._sides[side]] if larger is None else larger,
            self._graph.label_names,
            size=self._size if larger is None or self._judged is None else self._judged.largest_side,
            batch_size=self.batch_size,
            samples=samples,
            seed=seed,
        ):
            refuse_forbidden(self._graph, self._config.graph.name, drawn.positions)
            yield drawn

    def _drawn(self, side: str, samples: int, seed: int) -> Iterator[Batch]:
        for drawn in self.drawn(side, samples, seed):
            yield Batch(drawn.pictures, drawn.positions, exactly(drawn.positions, self._graph))
