"""Expected calibration error: how far probabilities are from the shares that come true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 15
"""As in Guo et al. 2017."""


def expected_calibration_error(probability: NDArray[np.float64], happened: NDArray[np.bool_]) -> float:
    """Mean distance between the probability that was given and the share that came true, over bins of probability.

    probability  (n,)  0..1
    happened     (n,)
    returns      0..1, 0 is perfect; nan for no photo

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, for a yes-no event: 15 bins of equal width,
    each weighted by its photos. Bin b holds b/15 <= p < (b+1)/15, the last one also p = 1.
    """
    if not len(probability):
        return float("nan")
    bins = np.minimum((probability * BINS).astype(np.int64), BINS - 1)
    # Photos times (mean probability - share) is the sum of the differences, so no bin needs its mean.
    off = np.bincount(bins, weights=probability - happened, minlength=BINS)
    return float(np.abs(off).sum() / len(probability))
