"""The benchmark of `iqa assess`, on pictures drawn in code: that it runs and counts right, never how fast."""

from __future__ import annotations

import io
import json
import math
import signal
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

# The document of the benchmarks draws its intervals with it.
pytest.importorskip("scipy", reason="the benchmark needs scipy, which the train extra brings")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the benchmark needs POSIX processes")

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = ("--megapixels", "0.1", "1", "--rounds", "1", "--start-rounds", "1", "--copies", "1", "--many", "4")
SIZES = ("--jobs", "1", "--scale", "2,3", "--kill", "2", "--kill-photos", "8")


@pytest.fixture(autouse=True)
def _scripts_are_importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if a script of the folder ran; what it loaded goes again."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] in ("assess", "assess_parts", "quality_parts")]:
        del sys.modules[name]


def jpeg(value: int, size: tuple[int, int], exif: bytes = b"") -> bytes:
    """A photo of this mean, shaded and grained: flat or smooth pictures are taken for drawings."""
    width, height = size
    grain = np.random.default_rng(0).normal(0, 2, (height, width))
    pixels = value + np.linspace(-12, 12, width) + grain
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert("RGB")
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90, exif=exif)
    return stream.getvalue()


def exif_with(thumbnail: bytes) -> bytes:
    """An EXIF block of an empty directory and one that holds a thumbnail; TIFF 6.0, EXIF 2.32 4.5.8."""
    second = struct.pack("<HHHIIHHIII", 2, 0x0201, 4, 1, 44, 0x0202, 4, 1, len(thumbnail), 0)
    return b"Exif\0\0" + b"II*\0" + struct.pack("<IHI", 8, 0, 14) + second + thumbnail


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """Three photos of 0.3 megapixels, two of them with a preview, one of these far too dark; two other files."""
    folder = tmp_path / "camera" / "DCIM"
    folder.mkdir(parents=True)
    size, small = (640, 480), (160, 120)
    (folder / "a_true.jpg").write_bytes(jpeg(128, size, exif_with(jpeg(128, small))))
    (folder / "b_stale.jpg").write_bytes(jpeg(127, size, exif_with(jpeg(45, small))))
    (folder / "c_bare.jpg").write_bytes(jpeg(60, size))
    (folder / "d_tiny.jpg").write_bytes(jpeg(126, (64, 48)))
    (folder / "e_empty.jpg").write_bytes(b"")
    return tmp_path / "camera"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What the benchmark prints."""
    import assess

    assess.main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def test_all_parts_give_one_document(
    camera: Path, checkpoint_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted((path, path.stat().st_ctime_ns) for path in camera.rglob("*"))
    found = tmp_path / "found.json"
    printed = run(capsys, camera, "--checkpoint", checkpoint_folder, *SMALL, *SIZES, "--json", found)
    assert sorted((path, path.stat().st_ctime_ns) for path in camera.rglob("*")) == before
    document = json.loads(found.read_text(encoding="utf-8"))
    assert printed.startswith("# Cost of assess\n")
    parts = {part["name"]: part for part in document["parts"]}
    assert list(parts) == ["speed", "start", "agreement", "scale", "kill"]
    assert all(f"## {part['title']}" in printed for part in parts.values())
    assert "CleanVision was left out" in printed

    def rows(part: str, table: int = 0) -> dict[str, list[Any]]:
        return {row[0]: row[1:] for row in parts[part]["tables"][table]["rows"]}

    assert {name: row[0] for name, row in rows("speed").items() if "one photo" not in name} == {
        "bare scaled decode": 3,
        "iqa scaled": 3,
        "bare full decode": 3,
        "iqa full": 3,
        "iqa thumbnail, all": 3,
        "iqa thumbnail": 4,
        "iqa thumbnail, first run": 4,
        "iqa thumbnail, second run": 4,
    }
    assert all(figure["value"] > 0 for row in rows("speed").values() for figure in row[1:])
    assert rows("speed", 1)["photos a second, iqa scaled / bare scaled decode"][2] == "≥ 0.85"
    assert {row[-1] for row in rows("start", 1).values()} <= {"yes", "no"}
    assert [row[:2] for row in parts["scale"]["tables"][0]["rows"]] == [
        [way, size] for way in ("no cache", "first run", "second run") for size in (1, 2, 3)
    ]
    # Of two photos with a preview one was called dark by it: one decision of twelve.
    same = rows("agreement")["same level"]
    assert (same[0]["hits"], same[0]["of"], same[-1]) == (11, 12, "no")
    assert [Path(failure["where"]).name for failure in parts["agreement"]["failures"]] == ["b_stale.jpg"]
    killed = rows("kill")
    assert killed["CSV of a killed run is the beginning of it"][0]["of"] == 2
    assert [row[-1] for row in killed.values()][:2] == ["yes", "yes"]
    assert parts["kill"]["failures"] == []


def test_a_folder_without_large_photographs_is_refused(camera: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="no JPEG photographs of 7 to 17 megapixels"):
        run(capsys, camera, "--parts", "start")
    assert capsys.readouterr().out == ""


def test_an_unknown_part_is_refused(camera: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(capsys, camera, "--parts", "speed,spede")
    assert "no part is called spede" in capsys.readouterr().err


def test_a_roll_is_made_of_links_to_copies(camera: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assess_parts import folders

    monkeypatch.setattr(folders, "IN_A_FOLDER", 3)
    monkeypatch.setattr(folders, "LINKS_PER_FILE", 2)
    photos = sorted(camera.rglob("*.jpg"))[:2]
    made = folders.roll(tmp_path / "roll", photos, 7)
    files = sorted(path for path in made.rglob("*") if path.is_file())
    assert [path.relative_to(made).as_posix() for path in files] == [
        f"{100 + number // 3}BENCH/IMG_{number:06}.jpg" for number in range(7)
    ]
    assert [path.read_bytes() for path in files] == [photos[number % 2].read_bytes() for number in range(7)]
    assert [path.stat().st_mtime_ns for path in files] == [photos[number % 2].stat().st_mtime_ns for number in range(7)]
    assert len({path.stat().st_ino for path in files}) == 4
    assert [photo.stat().st_nlink for photo in photos] == [1, 1]
    folders.remove(made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["camera"]


def test_the_cost_is_that_of_the_whole_tree_of_processes() -> None:
    from assess_parts.measure import run

    child = "import time; held = b'x' * 30_000_000; started = time.process_time()\n"
    child += "while time.process_time() - started < 0.2: pass\ntime.sleep(0.3)"
    alone = run((sys.executable, "-c", child))
    parent = f"import subprocess, sys\nc = [sys.executable, '-c', {child!r}]\n"
    parent += "a, b = subprocess.Popen(c), subprocess.Popen(c)\na.wait()\nb.wait()"
    two = run((sys.executable, "-c", parent))
    assert alone.cpu_s >= 0.2
    assert two.cpu_s >= 0.4
    assert alone.peak_mb >= 30
    if Path("/proc/self/smaps_rollup").exists():
        assert two.peak_mb >= 60


def test_a_command_that_fails_is_named_with_what_it_said() -> None:
    from assess_parts.measure import CommandFailedError, run

    with pytest.raises(CommandFailedError, match="ended with 3: no such thing"):
        run((sys.executable, "-c", "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"))
    with pytest.raises(CommandFailedError, match=f"ended with -{int(signal.SIGKILL)}"):
        run((sys.executable, "-c", f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"))


def test_a_ratio_is_of_best_rounds_per_photo() -> None:
    from assess_parts.measure import Cost, Runs, ratio

    ours, bare = Runs(10), Runs(5)
    ours.costs = [Cost(4.0, 2.0, 1.0), Cost(6.0, 3.0, 9.0)]
    bare.costs = [Cost(1.0, 1.0, 1.0), Cost(2.0, 1.0, 1.0)]
    found = ratio(ours, bare, lambda cost: cost.cpu_s)
    assert (found.value, found.low, found.high) == pytest.approx((2.0, 1.5, 2.0))
    assert (ours.rate, ours.cpu_ms, ours.peak_mb) == (5.0, 400.0, 9.0)
    one = Runs()
    one.costs = [Cost(0.4, 0.2, 1.0)]
    assert ours.net_rate(one) == pytest.approx(9 / 1.8)
    assert math.isnan(one.net_cpu_s(one))


def test_a_file_that_is_not_the_right_one_is_told(tmp_path: Path) -> None:
    from assess_parts.kill import Outcome, _compare, _look

    outcome, path = Outcome(), tmp_path / "audit.csv"
    for content in (b"a\nb\nc\n", b"a\nb\n", b"a\nx\nc\n"):
        path.write_bytes(content)
        _compare(outcome, path, b"a\nb\nc\n", "run")
        _look(outcome, path, tmp_path / "cache", b"a\nb\nc\n", "kill")
    assert (outcome.finished, outcome.equal, outcome.beginnings) == (3, 1, 2)
    assert [failure.said for failure in outcome.failures] == [
        "4 bytes instead of 6, the same as far as they go",
        "line 2 is b'x' instead of b'b'",
        "line 2 is b'x' instead of b'b'",
    ]


def test_a_run_that_fails_by_itself_is_no_killed_one(tmp_path: Path) -> None:
    from assess_parts.kill import _killed
    from assess_parts.measure import CommandFailedError

    python = (sys.executable, "-c")
    assert _killed((*python, "import time; time.sleep(60)"), tmp_path, 0.05)
    assert not _killed((*python, ""), tmp_path, 60)
    with pytest.raises(CommandFailedError, match="70"):
        _killed((*python, "raise SystemExit(70)"), tmp_path, 60)
