"""What a notebook shows of a report: complete in itself, well formed, and nothing of a file's name is markup."""

from __future__ import annotations

import base64
import dataclasses
import io
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_cli import Auditor, Finding, PhotoReport, assess, assess_photo
from iqa_cli.photos.glimpse import glimpse

HOSTILE = "x\"'><script>alert(1)</script><img src=http://e.example onerror=a()>&amp;{{ 7*7 }}\u202egpj.\x1b[2J"
VOID = {"img"}


class Fragment(HTMLParser):
    """Reads a fragment, and complains where elements are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.cells: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    @property
    def pictures(self) -> list[Image.Image]:
        """The pictures inside, decoded."""
        found = []
        for tag, attributes in self.elements:
            if tag == "img":
                kind, _, content = (attributes["src"] or "").partition(",")
                assert kind == "data:image/jpeg;base64"
                found.append(Image.open(io.BytesIO(base64.b64decode(content, validate=True))))
        return found


def read(report: PhotoReport) -> Fragment:
    """The fragment of a report, which must hold only what every fragment may hold."""
    fragment = Fragment(report._repr_html_())
    assert fragment.tags <= {"div", "img", "strong", "span", "table", "thead", "tbody", "tr", "th", "td"}
    for _, attributes in fragment.elements:
        assert set(attributes) <= {"style", "src", "alt", "scope"}, "no handlers, links, classes or ids"
        assert not re.search(r"url\(|expression|import", attributes.get("style") or "")
    return fragment


JUDGED = PhotoReport(
    "DCIM/a.jpg",
    "ok",
    notes=("a note",),
    findings=(
        Finding("dark", 3, 0.973, "mean L* 20 (usual here: 10 to 34)", nearly=2, margin=0.01),
        Finding("own_label", 1, 0.0004, ""),
        Finding("seven", 7, 1.0, "so < it & is"),
    ),
)


def test_every_label_has_its_level_probability_and_evidence() -> None:
    fragment = read(JUDGED)
    assert [[cell.strip() for cell in row] for row in fragment.cells] == [
        ["Problem", "Level", "Probability", "What was measured"],
        ["dark", "severe (nearly ordinary)", "97%", "mean L* 20 (usual here: 10 to 34)"],
        ["own_label", "none", "<0.1%", ""],
        ["seven", "7", "100%", "so < it & is"],
    ]
    said = "".join(fragment.text)
    assert "DCIM/a.jpg" in said
    assert "judged" in said
    assert "a note" in said
    assert fragment.pictures == [], "the file is not there"


def luminance(colour: str) -> float:
    """Relative luminance of #rgb or #rrggbb (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_it_reads_well_on_light_and_dark() -> None:
    """What has a background of its own has a text colour with contrast; all else inherits both."""
    findings = tuple(Finding("dark", level, 0.5, "") for level in (1, 2, 3, 4, 5))
    chips = 0
    for tag, attributes in read(dataclasses.replace(JUDGED, findings=findings)).elements:
        style = dict(part.split(":", 1) for part in (attributes.get("style") or "").split(";") if part)
        background, colour = style.get("background", "transparent"), style.get("color", "inherit")
        assert (background == "transparent") == (colour == "inherit"), (tag, style)
        if background != "transparent":
            chips += 1
            low, high = sorted((luminance(background), luminance(colour)))
            assert (high + 0.05) / (low + 0.05) >= 4.5
    assert chips == 4


def test_nothing_of_a_name_a_note_or_a_label_becomes_markup() -> None:
    report = PhotoReport(
        HOSTILE, "uncertain", notes=(HOSTILE,), findings=(Finding(HOSTILE, 2, 0.5, HOSTILE), *JUDGED.findings)
    )
    text = report._repr_html_()
    fragment = read(report)
    assert [tag for tag, _ in fragment.elements] == [
        tag for tag, _ in read(dataclasses.replace(report, source_file="a", notes=("b",))).elements
    ]
    said = "".join(fragment.text)
    assert said.count("<script>alert(1)</script>") == 4, "shown as text"
    assert "{{ 7*7 }}" in said
    assert not {"\u202e", "\x1b"} & set(text)


def test_a_hostile_name_of_a_file_that_is_there_is_only_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = HOSTILE.replace("/", "\u2215")
    Image.new("RGB", (64, 48), (200, 30, 30)).save(name, "JPEG")
    report = dataclasses.replace(JUDGED, source_file=name)
    (picture,) = read(report).pictures
    assert picture.size == (64, 48)
    (image,) = [attributes for tag, attributes in Fragment(report._repr_html_()).elements if tag == "img"]
    assert "<script>" in (image["alt"] or ""), "as text, within the attribute"


def test_a_name_that_is_not_utf8_finds_its_file(tmp_path: Path, checkpoint_folder: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.png")  # noqa: PTH118 - bytes
    with open(path, "wb") as stream:  # noqa: PTH123 - bytes
        Image.new("L", (80, 60), 90).save(stream, "PNG")
    (report,) = assess([tmp_path], checkpoint=checkpoint_folder)
    assert r"caf\xe9.png" in report.source_file
    assert len(read(report).pictures) == 1


@pytest.mark.parametrize("status", ["ok", "damaged"])
def test_the_picture_of_a_file_is_small_and_upright(status: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    grain = np.random.default_rng(0).integers(0, 256, (600, 900, 3), np.uint8)
    Image.fromarray(grain).save(path, exif=exif)
    report = dataclasses.replace(JUDGED, source_file=str(path), status=status)
    (picture,) = read(report).pictures
    assert picture.size == (160, 240)
    assert len(report._repr_html_()) < 100_000


def test_an_unreadable_report_says_why_and_has_no_table(roll: Path, checkpoint_folder: Path) -> None:
    reports = {Path(report.source_file).name: report for report in assess([roll], checkpoint=checkpoint_folder)}
    fragment = read(reports["g_empty.jpg"])
    assert "table" not in fragment.tags
    assert fragment.pictures == []
    assert "unreadable" in "".join(fragment.text)
    assert "the file is empty (0 bytes)" in "".join(fragment.text)
    # A fine one and one that is not to be trusted, from the same run.
    assert len(read(reports["a_fine.png"]).pictures) == 1
    assert "too small to judge" in "".join(read(reports["f_icon.png"]).text)


def test_a_damaged_report_says_so(tmp_path: Path, checkpoint_folder: Path) -> None:
    stream = io.BytesIO()
    grain = np.random.default_rng(1).integers(60, 190, (400, 600, 3), np.uint8)
    Image.fromarray(grain).save(stream, "JPEG", quality=90)
    data = bytearray(stream.getvalue())
    middle = len(data) // 2
    data[middle : middle + 40] = b"\xff\xd0" * 20
    (tmp_path / "damaged.jpg").write_bytes(data)
    report = assess_photo(tmp_path / "damaged.jpg", checkpoint=checkpoint_folder)
    assert report.status == "damaged"
    fragment = read(report)
    assert "damaged" in fragment.text
    assert report.notes[0] in "".join(fragment.text)
    assert len(fragment.pictures) == 1


@pytest.mark.parametrize("kind", ["bytes", "array", "image"])
def test_a_picture_from_memory_is_shown_if_its_thumbnail_was_kept(kind: str, checkpoint_folder: Path) -> None:
    array = np.random.default_rng(2).integers(60, 190, (300, 400, 3), np.uint8)
    image = Image.fromarray(array)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    source = {"bytes": stream.getvalue(), "array": array, "image": image}[kind]
    assert read(assess_photo(source, checkpoint=checkpoint_folder)).pictures == []
    auditor = Auditor.load(checkpoint_folder, thumbnails=True)
    (picture,) = read(auditor.photo(source)).pictures
    assert picture.size == (320, 240)


def test_a_file_that_is_gone_or_no_photo_any_more_costs_the_picture_only(
    tmp_path: Path, checkpoint_folder: Path
) -> None:
    path = tmp_path / "photo.png"
    Image.new("L", (80, 60), 90).save(path)
    report = assess_photo(path, checkpoint=checkpoint_folder)
    assert len(read(report).pictures) == 1
    path.write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    assert read(report).pictures == []
    path.unlink()
    assert read(report).pictures == []
    os.mkfifo(path)  # a reader would wait for ever
    assert read(report).pictures == []
    for name in ("\0", "", str(tmp_path), "a\0b.jpg"):
        assert read(dataclasses.replace(report, source_file=name)).pictures == []


def test_a_glimpse_is_cheap_or_none(tmp_path: Path) -> None:
    """A PNG has no short cut: a large one would hold up the notebook, though `assess` reads it."""
    path = tmp_path / "large.png"
    Image.new("L", (9000, 8000)).save(path, compress_level=1)
    assert glimpse(path) is None
    Image.new("L", (900, 800)).save(path)
    assert glimpse(path) is not None
    large = tmp_path / "large.jpg"
    Image.new("L", (9000, 8000)).save(large)
    assert glimpse(large) is not None, "a JPEG is decoded at a fraction of its size"


def test_records_alone_load_nothing_of_it() -> None:
    ours = "n.split('.')[0] in ('iqa_cli', 'jinja2')"
    code = f"import sys, iqa_cli.records\nprint(*sorted(n for n in sys.modules if {ours}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert found == ["iqa_cli", "iqa_cli._version", "iqa_cli.records"]
