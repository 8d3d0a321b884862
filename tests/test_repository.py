"""What is committed is fit for strangers: no developer's paths or hosts, no pictures outside docs/."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]

PICTURES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jpeg", ".jpg", ".jxl", ".png", ".tif", ".tiff", ".webp"}
)

# The start of an absolute path below somebody's home or build folder. `~`, `/home/you/`, a path below a
# variable and the tail of a longer path or URL are none.
OWN_PATH = re.compile(
    r"(?<![\w.~$}/-])"
    r"(?:/(?:home|Users)/(?!you/|me/|user/|name/)[\w.-]+/|/(?:root|work|workspace|builds)/|[A-Z]:\\Users\\)"
)
TEMPORARY_PATH = re.compile(r"(?<![\w.~$}/-])/(?:var/)?tmp/\w")
WRITTEN_BY_PROGRAMS = frozenset({".cfg", ".csv", ".ini", ".json", ".toml", ".yaml", ".yml"})
URL_HOST = re.compile(r"\b(?:https?|git\+https?|ssh)://(?:[^/\s@\"'`]+@)?(\[[0-9a-fA-F:]+\]|[\w.-]+)")
INDEX_OPTION = re.compile(r"(?:--(?:extra-)?index-url|--find-links|(?:extra-)?index-url\s*=)[ =]+[\"']?(\S+)")
PUBLIC_INDEXES = ("https://pypi.org/", "https://download.pytorch.org/")
PRIVATE_SUFFIXES = (".corp", ".home", ".internal", ".intranet", ".lan", ".local", ".localdomain")


def own_paths(text: str) -> list[str]:
    """Absolute paths of somebody's machine."""
    return OWN_PATH.findall(text)


def is_private_host(host: str) -> bool:
    """Whether a host name or address means nothing outside one network; the machine itself is not meant."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host != "localhost" and ("." not in host or host.endswith(PRIVATE_SUFFIXES))
    return address.is_private and not address.is_loopback


def private_hosts(text: str) -> list[str]:
    """Hosts in URLs, and package indexes, that only some network knows."""
    hosts = [host for host in URL_HOST.findall(text) if is_private_host(host)]
    indexes = [index for index in INDEX_OPTION.findall(text) if not index.startswith(PUBLIC_INDEXES)]
    return hosts + indexes


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    """The files that git tracks or would add."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: what is committed cannot be listed")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    paths = [ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def texts(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """The text files among the paths. This file is not: it spells out what it looks for."""
    for path in paths:
        if path == Path(__file__):
            continue
        data = path.read_bytes()
        if b"\0" not in data:
            yield path, data.decode("utf-8")


def test_no_file_names_a_path_of_somebodys_machine(committed: list[Path]) -> None:
    assert {path.name: found for path, text in texts(committed) if (found := own_paths(text))} == {}


def test_no_data_file_names_a_temporary_folder(committed: list[Path]) -> None:
    written = [path for path in committed if path.suffix in WRITTEN_BY_PROGRAMS]
    assert [path.name for path, text in texts(written) if TEMPORARY_PATH.search(text)] == []


def test_no_file_names_a_host_that_only_one_network_knows(committed: list[Path]) -> None:
    assert {path.name: found for path, text in texts(committed) if (found := private_hosts(text))} == {}


def test_pictures_are_in_the_documents_only(committed: list[Path]) -> None:
    pictures = [path.relative_to(ROOT) for path in committed if path.suffix.lower() in PICTURES]
    assert [path for path in pictures if path.parts[0] != "docs"] == []


@pytest.mark.parametrize(
    "text",
    [
        "see /home/anna/photos/x.jpg",
        "PYTHON=/" + "root/bin/python",
        '"/' + 'work/data"',
        r"C:\Users\anna",
        "(/Users/anna/x)",
    ],
)
def test_a_developers_path_is_noticed(text: str) -> None:
    assert own_paths(text)


@pytest.mark.parametrize(
    "text",
    [
        "iqa assess ~/Pictures",
        "/home/you/Pictures",
        "https://example.org/home/anna/",
        "frame/work/x",
        "$HOME/work/x",
        "the repository's root/",
    ],
)
def test_an_ordinary_path_is_left_alone(text: str) -> None:
    assert own_paths(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "https://pypi/simple",
        "http://10.1.2.3:8080/x",
        "https://nexus.corp/repository",
        "http://[fd00::1]/",
        "pip install --index-url file:///opt/simple torch",
        "extra-index-url = https://mirror.example.org/simple",
    ],
)
def test_a_private_host_is_noticed(text: str) -> None:
    assert private_hosts(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/x/y",
        "http://localhost:8000",
        "http://127.0.0.1/",
        "doi.org/10.1000/1",
        "pip install torch --index-url https://download.pytorch.org/whl/cpu",
    ],
)
def test_a_public_host_is_left_alone(text: str) -> None:
    assert private_hosts(text) == []


def test_no_shipped_model_tells_where_it_was_made() -> None:
    shipped = sorted((ROOT / "checkpoints").glob("*/*"))
    assert shipped
    for path in shipped:
        content = path.read_bytes()
        assert b"site-packages" not in content, path.name
        assert b'File "' not in content, path.name
