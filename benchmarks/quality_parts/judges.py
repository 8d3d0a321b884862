"""Checkpoints as judges of pictures and of files."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.crf.levels import median_positions, named_positions
from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.crf.unary import unary_from_nodes
from iqa_cli.hexgraph import compile_plan
from iqa_cli.models.prepare import squash
from iqa_cli.models.runner import OnnxModel
from iqa_cli.paths import find_checkpoint
from iqa_cli.pipeline import Auditor
from iqa_cli.pipeline.reading import Manner, look_at
from iqa_cli.records import PhotoRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.records import Finding, PhotoReport

    Floats = NDArray[np.floating]


_BATCH = 32
"""Pictures judged at once; the answers do not depend on it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """What a judge says of n pictures."""

    predicted: NDArray[np.int64]
    """(n, L) zero-based levels."""
    marginals: tuple[NDArray[np.float64], ...] | None
    """Per label (n, K): the probability of every level, or what stands for it in a ranking."""
    calibrated: bool = True
    """Whether those are probabilities, so that a calibration error means something."""


@dataclasses.dataclass(frozen=True)
class Judge:
    """A checkpoint under the name that the tables call it by."""

    name: str
    """Head of its column."""
    checkpoint: Checkpoint
    """The card, read and checked."""

    @classmethod
    def load(cls, name: str, where: str) -> Judge:
        """A checkpoint by name or folder.

        raises  CheckpointError  if there is none, or it is damaged
        """
        return cls(name, load_checkpoint(find_checkpoint(where)))

    def reports(self, paths: Mapping[str, Path]) -> dict[str, PhotoReport]:
        """What `iqa assess` says of files, by their names in `paths`."""
        refs = {name: PhotoRef(path, name) for name, path in paths.items()}
        return dict(zip(refs, Auditor(self.checkpoint, decode="scaled").run(refs.values()), strict=True))

    def of_pictures(self, pictures: NDArray[np.uint8]) -> tuple[Answers, Answers]:
        """Levels of drawn pictures under the graph's rules, and without them (each label by itself), both at the
        checkpoint's operating point.

        pictures  (n, S, S, 3) uint8; squashed if the checkpoint takes another size
        """
        graph, preprocessing = self.checkpoint.graph, self.checkpoint.preprocessing
        plan = compile_plan(graph)
        crf, model = NumpyCRF(plan), OnnxModel(self.checkpoint)
        ends = np.cumsum(graph.n_levels)[:-1]
        offsets = np.repeat(self.checkpoint.offsets, [count - 1 for count in graph.n_levels])
        joint, joint_marginals, alone, alone_marginals = [], [], [], []
        for start in range(0, len(pictures), _BATCH):
            prepared = list(pictures[start : start + _BATCH])
            if pictures.shape[1] != preprocessing.size:
                prepared = [squash(rgb, preprocessing.size, preprocessing.interpolation) for rgb in prepared]
            scores = model.node_scores(prepared)
            beliefs = crf.infer(unary_from_nodes(scores, plan))
            named = crf.infer(unary_from_nodes(scores + offsets, plan))
            joint.append(named_positions(named.marginals, lambda named=named: named.positions, plan))
            joint_marginals.append(beliefs.marginals)
            alone.append(named.independent)
            alone_marginals.append(beliefs.independent)
        ruled = np.split(np.concatenate(joint_marginals).astype(np.float64), ends, axis=1)
        independent = np.split(np.concatenate(alone_marginals).astype(np.float64), ends, axis=1)
        levels = median_positions(np.concatenate(alone), plan)
        return (
            Answers(np.concatenate(joint).astype(np.int64), tuple(ruled)),
            Answers(levels.astype(np.int64), tuple(independent)),
        )


class Moved:
    """A judge whose operating point can be moved.

    refs  photos that can be read; each is read once, and run through the model once
    """

    def __init__(self, judge: Judge, refs: Sequence[PhotoRef]) -> None:
        self._graph = judge.checkpoint.graph
        self._plan = compile_plan(self._graph)
        self._crf = NumpyCRF(self._plan)
        self._offsets = np.repeat(judge.checkpoint.offsets, [count - 1 for count in self._graph.n_levels])
        model = OnnxModel(judge.checkpoint)
        looks = (look_at(ref, Manner("scaled", judge.checkpoint.preprocessing)) for ref in refs)
        scores = [model.photo_scores(look.views)[0] for look in looks if look.views is not None]
        self._scores = np.array(scores, np.float32).reshape(len(refs), self._graph.n_nodes)

    def levels(self, delta: float) -> list[dict[str, int]]:
        """By label, for every photo, with `delta` added to the log-odds of every threshold."""
        if not len(self._scores):
            return []
        unary = unary_from_nodes(self._scores + self._offsets + delta, self._plan)
        positions = named_positions(self._crf.marginals(unary), lambda: self._crf.map(unary)[1], self._plan)
        return [
            {label.name: label.levels[place] for label, place in zip(self._graph.labels, row, strict=True)}
            for row in positions
        ]


def said(findings: Sequence[Finding]) -> str:
    """What a report says, for the lists of failures: label, level 2..4, probability of a problem."""
    present = [f"{found.label} {found.level} ({found.probability:.2f})" for found in findings if found.level > 1]
    if present:
        return ", ".join(present)
    likeliest = max(findings, key=lambda found: found.probability)
    return f"nothing; likeliest {likeliest.label} ({likeliest.probability:.2f})"
