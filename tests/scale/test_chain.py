"""Plan, run, verify, gather: what comes out is what `iqa assess` says of the same files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = ["a-1/x.jpg", "a.jpg", "a/x.jpg", "a/y.png", "a/ü .jpeg", "b/deep/er/z.jpg", "b/%41+b.jpg", "z.png"]


@pytest.fixture
def album(tmp_path: Path, save_grey: Callable[..., Path]) -> Path:
    """Photos in folders whose names sort as no walk does, a broken one, an empty one, and what is passed over."""
    for number, name in enumerate(NAMES):
        save_grey(f"album/{name}", 20 + 28 * number)
    folder = tmp_path / "album"
    (folder / "b" / "broken.jpg").write_bytes((folder / "a.jpg").read_bytes()[:300])
    (folder / "b" / "empty.jpg").write_bytes(b"")
    (folder / "b" / "notes.txt").write_text("no photo", encoding="utf-8")
    (folder / "b" / "film.mov").write_bytes(b"\0")
    save_grey("album/.trash/old.jpg", 9)
    save_grey("album/b/thumbnails/small.jpg", 9)
    save_grey("album/b/.hidden.jpg", 9)
    save_grey("album/c/in.jpg", 9)
    save_grey("album/c/-before.jpg", 9)
    (folder / "c" / ".nomedia").write_bytes(b"")
    return folder


def local_csv(iqa: Callable[..., object], folder: Path, checkpoint: Path, *options: object) -> bytes:
    out = folder.parent / "local.csv"
    iqa("assess", folder, "--no-cache", "--checkpoint", checkpoint, "--csv", out, *options)
    return out.read_bytes()


@pytest.mark.parametrize("decode", ["auto", "scaled", "thumbnail"])
def test_a_bucket_gives_the_csv_of_the_same_folder(
    decode: str,
    store: str,
    album: Path,
    upload: Callable[..., None],
    iqa: Callable[..., object],
    checkpoint_folder: Path,
    tmp_path: Path,
) -> None:
    upload(album, f"{store}/album")
    run, out = f"{store}/run-{decode}", tmp_path / "gathered.csv"
    planned = iqa(
        "plan", f"{store}/album", "--out", run, "--shard", 3, "--checkpoint", checkpoint_folder, "--decode", decode
    )
    assert "10 photos" in planned.stdout
    assert "4 shards" in planned.stdout
    assert "1 .mov, 1 .txt" in planned.stdout
    iqa("run", run)
    assert "10 of 10 photos in 4 shards" in iqa("verify", run).stdout
    iqa("gather", run, "--csv", out)
    expected = local_csv(iqa, album, checkpoint_folder, "--decode", decode)
    assert out.read_bytes().replace(f"{store}/album/".encode(), f"{album}/".encode()) == expected
    assert expected.count(b"\n") == 11


def test_a_folder_gives_its_own_csv_and_what_assess_counts(
    album: Path, iqa: Callable[..., object], checkpoint_folder: Path, tmp_path: Path
) -> None:
    (album / "link.jpg").symlink_to("a.jpg")
    (album / "dangling.jpg").symlink_to("nowhere.jpg")
    odd = os.fsencode(album) + b"/od\xffd.jpg"
    Path(os.fsdecode(odd)).write_bytes((album / "a" / "x.jpg").read_bytes())
    run = tmp_path / "run"
    planned = iqa("plan", album, "--out", run, "--shard", 4, "--checkpoint", checkpoint_folder)
    assert "2 folders of copies" in planned.stdout or "3 folders of copies" in planned.stdout
    iqa("run", run, "--jobs", 1)
    iqa("verify", run)
    gathered = iqa("gather", run, "--csv", "-").stdout.encode()
    assert gathered == local_csv(iqa, album, checkpoint_folder)
