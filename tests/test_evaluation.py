"""Predictions to figures, the predictions file and its bad inputs, labelled folders."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from iqa_cli.errors import LabelsError, MissingExtra, NothingReadable, UsageError
from iqa_cli.evaluation import SEED_LABELS, evaluate, judge, labelled_photos, predictions_csv, read_predictions
from iqa_cli.metrics.records import FIGURES, INTERVALS, Predictions
from iqa_cli.pipeline import Auditor

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = "filename,pred_label,gt_label"


def predictions_of(truth: list[list[int]], predicted: list[list[int]], labels: str = "ab") -> Predictions:
    return Predictions(
        source="typed in",
        names=tuple(f"{row}.jpg" for row in range(len(truth))),
        labels=tuple(labels),
        truth=np.array(truth),
        predicted=np.array(predicted),
        n_levels=(4,) * len(labels),
    )


@pytest.fixture
def auditor(checkpoint_folder: Path) -> Auditor:
    return Auditor.load(checkpoint_folder, jobs=2)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def _write(*lines: str, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return _write


# --- figures


def test_means_are_over_the_labels_where_a_figure_is_defined() -> None:
    pytest.importorskip("sklearn")
    evaluation = evaluate(predictions_of([[0, 0], [2, 0], [3, 0]], [[0, 0], [0, 0], [3, 0]]))
    assert evaluation.mean["miss_rate"] == evaluation.labels["a"].miss_rate == 0.5
    assert evaluation.mean_over["miss_rate"] == evaluation.mean_over["qwk"] == 1
    assert evaluation.mean_over["accuracy"] == 2
    assert evaluation.mean["accuracy"] == pytest.approx((2 / 3 + 1) / 2)
    assert evaluation.mean["accuracy_constant"] == pytest.approx((1 / 3 + 1) / 2)
    assert evaluation.beats_constant
    assert set(evaluation.mean) == set(FIGURES)
    assert set(evaluation.mean_intervals) == set(evaluation.intervals["b"]) == set(INTERVALS)


def test_always_none_does_not_beat_itself() -> None:
    pytest.importorskip("sklearn")
    evaluation = evaluate(predictions_of([[0, 1], [2, 0]], [[0, 0], [0, 0]]))
    assert evaluation.mean["accuracy_gain"] == 0
    assert not evaluation.beats_constant


def test_intervals_can_be_left_out_and_come_out_the_same_twice() -> None:
    pytest.importorskip("sklearn")
    predictions = predictions_of([[0, 1], [2, 0], [0, 0]], [[0, 1], [2, 1], [1, 0]])
    assert evaluate(predictions, resamples=0).intervals == {}
    assert evaluate(predictions, resamples=50) == evaluate(predictions, resamples=50)
    assert evaluate(predictions, resamples=50) != evaluate(predictions, resamples=50, seed=1)


@pytest.mark.parametrize("arguments", [{"resamples": -1}, {"confidence": 1.0}, {"confidence": 0.0}])
def test_numbers_out_of_range_are_wrong_usage(arguments: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="expected resamples >= 0 and confidence between 0 and 1"):
        evaluate(predictions_of([[0, 0]], [[0, 0]]), **arguments)  # type: ignore[arg-type]


def test_without_scikit_learn_it_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra, match=r"iqa eval needs scikit-learn") as refused:
        evaluate(predictions_of([[0, 0]], [[0, 0]]))
    assert "pip install '.[eval]'" in str(refused.value)


# --- the predictions file


def test_the_seeds_form_is_read_with_the_seeds_column_order(write: Callable[..., Path]) -> None:
    found = read_predictions(write(HEADER, 'b.jpg,"0,2,0,0,0,3","0,1,-1,,0,0"', 'a.jpg,"0,0,0,0,0,0","0,0,1,0,0,0"'))
    assert found.labels == SEED_LABELS
    assert SEED_LABELS.index("low_contrast") < SEED_LABELS.index("high_contrast")
    assert found.names == ("b.jpg", "a.jpg")
    assert found.predicted.tolist() == [[0, 2, 0, 0, 0, 3], [0, 0, 0, 0, 0, 0]]
    assert found.truth.tolist() == [[0, 1, -1, -1, 0, 0], [0, 0, 1, 0, 0, 0]]
    assert found.marginals is None
    assert "taken as bright, dark" in found.notes[0]


def test_positions_can_be_named(write: Callable[..., Path]) -> None:
    path = write("Image,GT_label, pred_label,model", 'a.jpg,"1,0","2, 0",m')
    found = read_predictions(path, ["haze", "noise"])
    assert (found.labels, found.notes) == (("haze", "noise"), ())
    assert (found.predicted.tolist(), found.truth.tolist()) == ([[2, 0]], [[1, 0]])


def test_a_file_that_was_written_reads_back_to_the_same_predictions(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    shares = [random.dirichlet(np.ones(count), 5) for count in (4, 2)]
    written = Predictions(
        source="model",
        names=('odd "name", with=comma.jpg', "=1+1.jpg", "\u9ad8\u5149.jpg", "d.jpg", "sub/e.jpg"),
        labels=("bright", "has_p1"),
        truth=np.array([[0, 1], [1, -1], [2, 0], [3, 1], [-1, 0]]),
        predicted=random.integers(0, 2, (5, 2)),
        n_levels=(4, 2),
        marginals=tuple(shares),
    )
    path = tmp_path / "p.csv"
    path.write_bytes(predictions_csv(written))
    assert path.read_text(encoding="utf-8").startswith(f"{HEADER},bright_p0,bright_p1,bright_p2,bright_p3,has_p1_p0,")
    found = read_predictions(path)
    for field in ("names", "labels", "n_levels", "notes"):
        assert getattr(found, field) == getattr(written, field)
    assert (found.truth == written.truth).all()
    assert (found.predicted == written.predicted).all()
    assert found.marginals is not None
    assert all((one == other).all() for one, other in zip(found.marginals, shares, strict=True))


def test_without_probabilities_the_seeds_columns_are_written_and_no_more() -> None:
    predictions = predictions_of([[0, -1], [2, 1]], [[0, 0], [3, 1]])
    assert predictions_csv(predictions).decode() == f'{HEADER}\n0.jpg,"0,0","0,-1"\n1.jpg,"3,1","2,1"\n'


PROBABILITIES = f"{HEADER},a_p0,a_p1"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], ["the file is empty"]),
        ([HEADER], ["a header and no rows"]),
        (["filename,bright,dark", "a.jpg,0,0"], ["no column pred_label and gt_label", '"bright"']),
        (["pred_label,gt_label"], ["no column filename"]),
        ([HEADER + ",gt_label"], ["columns that come twice", '"gt_label"']),
        (["image," + HEADER], ["columns that come twice: filename, image"]),
        ([HEADER, "a.jpg,0,0,0,0"], ["line 2: 5 cells, the header has 3"]),
        ([HEADER, 'a.jpg,"0,0","0,0"'], ["lists of 2 levels, and nothing says which labels they are", "--labels"]),
        (
            [HEADER, 'a.jpg,"0,0,0,0,0,0","0,0,0,0,0,0"', 'b.jpg,"0,0,0,0,0","0,0,0,0,0,0"'],
            ['line 3, "b.jpg": 5 in pred_label and 6 in gt_label, expected 6 levels'],
        ),
        ([HEADER, 'a.jpg,"0,0,0,0,0,4","0,0,0,0,0,0"'], ['pred_label of "over_suppressed" is "4"', "count from 0"]),
        ([HEADER, 'a.jpg,"0,0,0,0,0,-1","0,0,0,0,0,0"'], ['pred_label of "over_suppressed" is "-1", expected 0..3']),
        ([HEADER, 'a.jpg,"0,0,0,0,0,0","0,x,0,0,0,0"'], ['gt_label of "dark" is "x", expected 0..3, -1 or blank']),
        ([HEADER, 'a.jpg,"0,0,0,0,0,0","0,2+,0,0,0,0"'], ['gt_label of "dark" is "2+"']),
        ([HEADER, '"a.jpg,"0,0'], ["line 2: not CSV"]),
        ([PROBABILITIES.replace("a_p0", "a_p2"), "a.jpg,0,0,0.5,0.5"], ["probabilities are missing: a_p0"]),
        ([PROBABILITIES, "a.jpg,0,0,0.5,half"], ['probabilities of "a" are "0.5", "half", expected 0..1']),
        ([PROBABILITIES, "a.jpg,0,0,0.5,nan"], ["expected 0..1"]),
        ([PROBABILITIES, "a.jpg,0,0,0.5,0.2"], ["sum up to 0.7, not 1"]),
        ([PROBABILITIES, "a.jpg,2,0,0.5,0.5"], ['pred_label of "a" is "2", expected 0..1']),
        ([PROBABILITIES, 'a.jpg,"0,0","0,0",0.5,0.5'], ["2 in pred_label and 2 in gt_label, expected 1"]),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_place(
    lines: list[str], told: list[str], write: Callable[..., Path]
) -> None:
    path = write(*lines)
    with pytest.raises(LabelsError) as refused:
        read_predictions(path)
    assert str(refused.value).startswith(str(path))
    for words in told:
        assert words in str(refused.value)


def test_all_mistakes_come_at_once(write: Callable[..., Path]) -> None:
    none = '"0,0,0,0,0,0"'
    path = write(HEADER, f"a.jpg,{none},{none}", f"./a.jpg,{none},{none}", f",{none},{none}", f"b.jpg,{none}")
    with path.open("ab") as file:
        file.write(b'c.jpg,"0,0,0,0,0,0","0,0,0,0,0,0"\nd\xff.jpg,"0","0"\n')
    with pytest.raises(LabelsError) as refused:
        read_predictions(path)
    assert refused.value.problems == (
        'line 3, "./a.jpg": the same photo is in line 2',
        "line 4: no file name",
        "line 5: 2 cells, the header has 3; lists of levels need quotes",
        'line 7 is not UTF-8 (byte 0xff at 2): "dÿ.jpg" in Windows-1252, "dˇ.jpg" in Mac Roman',
    )


def test_predictions_are_read_however_they_were_saved(tmp_path: Path) -> None:
    text = "filename;pred_label;gt_label;a_p0;a_p1;b_p0;b_p1;\r\nx.jpg;0,1;0,-1;0,75;0,25;0,5;0,5;\r\n;;;;;;;\r\n"
    for content in (text.encode("utf-8-sig"), text.replace(";", "\t").encode("utf-16"), b"sep=;\r\n" + text.encode()):
        (tmp_path / "p.csv").write_bytes(content)
        found = read_predictions(tmp_path / "p.csv")
        assert (found.names, found.labels) == (("x.jpg",), ("a", "b"))
        assert (found.predicted.tolist(), found.truth.tolist()) == ([[0, 1]], [[0, -1]])
        assert found.marginals is not None
        assert [table.tolist() for table in found.marginals] == [[[0.75, 0.25]], [[0.5, 0.5]]]


def test_predictions_that_count_from_1_are_read_so_and_that_is_said(write: Callable[..., Path]) -> None:
    path = write(HEADER, 'a.jpg,"1,4","1,3"', 'b.jpg,"1,1","2,-1"')
    found = read_predictions(path, ["a", "b"])
    assert (found.predicted.tolist(), found.truth.tolist()) == ([[0, 3], [0, 0]], [[0, 2], [1, -1]])
    (note,) = found.notes
    assert note.startswith(f"{path}: levels are read as counted from 1: 1 is none, 4 the worst")
    (note,) = read_predictions(write(HEADER, 'a.jpg,"1,3","1,2"'), ["a", "b"]).notes
    assert "levels are read as counted from 0, so that 1 is" in note


def test_names_that_do_not_fit_the_file_are_told_once(write: Callable[..., Path]) -> None:
    rows = [f'{row}.jpg,"0,0,0","0,0,0"' for row in range(30)]
    with pytest.raises(LabelsError, match=r"lists of 3 levels, --labels names 2: a, b$"):
        read_predictions(write(HEADER, *rows), ["a", "b"])
    named = write(PROBABILITIES, "x.jpg,0,0,0.5,0.5")
    assert read_predictions(named, ["a"]).labels == ("a",)
    with pytest.raises(LabelsError, match=r"columns name the labels a; --labels says b"):
        read_predictions(named, ["b"])


# --- labelled folders


def test_a_folder_is_judged_as_assess_would(auditor: Auditor, roll: Path, write: Callable[..., Path]) -> None:
    labels = write(
        "filename,dark,bright",
        "c_blocking_dark.png,3,0",
        "a_fine.png,0,",
        "g_empty.jpg,0,0",
        "b_bright.png,0,2",
        "e_severe_dark.png,2,-1",
    )
    labelled = labelled_photos(labels, roll, auditor.graph)
    assert labelled.names[0] == "c_blocking_dark.png"
    seen: list[int] = []
    found = judge(auditor, labelled, on_photo=lambda: seen.append(1))
    assert len(seen) == 5
    assert found.names == ("c_blocking_dark.png", "a_fine.png", "b_bright.png", "e_severe_dark.png")
    assert [name for name, _ in found.unreadable] == ["g_empty.jpg"]
    bright, dark = (found.labels.index(label) for label in ("bright", "dark"))
    assert found.truth[:, dark].tolist() == [3, 0, 0, 2]
    assert found.truth[:, bright].tolist() == [0, -1, 2, -1]
    assert found.predicted[:, dark].tolist() == [3, 0, 0, 2]
    assert found.predicted[:, bright].tolist() == [0, 0, 1, 0]
    assert set(np.delete(found.truth, [bright, dark], 1).ravel().tolist()) == {-1}
    assert found.marginals is not None
    reports = {Path(report.source_file).name: report for report in auditor.run(labelled.photos)}
    for row, name in enumerate(found.names):
        assert tuple(found.marginals[dark][row]) == reports[name].marginals["dark"]


def test_figures_read_back_from_the_predictions_file_are_the_same(
    auditor: Auditor, roll: Path, write: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("sklearn")
    labels = write("filename,dark", "c_blocking_dark.png,2", "a_fine.png,0", "b_bright.png,0", "e_severe_dark.png,2")
    judged = judge(auditor, labelled_photos(labels, roll, auditor.graph))
    (tmp_path / "p.csv").write_bytes(predictions_csv(judged))
    direct, read_back = evaluate(judged), evaluate(read_predictions(tmp_path / "p.csv"))
    assert read_back.labels["dark"].tauc == direct.labels["dark"].tauc == 1.0
    assert read_back.labels["dark"].ece == direct.labels["dark"].ece
    same = dataclasses.replace(read_back, source=direct.source)
    assert repr(same) == repr(direct)  # nan equals nothing, not even itself


def test_missing_photos_are_named_all_at_once(auditor: Auditor, roll: Path, write: Callable[..., Path]) -> None:
    labels = write("filename,dark", "a_fine.png,0", "gone.jpg,0", "also/gone.jpg,1")
    with pytest.raises(LabelsError, match="2 of 3 photos are not in") as refused:
        labelled_photos(labels, roll, auditor.graph)
    assert 'line 3, "gone.jpg"' in str(refused.value)
    assert 'line 4, "also/gone.jpg"' in str(refused.value)


def test_one_split_can_be_taken(auditor: Auditor, roll: Path, write: Callable[..., Path]) -> None:
    labels = write("filename,dark,split", "a_fine.png,0,train", "c_blocking_dark.png,3,test", "not_here.jpg,0,train")
    labelled = labelled_photos(labels, roll, auditor.graph, split="test")
    assert labelled.names == ("c_blocking_dark.png",)
    assert labelled.source.endswith("table.csv, split test")
    with pytest.raises(LabelsError, match='no row of split "valid"') as refused:
        labelled_photos(labels, roll, auditor.graph, split="valid")
    assert "train, test" in str(refused.value)
    plain = write("filename,dark", "a_fine.png,0", name="plain.csv")
    with pytest.raises(LabelsError, match='no split column, so no split "test"'):
        labelled_photos(plain, roll, auditor.graph, split="test")


def test_labels_of_all_splits_and_labels_without_a_level_are_remarked_on(
    auditor: Auditor, roll: Path, write: Callable[..., Path]
) -> None:
    labels = write("filename,dark,split", "a_fine.png,0,train", "c_blocking_dark.png,2+,test")
    labelled = labelled_photos(labels, roll, auditor.graph)
    assert labelled.truth[:, auditor.graph.index("dark")].tolist() == [0, -1]
    assert any("--split NAME takes one" in note for note in labelled.notes)
    assert any(note.startswith("1 label left out") for note in labelled.notes)


def test_a_folder_without_a_readable_photo_is_an_error(
    auditor: Auditor, roll: Path, write: Callable[..., Path]
) -> None:
    labels = write("filename,dark", "g_empty.jpg,0", "h_text.jpg,1")
    with pytest.raises(NothingReadable, match="no photo could be read, of 2 with labels") as refused:
        judge(auditor, labelled_photos(labels, roll, auditor.graph))
    assert [problem.split(":")[0] for problem in refused.value.problems] == ["g_empty.jpg", "h_text.jpg"]
