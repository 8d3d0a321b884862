"""From photos to reports: everything that is heavy to load or to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from iqa_cli.checkpoint import CARD
from iqa_cli.findings import (
    disagreement_notes,
    find,
    no_photograph_note,
    read_usual,
    too_small_note,
    unclear_note,
)
from iqa_cli.models.runner import OnnxModel
from iqa_cli.pipeline.decide import Decider
from iqa_cli.pipeline.reading import Manner, look_at, look_at_source, looked_at_again
from iqa_cli.records import PhotoReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from iqa_cli.checkpoint import Checkpoint
    from iqa_cli.pipeline.reading import Look, Pixels
    from iqa_cli.records import Decode, Device, Language, PhotoRef, Status, StoredPhoto

SMALLEST_SIDE = 32
"""Pixels. Below it a picture is an icon: what the model says about it means nothing."""


class Judge:
    """A loaded model and what turns its scores into reports; may be used from several threads at once.

    Arguments as of `Auditor`. A report depends on its photo alone: it is the same bytes whatever is judged beside it,
    now or in a run that was interrupted.

    raises  CheckpointError  if the model cannot be loaded, or the card's margins are none
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
        margins = checkpoint.preview_margins
        self._margins = np.asarray(margins) if margins is not None and decode == "auto" else None
        """(L,) log-odds by which the scores of a checked preview may be wrong."""
        if decode == "auto" and margins is None:  # nobody knows how far this model can trust a preview
            decode = "scaled"
        self._manner = Manner(decode, checkpoint.preprocessing, thumbnails)
        self._lang: Language = lang
        self._explain = explain
        self._decider = Decider(checkpoint, strictness)
        self._usual = read_usual(checkpoint.card.get("measured"), self.graph, str(checkpoint.folder / CARD))
        self._model = OnnxModel(checkpoint, device=device)
        self.device = self._model.device
        """Where the model computes: cpu or cuda."""

    def photos(
        self, refs: Sequence[PhotoRef | StoredPhoto], should_stop: Callable[[], bool] = lambda: False
    ) -> list[PhotoReport]:
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
        return self._judged(looks, refs)

    def photo(self, source: PhotoRef | Pixels) -> PhotoReport:
        """The report of one photo that need not be a file.

        raises  TypeError, ValueError  for a source that is none, see `read_photo`
        """
        return self._judged([look_at_source("", source, self._manner)], [source])[0]

    def _judged(self, looks: Sequence[Look], sources: Sequence[PhotoRef | StoredPhoto | Pixels]) -> list[PhotoReport]:
        """Reports of what was looked at, in the order of the sources. An exception in here is our bug and nobody's
        photo.
        """
        scored = [(look, self._scores(look)) for look in looks]
        settled = [self._settled(*one, source) for one, source in zip(scored, sources, strict=True)]
        return [_unreadable(look) if scores is None else self._report(look, scores) for look, scores in settled]

    def _scores(self, look: Look) -> NDArray[np.float32] | None:
        return None if look.views is None else self._model.photo_scores(look.views)

    def _settled(
        self, look: Look, scores: NDArray[np.float32] | None, source: PhotoRef | StoredPhoto | Pixels
    ) -> tuple[Look, NDArray[np.float32] | None]:
        """The same, or the picture and its scores where those of the preview are too close to another level."""
        if self._margins is None or scores is None or not look.is_checked_preview:
            return look, scores
        if self._decider.is_settled(scores, self._margins):
            return look, scores
        again = looked_at_again(look, source, self._manner)
        return again, self._scores(again)

    def _report(self, look: Look, scores: NDArray[np.float32]) -> PhotoReport:
        """The report of a photo with these (1, N) scores."""
        decision = self._decider.decision(scores)
        findings = find(
            self.graph,
            list(decision.marginals.values()),
            list(decision.levels.values()),
            look.measurements,
            look.capture,
            self._lang,
            usual=self._usual,
            named=list(decision.at_operating_point.values()),
        )
        status, why = self._trust(look)
        # What should not be trusted anyway needs no second reason.
        remarks = disagreement_notes(self.graph, findings, self._lang) if why is None else (why,)
        notes = (*remarks, *look.notes) if status == "damaged" else (*look.notes, *remarks)
        beliefs = self._decider.beliefs(scores) if self._explain else None
        return PhotoReport(
            look.source_file,
            status,
            notes=notes,
            findings=findings,
            marginals=decision.marginals,
            independent=self._decider.by_label(beliefs.independent[0]) if beliefs else {},
            influence=beliefs.influence[0] if beliefs else (),
            measurements=look.measurements,
            capture=look.capture,
            thumbnail=look.thumbnail,
        )

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
