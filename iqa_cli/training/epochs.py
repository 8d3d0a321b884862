"""What is told of a run while it goes: how far an epoch is, and what it gave."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from iqa_cli.metrics.ordinal import mean_of

if TYPE_CHECKING:
    from iqa_cli.metrics.records import LabelMetrics
    from iqa_cli.training.judging import Judged


@dataclasses.dataclass(frozen=True)
class Step:
    """How far an epoch is."""

    epoch: int
    """1..epochs."""
    step: int
    """Batches done, 1..steps."""
    steps: int
    """Batches of the epoch."""
    loss: float
    """Mean training loss of the epoch so far."""
    pictures_per_s: float
    """Training speed of this process, by the wall clock."""


@dataclasses.dataclass(frozen=True)
class Epoch:
    """What one pass over the data gave."""

    number: int
    """1..epochs."""
    of: int
    """Epochs in all, if training does not stop early."""
    loss: float
    """Mean training loss per picture, in the unit of the loss."""
    seconds: float
    """Wall time of training and judging."""
    validation_loss: float
    """Negative log-likelihood of the validation labels under the CRF, nats per picture, whatever the loss is."""
    validation: dict[str, LabelMetrics]
    """Per label, on pictures that training never sees."""
    best: int
    """The epoch of the best validation threshold AUC so far."""

    @property
    def qwk(self) -> float:
        """Mean quadratic weighted kappa over the labels."""
        return mean_of(self.validation, "qwk")

    @property
    def tauc(self) -> float:
        """Mean threshold AUC over the labels, by which epochs are compared."""
        return mean_of(self.validation, "tauc")


def epoch_row(number: int, loss: float, judged: Judged) -> dict[str, float]:
    """An epoch's row of metrics.csv; `seconds` is filled in later."""
    row = {
        "epoch": number,
        "loss": loss,
        "validation_loss": judged.loss,
        "seconds": 0.0,
        "qwk": mean_of(judged.labels, "qwk"),
        "tauc": mean_of(judged.labels, "tauc"),
    }
    for label, figures in judged.labels.items():
        row |= {
            f"{label}_qwk": figures.qwk,
            f"{label}_tauc": figures.tauc,
            f"{label}_accuracy": figures.accuracy,
        }
    return row
