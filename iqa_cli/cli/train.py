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
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on after the last finished epoch of this run; a finished one goes on if [optim] epochs is raised.",
        ),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Start anew over a finished checkpoint or the state of an unfinished run."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the checkpoint here instead of [run] out, the state for --resume beside it."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")] = "auto",
) -> None:
    """Train a model and write it as a checkpoint that `iqa assess --checkpoint` takes."""
    import contextlib
    import dataclasses
    import os

    from iqa_cli.cli.streams import say
    from iqa_cli.cli.training_view import training_view
    from iqa_cli.config import load_config
    from iqa_cli.errors import ExitCode, MissingExtra, UsageError
    from iqa_cli.training.present import refuse_missing

    if resume and overwrite:
        raise UsageError("--resume goes on with a run, --overwrite starts anew: give one of them")
    settings = load_config(config)
    if out is not None:
        settings = dataclasses.replace(settings, run=settings.run.written_to(out.resolve()))
    refuse_missing(config, settings)
    trainer: Trainer | None = None
    try:
        # Of several processes that torch's launcher started only the first speaks.
        first = os.environ.get("RANK", "0") == "0"
        with training_view() if first else contextlib.nullcontext() as view:
            try:
                from iqa_cli.training.trainer import Trainer
            except ModuleNotFoundError as error:
                if (error.name or "").startswith("iqa_cli"):
                    raise
                raise MissingExtra("iqa train", error.name or "a library", "train") from error
            if view is not None:
                view.stage("reading the photographs")
            trainer = Trainer(settings, config.resolve().parent, device, resume=resume, overwrite=overwrite)
            if view is None:
                for _ in trainer.run():
                    pass
                return
            _introduce(trainer)
            for epoch in trainer.run(view.step, view.stage):
                view.epoch(epoch)
    except KeyboardInterrupt:
        say(f"interrupted: {_kept(trainer, settings.optim.epochs)}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    side = "test" if "test" in trainer.judged else "validation"
    figures = trainer.judged[side].labels
    _print_table(figures, f"Held-out photographs ({side}), epoch {trainer.chosen}")
    _warn_of_constant(figures)
    say(f"wrote {settings.run.out}, epoch {trainer.chosen}")
    say(f"metrics.csv and curves.png are in {settings.work}")


def _introduce(trainer: Trainer) -> None:
    """What is known before the first epoch."""
    from iqa_cli.cli.streams import say
    from iqa_cli.report.text import shown

    for note in (*trainer.data.notes, *trainer.notes):
        say(f"note: {shown(note)}")
    for warning in (*trainer.warnings, *trainer.data.warnings):
        say(f"warning: {shown(warning)}")
    for name, reason in trainer.data.unreadable:
        say(f"left out: {shown(name)}: {reason}")
    say(trainer.data.describe())


def _warn_of_constant(figures: dict[str, LabelMetrics]) -> None:
    """A model that says the same of every photograph is of no use, whatever else its figures say."""
    from iqa_cli.cli.streams import say
    from iqa_cli.metrics.ordinal import mean_of

    if mean_of(figures, "qwk") <= 0:
        say(
            "warning: a mean kappa of 0 or less is what saying the same of every photograph gets: this model tells "
            "nothing apart; it needs more photographs, more epochs or other rates"
        )


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
