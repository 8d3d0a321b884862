"""Fixtures that several folders of tests share: drawn photos, and a checkpoint whose answers are known."""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

# Ahead of numpy and torch, and for every process that a test starts. What tests compute is small: threads would only
# wait for each other, above all where several tests run at once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest
from PIL import Image

from iqa_cli.writing import placing

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)  # makes `drawn_checkpoints`, `needs` and `servers` importable

from drawn_checkpoints import write_good  # noqa: E402 - see above
from needs import need_libraries  # noqa: E402 - as above
from servers import BUCKET, environment, s3_server, with_path  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


# What a shell starts with `&` has SIGINT ignored, and what nohup starts SIGHUP: so would have every process that a test
# starts, and no test of an interrupt could hold. A handler is not passed on; this process itself still ignores them.
for _number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda *_: None)

MOST_WORKERS = 4
"""Each of them loads torch: about a gigabyte."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite runs in one process for each processor; what somebody names runs at once, in this one."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return 0
    return min(MOST_WORKERS, len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or fills the cache of whoever runs it."""
    monkeypatch.setenv("IQA_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def mount() -> Iterator[Callable[..., None]]:
    """Mounts something at a place, by options of `mount`, until the test ends; skips the test where it must not."""
    with contextlib.ExitStack() as mounted:

        def at(place: Path, *options: object) -> None:
            try:
                done = subprocess.run(["mount", *map(str, options), place], capture_output=True, check=False)
            except OSError:
                done = None
            if done is None or done.returncode != 0:
                pytest.skip("only root may mount, and not everywhere")
            mounted.callback(subprocess.run, ["umount", place], check=True)

        yield at


@pytest.fixture(params=["system", "link", "look"])
def each_way_to_place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each way to take a free place: the system's rename, a hard link, a look."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    if request.param == "system":
        if placing._renamer() is None:
            pytest.skip("this system has no rename that refuses to replace")
    else:
        monkeypatch.setattr(placing, "_renamer", lambda: lambda _source, _to: errno.EINVAL)
    if request.param == "look":
        monkeypatch.setattr(placing.os, "link", refuse)


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete checkpoint of the shipped graph with a hand-made model, see `drawn_checkpoints`."""
    pytest.importorskip("onnx", reason="the hand-made checkpoint needs onnx, which the train extra brings")
    folder = tmp_path_factory.mktemp("checkpoints") / "mean-brightness"
    folder.mkdir()
    write_good(folder)
    return folder


@functools.cache  # some tests want hundreds of one kind
def _grey(value: int, size: tuple[int, int], suffix: str) -> bytes:
    """The file of a grey photo."""
    width, height = size
    reach = min(12, value, 255 - value)
    grain = np.random.default_rng(0).integers(-1, 2, (height, width))
    # Turned by half a turn it is its own negative, so its mean is the value.
    pattern = 0.8 * reach * np.linspace(-1, 1, width) + 0.1 * reach * (grain - grain[::-1, ::-1])
    stream = io.BytesIO()
    image = Image.fromarray((value + np.rint(pattern)).astype(np.uint8)).convert("RGB")
    image.save(stream, Image.registered_extensions()[suffix])
    return stream.getvalue()


@pytest.fixture
def save_grey(tmp_path: Path) -> Callable[..., Path]:
    """Writes a grey photo of this mean, shaded and grained, 64 x 48 unless told, under the test's own folder."""

    def save(name: str, value: int, size: tuple[int, int] = (64, 48)) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_grey(value, size, path.suffix))
        return path

    return save


@pytest.fixture
def roll(tmp_path: Path, save_grey: Callable[..., Path]) -> Path:
    """A camera folder: five photos of known brightness, an icon, and two files that are no photos."""
    save_grey("roll/a_fine.png", 128)
    save_grey("roll/b_bright.png", 172)
    save_grey("roll/c_blocking_dark.png", 5)
    save_grey("roll/d_fine.jpg", 120)
    save_grey("roll/e_severe_dark.png", 45)
    save_grey("roll/f_icon.png", 5, (8, 8))
    (tmp_path / "roll" / "g_empty.jpg").write_bytes(b"")
    (tmp_path / "roll" / "h_text.jpg").write_text("not a photo at all", encoding="utf-8")
    return tmp_path / "roll"


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """URL of a server that speaks S3."""
    need_libraries("moto", "obstore")
    with s3_server() as url:
        yield url


@pytest.fixture
def store(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A prefix of its own in the server's bucket, which this process can reach."""
    for name, value in environment(server).items():
        monkeypatch.setenv(name, value)
    return f"s3://{BUCKET}/{tmp_path.name}"


@pytest.fixture
def upload() -> Callable[[Path, str], None]:
    """Copies a folder into a bucket."""

    def copy(folder: Path, url: str) -> None:
        from iqa_cli.stores.places import Place

        place = Place(url)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                place.put(path.relative_to(folder).as_posix(), path.read_bytes())

    return copy


@pytest.fixture
def iqa() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command in a process of its own."""

    def run(*arguments: object, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "iqa_cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**with_path(), **more},
            check=False,
            timeout=300,
        )
        assert done.returncode == code, done.stderr + done.stdout
        return done

    return run
