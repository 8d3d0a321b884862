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

from iqa_cli.crf.levels import named_positions
from iqa_cli.crf.unary import unary_from_nodes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from iqa_cli.crf.torch_crf import TorchCRF

_STEP, _STEPS = 0.1, 9
"""Log-odds from 0 (the likeliest level) to 0.9, at which 29 % are enough: beyond it a report cries wolf."""
_ROUNDS, _GAIN = 10, 1e-5


@torch.no_grad()
def fitted_offsets(crf: TorchCRF, scores: Tensor, positions: Tensor) -> Tensor:
    """The offsets under which the mean weighted kappa on held-out pictures is highest; of equals the smaller ones.

    Labels hear of each other through the rules, so they are tried in turns: one label's offset moves while the others
    stay, until no turn gains anything. It is never worse than naming the likeliest levels.

    scores     (n, N) float  node scores of held-out pictures
    positions  (n, L) int64  true zero-based levels, -1 where unknown
    returns    (L,) float64  log-odds, 0.._STEP * _STEPS
    """

    def mean_kappa(offsets: Tensor) -> float:
        return _mean_kappa(positions, torch.from_numpy(named_at(crf, scores, offsets)))

    offsets = torch.zeros(crf.plan.n_labels, dtype=torch.float64, device=scores.device)
    highest = mean_kappa(offsets)
    for _ in range(_ROUNDS):
        before = highest
        for label in range(crf.plan.n_labels):
            for step in range(_STEPS + 1):
                tried = offsets.clone()
                tried[label] = step * _STEP
                kappa = mean_kappa(tried)
                if kappa > highest + _GAIN:
                    highest, offsets = kappa, tried
        if highest == before:
            break
    return offsets


@torch.no_grad()
def named_at(crf: TorchCRF, scores: Tensor, offsets: Tensor) -> NDArray[np.intp]:
    """The zero-based levels (n, L) that are named of node scores (n, N) at an operating point (L,)."""
    label_of_node = torch.tensor(crf.plan.node_label.tolist(), device=scores.device)
    unary = unary_from_nodes(scores.double() + offsets.to(scores.device)[label_of_node], crf.plan)
    return named_positions(crf.marginals(unary).cpu().numpy(), lambda: crf.map(unary)[1].cpu().numpy(), crf.plan)


def _mean_kappa(positions: Tensor, named: Tensor) -> float:
    """Mean weighted kappa over the labels of which more than one level occurs; 0 if there is none."""
    kappas = []
    for truth, levels in zip(positions.T, named.T, strict=True):
        known = truth >= 0
        if len(set(truth[known].tolist())) > 1:
            kappas.append(float(cohen_kappa_score(truth[known], levels[known], weights="quadratic")))
    return sum(kappas) / len(kappas) if kappas else 0.0
