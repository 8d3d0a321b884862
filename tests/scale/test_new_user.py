"""What people who audit a bucket for the first time run into is said, with the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cli.in_process import run_iqa

from iqa_cli.cli import plan as planning
from iqa_cli.cli.scale_view import watching, words
from iqa_cli.scale.progress import Progress
from iqa_cli.stores.places import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cli.in_process import Outcome


@pytest.fixture
def iqa(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    return lambda *arguments: run_iqa(monkeypatch, capsys, *arguments)


@pytest.fixture
def photos(store: str, tmp_path: Path, save_grey: Callable[..., Path], upload: Callable[[Path, str], None]) -> str:
    """A prefix of a bucket with six photos."""
    for number in range(6):
        save_grey(f"photos/{number}.png", 5 + 40 * number)
    upload(tmp_path / "photos", f"{store}/photos")
    return f"{store}/photos"


def test_a_second_plan_says_that_it_lists_nothing(
    photos: str, store: str, iqa: Callable[..., Outcome], checkpoint_folder: Path
) -> None:
    first = iqa("plan", photos, "--out", f"{store}/run", "--checkpoint", checkpoint_folder)
    assert first.code == 0
    assert first.err == ""
    second = iqa("plan", f"{photos}/", "--out", f"{store}/run", "--checkpoint", checkpoint_folder)
    assert second.code == 0  # a slash makes no other run
    assert second.out == first.out
    assert "this was planned before, on 20" in second.err
    assert "another --out makes a new plan" in second.err


def test_a_source_that_was_misspelt_does_not_take_the_place(
    photos: str, store: str, iqa: Callable[..., Outcome]
) -> None:
    wrong = iqa("plan", f"{photos}-", "--out", f"{store}/run")
    assert wrong.code == 4
    assert Place(f"{store}/run").names("") == []
    assert iqa("plan", photos, "--out", f"{store}/run").code == 0


def test_a_run_among_the_photos_is_refused(photos: str, tmp_path: Path, iqa: Callable[..., Outcome]) -> None:
    for out in (f"{photos}/audit", photos, photos.replace("s3://photos/", "s3://photos//")):
        done = iqa("plan", photos, "--out", out)
        assert done.code == 2
        assert f"--out {out}: this is inside {photos}" in done.err
    assert iqa("plan", tmp_path / "photos", "--out", tmp_path / "photos" / "audit").code == 2
    assert not (tmp_path / "photos" / "audit").exists()
    assert iqa("plan", photos, "--out", f"{photos}-audit").code == 0


def test_one_shard_of_many_photos_is_told_of(
    photos: str, store: str, iqa: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "MANY", 6)
    monkeypatch.setattr(planning, "MANY_SHARDS", 3)
    done = iqa("plan", photos, "--out", f"{store}/run")
    assert "another plan with --shard 2 makes more of them" in done.err
    assert iqa("plan", photos, "--out", f"{store}/more", "--shard", 2).err == ""


def test_a_file_is_no_source(tmp_path: Path, save_grey: Callable[..., Path], iqa: Callable[..., Outcome]) -> None:
    done = iqa("plan", save_grey("photos/a.png", 90), "--out", tmp_path / "run")
    assert done.code == 3
    assert "this is a file" in done.err


@pytest.mark.parametrize("text", ["0", "much", "5 bits", "-3", "1e9"])
def test_what_is_no_number_of_bytes(photos: str, store: str, iqa: Callable[..., Outcome], text: str) -> None:
    assert iqa("plan", photos, "--out", f"{store}/run").code == 0
    done = iqa("run", f"{store}/run", f"--max-bytes={text}")
    assert done.code == 2
    assert "--max-bytes 500GB" in done.err


def test_the_reports_of_a_bucket(
    photos: str, store: str, tmp_path: Path, iqa: Callable[..., Outcome], checkpoint_folder: Path
) -> None:
    assert iqa("plan", photos, "--out", f"{store}/run", "--checkpoint", checkpoint_folder).code == 0
    assert iqa("run", f"{store}/run", "--jobs", 1, "--max-bytes", "0.5 gb").code == 0
    assert iqa("verify", f"{store}/run").out == "6 of 6 photos in 1 shard: 6 ok\n"
    done = iqa("gather", f"{store}/run", "--csv", f"{store}/audit.csv")
    assert done.code == 2
    assert f"--csv {store}/audit.csv: reports are written to files of this machine" in done.err
    assert iqa("run", f"{store}/run", "--progress", f"{store}/lines").code == 2
    done = iqa("gather", f"{store}/run", "--csv", tmp_path / "audit.csv")
    assert done.code == 0
    assert " s: " not in done.out.splitlines()[-1]  # how long gathering took is nobody's question
    picked = iqa("pick", tmp_path / "audit.csv", "--min-severity", "ordinary")
    assert picked.code == 0
    assert set(picked.out.split()) <= {f"{photos}/{number}.png" for number in range(6)}
    assert f"{photos}/0.png" in picked.out
    refused = iqa("pick", tmp_path / "audit.csv", "--copy-to", tmp_path / "out")
    assert refused.code == 2
    assert "--copy-to is for files of this machine, and these photos are in a bucket" in refused.err
    assert not (tmp_path / "out").exists()


def test_a_store_that_is_away_is_told_of_once(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(photos_total=1000, shards_total=10)
    with watching(None) as tell:
        tell(progress)
        for _ in range(3):
            progress.problem = "the store cannot be reached\nhint: check the network"
            tell(progress)
        assert capsys.readouterr().err == "note: a shard failed: the store cannot be reached\n"
        progress.problem = None
        tell(progress)
        progress.problem = "the store cannot be reached"
        tell(progress)
    assert capsys.readouterr().err == ""  # one a minute is enough
    assert (
        words(progress)
        == "0 of 1,000 photos, 0 of 10 shards, 0 in hand, the last try failed: the store cannot be reached"
    )
