"""`iqa assess --json`: the counts of the report as one document."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

import pytest

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.paths import find_graph

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from in_process import Run


@pytest.fixture
def document(iqa: Run, roll: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    def made(*arguments: object) -> dict[str, Any]:
        out = tmp_path / "audit.json"
        assert iqa(roll, "--json", out, *arguments).code == 0
        whole: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return whole

    return made


def test_it_counts_as_the_rows_do(document: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    counted = document("--csv", tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    photos = counted["photos"]
    for status in ("uncertain", "damaged", "unreadable"):
        assert photos[status] == sum(row["status"] == status for row in rows)
    judged = [row for row in rows if row["status"] == "ok"]
    assert photos["found"] == len(rows)
    assert photos["judged"] == len(judged) == photos["flawed"] + photos["fine"]
    for entry in counted["labels"]:
        for level, count in entry["levels"].items():
            assert count == sum(row[f"{entry['label']}_level"] == level for row in judged)
    for level, count in counted["worst_levels"].items():
        assert count == sum(row["worst_level"] == level for row in judged)
    for status, reasons in counted["reasons"].items():
        assert sum(entry["photos"] for entry in reasons) == photos[status]
    assert {entry["reason"] for entry in counted["reasons"]["unreadable"]} == {
        row["error"] for row in rows if row["status"] == "unreadable"
    }


def test_what_was_passed_over_is_in_it_by_kind(document: Callable[..., dict[str, Any]], roll: Path) -> None:
    for name in ("clip.MOV", "b.mov", "notes", "._d_fine.jpg"):
        (roll / name).write_bytes(b"x")
    (roll / "thumbs").mkdir()
    passed_over = document("--exclude", "*icon*")["passed_over"]
    assert passed_over == {
        "kinds": {"": 1, ".mov": 2},
        "copies": {"thumbnail folders": 1},
        "hidden": 1,
        "excluded": 1,
        "not_searched": [],
    }


def test_it_says_which_model_judged_what_and_how(
    document: Callable[..., dict[str, Any]], checkpoint_folder: Path, roll: Path
) -> None:
    run = document("--decode", "full", "--strictness", "strict", "--cache")["run"]
    assert run["card_sha256"] == load_checkpoint(checkpoint_folder).card_sha256
    assert (run["checkpoint"], run["places"]) == (checkpoint_folder.name, [roll.as_posix()])
    assert (run["decode"], run["strictness"], run["remembered"]) == ("full", "strict", 0)
    again = document("--decode", "full", "--strictness", "strict", "--cache")
    assert again["run"]["remembered"] > 0
    assert again["photos"]["found"] == 8


def test_on_stdout_it_takes_the_place_of_the_report(iqa: Run, roll: Path) -> None:
    code, out, err = iqa(roll, "--json", "-")
    assert (code, err) == (0, "")
    assert json.loads(out)["photos"]["found"] == 8


def test_two_outputs_cannot_share_stdout(iqa: Run, roll: Path) -> None:
    code, out, err = iqa(roll, "--json", "-", "--csv", "-")
    assert (code, out) == (2, "")
    assert "--csv and --json both name -" in err


def test_an_earlier_document_is_replaced_and_a_foreign_one_is_not(iqa: Run, roll: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.json"
    for _ in range(2):
        assert iqa(roll, "--json", out).code == 0
    out.write_text('{"mine": 1}', encoding="utf-8")
    code, _, err = iqa(roll, "--json", out)
    assert code == 2
    assert "was not written by iqa" in err
    assert out.read_text(encoding="utf-8") == '{"mine": 1}'


@pytest.mark.parametrize("option", ["--json", "--jsonl", "--csv"])
def test_graphs_and_cards_are_no_earlier_documents(
    iqa: Run, roll: Path, tmp_path: Path, checkpoint_folder: Path, option: str
) -> None:
    for name, content in (
        ("graph.json", find_graph("smartphone-6").read_bytes()),
        ("card.json", (checkpoint_folder / "card.json").read_bytes()),
        ("mine.json", b'{"format_version": 3, "mine": 1}'),
    ):
        (tmp_path / name).write_bytes(content)
        code, _, err = iqa(roll, option, tmp_path / name)
        assert code == 2
        assert "was not written by iqa" in err
        assert (tmp_path / name).read_bytes() == content


def test_an_interrupted_run_leaves_the_document_that_was_there(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "audit.json"
    assert iqa(roll, "--json", out).code == 0
    before = out.read_bytes()

    def interrupted() -> bool:
        return True

    monkeypatch.setattr("iqa_cli.cli.signals.is_asked", interrupted)
    assert iqa(roll, "--json", out).code == 130
    assert out.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".json") == ["audit.json"]
