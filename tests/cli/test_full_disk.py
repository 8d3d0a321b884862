"""Every output on a disk that is full: the old file stays as it was, and the message names it and what to do."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Protocol

import pytest
from in_process import Outcome, run_iqa

from iqa_cli.checkpoint import CARD, ONNX, WEIGHTS, load_checkpoint, write_checkpoint
from iqa_cli.errors import OutputError
from iqa_cli.report.audit.html import MARK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HEADER = "filename,bright,dark,low_contrast,high_contrast,overexposed,over_suppressed\n"
ROWS = b"SourceFile,status,yesterday\n"
FIGURES = b'{"format_version": 1, "source": "yesterday"}\n'

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is neither a way to mount nor a limit of files")


class Disk(Protocol):
    """A disk that can be filled."""

    folder: Path

    def filled(self, free: int) -> contextlib.AbstractContextManager[None]:
        """In here no new file can have more than about so many bytes."""


class SmallDisk:
    """A real one in memory, filled to the brim."""

    reason = "No space left on device"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def filled(self, free: int) -> Iterator[None]:
        filler = self.folder / "filler"
        with filler.open("wb", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(b"\0" * 4096):
                    pass
            file.truncate(filler.stat().st_size - free)
            try:
                yield
            finally:
                filler.unlink()


class SmallFiles:
    """A limit of what one process may write into one file: anybody may set it."""

    reason = "File too large"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def filled(self, free: int) -> Iterator[None]:
        import resource

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (max(free, 50), before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(params=[SmallDisk, SmallFiles])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> SmallDisk | SmallFiles:
    folder = tmp_path / "disk"
    folder.mkdir()
    if request.param is SmallFiles:
        return SmallFiles(folder)
    request.getfixturevalue("mount")(folder, "-t", "tmpfs", "-o", "size=256k", "none")
    return SmallDisk(folder)


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, *arguments)

    return run


@pytest.fixture
def given(tmp_path: Path, save_grey: Callable[..., Path], checkpoint_folder: Path) -> dict[str, object]:
    """What the commands below work on."""
    for number in range(40):
        save_grey(f"many/{number:02}.png", 6 * number)
    predictions, labels = tmp_path / "predictions.csv", tmp_path / "labels.csv"
    judged = (f'{n}.jpg,"0,{n % 4},0,0,0,0","0,{n % 3},0,0,0,0"\n' for n in range(30))
    predictions.write_text("filename,pred_label,gt_label\n" + "".join(judged), encoding="utf-8")
    labels.write_text(HEADER + "".join(f"{n:02}.png,0,{n % 2},0,0,0,0\n" for n in range(40)), encoding="utf-8")
    return {"many": tmp_path / "many", "labels": labels, "predictions": predictions, "checkpoint": checkpoint_folder}


ASSESS = "assess {many} --checkpoint {checkpoint} --no-cache --jobs 1"
SPLIT = "split {labels} --force --out {folder}"
COMMANDS = {
    "assess --csv": (f"{ASSESS} --csv {{folder}}/audit.csv", {"audit.csv": ROWS}),
    "assess --jsonl": (f"{ASSESS} --jsonl {{folder}}/audit.jsonl", {"audit.jsonl": FIGURES}),
    "assess --parquet": (f"{ASSESS} --parquet {{folder}}/a.parquet", {"a.parquet": b"PAR1iqa.run\x07\0\0\0PAR1"}),
    "assess --html": (f"{ASSESS} --html {{folder}}/a.html", {"a.html": f"<!doctype html>\n<!-- {MARK} ".encode()}),
    "eval --json": ("eval --predictions {predictions} --json {folder}/figures.json", {"figures.json": FIGURES}),
    "eval --csv": ("eval --predictions {predictions} --csv {folder}/figures.csv", {"figures.csv": b"label,n,old\n"}),
    "eval --predictions": (
        "eval {labels} --images {many} --checkpoint {checkpoint} --predictions {folder}/p.csv",
        {"p.csv": b"filename,pred_label,gt_label\n"},
    ),
    "split": (SPLIT, {"train.csv": b"old train", "val.csv": b"old val", "test.csv": b"old test"}),
    "graph-check --fix": ("graph-check smartphone-6 --fix {folder}/fixed.json", {"fixed.json": b"{}"}),
    "graph-check --draw": ("graph-check smartphone-6 --draw {folder}/drawn.svg", {"drawn.svg": b"<svg/>"}),
}
NEEDS = {"eval": "sklearn", "split": "iterstrat"}


def content_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "filler")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def photos_of(report: bytes) -> list[bytes]:
    return [line for line in report.splitlines() if b'"type": "photo"' in line]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_old_file_stays_and_afterwards_the_same_command_replaces_it(
    command: str,
    iqa: Callable[..., Outcome],
    disk: SmallDisk | SmallFiles,
    given: dict[str, object],
    tmp_path: Path,
) -> None:
    if (library := NEEDS.get(command.split(maxsplit=1)[0])) is not None:
        pytest.importorskip(library, reason="needs the train extra")
    line, old = COMMANDS[command]
    for name, content in old.items():
        (disk.folder / name).write_bytes(content)
    with disk.filled(0):
        code, _, err = iqa(*line.format(**given, folder=disk.folder).split())
    error, hint = (text for text in err.splitlines() if text.startswith(("error: ", "hint: ")))
    assert code == 3
    assert error == f"error: {disk.folder / next(iter(old))}: cannot be written ({disk.reason})"
    assert hint == "hint: make room or write elsewhere; what was there before is as it was"
    assert content_of(disk.folder) == old

    (tmp_path / "right").mkdir()
    for folder in (disk.folder, tmp_path / "right"):
        assert iqa(*line.format(**given, folder=folder).split()).code in (0, 4)
    right = content_of(tmp_path / "right")
    beside = {"audit.csv.meta.json"} if command == "assess --csv" else set()
    assert set(right) == set(content_of(disk.folder)) == set(old) | beside
    if command == "assess --jsonl":  # the first and the last line say when it was made
        assert photos_of(content_of(disk.folder)["audit.jsonl"]) == photos_of(right["audit.jsonl"])
    elif command not in ("assess --html", "assess --parquet"):  # which say it, too
        assert {name: content_of(disk.folder)[name] for name in old} == {name: right[name] for name in old}


@pytest.mark.parametrize("free", [4096, 8192])
@pytest.mark.parametrize("there", [True, False])
def test_rows_that_were_whole_lie_beside_it(
    iqa: Callable[..., Outcome],
    disk: SmallDisk | SmallFiles,
    given: dict[str, object],
    tmp_path: Path,
    free: int,
    there: bool,
) -> None:
    assert iqa(*f"{ASSESS} --csv {tmp_path}/right.csv".format(**given).split()).code == 0
    path, partial = disk.folder / "audit.csv", disk.folder / "audit.partial.csv"
    if there:
        path.write_bytes(ROWS)
    with disk.filled(free):
        code, _, err = iqa(*ASSESS.format(**given).split(), "--csv", path)
    assert code == 3
    note, error, _ = err.splitlines()
    assert note == f"note: rows kept in {partial}{f', {path} is as it was' if there else ''}"
    assert error == f"error: {path}: cannot be written ({disk.reason})"
    older = {"audit.csv": ROWS} if there else {}
    assert content_of(disk.folder) == {"audit.partial.csv": partial.read_bytes(), **older}
    kept = partial.read_bytes()
    assert kept.endswith(b"\n")
    assert (tmp_path / "right.csv").read_bytes().startswith(kept)
    assert 2 < kept.count(b"\n") < 41


def test_one_full_disk_ends_the_run_and_the_rows_of_both_files_are_kept(
    iqa: Callable[..., Outcome], disk: SmallDisk | SmallFiles, given: dict[str, object], tmp_path: Path
) -> None:
    files = ("--csv", disk.folder / "a.csv", "--jsonl", tmp_path / "a.jsonl")
    with disk.filled(8192):
        code, out, err = iqa(*ASSESS.format(**given).split(), *files)
    assert (code, out) == (3, "")
    kept = (disk.folder / "a.partial.csv", tmp_path / "a.partial.jsonl")
    assert err.splitlines()[0] == f"note: rows kept in {kept[0]} and {kept[1]}"
    assert [path.read_bytes()[-1:] for path in kept] == [b"\n", b"\n"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110 - evaluated on Windows
def test_a_table_that_cannot_be_printed_costs_no_file(given: dict[str, object], tmp_path: Path) -> None:
    command = f"{ASSESS} --csv {tmp_path}/a.csv --html {tmp_path}/a.html".format(**given).split()
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - see above
        ended = subprocess.run(
            [sys.executable, "-m", "iqa_cli", *command], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode == 3
    assert ended.stderr.startswith(b"error: stdout: cannot be written any further (No space left on device)\n")
    assert (tmp_path / "a.csv").read_bytes().count(b"\n") == 41
    assert (tmp_path / "a.html").read_bytes().startswith(b"<!doctype html>")


def test_a_sidecar_stays_as_it_was(
    iqa: Callable[..., Outcome],
    disk: SmallDisk | SmallFiles,
    tmp_path: Path,
    save_grey: Callable[..., Path],
    checkpoint_folder: Path,
) -> None:
    pytest.importorskip("lxml", reason="sidecars need lxml")
    bright, dark = (disk.folder / name / "photo.png" for name in ("bright", "dark"))
    for path, value in ((bright, 250), (dark, 5)):
        path.parent.mkdir()
        path.write_bytes(save_grey("drawn.png", value).read_bytes())
    report = tmp_path / "audit.csv"
    assert iqa("assess", disk.folder, "--checkpoint", checkpoint_folder, "--csv", report).code == 0
    assert iqa("pick", report, "--xmp").code == 0
    older = bright.with_name("photo.png.xmp")  # a judgement of before, and a photo that has no sidecar yet
    older.write_bytes(older.read_bytes().replace(b"blocking", b"ordinary"))
    dark.with_name("photo.png.xmp").unlink()
    before = content_of(disk.folder)
    with disk.filled(0):
        for path in (bright, dark):
            code, _, err = iqa("pick", report, "--xmp", "--under", path.parent)
            assert code == 3
            assert ".xmp" in err
            assert disk.reason in err
    assert content_of(disk.folder) == before


def test_a_checkpoint_stays_the_one_it_was(disk: SmallDisk | SmallFiles, checkpoint_folder: Path) -> None:
    files = {ONNX: b"old model", WEIGHTS: b"old weights"}
    card = dict(load_checkpoint(checkpoint_folder).card)
    write_checkpoint(disk.folder, files, card)
    before = content_of(disk.folder)
    with disk.filled(4096), pytest.raises(OutputError, match=disk.reason):
        write_checkpoint(disk.folder, {ONNX: b"new model", WEIGHTS: b"new " * 3000}, card)
    assert content_of(disk.folder) == before
    assert sorted(before) == [CARD, ONNX, WEIGHTS]
