"""From a model's scores to levels: what `judge` does behind the model, also for scores that were computed elsewhere."""

from __future__ import annotations

import functools
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.crf.levels import named_positions
from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.crf.unary import unary_from_nodes
from iqa_cli.hexgraph import compile_plan
from iqa_cli.paths import checkpoint_folder
from iqa_cli.records import Decision

if TYPE_CHECKING:
    import os

    from numpy.typing import ArrayLike, NDArray

    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.crf.beliefs import Beliefs


class Decider:
    """A checkpoint's graph and operating point, made ready once; may be used from several threads at once.

    checkpoint  whose card has both
    strictness  log-odds added to every problem before levels are named
    raises      CheckpointError  if the card's operating point is none
    """

    def __init__(self, checkpoint: Checkpoint, strictness: float = 0.0) -> None:
        self._graph = checkpoint.graph
        self._plan = compile_plan(checkpoint.graph)
        self._crf = NumpyCRF(self._plan)
        offsets = np.asarray(checkpoint.offsets) + strictness
        self._offsets = np.repeat(offsets, [count - 1 for count in self._graph.n_levels])
        """(N,) log-odds that are added before levels are named."""

    def decision(self, scores: NDArray[np.floating]) -> Decision:
        """What the scores (1, N) of one photo come to; arguments and errors as of `decide`."""
        unary = unary_from_nodes(scores, self._plan)
        if self._offsets.any():
            unary = np.concatenate([unary, unary_from_nodes(scores + self._offsets, self._plan)])
        rows = self._crf.marginals(unary)  # as they are, then at the operating point if there is one
        positions = named_positions(rows[-1:], lambda: self._crf.map(unary[-1:])[1], self._plan)[0]
        levels = {
            label.name: label.levels[position] for label, position in zip(self._graph.labels, positions, strict=True)
        }
        return Decision(levels, marginals=self.by_label(rows[0]), at_operating_point=self.by_label(rows[-1]))

    def is_settled(self, scores: NDArray[np.floating], margins: NDArray[np.floating]) -> bool:
        """Whether levels stay the same when all scores (1, N) move up or down by the margins (L,) of their labels."""
        moved = np.repeat(margins, [count - 1 for count in self._graph.n_levels]).astype(np.float32)
        unary = unary_from_nodes(np.concatenate([scores, scores + moved, scores - moved]) + self._offsets, self._plan)
        rows = self._crf.marginals(unary)
        positions = named_positions(rows, lambda: self._crf.map(unary)[1], self._plan)
        return bool((positions == positions[0]).all())

    def beliefs(self, scores: NDArray[np.floating]) -> Beliefs:
        """All that inference knows about one photo with these (1, N) scores, whatever the operating point."""
        return self._crf.infer(unary_from_nodes(scores, self._plan))

    def by_label(self, row: NDArray[np.floating]) -> dict[str, tuple[float, ...]]:
        """A probability per level of every label, (C,), as plain numbers by label."""
        values = iter(row.clip(0.0, 1.0).tolist())  # a sum of rounded numbers may pass 1 in its last place
        return {
            name: tuple(itertools.islice(values, count))
            for name, count in zip(self._graph.label_names, self._graph.n_levels, strict=True)
        }


def decide(scores: ArrayLike, *, checkpoint: str | os.PathLike[str] = "default") -> list[Decision]:
    """Levels and probabilities from the scores of a checkpoint's `model.onnx`, wherever it was run.

    scores      (B, N) float, a row for each photo, as the model gives them: a number for each label and threshold, in
                the order of the card's graph
    checkpoint  whose model it was: a shipped one by name, or the folder of any. Its graph, its operating point and
                nothing else is used
    returns     a decision for each photo, the same as in the report of `assess_photo`
    raises      CheckpointError  if the checkpoint does not exist or its card is damaged
                ValueError       for scores of another shape, or that are not finite
    """
    rows = np.asarray(scores, np.float32)
    folder = checkpoint_folder(checkpoint if isinstance(checkpoint, str) else Path(checkpoint))
    decider = _decider(folder.resolve(), load_checkpoint(folder).card_sha256)
    if rows.ndim != 2:
        raise ValueError(f"expected scores (B, N), a row for each photo, got {rows.shape}")
    return [decider.decision(row[None]) for row in rows]


@functools.lru_cache(maxsize=1)
def _decider(folder: Path, _card_sha256: str) -> Decider:
    """Kept between calls of `decide` for as long as the card is the same: compiling a graph takes longer than a
    decision.
    """
    return Decider(load_checkpoint(folder))
