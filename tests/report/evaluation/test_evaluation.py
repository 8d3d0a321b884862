"""An evaluation as table, JSON, CSV and one sentence: the same numbers, in words that fit them."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="figures need the eval extra")

from iqa_cli.evaluation import evaluate
from iqa_cli.metrics.records import FIGURES, INTERVALS, Evaluation, Predictions
from iqa_cli.report.evaluation.csv_file import evaluation_csv
from iqa_cli.report.evaluation.json_file import evaluation_json
from iqa_cli.report.evaluation.table import print_evaluation
from iqa_cli.report.evaluation.words import verdict


def predictions_of(confusions: dict[str, list[list[int]]], *, probabilities: bool = False) -> Predictions:
    """Predictions whose tables of true against predicted levels are these; all have as many photos."""
    truth, predicted = [], []
    for table in confusions.values():
        cells = [(row, column) for row, counts in enumerate(table) for column, count in enumerate(counts) if count]
        counts = [table[row][column] for row, column in cells]
        truth.append(np.repeat([row for row, _ in cells], counts))
        predicted.append(np.repeat([column for _, column in cells], counts))
    n = len(truth[0])
    marginals = tuple(np.eye(4)[levels] * 0.9 + 0.025 for levels in predicted)
    return Predictions(
        source="drawn.csv",
        names=tuple(f"{row:04}" for row in range(n)),
        labels=tuple(confusions),
        truth=np.stack(truth, 1),
        predicted=np.stack(predicted, 1),
        n_levels=(4,) * len(confusions),
        marginals=marginals if probabilities else None,
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


GOOD = [[80, 2, 0, 0], [1, 7, 0, 0], [0, 1, 6, 0], [0, 0, 0, 3]]
BAD = [[80, 0, 10, 0], [0, 0, 0, 0], [10, 0, 0, 0], [0, 0, 0, 0]]
QUIET = [[100, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def evaluation_of(*, probabilities: bool = False, resamples: int = 200, **confusions: list[list[int]]) -> Evaluation:
    return evaluate(predictions_of(confusions, probabilities=probabilities), resamples=resamples)


def table_of(evaluation: Evaluation) -> str:
    file = io.StringIO()
    print_evaluation(evaluation, file=file)
    return file.getvalue()


# --- the sentence


def test_a_good_model_beats_the_constant_answer() -> None:
    said = verdict(evaluation_of(dark=GOOD, probabilities=True))
    assert said.startswith(
        'The model is better than the constant answer "none": accuracy 0.9600 against 0.8200 (+0.1400'
    )
    assert re.search(r"95% interval \+0\.0\d+ to \+0\.\d+\); and in what matters it is better: ", said)
    # Of 100 photos 4 are off by one; true and predicted levels are (82, 8, 7, 3) and (81, 10, 6, 3).
    chance = sum((i - j) ** 2 * a * b for i, a in enumerate((82, 8, 7, 3)) for j, b in enumerate((81, 10, 6, 3)))
    assert f"quadratic weighted kappa {1 - 4 / (chance / 100):.2f} (constant 0)" in said
    assert "threshold AUC 0.97 (constant 0.5)" in said
    assert "10% of the severe or worse problems missed (constant 100%)" in said
    assert said.count(".") == len(re.findall(r"\d\.\d", said)) + 1  # one sentence


def test_a_model_that_only_guesses_is_worse_and_no_better_in_what_matters() -> None:
    said = verdict(evaluation_of(dark=BAD))
    assert said.startswith(
        'The model is worse than the constant answer "none": accuracy 0.8000 against 0.9000 (-0.1000'
    )
    assert "; and in what matters it is no better:" in said
    assert "AUC" not in said


def test_worse_in_accuracy_may_be_better_in_what_matters() -> None:
    careful = [[70, 20, 0, 0], [0, 3, 0, 0], [0, 0, 5, 0], [0, 0, 0, 2]]
    said = verdict(evaluation_of(dark=careful))
    assert 'worse than the constant answer "none"' in said
    assert "; but in what matters it is better:" in said
    assert "0% of the severe or worse problems missed" in said


def test_a_gain_that_chance_may_explain_is_called_so() -> None:
    lucky = [[89, 1, 0, 0], [0, 0, 0, 0], [8, 0, 2, 0], [0, 0, 0, 0]]
    evaluation = evaluation_of(dark=lucky)
    assert evaluation.beats_constant
    assert "better, by no more than chance may explain, than the constant" in verdict(evaluation)
    assert "interval" not in verdict(evaluation_of(dark=lucky, resamples=0))


def test_where_there_is_nothing_to_find_it_says_so() -> None:
    said = verdict(evaluation_of(dark=QUIET))
    assert 'exactly as good as the constant answer "none": accuracy 1.0000 against 1.0000' in said
    assert "no problem occurs here and none was predicted" in said
    unknown = dataclasses.replace(predictions_of({"dark": GOOD}), truth=np.full((100, 1), -1))
    assert verdict(evaluate(unknown, resamples=10)).startswith("Nothing can be said")


# --- JSON and CSV


def test_the_json_has_every_figure_and_null_for_what_is_undefined() -> None:
    evaluation = evaluation_of(dark=GOOD, bright=QUIET)
    document = json.loads(evaluation_json(evaluation))
    assert document["format_version"] == 1
    assert (document["n"], list(document["labels"])) == (100, ["dark", "bright"])
    dark = document["labels"]["dark"]
    assert dark["accuracy"] == 0.96
    assert dark["confusion"] == GOOD
    assert dark["positives"] == [82, 8, 7, 3]
    assert dark["tauc"] is dark["ece"] is document["mean"]["tauc"] is None
    assert document["labels"]["bright"]["qwk"] is document["labels"]["bright"]["miss_rate"] is None
    assert document["labels"]["bright"]["accuracy_ci"] is None  # it is 1 in every resample
    assert set(FIGURES) <= set(dark)
    assert set(FIGURES) | {"n"} <= set(document["mean"])
    assert {f"{name}_ci" for name in INTERVALS} == {key for key in dark if key.endswith("_ci")}
    low, high = dark["accuracy_ci"]
    assert low < 0.96 < high
    assert document["mean"]["labels"]["qwk"] == 1
    assert document["beats_constant"] is True
    assert document["verdict"] == verdict(evaluation)
    assert document["intervals"]["resamples"] == 200


def test_the_json_names_what_could_not_be_read() -> None:
    predictions = dataclasses.replace(predictions_of({"dark": GOOD}), unreadable=(("a\udcff.jpg", "cut off"),))
    document = json.loads(evaluation_json(evaluate(predictions, resamples=0)))
    assert document["unreadable"] == [{"filename": "a\\udcff.jpg", "error": "cut off"}]
    assert document["intervals"] is None


def test_the_csv_has_a_row_per_label_with_the_json_s_numbers() -> None:
    evaluation = evaluation_of(**{"dark": GOOD, "=bright": QUIET})
    rows = list(csv.DictReader(io.StringIO(evaluation_csv(evaluation).decode())))
    labels = json.loads(evaluation_json(evaluation))["labels"]
    assert [row["label"] for row in rows] == ["dark", "'=bright"]  # a spreadsheet would run it
    for row, label in zip(rows, labels.values(), strict=True):
        for name in FIGURES:
            assert (float(row[name]) if row[name] else None) == label[name]
        for name in INTERVALS:
            ends = [float(row[f"{name}_{end}"]) if row[f"{name}_{end}"] else None for end in ("low", "high")]
            assert (None if ends == [None, None] else ends) == label[f"{name}_ci"]
        assert [int(row[f"n_level_{level}"]) for level in (1, 2, 3, 4)] == label["positives"]


# --- the table


def test_the_table_has_the_json_s_numbers() -> None:
    evaluation = evaluation_of(dark=GOOD, bright=BAD, hazy=QUIET, probabilities=True)
    text = table_of(evaluation)
    assert "\x1b" not in text
    mean = evaluation.mean
    assert re.search(rf"^ mean +{mean['accuracy']:.6f} .* {mean['accuracy_constant']:.6f} ", text, re.MULTILINE)
    assert re.search(r"^ dark +100 +82 +8 +7 +3$", text, re.MULTILINE)
    assert re.search(r"^ dark +0\.960000 +0\.\d\d\.\.\d\.\d\d +0\.820000 ", text, re.MULTILINE)
    assert re.search(r" \d\.\d{3} \(3\) ", text)  # how many thresholds the AUC counts
    assert 'nothing but "none", true and predicted: hazy' in text
    assert text.rstrip("\n").split("\n")[-1] == verdict(evaluation)


def test_without_probabilities_the_table_says_what_is_missing() -> None:
    assert "only levels are given" in table_of(evaluation_of(dark=GOOD))
    assert "only levels are given" not in table_of(evaluation_of(dark=GOOD, probabilities=True))


def test_the_confusion_tables_hold_every_count() -> None:
    text = table_of(evaluation_of(dark=GOOD))
    rows = [re.findall(r"\d+|\.", line)[1:] for line in text.split("True level")[1].split("\n")[4:8]]
    assert [[0 if cell == "." else int(cell) for cell in row] for row in rows] == GOOD


def test_unreadable_photos_are_named_ten_at_most() -> None:
    unreadable = tuple((f"{row}\x1b.jpg", "cut off") for row in range(12))
    predictions = dataclasses.replace(predictions_of({"dark": GOOD}), unreadable=unreadable)
    text = table_of(evaluate(predictions, resamples=0))
    assert "Could not be read and are in none of these figures (12)" in text
    assert r"9\x1b.jpg: cut off" in text
    assert "10\\x1b" not in text
    assert "... and 2 more: --json FILE lists all" in text


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_gets_colours_and_nothing_is_cut(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    file = Terminal()
    print_evaluation(evaluation_of(over_suppressed=GOOD, low_contrast=BAD, dark=GOOD, probabilities=True), file=file)
    assert "\x1b[" in file.getvalue()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue()).split("\n")
    assert max(map(len, lines)) <= width
    assert [line for line in lines if "…" in line] == []


def test_an_encoding_without_lines_gets_plain_ones() -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as file:
        print_evaluation(evaluation_of(dark=GOOD), file=file)
        assert b"----" in raw.getvalue()
