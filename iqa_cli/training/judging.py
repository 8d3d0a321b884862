"""A model against held-out labels: scores, figures per label, likelihood."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import torch

from iqa_cli.crf.floor import LIMIT
from iqa_cli.crf.levels import named_positions
from iqa_cli.crf.losses import nll
from iqa_cli.crf.unary import cumulative, unary_from_nodes
from iqa_cli.errors import TrainingDiverged
from iqa_cli.metrics.ordinal import label_metrics
from iqa_cli.training.data import WHOLE, Share
from iqa_cli.training.distributed import put_together
from iqa_cli.training.operating_point import named_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from iqa_cli.crf.torch_crf import TorchCRF
    from iqa_cli.metrics.records import LabelMetrics
    from iqa_cli.models.tone_model import ToneModel
    from iqa_cli.training.data import Batch


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """What a model makes of held-out pictures."""

    labels: dict[str, LabelMetrics]
    """Figures per label, in graph order."""
    loss: float
    """Negative log-likelihood of the labels under the CRF, nats per picture."""
    scores: Tensor
    """(n, N) float32 node scores on the CPU."""
    positions: Tensor
    """(n, L) int64 zero-based true levels, -1 where unknown."""
    allowed: Tensor
    """(n, C) bool, what is known of the pictures."""


@torch.no_grad()
def judge(
    model: ToneModel,
    crf: TorchCRF,
    batches: Iterable[Batch],
    device: torch.device,
    offsets: Tensor | None = None,
    share: Share = WHOLE,
) -> Judged:
    """Run a model over batches and compare. At least one picture is needed.

    batches  this process's share of what is judged
    offsets  see `compared`
    share    which process this is; every one gets the figures of all pictures

    raises  TrainingDiverged  if the scores are no numbers any more
    """
    model.eval()
    plan = crf.plan
    scores = [torch.empty(0, plan.n_nodes)]
    places = [torch.empty(0, dtype=torch.int64)]
    positions = [torch.empty(0, plan.n_labels, dtype=torch.int64)]
    allowed = [torch.empty(0, sum(plan.level_counts.tolist()), dtype=torch.bool)]
    directions = model.head.weight_and_bias()  # once: prompts go through a whole text tower
    for batch in batches:
        features = model.encoded(model.ready(batch.inputs.to(device)))
        scores.append(model.scores(features, directions).float().cpu())
        places.append(batch.places)
        positions.append(batch.positions)
        allowed.append(batch.allowed)
    at = torch.cat(places)
    known = put_together(torch.cat(positions), at, share), put_together(torch.cat(allowed), at, share)
    return compared(crf, put_together(torch.cat(scores), at, share), *known, device, offsets)


@torch.no_grad()
def compared(
    crf: TorchCRF,
    scores: Tensor,
    positions: Tensor,
    allowed: Tensor,
    device: torch.device,
    offsets: Tensor | None = None,
) -> Judged:
    """Figures of node scores (n, N) against zero-based levels (n, L), -1 where unknown, and allowed cells (n, C).

    offsets  (L,) log-odds added before levels are named, see `operating_point`; None adds nothing

    raises  TrainingDiverged  see `judge`
    """
    plan = crf.plan
    unary = unary_from_nodes(scores.double(), plan).to(device)
    if not bool((unary.abs() < LIMIT).all()):
        raise TrainingDiverged("training diverged: the model's scores are no numbers any more")
    marginals = crf.marginals(unary)
    reached = cumulative(marginals, plan).cpu().numpy()
    if offsets is None:
        predicted = named_positions(marginals.cpu().numpy(), lambda: crf.map(unary)[1].cpu().numpy(), plan)
    else:
        predicted = named_at(crf, scores.to(device), offsets)
    metrics, start = {}, 0
    for index, (label, count) in enumerate(zip(plan.label_names, plan.level_counts.tolist(), strict=True)):
        end = start + count - 1
        metrics[label] = label_metrics(positions[:, index].numpy(), predicted[:, index], reached[:, start:end])
        start = end
    return Judged(metrics, float(nll(crf, unary, allowed.to(device))), scores, positions, allowed)
