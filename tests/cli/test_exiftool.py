"""A report that is given to exiftool changes no photo, and joins with exiftool's own table."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.needs import need_exiftool
from tests.photos.exif_blocks import oddities

if TYPE_CHECKING:
    from collections.abc import Iterator

    from in_process import Run

DCIM = Path(__file__).parents[3] / "shared" / "dcim"


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Drawn photos of many kinds, turned and not, below the current folder."""
    need_exiftool()
    monkeypatch.chdir(tmp_path)
    folder = Path("photos")
    folder.mkdir()
    for name, data in oddities().items():
        (folder / f"{name}.jpg").write_bytes(data)
    exif = Image.Exif()
    exif.update({0x010F: "Maker, of cameras", 0x0112: 6})
    for suffix in ("png", "webp", "avif", "jpg"):
        Image.new("RGB", (96, 64), (90, 80, 70)).save(folder / f"照片.{suffix}", exif=exif)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def exiftool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["exiftool", *arguments], capture_output=True, encoding="utf-8", errors="replace", check=False
    )


WAYS = [
    ["-csv=audit.csv"],
    ["-n", "-csv=audit.csv"],
    ["-overwrite_original", "-csv+=audit.csv"],
    ["-m", "-f", "-csv=audit.csv"],
    ["-n", "-overwrite_original", "-f", "-P", "-csv=audit.csv"],
    ["-csvDelim", ";", "-csv=audit.csv"],
]


@pytest.mark.parametrize("mark", [[], ["--csv-bom"]], ids=["", "bom"])
def test_a_csv_that_is_fed_back_changes_no_byte(iqa: Run, photos: Path, mark: list[str]) -> None:
    assert iqa(photos, "--csv", "audit.csv", *mark).code == 0
    before = contents(photos)
    for way in WAYS if not mark else WAYS[:1]:
        done = exiftool(*way, "-r", str(photos))
        assert contents(photos) == before, way
        assert "updated" not in done.stdout


def test_without_the_column_it_would(iqa: Run, photos: Path) -> None:
    """What the test above would see if the column lost its effect."""
    iqa(photos, "--csv", "audit.csv")
    harmful = Path("audit.csv").read_text(encoding="utf-8").replace("iqa.format_version", "iqa_format_version")
    Path("audit.csv").write_text(harmful, encoding="utf-8")
    name = photos / "as_it_should.jpg"
    exiftool("-csv=audit.csv", str(name))
    assert exiftool("-n", "-s3", "-Orientation", "-Status", str(name)).stdout.split() != ["6"]


@pytest.mark.parametrize("option", ["--jsonl", "--json"])
def test_json_that_is_fed_back_changes_no_byte(iqa: Run, photos: Path, option: str) -> None:
    assert iqa(photos, option, "audit").code == 0
    before = contents(photos)
    for way in (["-json=audit"], ["-n", "-json+=audit"], ["-overwrite_original", "-f", "-j=audit"]):
        done = exiftool(*way, "-r", str(photos))
        assert contents(photos) == before, way
        assert "updated" not in done.stdout


def test_a_sidecar_that_is_fed_back_changes_no_byte(iqa: Run, photos: Path) -> None:
    assert iqa(photos, "--csv", "audit.csv").code == 0
    before = contents(photos)
    done = exiftool("-json=audit.csv.meta.json", "-r", str(photos))
    assert contents(photos) == before
    assert "updated" not in done.stdout


@pytest.mark.parametrize("option", ["--csv", "--jsonl"])
def test_camera_files_stay_as_they_are(iqa: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    need_exiftool()
    if not DCIM.is_dir():
        pytest.skip("the sample photos are not beside the project")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DCIM, "dcim")
    for path in (Path("dcim"), *Path("dcim").rglob("*")):
        path.chmod(0o700)
    iqa("dcim", option, "audit")
    before = contents(Path("dcim"))
    tags = exiftool("-a", "-G1", "-j", "-n", "-r", "-x", "FileAccessDate", "dcim").stdout
    kind = "csv" if option == "--csv" else "json"
    exiftool("-overwrite_original", f"-{kind}=audit", "-r", "dcim")
    assert contents(Path("dcim")) == before
    assert exiftool("-a", "-G1", "-j", "-n", "-r", "-x", "FileAccessDate", "dcim").stdout == tags


def test_both_tables_join_by_source_file_and_name_settings_alike(iqa: Run, photos: Path) -> None:
    iqa(photos, "--csv", "audit.csv")
    with Path("audit.csv").open(encoding="utf-8", newline="") as stream:
        ours = {row["SourceFile"]: row for row in csv.DictReader(stream)}
    listed = exiftool("-csv", "-n", "-r", str(photos)).stdout
    theirs = {row["SourceFile"]: row for row in csv.DictReader(io.StringIO(listed))}
    assert ours.keys() == theirs.keys()
    row, other = ours["photos/as_it_should.jpg"], theirs["photos/as_it_should.jpg"]
    names = ["Make", "Model", "DateTimeOriginal", "Orientation", "ImageWidth", "ImageHeight", "ISO"]
    assert [row[name] for name in names] == [other[name] for name in names]
    numbers = ["ExposureTime", "FNumber", "ExposureCompensation"]
    assert np.allclose([float(row[name]) for name in numbers], [float(other[name]) for name in numbers])
