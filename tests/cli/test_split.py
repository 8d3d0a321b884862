"""`iqa split` as a user meets it: files, table, messages and exit codes."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

pytest.importorskip("iterstrat", reason="splitting needs the split extra")

from in_process import Outcome, Run, run_iqa

from iqa_cli.cli.split import split as split_command
from iqa_cli.labels import split as splits

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = "filename,bright,dark,low_contrast,high_contrast,overexposed,over_suppressed\n"
HINT = (
    "figures of such a split mean nothing: join the files, each photo once, and split them with iqa split; "
    "to compare with figures that others published of this one, take it as it is by --allow-shared"
)
BY_HEART = "figures of test tell in part what was learned by heart, and compare with others of this very split only"


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `iqa split` in this process, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Outcome:
        return run_iqa(monkeypatch, capsys, "split", *arguments)

    return run


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """120 photos of 40 scenes, every fourth scene dark."""
    path = tmp_path / "labels.csv"
    rows = (f"S{scene:02}_{shot}.jpg,0,{2 * (scene % 4 == 0)},0,0,0,0\n" for scene in range(40) for shot in range(3))
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return path


def rows_of(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines()[1:]


@pytest.mark.usefixtures("labels")
def test_a_file_is_split_and_the_split_passes_its_own_check(iqa: Run) -> None:
    code, out, err = iqa("labels.csv", "--by", "regex:^S[0-9]+", "--out", "parts")
    files = ["parts/train.csv", "parts/val.csv", "parts/test.csv"]
    assert (code, err) == (0, f"wrote {', '.join(files)}\n")
    assert out.startswith("labels.csv: 120 photos, 40 scenes\n")
    assert out.splitlines()[3].split() == ["all", "train", "val", "test"]
    assert sorted(row for file in files for row in rows_of(file)) == sorted(rows_of("labels.csv"))
    assert [row.split()[:1] + row.split()[1::2] for row in out.splitlines() if row.startswith(" dark")] == [
        ["dark", "30", *(str(sum(",2," in row for row in rows_of(file))) for file in files)]
    ]
    scenes = [{row[:3] for row in rows_of(file)} for file in files]
    assert sum(map(len, scenes)) == len(set().union(*scenes)) == 40

    code, checked, err = iqa("--check", *files, "--by", "regex:^S[0-9]+")
    assert (code, err) == (0, "")
    assert checked.splitlines()[1:] == out.splitlines()[1:]


@pytest.mark.usefixtures("labels")
def test_the_same_seed_gives_the_same_files(iqa: Run) -> None:
    def train(*options: str) -> list[str]:
        assert iqa("labels.csv", "--force", *options).code == 0
        return rows_of("train.csv")

    assert train("--seed", "3") == train("--seed", "3") != train("--seed", "4")


@pytest.mark.usefixtures("labels")
def test_a_file_is_split_again_and_again_into_numbered_folders(iqa: Run) -> None:
    rule = ("--by", "regex:^S[0-9]+")
    code, out, err = iqa("labels.csv", "--repeat", "10", "--seed", "4", "--out", "cv", *rule)
    assert code == 0
    assert sorted(path.name for path in Path("cv").iterdir()) == [f"{number:02}" for number in range(1, 11)]
    assert [line for line in out.splitlines() if "scenes" in line] == [
        f"labels.csv: 120 photos, 40 scenes, seed {seed}" for seed in range(4, 14)
    ]
    assert err.splitlines()[-1] == "wrote cv/10/train.csv, cv/10/val.csv, cv/10/test.csv"
    tests = [rows_of(f"cv/{number:02}/test.csv") for number in range(1, 11)]
    assert len(set(map(tuple, tests))) == 10
    # The third is the split that its own seed gives.
    assert iqa("labels.csv", "--seed", "6", "--out", "one", *rule).code == 0
    assert rows_of("one/test.csv") == tests[2]


@pytest.mark.usefixtures("labels")
def test_repeated_splits_write_nothing_if_one_of_them_would_write_over_a_file(iqa: Run) -> None:
    Path("cv/2").mkdir(parents=True)
    Path("cv/2/val.csv").write_text("mine", encoding="utf-8")
    code, _, err = iqa("labels.csv", "--repeat", "2", "--out", "cv")
    assert (code, err.splitlines()[0]) == (2, "error: cv/2/val.csv: there already")
    assert not Path("cv/1").exists()
    assert iqa("labels.csv", "--repeat", "2", "--out", "cv", "--force").code == 0
    assert sorted(rows_of("cv/2/val.csv") + rows_of("cv/2/train.csv") + rows_of("cv/2/test.csv")) == sorted(
        rows_of("labels.csv")
    )


@pytest.mark.usefixtures("labels")
def test_without_a_rule_it_is_said_that_every_photo_is_a_scene(iqa: Run) -> None:
    code, out, err = iqa("labels.csv", "--fractions", "fit=0.8,judge=0.2")
    assert code == 0
    assert out.startswith("labels.csv: 120 photos, 120 scenes\n")
    assert err.splitlines() == [
        "note: every photo counts as a scene of its own; --by tells which belong together",
        "wrote fit.csv, judge.csv",
    ]
    assert (len(rows_of("fit.csv")), len(rows_of("judge.csv"))) == (96, 24)


@pytest.mark.usefixtures("labels")
def test_nothing_is_written_over_unless_forced(iqa: Run) -> None:
    Path("val.csv").write_text("mine", encoding="utf-8")
    code, out, err = iqa("labels.csv")
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "error: val.csv: there already",
        "hint: name another --out, or write over them with --force",
    ]
    assert Path("val.csv").read_text(encoding="utf-8") == "mine"
    assert not Path("train.csv").exists()
    assert iqa("labels.csv", "--force").code == 0
    assert Path("val.csv").read_text(encoding="utf-8") != "mine"
    assert iqa("train.csv", "--force").code == 2


def test_a_leaking_split_is_an_error_after_its_table(iqa: Run, labels: Path) -> None:
    lines = labels.read_text(encoding="utf-8").splitlines(keepends=True)
    Path("train.csv").write_text("".join(lines[:100]), encoding="utf-8")
    Path("test.csv").write_text("".join([HEADER, *lines[98:]]), encoding="utf-8")
    code, out, err = iqa("--check", "train.csv", "test.csv", "--by", "regex:^S[0-9]+")
    assert code == 3
    assert out.startswith("train.csv, test.csv: 122 rows\n")
    assert err.splitlines() == [
        "warning: test: 1 of 8 scenes is in train as well (2 of 23 photos)",
        "error: the split leaks: 2 photos in more than one part",
        "  test: 2 of 23 photos are in train as well",
        '  "S32_1.jpg": train line 99; test line 2',
        '  "S32_2.jpg": train line 100; test line 3',
        f"hint: {HINT}",
    ]
    code, again, err = iqa("--check", "train.csv", "test.csv", "--allow-shared")
    assert (code, again) == (0, out)
    assert err.splitlines() == [
        f"warning: test: 2 of 23 photos are in train as well: {BY_HEART}",
        "note: scenes were not compared; --by tells which photos show the same one",
    ]
    code, _, err = iqa("train.csv", "--allow-shared")
    assert (code, err.startswith("error: --allow-shared goes with --check")) == (2, True)


@pytest.mark.usefixtures("labels")
def test_shared_scenes_warn_and_pass(iqa: Run) -> None:
    assert iqa("labels.csv").code == 0
    code, _, err = iqa("--check", "train.csv", "test.csv", "--by", "regex:^S[0-9]+")
    assert code == 0
    assert err.startswith("warning: test: ")
    code, _, err = iqa("--check", "train.csv", "test.csv")
    assert (code, err) == (0, "note: scenes were not compared; --by tells which photos show the same one\n")


def test_a_split_column_is_checked_and_not_split_again(iqa: Run) -> None:
    Path("one.csv").write_text("image,bright,split\na,0,train\nb,1,test\nc,0,train\n", encoding="utf-8")
    code, out, err = iqa("--check", "one.csv")
    assert code == 0
    assert out.splitlines()[3].split() == ["all", "train", "test"]
    assert "train has no positive of bright" in out
    assert err.splitlines()[0].startswith('note: no column for "dark"')
    code, _, err = iqa("one.csv")
    assert code == 3
    assert err.startswith("error: one.csv: is split already, by its column `split`")


def test_a_mistyped_file_is_told_although_parts_are_there(iqa: Run) -> None:
    Path("train.csv").write_text("mine", encoding="utf-8")
    assert iqa("none.csv").code == 2
    code, _, err = iqa("none.csv", "--force")
    assert (code, err) == (3, "error: none.csv: cannot be read (No such file or directory)\n")
    assert Path("train.csv").read_text(encoding="utf-8") == "mine"


@pytest.mark.usefixtures("labels")
def test_an_interruption_leaves_with_its_own_code_and_no_files(
    iqa: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(splits, "_stratified", interrupt)
    assert iqa("labels.csv") == (
        130,
        "",
        "note: every photo counts as a scene of its own; --by tells which belong together\ninterrupted\n",
    )
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]


def test_what_parts_lack_is_one_warning_for_all_repeats(iqa: Run, labels: Path) -> None:
    with labels.open("a", encoding="utf-8") as file:
        file.write("rare.jpg,0,0,0,0,3,0\n")
    code, _, err = iqa("labels.csv", "--by", "regex:^S[0-9]+", "--repeat", "4", "--out", "cv")
    assert code == 0
    (warning,) = [line for line in err.splitlines() if line.startswith("warning: ")]
    lacking = {
        part: sum(not any("rare" in row for row in rows_of(f"cv/{number}/{part}.csv")) for number in range(1, 5))
        for part in ("train", "val", "test")
    }
    assert sum(lacking.values()) == 8
    start = "warning: levels that a part has no photo with, in how many of 4 repeats: "
    assert warning.startswith(start)
    assert set(warning.removeprefix(start).split(", ")) == {
        f"{part} overexposed blocking (1 in all) in {times}" for part, times in lacking.items() if times
    }


def test_a_level_that_a_part_lacks_is_a_warning(iqa: Run, labels: Path) -> None:
    with labels.open("a", encoding="utf-8") as file:
        file.write("rare.jpg,0,0,0,0,3,0\n")
    code, out, err = iqa("labels.csv", "--by", "regex:^S[0-9]+", "--out", "parts")
    assert code == 0
    assert "blocking" not in err.partition("warning:")[0]
    warnings = [line for line in err.splitlines() if line.startswith("warning: ")]
    having = [part for part in ("train", "val", "test") if any("rare" in row for row in rows_of(f"parts/{part}.csv"))]
    assert len(having) == 1
    assert warnings == [
        f"warning: {part} has no photo with overexposed blocking (1 in all)"
        for part in ("train", "val", "test")
        if part not in having
    ]
    assert err.splitlines()[-1].startswith("wrote parts/train.csv")
    checked = iqa("--check", *(f"parts/{part}.csv" for part in ("train", "val", "test")), "--by", "regex:^S[0-9]+")
    assert [line for line in checked.err.splitlines() if line.startswith("warning: ")] == warnings
    assert checked.out.splitlines()[1:] == out.splitlines()[1:]


def test_a_table_of_excel_is_split_as_it_is(iqa: Run) -> None:
    rows = "".join(f"S{scene:02}_{shot}.jpg;0;{scene % 2}\r\n" for scene in range(20) for shot in range(2))
    text = f"filename;bright;dark\r\n{rows}"
    Path("labels.csv").write_bytes(text.encode("utf-16"))
    assert iqa("labels.csv", "--by", "regex:^S[0-9]+").code == 0
    parts = [Path(f"{part}.csv").read_bytes().decode("utf-16").splitlines() for part in ("train", "val", "test")]
    assert {part[0] for part in parts} == {"filename;bright;dark"}
    assert sorted(row for part in parts for row in part[1:]) == sorted(text.splitlines()[1:])
    assert iqa("--check", "train.csv", "val.csv", "test.csv", "--by", "regex:^S[0-9]+").code == 0


def test_a_file_that_counts_from_1_is_not_split(iqa: Run) -> None:
    Path("labels.csv").write_text(HEADER + "".join(f"{n}.jpg,1,{1 + n % 3},1,1,1,1\n" for n in range(9)), "utf-8")
    code, out, err = iqa("labels.csv", "--out", "parts")
    assert (code, out) == (3, "")
    assert err.startswith("note: labels.csv: levels are read as counted from 1: 1 is none")
    assert "error: labels.csv: a part of it may not show any more that its levels count from 1\n" in err
    assert not Path("parts").exists()
    Path("other.csv").write_text(HEADER + "x.jpg,0,0,0,0,0,0\n", encoding="utf-8")
    code, _, err = iqa("--check", "labels.csv", "other.csv")
    assert code == 3
    assert "levels do not count from the same number in all files: from 0: other.csv; from 1: labels.csv" in err


def test_too_few_scenes_are_named(iqa: Run) -> None:
    Path("labels.csv").write_text("image,dark\n" + "".join(f"my_dcim/{n}.jpg,0\n" for n in range(9)), encoding="utf-8")
    code, _, err = iqa("labels.csv", "--by", "regex:^[^_]+")
    assert code == 3
    assert "error: labels.csv: 9 photos of 1 scene cannot be split into" in err
    assert '; the rule finds "my"' in err


def commands_of_the_documents() -> list[str]:
    """Every `iqa split` that a document or a help text shows."""
    root = Path(__file__).parents[2]
    texts = [path.read_text("utf-8") for path in (root / "README.md", *sorted((root / "docs").glob("*.md")))]
    texts = [text for text in texts if not text.startswith("# Commands")]
    shown = [line for text in texts for line in re.findall(r"^iqa split .*$", text, flags=re.MULTILINE)]
    return [*shown, *re.findall(r"iqa split .*$", str(split_command.__doc__), flags=re.MULTILINE)]


def roll(folders: bool) -> list[str]:
    """Names as phones, cameras and laboratories give them."""
    names = [f"IMG_202607{day:02}_1000{shot:02}.jpg" for day in range(1, 9) for shot in range(2)]
    names += [f"S{scene:02}_{shot}.jpg" for scene in range(8) for shot in range(2)]
    return [f"my_dcim/{100 + n % 2}PHONE/{name}" if folders else name for n, name in enumerate(names)]


@pytest.mark.parametrize("has_times", [True, False], ids=["times", "no times"])
@pytest.mark.parametrize("folders", [True, False], ids=["folders", "no folders"])
def test_the_commands_of_the_documents_run_as_they_stand(iqa: Run, folders: bool, has_times: bool) -> None:
    lines = ["filename,dark,bright"]
    for number, name in enumerate(roll(folders)):
        path = Path("photos") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        if has_times:
            exif.get_ifd(0x8769)[0x9003] = f"2026:07:{1 + number // 2:02} 10:00:{number % 2:02}"
        Image.new("RGB", (8, 8), (4 * number, 0, 0)).save(path, exif=exif)
        lines.append(f"{name},{number % 4 if number % 3 else 0},0")
    Path("labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = [f"{line},{'train' if number % 3 else 'test'}" for number, line in enumerate(lines[1:])]
    Path("one-file.csv").write_text("\n".join([f"{lines[0]},split", *rows]) + "\n", encoding="utf-8")
    commands = commands_of_the_documents()
    assert len(commands) >= 6
    for command in commands:
        arguments = shlex.split(command, comments=True)[2:]
        outcome = iqa(*arguments, *(() if "--check" in arguments else ("--force",)))
        assert outcome.code == 0, (command, outcome.err)
        if "--check" not in arguments:
            assert sum(len(rows_of(f"splits/{part}.csv")) for part in ("train", "val", "test")) == len(lines) - 1


def test_a_column_of_small_numbers_may_tell_scenes(iqa: Run) -> None:
    rows = (f"{number:02}.jpg,0,{number % 4}\n" for number in range(40))
    Path("labels.csv").write_text("image,dark,place\n" + "".join(rows), encoding="utf-8")
    refused = iqa("labels.csv")
    assert refused.code == 3
    assert 'header: graph "smartphone-6" has no label "place"' in refused.err
    code, out, _ = iqa("labels.csv", "--by", "column:Place")
    assert code == 0
    assert out.startswith("labels.csv: 40 photos, 4 scenes\n")
    assert iqa("--check", "train.csv", "val.csv", "test.csv", "--by", "column:place").code == 0


def test_photos_are_looked_for_and_copies_stay_together(iqa: Run) -> None:
    Path("photos").mkdir()
    for number in range(12):
        Image.new("RGB", (8, 8), (20 * (number // 2), 0, 0)).save(f"photos/{number:02}.png")
    Path("labels.csv").write_text(
        "image,dark\n" + "".join(f"{n:02}.png,{n % 2}\n" for n in range(12)), encoding="utf-8"
    )
    code, out, _ = iqa("labels.csv", "--images", "photos", "--fractions", "train=0.5,test=0.5")
    assert code == 0
    assert out.startswith("labels.csv: 12 photos, 6 scenes\n")
    assert iqa("--check", "train.csv", "test.csv", "--images", "photos").code == 0
    Path("photos/03.png").rename("photos/03.PNG")
    code, out, err = iqa("labels.csv", "--images", "photos", "--out", "other")
    assert (code, out) == (3, "")
    assert err.splitlines()[:2] == [
        "error: labels.csv: 1 of 12 photos is not in photos",
        '  line 5, "03.png" (there is "03.PNG")',
    ]
    assert not Path("other").exists()


def test_wrong_labels_are_told_with_their_lines_and_nothing_is_written(iqa: Run, labels: Path) -> None:
    with labels.open("a", encoding="utf-8") as file:
        file.write("x.jpg,1,1,0,0,0,9\n")
    code, out, err = iqa("labels.csv", "--out", "parts")
    assert (code, out) == (3, "")
    rule = '"bright" 1-3 excludes "dark" 1-3 (exclusions[0])'
    assert err.splitlines() == [
        "error: labels.csv: 2 problems",
        '  line 122, "x.jpg": "over_suppressed" is "9", expected 0..3, 1+..3+, -1 or blank',
        f'  line 122, "x.jpg": "bright" 1 and "dark" 1 cannot be together: {rule}',
    ]
    assert not Path("parts").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["none.csv"], 3, "error: none.csv: cannot be read (No such file or directory)"),
        (["labels.csv", "--graph", "none"], 3, "error: no graph is called 'none'"),
        (["labels.csv", "labels.csv"], 2, "error: expected one label file to split, got 2"),
        (["labels.csv", "--check"], 2, "error: labels.csv: one file without a column split has no parts to compare"),
        (["labels.csv", "--by", "zoom"], 2, "error: --by zoom: expected regex:PATTERN, time:SECONDS or column:NAME"),
        (["labels.csv", "--by", "time:5"], 2, "error: scenes by time need the photos"),
        (["labels.csv", "--by", "regex:^x"], 3, "error: labels.csv: no scenes: all 120 photos do not match ^x"),
        (["labels.csv", "--by", "regex:^S"], 3, "error: labels.csv: 120 photos of 1 scene cannot be split into"),
        (
            ["labels.csv", "--fractions", "a=1"],
            2,
            "error: --fractions a=1: the share of a has to be above 0 and below 1",
        ),
        ([], 2, "Usage: "),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    iqa: Run, labels: Path, arguments: list[str], code: int, said: str
) -> None:
    outcome = iqa(*arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith(said), outcome.err
    assert [path.name for path in labels.parent.iterdir()] == ["labels.csv"]


@pytest.mark.usefixtures("labels")
def test_a_missing_library_names_the_extra(iqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "iterstrat.ml_stratifiers", None)
    code, _, err = iqa("labels.csv")
    assert code == 3
    error, hint = err.splitlines()[-2:]
    assert error == "error: iqa split needs iterative-stratification, which is not installed"
    assert hint.startswith("hint: in a clone of iqa: pip install '.[split]'")


def test_the_published_split_is_found_to_leak(iqa: Run) -> None:
    folder = Path(__file__).parents[3] / "shared" / "seed"
    if not folder.is_dir():
        pytest.skip("the published label files are not here")
    files = [str(folder / f"{part}_6labels.csv") for part in ("train", "val", "test")]
    code, out, err = iqa("--check", *files, "--by", "regex:^[^_]+")
    assert code == 3
    assert [line.split()[2::2] for line in out.splitlines() if line.startswith(" has issue")] == [
        ["401", "278", "65", "58"]
    ]
    assert "  test: 195 of 352 photos are in train as well\n  test: 102 of 352 photos are in val as well\n" in err
    assert "warning: val: 160 of 160 scenes are in train as well (352 of 352 photos)\n" in err


def test_photos_in_a_bucket_are_split_as_those_in_a_folder(
    iqa: Run, store: str, upload: Callable[[Path, str], None], tmp_path: Path
) -> None:
    Path("photos").mkdir()
    for number in range(12):
        Image.new("RGB", (8, 8), (20 * (number // 2), 0, 0)).save(f"photos/{number:02}.png")
    upload(tmp_path / "photos", store)
    Path("labels.csv").write_text(
        "image,dark\n" + "".join(f"{n:02}.png,{n % 2}\n" for n in range(12)), encoding="utf-8"
    )
    outcomes = [iqa("labels.csv", "--images", images, "--out", out) for images, out in (("photos", "a"), (store, "b"))]
    assert outcomes[0].code == outcomes[1].code == 0
    assert outcomes[0].out == outcomes[1].out
    assert [rows_of(f"a/{part}.csv") for part in ("train", "val", "test")] == [
        rows_of(f"b/{part}.csv") for part in ("train", "val", "test")
    ]
    gone = iqa("labels.csv", "--images", f"{store}/gone", "--out", "c")
    assert (gone.code, gone.out) == (3, "")
    assert gone.err == f"error: {store}/gone: there are no objects with that prefix\n"
    assert iqa("labels.csv", "--images", "ftp://example.org/photos").code == 2
