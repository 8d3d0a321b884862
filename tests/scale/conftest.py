"""Fixtures of scale: a server on loopback, a bucket with photos of known brightness, commands in processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)  # makes `servers` importable

from needs import need_libraries  # noqa: E402 - see above
from servers import BUCKET, environment, s3_server, with_path  # noqa: E402 - as above

from iqa_cli.scale.places import Place  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(autouse=True)
def libraries() -> None:
    need_libraries("obstore", "pyarrow")


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
