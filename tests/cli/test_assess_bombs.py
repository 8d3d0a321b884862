"""`iqa assess` over files that ask for more than a photograph does: each has a row, and the good one its judgement."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
from in_process import run_iqa

_PHOTOS = str(Path(__file__).parents[1] / "photos")
if _PHOTOS not in sys.path:
    sys.path.insert(0, _PHOTOS)

import bombs  # noqa: E402 - from the folder above
from bombs import pictures  # noqa: E402 - the same

NAMES = (
    "heic-boxes-in-front",
    "heic-extents",
    "jpeg-claim-many-scans",
    "jpeg-empty-segments",
    "png-chunks",
    "webp-chunks",
)


@pytest.mark.parametrize("mode", ["scaled", "full", "thumbnail"])
def test_each_bomb_is_an_unreadable_row_with_its_reason(
    mode: str,
    checkpoint_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    roll = tmp_path / "roll"
    roll.mkdir()
    for bomb in bombs.BOMBS:
        if bomb.name in NAMES:
            size = 100 if bomb.name == "jpeg-claim-many-scans" else bomb.small
            (roll / f"{bomb.name}{bomb.suffix}").write_bytes(bomb.make(size))
    (roll / "photo.jpg").write_bytes(pictures.encoded("JPEG", 640, 480))
    table = tmp_path / "audit.csv"
    code, out, err = run_iqa(
        monkeypatch,
        capsys,
        "assess",
        roll,
        "--checkpoint",
        checkpoint_folder,
        "--decode",
        mode,
        "--csv",
        table,
        "--no-cache",
    )
    assert (code, err) == (0, "")
    assert "Unreadable (6)" in out
    with table.open(encoding="utf-8", newline="") as stream:
        rows = {Path(row["SourceFile"]).stem: row for row in csv.DictReader(stream)}
    assert len(rows) == len(NAMES) + 1
    assert rows["photo"]["status"] != "unreadable"
    for name in NAMES:
        assert rows[name]["status"] == "unreadable"
        assert "limit is" in rows[name]["error"]
