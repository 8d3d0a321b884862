"""Settings are read as exiftool reads them, in drawn files and in those of many makers that lie beside the project."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.needs import need_exiftool
from tests.photos.exif_blocks import oddities

if TYPE_CHECKING:
    from collections.abc import Iterator

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
DCIM = Path(__file__).parents[3] / "shared" / "dcim"

FIELDS = 13


@pytest.fixture(autouse=True)
def _scripts_are_importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if a script of the folder ran; what it loaded goes again."""
    need_exiftool()
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    sys.modules.pop("exif_agreement", None)


def table_of(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    """The counts of the printed table by its columns, added up over the settings."""
    import exif_agreement

    monkeypatch.setattr(sys, "argv", ["exif_agreement", str(folder)])
    exif_agreement.main()
    out = capsys.readouterr().out
    kinds = next(line for line in out.splitlines() if line.startswith("| setting"))
    rows = [re.findall(r"\| (\d+)", line) for line in out.splitlines() if line.startswith("| `")]
    assert len(rows) == FIELDS
    return {
        kind: sum(int(row[column]) for row in rows) for column, kind in enumerate(kinds.strip("| ").split(" | ")[1:])
    }


def test_odd_blocks_are_read_or_left_out_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in oddities().items():
        (tmp_path / f"{name}.jpg").write_bytes(data)
    counts = table_of(tmp_path, monkeypatch, capsys)
    assert counts["equal"] > 150
    assert (
        counts["left out"] == 6
    )  # of gbk, shift_jis, latin_1; an orientation of 1536; half past midnight; a date alone
    assert {kind: counts[kind] for kind in ("missing", "different", "ours only")} == {
        "missing": 0,
        "different": 0,
        "ours only": 0,
    }


def test_camera_files_agree(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    if not DCIM.is_dir():
        pytest.skip("the sample photos are not beside the project")
    counts = table_of(DCIM, monkeypatch, capsys)
    assert counts["equal"] > 400
    assert (counts["missing"], counts["different"]) == (0, 0)


def test_a_difference_is_counted_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import exif_agreement

    (tmp_path / "a.jpg").write_bytes(oddities()["as_it_should"])
    real = exif_agreement.by_exiftool
    monkeypatch.setattr(
        exif_agreement,
        "by_exiftool",
        lambda names: {name: found | {"ExifIFD:ISO": 200} for name, found in real(names).items()},
    )
    monkeypatch.setattr(sys, "argv", ["exif_agreement", str(tmp_path)])
    exif_agreement.main()
    assert "a.jpg: ISO different: exiftool 200 (ExifIFD), iqa 400" in capsys.readouterr().out
