"""The card for people: the shipped one is current, figures are the card's, and no text of a card becomes markup."""

from __future__ import annotations

import copy
import itertools
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from iqa_cli.checkpoint import CARD_PAGE, MOST_PAGE_BYTES, PAGE_MARK, write_checkpoint
from iqa_cli.paths import checkpoint_names
from iqa_cli.report.checkpoint.card_page import card_page

ROOT = Path(__file__).parents[3]
CHECKPOINTS = ROOT / "checkpoints"
CARD: dict[str, Any] = json.loads((CHECKPOINTS / "default" / "card.json").read_text("utf-8"))
HOSTILE = (
    "a|b\n\n# c <img src=x onerror=alert(1)> ![d](http://e.example/f.png) [g](javascript:h) `i` **j** ~~k~~ \u202e &lt;"
)


def tokens(text: str) -> list[Any]:
    """All tokens of a page, those inside of lines too."""
    found = []
    for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text):
        found += [token, *(token.children or [])]
    return found


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every table, without their markup, read as GitHub reads them."""
    made: list[list[list[str]]] = []
    for token in tokens(text):
        if token.type == "table_open":
            made.append([])
        elif token.type == "tr_open":
            made[-1].append([])
        elif token.type in ("th_open", "td_open"):
            made[-1][-1].append("")
        elif token.type in ("text", "code_inline", "text_special") and token.level == 0 and made and made[-1]:
            made[-1][-1][-1] += token.content
        elif token.type == "table_close":
            made.append([])  # what follows is in none
    return [table for table in made if table]


@pytest.mark.parametrize("name", checkpoint_names())
def test_the_page_of_a_shipped_checkpoint_is_current(name: str) -> None:
    folder = CHECKPOINTS / name
    expected = card_page(json.loads((folder / "card.json").read_text("utf-8")))
    said = f"run: python -m iqa_cli.report.checkpoint.card_page checkpoints/{name}"
    assert (folder / CARD_PAGE).read_text("utf-8") == expected, said
    assert len(expected) < MOST_PAGE_BYTES / 50


def test_the_command_writes_the_page_of_any_checkpoint(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {}, {key: value for key, value in CARD.items() if key != "files"})
    assert not (tmp_path / CARD_PAGE).exists()
    command = [sys.executable, "-m", "iqa_cli.report.checkpoint.card_page", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT)
    assert (tmp_path / CARD_PAGE).read_text("utf-8") == card_page(CARD)


def test_the_tables_have_what_the_card_has() -> None:
    labels, *figures, made = tables(card_page(CARD))
    assert [row[0] for row in labels[1:]] == CARD["graph"]["labels"]
    assert [row[1] for row in labels[1:]] == [node["names"]["en"] for node in CARD["graph"]["nodes"]]
    assert len(figures) == len(CARD["metrics"])
    for table, part in zip(figures, CARD["metrics"].values(), strict=True):
        assert table[0][:3] == ["label", "n", "with it"]
        for row, entry in zip(table[1:], part["labels"].values(), strict=True):
            assert [row[1].replace(",", ""), row[5]] == [str(entry["n"]), f"{entry['qwk']:.3f}"]
            assert int(row[2].replace(",", "")) == entry["n"] - entry["positives"][0]
    assert ["seed", "0"] in made
    assert ["epoch", "3 of 4"] in made


def test_the_config_on_the_page_is_toml_and_the_runs_own() -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", card_page(CARD), flags=re.MULTILINE | re.DOTALL)
    expected = {
        name: {key: value for key, value in section.items() if value is not None and key != "provenance"}
        for name, section in CARD["training"]["config"].items()
    }
    assert tomllib.loads(block) == expected


def test_limits_are_worked_out_from_the_figures() -> None:
    card = copy.deepcopy(CARD)
    figures = card["metrics"]["test"]["labels"]
    figures["dark"] |= {"qwk": 0.1234, "miss_rate": 0.5, "positives": [5900, 60, 33, 7], "n": 6000}
    figures["bright"]["qwk"] = None
    page = card_page(card)
    assert "Weakest on test: too dark (kappa 0.123, 50% missed)." in page
    assert "too dark ordinary 60, too dark severe 33, too dark blocking 7" in page
    bright = next(row for row in tables(page)[2] if row[0] == "too bright")
    assert bright[5] == "-", "what is undefined is not a number"


def test_rules_of_every_kind_are_told() -> None:
    card = copy.deepcopy(CARD)
    card["graph"]["exclusions"][0]["a_levels"] = [4]
    card["graph"]["subsumptions"] = [{"label_a": "overexposed", "label_b": "bright", "map": [[4, 2]]}]
    page = card_page(card)
    assert "- too bright (blocking) and too dark never come together\n" in page
    assert "- highlights clipped at blocking or worse means too bright at ordinary or worse\n" in page


def test_a_card_that_says_little_has_a_page_that_says_little() -> None:
    page = card_page({"graph": CARD["graph"], "preprocessing": CARD["preprocessing"]})
    assert "The card has no figures." in page
    assert "none given." in page
    assert "toml" not in page
    assert len(tables(page)) == 2


@pytest.mark.parametrize("kind", ["labelled photographs", "tone ladder"])
def test_each_kind_of_data_is_told(kind: str) -> None:
    of_ladder = {"photographs": 12, "photographs_training": 9, "validation": ["a.jpg"], "test": ["b.jpg", "c.jpg"]}
    of_labels = {"photographs": {"training": 1200, "validation": 30}}
    page = card_page({**CARD, "data": {"kind": kind, **(of_ladder if kind == "tone ladder" else of_labels)}})
    assert ("9 to train, 1 to choose and calibrate, 2 to test" in page) == (kind == "tone ladder")
    assert ("1,200 for training, 30 for validation" in page) == (kind != "tone ladder")
    assert ("changed by rule" in page) == (kind == "tone ladder")


def test_caveats_come_first_where_figures_and_limits_are() -> None:
    data = CARD["data"] | {"caveats": ["test: 2 of 8 photos are shared", 5], "hidden_labels": {"dark": 3}}
    page = card_page({**CARD, "data": data})
    for heading in ("How good it is", "Limits"):
        assert f"## {heading}\n\n- test: 2 of 8 photos are shared\n" in page
    assert page.count("are shared") == 2
    assert "- Labels hidden in these photographs, with how many had the problem: dark (3)\n" in page
    assert "hidden" not in card_page(CARD)


def test_no_text_of_a_card_becomes_markup() -> None:
    card = json.loads(json.dumps(CARD))
    card["name"] = card["created"] = card["iqa_version"] = card["graph"]["name"] = HOSTILE
    card["data"] |= {"provenance": HOSTILE, "kind": HOSTILE, "caveats": [HOSTILE], "hidden_labels": {HOSTILE: 1}}
    card["training"] |= {"torch": HOSTILE, "stopped": HOSTILE}
    card["training"]["config"]["data"]["images"] = f"```\n{HOSTILE}"
    card["model"] |= {"backbone": HOSTILE, "head": HOSTILE, "scene": HOSTILE}
    for node in card["graph"]["nodes"]:
        node["names"]["en"] = HOSTILE
    for part in card["metrics"].values():
        part["what"] = HOSTILE
    page, plain = card_page(card), tokens(card_page(CARD))
    found = tokens(page)
    assert page.startswith(PAGE_MARK)
    kinds = {"html_inline", "image", "link_open", "em_open", "s_open"}
    assert not kinds & {token.type for token in found}
    for kind in (
        "heading_open",
        "strong_open",
        "table_open",
        "tr_open",
        "td_open",
        "fence",
        "code_inline",
        "html_block",
    ):
        assert [t.type for t in found].count(kind) == [t.type for t in plain].count(kind), kind
    assert "\u202e" not in page
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert tomllib.loads(block)["data"]["images"] == f"```\n{HOSTILE}"
    assert "alert(1)" in page, "it is shown, as text"


@pytest.mark.parametrize(
    "begin", ["# a #", "+ a", "- a", "> a", "1. a", "23) a", "---", "- - -", "===", "    a", "-", "1."]
)
def test_no_text_of_a_card_begins_a_block(begin: str) -> None:
    card = copy.deepcopy(CARD)
    card["name"] = begin
    card["data"] |= {"provenance": begin, "caveats": [begin]}
    for node in card["graph"]["nodes"]:
        node["names"]["en"] = begin
    plain = {**CARD, "data": CARD["data"] | {"caveats": ["a"]}}
    blocks, expected = (
        [t.type for t in tokens(page) if t.block and t.type != "inline"] for page in (card_page(card), card_page(plain))
    )
    assert blocks == expected
    heading = next(
        after for token, after in itertools.pairwise(tokens(card_page(card))) if token.type == "heading_open"
    )
    assert "".join(child.content for child in heading.children or []) == begin.strip()


def test_the_commands_are_for_the_checkpoint_whatever_it_is_called() -> None:
    page = card_page({**CARD, "name": "a|b; `rm` $c 'd'"})
    (block,) = re.findall(r"^```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    assert [shlex.split(line)[-1] for line in block.splitlines()] == ["path/to/a|b; `rm` $c 'd'", "DCIM"]
    assert shlex.split(block.splitlines()[1])[-2] == "path/to/a|b; `rm` $c 'd'"
