"""How likely a problem must be before it is named.

The likeliest levels are the right answer where a miss costs as much as a false alarm. Weighted kappa, which is what
levels are for, asks for a little more courage: where problems are rare the likeliest level is "none" for many photos
that have one. So a constant is added to the log-odds of every threshold of a label before the best legal levels are
looked for. Probabilities are not touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from sklearn.metrics import cohen_kappa_score

from iqa_cli.crf.unary import unary_from_nodes

if TYPE_CHECKING:
    from torch import Tensor

    from iqa_cli.crf.torch_crf import TorchCRF

_STEP, _STEPS = 0.1, 9
"""Log-odds from 0 (the likeliest level) to 0.9, at which 29 % are enough: beyond it a report cries wolf."""


@torch.no_grad()
def fitted_offsets(crf: TorchCRF, scores: Tensor, positions: Tensor) -> Tensor:
    """The offset of each label under which its weighted kappa on held-out pictures is highest; of equals the smallest.

    scores     (n, N) float  node scores of held-out pictures
    positions  (n, L) int64  true zero-based levels, -1 where unknown
    returns    (L,) float64  log-odds, 0.._STEP * _STEPS
    """
    best = torch.zeros(crf.plan.n_labels, dtype=torch.float64, device=scores.device)
    highest = [-1.0] * crf.plan.n_labels
    for step in range(_STEPS + 1):
        # One offset for all at once: labels that do not exclude each other do not hear of each other's.
        predicted = crf.map(unary_from_nodes(scores.double() + step * _STEP, crf.plan))[1].cpu()
        for label in range(crf.plan.n_labels):
            known = positions[:, label] >= 0
            truth, named = positions[known, label], predicted[known, label]
            if bool((truth == truth[:1]).all()):
                continue
            kappa = float(cohen_kappa_score(truth, named, weights="quadratic"))
            if kappa > highest[label] + 1e-4:
                highest[label], best[label] = kappa, step * _STEP
    return best
