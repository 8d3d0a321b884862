"""`iqa assess` as a user meets it: exit codes, stdout and stderr apart, files written."""

from __future__ import annotations

import codecs
import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from iqa_cli import pipeline
from iqa_cli.cli.app import main
from iqa_cli.picking.report import read_report
from iqa_cli.pipeline import reading
from tests.photos.exif_blocks import oddities

if TYPE_CHECKING:
    from in_process import Run

    from iqa_cli.records import PhotoRef

SaveGrey = Callable[..., Path]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_report_goes_to_stdout_and_nothing_to_stderr(iqa: Run, roll: Path) -> None:
    code, out, err = iqa(roll)
    assert (code, err) == (0, "")
    assert "Tone problems, by photo (5 of 8 photos judged)" in out
    assert re.search(
        r"\n8 photos in \d+\.\d s: 3 flawed \(1 blocking, 1 severe\), 2 fine, 1 uncertain, 2 unreadable\n$", out
    )
    assert "\x1b" not in out


def test_what_was_passed_over_is_said_below_the_closing_line(iqa: Run, roll: Path) -> None:
    (roll / "clip.MOV").write_bytes(b"x")
    (roll / "thumbs").mkdir()
    (roll / "thumbs" / "a.jpg").write_bytes((roll / "d_fine.jpg").read_bytes())
    code, out, err = iqa(roll, "--exclude", "*icon*")
    assert (code, err) == (0, "")
    assert out.endswith(
        ", 2 unreadable\nPassed over: 1 file of another kind (1 .mov), 1 folder of copies (thumbnail folders; "
        "--include-copies looks into them), 1 excluded\n"
    )
    assert re.search(r"\n9 photos in ", iqa(roll, "--include-copies").out)


def test_a_folder_without_photos_says_what_is_in_it(iqa: Run, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "IMG_1.DOC").write_bytes(b"x")
    code, out, err = iqa(tmp_path / "raw")
    assert (code, out) == (4, "")
    assert err.startswith(
        f"error: no photos found in {tmp_path / 'raw'}; passed over: 1 file of another kind (1 .doc)\n"
    )


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_paths_may_come_on_stdin(iqa: Run, roll: Path, end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [os.fsencode(roll / name) + end for name in ("a_fine.png", "c_blocking_dark.png")]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"".join(names))))
    code, out, _ = iqa("-", "--csv", "-")
    assert code == 0
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == [name[: -len(end)].decode() for name in names]


def test_nothing_on_stdin_is_no_photos(iqa: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert iqa("-").code == 4


def test_names_to_exclude_may_come_from_a_file(iqa: Run, roll: Path, tmp_path: Path) -> None:
    (tmp_path / "not.txt").write_text("# no icons\n*icon*\ng_*\nh_*\n", encoding="utf-8")
    code, out, _ = iqa(roll, "--exclude-from", tmp_path / "not.txt")
    assert code == 0
    assert out.endswith("Passed over: 3 excluded\n")
    code, _, err = iqa(roll, "--exclude-from", tmp_path / "missing.txt")
    assert code == 3
    assert err.startswith(f"error: --exclude-from {tmp_path / 'missing.txt'}: cannot be read (No such file")


def test_an_object_store_is_no_folder_of_this_machine(iqa: Run) -> None:
    code, _, err = iqa("s3://bucket/photos")
    assert code == 3
    assert "hint: iqa reads files of this machine" in err


def test_a_photo_with_a_damaged_sector_is_judged_and_not_trusted(iqa: Run, tmp_path: Path) -> None:
    """Without the status it would be the worst photo of the run."""
    folder = tmp_path / "card"
    folder.mkdir()
    night = load_sample_image("china.jpg") // 12
    Image.fromarray(night).save(folder / "whole.jpg", quality=95)
    data = (folder / "whole.jpg").read_bytes()
    middle = len(data) // 2
    (folder / "broken.jpg").write_bytes(data[:middle] + bytes(512) + data[middle + 512 :])
    code, out, err = iqa(folder, "--fail-on", "blocking", "--csv", tmp_path / "audit.csv")
    assert (code, err) == (1, "")  # for the whole one
    assert "\nDamaged files, do not trust these (1)\n" in out
    assert re.search(r"\n2 photos in \d+\.\d s: 1 flawed \(1 blocking\), 0 fine, 1 damaged\n$", out)
    broken, whole = rows_of(tmp_path / "audit.csv")
    assert (broken["status"], broken["error"], whole["status"]) == ("damaged", "", "ok")
    assert broken["note"].startswith("the file is damaged: ")
    assert broken["dark_level"] == whole["dark_level"] == "4"
    (folder / "whole.jpg").unlink()
    assert iqa(folder, "--fail-on", "blocking").code == 0


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
    lines = [(tmp_path / f"{jobs}.jsonl").read_bytes().splitlines() for jobs in (1, 5)]
    assert lines[0][1:-1] == lines[1][1:-1]
    assert [len(each) for each in lines] == [10, 10]


def test_table_csv_and_json_tell_the_same_story(iqa: Run, roll: Path, tmp_path: Path) -> None:
    out = iqa(roll, "--csv", tmp_path / "a.csv", "--jsonl", tmp_path / "a.jsonl").out
    records = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    documents = [record for record in records if record["type"] == "photo"]
    for row, document in zip(rows_of(tmp_path / "a.csv"), documents, strict=True):
        assert (row["SourceFile"], row["status"]) == (document["source_file"], document["status"])
        assert row["worst_label"] == (document["worst"] or {"label": ""})["label"]
        assert (row["SourceFile"] in out) == (row["status"] != "ok" or row["worst_level"] != "1")


def test_dash_writes_rows_to_stdout_instead_of_the_table(iqa: Run, roll: Path) -> None:
    code, out, err = iqa(roll, "--csv", "-")
    assert (code, err) == (0, "")
    assert out.startswith("SourceFile,status,")
    assert out.count("\n") == 9
    records = [json.loads(line) for line in iqa(roll, "--jsonl", "-").out.splitlines()]
    assert [record["status"] for record in records[1:-1]].count("ok") == records[-1]["photos"]["ok"] == 5


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
    assert "秒：3 张有问题（1 张阻塞，1 张严重），2 张正常" in out


def test_nothing_readable_is_reported_and_exits_with_4(iqa: Run, roll: Path, tmp_path: Path) -> None:
    code, out, err = iqa(roll / "g_empty.jpg", roll / "h_text.jpg", "--csv", tmp_path / "a.csv")
    assert code == 4
    assert err == "error: no photo could be read, of 2 found\n"
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
    (tmp_path / "audit.csv").write_text("SourceFile,status,yesterday", encoding="utf-8")
    code, _, err = iqa(roll, "--checkpoint", tmp_path / "damaged", "--csv", tmp_path / "audit.csv")
    assert code == 3
    assert "card.json" in err
    assert (tmp_path / "audit.csv").read_text(encoding="utf-8") == "SourceFile,status,yesterday"


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
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "same")
    for other in (tmp_path / "same", tmp_path / "folder" / ".." / "same", tmp_path / "link"):
        code, _, err = iqa(roll, "--csv", tmp_path / "same", "--jsonl", other)
        assert code == 2
        assert "both name" in err
    assert not (tmp_path / "same").exists()
    (tmp_path / "same").write_text("SourceFile,status,yesterday", encoding="utf-8")
    (tmp_path / "hard").hardlink_to(tmp_path / "same")
    assert iqa(roll, "--csv", tmp_path / "same", "--jsonl", tmp_path / "hard").code == 2
    assert (tmp_path / "same").read_text(encoding="utf-8") == "SourceFile,status,yesterday"


@pytest.mark.parametrize("option", ["--csv", "--jsonl"])
def test_an_output_without_a_usable_name_is_wrong_usage(option: str, iqa: Run, roll: Path) -> None:
    assert iqa(roll, option, "").err == f"error: {option} needs the name of a file\nhint: - writes to stdout\n"
    code, _, err = iqa(roll, option, "x" * 300)
    assert code == 2
    assert "File name too long" in err


def test_a_run_that_fails_before_its_first_row_leaves_the_old_report_alone(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "read_photo", interrupted)
    (tmp_path / "audit.csv").write_text("SourceFile,status,yesterday", encoding="utf-8")
    assert iqa(roll, "--csv", tmp_path / "audit.csv").code == 130
    assert (tmp_path / "audit.csv").read_text(encoding="utf-8") == "SourceFile,status,yesterday"


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
        module, "discover", lambda _, **__: module.Discovery(found.photos, (("DCIM/locked", "permission denied"),))
    )
    code, _, err = iqa(roll)
    assert (code, err) == (0, "warning: DCIM/locked: not searched (permission denied)\n")


def test_an_interrupt_keeps_the_rows_and_says_so(
    iqa: Run, save_grey: SaveGrey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        save_grey(f"many/{number:02}.png", 128)
    read = reading.read_photo

    def read_until_interrupted(ref: PhotoRef, *, mode: pipeline.Decode, side: int) -> object:
        if ref.source_file.endswith("36.png"):  # the first of four that are judged in one go
            raise KeyboardInterrupt
        return read(ref, mode=mode, side=side)

    monkeypatch.setattr(reading, "read_photo", read_until_interrupted)
    path = tmp_path / "audit.csv"
    code, out, err = iqa(tmp_path / "many", "--csv", path)
    said = f"interrupted: 36 photos judged, rows kept in {path}; the same command goes on from there\n"
    assert (code, out, err) == (130, "", said)
    assert len(rows_of(path)) == 36


@pytest.mark.parametrize("old", [None, "SourceFile,status,yesterday\n"])
def test_our_own_bug_costs_no_older_report_and_no_whole_row(
    iqa: Run, save_grey: SaveGrey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str | None
) -> None:
    from iqa_cli.report.audit import jsonl

    for number in range(10):
        save_grey(f"many/{number}.png", 128)
    path, partial = tmp_path / "audit.csv", tmp_path / "audit.partial.csv"
    if old is not None:
        path.write_text(old, encoding="utf-8")
    real = jsonl.report_as_json
    left = [7]

    def failing(report: object) -> object:
        left[0] -= 1
        if not left[0]:
            raise KeyError("lost")
        return real(report)  # type: ignore[arg-type]

    monkeypatch.setattr(jsonl, "report_as_json", failing)
    code, out, err = iqa(tmp_path / "many", "--csv", path, "--jsonl", tmp_path / "audit.jsonl")
    note, error, *_ = err.splitlines()
    as_it_was = "" if old is None else f", {path} is as it was"
    assert (code, out) == (70, "")
    assert note == f"note: rows kept in {partial} and {tmp_path / 'audit.partial.jsonl'}{as_it_was}"
    assert error == "internal error: KeyError: 'lost'"
    assert len(rows_of(partial)) == 7
    assert (tmp_path / "audit.partial.jsonl").read_bytes().count(b"\n") == 7  # one tells of the run
    assert path.exists() == (old is not None)
    assert old is None or path.read_text(encoding="utf-8") == old


def test_a_link_to_a_report_stays_a_link(iqa: Run, roll: Path, tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "audit.csv").symlink_to(tmp_path / "share" / "real.csv")
    for _ in range(2):
        assert iqa(roll, "--csv", tmp_path / "audit.csv").code == 0
        assert (tmp_path / "audit.csv").is_symlink()
        assert len(rows_of(tmp_path / "share" / "real.csv")) == 8
    assert [path.name for path in (tmp_path / "share").iterdir()] == ["real.csv"]


def test_a_report_that_cannot_be_replaced_is_refused_before_the_model_loads(
    iqa: Run, roll: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: Callable[..., None]
) -> None:
    monkeypatch.setattr(pipeline.Auditor, "load", None)
    path, other = tmp_path / "audit.csv", tmp_path / "other.csv"
    for file in (path, other):
        file.write_text("SourceFile,status,yesterday\n", encoding="utf-8")
    mount(path, "--bind", other)
    code, out, err = iqa(roll, "--csv", path)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        f"error: {path}: cannot be replaced (it is mounted by itself, as into a container)",
        "hint: a new file is made beside it and takes its place: name one in a folder that is yours",
    ]
    assert path.read_text(encoding="utf-8") == "SourceFile,status,yesterday\n"


@pytest.mark.skipif(not Path("/dev/null").exists(), reason="needs /dev/null")
def test_a_device_is_written_to(iqa: Run, roll: Path) -> None:
    number = Path("/dev/null").stat().st_ino
    assert iqa(roll, "--csv", "/dev/null", "--jsonl", "-").out.count('"type": "photo"') == 8
    assert Path("/dev/null").stat().st_ino == number


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


def test_a_closed_stdout_is_told_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["iqa", "assess", "missing"])
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as leaving:
        main()
    monkeypatch.undo()
    assert leaving.value.code == 3
    assert capsys.readouterr().err.startswith("error: stdout is closed\n")


@pytest.mark.parametrize("option", ["--csv", "--jsonl"])
def test_a_file_that_is_not_an_earlier_report_is_never_replaced(
    iqa: Run, roll: Path, tmp_path: Path, option: str
) -> None:
    notes = tmp_path / "notes.csv"
    notes.write_text("file,licence\na.jpg,CC0\n", encoding="utf-8")
    code, out, err = iqa(roll, option, notes)
    assert (code, out) == (2, "")
    assert (
        err.splitlines()[0]
        == f"error: {option} {notes}: the file is there and was not written by iqa, it would be lost"
    )
    assert notes.read_text(encoding="utf-8") == "file,licence\na.jpg,CC0\n"
    notes.write_bytes(b"")
    assert iqa(roll, option, notes).code == 0
    assert iqa(roll, option, notes).code == 0  # its own report it may
    notes.chmod(0o444)
    written = notes.read_bytes()
    code, _, err = iqa(roll, option, notes)  # root could
    assert code == 2
    assert "write-protected" in err
    assert notes.read_bytes() == written


def test_a_card_that_is_not_there_is_wrong_usage_and_says_what_brings_it(
    iqa: Run, roll: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    arguments = [roll, "--checkpoint", checkpoint_folder]
    code, out, err = iqa(*arguments, "--device", "cuda")
    assert (code, out) == (2, "")
    assert err.startswith("error: device 'cuda' cannot be used: this onnxruntime is for processors only\nhint: ")
    assert "onnxruntime-gpu" in err
    by_device = [iqa(*arguments, "--csv", "-", "--device", device).out for device in ("auto", "cpu")]
    assert by_device[0] == by_device[1] == iqa(*arguments, "--csv", "-", "--no-cache").out


def test_a_csv_for_excel_begins_with_a_mark_and_is_read_again(iqa: Run, tmp_path: Path, save_grey: SaveGrey) -> None:
    save_grey("card/Übung 照片.jpg", 5)
    target = tmp_path / "audit.csv"
    assert iqa(tmp_path / "card", "--csv", target, "--lang", "zh").code == 0
    plain = target.read_bytes()
    for _ in range(2):  # an earlier report with a mark is known as ours, too
        assert iqa(tmp_path / "card", "--csv", target, "--csv-bom", "--lang", "zh").code == 0
        assert target.read_bytes() == codecs.BOM_UTF8 + plain
    (row,) = read_report(target).rows
    assert row.source_file == f"{tmp_path}/card/Übung 照片.jpg"
    (path,) = pd.read_csv(target)["SourceFile"]
    assert path == row.source_file
    assert iqa(tmp_path / "card", "--csv", target).code == 0
    assert target.read_bytes().startswith(b"SourceFile,")


def test_a_mark_without_a_csv_is_wrong_usage(iqa: Run, roll: Path) -> None:
    code, out, err = iqa(roll, "--csv-bom")
    assert (code, out) == (2, "")
    assert "--csv-bom is about the file of --csv, which is missing" in err


def test_settings_that_cannot_be_read_are_named_in_the_row(iqa: Run, tmp_path: Path) -> None:
    (tmp_path / "card").mkdir()
    for name in ("as_it_should", "gbk", "half_past_midnight", "bias_unsigned"):
        (tmp_path / "card" / f"{name}.jpg").write_bytes(oddities()[name])
    assert iqa(tmp_path / "card", "--csv", tmp_path / "audit.csv").code == 0
    rows = {Path(row["SourceFile"]).stem: row for row in rows_of(tmp_path / "audit.csv")}
    assert rows["bias_unsigned"]["ExposureCompensation"] == rows["as_it_should"]["ExposureCompensation"] == "-0.7"
    assert rows["gbk"]["Make"] == rows["half_past_midnight"]["DateTimeOriginal"] == ""
    said = {name: row["note"].split("; ") for name, row in rows.items()}
    assert "left out of the camera settings: Make (text that is not UTF-8)" in said["gbk"]
    assert 'left out of the camera settings: DateTimeOriginal ("2024:05:31 24:30:00")' in said["half_past_midnight"]
    assert not any("left out" in note for note in said["as_it_should"])
