"""From photos to reports: everything that is heavy to load or to do."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.checkpoint import CARD
from iqa_cli.crf.levels import named_positions
from iqa_cli.crf.numpy_crf import NumpyCRF
from iqa_cli.crf.unary import unary_from_nodes
from iqa_cli.findings import (
    disagreement_notes,
    find,
    no_photograph_note,
    read_usual,
    too_small_note,
    unclear_note,
)
from iqa_cli.hexgraph import compile_plan
from iqa_cli.models.runner import OnnxModel
from iqa_cli.pipeline.reading import Manner, look_at, look_at_source
from iqa_cli.records import PhotoReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.pipeline.reading import Look, Pixels
    from iqa_cli.records import Decode, Device, Language, PhotoRef, Status

SMALLEST_SIDE = 32
"""Pixels. Below it a picture is an icon: what the model says about it means nothing."""


class Judge:
    """A loaded model and what turns its scores into reports; may be used from several threads at once.

    Arguments as of `Auditor`. A report depends on its photo alone: it is the same bytes whatever is judged beside it,
    now or in a run that was interrupted.

    raises  CheckpointError  if the model cannot be loaded
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        decode: Decode,
        lang: Language,
        *,
        strictness: float = 0.0,
        explain: bool = False,
        thumbnails: bool = False,
        device: Device = "cpu",
    ) -> None:
        self.graph = checkpoint.graph
        self._manner = Manner(decode, checkpoint.preprocessing, thumbnails)
        self._lang: Language = lang
        self._explain = explain
        self._plan = compile_plan(checkpoint.graph)
        self._crf = NumpyCRF(self._plan)
        self._usual = read_usual(checkpoint.card.get("measured"), self.graph, str(checkpoint.folder / CARD))
        offsets = np.asarray(checkpoint.offsets) + strictness
        self._offsets = np.repeat(offsets, [count - 1 for count in self.graph.n_levels])
        """(N,) log-odds that are added before levels are named."""
        self._model = OnnxModel(checkpoint, device=device)
        self.device = self._model.device
        """Where the model computes: cpu or cuda."""

    def photos(self, refs: Sequence[PhotoRef], should_stop: Callable[[], bool] = lambda: False) -> list[PhotoReport]:
        """The reports of some photos.

        should_stop  asked before each photo; once it says so nobody wants the reports any more, and fewer come back

        All are read before the first is judged: a stage that does one photo after the other finds its code and tables
        in the processor's caches, which spares previews, where a photo takes 2 ms, a quarter of the time.
        """
        looks: list[Look] = []
        for ref in refs:
            if should_stop():
                return []
            looks.append(look_at(ref, self._manner))
        return self._judged(looks)

    def photo(self, source: PhotoRef | Pixels) -> PhotoReport:
        """The report of one photo that need not be a file.

        raises  TypeError, ValueError  for a source that is none, see `read_photo`
        """
        return self._judged([look_at_source("", source, self._manner)])[0]

    def _judged(self, looks: Sequence[Look]) -> list[PhotoReport]:
        """An exception in here is our bug and nobody's photo."""
        scores = [None if look.prepared is None else self._model.node_scores([look.prepared]) for look in looks]
        return [
            _unreadable(look) if of_photo is None else self._report(look, of_photo)
            for look, of_photo in zip(looks, scores, strict=True)
        ]

    def _report(self, look: Look, scores: NDArray[np.float32]) -> PhotoReport:
        """The report of a photo with these (1, N) scores."""
        unary = unary_from_nodes(scores, self._plan)
        if self._offsets.any():
            unary = np.concatenate([unary, unary_from_nodes(scores + self._offsets, self._plan)])
        rows = self._crf.marginals(unary)  # as they are, then at the operating point if there is one
        marginals = self._by_label(rows[0])
        findings = find(
            self.graph,
            list(marginals.values()),
            self._levels(unary[-1:], rows[-1:]),
            look.measurements,
            look.capture,
            self._lang,
            usual=self._usual,
            named=list(self._by_label(rows[1]).values()) if len(rows) > 1 else None,
        )
        status, why = self._trust(look)
        # What should not be trusted anyway needs no second reason.
        remarks = disagreement_notes(self.graph, findings, self._lang) if why is None else (why,)
        notes = (*remarks, *look.notes) if status == "damaged" else (*look.notes, *remarks)
        beliefs = self._crf.infer(unary[:1]) if self._explain else None
        return PhotoReport(
            look.source_file,
            status,
            notes=notes,
            findings=findings,
            marginals=marginals,
            independent=self._by_label(beliefs.independent[0]) if beliefs else {},
            influence=beliefs.influence[0] if beliefs else (),
            measurements=look.measurements,
            capture=look.capture,
            thumbnail=look.thumbnail,
        )

    def _by_label(self, row: NDArray[np.floating]) -> dict[str, tuple[float, ...]]:
        """A probability per level of every label, (C,), as plain numbers by label."""
        values = iter(row.clip(0.0, 1.0).tolist())  # a sum of rounded numbers may pass 1 in its last place
        return {
            name: tuple(itertools.islice(values, count))
            for name, count in zip(self.graph.label_names, self.graph.n_levels, strict=True)
        }

    def _levels(self, unary: NDArray[np.floating], marginals: NDArray[np.floating]) -> list[int]:
        """The level of every label of one photo, 1..K."""
        positions = named_positions(marginals, lambda: self._crf.map(unary)[1], self._plan)[0]
        return [label.levels[position] for label, position in zip(self.graph.labels, positions, strict=True)]

    def _trust(self, look: Look) -> tuple[Status, str | None]:
        """The status of a photo that was judged, and why the judgement should not be trusted, if so."""
        if look.damage is not None:
            return "damaged", look.damage
        if min(look.size) < SMALLEST_SIDE:
            return "uncertain", too_small_note(*look.size, self._lang)
        if look.doubt is not None:
            return "uncertain", no_photograph_note(look.doubt, self._lang)
        if look.unclear is not None:
            return "uncertain", unclear_note(look.unclear, self._lang)
        return "ok", None


def _unreadable(look: Look) -> PhotoReport:
    return PhotoReport(look.source_file, "unreadable", error=look.error, notes=look.notes, capture=look.capture)
