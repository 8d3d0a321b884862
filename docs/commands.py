"""Writes `docs/commands.md`, every command with every option: `make pictures`, or `python docs/commands.py`.

The words are those of `--help`. `tests/test_docs.py` holds the page against the program.
"""  # noqa: INP001 - a script beside a document, no package

from __future__ import annotations

import enum
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).with_name("commands.md")
MARKER = "<!-- python docs/commands.py -->\n"
ABOUT = {
    "assess": "reading-a-report.md",
    "cache": "cleaning-a-camera-roll.md#running-it-again",
    "checkpoint-check": "checkpoints.md",
    "compare": "comparing.md",
    "convert": "checkpoints.md#checkpoints-of-the-published-code",
    "doctor": "pipelines.md#when-something-is-wrong",
    "eval": "evaluation.md",
    "graph-check": "graph-format.md",
    "labels": "labels.md#from-a-list-of-issues",
    "pick": "pick.md",
    "split": "labels.md",
    "train": "training.md",
}
"""The page that explains a command."""


def reference() -> str:
    """The part of the page below the marker."""
    from typer.main import get_command

    from iqa_cli.cli.app import app

    parts = [_section(path, command) for path, command in _commands("iqa", get_command(app))]
    return "\n".join(parts)


def _commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with what one types to call it, in the order of `--help`."""
    inside = getattr(command, "commands", None)
    if inside is None:
        yield path, command
        return
    for name, below in inside.items():
        if not below.hidden:
            yield from _commands(f"{path} {name}", below)


def _section(path: str, command: Any) -> str:
    """One command: what it does, its arguments and options."""
    usage = " ".join(_usage(parameter) for parameter in command.params if parameter.param_type_name == "argument")
    lines = [f"## {path}", "", f"`{path} [OPTIONS] {usage}`".replace(" `", "`"), ""]
    lines += [_flowing(paragraph) for paragraph in inspect.cleandoc(command.help or "").split("\n\n")]
    page = ABOUT.get(path.split()[1])
    if page is not None:
        lines += ["", f"See [{_title(page.partition('#')[0])}]({page})."]
    rows = [row for parameter in command.params if (row := _row(parameter))]
    if rows:
        lines += ["", "| option | meaning |", "|---|---|", *rows]
    return "\n".join(_apart(lines)) + "\n"


def _apart(lines: list[str]) -> list[str]:
    """Paragraphs with an empty line between them."""
    apart: list[str] = []
    for line in lines:
        if apart and apart[-1] and line and not line.startswith("|"):
            apart.append("")
        if line or (apart and apart[-1]):
            apart.append(line)
    return apart


def _flowing(paragraph: str) -> str:
    """A paragraph in one line, ready for Markdown."""
    text = " ".join(paragraph.split())
    first, colon, example = text.partition("For instance: ")
    return f"{colon}`{example}`" if colon and not first else _safe(text)


def _safe(text: str) -> str:
    """What Markdown would read as something else, spelled so that it does not; options look like code."""
    text = re.sub(r"(?<![\w`-])(--?[a-z][\w-]*)(?![\w`])", r"`\1`", text.replace("|", "\\|"))
    return text.replace("*", "\\*").replace("<", "&lt;")


def _title(page: str) -> str:
    """A page's heading, as it is named in a sentence."""
    heading = PAGE.with_name(page).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
    return heading[0].lower() + heading[1:]


def _usage(parameter: Any) -> str:
    """An argument as it stands behind the command."""
    name = (parameter.metavar or parameter.name.upper()).strip("[]")
    name = f"{name}..." if parameter.nargs == -1 and not name.endswith("...") else name
    return name if parameter.required else f"[{name}]"


def _row(parameter: Any) -> str | None:
    """An argument or option with its meaning; None if it is not for people."""
    if getattr(parameter, "hidden", False):
        return None
    if parameter.param_type_name == "argument":
        spelled = f"`{_usage(parameter)}`"
    else:
        spelled = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
        values = _values(parameter)
        spelled += f" {' or '.join(f'`{value}`' for value in values)}" if values else ""
    return f"| {spelled} | {_safe(parameter.help or '')}{_default(parameter)} |"


def _values(parameter: Any) -> list[str]:
    """What an option takes."""
    if parameter.is_flag:
        return []
    choices = getattr(parameter.type, "choices", None)
    if choices:
        return [str(getattr(choice, "value", choice)) for choice in choices]
    return str(parameter.metavar or parameter.type.name.upper()).split("|")


def _default(parameter: Any) -> str:
    """What holds if an option is not given, where that is worth a word."""
    default = parameter.default
    if parameter.required or default is None or default is False or callable(default) or "[default" in parameter.help:
        return ""
    if default is True:
        return f" Default: `{parameter.opts[0]}`."
    if isinstance(default, enum.Enum):
        default = default.value
    return f" Default: `{default}`." if default not in ((), [], "") else ""


def main() -> None:
    """Write the page anew."""
    before, _, _ = PAGE.read_text(encoding="utf-8").partition(MARKER)
    PAGE.write_text(f"{before}{MARKER}{reference()}", encoding="utf-8")
    print(f"made docs/{PAGE.name}")  # noqa: T201 - a script that says what it made


if __name__ == "__main__":
    main()
