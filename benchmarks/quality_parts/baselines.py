"""Judges that are no checkpoints: the constant answer, luminance histograms, CleanVision."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from quality_parts.judges import Answers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BINS = 64
"""Of the luma histogram: 4 grey values each."""
CLIPPED = 250
"""8-bit value from which a channel counts as clipped, as in `iqa_cli.training.severity`."""
CRUSHED = 5
"""8-bit value up to which a channel counts as crushed."""
NO_CLEANVISION = "CleanVision is not installed and was left out: `pip install cleanvision` brings it."
CLEANVISION_LABELS = {"dark": "dark", "light": "bright"}
"""CleanVision's issues and the label that each comes nearest to."""


def constant_answers(count: int, n_levels: Sequence[int]) -> Answers:
    """No problem anywhere, said with certainty."""
    certain = tuple(np.tile(np.eye(levels)[0], (count, 1)) for levels in n_levels)
    return Answers(np.zeros((count, len(n_levels)), np.int64), certain)


def ranking(scores: Floats, levels: int) -> Floats:
    """A score (n,) that grows with severity as a table (n, K) whose threshold AUC is the score's: all thresholds are
    ranked alike. No probabilities.
    """
    place = rankdata(scores) / (len(scores) + 1)
    table = np.zeros((len(scores), levels))
    table[:, 0], table[:, -1] = 1 - place, place
    return table


def histogram_features(pictures: NDArray[np.uint8]) -> Floats:
    """Luma histogram and clipped shares.

    pictures  (n, S, S, 3) uint8, sRGB-encoded
    returns   (n, BINS + 2) square roots of shares of pixels: of each bin of Rec.709 luma, with a clipped channel, with
              all channels crushed. Roots, because a linear model on them compares histograms by Hellinger's distance
    """
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
    features = np.empty((len(pictures), BINS + 2))
    for row, picture in enumerate(pictures):
        bins = ((picture @ weights) * (BINS / 256)).astype(np.int64).ravel()
        counts = np.bincount(bins.clip(0, BINS - 1), minlength=BINS)
        features[row, :BINS] = counts / len(bins)
        features[row, BINS:] = (picture.max(2) >= CLIPPED).mean(), (picture.max(2) <= CRUSHED).mean()
    return np.sqrt(features)


def histogram_answers(
    features: Floats, positions: NDArray[np.int64], judged: Floats, n_levels: Sequence[int]
) -> Answers:
    """A multinomial logistic regression per label on `histogram_features`.

    features, positions  (m, F), (m, L) to learn from
    judged               (n, F) to answer
    """
    predicted, marginals = [], []
    for label, levels in enumerate(n_levels):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features, positions[:, label])
        table = np.zeros((len(judged), levels))
        table[:, model.classes_] = model.predict_proba(judged)  # a level that was never drawn stays at zero
        predicted.append(table.argmax(1))
        marginals.append(table)
    return Answers(np.stack(predicted, 1).astype(np.int64), tuple(marginals))


def has_cleanvision() -> bool:
    """Whether CleanVision is installed."""
    return importlib.util.find_spec("cleanvision") is not None


def cleanvision_of_files(paths: Sequence[Path]) -> tuple[dict[str, NDArray[np.bool_]], dict[str, Floats]]:
    """CleanVision's answers with its own thresholds.

    paths    files that plain Pillow reads
    returns  by label (see `CLEANVISION_LABELS`): whether each is flagged, and a score that grows with the problem
    """
    cleanvision = importlib.import_module("cleanvision")  # optional, so it has no import of its own
    # It reports on standard output, which is ours.
    with contextlib.redirect_stdout(sys.stderr):
        lab = cleanvision.Imagelab(filepaths=[str(path) for path in paths])
        lab.find_issues({issue: {} for issue in CLEANVISION_LABELS}, n_jobs=1, verbose=False)
    issues = lab.issues.loc[[str(path) for path in paths]]
    flagged = {label: issues[f"is_{issue}_issue"].to_numpy(bool) for issue, label in CLEANVISION_LABELS.items()}
    score = {label: 1 - issues[f"{issue}_score"].to_numpy(np.float64) for issue, label in CLEANVISION_LABELS.items()}
    return flagged, score


def cleanvision_of_pictures(
    pictures: Iterable[NDArray[np.uint8]],
) -> tuple[dict[str, NDArray[np.bool_]], dict[str, Floats]]:
    """The same of (S, S, 3) uint8 pictures, which CleanVision wants as files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, picture in enumerate(pictures):
            paths.append(Path(folder) / f"{number:06}.png")
            Image.fromarray(picture).save(paths[-1], compress_level=1)
        return cleanvision_of_files(paths)
