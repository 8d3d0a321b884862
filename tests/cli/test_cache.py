"""`iqa cache` as a user meets it: exit codes, stdout and stderr apart."""

from __future__ import annotations

import io
import sqlite3
import sys
from typing import TYPE_CHECKING

import pytest
from in_process import Outcome, Run, run_iqa
from own_process import loaded_by

from iqa_cli.cache import Cache, cache_info, context_key
from iqa_cli.records import Finding, PhotoRef, PhotoReport

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `iqa cache` in this process, on a folder of the test's own."""
    monkeypatch.setenv("IQA_CACHE_DIR", str(tmp_path / "cache"))

    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, "cache", *arguments)

    return run


@pytest.fixture
def filled(cache: Run, tmp_path: Path) -> Path:  # noqa: ARG001 - it names the folder
    """Three photos in one context and one in another."""
    refs = [PhotoRef(tmp_path / f"{number}.jpg", f"{number}.jpg") for number in range(3)]
    for context, known in (("model A", refs), ("model\x1b B", refs[:1])):
        with Cache.open(None, context) as judged:
            for ref in known:
                ref.path.write_bytes(b"content")
                judged.lookup([ref])
                judged.store(ref, PhotoReport(ref.source_file, "ok", findings=(Finding("dark", 2, 0.75, ""),)))
    return tmp_path / "cache"


def test_info_says_where_how_large_and_for_which_models(cache: Run, filled: Path) -> None:
    shown = cache("info")
    assert (shown.code, shown.err) == (0, "")
    path, total, *contexts = shown.out.splitlines()
    assert path == str(filled / "photos.sqlite3")
    assert total.startswith("  4 photos, ")
    assert total.endswith(" kB")
    assert [line.split(",")[0] for line in contexts] == ["  3 photos", "  1 photo"]
    assert [line.rpartition(": ")[2] for line in contexts] == ["model A", "model\\x1b B"]


def test_info_of_a_damaged_day_says_that_it_is_not_known(cache: Run, filled: Path) -> None:
    with sqlite3.connect(filled / "photos.sqlite3") as connection:
        connection.execute("UPDATE photos SET day = 'x' WHERE context = 1")
    connection.close()
    lines = cache("info").out.splitlines()
    assert lines[-1] == "  3 photos, last used at an unknown time: model A"


def test_info_without_a_cache_makes_none(cache: Run, tmp_path: Path) -> None:
    shown = cache("info")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.endswith("  0 photos, 0 bytes\n")
    assert list(tmp_path.iterdir()) == []


def test_info_on_what_is_no_cache_says_so(cache: Run, filled: Path) -> None:
    (filled / "photos.sqlite3").write_text("notes of somebody else\n" * 50)
    shown = cache("info")
    assert (shown.code, shown.err) == (0, "")
    assert "not readable" in shown.out
    assert (filled / "photos.sqlite3").exists()


def test_clear_forgets_every_photo(cache: Run, filled: Path) -> None:
    cleared = cache("clear", "--yes")
    assert (cleared.code, cleared.out) == (0, "")
    assert cleared.err.startswith("forgot 4 photos, ")
    assert cache_info(filled).photos == 0


def test_clear_without_a_cache_is_done_at_once(cache: Run, tmp_path: Path) -> None:
    cleared = cache("clear")
    assert (cleared.code, cleared.out) == (0, "")
    assert cleared.err.startswith("nothing to forget")
    assert list(tmp_path.iterdir()) == []


def test_clear_asks_nobody_where_nobody_is(cache: Run, filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    refused = cache("clear")
    assert (refused.code, refused.out) == (2, "")
    assert "--yes" in refused.err
    assert cache_info(filled).photos == 4


class Person(io.StringIO):
    """A terminal at which somebody types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("n\n", 130, 4), ("\n", 130, 4), ("", 130, 4)])
def test_clear_asks_and_does_as_told(
    cache: Run, filled: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Person(answer))
    asked = cache("clear")
    assert asked.code == code
    assert "forget 4 photos in" in asked.out + asked.err
    assert cache_info(filled).photos == left


def test_somebody_elses_file_is_refused_in_words(cache: Run, filled: Path) -> None:
    (filled / "photos.sqlite3").write_text("notes of somebody else\n" * 50)
    refused = cache("clear", "--yes")
    assert (refused.code, refused.out) == (3, "")
    assert refused.err.startswith("error: ")
    assert "hint: " in refused.err


def test_without_a_home_the_hint_names_the_variable(cache: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("iqa_cli.cache.default_folder", homeless)
    refused = cache("info")
    assert refused.code == 3
    assert "IQA_CACHE_DIR" in refused.err


@pytest.mark.parametrize("arguments", [["--help"], ["cache", "--help"], ["cache", "info", "--help"]])
def test_help_loads_neither_numpy_nor_sqlite(arguments: list[str]) -> None:
    loaded = loaded_by(*arguments)
    assert "typer" in loaded
    assert not loaded & {"numpy", "sqlite3", "_sqlite3", "PIL"}


def test_info_and_clear_load_no_numpy() -> None:
    assert not loaded_by("cache", "info") & {"numpy", "pandas", "PIL"}


def test_info_says_settings_as_a_person_would(cache: Run, tmp_path: Path) -> None:
    ref = PhotoRef(tmp_path / "a.jpg", "a.jpg")
    ref.path.write_bytes(b"content")
    settings = {"checkpoint": "c97e8eb9" * 8, "decode": "full", "lang": "zh", "iqa": "0.4.0", "numpy": "2"}
    wanted = {
        context_key(**settings, strictness=-1.0, explain=True, thumbnails=False): (
            "checkpoint c97e8eb9, --decode full, --lang zh, strictness -1, with explanations (--jsonl), iqa 0.4.0"
        ),
        context_key(**{**settings, "lang": "en"}, strictness=0.0, explain=True, thumbnails=True): (
            "checkpoint c97e8eb9, --decode full, with pictures (--html), iqa 0.4.0"
        ),
        context_key(decode="full"): '{"decode":"full"}',
    }
    for context in wanted:
        with Cache.open(None, context) as judged:
            judged.lookup([ref])
            judged.store(ref, PhotoReport("a.jpg", "ok", findings=(Finding("dark", 2, 0.75, ""),)))
    lines = cache("info").out.splitlines()[2:]
    assert {line.partition(": ")[2] for line in lines} == set(wanted.values())
