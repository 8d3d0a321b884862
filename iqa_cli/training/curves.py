"""`curves.png`: how a run went. Loss, agreement and ranking over the epochs, the test figures at the end."""

from __future__ import annotations

import io
import math
import warnings
from typing import TYPE_CHECKING

from iqa_cli.metrics.ordinal import mean_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from iqa_cli.metrics.records import LabelMetrics

# Okabe and Ito's eight colours, told apart with any colour vision; beyond eight labels the line style changes.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
_STYLES = ("-", "--", ":", "-.")
_READABLE_LABELS = 12
"""Up to here every label gets a line of its own; of more only the mean and the range are drawn."""


def curves_png(
    rows: Sequence[Mapping[str, float]], labels: Sequence[str], best: int, test: Mapping[str, LabelMetrics] | None
) -> bytes:
    """The figures of `metrics.csv` as a PNG; see `curves`."""
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box is drawn; the run is what matters
        curves(rows, labels, best, test).savefig(stream, dpi=110, format="png")
    return stream.getvalue()


def curves(
    rows: Sequence[Mapping[str, float]], labels: Sequence[str], best: int, test: Mapping[str, LabelMetrics] | None
) -> Figure:
    """The figures of `metrics.csv` as a picture.

    rows    one per epoch
    labels  in graph order
    best    number of the epoch that became the checkpoint
    test    figures on the test pictures, or None
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    loss, kappa, area = figure.subplots(1, 3)
    epochs = [row["epoch"] for row in rows]
    mark = "o" if len(epochs) == 1 else ""  # one point is no line
    loss.plot(epochs, [row["loss"] for row in rows], mark, color=_COLOURS[0], label="training")
    loss.plot(epochs, [row["validation_loss"] for row in rows], mark, color=_COLOURS[1], label="validation")
    loss.set_title("loss (validation: NLL, nats)")
    for axes, key, title in (
        (kappa, "qwk", "quadratic weighted kappa, validation"),
        (area, "tauc", "threshold AUC, validation"),
    ):
        axes.set_title(title + (" (* test)" if test else ""))
        if len(labels) <= _READABLE_LABELS:
            for index, label in enumerate(labels):
                colour = _COLOURS[index % len(_COLOURS)]
                style = _STYLES[index // len(_COLOURS)]
                values = [row[f"{label}_{key}"] for row in rows]
                axes.plot(epochs, values, style + mark, color=colour, label=_shown(label, values))
                if test:
                    axes.plot(best, getattr(test[label], key), "*", color=colour, markersize=11, clip_on=False)
        else:
            ranges = [_range([row[f"{label}_{key}"] for label in labels]) for row in rows]
            low, high = zip(*ranges, strict=True)
            axes.fill_between(epochs, low, high, alpha=0.2, label=f"{len(labels)} labels")
            if test:
                axes.plot(best, mean_of(test, key), "*", color="black", markersize=11, clip_on=False)
        axes.plot(epochs, [row[key] for row in rows], mark, color="black", linewidth=2.5, alpha=0.55, label="mean")
    for axes in (loss, kappa, area):
        axes.axvline(best, color="grey", linewidth=0.8, linestyle=(0, (4, 4)))
        axes.set_xlabel("epoch (dashed: the one that was kept)")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, framealpha=0.8)
    return figure


def _shown(label: str, values: Sequence[float]) -> str:
    """A label as a legend takes it: `$` would begin a formula, and a name that begins with `_` be left out."""
    undefined = "" if any(map(math.isfinite, values)) else " (undefined)"
    name = label.replace("$", r"\$")
    return f"{' ' if name.startswith('_') else ''}{name}{undefined}"


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Smallest and largest of what is defined; nan where nothing is."""
    defined = [value for value in values if math.isfinite(value)] or [math.nan]
    return min(defined), max(defined)
