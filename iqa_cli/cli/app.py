"""Entry point of `iqa`: the commands, and what becomes of errors that reach the top."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from iqa_cli._version import __version__
from iqa_cli.cli.assess import assess
from iqa_cli.cli.train import train
from iqa_cli.errors import ExitCode, IqaError

app = typer.Typer(
    name="iqa",
    help="Find the photographs that came out wrong, and how badly.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a traceback is our bug's business, see main()
    rich_markup_mode=None,  # plain help reads the same in a terminal, in a pipe and in the documentation
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("assess")(assess)
app.command("train")(train)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"iqa {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and leave."),
    ] = False,
) -> None:
    """Find the photographs that came out wrong, and how badly."""


def main() -> None:
    """Run the command line and leave with an exit code of `ExitCode`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks must not end the run
    try:
        app()
    except IqaError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 - the last stop: whatever comes here is our bug and is called so
        typer.echo(f"internal error: {type(error).__name__}: {error}", err=True)
        if os.environ.get("IQA_DEBUG") == "1":
            traceback.print_exc()
            how = "with the lines above"
        else:
            how = "with what the same command prints after IQA_DEBUG=1 is set"
        typer.echo(f"hint: this is a bug in iqa, please report it {how}", err=True)
        sys.exit(ExitCode.OUR_BUG)
