"""The pipeline: right answers in order, whatever the number of threads, and nothing a photo contains stops it."""

from __future__ import annotations

import dataclasses
import io
import json
import math
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqa_cli.cache import Cache
from iqa_cli.checkpoint import load_checkpoint, write_checkpoint
from iqa_cli.errors import CheckpointError, InvalidInput, UsageError
from iqa_cli.photos.discover import Discovery, discover
from iqa_cli.pipeline import Auditor, assess, assess_photo, reading
from iqa_cli.pipeline import auditor as auditor_module
from iqa_cli.pipeline.auditor import AT_ONCE, IN_FLIGHT, LOOKUP
from iqa_cli.records import Capture, Decode, Language, PhotoRef, PhotoReport, Unreadable

SaveGrey = Callable[..., Path]


def summary(report: PhotoReport) -> tuple[str, str, str | None, int]:
    worst = report.worst
    return Path(report.source_file).name, report.status, worst and worst.label, worst.level if worst else 1


@pytest.mark.parametrize(
    ("value", "levels"),  # of 255; level 2 of bright begins at 153 (0.6), where a step of 1 is 0.78 of log-odds
    [(150, (1, 1, 1)), (152, (1, 1, 2)), (153, (1, 2, 2)), (155, (2, 2, 2))],
)
def test_strictness_moves_levels_and_no_probability(
    save_grey: SaveGrey, checkpoint_folder: Path, value: int, levels: tuple[int, int, int]
) -> None:
    path = save_grey("photo.png", value)
    found = []
    for strictness in (-1.0, 0.0, 1.0):
        (report,) = assess([path], checkpoint=checkpoint_folder, strictness=strictness)
        found.append((report.findings[0].level, report.marginals))
    assert tuple(level for level, _ in found) == levels
    assert found[0][1] == found[1][1] == found[2][1]


@pytest.mark.parametrize("strictness", [-10.5, 11.0, math.nan, math.inf])
def test_a_strictness_that_is_none_is_the_callers_mistake(
    save_grey: SaveGrey, checkpoint_folder: Path, strictness: float
) -> None:
    with pytest.raises(UsageError, match="strictness must be from -10 to 10"):
        assess([save_grey("photo.png", 9)], checkpoint=checkpoint_folder, strictness=strictness)


def test_each_photo_gets_the_answer_its_maker_gave_it(roll: Path, checkpoint_folder: Path) -> None:
    assert [summary(report) for report in assess([roll], checkpoint=checkpoint_folder)] == [
        ("a_fine.png", "ok", None, 1),
        ("b_bright.png", "ok", "bright", 2),
        ("c_blocking_dark.png", "ok", "dark", 4),
        ("d_fine.jpg", "ok", None, 1),
        ("e_severe_dark.png", "ok", "dark", 3),
        ("f_icon.png", "uncertain", "dark", 4),
        ("g_empty.jpg", "unreadable", None, 1),
        ("h_text.jpg", "unreadable", None, 1),
    ]


def test_a_report_is_complete_and_consistent(roll: Path, checkpoint_folder: Path) -> None:
    reports = list(assess([roll], checkpoint=checkpoint_folder))
    dark = reports[2]
    assert list(dark.marginals) == [finding.label for finding in dark.findings]
    for finding in dark.findings:
        assert sum(dark.marginals[finding.label]) == pytest.approx(1)
        assert finding.probability == pytest.approx(sum(dark.marginals[finding.label][1:]), abs=1e-9)
    assert dark.findings[1].evidence == "median luma 0.02, 56% of pixels darker than 2% luma"
    assert dark.capture.image_width == 64
    assert reports[5].notes[-1] == "only 8 x 8 pixels: too small to judge"
    assert "empty" in (reports[6].error or "")
    assert not reports[6].findings
    assert not reports[6].measurements


@pytest.mark.parametrize(("lang", "words"), [("en", "one even colour"), ("zh", "一种颜色")])
def test_what_is_no_photograph_is_uncertain_and_says_why(lang: Language, words: str, checkpoint_folder: Path) -> None:
    report = assess_photo(np.full((48, 64, 3), 5, np.uint8), checkpoint=checkpoint_folder, lang=lang)
    assert report.status == "uncertain"
    assert words in report.notes[-1]
    assert report.worst is not None
    assert report.worst.level == 4


def test_a_checkpoint_that_knows_what_is_usual_says_where_measurements_disagree(
    roll: Path, checkpoint_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "with-ranges"
    shutil.copytree(checkpoint_folder, folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    levels = {"1": [30, 50, 60], "3": [40, 45, 60], "4": [0, 5, 10]}
    card["measured"] = {"labels": {"dark": {"lstar_mean": {"separation": 0.9, "levels": levels}}}}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    fine, bright, blocking, _, severe, icon, *_ = assess([roll], checkpoint=folder)
    assert [report.findings[1].measured for report in (fine, bright, blocking)] == ["fits"] * 3
    assert blocking.findings[1].evidence == "mean L* 1 (usual at this level: 0 to 10)"
    assert severe.findings[1].measured == "more"
    assert severe.notes == ("too dark, severe: the measurements fit a worse level",)
    assert icon.notes == ("only 8 x 8 pixels: too small to judge",)


def test_an_explanation_is_there_when_it_is_asked_for(roll: Path, checkpoint_folder: Path) -> None:
    plain = list(assess([roll], checkpoint=checkpoint_folder))
    explained = list(assess([roll], checkpoint=checkpoint_folder, explain=True))
    assert not any(report.independent or report.influence for report in plain)
    for report, other in zip(explained, plain, strict=True):
        assert dataclasses.replace(report, independent={}, influence=()) == other
        assert list(report.independent) == list(report.marginals)
        told = {entry.label: entry for entry in report.influence}
        for label, after in report.marginals.items():
            before = report.independent[label]
            assert sum(before) == pytest.approx(1)
            # Here every label has rules with one other alone, so what changed is all told.
            changed = max(abs(sum(after[k:]) - sum(before[k:])) for k in range(1, len(after)))
            assert (label in told) == (changed >= 0.01)
            if label in told:
                assert told[label].after == pytest.approx(sum(after[told[label].level - 1 :]), abs=1e-9)


@pytest.mark.parametrize("count", [0, 1, 2 * IN_FLIGHT, 10 * IN_FLIGHT + 5])
def test_any_number_of_photos_comes_back_in_order(
    count: int, save_grey: SaveGrey, tmp_path: Path, checkpoint_folder: Path
) -> None:
    (tmp_path / "many").mkdir()
    for number in range(count):
        save_grey(f"many/{number:03}.png", 20 + number)
    refs = discover([tmp_path / "many"]).photos
    auditor = Auditor.load(checkpoint_folder, jobs=3)
    reports = list(auditor.run(refs))
    assert [report.source_file for report in reports] == [ref.source_file for ref in refs]
    lumas = [report.measurements[0].value for report in reports]
    assert lumas == sorted(lumas)


def test_reports_do_not_depend_on_the_number_of_threads(roll: Path, checkpoint_folder: Path) -> None:
    one, many = (list(assess([roll], checkpoint=checkpoint_folder, jobs=jobs)) for jobs in (1, 7))
    assert one == many


def test_a_photo_in_memory_is_judged_like_the_file(roll: Path, checkpoint_folder: Path) -> None:
    path = roll / "e_severe_dark.png"
    auditor = Auditor.load(checkpoint_folder)
    with Image.open(path) as image:
        image.load()
    sources = [path, str(path), path.read_bytes(), image, np.asarray(image)]
    reports = [auditor.photo(source) for source in sources]
    assert [report.source_file for report in reports] == [str(path), str(path), "", "", ""]
    assert len({report.findings for report in reports}) == 1
    assert summary(reports[0])[2:] == ("dark", 3)
    assert assess_photo(path, checkpoint=checkpoint_folder) == reports[0]


def test_a_preview_that_looks_drawn_is_not_believed_for_a_photo_in_memory_either(
    save_grey: SaveGrey, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_grey("a.png", 120)
    read = reading.read_photo

    def even_preview(_: object, *, mode: Decode, side: int) -> object:
        shown = np.full((120, 160, 3), 90, np.uint8) if mode == "thumbnail" else path.read_bytes()
        return read(shown, mode="scaled", side=side)

    monkeypatch.setattr(reading, "read_photo", even_preview)
    auditor = Auditor.load(checkpoint_folder, decode="thumbnail", jobs=1)
    file, memory = auditor.photo(path), auditor.photo(path.read_bytes())
    assert file.status == memory.status == "ok"
    assert file.findings == memory.findings


@pytest.mark.parametrize("library", ["PIL", "numpy", "onnxruntime", "simplejpeg"])
def test_reports_of_other_libraries_are_not_taken_from_the_cache(
    library: str, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = Auditor.load(checkpoint_folder, jobs=1)
    before = auditor.context
    monkeypatch.setattr(f"{library}.__version__", "0")
    assert auditor.context != before


def test_bytes_that_are_no_photo_are_a_report_too(checkpoint_folder: Path) -> None:
    report = assess_photo(b"nothing of the kind", checkpoint=checkpoint_folder)
    assert (report.status, report.source_file) == ("unreadable", "")
    assert report.error


def test_wrong_arguments_are_raised_by_the_call_itself(roll: Path, checkpoint_folder: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        assess([roll / "missing.jpg"], checkpoint=checkpoint_folder)
    with pytest.raises(CheckpointError, match="no checkpoint is called 'nonesuch'"):
        assess([roll], checkpoint="nonesuch")
    with pytest.raises(UsageError, match="jobs must be at least 1"):
        assess([roll], checkpoint=checkpoint_folder, jobs=0)
    with pytest.raises(InvalidInput):
        assess_photo(roll / "missing.jpg", checkpoint=checkpoint_folder)
    with pytest.raises(UsageError, match="folder"):
        assess_photo(roll, checkpoint=checkpoint_folder)
    with pytest.raises(InvalidInput):
        assess_photo("x" * 300, checkpoint=checkpoint_folder)
    with pytest.raises(TypeError, match="expected"):
        assess_photo(42, checkpoint=checkpoint_folder)  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_listed_is_logged(
    roll: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    found = discover([roll])
    monkeypatch.setattr(
        auditor_module, "discover", lambda _: Discovery(found.photos, (("DCIM/locked", "permission denied"),))
    )
    reports = assess([roll], checkpoint=checkpoint_folder)
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("WARNING", "DCIM/locked: not searched (permission denied)")
    ]
    assert len(list(reports)) == 8


def test_whatever_reading_one_photo_raises_the_others_are_judged(
    roll: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reading.read_photo

    def read_or_fail(ref: PhotoRef, *, mode: Decode, side: int) -> object:
        if ref.source_file.endswith("b_bright.png"):
            raise ZeroDivisionError("in a parser")
        return read(ref, mode=mode, side=side)

    monkeypatch.setattr(reading, "read_photo", read_or_fail)
    reports = list(assess([roll], checkpoint=checkpoint_folder))
    assert len(reports) == 8
    assert reports[1].error == "reading it failed (ZeroDivisionError: in a parser)"
    assert reports[2].status == "ok"


def test_an_operating_point_moves_levels_and_no_probability(
    save_grey: SaveGrey, checkpoint_folder: Path, tmp_path: Path
) -> None:
    card = json.loads((checkpoint_folder / "card.json").read_text(encoding="utf-8"))
    card["operating_point"] = {"dark": 0.8}
    files = {name: (checkpoint_folder / name).read_bytes() for name in card.pop("files")}
    card.pop("format_version")
    braver = tmp_path / "braver"
    braver.mkdir()
    write_checkpoint(braver, files, card)
    # The hand-made model's scores rise by 200 over the whole scale: a step of grey is 0.8 of log-odds.
    photos = [save_grey(f"{grey}.png", grey) for grey in range(98, 107)]
    before, after = (list(assess(photos, checkpoint=folder)) for folder in (checkpoint_folder, braver))
    assert [report.marginals for report in before] == [report.marginals for report in after]
    changed = [
        (old, new)
        for old, new in zip(before, after, strict=True)
        if [finding.level for finding in old.findings] != [finding.level for finding in new.findings]
    ]
    assert changed
    for old, new in changed:
        was, now = (next(found for found in report.findings if found.label == "dark") for report in (old, new))
        assert (was.level, now.level) == (1, 2)
        assert 1 / (1 + math.exp(0.8)) < now.probability < 0.5
        assert now.margin > 0  # by the measure that named it


def test_what_was_judged_before_is_not_opened_again(
    roll: Path, checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _settle(roll)
    first = list(assess([roll], checkpoint=checkpoint_folder, cache=tmp_path / "cache"))
    opened = []
    read = reading.read_photo

    def counted(ref: PhotoRef, *, mode: Decode, side: int) -> object:
        opened.append(ref.source_file)
        return read(ref, mode=mode, side=side)

    monkeypatch.setattr(reading, "read_photo", counted)
    assert list(assess([roll], checkpoint=checkpoint_folder, cache=tmp_path / "cache")) == first
    assert opened == []
    # Another way of reading, other words, another checkpoint: judged anew.
    list(assess([roll], checkpoint=checkpoint_folder, cache=tmp_path / "cache", decode="full"))
    list(assess([roll], checkpoint=checkpoint_folder, cache=tmp_path / "cache", lang="zh"))
    assert len(opened) == 2 * len(first)


def test_known_photos_and_new_ones_come_back_in_order(
    save_grey: SaveGrey, tmp_path: Path, checkpoint_folder: Path
) -> None:
    (tmp_path / "many").mkdir()
    for number in range(0, 60, 2):
        save_grey(f"many/{number:03}.png", 20 + number)
    _settle(tmp_path / "many")
    list(assess([tmp_path / "many"], checkpoint=checkpoint_folder, cache=tmp_path / "cache"))
    for number in range(1, 60, 2):
        save_grey(f"many/{number:03}.png", 20 + number)
    refs = discover([tmp_path / "many"]).photos
    auditor = Auditor.load(checkpoint_folder, jobs=3)
    with Cache.open(tmp_path / "cache", auditor.context) as cache:
        reports = list(auditor.run(refs, cache))
        assert cache.hits == 30
    assert [report.source_file for report in reports] == [ref.source_file for ref in refs]
    assert reports == list(auditor.run(refs))


def test_a_cache_asks_for_a_bounded_number_of_photos_ahead(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def refs() -> Iterator[PhotoRef]:
        nonlocal asked
        for number in range(10 * LOOKUP):
            asked += 1
            yield PhotoRef(Path(f"{number}.jpg"), f"{number}.jpg")

    def read_nothing(ref: PhotoRef, *, mode: Decode, **_: object) -> object:
        return Unreadable(f"{ref.source_file} {mode}"), Capture()

    monkeypatch.setattr(reading, "read_photo", read_nothing)
    auditor = Auditor(load_checkpoint(checkpoint_folder), jobs=2)
    with Cache.open(tmp_path, auditor.context) as cache:
        reports = auditor.run(refs(), cache)
        next(reports)
        assert asked == LOOKUP
        reports.close()


def _settle(folder: Path) -> None:
    """Make the photos look as if they had been written long ago; younger ones may still change within a tick."""
    for path in folder.iterdir():
        os.utime(path, (1_700_000_000, 1_700_000_000))


def test_an_error_of_the_model_is_not_blamed_on_the_photo(
    roll: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auditor = Auditor.load(checkpoint_folder)

    def broken(_: object) -> None:
        raise RuntimeError("model")

    monkeypatch.setattr(auditor._judge()._model, "node_scores", broken)
    with pytest.raises(RuntimeError, match="model"):
        list(auditor.run(discover([roll]).photos))


def test_no_more_than_a_bounded_number_of_photos_is_in_flight(
    checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def refs() -> Iterator[PhotoRef]:
        nonlocal asked
        for number in range(10_000):
            asked += 1
            yield PhotoRef(Path(f"{number}.jpg"), f"{number}.jpg")

    def read_nothing(ref: PhotoRef, *, mode: Decode, **_: object) -> object:
        return Unreadable(f"{ref.source_file} {mode}"), Capture()

    monkeypatch.setattr(reading, "read_photo", read_nothing)
    reports = Auditor(load_checkpoint(checkpoint_folder), jobs=2).run(refs())
    for _ in range(100):
        next(reports)
    assert asked <= 100 + (2 * IN_FLIGHT + 2) * AT_ONCE["scaled"]
    reports.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("iqa-judge")]


def test_an_interrupt_drops_queued_work_and_ends_the_threads(
    checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []

    def interrupted(ref: PhotoRef, *, mode: Decode, **_: object) -> object:
        read.append((ref, mode))
        raise KeyboardInterrupt

    monkeypatch.setattr(reading, "read_photo", interrupted)
    refs = [PhotoRef(Path(f"{number}.jpg"), f"{number}.jpg") for number in range(1000)]
    with pytest.raises(KeyboardInterrupt):
        list(Auditor.load(checkpoint_folder, jobs=1).run(refs))
    assert len(read) < (IN_FLIGHT + 2) * AT_ONCE["scaled"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("iqa-judge")]


def test_chinese_reports_differ_in_words_only(roll: Path, checkpoint_folder: Path) -> None:
    english, chinese = (list(assess([roll], checkpoint=checkpoint_folder, lang=lang)) for lang in ("en", "zh"))
    assert [summary(report) for report in english] == [summary(report) for report in chinese]
    assert [report.measurements for report in english] == [report.measurements for report in chinese]
    assert "像素" in chinese[1].findings[0].evidence
    assert "太小" in chinese[5].notes[-1]


def test_mirroring_a_photo_changes_no_judgement(checkpoint_folder: Path) -> None:
    ramp = np.broadcast_to(np.linspace(0, 90, 640).astype(np.uint8)[:, None], (480, 640, 3))
    auditor = Auditor.load(checkpoint_folder)
    assert auditor.photo(ramp).findings == auditor.photo(ramp[:, ::-1]).findings


def test_a_large_jpeg_is_judged_alike_scaled_and_full(checkpoint_folder: Path) -> None:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((2048, 1536)).point(lambda value: 30 + value // 2).convert("RGB").save(
        stream, "JPEG"
    )
    scaled, full = (
        assess_photo(stream.getvalue(), checkpoint=checkpoint_folder, decode=mode) for mode in ("scaled", "full")
    )
    assert summary(scaled) == summary(full)
    for one, other in zip(scaled.measurements, full.measurements, strict=True):
        assert one.value == pytest.approx(other.value, abs=0.01 if one.unit != "lstar" else 1.0)


def test_the_shipped_checkpoint_loads_and_judges(roll: Path) -> None:
    reports = list(assess([roll]))
    assert [report.status for report in reports] == ["ok"] * 5 + ["uncertain"] + ["unreadable"] * 2
    for report in reports[:6]:
        assert all(sum(row) == pytest.approx(1) for row in report.marginals.values())
