"""`iqa assess` as a user meets it: exit codes, stdout and stderr apart, files written."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from iqa_cli import pipeline
from iqa_cli.cli.app import main

if TYPE_CHECKING:
    from iqa_cli.records import PhotoRef

SaveGrey = Callable[..., Path]


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def iqa(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], checkpoint_folder: Path
) -> Callable[..., Outcome]:
    """Runs `iqa assess` with the hand-made checkpoint in this process."""

    def run(*arguments: object) -> Outcome:
        command = ["iqa", "assess", "--checkpoint", str(checkpoint_folder), *map(str, arguments)]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as leaving:
            main()
        out, err = capsys.readouterr()
        return Outcome(int(leaving.value.code or 0), out, err)

    return run


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_report_goes_to_stdout_and_nothing_to_stderr(iqa: Run, roll: Path) -> None:
    code, out, err = iqa(roll)
    assert (code, err) == (0, "")
    assert "Tone problems (5 of 8 photos)" in out
    assert "\n8 photos: 3 with problems (1 blocking, 1 severe), 2 fine, 1 uncertain, 2 unreadable, in " in out
    assert "\x1b" not in out


def test_every_photo_has_a_csv_row_in_path_order(iqa: Run, roll: Path, tmp_path: Path) -> None:
    assert iqa(roll, "--csv", tmp_path / "audit.csv").code == 0
    rows = rows_of(tmp_path / "audit.csv")
    assert [row["SourceFile"] for row in rows] == sorted(str(path) for path in roll.iterdir())
    assert [row["status"] for row in rows] == ["ok"] * 5 + ["uncertain"] + ["unreadable"] * 2
    assert [row["worst_level"] for row in rows] == ["1", "2", "4", "1", "3", "4", "", ""]


def test_csv_and_json_bytes_do_not_depend_on_jobs(iqa: Run, roll: Path, tmp_path: Path) -> None:
    for jobs in (1, 5):
        iqa(roll, "--jobs", jobs, "--csv", tmp_path / f"{jobs}.csv", "--jsonl", tmp_path / f"{jobs}.jsonl")
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "5.csv").read_bytes()
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "5.jsonl").read_bytes()


def test_table_csv_and_json_tell_the_same_story(iqa: Run, roll: Path, tmp_path: Path) -> None:
    out = iqa(roll, "--csv", tmp_path / "a.csv", "--jsonl", tmp_path / "a.jsonl").out
    documents = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    for row, document in zip(rows_of(tmp_path / "a.csv"), documents, strict=True):
        assert (row["SourceFile"], row["status"]) == (document["source_file"], document["status"])
        assert row["worst_label"] == (document["worst"] or {"label": ""})["label"]
        assert (row["SourceFile"] in out) == (row["status"] != "ok" or row["worst_level"] != "1")


def test_dash_writes_rows_to_stdout_instead_of_the_table(iqa: Run, roll: Path) -> None:
    code, out, err = iqa(roll, "--csv", "-")
    assert (code, err) == (0, "")
    assert out.startswith("SourceFile,status,")
    assert out.count("\n") == 9
    assert [json.loads(line)["status"] for line in iqa(roll, "--jsonl", "-").out.splitlines()].count("ok") == 5


@pytest.mark.parametrize(("severity", "code"), [("ordinary", 1), ("severe", 1), ("blocking", 0)])
def test_fail_on_gives_1_from_its_severity_on(iqa: Run, roll: Path, severity: str, code: int) -> None:
    (roll / "c_blocking_dark.png").unlink()  # the icon is as dark, but uncertain
    assert iqa(roll, "--fail-on", severity).code == code


def test_min_severity_and_top_shape_the_list_of_the_worst(iqa: Run, roll: Path) -> None:
    severe = iqa(roll, "--min-severity", "severe").out
    assert "b_bright.png" not in severe
    assert severe.index("c_blocking_dark.png") < severe.index("e_severe_dark.png")
    assert "e_severe_dark.png" not in iqa(roll, "--top", 1).out


def test_chinese_report(iqa: Run, roll: Path) -> None:
    out = iqa(roll, "--lang", "zh").out
    assert "阻塞  整体偏暗" in out
    assert "共 8 张照片：3 张有问题（1 张阻塞，1 张严重），2 张正常" in out


def test_nothing_readable_is_reported_and_exits_with_4(iqa: Run, roll: Path, tmp_path: Path) -> None:
    code, out, err = iqa(roll / "g_empty.jpg", roll / "h_text.jpg", "--csv", tmp_path / "a.csv")
    assert code == 4
    assert err == "error: none of the 2 photos could be read\n"
    assert "the file is empty" in out
    assert len(rows_of(tmp_path / "a.csv")) == 2


def test_a_folder_without_photos_is_named_and_exits_with_4(iqa: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, out, err = iqa(tmp_path / "empty")
    assert (code, out, err) == (4, "", f"error: no photos found in {tmp_path / 'empty'}\n")


def test_a_mistyped_path_fails_before_the_checkpoint_is_looked_for(iqa: Run, tmp_path: Path) -> None:
    code, out, err = iqa(tmp_path / "DCMI", "--checkpoint", "nonesuch")
    assert (code, out) == (3, "")
    assert "DCMI: no such file or folder" in err
    assert "nonesuch" not in err


def test_an_unknown_checkpoint_exits_with_3_and_says_what_there_is(iqa: Run, roll: Path) -> None:
    code, _, err = iqa(roll, "--checkpoint", "nonesuch")
    assert code == 3
    assert err.startswith("error: no checkpoint is called 'nonesuch'\nhint: use a path, or one of: ")


def test_a_damaged_checkpoint_leaves_the_old_report_alone(iqa: Run, roll: Path, tmp_path: Path) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "card.json").write_text("{", encoding="utf-8")
    (tmp_path / "audit.csv").write_text("yesterday", encoding="utf-8")
    code, _, err = iqa(roll, "--checkpoint", tmp_path / "damaged", "--csv", tmp_path / "audit.csv")
    assert code == 3
    assert "card.json" in err
    assert (tmp_path / "audit.csv").read_text(encoding="utf-8") == "yesterday"


@pytest.mark.parametrize("option", ["--csv", "--jsonl"])
def test_an_output_that_cannot_be_written_fails_before_the_model_loads(
    option: str, iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(pipeline.Auditor, "load", load)
    code, _, err = iqa(roll, option, tmp_path / "missing" / "out")
    assert code == 2
    assert err.startswith(f"error: {tmp_path / 'missing' / 'out'}: cannot be written")


def test_a_photo_is_never_overwritten(iqa: Run, roll: Path, tmp_path: Path, save_grey: SaveGrey) -> None:
    other = save_grey("other/innocent.png", 100)
    linked = tmp_path / "report.csv"
    linked.symlink_to(roll / "a_fine.png")
    for victim in (roll / "a_fine.png", other, linked):
        before = victim.read_bytes()
        code, _, err = iqa(roll, "--csv", victim)
        assert (code, victim.read_bytes()) == (2, before)
        assert "this is a photo" in err


def test_two_outputs_need_two_files(iqa: Run, roll: Path, tmp_path: Path) -> None:
    code, _, err = iqa(roll, "--csv", tmp_path / "same", "--jsonl", tmp_path / "same")
    assert code == 2
    assert "both name" in err


@pytest.mark.parametrize(
    "arguments", [[], ["--jobs", "0", "x"], ["--fail-on", "terrible", "x"], ["--nonsense", "x"], ["--top", "-1", "x"]]
)
def test_wrong_usage_exits_with_2_on_stderr(iqa: Run, arguments: list[str]) -> None:
    code, out, err = iqa(*arguments)
    assert (code, out) == (2, "")
    assert "Usage" in err


def test_a_folder_that_cannot_be_searched_is_a_warning(iqa: Run, roll: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from iqa_cli.photos import discover as module

    found = module.discover([roll])
    monkeypatch.setattr(
        module, "discover", lambda _: module.Discovery(found.photos, (("DCIM/locked", "permission denied"),))
    )
    code, _, err = iqa(roll)
    assert (code, err) == (0, "warning: DCIM/locked: not searched (permission denied)\n")


def test_an_interrupt_keeps_the_rows_and_says_so(
    iqa: Run, save_grey: SaveGrey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        save_grey(f"many/{number:02}.png", 128)
    read = pipeline.read_photo

    def read_until_interrupted(ref: PhotoRef, *, mode: pipeline.Decode) -> object:
        if ref.source_file.endswith("35.png"):
            raise KeyboardInterrupt
        return read(ref, mode=mode)

    monkeypatch.setattr(pipeline, "read_photo", read_until_interrupted)
    path = tmp_path / "audit.csv"
    code, out, err = iqa(tmp_path / "many", "--csv", path)
    assert (code, out, err) == (130, "", f"interrupted: 32 photos judged, rows kept in {path}\n")
    assert len(rows_of(path)) == 32


def test_our_own_bug_is_called_one_and_shows_its_traceback_on_request(
    iqa: Run, roll: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr(pipeline.Auditor, "load", load)
    monkeypatch.delenv("IQA_DEBUG", raising=False)
    code, out, err = iqa(roll)
    assert (code, out) == (70, "")
    assert err.startswith("internal error: KeyError: 'lost'\nhint: this is a bug in iqa, please report it")
    assert "Traceback" not in err
    monkeypatch.setenv("IQA_DEBUG", "1")
    code, _, err = iqa(roll)
    assert code == 70
    assert "Traceback" in err


def start(*arguments: object, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """The command in a process of its own, with the package that is being tested."""
    root = str(Path(pipeline.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "iqa_cli", "assess", *map(str, arguments)],
        env=environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("output", [(), ("--csv", "-"), ("--jsonl", "-")])
def test_a_reader_that_leaves_early_is_no_error(roll: Path, checkpoint_folder: Path, output: tuple[str, ...]) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with start(roll, "--checkpoint", checkpoint_folder, *output, stdout=write_end) as process:
        os.close(write_end)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_ctrl_c_ends_with_130_and_one_line(tmp_path: Path, checkpoint_folder: Path, save_grey: SaveGrey) -> None:
    for number in range(400):
        save_grey(f"many/{number:03}.png", 128, (800, 600))
    path = tmp_path / "audit.csv"
    with start(tmp_path / "many", "--checkpoint", checkpoint_folder, "--csv", path, "--jobs", 1) as process:
        while process.poll() is None and not (path.exists() and path.stat().st_size > 5000):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    judged = len(rows_of(path))
    assert (process.returncode, out) == (130, b"")
    assert err.decode() == f"interrupted: {judged} photos judged, rows kept in {path}\n"


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="needs a file system that takes any bytes as a name")
def test_a_name_that_is_not_utf8_passes_through_every_output(
    roll: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    (roll / "c_blocking_dark.png").rename(roll / os.fsdecode(b"caf\xe9 \x1b[31m.png"))
    files = ("--csv", tmp_path / "a.csv", "--jsonl", tmp_path / "a.jsonl")
    with start(roll, "--checkpoint", checkpoint_folder, *files) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert b"caf\\xe9 \\x1b[31m.png" in out
    assert any(row["SourceFile"].endswith("caf\\xe9 \x1b[31m.png") for row in rows_of(tmp_path / "a.csv"))
    assert (tmp_path / "a.jsonl").read_text(encoding="utf-8").count("caf\\\\xe9") == 1
