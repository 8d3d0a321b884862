"""`iqa train`: a config in, a checkpoint out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from iqa_cli.metrics.records import LabelMetrics
    from iqa_cli.training.trainer import Trainer


def train(
    config: Annotated[Path, typer.Option("--config", help="The training config, a TOML file.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on after the last finished epoch of this run.")] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the checkpoint here instead of [run] out, the state for --resume beside it."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Train a model and write it as a checkpoint that `iqa assess --checkpoint` takes."""
    import contextlib
    import dataclasses

    from iqa_cli.cli.streams import say
    from iqa_cli.cli.training_view import training_view
    from iqa_cli.config import load_config
    from iqa_cli.errors import ExitCode, MissingExtra
    from iqa_cli.report.text import shown

    settings = load_config(config)
    if out is not None:
        settings = dataclasses.replace(settings, run=settings.run.written_to(out.resolve()))
    trainer: Trainer | None = None
    try:
        try:
            from iqa_cli.training.trainer import Trainer
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("iqa_cli"):
                raise
            raise MissingExtra("iqa train", error.name or "a library", "train") from error
        trainer = Trainer(settings, config.resolve().parent, device, resume=resume)
        if trainer.share.rank == 0:
            for note in trainer.data.notes:
                say(f"note: {shown(note)}")
            for warning in trainer.data.warnings:
                say(f"warning: {shown(warning)}")
            for name, reason in trainer.data.unreadable:
                say(f"left out: {shown(name)}: {reason}")
            say(trainer.data.describe())
        with training_view() if trainer.share.rank == 0 else contextlib.nullcontext() as view:
            for epoch in trainer.run(None if view is None else view.step):
                if view is not None:
                    view.epoch(epoch)
    except KeyboardInterrupt:
        say(f"interrupted: {_kept(trainer, settings.optim.epochs)}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if trainer.share.rank:
        return
    side = "test" if "test" in trainer.judged else "validation"
    _print_table(trainer.judged[side].labels, f"Held-out photographs ({side}), epoch {trainer.chosen}")
    say(f"wrote {settings.run.out}, epoch {trainer.chosen}")
    say(f"metrics.csv and curves.png are in {settings.work}")


def _kept(trainer: Trainer | None, epochs: int) -> str:
    """What an interrupted run leaves behind."""
    if trainer is None:
        return "training had not begun, nothing was changed"
    if trainer.finished:
        return f"the checkpoint is complete in {trainer.config.run.out}"
    if not trainer.kept:
        return "no epoch was finished, nothing is kept"
    return f"epoch {trainer.kept} of {epochs} is kept; the same command with --resume goes on"


def _print_table(metrics: dict[str, LabelMetrics], title: str) -> None:
    """Figures of the checkpoint."""
    import math

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from iqa_cli.report.text import shown

    table = Table(title=title, title_justify="left")
    for column in ("label", "QWK", "threshold AUC", "accuracy", "always none"):
        table.add_column(column, justify="left" if column == "label" else "right")
    for label, entry in metrics.items():
        figures = (entry.qwk, entry.tauc, entry.accuracy, entry.accuracy_constant)
        table.add_row(Text(shown(label)), *("-" if math.isnan(value) else f"{value:.3f}" for value in figures))
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=1000)  # in a pipe nothing is wrapped
    console.print(table)
