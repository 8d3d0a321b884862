"""Entry point of `iqa`: the commands, and what becomes of errors that reach the top."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Annotated

import typer

from iqa_cli._version import __version__
from iqa_cli.cli.assess import assess
from iqa_cli.cli.cache import cache
from iqa_cli.cli.checkpoint_check import checkpoint_check
from iqa_cli.cli.command import Command, Commands
from iqa_cli.cli.compare import compare
from iqa_cli.cli.convert import convert
from iqa_cli.cli.doctor import doctor
from iqa_cli.cli.eval import evaluate
from iqa_cli.cli.gather import gather
from iqa_cli.cli.graph_check import graph_check
from iqa_cli.cli.labels import labels
from iqa_cli.cli.pick import pick
from iqa_cli.cli.plan import plan
from iqa_cli.cli.run import run
from iqa_cli.cli.signals import is_asked
from iqa_cli.cli.split import split
from iqa_cli.cli.streams import say, settle
from iqa_cli.cli.train import train
from iqa_cli.cli.verify import verify
from iqa_cli.errors import ExitCode, InvalidInput, IqaError, OutputError, UsageError

app = typer.Typer(
    name="iqa",
    cls=Commands,
    help="Find the photographs that came out wrong, and how badly.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,  # a traceback is our bug's business, see main()
    rich_markup_mode=None,  # plain help reads the same in a terminal, in a pipe and in the documentation
    context_settings={"help_option_names": ["-h", "--help"]},
)
# The line of each command in the list of all has room for what is said here; of more it would show the beginning.
app.command("assess", cls=Command, short_help="Find the photos with tone problems: how bad, how sure.")(assess)
app.add_typer(cache, name="cache", short_help="Show or forget what is remembered of judged photos.")
app.command("checkpoint-check", cls=Command, short_help="Say whether checkpoints are safe and sound.")(checkpoint_check)
app.command("compare", cls=Command, short_help="Say whether B is better than A on the same scenes.")(compare)
app.command("convert", cls=Command, short_help="Turn a checkpoint of the published code into one of ours.")(convert)
app.command("doctor", cls=Command, short_help="Say whether this installation works.")(doctor)
app.command("eval", cls=Command, short_help="Say how good a model is on labelled photos.")(evaluate)
app.command("gather", cls=Command, short_help="Write the reports of a run over object storage.")(gather)
app.command("graph-check", cls=Command, short_help="Prove label graphs sound.")(graph_check)
app.command("labels", cls=Command, short_help="Turn a list of issues into a label file.")(labels)
app.command("pick", cls=Command, short_help="Act on photos of a report: list, link, copy, move them.")(pick)
app.command("plan", cls=Command, short_help="Plan an audit of a bucket: list its photos, in shards.")(plan)
app.command("run", cls=Command, short_help="Judge the photos of a plan, here or on a Ray cluster.")(run)
app.command("split", cls=Command, short_help="Split a label file into train, val and test.")(split)
app.command("train", cls=Command, short_help="Train a model of your own.")(train)
app.command("verify", cls=Command, short_help="Prove that each planned photo has one row.")(verify)


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


# What writing fails with when the disk is full, over quota or gone. Typer prints help by itself.
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def main() -> None:
    """Run the command line and leave with an exit code of `ExitCode`."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a name that the terminal's encoding lacks must not end the run
    try:
        _run()
    finally:
        settle(sys.stdout)
        settle(sys.stderr)


def _run() -> None:
    """The command, with every error in words."""
    try:
        if sys.stdout is None:
            raise OutputError("stdout is closed", hint="open it, or send it to a file or to /dev/null")
        app()
    except Exception as error:  # noqa: BLE001 - the last stop: what comes here in no words of ours is our bug
        if is_asked():  # an interrupt in the middle of an import comes out of it as something else
            say("interrupted")
            sys.exit(ExitCode.INTERRUPTED)
        if isinstance(error, InvalidInput | UsageError | FileNotFoundError) and not _has_working_folder():
            gone = InvalidInput(
                "the folder that this command was started in is not there any more",
                problems=str(error).splitlines()[:1] if isinstance(error, IqaError) else (),
                hint="go to one that is: cd",
            )
            say(f"error: {gone}")
            sys.exit(gone.exit_code)
        if isinstance(error, IqaError):
            say(f"error: {error}")
            sys.exit(error.exit_code)
        if isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None:
            say(f"error: writing failed ({error.strerror})")
            sys.exit(OutputError.exit_code)
        say(f"internal error: {type(error).__name__}: {error}")
        if os.environ.get("IQA_DEBUG") == "1":
            say(traceback.format_exc().rstrip())
            how = "with the lines above"
        else:
            how = "with what the same command prints after IQA_DEBUG=1 is set"
        say(f"hint: this is a bug in iqa, please report it {how}")
        sys.exit(ExitCode.OUR_BUG)


def _has_working_folder() -> bool:
    """Whether relative paths lead anywhere."""
    try:
        os.getcwd()  # noqa: PTH109 - nothing of Path is needed
    except OSError:
        return False
    return True
