"""`iqa eval` as a user meets it: exit codes, stdout and stderr apart, files written, nothing overwritten."""

from __future__ import annotations

import csv
import json
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="iqa eval needs the eval extra")

from typing import TYPE_CHECKING

from eval_inputs import LABELS, write_labels
from own_process import loaded_by

if TYPE_CHECKING:
    from in_process import Outcome, Run

ROOT = Path(__file__).parents[2]
SEED_FILE = ROOT.parent / "shared" / "seed" / "predictions_val.csv"
ACCURACY = (0.950226, 0.864253, 0.950226, 0.927602, 0.986425, 0.981900)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "labels.csv")


@pytest.fixture
def folder_arguments(labels: Path, roll: Path, checkpoint_folder: Path) -> list[object]:
    return [labels, "--images", roll, "--checkpoint", checkpoint_folder]


# --- predictions made elsewhere


def assert_the_published_figures(outcome: Outcome, document: dict[str, object]) -> None:
    labels = document["labels"]
    assert isinstance(labels, dict)
    assert list(labels) == list(LABELS)
    assert [figures["accuracy"] for figures in labels.values()] == [pytest.approx(value) for value in ACCURACY]
    assert document["mean"]["accuracy"] == 0.943439  # type: ignore[index]
    assert document["mean"]["accuracy_constant"] == 0.953243  # type: ignore[index]
    assert (document["n"], document["beats_constant"]) == (221, False)
    assert 'worse than the constant answer "none"' in str(document["verdict"])
    assert str(document["verdict"]) in outcome.out
    for value in (*ACCURACY, 0.943439, 0.953243):
        assert f" {value:.6f} " in outcome.out


def test_the_published_predictions_get_the_published_figures(evaluate: Run, predictions: Path, tmp_path: Path) -> None:
    outcome = evaluate("--predictions", predictions, "--json", tmp_path / "figures.json")
    assert outcome.code == 0
    assert outcome.err.startswith("note: the file names no labels: taken as bright, dark, low_contrast")
    assert_the_published_figures(outcome, json.loads((tmp_path / "figures.json").read_text(encoding="utf-8")))


@pytest.mark.skipif(not SEED_FILE.exists(), reason="the research's files are not beside this checkout")
def test_the_research_s_own_file_gets_them_as_well(evaluate: Run, tmp_path: Path) -> None:
    outcome = evaluate("--predictions", SEED_FILE, "--json", tmp_path / "figures.json")
    assert outcome.code == 0
    assert_the_published_figures(outcome, json.loads((tmp_path / "figures.json").read_text(encoding="utf-8")))


def test_positions_can_be_named(evaluate: Run, predictions: Path) -> None:
    outcome = evaluate("--predictions", predictions, "--labels", "a,b, c,d,e,f", "--json", "-")
    assert (outcome.code, outcome.err) == (0, "")
    assert list(json.loads(outcome.out)["labels"]) == ["a", "b", "c", "d", "e", "f"]


def test_stdout_takes_one_document_and_no_table(evaluate: Run, predictions: Path, tmp_path: Path) -> None:
    outcome = evaluate("--predictions", predictions, "--csv", "-", "--json", tmp_path / "x.json")
    assert [row["label"] for row in csv.DictReader(outcome.out.splitlines())] == list(LABELS)
    assert evaluate("--predictions", predictions, "--csv", "-", "--json", "-").code == 2


# --- several evaluations together


def evaluations(evaluate: Run, tmp_path: Path, *changes: tuple[str, str]) -> list[Path]:
    """Evaluations of small predictions files; each change is made to one of them."""
    files = []
    for number, (old, new) in enumerate(changes):
        rows = 'a.jpg,"1,0","1,0"\nb.jpg,"0,0","0,2"\nc.jpg,"0,0","0,0"\nd.jpg,"2,0","0,0"\n'
        source, file = tmp_path / f"{number}.csv", tmp_path / f"{number}.json"
        source.write_text("filename,pred_label,gt_label\n" + rows.replace(old, new), encoding="utf-8")
        assert evaluate("--predictions", source, "--labels", "x,y", "--json", file).code == 0
        files.append(file)
    return files


def test_a_summary_has_the_mean_and_deviation_of_every_figure(evaluate: Run, tmp_path: Path) -> None:
    files = evaluations(evaluate, tmp_path, ("", ""), ('d.jpg,"2,', 'd.jpg,"0,'), ('"0,2"', '"0,0"'))
    outcome = evaluate("--summary", *files, "--json", tmp_path / "all.json")
    assert (outcome.code, outcome.err) == (0, "")
    document = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    parts = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    assert document["evaluations"] == [str(file) for file in files]
    for place in ("labels", "mean"):
        whole = document[place]["x"] if place == "labels" else document[place]
        own = [part[place]["x"] if place == "labels" else part[place] for part in parts]
        for name, spread in whole.items():
            values = [entry[name] for entry in own if entry[name] is not None]
            assert spread["n"] == len(values)
            assert spread["mean"] == (pytest.approx(statistics.fmean(values), abs=1e-6) if values else None)
            assert spread["sd"] == (pytest.approx(statistics.stdev(values), abs=1e-6) if len(values) > 1 else None)
    accuracy = [part["labels"]["x"]["accuracy"] for part in parts]
    assert accuracy == [0.75, 1.0, 0.75]
    assert document["labels"]["y"]["miss_rate"]["n"] == 2
    lines = outcome.out.splitlines()
    assert lines[0] == "3 evaluations: mean ± standard deviation"
    assert next(line for line in lines if line.startswith(" x")).split()[1:4] == ["0.8333", "±", "0.1443"]
    assert "1.000 ± 0.000 (2)" in next(line for line in lines if line.startswith(" y"))
    assert json.loads(evaluate("--summary", *files, "--json", "-").out) == document


def test_a_summary_repeats_what_an_evaluation_warns_of(evaluate: Run, tmp_path: Path) -> None:
    files = evaluations(evaluate, tmp_path, ("", ""), ("", ""))
    document = json.loads(files[1].read_text(encoding="utf-8"))
    files[1].write_text(json.dumps(document | {"caveats": ["test: shared"]}), encoding="utf-8")
    outcome = evaluate("--summary", *files, "--json", tmp_path / "all.json")
    assert outcome.out.splitlines()[1] == "The model's card warns: test: shared"
    assert json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))["caveats"] == ["test: shared"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not an evaluation of iqa"),
        ('{"labels": {}, "mean": {}, "verdict": ""}', "format_version is None"),
        ('{"labels": {}, "mean": {}, "verdict": "", "format_version": 1}', "labels: expected an object with a label"),
        (
            '{"labels": {"x": 1}, "mean": {}, "verdict": "", "format_version": 1}',
            "labels.x.accuracy: expected a number",
        ),
        (
            '{"labels": {"x": {"accuracy": 1' + "0" * 400 + '}}, "mean": {}, "verdict": "", "format_version": 1}',
            "labels.x.accuracy: expected a number",
        ),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_evaluation_is_refused_by_name(evaluate: Run, tmp_path: Path, content: str, said: str) -> None:
    (good,) = evaluations(evaluate, tmp_path, ("", ""))
    bad = tmp_path / "bad.json"
    bad.write_text(content, encoding="utf-8")
    outcome = evaluate("--summary", good, bad)
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith(f"error: {bad}: ")
    assert said in outcome.err


def test_a_summary_is_of_several_evaluations_of_the_same_labels(evaluate: Run, tmp_path: Path) -> None:
    first, second = evaluations(evaluate, tmp_path, ("", ""), ("", ""))
    assert evaluate("--summary", first).code == 2
    assert evaluate("--summary", first, first).code == 2
    assert evaluate("--summary", first, second, "--csv", "x.csv").code == 2
    assert evaluate("--summary", first, second, "--json", second).code == 2
    assert evaluate(first, second, "--images", tmp_path).code == 2
    assert evaluate("--summary", first, tmp_path / "gone.json").code == 3
    second.write_text(second.read_text(encoding="utf-8").replace('"y"', '"z"'), encoding="utf-8")
    outcome = evaluate("--summary", first, second)
    assert (outcome.code, outcome.err.splitlines()[:3]) == (
        3,
        [f"error: {second}: not the labels of {first}", "  y", "  z"],
    )


# --- a labelled folder


def test_a_labelled_folder_is_judged_and_reported(
    evaluate: Run, folder_arguments: list[object], tmp_path: Path
) -> None:
    outcome = evaluate(*folder_arguments, "--json", tmp_path / "x.json", "--csv", tmp_path / "x.csv")
    assert outcome.code == 0
    assert "\x1b" not in outcome.out
    assert "Could not be read and are in none of these figures (1)\n  g_empty.jpg: " in outcome.out
    assert re.search(r"^ dark +5 +3 +- +1 +1$", outcome.out, re.MULTILINE)
    document = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert document["labels"]["dark"]["qwk"] == document["labels"]["dark"]["tauc"] == 1.0
    assert document["labels"]["bright"]["n"] == 3
    assert document["labels"]["overexposed"]["n"] == 0
    assert document["labels"]["overexposed"]["accuracy"] is None
    assert [entry["filename"] for entry in document["unreadable"]] == ["g_empty.jpg"]
    assert document["beats_constant"] is True
    assert "no column for" in outcome.err
    rows = list(csv.DictReader((tmp_path / "x.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["n"] for row in rows if row["label"] in ("bright", "dark")] == ["3", "5"]


def test_what_the_card_warns_of_is_in_every_report(
    evaluate: Run, folder_arguments: list[object], tmp_path: Path
) -> None:
    folder = tmp_path / "warned"
    shutil.copytree(str(folder_arguments[-1]), folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    card["data"] = {"caveats": ["test: 2 of 8 photos are in training\x1b as well", 5, "x" * 3000]}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    outcome = evaluate(*folder_arguments[:-1], folder, "--json", tmp_path / "x.json")
    assert outcome.code == 0
    assert outcome.out.splitlines()[1] == "The model's card warns: test: 2 of 8 photos are in training\\x1b as well"
    document = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    assert document["caveats"] == [card["data"]["caveats"][0], "x" * 2000]
    assert "card warns" not in evaluate(*folder_arguments, "--json", tmp_path / "y.json").out
    assert json.loads((tmp_path / "y.json").read_text(encoding="utf-8"))["caveats"] == []


def test_predictions_that_were_written_give_the_same_figures_again(
    evaluate: Run, folder_arguments: list[object], tmp_path: Path
) -> None:
    first = evaluate(*folder_arguments, "--predictions", tmp_path / "p.csv", "--json", tmp_path / "1.json")
    second = evaluate("--predictions", tmp_path / "p.csv", "--json", tmp_path / "2.json")
    assert (first.code, second.code, second.err) == (0, 0, "")
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["filename"][0] for row in rows] == ["a", "b", "c", "d", "e"]
    assert list(rows[0])[:4] == ["filename", "pred_label", "gt_label", "bright_p0"]
    assert rows[2]["pred_label"] == "0,3,0,0,0,0"
    one, two = (json.loads((tmp_path / name).read_text(encoding="utf-8")) for name in ("1.json", "2.json"))
    assert one["labels"]["dark"]["tauc"] is not None
    assert one["labels"]["dark"]["ece"] is not None
    assert {**one, "source": "", "unreadable": []} == {**two, "source": "", "unreadable": []}


def test_one_split_can_be_judged(evaluate: Run, folder_arguments: list[object], tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    split.write_text("filename,dark,split\na_fine.png,0,val\nc_blocking_dark.png,3,test\n", encoding="utf-8")
    outcome = evaluate(split, *folder_arguments[1:], "--split", "test", "--json", "-")
    assert json.loads(outcome.out)["n"] == 1
    assert "--split NAME takes one" in evaluate(split, *folder_arguments[1:]).err


def test_no_readable_photo_is_exit_code_4(evaluate: Run, folder_arguments: list[object], tmp_path: Path) -> None:
    only = tmp_path / "only.csv"
    only.write_text("filename,dark\ng_empty.jpg,0\n", encoding="utf-8")
    outcome = evaluate(only, *folder_arguments[1:], "--json", tmp_path / "x.json")
    assert (outcome.code, outcome.out) == (4, "")
    assert "no photo could be read, of 1 with labels" in outcome.err
    assert not (tmp_path / "x.json").exists()


def test_judging_loads_no_torch(folder_arguments: list[object]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['iqa', 'eval', *{list(map(str, folder_arguments))!r}, '--json', '-']\n"
        "from iqa_cli.cli.app import main\n"
        "try:\n    main()\n"
        "finally:\n    print('LOADED', *sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.split(".")[0] for name in done.stderr.rsplit("LOADED", 1)[1].split()}
    assert "sklearn" in loaded
    assert not loaded & {"torch", "open_clip", "timm", "matplotlib"}


# --- what goes wrong


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing to evaluate"),
        (["labels.csv"], "--images DIR is missing"),
        (["labels.csv", "--predictions", "p.csv"], "--images DIR is missing"),
        (["labels.csv", "--images", ".", "--labels", "a"], "LABELS.csv names its own"),
        (["labels.csv", "--images", "s3://bucket/photos"], "s3://bucket/photos: iqa eval judges photos in a folder"),
        (["--predictions", "p.csv", "--images", "."], "--images needs a label file"),
        (["--predictions", "p.csv", "--checkpoint", "x"], "--checkpoint needs a label file"),
        (["--predictions", "p.csv", "--split", "test"], "--split needs a label file"),
        (["--predictions", "p.csv", "--labels", "a,,b"], "has an empty name"),
        (["--predictions", "p.csv", "--labels", "a,b,a"], "names a twice"),
        (["--predictions", "p.csv", "--jobs", "0"], "jobs"),
    ],
)
def test_calls_that_cannot_work_are_exit_code_2(evaluate: Run, arguments: list[str], told: str) -> None:
    outcome = evaluate(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert told in outcome.err


@pytest.mark.parametrize("saved", ["semicolons", "utf-16", "backslashes"])
def test_labels_as_a_spreadsheet_saved_them_give_the_same_figures(
    evaluate: Run, folder_arguments: list[object], roll: Path, saved: str
) -> None:
    labels = Path(str(folder_arguments[0]))
    (roll / "sub").mkdir()
    (roll / "a_fine.png").rename(roll / "sub" / "a_fine.png")
    text = labels.read_text("utf-8").replace("a_fine", "sub/a_fine")
    labels.write_text(text, encoding="utf-8")
    plain = evaluate(*folder_arguments)
    semicolons = text.replace(",", ";").replace("\n", "\r\n")
    if saved == "semicolons":
        labels.write_text("sep=;\r\n" + semicolons.replace("3;", "3,0;"), encoding="utf-8-sig", newline="")
    elif saved == "utf-16":
        labels.write_text(text.replace(",", "\t"), encoding="utf-16")
    else:
        labels.write_text(semicolons.replace("/", "\\"), encoding="utf-8-sig", newline="")
    again = evaluate(*folder_arguments)
    assert (plain.code, again.code) == (0, 0), again.err
    assert again.out.replace("sub\\", "sub/") == plain.out
    assert again.err == plain.err


def test_levels_that_count_from_1_are_said_in_the_first_line(evaluate: Run, folder_arguments: list[object]) -> None:
    labels = Path(str(folder_arguments[0]))
    labels.write_text(
        "filename,dark,bright\na_fine.png,1,1\nb_bright.png,1,2\nc_blocking_dark.png,4,1\nd_fine.jpg,1,-1\n",
        encoding="utf-8",
    )
    from_1 = evaluate(*folder_arguments)
    assert from_1.code == 0
    assert from_1.err.splitlines()[0] == (
        f"note: {labels}: levels are read as counted from 1: 1 is none, 4 the worst "
        "(no cell is 0, and counted from 0, 3 of 4 rows could not be)"
    )
    labels.write_text(
        "filename,dark,bright\na_fine.png,0,0\nb_bright.png,0,1\nc_blocking_dark.png,3,0\nd_fine.jpg,0,-1\n",
        encoding="utf-8",
    )
    assert from_1.out == evaluate(*folder_arguments).out


def test_missing_and_wrong_inputs_are_exit_code_3(
    evaluate: Run, folder_arguments: list[object], predictions: Path, tmp_path: Path
) -> None:
    labels, _, images, _, checkpoint = folder_arguments
    bad = tmp_path / "bad.csv"
    bad.write_text("filename,dark\nnone.jpg,0\na_fine.png,9\n", encoding="utf-8")
    gone = tmp_path / "gone.csv"
    gone.write_text("filename,dark\nnone.jpg,0\nnor.jpg,0\n", encoding="utf-8")
    for arguments, told in (
        (["--predictions", tmp_path / "no.csv"], "no.csv: cannot be read"),
        (["--predictions", labels], "not a predictions file: no column pred_label and gt_label"),
        (["--predictions", predictions, "--labels", "a,b"], "lists of 6 levels, --labels names 2"),
        ([tmp_path / "no.csv", "--images", images, "--checkpoint", checkpoint], "no.csv"),
        ([bad, "--images", images, "--checkpoint", checkpoint], '"dark" is "9"'),
        ([gone, "--images", images, "--checkpoint", checkpoint], '"nor.jpg"'),
        ([labels, "--images", tmp_path / "nowhere", "--checkpoint", checkpoint], "nowhere"),
        ([labels, "--images", images, "--checkpoint", "nothing"], "no checkpoint is called 'nothing'"),
    ):
        outcome = evaluate(*arguments)
        assert (outcome.code, outcome.out) == (3, ""), arguments
        assert told in outcome.err
        assert outcome.err.startswith("error: ")


def test_neither_judging_labelled_photos_nor_reading_predictions_loads_torch(
    folder_arguments: list[object], tmp_path: Path
) -> None:
    heavy = {"torch", "torchvision", "open_clip", "timm", "onnx", "onnxscript", "matplotlib"}
    kept = tmp_path / "predictions.csv"
    loaded = loaded_by("eval", *map(str, folder_arguments), "--predictions", str(kept))
    assert "sklearn" in loaded
    assert not loaded & heavy
    assert not loaded_by("eval", "--predictions", str(kept)) & heavy


def test_without_scikit_learn_nothing_is_judged(
    evaluate: Run, folder_arguments: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    outcome = evaluate(*folder_arguments, "--predictions", tmp_path / "p.csv")
    assert (outcome.code, outcome.out) == (3, "")
    assert "iqa eval needs scikit-learn" in outcome.err
    assert "pip install '.[eval]'" in outcome.err
    assert not (tmp_path / "p.csv").exists()


def test_no_input_is_ever_overwritten(
    evaluate: Run,
    folder_arguments: list[object],
    predictions: Path,
    checkpoint_folder: Path,
    roll: Path,
    tmp_path: Path,
) -> None:
    labels = Path(str(folder_arguments[0]))
    link = tmp_path / "link.csv"
    link.symlink_to(labels)
    before = {path: path.read_bytes() for path in (labels, predictions, checkpoint_folder / "card.json")}
    photo = shutil.copy(roll / "a_fine.png", roll / "z_other.png")
    for arguments in (
        ["--predictions", predictions, "--json", predictions],
        ["--predictions", predictions, "--csv", predictions.parent / "." / predictions.name],
        [*folder_arguments, "--predictions", labels],
        [*folder_arguments, "--predictions", link],
        [*folder_arguments, "--json", checkpoint_folder / "card.json"],
        [*folder_arguments, "--json", roll / "a_fine.png"],
        [*folder_arguments, "--csv", photo],
        [*folder_arguments, "--csv", tmp_path / "same", "--json", tmp_path / "same"],
    ):
        outcome = evaluate(*arguments)
        assert (outcome.code, outcome.out) == (2, ""), arguments
        assert re.search("would be overwritten|both name", outcome.err)
    assert {path: path.read_bytes() for path in before} == before


def test_a_file_that_cannot_be_written_is_refused_before_any_photo_is_read(
    evaluate: Run, folder_arguments: list[object], tmp_path: Path
) -> None:
    outcome = evaluate(*folder_arguments, "--predictions", tmp_path / "no" / "p.csv")
    assert (outcome.code, outcome.out) == (2, "")
    assert "cannot be written" in outcome.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told(evaluate: Run, predictions: Path) -> None:
    outcome = evaluate("--predictions", predictions, "--json", "/dev/full")
    assert outcome.code == 3
    assert "/dev/full: cannot be written any further" in outcome.err


def test_a_reader_that_leaves_early_is_no_error(predictions: Path) -> None:
    command = f"{sys.executable} -m iqa_cli eval --predictions {predictions} | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout.count("\n")) == (0, 1)


def test_ctrl_c_is_exit_code_130(evaluate: Run, predictions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("iqa_cli.evaluation.read_predictions", interrupted)
    outcome = evaluate("--predictions", predictions)
    assert (outcome.code, outcome.out) == (130, "")
    assert outcome.err.startswith("interrupted")


def test_every_option_explains_itself() -> None:
    import typer.main

    from iqa_cli.cli.app import app

    command = typer.main.get_command(app).commands["eval"]  # type: ignore[attr-defined]
    assert [parameter.name for parameter in command.params if len(parameter.help or "") <= 20] == []
