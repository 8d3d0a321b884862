"""What becomes of photos that changed, are gone or refused; what verify finds; what gather writes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest
from cli.in_process import run_iqa
from servers import FaultProxy, Faults, free_port

from iqa_cli.cache.codec import unpack
from iqa_cli.errors import RunError
from iqa_cli.machine import this_machine
from iqa_cli.scale.card import load_run
from iqa_cli.scale.gather import reports
from iqa_cli.scale.parts import pack_part, part_name, read_part, unpack_part
from iqa_cli.scale.shard import Task, Worker, work
from iqa_cli.scale.verify import verify
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.in_process import Outcome

NAMES = [f"{number:02}.png" for number in range(8)]


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    return lambda *arguments: run_iqa(monkeypatch, capsys, *arguments)


@pytest.fixture
def folder(tmp_path: Path, save_grey: Callable[..., Path]) -> Path:
    for number, name in enumerate(NAMES):
        save_grey(f"photos/{name}", 40 + 20 * number)
    return tmp_path / "photos"


@pytest.fixture
def planned(
    store: str, folder: Path, upload: Callable[..., None], run_here: Callable[..., Outcome], checkpoint_folder: Path
) -> Place:
    """A run over a bucket, nothing done."""
    upload(folder, f"{store}/photos")
    done = run_here("plan", f"{store}/photos", "--out", f"{store}/run", "--shard", 4, "--checkpoint", checkpoint_folder)
    assert done.code == 0, done.err
    return Place(f"{store}/run")


def judged(place: Place) -> Worker:
    worker = Worker(place)
    for shard in range(len(load_run(place).shards)):
        done = worker(Task(shard))
        assert done.problem is None
        assert done.won
    return worker


def states(place: Place) -> dict[str, str]:
    run = load_run(place)
    return {row.key: row.state for number in range(len(run.shards)) for row in read_part(place, run, number)}


def test_changed_and_vanished_objects_are_rows(planned: Place, store: str, run_here: Callable[..., Outcome]) -> None:
    photos = Place(f"{store}/photos")
    photos.put("01.png", photos.get("02.png") or b"")
    photos.store.delete("06.png")
    judged(planned)
    assert states(planned) == {**dict.fromkeys(NAMES, "ok"), "01.png": "changed", "06.png": "vanished"}
    assert verify(planned).is_whole
    rows = run_here("gather", planned.url, "--csv", "-").out.splitlines()
    assert rows[2].startswith(f"{store}/photos/01.png,unreadable,changed since the plan")
    assert rows[7].startswith(f"{store}/photos/06.png,unreadable,the file is not there any more,")


def test_files_that_changed_are_rows_as_well(
    folder: Path, tmp_path: Path, run_here: Callable[..., Outcome], checkpoint_folder: Path
) -> None:
    assert run_here("plan", folder, "--out", tmp_path / "run", "--checkpoint", checkpoint_folder).code == 0
    (folder / "03.png").write_bytes((folder / "04.png").read_bytes() + b" ")
    (folder / "05.png").unlink()
    place = Place(str(tmp_path / "run"))
    judged(place)
    assert states(place) == {**dict.fromkeys(NAMES, "ok"), "03.png": "changed", "05.png": "vanished"}


def test_refused_photos_are_rows_and_refused_credentials_are_not(
    planned: Place, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FaultProxy(server, Faults(refused=r"photos/0[4-7]\.png")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        assert Worker(Place(planned.url))(Task(1)).problem is None  # a shard of them: another shard can be read
        proxy.faults.refused = r"photos/0[0-7]\.png"
        done = Worker(Place(planned.url))(Task(0))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    planned = Place(planned.url)
    assert "permission denied" in (done.problem or "")
    assert not done.is_passing
    assert planned.names("part") == ["part/00001.parquet"]
    assert {row.state for row in read_part(planned, load_run(planned), 1)} == {"denied"}


def test_a_source_that_is_gone_is_no_photo_that_vanished(
    folder: Path, tmp_path: Path, run_here: Callable[..., Outcome], checkpoint_folder: Path
) -> None:
    run = tmp_path / "run"
    assert run_here("plan", folder, "--out", run, "--shard", 4, "--checkpoint", checkpoint_folder).code == 0
    folder.rename(tmp_path / "elsewhere")
    folder.mkdir()  # where a disk is not mounted there is an empty folder
    failed = run_here("run", run, "--jobs", 1)
    assert failed.code == 3
    assert "none of its photos is there" in failed.err
    assert "mounted" in failed.err
    folder.rmdir()
    (tmp_path / "elsewhere").rename(folder)
    assert run_here("run", run, "--jobs", 1).code == 0
    assert set(states(Place(str(run))).values()) == {"ok"}


def test_a_bucket_that_is_gone_is_no_photo_that_vanished(planned: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from iqa_cli.scale import shard

    worker = Worker(planned)
    monkeypatch.setattr(worker._source, "_place", Place("s3://gone/photos"))
    done = worker(shard.Task(0))
    assert "there is no such bucket" in (done.problem or "")
    assert planned.names("part") == []


def test_a_photo_that_the_store_never_gives_is_a_row_if_it_gives_others(
    planned: Place, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from iqa_cli.stores import answers

    monkeypatch.setattr(answers, "_FIRST_PAUSE_S", 0.0)
    with FaultProxy(server, Faults(broken=r"photos/02\.png")) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        worker = Worker(Place(planned.url))
        first = worker(Task(0))
        assert first.is_passing
        assert "InvalidRequest" in (first.problem or "")
        assert threads_that_fetch() == []
        assert worker(Task(0, is_last=True)).won
        proxy.faults.broken = r"photos/0"
        assert worker(Task(1, is_last=True)).is_passing  # it gives none
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    planned = Place(planned.url)
    assert planned.names("part") == ["part/00000.parquet"]
    rows = read_part(planned, load_run(planned), 0)
    assert [row.state for row in rows] == ["ok", "ok", "error", "ok"]
    assert unpack(rows[2].report, rows[2].key).error == "the store does not give it (InvalidRequest)"


def threads_that_fetch() -> list[str]:
    """Those that are left a moment after a shard has ended: they must not wait for the garbage collector."""
    end = time.monotonic() + 20
    while found := [thread.name for thread in threading.enumerate() if thread.name.startswith("iqa-fetch")]:
        if time.monotonic() > end:
            return found
        time.sleep(0.02)
    return []


def test_a_store_that_is_away_is_nobodys_photo(planned: Place, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from iqa_cli.stores import answers, places, remote

    monkeypatch.setattr(remote, "TRIES", 1)
    monkeypatch.setattr(answers, "_FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(places, "RETRIES", {**places.RETRIES, "max_retries": 0})
    with FaultProxy(server, Faults()) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        worker = Worker(Place(planned.url))
        worker._place.get("run.json")
        proxy.faults.slow_down = 1.0
        done = worker(Task(0))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    planned = Place(planned.url)
    assert done.problem is not None
    assert done.is_passing
    assert planned.names("part") == []


def test_whoever_comes_second_discards_and_the_bytes_are_the_same(planned: Place) -> None:
    worker = judged(planned)
    first = planned.get("part/00000.parquet")
    again = worker(Task(0))
    assert (again.problem, again.won) == (None, True)  # its own bytes: a reply may have been lost
    assert planned.get("part/00000.parquet") == first
    poisoned = worker(Task(0, None, {1: "the decoder crashed on it (signal 11)"}))
    assert (poisoned.problem, poisoned.won) == (None, False)
    assert planned.get("part/00000.parquet") == first


def test_a_probe_writes_nothing(planned: Place) -> None:
    done = Worker(planned)(Task(0, (1, 3)))
    assert (done.photos, done.problem) == (2, None)
    assert planned.names("part") == []


def test_verify_says_what_is_missing_or_wrong(planned: Place, run_here: Callable[..., Outcome]) -> None:
    done = run_here("verify", planned.url)
    assert done.code == 1
    assert "no result yet: shards 0, 1" in done.out
    judged(planned)
    assert run_here("verify", planned.url).code == 0
    run = load_run(planned)
    content = planned.get(part_name(1)) or b""
    rows = read_part(planned, run, 1)
    wrong = {
        "is damaged": content[:-100],
        "is of shard 0 of run": planned.get(part_name(0)) or b"",
        "its photos are not those that were planned": pack_part(run, 1, rows[:3]),
        "its rows are not": content.replace(rows[0].key.encode(), b"zz.png"),
    }
    for words, damaged in wrong.items():
        planned.put(part_name(1), damaged)
        done = run_here("verify", planned.url)
        assert done.code == 1
        assert words in done.out or "is damaged" in done.out
        assert "4 of 8 photos" in done.out
        assert run_here("gather", planned.url, "--csv", "-").code in (
            (3,) if words != "its photos are not those that were planned" else (0, 3)
        )
    planned.put(part_name(1), content)
    planned.put("part/00007.parquet", content)
    assert "part/00007.parquet: no shard of this run" in run_here("verify", planned.url).out
    planned.store.delete("part/00007.parquet")
    shard = planned.get("manifest/00000.parquet") or b""
    planned.put("manifest/00000.parquet", shard[:50] + b"x" + shard[51:])
    assert "manifest/00000.parquet is damaged" in run_here("verify", planned.url).out
    planned.store.delete("manifest/00000.parquet")
    assert "manifest/00000.parquet is missing" in run_here("verify", planned.url).out
    assert "manifest/00000.parquet is missing" in (Worker(planned)(Task(0)).problem or "")


def test_each_byte_of_a_result_counts(planned: Place) -> None:
    judged(planned)
    run = load_run(planned)
    content = planned.get(part_name(0)) or b""
    rows = unpack_part(content, run, 0, "part")
    assert pack_part(run, 0, rows) == content
    for number, row in enumerate(rows):
        for change in ({"key": "other"}, {"etag": "other"}, {"state": "other"}, {"report": row.report + b" "}):
            changed = [*rows[:number], row._replace(**change), *rows[number + 1 :]]
            assert hashlib.sha256(pack_part(run, 0, changed)).digest() != hashlib.sha256(content).digest()


def test_gather_waits_for_all_shards(planned: Place, run_here: Callable[..., Outcome]) -> None:
    Worker(planned)(Task(1))
    done = run_here("gather", planned.url, "--csv", "-")
    assert done.code == 3
    assert done.out == ""
    assert "1 of 2 shards have no result yet" in done.err
    assert "--resume" in done.err


def test_gather_writes_nothing_into_the_run(
    folder: Path, tmp_path: Path, run_here: Callable[..., Outcome], checkpoint_folder: Path
) -> None:
    run = tmp_path / "run"
    assert run_here("plan", folder, "--out", run, "--checkpoint", checkpoint_folder).code == 0
    before = (run / "run.json").read_bytes()
    refused = run_here("gather", run, "--json", tmp_path / "." / "run" / "run.json")
    assert refused.code == 2
    assert "inside the run" in refused.err
    assert (run / "run.json").read_bytes() == before


def test_files_that_are_shown_alike_are_two(
    folder: Path, tmp_path: Path, run_here: Callable[..., Outcome], checkpoint_folder: Path
) -> None:
    try:
        (folder / os.fsdecode(b"a\xff.png")).write_bytes((folder / "00.png").read_bytes())
    except OSError:
        pytest.skip("this file system takes no such names")
    (folder / "a\\xff.png").write_bytes((folder / "01.png").read_bytes())
    run = tmp_path / "run"
    plan = ("plan", folder, "--out", run, "--shard", 9, "--checkpoint", checkpoint_folder)
    assert run_here(*plan).code == 0
    place = Place(str(run))
    whole = place.get("manifest/00001.parquet")
    for name in ("run.json", "manifest/00001.parquet"):  # stopped between the two
        (run / name).unlink()
    assert run_here(*plan).code == 0
    assert place.get("manifest/00001.parquet") == whole
    judged(place)
    assert verify(place).is_whole
    assert verify(place).rows == len(NAMES) + 2


def test_gather_writes_what_assess_does(
    folder: Path, tmp_path: Path, run_here: Callable[..., Outcome], checkpoint_folder: Path
) -> None:
    pandas = pytest.importorskip("pandas")
    run = tmp_path / "run"
    plan = ("plan", folder, "--out", run, "--pages", "--shard", 3, "--checkpoint", checkpoint_folder)
    assert run_here(*plan).code == 0
    judged(Place(str(run)))
    outputs = {name: tmp_path / f"{name}.out" for name in ("csv", "jsonl", "json", "parquet")}
    options = [part for name, path in outputs.items() for part in (f"--{name}", path)]
    page = tmp_path / "page.html"
    gathered = run_here("gather", run, *options, "--html", page, "--by", "folder")
    assert gathered.code == 0, gathered.err
    assert "8 photos" in gathered.out
    local = tmp_path / "local"
    local.mkdir()
    more = [part for name in outputs for part in (f"--{name}", local / f"{name}.out")]
    assert (
        run_here(
            "assess",
            folder,
            "--no-cache",
            "--checkpoint",
            checkpoint_folder,
            *more,
            "--html",
            local / "page.html",
            "--by",
            "folder",
        ).code
        == 0
    )
    assert outputs["csv"].read_bytes() == (local / "csv.out").read_bytes()
    lines = [path.read_text("utf-8").splitlines() for path in (outputs["jsonl"], local / "jsonl.out")]
    photos = [[line for line in found if json.loads(line).get("type") == "photo"] for found in lines]
    assert photos[0] == photos[1]
    assert len(photos[0]) == 8
    one, other = (json.loads(path.read_bytes()) for path in (outputs["json"], local / "json.out"))
    for key in ("photos", "labels", "worst_levels", "reasons", "groups"):
        assert one[key] == other[key]
    assert one["run"]["places"] == [str(folder)]
    tables = [pandas.read_parquet(path) for path in (outputs["parquet"], local / "parquet.out")]
    pandas.testing.assert_frame_equal(*tables)
    assert page.stat().st_size > 0.9 * (local / "page.html").stat().st_size


def test_a_page_needs_what_it_shows(planned: Place, run_here: Callable[..., Outcome], tmp_path: Path) -> None:
    done = run_here("gather", planned.url, "--html", tmp_path / "page.html")
    assert done.code == 2
    assert "--pages" in done.err


def test_reports_for_programs(planned: Place, store: str) -> None:
    judged(planned)
    names = [report.source_file for report in reports(planned, load_run(planned))]
    assert names == [f"{store}/photos/{name}" for name in NAMES]


def test_another_model_or_other_libraries_are_refused(
    planned: Place, run_here: Callable[..., Outcome], checkpoint_folder: Path
) -> None:
    card = checkpoint_folder / "card.json"
    before = card.read_bytes()
    try:
        card.write_bytes(before + b"\n")
        done = run_here("run", planned.url, "--jobs", 1)
        assert done.code == 3
        assert "this is another model than the run was planned with" in done.err
        assert "hint:" in done.err
    finally:
        card.write_bytes(before)
    document = json.loads(planned.get("run.json") or b"")
    document["libraries"]["pillow"] = "1.0"
    planned.put("run.json", json.dumps(document).encode())
    done = run_here("run", planned.url, "--jobs", 1)
    assert done.code == 3
    assert "pillow" in done.err
    assert "the plan has 1.0" in done.err
    assert planned.names("part") == []


def test_max_bytes_leaves_the_rest_for_later(planned: Place, run_here: Callable[..., Outcome], tmp_path: Path) -> None:
    run = load_run(planned)
    lines = tmp_path / "progress.jsonl"
    done = run_here("run", planned.url, "--jobs", 1, "--max-bytes", run.shards[0].bytes + 10, "--progress", lines)
    assert done.code == 1
    assert "1 of 2 shards were not begun" in done.err
    assert len(planned.names("part")) == 1
    last = json.loads(lines.read_text().splitlines()[-1])
    assert (last["shards"], last["photos"], last["bytes_read"]) == (1, 4, run.shards[0].bytes)
    done = run_here("run", planned.url, "--jobs", 1)
    assert done.code == 3
    assert "--resume goes on" in done.err
    assert run_here("run", planned.url, "--jobs", 1, "--resume").code == 0
    assert verify(planned).is_whole


def test_no_run_no_photos_no_bucket(store: str, run_here: Callable[..., Outcome], tmp_path: Path) -> None:
    for command in ("run", "verify", "gather"):
        done = run_here(command, f"{store}/nothing")
        assert done.code == 3
        assert "there is no run here" in done.err
    done = run_here("plan", f"{store}/empty", "--out", tmp_path / "run")
    assert done.code == 4
    assert f"no photos found in {store}/empty" in done.err
    done = run_here("plan", "s3://nowhere/x", "--out", tmp_path / "other")
    assert done.code == 3
    assert "there is no such bucket" in done.err
    done = run_here("plan", tmp_path / "nowhere", "--out", tmp_path / "third")
    assert done.code == 3
    assert "no such folder" in done.err


def test_a_worker_that_cannot_begin_says_whether_anybody_answered(
    planned: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqa_cli.stores.answers.TRIES", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    done = work(planned.url, Task(0))
    assert "cannot be reached" in str(done.problem)
    assert done.is_unreachable
    assert done.is_passing


def test_a_machine_with_other_libraries_may_gather_and_not_judge(
    planned: Place, monkeypatch: pytest.MonkeyPatch, run_here: Callable[..., Outcome]
) -> None:
    judged(planned)
    machine = this_machine()
    others = dataclasses.replace(machine, libraries={**machine.libraries, "pillow": "0.1"})
    monkeypatch.setattr("iqa_cli.scale.card.this_machine", lambda: others)
    with pytest.raises(RunError, match="other libraries"):
        Worker(planned)
    gathered = run_here("gather", planned.url, "--csv", "-")
    assert gathered.code == 0
    assert len(gathered.out.splitlines()) == 1 + len(NAMES)
