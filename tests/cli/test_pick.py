"""`iqa pick` as a user meets it: exit codes, stdout and stderr apart, files where they belong."""

from __future__ import annotations

import os
import random
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "picking"))

from drawn import TAKEN, as_csv, as_jsonl, content_of, make_files, photo, spelled
from in_process import Outcome, Run, run_iqa
from own_process import loaded_by

from iqa_cli.picking import move as moving

if TYPE_CHECKING:
    from collections.abc import Callable

PHOTOS = (b"D/1/IMG_1.JPG", b"D/2/IMG_1.JPG", b"D/2/fine.jpg", b"D/2/caf\xe9.jpg")


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> Run:
    """Runs `iqa pick` in this process, in the test's folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        code, out, err = run_iqa(monkeypatch, capfdbinary, "pick", *arguments)  # type: ignore[arg-type]
        return Outcome(code, os.fsdecode(out), os.fsdecode(err))

    return run


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Four photos, of which three are dark; one has a video and shares a sidecar; and their report in both forms."""
    make_files(tmp_path, *PHOTOS, "D/1/IMG_1.MOV", "D/1/IMG_1.xmp", "D/2/IMG_1.HEIC", "D/2/IMG_1.xmp")
    levels = dict(zip(spelled(*PHOTOS), (4, 3, 1, 2), strict=True))
    photos = [photo(path, level, model="Pixel 8", iso=200, taken_at=TAKEN) for path, level in levels.items()]
    (tmp_path / "a.csv").write_bytes(as_csv(photos))
    (tmp_path / "a.jsonl").write_bytes(as_jsonl(photos))
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("report", ["a.csv", "a.jsonl"])
def test_paths_go_to_stdout_byte_for_byte(iqa: Run, report: str) -> None:
    dark = "D/1/IMG_1.JPG\nD/2/IMG_1.JPG\n" + os.fsdecode(b"D/2/caf\xe9.jpg\n")
    assert iqa(report) == (0, dark, "")
    assert iqa(report, "--print0") == (0, dark.replace("\n", "\0"), "")
    assert iqa(report, "--dry-run") == (0, dark, "")
    assert iqa(report, "--label", "too dark", "--min-severity", "severe") == (0, "D/1/IMG_1.JPG\nD/2/IMG_1.JPG\n", "")
    assert iqa(report, "--label", "bright", "--label", "dark", "--under", "D/1") == (0, "D/1/IMG_1.JPG\n", "")
    assert iqa(
        report, "--min-severity", "blocking", "--iso", "100-400", "--since", "2024-05-01", "--until", "2024"
    ) == (
        0,
        "D/1/IMG_1.JPG\n",
        "",
    )


@pytest.mark.usefixtures("here")
def test_conditions_that_are_no_judgement_take_photos_without_a_problem_and_say_so(iqa: Run) -> None:
    code, out, err = iqa("a.csv", "--camera", "pixel*", "--under", "D/2")
    assert (code, out.count("\n")) == (0, 3)
    assert err == "note: among them is 1 photo without a problem; --min-severity ordinary leaves out such\n"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("report", ["a.csv", "a.jsonl"])
def test_times_with_a_zone_are_picked_by_the_cameras_clock(iqa: Run, report: str) -> None:
    Path(report).write_bytes(Path(report).read_bytes().replace(b"12:30:15", b"12:30:15+05:00"))
    for option, when, count in (("--since", "2024-05-01T12:30", 3), ("--until", "2024-05-01T12:29", 0)):
        code, out, _ = iqa(report, option, when, "--label", "dark")
        assert (code, out.count("\n")) == (0, count)


@pytest.mark.usefixtures("here")
def test_nothing_picked_is_said_and_is_no_error(iqa: Run) -> None:
    assert iqa("a.csv", "--label", "bright") == (0, "", "no photo was picked of 4 in a.csv\n")
    code, out, err = iqa("a.csv", "--camera", "Nikon", "--move-to", "out")
    assert (code, out) == (0, "")
    said = "no photo was picked of 4 in a.csv\nnote: cameras in there: Pixel 8\n"
    assert err == said + "hint: a part of a name takes stars: --camera '*Nikon*'\n"
    assert iqa("a.csv", "--camera", "*Nikon*").err == said
    assert not Path("out").exists()


def test_a_move_and_its_undoing_leave_every_byte_and_path_as_before(iqa: Run, here: Path) -> None:
    before = content_of(here)
    code, out, err = iqa("a.csv", "--move-to", "out")
    assert (code, out) == (0, "")
    (undo_list,) = Path("out").glob("*undo*")
    assert err.splitlines() == [
        "note: D/2/IMG_1.xmp stays: it belongs to IMG_1.HEIC as well",
        "3 photos and 2 companions moved to out",
        f"to put them back: iqa pick --undo {undo_list}",
    ]
    moved = {path.relative_to("out").as_posix() for path in Path("out").rglob("*") if path.is_file()} - {undo_list.name}
    assert moved == {"1/IMG_1.JPG", "1/IMG_1.MOV", "1/IMG_1.xmp", "2/IMG_1.JPG", os.fsdecode(b"2/caf\xe9.jpg")}
    assert iqa("a.csv", "--move-to", "out") == (0, "", "0 photos moved to out; 3 there already\n")
    rehearsed = iqa("--undo", undo_list, "--dry-run")
    assert (rehearsed.code, rehearsed.err) == (0, "5 files would be put back\n")
    assert f"{here}/out/1/IMG_1.MOV -> {here}/D/1/IMG_1.MOV\n" in rehearsed.out
    assert iqa("--undo", undo_list) == (0, "", "5 files put back\n")
    assert content_of(here) == before
    code, out, err = iqa("--undo", undo_list)
    assert (code, out) == (3, "")
    assert err.startswith(f"error: {undo_list}: cannot be read")


@pytest.mark.usefixtures("here")
def test_a_rehearsal_names_every_file_and_changes_nothing(iqa: Run, here: Path) -> None:
    before = content_of(here)
    for option, done in (("--move-to", "moved"), ("--copy-to", "copied"), ("--link-to", "linked")):
        code, out, err = iqa("a.csv", option, "out", "--dry-run", "--min-severity", "severe")
        assert code == 0
        assert out.splitlines() == [
            "D/1/IMG_1.JPG -> out/1/IMG_1.JPG",
            "D/1/IMG_1.MOV -> out/1/IMG_1.MOV",
            "D/1/IMG_1.xmp -> out/1/IMG_1.xmp",
            "D/2/IMG_1.JPG -> out/2/IMG_1.JPG",
        ]
        assert err.splitlines()[-1] == f"2 photos and 2 companions would be {done} to out"
    code, out, err = iqa("a.csv", "--xmp", "--dry-run", "--under", "D/1")
    assert (code, out) == (0, "D/1/IMG_1.JPG -> D/1/IMG_1.JPG.xmp\n")
    assert err.startswith("1 sidecar would be written, 0 would be merged\n")
    assert content_of(here) == before


@pytest.mark.usefixtures("here")
def test_copies_and_links_are_made_once(iqa: Run) -> None:
    for option, done in (("--copy-to", "copied"), ("--link-to", "linked")):
        note = "note: D/2/IMG_1.xmp stays: it belongs to IMG_1.HEIC as well\n"
        assert iqa("a.csv", option, done) == (0, "", f"{note}3 photos and 2 companions {done} to {done}\n")
        assert iqa("a.csv", option, done) == (0, "", f"{note}0 photos {done} to {done}; 3 there already\n")
        assert Path(done, "1/IMG_1.JPG").read_bytes() == Path("D/1/IMG_1.JPG").read_bytes()
        assert Path(done, "1/IMG_1.JPG").is_symlink() == (done == "linked")


@pytest.mark.usefixtures("here")
def test_sidecars_are_written_and_it_is_said_who_does_not_read_them(iqa: Run) -> None:
    code, out, err = iqa("a.csv", "--xmp")
    assert (code, out) == (0, "")
    first, note, line = err.splitlines()
    assert first == "3 sidecars written, 0 merged"
    assert note.startswith("note: Lightroom and Apple Photos do not read sidecars of JPEG")
    assert line.strip().startswith("exiftool -tagsFromFile %d%f.%e.xmp")
    assert b"iqa|too dark|blocking" in Path("D/1/IMG_1.JPG.xmp").read_bytes()
    assert iqa("a.csv", "--xmp") == (0, "", "0 sidecars written, 0 merged; 3 up to date\n")
    Path("D/1/IMG_1.JPG.xmp").write_bytes(b"mine")
    code, out, err = iqa("a.csv", "--xmp")
    assert code == 3
    assert err.startswith("warning: D/1/IMG_1.JPG.xmp: it is no XMP (")
    assert err.endswith("error: 1 of 3 photos without a new sidecar\n")
    assert Path("D/1/IMG_1.JPG.xmp").read_bytes() == b"mine"


@pytest.mark.usefixtures("here")
def test_a_label_with_a_control_character_gets_its_sidecars(iqa: Run, here: Path) -> None:
    for report in ("a.csv", "a.jsonl"):
        character = b"\x01" if report == "a.csv" else b"\\u0001"
        Path(report).write_bytes((here / report).read_bytes().replace(b"dark", b"da" + character + b"rk"))
        Path("D/2/IMG_1.JPG.xmp").unlink(missing_ok=True)
        assert iqa(report, "--xmp").code == 0
        assert "iqa|da\ufffdrk|severe".encode() in Path("D/2/IMG_1.JPG.xmp").read_bytes()


@pytest.mark.usefixtures("here")
def test_the_exported_list_decides_alone_and_what_it_has_too_much_is_told(iqa: Run) -> None:
    Path("list.txt").write_bytes(b"D/2/fine.jpg\nD/2/caf\\xe9.jpg\n#D/1/IMG_1.JPG\n\n")
    code, out, err = iqa("a.csv", "--paths", "list.txt")
    assert (code, out) == (3, "D/2/fine.jpg\n" + os.fsdecode(b"D/2/caf\xe9.jpg\n"))
    assert err.splitlines() == [
        "warning: #D/1/IMG_1.JPG: a.csv has no such photo",
        "error: 1 of the list not in a.csv",
    ]
    Path("list.txt").write_bytes(b"D/2/fine.jpg\r\n")
    Path("D/2/fine.jpg").unlink()
    code, out, err = iqa("a.csv", "--paths", "list.txt", "--move-to", "out")
    assert (code, out) == (3, "")
    assert err.splitlines()[0] == "warning: D/2/fine.jpg: it is not there any more"
    assert "error: 1 of 1 photo not moved" in err
    assert not Path("out").exists()


def test_photos_that_are_gone_are_named_and_the_others_go(iqa: Run, here: Path) -> None:
    (here / "D/1/IMG_1.JPG").unlink()
    code, out, err = iqa("a.csv")
    assert (code, out.count("\n")) == (3, 2)
    assert err == "warning: D/1/IMG_1.JPG: it is not there any more\nerror: 1 of 3 photos not found\n"
    code, _, err = iqa("a.csv", "--move-to", "out")
    assert code == 3
    assert "2 photos moved to out\n" in err
    assert err.endswith("error: 1 of 3 photos not moved\n")
    assert Path("D/1/IMG_1.MOV").exists()


def test_from_another_folder_the_report_says_where_its_photos_are(
    iqa: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here / "D")
    code, out, err = iqa("../a.csv", "--under", "../D/1")
    assert (code, out) == (0, "../D/1/IMG_1.JPG\n")
    assert err.startswith("note: paths start in the folder of the report, ..; from here they lead nowhere\n")
    (here / "D").rename(here / "E")
    monkeypatch.chdir(here / "E")
    code, out, err = iqa("../a.csv")
    assert (code, out) == (3, "")
    assert err.endswith(
        "error: 3 of 3 photos not found\nhint: relative paths start in the folder that assess ran in: go there first\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "error: the report is missing"),
        (["none.csv"], 3, "error: none.csv: cannot be read (No such file or directory)"),
        (["cut.csv"], 3, "error: cut.csv: the report is cut off in line 3, nothing was done"),
        (["cut.jsonl"], 3, "error: cut.jsonl: the report is cut off in line 3, nothing was done"),
        (
            ["old.jsonl"],
            3,
            "error: old.jsonl: a report of another version of iqa (format_version 0, this one reads 1 and 2)",
        ),
        (["empty.csv"], 3, "error: empty.csv: the report has no photo"),
        (["list.txt"], 3, "error: list.txt: no report of iqa assess"),
        (["a.csv", "--label", "drak"], 2, 'error: a.csv has no label "drak" (did you mean "dark"?)'),
        (["a.csv", "--iso", "x"], 2, "error: --iso x: expected A-B, A- or -B"),
        (["a.csv", "--since", "May"], 2, "error: --since May: expected a day like 2024-05-01"),
        (["a.csv", "--min-probability", "2"], 2, "Usage: "),
        (["a.csv", "--status", "fine"], 2, "Usage: "),
        (["a.csv", "--paths", "none.txt"], 3, "error: none.txt: cannot be read (No such file or directory)"),
        (["a.csv", "--paths", "blank.txt"], 3, "error: blank.txt: the list names no photo"),
        (["a.csv", "--move-to", "out", "--xmp"], 2, "error: --move-to and --xmp cannot be done at once"),
        (["a.csv", "--link-to", "a", "--copy-to", "b"], 2, "error: --link-to and --copy-to cannot be done at once"),
        (["a.csv", "--move-to", "D/out"], 2, "error: D/out lies in the folder of the photos, D: the next audit would"),
        (["a.csv", "--copy-to", "D"], 2, "error: D is the folder of the photos, D: the next audit would"),
        (["a.csv", "--copy-to", "."], 2, "error: . holds the folder of the photos, D: they would be mixed with it"),
        (["a.csv", "--move-to", "a.csv"], 2, "error: a.csv: this is no folder"),
        (["a.csv", "--move-to", ""], 2, "error: the target needs a name"),
        (["--undo", "a.csv"], 3, "error: a.csv: no undo list of iqa pick"),
        (["--undo", "D"], 3, "error: D: this is a folder"),
        (["a.csv", "--undo", "x"], 2, "error: --undo takes the undo list and nothing else"),
        (["--undo", "x", "--label", "dark"], 2, "error: --undo takes the undo list and nothing else"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words_and_nothing_is_touched(
    iqa: Run, here: Path, arguments: list[str], code: int, said: str
) -> None:
    csv, jsonl = (here / "a.csv").read_bytes(), (here / "a.jsonl").read_bytes()
    (here / "cut.csv").write_bytes(csv[: csv.index(b"D/2/IMG") + 30])
    (here / "cut.jsonl").write_bytes(jsonl[: jsonl.index(b"D/2/IMG") + 30])
    (here / "old.jsonl").write_bytes(jsonl.replace(b'"format_version": 2', b'"format_version": 0'))
    (here / "empty.csv").write_bytes(csv[: csv.index(b"\n") + 1])
    (here / "list.txt").write_bytes(b"D/1/IMG_1.JPG\n")
    (here / "blank.txt").write_bytes(b"\n\n")
    before = content_of(here)
    outcome = iqa(*arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert outcome.err.startswith(said), outcome.err
    assert content_of(here) == before


def test_a_place_that_is_taken_again_is_named_and_the_list_keeps_it(iqa: Run, here: Path) -> None:
    before = content_of(here)
    assert iqa("a.csv", "--move-to", "out").code == 0
    (undo_list,) = Path("out").glob("*undo*")
    taken = here / "D/2/IMG_1.JPG"
    taken.touch()
    code, out, err = iqa("--undo", undo_list)
    assert (code, out) == (3, "")
    assert err.splitlines() == [
        f"warning: {taken}: its old place is taken again; it went to {here}/out/2/IMG_1.JPG",
        "4 files put back",
        "error: 1 of 5 files not put back",
        f"hint: they stay in the undo list: iqa pick --undo {undo_list} tries them again",
    ]
    assert taken.read_bytes() == b""
    taken.unlink()
    assert iqa("--undo", undo_list) == (0, "", "1 file put back\n")
    assert content_of(here) == before


def test_undoing_a_move_whose_folder_was_renamed_leaves_a_later_move_alone(iqa: Run, here: Path) -> None:
    before = content_of(here)
    assert iqa("a.csv", "--move-to", "dark").code == 0
    (here / "dark").rename(here / "dark-2023")
    for name in PHOTOS:
        (here / os.fsdecode(name)).write_bytes(b"new photo")
    assert iqa("a.csv", "--move-to", "dark").code == 0
    (undo_list,) = Path("dark-2023").glob("*undo*")
    (here / "dark-2023/2/IMG_1.JPG").write_bytes(b"edited")
    code, out, err = iqa("--undo", undo_list)
    assert (code, out) == (3, "")
    told = "the file at its new place is another one, or was changed there"
    assert err.splitlines() == [
        f"warning: {here}/D/2/IMG_1.JPG: {told}; it went to {here}/dark-2023/2/IMG_1.JPG",
        "4 files put back",
        "error: 1 of 5 files not put back",
        f"hint: they stay in the undo list: iqa pick --undo {undo_list} tries them again",
    ]
    for name in (b"D/1/IMG_1.JPG", b"D/2/caf\xe9.jpg"):
        path = os.fsencode(here / os.fsdecode(name))
        assert content_of(here)[path] == before[path]
    assert {path.read_bytes() for path in Path("dark").rglob("*.[jJ][pP][gG]")} == {b"new photo"}


def test_what_is_at_the_new_place_stays_and_so_does_the_photo(iqa: Run, here: Path) -> None:
    make_files(here, "out/2/IMG_1.JPG")
    theirs = Path("out/2/IMG_1.JPG").read_bytes()
    for option, done in (("--move-to", "moved"), ("--copy-to", "copied"), ("--link-to", "linked")):
        code, _, err = iqa("a.csv", option, "out", "--under", "D/2", "--min-severity", "severe")
        assert code == 3
        assert err.splitlines()[-3:] == [
            "warning: D/2/IMG_1.JPG: out/2/IMG_1.JPG is there already",
            f"0 photos {done} to out",
            f"error: 1 of 1 photo not {done}",
        ]
        assert Path("out/2/IMG_1.JPG").read_bytes() == theirs
        assert Path("D/2/IMG_1.JPG").exists()
        assert [path.name for path in Path("out").iterdir()] == ["2"]


@pytest.mark.usefixtures("here")
def test_a_full_disk_half_way_is_told_with_what_was_moved_and_can_be_undone(
    iqa: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content_of(here)
    real, calls = moving.bring, []

    def bring(source: str, to: str, part: str, **named: int) -> None:
        calls.append(to)
        if len(calls) == 4:
            raise OSError(28, "No space left on device", to)
        real(source, to, part, **named)

    monkeypatch.setattr(moving, "bring", bring)
    code, out, err = iqa("a.csv", "--move-to", "out")
    monkeypatch.setattr(moving, "bring", real)
    (undo_list,) = Path("out").glob("*undo*")
    assert (code, out) == (3, "")
    assert err.splitlines()[-4:] == [
        "1 photo and 2 companions moved to out; 2 photos not reached",
        f"to put them back: iqa pick --undo {undo_list}",
        "error: out/2/IMG_1.JPG: cannot be written (No space left on device)",
        "hint: make room, or write elsewhere",
    ]
    assert iqa("--undo", undo_list) == (0, "", "3 files put back\n")
    assert content_of(here) == before


@pytest.mark.usefixtures("here")
def test_another_file_system_is_told_before_photos_are_moved_there(iqa: Run, here: Path) -> None:
    other = Path("/dev/shm")  # noqa: S108 - the only second file system that Linux surely has
    if not os.access(other, os.W_OK) or other.stat().st_dev == here.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    before = content_of(here)
    target = other / f"iqa-test-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        code, _, err = iqa("a.csv", "--move-to", target)
        assert code == 0
        assert (
            "note: the target is on another file system: photos are copied, compared, and only then removed here" in err
        )
        assert "3 photos and 2 companions moved to" in err
        assert not Path("D/1/IMG_1.JPG").exists()
        (undo_list,) = target.glob("*undo*")
        assert iqa("--undo", undo_list) == (0, "", "5 files put back\n")
        assert not target.exists()
    finally:
        subprocess.run(["rm", "-rf", str(target)], check=True)
    assert content_of(here) == before


@pytest.mark.usefixtures("here")
def test_stdout_that_is_full_or_has_no_reader(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = [sys.executable, "-m", "iqa_cli", "pick", "a.csv"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("error: stdout: cannot be written any further (No space left on device)")
    piped = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m iqa_cli pick a.csv | true"], cwd=tmp_path, capture_output=True, check=True
    )
    assert (piped.stdout, piped.stderr) == (b"", b"")


@pytest.fixture
def many(tmp_path: Path) -> tuple[Path, dict[bytes, object]]:
    """Some hundred photos with a video each, in two folders under equal names, and their report."""
    names = [f"D/{folder}/IMG_{number:03}.jpg" for folder in (1, 2) for number in range(150)]
    make_files(tmp_path, *names, *(name.replace("jpg", "MOV") for name in names))
    (tmp_path / "a.csv").write_bytes(as_csv(map(photo, names)))
    return tmp_path, content_of(tmp_path)


def started_move(folder: Path) -> tuple[subprocess.Popen[str], Callable[[], int]]:
    """A move in a process of its own that has begun, and how many files it has moved."""
    command = [sys.executable, "-m", "iqa_cli", "pick", "a.csv", "--move-to", "out"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def moved() -> int:
        return sum(1 for _ in (folder / "out").rglob("*.jpg"))

    while not moved() and process.poll() is None:
        time.sleep(0.001)
    return process, moved


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_move_that_is_killed_at_any_time_can_be_undone(iqa: Run, many: tuple[Path, dict[bytes, object]]) -> None:
    folder, before = many
    seed = secrets.randbelow(10**6)
    draw = random.Random(seed)  # noqa: S311 - when to kill
    for attempt in range(3):
        process, _ = started_move(folder)
        time.sleep(draw.random() * 0.15)
        process.kill()
        process.communicate()
        (undo_list,) = (folder / "out").glob("*undo*")
        code, out, err = iqa("--undo", undo_list)
        assert (code, out) == (0, ""), f"seed {seed}, attempt {attempt}: {err}"
        assert content_of(folder) == before, f"seed {seed}, attempt {attempt}"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_move_ends_between_two_photos(
    iqa: Run, many: tuple[Path, dict[bytes, object]], number: signal.Signals
) -> None:
    folder, before = many
    process, moved = started_move(folder)
    process.send_signal(number)
    out, err = process.communicate()
    if process.returncode == 0:
        pytest.skip("the move was over before the signal came")
    assert (process.returncode, out) == (130, "")
    first, second, third = err.splitlines()
    count = moved()
    assert re.fullmatch(r"\d+ photos? and \d+ companions? moved to out; \d+ photos? not reached", first)
    assert [int(number) for number in re.findall(r"\d+", first)] == [count, count, 300 - count]
    assert second.startswith("to put them back: iqa pick --undo out/iqa-undo-")
    assert third == "interrupted"
    photos, videos = ({path.stem for path in (folder / "out/1").glob(kind)} for kind in ("*.jpg", "*.MOV"))
    assert photos == videos
    assert iqa("--undo", second.split()[-1]).code == 0
    assert content_of(folder) == before


def test_assess_then_the_list_then_a_move_and_its_undoing(
    iqa: Run,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    checkpoint_folder: Path,
    save_grey: Callable[..., Path],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("roll/1/a.png", "roll/2/a.png", os.fsdecode(b"roll/2/caf\xe9.png"), "roll/2/=b.png"):
        save_grey(name, 5)
    save_grey("roll/2/fine.png", 128)
    before = content_of(tmp_path / "roll")
    arguments = ["assess", "--checkpoint", checkpoint_folder, "roll", "--csv", "a.csv", "--jsonl", "a.jsonl"]
    assert run_iqa(monkeypatch, capfdbinary, *arguments).code == 0  # type: ignore[arg-type]
    dark = ["roll/1/a.png", "roll/2/=b.png", "roll/2/a.png", os.fsdecode(b"roll/2/caf\xe9.png")]
    for report in ("a.csv", "a.jsonl"):
        assert iqa(report, "--label", "dark") == (0, "".join(f"{path}\n" for path in dark), "")
        # As the page exports it: spelled as in the report.
        Path("list.txt").write_text("".join(f"{path}\n" for path in spelled(*dark)), encoding="utf-8")
        assert iqa(report, "--paths", "list.txt", "--move-to", "out").code == 0
        assert [path.name for path in (tmp_path / "roll").rglob("*.png")] == ["fine.png"]
        (undo_list,) = Path("out").glob("*undo*")
        assert iqa("--undo", undo_list) == (0, "", "4 files put back\n")
        assert content_of(tmp_path / "roll") == before
        assert not Path("out").exists()


def test_picking_loads_no_heavy_library(here: Path) -> None:
    heavy = {"numpy", "pandas", "PIL", "onnxruntime", "torch", "lxml"}
    assert loaded_by("pick", str(here / "a.csv"), "--label", "dark", "--under", "D/1") & heavy == set()
    assert loaded_by("pick", "--help") & heavy == set()
