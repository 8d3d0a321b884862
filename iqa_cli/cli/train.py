"""`iqa train`: a config in, a checkpoint out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from iqa_cli.training.metrics import LabelMetrics
    from iqa_cli.training.trainer import Epoch


def train(
    config: Annotated[Path, typer.Option("--config", help="The training config, a TOML file.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last finished epoch of this run.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write the checkpoint here instead of [run] out.")] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train a model and write it as a checkpoint that `iqa assess --checkpoint` takes."""
    import dataclasses

    from rich.console import Console

    from iqa_cli.config import load_config
    from iqa_cli.errors import ExitCode, MissingExtra

    settings = load_config(config)
    if out is not None:
        settings = dataclasses.replace(settings, run=dataclasses.replace(settings.run, out=out.resolve()))
    try:
        from iqa_cli.training.trainer import Trainer
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("iqa_cli"):
            raise
        raise MissingExtra("iqa train", error.name or "a library", "train") from error
    trainer = Trainer(settings, config.resolve().parent, device)
    stderr = Console(stderr=True, highlight=False)
    for name, reason in trainer.photographs.unreadable:
        stderr.print(f"left out: {name}: {reason}", markup=False)
    stderr.print(f"{len(trainer.photographs.names)} photographs, {len(trainer.graph.labels)} labels")
    last: Epoch | None = None
    try:
        for last in trainer.run(resume=resume):
            stderr.print(
                f"epoch {last.number}/{last.of}  loss {last.loss:.3f}  held-out QWK {last.qwk:.3f}  "
                f"{last.seconds:.0f} s, {(last.of - last.number) * last.seconds / 60:.0f} min left"
            )
    except KeyboardInterrupt:
        done = f"epoch {last.number} is kept; the same command with --resume goes on" if last else "nothing is kept yet"
        stderr.print(f"interrupted: {done}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if last is not None:
        Console(highlight=False).print(_table(last.validation))
    stderr.print(f"wrote {settings.run.out}", markup=False)


def _table(metrics: dict[str, LabelMetrics]) -> Table:
    """Figures of the last epoch on held-out photographs."""
    from rich.table import Table

    table = Table(title="Held-out photographs, last epoch", title_justify="left")
    for column in ("label", "QWK", "threshold AUC", "accuracy", "always none"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for label, figures in metrics.items():
        table.add_row(
            label,
            f"{figures.qwk:.3f}",
            f"{figures.tauc:.3f}",
            f"{figures.accuracy:.3f}",
            f"{figures.accuracy_constant:.3f}",
        )
    return table
