"""What an audit says of itself in every machine format: which model, how, where, by which command, and its end."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import platform
from typing import TYPE_CHECKING, Any

import pytest

from iqa_cli.checkpoint import load_checkpoint
from iqa_cli.machine import this_machine

if TYPE_CHECKING:
    from pathlib import Path

    from in_process import Run


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def document(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def outputs(iqa: Run, roll: Path, tmp_path: Path) -> dict[str, Path]:
    """One run with every machine format."""
    files = {option: tmp_path / f"audit.{option}" for option in ("csv", "jsonl", "json")}
    options = [part for option, path in files.items() for part in (f"--{option}", path)]
    assert iqa(roll, *options, "--decode", "full", "--strictness", "strict", "--lang", "zh").code == 0
    return {**files, "meta": tmp_path / "audit.csv.meta.json"}


def test_every_format_tells_of_the_same_run(outputs: dict[str, Path], roll: Path, checkpoint_folder: Path) -> None:
    first, *_, last = records(outputs["jsonl"])
    runs = [document(outputs[name])["run"] for name in ("json", "meta")]
    ending = {key: last[key] for key in ("ended", "seconds", "remembered")}
    assert runs == [{**first["run"], **ending}] * 2
    run, checkpoint = first["run"], load_checkpoint(checkpoint_folder)
    assert (run["checkpoint"], run["card_sha256"]) == (checkpoint_folder.name, checkpoint.card_sha256)
    assert run["card_sha256"] == hashlib.sha256((checkpoint_folder / "card.json").read_bytes()).hexdigest()
    assert (run["graph"], run["graph_sha256"]) == (checkpoint.graph.name, checkpoint.graph.hash)
    assert (run["decode"], run["strictness"], run["lang"]) == ("full", "strict", "zh")
    assert run["places"] == [roll.as_posix()]
    assert run["command"][:2] == ["iqa", "assess"]
    assert run["command"][-2:] == ["--lang", "zh"]
    assert dt.datetime.fromisoformat(run["started"]) <= dt.datetime.fromisoformat(last["ended"])
    assert dt.datetime.fromisoformat(run["started"]).tzinfo is not None


def test_photos_are_counted_by_status(outputs: dict[str, Path]) -> None:
    *_, last = records(outputs["jsonl"])
    assert last["photos"] == {"found": 8, "ok": 5, "uncertain": 1, "damaged": 0, "unreadable": 2}
    assert document(outputs["meta"])["photos"] == last["photos"]


def test_the_machine_is_told_and_not_whose_it_is(outputs: dict[str, Path]) -> None:
    machine = document(outputs["meta"])["run"]["machine"]
    assert machine.keys() == {"platform", "processors", "python", "libraries"}
    assert machine["processors"] >= 1
    assert machine["libraries"].keys() >= {"numpy", "onnxruntime", "pillow", "pillow-heif"}
    assert machine["platform"] == platform.platform()


def test_versions_are_those_of_the_libraries_themselves() -> None:
    import numpy as np
    import PIL

    assert this_machine().libraries["numpy"] == np.__version__
    assert this_machine().libraries["pillow"] == PIL.__version__


def test_the_sidecar_knows_its_csv(outputs: dict[str, Path]) -> None:
    told, content = document(outputs["meta"])["file"], outputs["csv"].read_bytes()
    assert told == {"name": "audit.csv", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_with_a_byte_order_mark_too(iqa: Run, roll: Path, tmp_path: Path) -> None:
    assert iqa(roll, "--csv", tmp_path / "a.csv", "--csv-bom").code == 0
    told = document(tmp_path / "a.csv.meta.json")["file"]
    assert told["sha256"] == hashlib.sha256((tmp_path / "a.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize("target", ["-", "/dev/stdout", "/dev/null"])
def test_what_is_no_file_has_none_beside_it(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert iqa(roll, "--csv", target).code == 0
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".meta.json")]


def test_a_sidecar_that_is_not_ours_is_refused_before_any_work(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iqa_cli import pipeline

    csv, meta = tmp_path / "a.csv", tmp_path / "a.csv.meta.json"
    for _ in range(2):  # an earlier one of ours is replaced
        assert iqa(roll, "--csv", csv).code == 0
    monkeypatch.setattr(pipeline.Auditor, "load", None)
    before = csv.read_bytes()
    meta.write_text('{"mine": 1}', encoding="utf-8")
    code, out, err = iqa(roll, "--csv", csv)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: --csv's sidecar {meta}: the file is there and was not written by iqa")
    assert (csv.read_bytes(), meta.read_text(encoding="utf-8")) == (before, '{"mine": 1}')
    code, _, err = iqa(roll, "--csv", tmp_path / "b.csv", "--json", tmp_path / "b.csv.meta.json")
    assert code == 2
    assert "--csv's sidecar and --json both name" in err


def test_rows_of_an_interrupted_run_have_no_sidecar_and_no_end(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter([False] * 3 + [True] * 100)
    monkeypatch.setattr("iqa_cli.cli.signals.is_asked", lambda: next(asked))
    assert iqa(roll, "--csv", tmp_path / "a.csv", "--jsonl", tmp_path / "a.jsonl").code == 130
    assert sorted(path.name for path in tmp_path.glob("a.*")) == ["a.csv", "a.jsonl"]
    assert [record["type"] for record in records(tmp_path / "a.jsonl")] == ["run", "photo", "photo", "photo"]
