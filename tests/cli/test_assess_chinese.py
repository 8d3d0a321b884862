"""`iqa assess --lang zh`: no English word is left in what it says, whatever the files are."""

from __future__ import annotations

import csv
import json
import re
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from in_process import Outcome, Run, run_iqa
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

WORD = re.compile(r"[A-Za-z]{2,}")
ALLOWED = {"RAW", "JPEG", "GIF", "PDF", "iqa", "libjpeg", "EXIF", "XMP", "EV", "ISO", "NAS", "Synology"}
"""Names that are the same in Chinese."""
ON_TERMINAL = ALLOWED | {"top", "csv", "FILE", "include", "copies"}
"""And options, which are typed so."""


@pytest.fixture
def card(roll: Path) -> Path:
    """The photos of `roll`, and files with something to be said of each."""
    texture = np.random.default_rng(0).integers(60, 180, (40, 60, 3)).astype(np.uint8)
    photo = Image.fromarray(texture).resize((640, 480), Image.Resampling.BICUBIC)
    photo.save(roll / "i_whole.jpg")
    whole = (roll / "i_whole.jpg").read_bytes()
    (roll / "j_half.jpg").write_bytes(whole[: len(whole) // 2])
    (roll / "k_nearly.jpg").write_bytes(whole[: len(whole) * 99 // 100])
    hole = bytearray(whole)
    hole[len(whole) // 2 : len(whole) // 2 + 600] = bytes(600)
    (roll / "l_hole.jpg").write_bytes(hole)
    Image.new("RGB", (400, 300), (0, 0, 200)).save(roll / "m_flat.jpg")
    framed = Image.new("RGB", (640, 640))
    framed.paste(photo, (0, 80))
    framed.save(roll / "n_bars.png")
    photo.save(roll / "o_animation.gif", save_all=True, append_images=[photo.rotate(90)])
    (roll / "p_document.jpg").write_bytes(b"%PDF-1.7")
    (roll / "q_zeros.jpg").write_bytes(bytes(99))
    header = struct.pack(">II5B", 60000, 60000, 8, 2, 0, 0, 0)
    (roll / "r_huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header + bytes(4))
    exif = Image.Exif()
    exif[0x0112] = 9
    exif[0x829A] = 0.01
    photo.save(roll / "s_turned.jpg", exif=exif)
    for place in ("@eaDir", "thumbs", ".mine"):
        (roll / place).mkdir()
        (roll / place / "copy.jpg").write_bytes(whole)
    (roll / "t_clip.mov").write_bytes(b"x")
    (roll / "u_without").write_bytes(b"x")
    return roll


@pytest.fixture
def assess(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], checkpoint_folder: Path
) -> Callable[..., Outcome]:
    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, "assess", "--checkpoint", checkpoint_folder, "--lang", "zh", *arguments)

    return run


def english_in(texts: Iterable[str], names: Iterable[str], allowed: set[str]) -> set[str]:
    """The words in Latin letters that are neither part of a file's name nor allowed."""
    found = set()
    for text in texts:
        left = text
        for name in names:
            left = left.replace(name, "")
        found |= {word for word in WORD.findall(re.sub(r"\.[a-z]{3}\b|L\*", "", left)) if word not in allowed}
    return found


def test_no_english_word_is_left_on_the_terminal(assess: Run, card: Path) -> None:
    first, again = (assess(card, "--exclude", "b_*", "--top", 3) for _ in range(2))
    assert (first.code, first.err) == (0, "")
    assert "此前已评判" in again.out
    for said in (
        "未查看：",
        "个隐藏项",
        "个已排除项",
        "无后缀",
        "缩略图文件夹",
        "文件已损坏：",
        "文件不完整：",
        "存疑",
    ):
        assert said in first.out, said
    for out in (first.out, again.out):
        assert english_in([out], [str(card), *(entry.name for entry in card.iterdir())], ON_TERMINAL) == set()


def test_no_english_word_is_left_in_rows_and_on_the_page(
    assess: Run, card: Path, tmp_path: Path, checkpoint_folder: Path
) -> None:
    rows, lines, page = (tmp_path / name for name in ("a.csv", "a.jsonl", "a.html"))
    assert assess(card, "--csv", rows, "--jsonl", lines, "--html", page).code == 0
    with rows.open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    cells = [row[column] for row in table for column in ("error", "note")]
    records = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
    reports = [record for record in records if record["type"] == "photo"]
    said = [text for report in reports for text in (report["error"] or "", *report["notes"])]
    said += [finding["evidence"] for report in reports for finding in report["findings"]]
    assert {cell for cell in cells if cell} <= {*said, *("; ".join(report["notes"]) for report in reports)}
    assert sum(bool(cell) for cell in cells) > 10
    assert english_in([*cells, *said], [], ALLOWED | {"Orientation"}) == set()

    html = page.read_text(encoding="utf-8")
    body = html.partition("<body>")[2]
    texts = re.sub(r"<script.*?</script>|<[^>]*>", "\n", body, flags=re.DOTALL).splitlines()
    texts += re.findall(r'(?:aria-label|placeholder|alt|title)="([^"]*)"', body)
    photos = [photo for chunk in re.findall(r'class="photos">(.*?)</script>', html) for photo in json.loads(chunk)]
    assert len(photos) == len(table)
    texts += [text for photo in photos for text in (photo["error"] or "", *photo["notes"])]
    texts += [finding["evidence"] for photo in photos for finding in photo["findings"]]
    allowed = ALLOWED | {"Orientation", "Enter", "Esc"}
    assert english_in(texts, [str(card), card.name, checkpoint_folder.name], allowed) == set()
