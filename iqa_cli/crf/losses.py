"""What training minimises."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from iqa_cli.crf.torch_crf import TorchCRF


def nll(crf: TorchCRF, unary: Tensor, allowed: Tensor) -> Tensor:
    """Negative log-likelihood of what was observed, mean over the photos.

    unary    (B, C) float   log-potential of every level
    allowed  (B, C) bool    levels that the labels leave open; an unobserved label leaves all of its own open
    returns  ()    float64  nats per photo, at least 0 up to rounding; differentiable
    raises   ValueError     if a shape does not fit, a value is not finite, or the batch is empty
             GraphError     if the graph forbids everything that a row allows
    """
    if len(unary) == 0:
        raise ValueError("expected at least one photo, got an empty batch")
    return -crf.partial_log_prob(unary, allowed).mean()
