"""The tone ladder and labelled photographs in one run: every batch has its share of both.

The ladder knows levels exactly, but only what it can make; photographs that people looked at are as the world is, but
little is known of each: "hazy, ordinary or worse", or "nothing wrong". The CRF's likelihood sums over what is left
open, so both teach one model.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import torch

from iqa_cli.errors import ConfigError
from iqa_cli.training.data import WHOLE, Batch, Share, exactly, too_few, whole_pictures
from iqa_cli.training.distributed import found_anywhere
from iqa_cli.training.framing import framed
from iqa_cli.training.ladder_data import CROP_ROOM, LadderData
from iqa_cli.training.likeness import alike
from iqa_cli.training.pictures import Pictures, load_pictures
from iqa_cli.training.sides import read_sides
from iqa_cli.training.tone import quantised
from iqa_cli.wording import SHOWN, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from iqa_cli.checkpoint import Preprocessing
    from iqa_cli.config import TrainConfig
    from iqa_cli.hexgraph.graph import HexGraph
    from iqa_cli.labels import LabelTable

DEFAULT_SHARE = 0.25
"""Of a batch: enough that every batch has some of each kind, and the ladder, which alone knows levels, keeps most."""
_CROP = 0.85
"""Smallest share of a photograph's sides that is kept. Less than the ladder may cut: the haze must not be cut away."""


class MixedData:
    """See `Data`.

    config         the whole config; `data.ladder`, `data.labels` and what goes with them
    graph          whose labels the ladder has to measure and the tables are read for
    preprocessing  what the model takes
    share          whose pictures of those that are judged are made in this process

    raises  LabelsError  see `LabelledData`
            ConfigError  see `LadderData`; and if labelled photographs show scenes of the ladder's, tell of one kind
                         only, or have weights that are none
    """

    def __init__(
        self,
        config: TrainConfig,
        folder: Path,
        graph: HexGraph,
        preprocessing: Preprocessing,
        share: Share = WHOLE,
    ) -> None:
        self._config, self._graph, self._size = config, graph, preprocessing.size
        self._share = share
        whole = config.optim.batch_size
        part = DEFAULT_SHARE if config.data.labelled_share is None else config.data.labelled_share
        self._labelled_rows = min(whole - 1, max(1, round(whole * part)))
        sides = read_sides(config.data, graph, config.run.seed, share)
        for_ladder = whole - self._labelled_rows
        self._ladder = LadderData(
            config, folder, graph, self._size, batch_size=for_ladder, judged=preprocessing, share=share
        )
        roomy = dataclasses.replace(preprocessing.once, size=math.ceil(self._size * CROP_ROOM))
        self._sides: dict[str, Pictures] = {}
        unreadable = [*self._ladder.unreadable]
        for side, (table, rows) in sides.rows.items():
            taken = roomy if side == "training" else preprocessing
            # Of those for training every process needs all: they are drawn by weight, and join the ladder's.
            own = WHOLE if side == "training" else share
            self._sides[side], damaged = load_pictures(table, rows, sides.images, graph, taken, config.work, own)
            unreadable += damaged
            if not len(self._sides[side]):
                raise ConfigError(f"data: no readable labelled photograph for {side}, at least one is needed")
        self.unreadable = tuple(unreadable)
        too_small = too_few(
            {side: len(self._ladder.names_of(side)) + len(self._sides.get(side, ())) for side in ("validation", "test")}
        )
        self._refuse_one_kind()
        self._refuse_shared()
        self._weights = self._read_weights(*sides.rows["training"])
        self.warnings = (*sides.warnings, *too_small)
        self._said = {"caveats": list(sides.caveats), **sides.card}
        notes = [*sides.notes, *self._ladder.notes]
        if config.data.good_join:
            training = self._sides["training"]
            good = (training.positions == 0).all(1)
            self._ladder.join([training.names[row] for row in good.nonzero()[:, 0].tolist()], training.pixels[good])
            notes.append(f"{int(good.sum())} labelled photographs without a problem join the ladder's")
        self.notes = tuple(notes)

    @property
    def learned(self) -> tuple[tuple[str, Sequence[str], Tensor], ...]:
        """See `Data`."""
        pictures = self._sides["training"]
        return (*self._ladder.learned, ("data.labels", pictures.names, pictures.pixels))

    def _refuse_one_kind(self) -> None:
        """A label that every photograph has, or photographs without any problem, would teach that real ones are alike.

        Labels that none of them has are what the ladder is for, as long as some photograph has some problem.

        raises  ConfigError  naming these labels
        """
        can_be_fine, known = self._open_cells(self._sides["training"])
        has_it_always = known.any(0) & ~(known & can_be_fine).any(0)
        always = [
            f"{name!r}: every photograph of which it is known has it"
            for name, has_it in zip(self._graph.label_names, has_it_always.tolist(), strict=True)
            if has_it
        ]
        if always or bool(can_be_fine.all()):
            raise ConfigError(
                "data.labels: photographs of one kind only, which would teach that all real ones are like that",
                problems=always or ["no photograph has any problem"],
                hint="add photographs of the other kind: good ones with 0 in every label, or ones with the problem",
            )

    def _refuse_shared(self) -> None:
        """A labelled photograph whose scene the ladder has too would be held out here and learned from there, or be
        good here and hazy there.

        raises  ConfigError  naming them
        """
        problems = []
        for side, pictures in self._sides.items():
            can_be_fine, _ = self._open_cells(pictures)
            for found, place in alike(whole_pictures(pictures.pixels), self._ladder.pictures):
                row = int(pictures.places[found])
                said = f"{pictures.names[row]!r} ({side}) shows the scene of the ladder's {self._ladder.names[place]!r}"
                if not bool(can_be_fine[row].all()):
                    said += ", which counts as good there and has a problem here"
                problems.append(said)
        problems = found_anywhere(problems, self._share)
        if problems:
            raise ConfigError(
                f"data: {len(problems)} labelled photographs are in the ladder's folder as well, by content",
                problems=shortened(problems[:SHOWN], len(problems)),
                hint="take them out of the label file or out of the folder",
            )

    def _open_cells(self, pictures: Pictures) -> tuple[Tensor, Tensor]:
        """Whether a label may be none, and whether anything is known of it: two (n, L) bool."""
        by_label = torch.split(pictures.allowed, list(self._graph.n_levels), 1)
        return torch.stack([cells[:, 0] for cells in by_label], 1), torch.stack(
            [~cells.all(1) for cells in by_label], 1
        )

    def _read_weights(self, table: LabelTable, rows: Sequence[int]) -> Tensor:
        """(n,) how often each training photograph is drawn, compared with the others."""
        name = self._config.data.labelled_weight
        kept = set(self._sides["training"].names)
        rows = [row for row in rows if table.names[row] in kept]
        if not name:
            return torch.ones(len(rows))
        if name not in table.others:
            raise ConfigError(
                f"data.labelled_weight: {table.path} has no column {name!r}",
                hint=f"it has {', '.join(table.others) or 'none beside the labels'}",
            )
        problems, weights = [], []
        for row in rows:
            cell = table.others[name][row]
            try:
                weight = float(cell)
            except ValueError:
                weight = math.nan
            if not 0 < weight < math.inf:
                problems.append(f"{table.where(row)}: {name} is {cell!r}")
            weights.append(weight)
        if problems:
            raise ConfigError(
                f"data.labelled_weight: {table.path}: expected numbers above 0",
                problems=shortened(problems[:SHOWN], len(problems)),
            )
        return torch.tensor(weights)

    def describe(self) -> str:
        """See `Data`."""
        whole = self._config.optim.batch_size
        return (
            f"{self._ladder.describe()}; with {len(self._sides['training'])} labelled photographs, "
            f"{self._labelled_rows} of every {whole} pictures"
        )

    def batches_per_epoch(self, share: Share) -> int:
        """See `Data`; every batch is whole, so a remainder of the samples is left out."""
        return share.of(self._config.data.samples) // self._config.optim.batch_size

    def epoch(self, number: int, share: Share) -> Iterator[Batch]:
        """See `Data`."""
        seed = (self._config.run.seed + 1) * 1_000_003 + number * share.world + share.rank
        generator = torch.Generator().manual_seed(seed)
        pictures = self._sides["training"]
        count = self.batches_per_epoch(share)
        for drawn in self._ladder.drawn("training", count * self._ladder.batch_size, seed):
            rows = torch.multinomial(self._weights, self._labelled_rows, replacement=True, generator=generator)
            whole = pictures.pixels[rows].float() / 255
            own = framed(whole, self._size, _CROP, generator, mirror=self._config.data.mirror)
            yield Batch(
                torch.cat([drawn.pictures, quantised(own)]),
                torch.cat([drawn.positions, pictures.positions[rows]]),
                torch.cat([exactly(drawn.positions, self._graph), pictures.allowed[rows]]),
                torch.cat([torch.arange(len(drawn.pictures)), rows]),
            )

    def validation(self) -> Iterator[Batch]:
        """See `Data`: the ladder's pictures, then labelled photographs."""
        yield from self._ladder.validation()
        yield from self._in_order("validation", self._config.data.validation_samples)

    def test(self) -> Iterator[Batch]:
        """See `Data`: the ladder's pictures, then labelled photographs if the config names some."""
        yield from self._ladder.test()
        if "test" in self._sides:
            yield from self._in_order("test", self._config.data.test_samples)

    def level_counts(self) -> list[Tensor]:
        """See `Data`; as they are drawn."""
        ladder = self._ladder.level_counts()
        share = self._labelled_rows / self._config.optim.batch_size
        drawn = self._weights / self._weights.sum() * float(ladder[0].sum()) / (1 - share) * share
        counts = []
        for own, column in zip(ladder, self._sides["training"].decided(self._graph).T, strict=True):
            known = column >= 0
            labelled = torch.bincount(column[known], weights=drawn[known], minlength=len(own))
            counts.append(own + labelled.round().long())
        return counts

    def identity(self) -> dict[str, Any]:
        """See `Data`."""
        return {
            **self._ladder.identity(),
            "labelled": {side: pictures.content_hash for side, pictures in self._sides.items()},
            "labelled_rows": self._labelled_rows,
            "weights": self._weights.tolist(),
            "good_join": self._config.data.good_join,
            "mirror": self._config.data.mirror,
        }

    def card(self) -> dict[str, Any]:
        """See `Data`."""
        return {
            **self._ladder.card(),
            "kind": "tone ladder and labelled photographs",
            **self._said,
            "labelled": {
                "share": round(self._labelled_rows / self._config.optim.batch_size, 4),
                "photographs": {side: len(pictures) for side, pictures in self._sides.items()},
                "sha256": {side: pictures.content_hash for side, pictures in self._sides.items()},
            },
        }

    def _in_order(self, side: str, before: int) -> Iterator[Batch]:
        """Labelled photographs of a side, after so many of the ladder's pictures."""
        pictures = self._sides[side]
        for places in torch.split(pictures.places, self._config.optim.batch_size):
            if len(places):
                inputs = pictures.pixels_of(places)
                yield Batch(inputs, pictures.positions[places], pictures.allowed[places], before + places)
