"""What a hostile name or text gets through is noticed, in every output."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from campaign.attacks.names import MOST_NAME, hostile_name, of_csv, of_jsonl, of_page, of_screen

if TYPE_CHECKING:
    from pathlib import Path

TAME = b"<!doctype html><script>1</script><p>a</p><option>b</option>"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.touch()
    return path


def row_of(photo: Path, make: str) -> bytes:
    columns = ("SourceFile", "status", "error", "note", "worst_label", "Make", "Model", "LensModel", "DateTimeOriginal")
    cells = (str(photo), "ok", "", "", "", make, "", "", "")
    return f"{','.join(columns)}\n{','.join(cells)}\n".encode()


def test_a_formula_is_noticed(photo: Path) -> None:
    assert of_csv(row_of(photo, "'=1+1"), [photo]) == []
    assert "Make begins as a formula" in of_csv(row_of(photo, " =1+1"), [photo])[0].what


def test_a_name_that_does_not_lead_back_is_noticed(photo: Path) -> None:
    assert of_jsonl(json.dumps({"source_file": str(photo)}).encode() + b"\n", [photo]) == []
    (photo.parent / "b.jpg").touch()
    other = json.dumps({"source_file": str(photo.parent / "b.jpg")}).encode() + b"\n"
    assert "1 photos, 1 names" in of_jsonl(other, [photo])[0].what
    assert "no way back" in of_jsonl(other, [photo])[1].what
    assert "cannot be read" in of_jsonl(b"{", [photo])[0].what


@pytest.mark.parametrize("more", [b"<script>2</script>", b"<img src=x>", b'<p onclick="x">', b"<!-- x -->"])
def test_a_tag_is_noticed(more: bytes) -> None:
    assert of_page(TAME, TAME) == []
    assert of_page(TAME.replace(b"<option>b</option>", b""), TAME) == []
    assert "more tags" in of_page(TAME + more, TAME)[0].what


def test_an_order_to_a_terminal_is_noticed() -> None:
    assert of_screen("a\n照片 👩\u200d👧\n") == []
    for bad in ("\x1b[31m", "\r", "\u202e", "\u2028"):
        assert of_screen(f"a{bad}b")


def test_hostile_names_are_names_that_files_can_have() -> None:
    draw = random.Random(1)  # noqa: S311 - attacks, not secrets
    names = [hostile_name(draw, number) for number in range(500)]
    assert len(set(names)) == 500
    assert all(0 < len(name) <= MOST_NAME and b"/" not in name and b"\0" not in name for name in names)
    assert {byte for name in names for byte in name} == set(range(1, 256)) - {ord("/")}
