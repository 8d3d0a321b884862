"""What `--help` shows, of every command: one style for what options take, on a terminal of 80 columns."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import typer.main
from typer.testing import CliRunner

from iqa_cli.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator

# `FILE`, `NAME|PATH`, `A-B`, `GRAPH.json...`, `NAME=SHARE,...`; or what can be chosen, as it is typed: `auto|cuda:N`.
NOUN = r"[A-Z]+(-[A-Z]+)?(\.(csv|json|pt|toml))?"
WHAT = re.compile(rf"{NOUN}(\|{NOUN})*((=[A-Z]+)?,)?(\.\.\.)?")
CHOICE = re.compile(r"[a-z]+(-[a-z]+)*(\|[a-z]+(-[a-z]+)*(:N)?)+")


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command, those that only hold others among them, with what is typed to call it."""

    def below(path: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield path, command
        for name, child in getattr(command, "commands", {}).items():
            yield from below((*path, name), child)

    return below((), typer.main.get_command(app))


COMMANDS = dict(commands())
every_command = pytest.mark.parametrize("path", COMMANDS, ids=lambda path: " ".join(path) or "iqa")


def help_of(path: tuple[str, ...]) -> str:
    """The help of a command on 80 columns."""
    run = CliRunner(env={"COLUMNS": "80", "TERM": "xterm"}).invoke(app, [*path, "--help"], prog_name="iqa")
    assert run.exit_code == 0
    return run.stdout


def test_all_commands_are_looked_at() -> None:
    assert {("assess",), ("pick",), ("cache", "info")} < set(COMMANDS)


@every_command
def test_what_options_take_is_spelled_in_one_style(path: tuple[str, ...]) -> None:
    for parameter in COMMANDS[path].params:
        if getattr(parameter, "is_flag", False):
            continue
        shown = parameter.metavar or ""
        choices = getattr(parameter.type, "choices", None)
        if choices:
            assert shown == "|".join(getattr(choice, "value", choice) for choice in choices), parameter.name
        assert (CHOICE if shown.islower() or "|cuda:N" in shown else WHAT).fullmatch(shown), (parameter.name, shown)
        if parameter.param_type_name == "argument":
            assert shown.endswith("...") == (parameter.nargs == -1), parameter.name


@every_command
def test_help_fits_a_terminal_and_is_not_cut(path: tuple[str, ...]) -> None:
    lines = help_of(path).splitlines()
    assert [line for line in lines if len(line) > 80] == []
    listed = lines[lines.index("Commands:") :] if "Commands:" in lines else []
    assert [line for line in listed if line.endswith("...")] == []


@every_command
def test_the_usage_line_is_what_one_types(path: tuple[str, ...]) -> None:
    usage = help_of(path).partition("\n")[0]
    assert usage.startswith(f"Usage: {' '.join(('iqa', *path))} [OPTIONS]")
    assert not set("{}<>") & set(usage)
    wanted = [
        parameter.metavar if parameter.required else f"[{parameter.metavar}]"
        for parameter in COMMANDS[path].params
        if parameter.param_type_name == "argument"
    ]
    assert not wanted or usage.endswith(" ".join(["[OPTIONS]", *wanted])), usage
