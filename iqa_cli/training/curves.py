"""`curves.png`: how a run went. Loss, agreement and ranking over the epochs, the test figures at the end."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from iqa_cli.metrics.records import LabelMetrics

# Okabe and Ito's eight colours, told apart with any colour vision; beyond eight labels the line style changes.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999933")
_STYLES = ("-", "--", ":", "-.")
_READABLE_LABELS = 12
"""Up to here every label gets a line of its own; of more only the mean and the range are drawn."""


def curves_png(
    rows: Sequence[Mapping[str, float]], labels: Sequence[str], best: int, test: Mapping[str, LabelMetrics] | None
) -> bytes:
    """The figures of `metrics.csv` as a PNG.

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
    loss.plot(epochs, [row["loss"] for row in rows], color=_COLOURS[0], label="training")
    loss.plot(epochs, [row["validation_loss"] for row in rows], color=_COLOURS[1], label="validation")
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
                axes.plot(epochs, [row[f"{label}_{key}"] for row in rows], style, color=colour, label=label)
                if test:
                    axes.plot(epochs[-1], getattr(test[label], key), "*", color=colour, markersize=11, clip_on=False)
        else:
            values = [[row[f"{label}_{key}"] for label in labels] for row in rows]
            axes.fill_between(
                epochs, [min(v) for v in values], [max(v) for v in values], alpha=0.2, label=f"{len(labels)} labels"
            )
        axes.plot(epochs, [row[key] for row in rows], color="black", linewidth=2.5, alpha=0.55, label="mean")
    for axes in (loss, kappa, area):
        axes.axvline(best, color="grey", linewidth=0.8, linestyle=(0, (4, 4)))
        axes.set_xlabel("epoch (dashed: the one that was kept)")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, framealpha=0.8)
    stream = io.BytesIO()
    figure.savefig(stream, dpi=110, format="png")
    return stream.getvalue()
