"""`iqa eval --against` as a user meets it: two models on the same photos, the files written, one sentence."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="iqa eval needs the eval extra")

from eval_inputs import write_labels

from iqa_cli.models.runner import OnnxModel

if TYPE_CHECKING:
    from pathlib import Path

    from in_process import Run


@pytest.fixture
def folder_arguments(tmp_path: Path, roll: Path, checkpoint_folder: Path) -> list[object]:
    return [write_labels(tmp_path / "labels.csv"), "--images", roll, "--checkpoint", checkpoint_folder]


@pytest.fixture
def noisy(predictions: Path) -> Path:
    """The same predictions, every fifth of them wrong in the first label and one photo gone."""
    lines = predictions.read_text(encoding="utf-8").splitlines()
    for row in range(1, len(lines), 5):
        name, predicted, truth = next(csv.reader([lines[row]]))
        first = (int(truth.split(",")[0]) + 1) % 4
        lines[row] = f'{name},"{first},{predicted.partition(",")[2]}","{truth}"'
    path = predictions.with_name("noisy.csv")
    path.write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    return path


@pytest.mark.usefixtures("predictions", "noisy")
def test_predictions_are_held_against_others(evaluate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = {option: tmp_path / f"out.{option}" for option in ("json", "csv", "changed")}
    options = [part for option, path in files.items() for part in (f"--{option}", path)]
    seen = evaluate("--predictions", "noisy.csv", "--against", "predictions.csv", *options)
    assert seen.code == 0
    assert evaluate("--predictions", "noisy.csv", "--against", "predictions.csv", *options) == seen  # all are replaced
    sentence = seen.out.rstrip().splitlines()[-1]
    assert sentence.startswith("noisy.csv is worse than predictions.csv in bright (right on ")
    assert "Only predictions.csv has judged (1): in none of these figures" in seen.out
    document = json.loads(files["json"].read_text(encoding="utf-8"))
    difference = document["difference"]
    assert (difference["verdict"], difference["sentence"]) == ("worse", sentence)
    assert difference["only_against"] == ["220.jpg"]
    assert (document["n"], document["against"]["n"]) == (220, 220)
    right = difference["labels"]["bright"]["right"]
    assert right["p_holm"] < 0.001
    with files["changed"].open(encoding="utf-8", newline="") as stream:
        changed = list(csv.DictReader(stream))
    assert len(changed) == right["gained"] + right["lost"] == len(difference["changed"])
    assert {row["label"] for row in changed} == {"bright"}
    with files["csv"].open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[0]["accuracy_difference"]) == pytest.approx(difference["labels"]["bright"]["accuracy"], abs=1e-6)


def test_predictions_against_themselves_show_nothing(evaluate: Run, predictions: Path) -> None:
    seen = evaluate("--predictions", predictions, "--against", predictions)
    assert seen.code == 0
    assert "No difference between" in seen.out.splitlines()[-1]


def test_a_checkpoint_is_held_against_another_one(
    evaluate: Run,
    folder_arguments: list[object],
    checkpoint_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The other one has the same files and, as it is run, scores that know no dark photo."""
    other = shutil.copytree(checkpoint_folder, tmp_path / "blind")
    scores = OnnxModel.photo_scores

    def blind(self: OnnxModel, views: Any) -> Any:
        return scores(self, views) if self._path.parent != other else np.full_like(scores(self, views), -50.0)

    monkeypatch.setattr(OnnxModel, "photo_scores", blind)
    seen = evaluate(*folder_arguments, "--against", other, "--json", tmp_path / "found.json")
    assert seen.code == 0, seen.err
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))["difference"]
    right = found["labels"]["dark"]["right"]
    assert (right["gained"], right["lost"], right["both"]) == (2, 0, 3)
    assert {entry["filename"] for entry in found["changed"] if entry["label"] == "dark"} == {
        "c_blocking_dark.png",
        "e_severe_dark.png",
    }
    assert found["models"] == [str(checkpoint_folder), str(other)]
    assert "g_empty.jpg" in seen.out


def test_changes_need_a_second_model(evaluate: Run, predictions: Path, tmp_path: Path) -> None:
    seen = evaluate("--predictions", predictions, "--changed", tmp_path / "changed.csv")
    assert seen.code == 2
    assert "--against is missing" in seen.err
    assert not (tmp_path / "changed.csv").exists()
