"""The words of the page: whole in every language, and what they say of the keyboard is what the script does."""

from __future__ import annotations

import importlib.resources
import re
from pathlib import Path
from typing import Any

import pytest

from iqa_cli.report.audit.html.words import PAGE, SCRIPT

DOCS = Path(__file__).parents[4] / "docs"
SIGNS = {"ArrowLeft": "←", "ArrowRight": "→"}
BY_THE_BROWSER = {"Enter", "Esc"}
"""Keys that work without the script: a photo is a button, the large view a dialog."""


def keys_of_the_script() -> set[str]:
    """The keys that the page's script listens to."""
    script = (importlib.resources.files("iqa_cli.report.audit.html") / "page.js").read_text(encoding="utf-8")
    listens = script[script.index('addEventListener("keydown"') :]
    listens = listens[: listens.index("\n  });")]
    one_by_one = re.findall(r'key === "(\w+)"', listens)
    together = "".join(re.findall(r'"(\w+)"\.includes\(key\)', listens))
    assert one_by_one
    assert together
    return {SIGNS.get(key, key) for key in (*one_by_one, *together)}


@pytest.mark.parametrize("lang", PAGE)
def test_the_page_names_every_key_that_its_script_listens_to(lang: str) -> None:
    said = PAGE[lang]["shortcuts"]  # type: ignore[index]
    named = {*re.findall(r"(?<![A-Za-z])(?:[b-z]|Enter|Esc)(?![A-Za-z])", said), *re.findall(r"[←→]", said)}
    assert named == keys_of_the_script() | BY_THE_BROWSER


def test_the_documents_name_the_same_keys() -> None:
    page = (DOCS / "cleaning-a-camera-roll.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<kbd>(.+?)</kbd>", page)) == keys_of_the_script() | BY_THE_BROWSER


def shape(words: Any) -> Any:
    """The keys of words, and the slots of each text."""
    if isinstance(words, str):
        return sorted(re.findall(r"\{\w+\}", words))
    return {key: shape(value) for key, value in words.items()}


@pytest.mark.parametrize("words", [PAGE, SCRIPT], ids=["page", "script"])
def test_every_language_has_all_words_with_the_same_slots(words: dict[str, Any]) -> None:
    assert shape(words["zh"]) == shape(words["en"])
