"""Sidecars hold what was judged, keep everything of others, and are read by other programs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from drawn import LABELS, as_jsonl, make_files, photo
from PIL import Image

from iqa_cli._version import __version__
from iqa_cli.picking import xmp
from iqa_cli.picking.jsonl_rows import jsonl_rows
from iqa_cli.picking.judgement import Judgement, judgement
from iqa_cli.picking.names import names_of
from iqa_cli.picking.places import find
from iqa_cli.picking.report import read_report
from iqa_cli.picking.sidecars import sidecar_of, write_sidecars
from iqa_cli.picking.words import EXIFTOOL
from iqa_cli.picking.xmp import sidecar
from tests.needs import need_exiftool

if TYPE_CHECKING:
    from iqa_cli.picking.rows import Row
    from iqa_cli.picking.sidecars import Written
    from iqa_cli.records import PhotoReport

DARK = (("iqa", "too dark", "severe"),)
DARKTABLE = """<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="XMP Core 4.4.0-Exiv2">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:darktable="http://darktable.sf.net/"
   xmp:Rating="RATING"
   darktable:xmp_version="5"
   darktable:note="two&#10;lines &amp; more">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>holiday</rdf:li>
     <rdf:li>too dark</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>places|sea</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <darktable:history>
    <rdf:Seq>
     <rdf:li darktable:num="0" darktable:operation="exposure" darktable:params="gz02eJx"/>
    </rdf:Seq>
   </darktable:history>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
LIGHTROOM = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- mine -->
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:1" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" crs:Tint="+3"/>
  <rdf:Description rdf:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:subject="alone"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""


def said(rating: int | None = 2, keywords: tuple[tuple[str, ...], ...] = DARK) -> Judgement:
    return Judgement("ok", rating, keywords, ("dark=3",), ("dark=0.9000",))


def row_of(report: PhotoReport) -> Row:
    (row,) = jsonl_rows(io.BytesIO(as_jsonl([report])), "audit")[1]
    return row


def tags(content: bytes, name: str) -> list[str]:
    """The items of a list."""
    found = re.search(rf"<{name}[ >].*?</{name}>", content.decode(), re.DOTALL)
    return re.findall(r"<rdf:li>(.*?)</rdf:li>", found[0]) if found else []


def rating(content: bytes) -> str | None:
    found = re.search(r'xmp:Rating(?:="|>)(-?\d)', content.decode())
    return found[1] if found else None


@pytest.mark.parametrize(
    ("report", "stars", "keywords"),
    [
        (photo("a", 1), 4, ()),
        (photo("a", 2), 3, (("iqa", "too dark", "ordinary"),)),
        (photo("a", 3), 2, (("iqa", "too dark", "severe"),)),
        (photo("a", 4), 1, (("iqa", "too dark", "blocking"),)),
        (photo("a", 4, status="uncertain"), None, (("iqa", "uncertain"),)),
        (photo("a", status="unreadable"), None, (("iqa", "unreadable"),)),
    ],
)
def test_the_worst_level_gives_the_stars(
    report: PhotoReport, stars: int | None, keywords: tuple[tuple[str, ...], ...]
) -> None:
    found = judgement(row_of(report), LABELS, names_of(LABELS))
    assert (found.rating, found.keywords) == (stars, keywords)


def test_names_are_those_of_the_shipped_graph_and_else_the_spelling_with_spaces() -> None:
    names = names_of(("over_suppressed", "my_own|label"))
    assert names.labels == {"over_suppressed": "highlights over-suppressed", "my_own|label": "my own|label"}
    assert (names.level(4), names.level(5)) == ("blocking", "level 5")
    assert names.spoken["高光压制过度"] == "over_suppressed"
    labels = ("bright", "x|y/z", "q")
    assert judgement(row_of(photo("a", 2)), labels, names_of(labels)).keywords == (("iqa", "x-y-z", "ordinary"),)


def test_a_new_sidecar_has_rating_keywords_and_figures() -> None:
    content = sidecar(said())
    assert content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<x:xmpmeta ')
    assert rating(content) == "2"
    assert tags(content, "dc:subject") == ["iqa", "too dark", "severe"]
    assert tags(content, "lr:hierarchicalSubject") == ["iqa|too dark|severe"]
    assert tags(content, "digiKam:TagsList") == ["iqa/too dark/severe"]
    assert tags(content, "iqa:auditProbabilities") == ["dark=0.9000"]
    assert f"<iqa:auditedBy>iqa {__version__}</iqa:auditedBy>" in content.decode()


def without_ours(content: bytes) -> str:
    """A sidecar without our description and our keywords, and without the spaces between its words."""
    text = re.sub(r"<rdf:Description [^>]*xmlns:iqa=.*?</rdf:Description>", "", content.decode(), flags=re.DOTALL)
    text = re.sub(r"<rdf:li>(iqa[^<]*|severe|too bright|blocking)</rdf:li>", "", text)
    return " ".join(sorted(re.sub(r"[<>]", " ", text).split()))


@pytest.mark.parametrize("theirs", [DARKTABLE.replace("RATING", "5"), DARKTABLE.replace("RATING", "-1"), LIGHTROOM])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_everything_of_others_stays_when_ours_comes_and_is_renewed(theirs: str, mark: str) -> None:
    existing = (mark + theirs).encode()
    once = sidecar(said(), existing)
    assert sidecar(said(), once) is once
    other = sidecar(said(1, (("iqa", "too bright", "blocking"),)), once)
    none = sidecar(said(None, ()), other)
    for content in (once, other, none):
        if theirs is not LIGHTROOM:
            assert without_ours(content) == without_ours(existing)
            assert rating(content) == rating(existing)
            assert b'note="two&#10;lines &amp; more"' in content
        assert content.startswith(existing[: existing.index(b"?>")])
    assert tags(other, "lr:hierarchicalSubject")[-1] == "iqa|too bright|blocking"
    assert b"iqa|" not in none
    assert b"<rdf:li>severe" not in other
    assert b"<rdf:li>iqa</rdf:li>" not in none


def test_a_word_that_was_there_before_us_stays_when_ours_go() -> None:
    once = sidecar(said(), DARKTABLE.encode())
    assert tags(once, "dc:subject") == ["holiday", "too dark", "iqa", "severe"]
    assert tags(once, "iqa:auditKeywords") == ["iqa", "severe"]
    assert tags(sidecar(said(None, ()), once), "dc:subject") == ["holiday", "too dark"]


def test_without_our_record_the_words_of_our_hierarchies_are_ours() -> None:
    once = re.sub(rb"<iqa:auditKeywords>.*?</iqa:auditKeywords>", b"", sidecar(said()), flags=re.DOTALL)
    other = sidecar(said(1, (("iqa", "too bright", "blocking"),)), once)
    assert tags(other, "dc:subject") == ["iqa", "too bright", "blocking"]


def test_a_simple_value_becomes_the_first_of_a_list() -> None:
    assert tags(sidecar(said(), LIGHTROOM.encode()), "dc:subject") == ["alone", "iqa", "too dark", "severe"]
    assert sidecar(said(), LIGHTROOM.encode()).decode().rstrip().endswith('</x:xmpmeta>\n<?xpacket end="w"?>')


@pytest.mark.parametrize(("theirs", "given"), [("5", "5"), ("-1", "-1"), ("0", "2"), ("", "2")])
def test_a_rating_that_somebody_gave_stays_and_none_is_given(theirs: str, given: str) -> None:
    once = sidecar(said(2), DARKTABLE.replace("RATING", theirs).encode())
    assert rating(once) == given
    assert rating(sidecar(said(1), once)) == ("1" if given == "2" else given)


def test_our_rating_that_somebody_changed_or_cleared_is_theirs() -> None:
    once = sidecar(said(2), DARKTABLE.replace("RATING", "0").encode())
    for theirs in (b"4", b"0"):
        changed = once.replace(b'xmp:Rating="2"', b'xmp:Rating="' + theirs + b'"')
        for _ in range(2):
            changed = sidecar(said(1), changed)
            assert rating(changed) == theirs.decode()


def test_our_rating_goes_when_the_judgement_is_not_to_be_trusted_any_more() -> None:
    assert rating(sidecar(said(None), sidecar(said(2)))) is None


def test_another_encoding_is_kept() -> None:
    existing = DARKTABLE.replace("UTF-8", "UTF-16").replace("holiday", "雪").encode("utf-16")
    text = sidecar(said(), existing).decode("utf-16")
    assert "<rdf:li>雪</rdf:li>" in text
    assert "iqa|too dark|severe" in text
    assert 'encoding="UTF-16"' in text


@pytest.mark.parametrize(
    "content",
    [b"", b"no xml", b"<a/>", DARKTABLE.encode()[:-60], b'<!DOCTYPE x [<!ENTITY e "e">]><x>&e;</x>', b"\x00\x01\x02"],
)
def test_what_is_no_xmp_is_refused(content: bytes) -> None:
    with pytest.raises(xmp.NoXmp, match=r".+"):
        sidecar(said(), content)


def test_no_entity_reads_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret", encoding="utf-8")
    attack = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>' + DARKTABLE[39:].replace("holiday", "&e;")
    with pytest.raises(xmp.NoXmp, match="DOCTYPE"):
        sidecar(said(), attack.encode())


NOT_IN_XML = "a\x01b\x1b\x0b\ud800\ufffe"


def test_what_xml_cannot_hold_is_replaced_and_a_second_run_finds_nothing_new() -> None:
    for existing in (None, DARKTABLE.encode(), sidecar(said())):
        judged = Judgement("ok", 2, (("iqa", NOT_IN_XML, "severe"),), (f"{NOT_IN_XML}=3",), (f"{NOT_IN_XML}=0.9",))
        content = sidecar(judged, existing)
        assert tags(content, "lr:hierarchicalSubject")[-1] == "iqa|a\ufffdb\ufffd\ufffd\ufffd\ufffd|severe"
        assert tags(content, "iqa:auditLevels") == ["a\ufffdb\ufffd\ufffd\ufffd\ufffd=3"]
        assert sidecar(judged, content) is content


def test_an_error_of_ours_is_not_told_as_a_fault_of_the_file_that_is_there(
    written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise ValueError("ours")

    make_files(Path(), "a.jpg")
    Path("a.jpg.xmp").write_text(DARKTABLE, encoding="utf-8")
    monkeypatch.setattr(xmp._Sidecar, "rate", wrong)
    with pytest.raises(ValueError, match="ours"):
        written(photo("a.jpg", 3))


def test_an_encoding_that_is_unknown_here_is_refused() -> None:
    with pytest.raises(xmp.NoXmp, match="encoding"):
        sidecar(said(), DARKTABLE.replace("UTF-8", "WINDOWS-874").encode())


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the sidecars of photos in the current folder."""
    monkeypatch.chdir(tmp_path)

    def write(*photos: PhotoReport, dry_run: bool = False) -> list[Written]:
        Path("audit.jsonl").write_bytes(as_jsonl(photos))
        report = read_report("audit.jsonl")
        found = find(report.rows, report).photos
        return list(write_sidecars(found, report.labels, names_of(report.labels), dry_run=dry_run))

    return write


def test_sidecars_are_made_merged_and_left_alone(written: Any) -> None:
    make_files(Path(), "a.jpg", "b.jpg", "c.jpg", "d.jpg", "d.jpg.xmp", "e.jpg")
    Path("b.jpg.xmp").write_text(DARKTABLE, encoding="utf-8")
    os.chmod("b.jpg.xmp", 0o600)
    Path("c.jpg.XMP").write_bytes(sidecar(said()))
    Path("elsewhere.xmp").write_text(LIGHTROOM, encoding="utf-8")
    Path("e.jpg.xmp").symlink_to("elsewhere.xmp")
    photos = [photo(f"{name}.jpg", 3) for name in "abcde"]
    before = {path: path.read_bytes() for path in Path().iterdir()}
    rehearsed = written(*photos, dry_run=True)
    assert {path: path.read_bytes() for path in Path().iterdir() if path.suffix != ".jsonl"} == before
    entries = written(*photos)
    hows = ["new", "merged", "merged", "left", "merged"]
    assert [entry.how for entry in rehearsed] == [entry.how for entry in entries] == hows
    assert entries[3].reason.startswith("it is no XMP (")
    assert Path("d.jpg.xmp").read_bytes() == before[Path("d.jpg.xmp")]
    assert Path("e.jpg.xmp").is_symlink()
    assert b"iqa|too dark" in Path("elsewhere.xmp").read_bytes()
    assert Path("b.jpg.xmp").stat().st_mode & 0o777 == 0o600
    assert not Path("c.jpg.xmp").exists()
    assert [entry.how for entry in written(*photos)] == ["unchanged"] * 3 + ["left", "unchanged"]


def test_the_sidecar_of_a_photo_is_the_one_that_is_there(tmp_path: Path) -> None:
    name = str(tmp_path / "a.JPG")
    assert sidecar_of(name) == f"{name}.xmp"
    Path(f"{name}.XMP").write_bytes(b"")
    assert sidecar_of(name) == f"{name}.XMP"


def output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def picture(name: str | bytes) -> None:
    """A photo that other programs open."""
    Image.new("RGB", (64, 48), (90, 80, 70)).save("made.jpg")
    os.rename("made.jpg", name)


@pytest.mark.parametrize(("everything", "outcome"), [("1", pytest.fail), ("", pytest.skip), (None, pytest.skip)])
def test_a_missing_exiftool_fails_where_everything_is_to_be_tested(
    monkeypatch: pytest.MonkeyPatch, everything: str | None, outcome: Any
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    if everything is None:
        monkeypatch.delenv("IQA_TEST_EVERYTHING", raising=False)
    else:
        monkeypatch.setenv("IQA_TEST_EVERYTHING", everything)
    with pytest.raises(outcome.Exception, match="exiftool is not installed"):
        need_exiftool()


def test_exiftool_reads_what_was_written_and_copies_it_into_copies(written: Any) -> None:
    need_exiftool()
    names = ["a.jpg", os.fsdecode(b"caf\xe9.jpg")]
    for name in names:
        picture(name)
    Path("a.jpg.xmp").write_text(DARKTABLE.replace("RATING", "0"), encoding="utf-8")
    written(photo("a.jpg", 3, 0.8125), photo("caf\\xe9.jpg", 4))
    (found,) = json.loads(output_of("exiftool", "-json", "-G1", "-xmp:all", "a.jpg.xmp"))
    assert found["XMP-xmp:Rating"] == 2
    assert found["XMP-dc:Subject"] == ["holiday", "too dark", "iqa", "severe"]
    assert found["XMP-lr:HierarchicalSubject"] == ["places|sea", "iqa|too dark|severe"]
    assert found["XMP-digiKam:TagsList"] == "iqa/too dark/severe"
    assert found["XMP-iqa:AuditProbabilities"] == ["bright=0.0010", "dark=0.8125", "over_suppressed=0.0200"]
    assert found["XMP-iqa:AuditedBy"] == f"iqa {__version__}"
    before = [Path(name).read_bytes() for name in names]
    output_of(*EXIFTOOL.split()[:-1], *names)
    assert [Path(name).read_bytes() for name in names] == before
    # Into JPEG goes what the standard namespaces hold, and nothing of ours under another's name.
    (copied,) = json.loads(output_of("exiftool", "-json", "-G1", "-xmp:all", "copies/a.jpg"))
    kept = ("XMP-xmp:Rating", "XMP-dc:Subject", "XMP-lr:HierarchicalSubject", "XMP-digiKam:TagsList")
    assert {key: copied[key] for key in kept} == {key: found[key] for key in kept}
    assert set(copied) == {*kept, "SourceFile", "XMP-x:XMPToolkit"}
    assert len(list(Path("copies").iterdir())) == 2


def test_exiv2_reads_what_was_written(written: Any) -> None:
    if shutil.which("exiv2") is None:
        pytest.skip("exiv2 is not installed; digiKam and darktable read sidecars by it")
    make_files(Path(), "a.jpg", "b.jpg")
    Path("b.jpg.xmp").write_text(LIGHTROOM, encoding="utf-8")
    written(photo("a.jpg", 3), photo("b.jpg", 3))
    for name in ("a", "b"):
        lines = {
            line.split()[0]: line.split(maxsplit=3)[3]
            for line in output_of("exiv2", "-px", f"{name}.jpg.xmp").splitlines()
        }
        assert lines["Xmp.xmp.Rating"] == "2"
        assert lines["Xmp.lr.hierarchicalSubject"] == "iqa|too dark|severe"
        assert lines["Xmp.digiKam.TagsList"] == "iqa/too dark/severe"
        assert lines["Xmp.dc.subject"] == ("alone, " if name == "b" else "") + "iqa, too dark, severe"


def test_darktable_takes_rating_and_keywords_over(written: Any) -> None:
    if shutil.which("darktable-cli") is None:
        pytest.skip("darktable-cli is not installed")
    picture("a.jpg")
    written(photo("a.jpg", 3))
    output_of(
        "darktable-cli", "a.jpg", "out.jpg", "--width", "16", "--core", "--configdir", "config", "--cachedir", "cache"
    )
    with contextlib.closing(sqlite3.connect("config/data.db")) as library:
        assert ("iqa|too dark|severe",) in library.execute("select name from tags").fetchall()
    assert b'xmp:Rating="2"' in Path("out.jpg").read_bytes()
