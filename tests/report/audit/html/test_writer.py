"""The page: what is on it, in which order, that nothing of a user's can run on it, and what becomes of its files."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import errno
import hashlib
import json
import os
import re
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from iqa_cli.errors import OutputError, UsageError
from iqa_cli.hexgraph import HexGraph, Label
from iqa_cli.photometry import examine
from iqa_cli.photos.discover import discover
from iqa_cli.pipeline.thumbnail import thumbnail_of
from iqa_cli.provenance import Provenance
from iqa_cli.records import Capture, Finding, Influence, PhotoReport, Thumbnail
from iqa_cli.report.audit.html import writer
from iqa_cli.report.audit.html.writer import HtmlWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from iqa_cli.records import Language

PROVENANCE = Provenance(("DCIM",), "default", "scaled", "normal", dt.datetime(2026, 7, 4, 9, 5, tzinfo=dt.UTC))
PICTURE = np.full((48, 64, 3), 128, np.uint8)
OURS = b"<!doctype html>\n<!-- iqa audit page, format_version "
EVIL = "</script><script>alert(1)</script>"


class Page(HTMLParser):
    """A page as a browser takes it apart: its elements, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[tuple[dict[str, str | None], str]]] = {"script": [], "style": []}
        self.text = ""
        self._open: tuple[str, dict[str, str | None]] | None = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = (tag, dict(attrs)) if tag in self.inside else None

    def handle_endtag(self, _: str) -> None:
        self._open = None

    def handle_data(self, data: str) -> None:
        if self._open is None:
            self.text += data
        else:
            self.inside[self._open[0]].append((self._open[1], data))

    def scripts(self, kind: str | None) -> list[str]:
        return [text for attributes, text in self.inside["script"] if attributes.get("type") == kind]

    @property
    def meta(self) -> dict[str, Any]:
        return dict(json.loads(self.scripts("application/json")[0]))

    @property
    def photos(self) -> list[dict[str, Any]]:
        return [photo for chunk in self.scripts("application/json")[1:] for photo in json.loads(chunk)]


def with_picture(report: PhotoReport) -> PhotoReport:
    return dataclasses.replace(report, thumbnail=thumbnail_of(PICTURE, examine(PICTURE)))


def written(
    path: Path,
    graph: HexGraph,
    reports: Iterable[PhotoReport],
    lang: Language = "en",
    provenance: Provenance = PROVENANCE,
) -> Page:
    with HtmlWriter(path, graph, lang, provenance) as page:
        for report in reports:
            page.write(report)
        page.finish()
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def reports(judged: Callable[..., PhotoReport], unreadable: Callable[..., PhotoReport]) -> list[PhotoReport]:
    return [
        with_picture(judged("DCIM/a_fine.jpg")),
        with_picture(judged("DCIM/b_dark.jpg", {"dark": 2})),
        unreadable("DCIM/c_empty.jpg"),
        with_picture(judged("DCIM/d_icon.jpg", {"dark": 4}, status="uncertain", notes=("too small",))),
        with_picture(judged("DCIM/sub/e_bright.jpg", {"bright": 4}, p=0.7)),
        with_picture(judged("DCIM/f_bright.jpg", {"bright": 4}, p=0.8)),
    ]


def test_worst_first_then_uncertain_unreadable_and_fine(
    tmp_path: Path, graph: HexGraph, reports: list[PhotoReport]
) -> None:
    page = written(tmp_path / "audit.html", graph, reports)
    assert [photo["file"] for photo in page.photos] == [
        "DCIM/f_bright.jpg",
        "DCIM/sub/e_bright.jpg",
        "DCIM/b_dark.jpg",
        "DCIM/d_icon.jpg",
        "DCIM/c_empty.jpg",
        "DCIM/a_fine.jpg",
    ]
    assert page.meta["root"] == "DCIM/"
    assert "6 photos: 3 flawed (2 blocking), 1 fine, 1 uncertain, 1 unreadable" in page.text


def test_the_pictures_inside_are_those_of_their_photos(tmp_path: Path, graph: HexGraph, judged: Any) -> None:
    reports = [
        dataclasses.replace(
            judged(f"{number:02}.jpg", {"dark": 2}),
            thumbnail=Thumbnail(b"jpeg %d" % number, b"areas %d" % number, b"\1"),
        )
        for number in range(40)
    ]
    reports[7] = dataclasses.replace(reports[7], thumbnail=None)
    page = written(tmp_path / "audit.html", graph, reports)
    blocks = [block.split("\n") for block in page.scripts("text/plain")]
    assert {len(block) for block in blocks[:-1]} == {page.meta["block"]}
    lines = [line.split(" ") for block in blocks for line in block]
    for photo in page.photos:
        number = int(photo["file"][:2])
        if number == 7:
            assert photo["thumbnail"] is None
        else:
            jpeg, areas = map(base64.b64decode, lines[photo["thumbnail"]])
            assert (jpeg, areas) == (b"jpeg %d" % number, b"areas %d" % number)


def test_nothing_of_a_photo_can_become_part_of_the_page(
    tmp_path: Path, graph: HexGraph, judged: Callable[..., PhotoReport]
) -> None:
    plain = written(tmp_path / "plain.html", graph, [judged("a.jpg", {"dark": 2})])
    capture = Capture(make=EVIL, model="'\"\u2028\u2029<!--", lens_model="\ud800 lone")
    report = dataclasses.replace(
        judged(f"<img src=x onerror=alert(1)>{EVIL}.jpg", {"dark": 2}, notes=(EVIL, "<!-- <script>")), capture=capture
    )
    provenance = dataclasses.replace(PROVENANCE, places=(f"<b>{EVIL}",), checkpoint=EVIL)
    page = written(tmp_path / "evil.html", graph, [report], provenance=provenance)
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    (photo,) = page.photos
    assert photo["file"] == report.source_file
    assert photo["capture"]["make"] == EVIL
    assert photo["capture"]["model"] == capture.model
    assert photo["notes"] == [EVIL, "<!-- <script>"]
    assert f"<b>{EVIL}" in page.text
    raw = (tmp_path / "evil.html").read_text(encoding="utf-8")
    assert "\u2028" not in raw
    assert "\u2029" not in raw


def test_the_policy_allows_what_is_in_the_page_and_nothing_else(
    tmp_path: Path, graph: HexGraph, reports: list[PhotoReport]
) -> None:
    page = written(tmp_path / "audit.html", graph, reports)
    (policy,) = (
        str(attributes["content"])
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    (script,) = page.scripts(None)
    ((_, style),) = page.inside["style"]

    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert policy.split("; ") == [
        "default-src 'none'",
        "img-src data:",
        f"style-src {hashed(style)}",
        f"script-src {hashed(script)}",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        assert "src" not in attributes
        assert attributes.get("href", "#").startswith(("#", "data:,"))


def test_of_many_fine_photos_an_even_sample_is_kept_and_the_page_says_so(
    tmp_path: Path, graph: HexGraph, judged: Callable[..., PhotoReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FINE_KEPT", 50)
    reports = [judged(f"{number:04}.jpg") for number in range(1000)] + [judged("z.jpg", {"dark": 3})]
    page = written(tmp_path / "audit.html", graph, reports)
    numbers = [int(photo["file"][:4]) for photo in page.photos[1:]]
    assert len(numbers) == 50
    assert len(set(numbers)) == 50
    # Of 50 drawn from 1000 the mean lies within 4.5 standard errors of the middle.
    assert abs(np.mean(numbers) - 499.5) < 4.5 * 1000 / np.sqrt(12 * 50)
    assert "51 photos are here" in page.text
    assert "50 of the 1000 fine ones" in page.text
    assert [photo["file"] for photo in written(tmp_path / "again.html", graph, reports).photos] == [
        photo["file"] for photo in page.photos
    ]


def test_the_summary_counts_what_the_script_will_find(
    tmp_path: Path, graph: HexGraph, reports: list[PhotoReport]
) -> None:
    page = written(tmp_path / "audit.html", graph, reports)
    buttons = [attributes for tag, attributes in page.elements if tag == "button" and "data-level" in attributes]
    found = {(int(str(b["data-label"])), int(str(b["data-level"]))): str(b["aria-label"]) for b in buttons}
    for (label, level), said in found.items():
        count = sum(
            finding["label"] == label and finding["level"] == level
            for photo in page.photos
            if photo["status"] == "ok"
            for finding in photo["findings"]
        )
        assert said.endswith(f"show {count}")
    assert set(found) == {(graph.index("bright"), 4), (graph.index("dark"), 2)}


def test_rules_are_told_in_words(tmp_path: Path, graph: HexGraph, judged: Callable[..., PhotoReport]) -> None:
    influence = Influence(("/exclusions/0",), ("bright", "dark"), "dark", 2, 0.5, 0.5, 0.1)
    report = dataclasses.replace(judged("a.jpg", {"bright": 3}), influence=(influence,))
    page = written(tmp_path / "audit.html", graph, [report])
    assert page.photos[0]["influence"][0]["rules"] == ["/exclusions/0"]
    assert page.meta["rules"]["/exclusions/0"] == (
        "The rule: too bright (ordinary, severe, blocking) and too dark (ordinary, severe, blocking) "
        "never come together"
    )
    assert set(page.meta["rules"]) == {f"/exclusions/{i}" for i in range(3)} | {f"/subsumptions/{i}" for i in range(6)}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_both_languages_have_every_word(
    tmp_path: Path, graph: HexGraph, reports: list[PhotoReport], lang: Language
) -> None:
    page = written(tmp_path / "audit.html", graph, reports, lang)
    assert ("html", {"lang": {"en": "en", "zh": "zh-Hans"}[lang]}) in page.elements
    used = set(re.findall(r"\bW\.(\w+)", page.scripts(None)[0]))
    assert used
    assert used == set(page.meta["words"])
    nested = {name: set(value) for name, value in writer.SCRIPT["en"].items() if not isinstance(value, str)}
    assert nested == {name: set(value) for name, value in writer.SCRIPT[lang].items() if not isinstance(value, str)}
    assert set(nested["capture"]) == {field.name for field in dataclasses.fields(Capture)}
    assert "{" not in page.text


def test_a_link_leads_to_the_file_also_where_its_name_is_no_utf8(
    tmp_path: Path, graph: HexGraph, judged: Callable[..., PhotoReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "DCIM"
    folder.mkdir()
    names = [b"caf\xe9 1.jpg", b"a#?%41.jpg", "发.jpg".encode(), b"back\\xe9slash.jpg"]
    try:
        for name in names:
            (Path(os.fsdecode(bytes(folder))) / os.fsdecode(name)).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pages").mkdir()
    refs = discover(["DCIM"]).photos
    page = written(tmp_path / "pages" / "audit.html", graph, [judged(ref.source_file, {"dark": 2}) for ref in refs])
    led_to = [urllib.parse.unquote_to_bytes(photo["href"]) for photo in page.photos]
    assert sorted(led_to) == sorted(b"../DCIM/" + name for name in names)


@pytest.mark.parametrize(
    ("files", "root"),
    [
        (["./odd/sub/a.jpg", "./odd/b.jpg"], "./odd/"),
        (["/a/b/c.jpg", "/a/bc/d.jpg"], "/a/"),
        (["a.jpg", "b/c.jpg"], ""),
        (["x/y/a.jpg"], "x/y/"),
        (["/a/b.jpg", "c/d.jpg"], ""),
    ],
)
def test_labels_name_photos_from_the_folder_that_all_lie_in(
    tmp_path: Path, graph: HexGraph, judged: Callable[..., PhotoReport], files: list[str], root: str
) -> None:
    page = written(tmp_path / "audit.html", graph, [judged(file, {"dark": 2}) for file in files])
    assert page.meta["root"] == root
    assert all(photo["file"].startswith(root) for photo in page.photos)


def test_pages_of_folders_of_one_name_keep_apart_what_is_said_of_their_photos(
    tmp_path: Path, graph: HexGraph, reports: list[PhotoReport]
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (written(tmp_path / name / "audit.html", graph, reports).meta["id"] for name in ("a", "b"))
    assert first != second
    assert written(tmp_path / "a" / "audit.html", graph, reports[:3]).meta["id"] == first


def test_labels_may_have_any_number_of_levels(tmp_path: Path) -> None:
    graph = HexGraph("mine", (Label("noise", (1, 2)), Label("blur", (1, 2, 3, 4, 5, 6))))
    findings = (Finding("noise", 2, 0.9, ""), Finding("blur", 6, 0.8, ""))
    page = written(tmp_path / "audit.html", graph, [PhotoReport("a.jpg", "ok", findings=findings)])
    assert [label["levels"] for label in page.meta["labels"]] == [2, 6]
    assert len(page.meta["levels"]) == 6


def test_many_places_make_a_short_title(tmp_path: Path, graph: HexGraph, reports: list[PhotoReport]) -> None:
    provenance = dataclasses.replace(PROVENANCE, places=tuple(f"{number}.jpg" for number in range(300)))
    assert (
        "Tone problems in 0.jpg and 299 more"
        in written(tmp_path / "a.html", graph, reports, provenance=provenance).text
    )


def test_the_page_that_is_there_stays_until_the_new_one_is_complete(
    tmp_path: Path, graph: HexGraph, reports: list[PhotoReport]
) -> None:
    path = tmp_path / "audit.html"
    path.write_bytes(OURS + b"1 -->")
    path.chmod(0o640)
    with HtmlWriter(path, graph, "en", PROVENANCE) as page:
        page.write(reports[0])
    assert path.read_bytes() == OURS + b"1 -->"
    assert [entry.name for entry in tmp_path.iterdir()] == ["audit.html"]
    written(path, graph, reports)
    assert path.read_bytes().startswith(OURS + b"1 -->")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["audit.html"]


FAILURES = [("write", 0), ("write", 1), ("write", 2), ("fsync", 0), ("replace", 0)]


def fail_after(monkeypatch: pytest.MonkeyPatch, call: str, times: int) -> None:
    """Have a call of the system fail as on a full disk once it worked so many times."""
    real: Callable[..., object] = getattr(os, call)
    left = [times]

    def limited(*arguments: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    monkeypatch.setattr(os, call, limited)
    monkeypatch.setattr("iqa_cli.writing.replacement._BUFFER_BYTES", 1000)  # a page of many writes


@pytest.mark.parametrize(("call", "times"), FAILURES)
def test_a_full_disk_loses_nothing(
    tmp_path: Path,
    graph: HexGraph,
    reports: list[PhotoReport],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    times: int,
) -> None:
    path = tmp_path / "audit.html"
    path.write_bytes(OURS + b"1 -->")
    with HtmlWriter(path, graph, "en", PROVENANCE) as page:
        for report in reports:
            page.write(report)
        fail_after(monkeypatch, call, times)
        with pytest.raises(OutputError, match=r"audit\.html: .* \(No space left") as raised:
            page.finish()
    assert raised.value.hint is not None
    assert path.read_bytes() == OURS + b"1 -->"
    assert [entry.name for entry in tmp_path.iterdir()] == ["audit.html"]


class TestFolder:
    """Pictures that are too many for the page."""

    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writer, "INSIDE_BYTES", 1000)

    def test_pictures_lie_beside_the_page_which_says_so(
        self, tmp_path: Path, graph: HexGraph, reports: list[PhotoReport]
    ) -> None:
        page = written(tmp_path / "audit.html", graph, reports)
        folder = tmp_path / "audit_files"
        assert page.meta["folder"] == "audit_files"
        assert "audit_files beside this page" in page.text
        assert page.scripts("text/plain") == []
        assert reports[0].thumbnail is not None
        for photo in page.photos:
            if photo["thumbnail"] is not None:
                assert (folder / f"{photo['thumbnail']:06}.jpg").read_bytes() == reports[0].thumbnail.jpeg
                assert (folder / f"{photo['thumbnail']:06}.png").read_bytes() == reports[0].thumbnail.areas
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["audit.html", "audit_files"]

    def test_a_second_run_replaces_them_and_a_small_one_removes_them(
        self, tmp_path: Path, graph: HexGraph, reports: list[PhotoReport], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(tmp_path / "audit.html", graph, reports)
        written(tmp_path / "audit.html", graph, reports[:2])
        names = {entry.name for entry in (tmp_path / "audit_files").iterdir()}
        assert names == {"made-by-iqa.txt", *(f"00000{n}.{kind}" for n in range(2) for kind in ("jpg", "png"))}
        monkeypatch.setattr(writer, "INSIDE_BYTES", 10**6)
        written(tmp_path / "audit.html", graph, reports)
        assert [entry.name for entry in tmp_path.iterdir()] == ["audit.html"]

    @pytest.mark.parametrize("has_older", [True, False])
    @pytest.mark.parametrize(("call", "times"), FAILURES)
    def test_a_full_disk_leaves_the_older_page_with_its_own_pictures(
        self,
        tmp_path: Path,
        graph: HexGraph,
        reports: list[PhotoReport],
        monkeypatch: pytest.MonkeyPatch,
        call: str,
        times: int,
        has_older: bool,
    ) -> None:
        if has_older:
            written(tmp_path / "audit.html", graph, reports)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        with HtmlWriter(tmp_path / "audit.html", graph, "en", PROVENANCE) as page:
            page.write(reports[1])
            fail_after(monkeypatch, call, times)
            with pytest.raises(OutputError):
                page.finish()
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        assert len(list(tmp_path.iterdir())) == 2 * has_older

    def test_a_name_that_is_no_utf8(self, tmp_path: Path, graph: HexGraph, reports: list[PhotoReport]) -> None:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.html"))
        try:
            path.touch()
        except OSError:
            pytest.skip("this file system takes UTF-8 names only")
        page = written(path, graph, reports)
        assert page.meta["folder"] == "caf%E9_files"
        assert "caf\\xe9_files beside this page" in page.text

    def test_a_page_behind_a_link_has_its_pictures_where_it_lies(
        self, tmp_path: Path, graph: HexGraph, reports: list[PhotoReport]
    ) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link.html").symlink_to(tmp_path / "real" / "audit.html")
        written(tmp_path / "link.html", graph, reports)
        assert sorted(entry.name for entry in (tmp_path / "real").iterdir()) == ["audit.html", "audit_files"]
        assert (tmp_path / "link.html").is_symlink()

    @pytest.mark.parametrize("has_mark", [False, True])
    def test_somebody_elses_folder_is_never_touched(
        self, tmp_path: Path, graph: HexGraph, reports: list[PhotoReport], has_mark: bool
    ) -> None:
        folder = tmp_path / "audit_files"
        folder.mkdir()
        (folder / "mine.jpg").write_bytes(b"mine")
        if has_mark:
            (folder / "made-by-iqa.txt").write_text("")
        with pytest.raises(UsageError, match="was not made by iqa"):
            written(tmp_path / "audit.html", graph, reports)
        assert (folder / "mine.jpg").read_bytes() == b"mine"
        assert [entry.name for entry in tmp_path.iterdir()] == ["audit_files"]
