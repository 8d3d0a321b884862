"""`iqa compare`: folders and reports in, a verdict and an exit code out."""

from __future__ import annotations

import csv
import functools
import json
from typing import TYPE_CHECKING, Any

import pytest
from in_process import run_iqa

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from in_process import Outcome, Run

PHOTOS = 10


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], checkpoint_folder: Path) -> Run:
    """Runs `iqa compare` with the hand-made checkpoint, which says how dark a picture is."""

    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, "compare", "--checkpoint", checkpoint_folder, *arguments)

    return run


@pytest.fixture
def builds(tmp_path: Path, save_grey: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A: photos that are fine. B: the same, severely dark. C: the same as A, saved anew. The working folder."""
    for number in range(PHOTOS):
        for build, value in (("A", 128), ("B", 45), ("C", 127)):
            save_grey(f"{build}/roll/{number}.png", value + number)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def document(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def test_a_darker_build_is_found_and_named(compared: Run, builds: Path) -> None:
    code, out, err = compared("A", "B", "--json", "c.json", "--csv", "c.csv", "--html", "c.html")
    assert (code, err) == (0, "")
    assert (
        out.rstrip().splitlines()[-1].startswith("B is worse than A in too dark (10 of 10 pairs worse, 0 better, p = ")
    )
    assert "EV darker" in out
    found = document(builds / "c.json")
    assert (found["verdict"], found["pairs"]["compared"]) == ("worse", PHOTOS)
    assert {entry["label"]: entry["shown"] for entry in found["labels"]}["dark"] == "worse"
    with (builds / "c.csv").open(encoding="utf-8", newline="") as stream:
        assert [row["dark_b"] for row in csv.DictReader(stream)] == ["3"] * PHOTOS
    assert (builds / "c.html").read_text(encoding="utf-8").count("data:image/jpeg") == 2 * PHOTOS


@pytest.mark.usefixtures("builds")
@pytest.mark.parametrize("gate", ["regression", "severe-regression"])
def test_a_gate_fails_only_for_what_got_worse(compared: Run, gate: str) -> None:
    assert compared("A", "B", "--fail-on", gate).code == 1
    for pair in (("B", "A"), ("A", "A"), ("A", "C")):
        assert compared(*pair, "--fail-on", gate).code == 0


@pytest.mark.usefixtures("builds")
def test_a_copy_shows_no_difference(compared: Run) -> None:
    code, out, _ = compared("A", "C")
    assert code == 0
    assert "No difference between A and B can be shown in 10 pairs." in out


def test_reports_give_the_same_as_the_folders_that_they_are_of(compared: Run, iqa: Run, builds: Path) -> None:
    for build in "AB":
        assert iqa(build, "--jsonl", f"{build}.jsonl").code == 0
    found = []
    for a, b in (("A", "B"), ("A.jsonl", "B.jsonl"), ("A.jsonl", "B"), ("A", "B.jsonl")):
        assert compared(a, b, "--json", "c.json").code == 0
        found.append(document(builds / "c.json"))
    for other in found[1:]:
        assert other["labels"] == found[0]["labels"]
        assert other["regressions"] == found[0]["regressions"]
        for one, same in zip(found[0]["measurements"], other["measurements"], strict=True):
            assert same["mean_b"] == pytest.approx(one["mean_b"], abs=1e-5)


@pytest.mark.usefixtures("builds")
def test_photos_that_assess_judged_are_not_opened_again(
    compared: Run, iqa: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for build in "AB":
        assert iqa(build, "--decode", "scaled").code == 0
    from iqa_cli.pipeline import auditor

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(auditor, "_make_judge", functools.partial(refuse))
    assert compared("A", "B").code == 0


@pytest.mark.usefixtures("builds")
def test_names_of_another_build_pair_by_a_pattern(compared: Run, save_grey: Callable[..., Path]) -> None:
    for number in range(3):
        save_grey(f"D/b42_{number}.jpg", 128)
    code, _, err = compared("A", "D")
    assert code == 3
    assert "makes a pair" in err
    assert "--pair" in err
    code, out, _ = compared("A", "D", "--pair", r"regex:(?P<scene>\d)\.(?:png|jpg)$")
    assert code == 0
    assert r"3 pairs compared, by regex:(?P<scene>\d)" in out
    assert "7 in A without a partner" in out


def test_what_is_left_out_is_counted_and_named(compared: Run, builds: Path) -> None:
    (builds / "A" / "roll" / "0.png").unlink()
    (builds / "B" / "roll" / "1.png").write_bytes(b"")
    code, out, _ = compared("A", "B", "--json", "c.json")
    assert code == 0
    assert "8 pairs compared" in out
    assert "1 pairs set apart" in out
    found = document(builds / "c.json")
    assert found["b"]["without_partner"] == ["B/roll/0.png"]
    assert [entry["b"] for entry in found["pairs"]["set_apart"]] == ["B/roll/1.png"]


@pytest.mark.usefixtures("builds")
def test_on_stdout_a_document_takes_the_place_of_the_report(compared: Run) -> None:
    code, out, err = compared("A", "B", "--json", "-")
    assert (code, err) == (0, "")
    assert json.loads(out)["verdict"] == "worse"


def test_earlier_results_are_replaced_and_nothing_else_is(compared: Run, iqa: Run, builds: Path) -> None:
    outputs = {"--json": "c.json", "--csv": "c.csv", "--html": "c.html"}
    for option, name in outputs.items():
        for _ in range(2):
            assert compared("A", "C", option, name).code == 0
        (builds / name).write_text("mine", encoding="utf-8")
        code, _, err = compared("A", "C", option, name)
        assert code == 2
        assert "was not written by iqa" in err
        assert (builds / name).read_text(encoding="utf-8") == "mine"
    assert iqa("A", "--jsonl", "A.jsonl").code == 0
    before = (builds / "A.jsonl").read_bytes()
    for option in outputs:
        code, _, err = compared("A.jsonl", "C", option, "A.jsonl")
        assert code == 2
        assert "this is an input" in err
        assert compared("A", "C", option, "A/roll/0.png").code == 2
    assert (builds / "A.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("A", "gone"), 3, "gone"),
        (("A", "A/roll/0.png"), 2, "this is one photo"),
        (("A", "c.csv"), 3, "no report in JSON lines"),
        (("A", "B", "--pair", "name"), 2, "expected path, regex:PATTERN or time:SECONDS"),
        (("A", "B", "--fail-on", "anything"), 2, "regression"),
        (("A", "empty"), 4, "no photos found"),
        (("A", "broken"), 4, "no photo could be read"),
    ],
)
def test_what_cannot_work_is_said(
    compared: Run, builds: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    (builds / "c.csv").write_text("SourceFile,status\n", encoding="utf-8")
    for folder in ("empty", "broken"):
        (builds / folder).mkdir()
    (builds / "broken" / "x.jpg").write_bytes(b"")
    found = compared(*arguments)
    assert found.code == code
    assert said in found.err


def test_an_interrupt_leaves_no_file(compared: Run, builds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iqa_cli.cli.signals.is_asked", lambda: True)
    assert compared("A", "B", "--json", "c.json", "--html", "c.html").code == 130
    assert not list(builds.glob("c.*"))


@pytest.mark.usefixtures("builds")
def test_in_chinese_no_english_sentence_is_left(compared: Run) -> None:
    code, out, _ = compared("A", "B", "--lang", "zh")
    assert code == 0
    assert "B 比 A 差：整体偏暗" in out
    for word in ("better", "worse", "pairs", "photos", "level", "darker"):
        assert word not in out


@pytest.mark.parametrize(
    ("lang", "title"), [("en", "By folder: pairs better / worse"), ("zh", "按文件夹：变好 / 变差的照片对")]
)
def test_groups_are_in_the_table_the_document_and_the_page(compared: Run, builds: Path, lang: str, title: str) -> None:
    files = ("--json", "c.json", "--html", "c.html")
    code, out, err = compared("A", "B", "--by", "folder", "--by", "iso", "--lang", lang, *files)
    assert (code, err) == (0, "")
    assert title in out
    assert "0 / 10 ▲" in out
    assert title in (builds / "c.html").read_text(encoding="utf-8")
    folder, iso = document(builds / "c.json")["groups"]
    assert [(group["values"], group["pairs"]) for group in folder["groups"]] == [(["A/roll"], PHOTOS)]
    assert iso["groups"][0]["values"] == [None]
    assert {entry["label"]: entry["shown"] for entry in iso["groups"][0]["labels"]}["dark"] == "worse"


@pytest.mark.usefixtures("builds")
def test_a_key_that_there_is_not_is_refused(compared: Run) -> None:
    code, _, err = compared("A", "B", "--by", "lense")
    assert code == 2
    assert "--by lense" in err


@pytest.fixture
def reports(iqa: Run, builds: Path) -> Path:
    """A and B judged before: A.jsonl and B.jsonl as they are, lenient.jsonl leniently."""
    for name, build, more in (("A", "A", ()), ("B", "B", ()), ("lenient", "A", ("--strictness", "lenient"))):
        assert iqa(build, "--jsonl", f"{name}.jsonl", *more).code == 0
    return builds


@pytest.mark.usefixtures("reports")
def test_a_baseline_takes_the_place_of_a(compared: Run) -> None:
    long, short = compared("A.jsonl", "B"), compared("B", "--baseline", "A.jsonl")
    assert long == short
    assert short.code == 0
    assert compared("B", "--baseline", "A.jsonl", "--fail-on", "regression").code == 1
    assert compared("A", "--baseline", "A.jsonl", "--fail-on", "regression").code == 0


@pytest.mark.usefixtures("reports")
def test_a_baseline_and_two_sides_are_one_too_many(compared: Run) -> None:
    for arguments in (("A", "B", "--baseline", "A.jsonl"), ("A",)):
        code, out, err = compared(*arguments)
        assert (code, out) == (2, "")
        assert err.splitlines()[-1] == "hint: iqa compare A B, or iqa compare NEW --baseline REPORT"


@pytest.mark.usefixtures("reports")
def test_reports_of_other_settings_are_told_apart(compared: Run, reports: Path) -> None:
    same = compared("A.jsonl", "B.jsonl", "--json", "same.json")
    assert "Judged differently" not in same.out
    assert document(reports / "same.json")["judged_differently"] == []
    other = compared("lenient.jsonl", "B.jsonl", "--json", "other.json", "--html", "other.html")
    said = "Judged differently, which may be the reason: --strictness lenient in A, normal in B."
    assert said in other.out
    assert said in (reports / "other.html").read_text(encoding="utf-8")
    found = document(reports / "other.json")
    assert found["judged_differently"] == [{"what": "strictness", "a": "lenient", "b": "normal"}]
    assert found["a"]["run"]["strictness"] == "lenient"


@pytest.mark.usefixtures("reports")
def test_a_folder_is_judged_as_the_report_beside_it(compared: Run, reports: Path) -> None:
    assert "Judged differently" not in compared("lenient.jsonl", "B", "--json", "c.json").out
    assert document(reports / "c.json")["b"]["run"]["strictness"] == "lenient"
    assert document(reports / "c.json")["b"]["run"]["decode"] == "auto"
    assert "--decode auto in A, full in B" in compared("lenient.jsonl", "B", "--decode", "full").out
    compared("A", "B", "--json", "folders.json")
    assert document(reports / "folders.json")["a"]["run"]["decode"] == "scaled"


@pytest.mark.usefixtures("reports")
def test_a_report_that_was_cut_short_is_said_to_be(compared: Run, reports: Path) -> None:
    lines = (reports / "A.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (reports / "cut.jsonl").write_text("".join(lines[:-1]), encoding="utf-8")
    found = compared("cut.jsonl", "B.jsonl")
    assert found.code == 0
    assert "A is the report of a run that did not come to its end." in found.out


@pytest.mark.usefixtures("reports")
def test_programs_get_the_same_comparison(compared: Run, checkpoint_folder: Path, reports: Path) -> None:
    import iqa_cli

    assert compared("A", "B", "--json", "c.json", "--by", "iso").code == 0
    told = document(reports / "c.json")
    for a, b in (("A", "B"), ("A.jsonl", "B.jsonl")):
        found = iqa_cli.compare(a, b, checkpoint=checkpoint_folder, by=["iso"])
        assert found.verdict == told["verdict"] == "worse"
        assert [change.level.p for change in found.labels] == pytest.approx(
            [entry["p"] for entry in told["labels"]], rel=1e-6
        )
        assert len(found.grouped) == 1


@pytest.mark.usefixtures("reports")
def test_a_report_of_an_earlier_version_is_silent_about_its_run(compared: Run, reports: Path) -> None:
    lines = (reports / "A.jsonl").read_text(encoding="utf-8").splitlines()[1:-1]
    photos = [{**json.loads(line), "format_version": 1} for line in lines]
    for photo in photos:
        del photo["type"]
    (reports / "old.jsonl").write_text("".join(json.dumps(photo) + "\n" for photo in photos), encoding="utf-8")
    found = compared("old.jsonl", "B.jsonl")
    assert found.code == 0
    assert "A does not say with which checkpoint it was judged, and how." in found.out
    assert "B does not say" not in found.out
