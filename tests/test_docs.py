"""What the documents promise is there: every command, option, key and public name is explained, every `make` target
and link exists."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote

import pytest

import iqa_cli

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
HIDDEN_OR_MADE = re.compile(r"^(\.|build$|dist$|runs$|demo$|site$)")

DOCUMENTS = sorted(
    path for path in ROOT.rglob("*.md") if not any(HIDDEN_OR_MADE.match(part) for part in path.relative_to(ROOT).parts)
)


def name_of(path: Path) -> str:
    """A document as it is called in test ids."""
    return path.relative_to(ROOT).as_posix()


def code_in(text: str) -> str:
    """The code blocks and code spans of a Markdown text, one per line."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return "\n".join([*blocks, *spans])


def prose_in(text: str) -> str:
    """A Markdown text without its code, where brackets and parentheses are no links."""
    return re.sub(r"^```.*?^```|`[^`\n]+`", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors_in(text: str) -> set[str]:
    """The anchors that GitHub makes of the headings of a Markdown text."""
    headings = re.findall(r"^#{1,6} +(.+?) *$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(link: str, document: Path) -> bool:
    """Whether a relative link of a document names a file that exists and, if it has one, a heading in it."""
    target, _, anchor = unquote(link).partition("#")
    path = document.parent / target if target else document
    if anchor and path.suffix == ".md" and path.exists():
        return anchor in anchors_in(path.read_text(encoding="utf-8"))
    return path.exists()


def commands() -> dict[str, Any]:
    """The commands that `iqa --help` lists, and those inside them: "assess", "cache info"."""
    typer_main = pytest.importorskip("typer.main")
    from iqa_cli.cli.app import app

    def below(command: Any, path: str) -> dict[str, Any]:
        inside = getattr(command, "commands", None)
        if inside is None:
            return {path: command}
        return {
            name: found
            for word, child in inside.items()
            if not child.hidden
            for name, found in below(child, f"{path} {word}".strip()).items()
        }

    return below(typer_main.get_command(app), "")


def page(name: str) -> str:
    """A document in docs/."""
    return (DOCS / name).read_text(encoding="utf-8")


def named_in(name: str) -> set[str]:
    """What stands as code in a document in docs/."""
    return set(code_in(page(name)).splitlines())


def script(path: Path) -> Any:
    """A script beside the documents, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_targets() -> set[str]:
    """The targets of the Makefile that a person calls."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_every_command_is_in_the_readme() -> None:
    code = code_in(README.read_text(encoding="utf-8"))
    names = {name.split()[0] for name in commands()}
    assert len(names) > 5
    assert [name for name in sorted(names) if not re.search(rf"\biqa {name}\b", code)] == []


def test_the_readme_stays_short_enough_to_be_read() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150
    assert README.stat().st_size <= 9_000


def test_every_command_and_option_is_in_the_list_of_commands() -> None:
    sections = dict(re.findall(r"^## iqa (.+?)\n(.*?)(?=^## |\Z)", page("commands.md"), flags=re.MULTILINE | re.DOTALL))
    assert set(sections) == set(commands())
    for name, command in commands().items():
        options = [option for parameter in command.params for option in parameter.opts if option.startswith("-")]
        assert [option for option in options if f"`{option}`" not in sections[name]] == [], name


def test_the_list_of_commands_is_current() -> None:
    lister = script(DOCS / "commands.py")
    assert page("commands.md").partition(lister.MARKER)[2] == lister.reference(), "run: python docs/commands.py"


def test_every_command_is_shown_in_use_beside_the_list() -> None:
    shown = "\n".join(code_in(path.read_text("utf-8")) for path in DOCS.glob("*.md") if path.name != "commands.md")
    assert [name for name in commands() if not re.search(rf"\biqa {name}\b", shown)] == []


def shown_lines() -> list[tuple[str, list[str]]]:
    """The lines of commands in the documents' code blocks, with the document, split into words without comments."""
    found = []
    for path in (README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))):
        for block in re.findall(r"^```(?:sh|text)\n(.*?)^```", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"(iqa|python|make|torchrun) ", line):
                    words = shlex.split(line, comments=True)
                    # What comes after a pipe or a redirection is the shell's.
                    end = next((place for place, word in enumerate(words) if word in ("|", ">", "<", "&&", ";")), None)
                    found.append((f"{name_of(path)}: {line}", words[:end]))
    return found


def test_every_command_that_is_shown_is_one_that_iqa_takes() -> None:
    """Names, options, choices and ranges; what it does is for other tests."""
    shown = [(place, words[1:]) for place, words in shown_lines() if words[0] == "iqa"]
    assert len(shown) > 40
    known = commands()
    for place, words in shown:
        name = next((n for n in (" ".join(words[:2]), words[0]) if n in known), None)
        assert name is not None, place
        rest = words[len(name.split()) :]
        if "..." in rest:  # a part of a command
            continue
        try:
            known[name].make_context(name, rest)
        except Exception as error:  # noqa: BLE001 - whatever the parser raises, the document is wrong
            pytest.fail(f"{place}: {error}")


def test_every_script_and_config_that_is_shown_is_in_a_clone() -> None:
    named = [
        (place, word)
        for place, words in shown_lines()
        for word in words
        if re.fullmatch(r"(configs|demo|docs|benchmarks)/\S+\.(toml|py)", word)
    ]
    assert {"configs/quick.toml", "configs/default.toml", "demo/make_photographs.py"} <= {word for _, word in named}
    assert [place for place, word in named if not (ROOT / word).is_file()] == []


def test_every_public_name_is_in_the_library_reference() -> None:
    listed = re.findall(r"^::: iqa_cli\.(\w+)$", page("library.md"), flags=re.MULTILINE)
    assert sorted(listed) == sorted(set(iqa_cli.__all__) - {"__version__"})


def test_every_error_is_in_the_tree_of_the_library_reference() -> None:
    from iqa_cli import errors

    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    tree = re.findall(r"^[│├└─ ]*([A-Z]\w+) {2,}", page("library.md"), flags=re.MULTILINE)
    assert sorted(tree) == sorted(kinds)


def test_every_column_of_the_csv_is_explained() -> None:
    from iqa_cli.photometry import MEASUREMENT_NAMES
    from iqa_cli.report.audit.csv_file import CAPTURE_COLUMNS, TEXT_COLUMNS

    explained = named_in("formats.md")
    columns = {*TEXT_COLUMNS, *CAPTURE_COLUMNS, *MEASUREMENT_NAMES, "worst_level", "<label>_level", "<label>_p"}
    assert columns - explained == set()


def test_every_key_of_the_json_lines_is_explained() -> None:
    from iqa_cli import records
    from iqa_cli.report.audit import jsonl

    keys = set(re.findall(r'^ {8}"(\w+)":', Path(jsonl.__file__).read_text(encoding="utf-8"), flags=re.MULTILINE))
    of_records = {
        field.name
        for record in (records.Finding, records.Influence, records.Capture)
        for field in dataclasses.fields(record)
    }
    assert len(keys) > 8
    assert (keys | of_records) - named_in("formats.md") == set()


def test_every_figure_of_an_evaluation_is_explained() -> None:
    from iqa_cli.metrics.records import FIGURES

    assert set(FIGURES) - named_in("evaluation.md") == set()


def test_every_exit_code_is_explained() -> None:
    from iqa_cli.errors import ExitCode

    rows = re.findall(r"^\| (\d+) \| \S", page("formats.md").partition("## Exit codes")[2], flags=re.MULTILINE)
    assert [int(code) for code in rows] == sorted(ExitCode)


def test_every_status_is_explained() -> None:
    from iqa_cli.records import Status

    for name in ("reading-a-report.md", "formats.md"):
        assert [status for status in get_args(Status) if f"`{status}`" not in page(name)] == [], name


def test_the_levels_are_told_in_the_same_words_everywhere() -> None:
    rows = re.findall(r"^\| (\d \w+) \| ([^|]+?) \|", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(rows) == 4
    for name in ("severity.md", "reading-a-report.md"):
        assert [row for row in rows if f"| {row[0]} | {row[1]} |" not in page(name)] == [], name


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_that_is_named_exists(document: str) -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", code_in((ROOT / document).read_text(encoding="utf-8"))))
    assert named
    assert named - make_targets() == set()


def test_every_make_target_explains_itself_in_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    explained = set(re.findall(r"^([a-z-]+):.*## \S", text, flags=re.MULTILINE))
    assert make_targets() - explained == {"python-is-new-enough"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_relative_link_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    links = re.findall(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)", prose_in(text))
    relative = [link for link in links if not re.match(r"[a-z][a-z0-9+.-]*:", link)]
    assert [link for link in relative if not leads_somewhere(link, document)] == []
