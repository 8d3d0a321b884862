"""A temperature for each label, so that probabilities mean what they say.

Guo et al., On Calibration of Modern Neural Networks, ICML 2017; here under the CRF's likelihood, so that the rules are
part of what is calibrated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from iqa_cli.crf.losses import nll
from iqa_cli.crf.unary import unary_from_nodes

if TYPE_CHECKING:
    from torch import Tensor

    from iqa_cli.crf.torch_crf import TorchCRF

_LOG_LIMIT = 3.0
"""Temperatures from 1/20 to 20: beyond that the model knows nothing, and no temperature will help it."""


def fitted_temperatures(crf: TorchCRF, scores: Tensor, allowed: Tensor) -> Tensor:
    """The temperatures under which held-out labels are most likely.

    scores   (n, N) float  node scores of held-out pictures
    allowed  (n, C) bool   what is known of them
    returns  (L,) float64, above 0; above 1 makes the probabilities of a label less sure
    """
    scores = scores.detach().double()
    label_of_node = torch.tensor(crf.plan.node_label.tolist(), device=scores.device)
    log_temperature = torch.zeros(crf.plan.n_labels, dtype=torch.float64, device=scores.device, requires_grad=True)
    optimiser = torch.optim.LBFGS([log_temperature], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        temperature = log_temperature.clamp(-_LOG_LIMIT, _LOG_LIMIT).exp()
        loss = nll(crf, unary_from_nodes(scores / temperature[label_of_node], crf.plan), allowed)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return log_temperature.detach().clamp(-_LOG_LIMIT, _LOG_LIMIT).exp()
