"""What the documents promise is there: every command is explained, every `make` target and link exists."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[1]
HIDDEN_OR_MADE = re.compile(r"^(\.|build$|dist$|runs$|demo$)")

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


def commands() -> list[str]:
    """The commands that `iqa --help` lists."""
    typer_main = pytest.importorskip("typer.main")
    from iqa_cli.cli.app import app

    return sorted(name for name, command in typer_main.get_command(app).commands.items() if not command.hidden)


def make_targets() -> set[str]:
    """The targets of the Makefile that a person calls."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_every_command_is_in_the_readme() -> None:
    code = code_in((ROOT / "README.md").read_text(encoding="utf-8"))
    assert commands()
    assert [name for name in commands() if not re.search(rf"\biqa {name}\b", code)] == []


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
