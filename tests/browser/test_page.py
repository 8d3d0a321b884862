"""The page in a real browser: what a click, a key, a filter and an export do, and that nothing else happens."""

from __future__ import annotations

import csv
import datetime as dt
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from iqa_cli.cli.app import main
from iqa_cli.hexgraph import read_graph
from iqa_cli.labels import read_labels
from iqa_cli.paths import find_graph
from iqa_cli.photometry import examine
from iqa_cli.pipeline.thumbnail import thumbnail_of
from iqa_cli.records import Finding, PhotoReport
from iqa_cli.report.audit.html import writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
REQUIRED = os.environ.get("IQA_TEST_EVERYTHING") == "1"
if not REQUIRED:
    if BROWSER is None:
        pytest.skip("no Chromium is installed", allow_module_level=True)
    pytest.importorskip("playwright", reason="playwright drives the browser")

from axe_playwright_python.sync_playwright import Axe  # noqa: E402
from playwright.sync_api import Browser, Page, expect, sync_playwright  # noqa: E402

ROOT = Path(__file__).parents[2]
IMAGE_NAME = "<img src=x onerror=alert(1)>.jpg"
SCRIPT = "</script><script>document.title='hacked'</script>"
COMMENT = "a \"quote\", an 'apostrophe' and \u2028 a line separator"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


def photo(path: Path, grey: int, *, model: str = "Phone 1", iso: int = 100, day: str = "2026:07:04 09:05:03") -> None:
    """A shaded photo of this mean, with camera settings."""
    path.parent.mkdir(parents=True, exist_ok=True)
    reach = min(12, grey, 255 - grey)
    grain = np.random.default_rng(0).integers(-1, 2, (48, 64))
    pattern = 0.8 * reach * np.linspace(-1, 1, 64) + 0.1 * reach * (grain - grain[::-1, ::-1])
    image = Image.fromarray((grey + np.rint(pattern)).astype(np.uint8)).convert("RGB")
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", model
    settings = exif.get_ifd(0x8769)
    settings[0x9003], settings[0x8827], settings[0x9286] = day, iso, b"UNICODE\0" + COMMENT.encode("utf-16-be")
    image.save(path, exif=exif, quality=95)


@pytest.fixture(scope="module")
def pages(folder: Path, checkpoint_folder: Path) -> Callable[..., Path]:
    """Makes a page of a folder of drawn photos; each kind once."""
    roll = folder / "DCIM"
    photo(roll / "dark.jpg", 5, iso=1600, day="2025:01:02 03:04:05")
    photo(roll / "sub" / "dark.jpg", 45, model="Phone 2")
    photo(roll / "bright.jpg", 200, iso=400)
    photo(roll / IMAGE_NAME, 172, model=SCRIPT)
    photo(roll / "fine.jpg", 128)
    (roll / "empty.jpg").write_bytes(b"")
    Image.new("RGB", (8, 8), (128, 128, 128)).save(roll / "icon.png")
    made: dict[str, Path] = {}

    def make(lang: str = "en") -> Path:
        if lang not in made:
            made[lang] = folder / f"audit-{lang}.html"
            here = Path.cwd()
            arguments = ["assess", "DCIM", "--checkpoint", checkpoint_folder, "--lang", lang]
            arguments += ["--html", made[lang].name, "--csv", "audit.csv"]
            before = sys.argv
            try:
                os.chdir(folder)
                sys.argv = ["iqa", *map(str, arguments)]
                with pytest.raises(SystemExit) as leaving:
                    main()
            finally:
                os.chdir(here)
                sys.argv = before
            assert not leaving.value.code
        return made[lang]

    return make


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # In a container the sandbox of Chromium has no rights to set itself up; it opens our own page alone.
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, pages: Callable[..., Path]) -> Iterator[Callable[..., Page]]:
    """Opens the page in a window of its own. Afterwards: no message on the console, no dialog, no request."""
    noise: list[str] = []
    contexts = []

    def opened(lang: str = "en", fragment: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        address = pages(lang).as_uri()
        page.on("console", lambda message: noise.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (noise.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.split("#")[0] == address or request.url.startswith(("data:", "blob:"))
                else noise.append(f"request: {request.url}")
            ),
        )
        page.goto(f"{address}{fragment}")
        page.wait_for_selector("html[data-ready]")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert noise == []


def names(page: Page) -> list[str]:
    """The photos shown, in order."""
    return [text.removeprefix("DCIM/") for text in page.locator("#cards .name").all_text_contents()]


WORST_FIRST = ["dark.jpg", "bright.jpg", "sub/dark.jpg", IMAGE_NAME, "icon.png", "empty.jpg", "fine.jpg"]


def test_worst_first_and_everything_is_text(open_page: Callable[..., Page]) -> None:
    page = open_page()
    assert sorted(names(page)[:4]) == sorted(WORST_FIRST[:4])
    assert names(page)[0] == "dark.jpg"
    assert names(page)[4:] == WORST_FIRST[4:]
    expect(page.locator("#shown")).to_have_text("7 of 7 photos shown")
    page.locator("button.card", has_text=IMAGE_NAME).click()
    expect(page.locator("#view-title")).to_have_text(f"DCIM/{IMAGE_NAME}")
    expect(page.locator("#details")).to_contain_text(SCRIPT)
    assert page.title() == "Tone problems in DCIM"
    loaded = page.evaluate("[...document.images].filter((i) => i.complete && i.naturalWidth === 0).length")
    assert loaded == 0


def test_numbers_of_the_summary_are_filters(open_page: Callable[..., Page]) -> None:
    page = open_page()
    for button in page.locator("button.count").all():
        button.click()
        shown = page.locator("#cards li")
        expect(shown).to_have_count(int(button.inner_text().split()[0]))
        expect(button).to_have_attribute("aria-pressed", "true")
        button.click()
        expect(shown).to_have_count(7)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("label", "too dark", {"dark.jpg", "sub/dark.jpg"}),
        ("level", "blocking", {"dark.jpg"}),
        ("level", "severe or worse", {"dark.jpg", "sub/dark.jpg", "bright.jpg"}),
        ("level", "none", {"fine.jpg"}),
        ("status", "unreadable", {"empty.jpg"}),
        ("status", "uncertain", {"icon.png"}),
        ("camera", "Maker Phone 2 (1)", {"sub/dark.jpg"}),
        ("iso", "801-1600 (1)", {"dark.jpg"}),
        ("month", "2025-01 (1)", {"dark.jpg"}),
        ("folder", "DCIM/sub (1)", {"sub/dark.jpg"}),
    ],
)
def test_filters(open_page: Callable[..., Page], field: str, value: str, expected: set[str]) -> None:
    page = open_page()
    page.locator(f"#filters [name={field}]").select_option(label=value)
    assert set(names(page)) == expected
    expect(page.locator("#shown")).to_have_text(f"{len(expected)} of 7 photos shown")
    again = open_page(fragment=page.evaluate("location.hash"))
    assert names(again) == names(page)
    page.locator("#reset").click()
    assert len(names(page)) == 7
    assert page.evaluate("location.hash") == ""


def test_text_finds_paths_and_cameras(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.locator("[name=q]").fill("PHONE 2")
    expect(page.locator("#cards li")).to_have_count(1)
    page.locator("[name=q]").fill("onerror")
    expect(page.locator("#cards .name")).to_have_text(f"DCIM/{IMAGE_NAME}")


@pytest.mark.parametrize(
    ("order", "first"), [("path", IMAGE_NAME), ("brightest first", "bright.jpg"), ("time taken", "dark.jpg")]
)
def test_sorting(open_page: Callable[..., Page], order: str, first: str) -> None:
    page = open_page()
    page.locator("[name=sort]").select_option(label=order)
    assert names(page)[0] == first


def test_large_view_by_keys(open_page: Callable[..., Page]) -> None:
    page = open_page()
    order = names(page)
    page.locator("button.card").first.focus()
    page.keyboard.press("Enter")
    for place in (0, 1, 2):
        expect(page.locator("#view-title")).to_have_text(f"DCIM/{order[place]}")
        expect(page.locator("#place")).to_have_text(f"{place + 1} / 7")
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#view-title")).to_have_text(f"DCIM/{order[2]}")
    expect(page.locator("#next")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(page.locator("#view")).to_be_hidden()
    assert page.evaluate("document.activeElement.querySelector('.name').textContent") == f"DCIM/{order[2]}"


def test_a_view_that_was_sent_opens_at_its_photo(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.locator("button.card", has_text="bright.jpg").click()
    again = open_page(fragment=page.evaluate("location.hash"))
    expect(again.locator("#view-title")).to_have_text("DCIM/bright.jpg")


def test_clipped_areas_on_demand(open_page: Callable[..., Page]) -> None:
    page = open_page()
    mask = page.locator("#cards img.mask").first
    expect(mask).to_be_hidden()
    page.keyboard.press("c")
    expect(mask).to_be_visible()
    # As many blue pixels as were counted, of the photo that is nearly black.
    blue, of_all = page.evaluate(
        """async () => {
          const image = document.querySelector("#cards img.mask");
          await image.decode();
          const canvas = document.createElement("canvas");
          [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
          const context = canvas.getContext("2d");
          context.drawImage(image, 0, 0);
          const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
          let blue = 0;
          for (let i = 0; i < data.length; i += 4) blue += data[i] === 10 && data[i + 2] === 255 && data[i + 3] === 255;
          return [blue, data.length / 4];
        }"""
    )
    page.locator("button.card").first.click()
    row = page.locator("#details tr", has=page.get_by_text("dark_fraction", exact=True))
    assert 0 < blue < of_all
    assert float(row.locator("td").inner_text()) == pytest.approx(blue / of_all, abs=1e-4)
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    expect(mask).to_be_hidden()


def test_review_is_kept_and_comes_out_as_paths_and_labels(
    open_page: Callable[..., Page], tmp_path: Path, pages: Callable[..., Path]
) -> None:
    page = open_page()
    order = names(page)
    page.locator("button.card").first.click()
    page.keyboard.press("p")  # goes on to the next
    expect(page.locator("#view-title")).to_have_text(f"DCIM/{order[1]}")
    page.keyboard.press("x")
    page.locator("#details select").first.select_option(label="severe")  # bright of the third
    page.keyboard.press("Escape")
    page.locator("button.card").nth(3).focus()
    page.keyboard.press("x")
    page.keyboard.press("u")
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#cards .mark").all_text_contents() == [
        "verdict right",
        "verdict wrong",
        "level corrected",
        *[""] * 4,
    ]

    page.locator("#which").select_option(label="verdict wrong")
    with page.expect_download() as download:
        page.locator("#export-paths").click()
    assert download.value.suggested_filename == "paths.txt"
    assert Path(download.value.path()).read_text(encoding="utf-8") == f"DCIM/{order[1]}\n"

    with page.expect_download() as download:
        page.locator("#export-labels").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    rows = {row["filename"]: row for row in csv.DictReader(io.StringIO(text))}
    assert list(rows) == order[:3]
    accepted, rejected, corrected = rows.values()
    assert accepted["dark"] == "3"
    assert [accepted[label] for label in accepted if label not in ("filename", "dark")] == ["0"] * 5
    assert [rejected[label] for label in rejected if rejected[label] == "0"] == ["0"]
    assert corrected["bright"] == "2"
    assert [corrected[label] for label in corrected if label not in ("filename", "bright")] == [""] * 5

    labels = tmp_path / "labels.csv"
    labels.write_text(text, encoding="utf-8")
    graph = read_graph(find_graph("smartphone-6"))
    table = read_labels(labels, graph)
    assert list(table.names) == order[:3]
    assert all((pages().parent / "DCIM" / name).is_file() for name in table.names)


def test_taking_back_goes_back_to_the_last_verdict(open_page: Callable[..., Page]) -> None:
    page = open_page()
    order = names(page)
    page.locator("button.card").first.click()
    page.keyboard.press("x")
    expect(page.locator("#view-title")).to_have_text(f"DCIM/{order[1]}")
    page.keyboard.press("u")
    expect(page.locator("#view-title")).to_have_text(f"DCIM/{order[0]}")
    assert page.locator("#cards .mark").all_text_contents() == [""] * 7


def test_exporting_nothing_says_so(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.locator("#which").select_option(label="verdict right")
    page.locator("#export-paths").click()
    expect(page.locator("#shown")).to_contain_text("none to export")
    page.locator("#export-labels").click()
    expect(page.locator("#shown")).to_contain_text("Nothing was reviewed")
    page.locator("#which").select_option(label="all shown")
    with page.expect_download() as download:
        page.locator("#export-paths").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines == [f"DCIM/{name}" for name in names(page)]


def test_from_the_page_to_a_move_and_back(
    open_page: Callable[..., Page], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page()
    page.locator("[name=level]").select_option(label="severe or worse")
    page.locator("#which").select_option(label="all shown")
    with page.expect_download() as download:
        page.locator("#export-paths").click()
    shutil.copytree(folder / "DCIM", tmp_path / "DCIM")
    shutil.copy(folder / "audit.csv", tmp_path)
    before = contents(tmp_path / "DCIM")
    monkeypatch.chdir(tmp_path)
    iqa("pick", "audit.csv", "--paths", download.value.path(), "--move-to", "rejected")
    assert set(contents(tmp_path / "DCIM")) == {IMAGE_NAME, "fine.jpg", "icon.png", "empty.jpg"}
    (undo,) = (tmp_path / "rejected").glob("*undo*")
    iqa("pick", "--undo", undo)
    assert contents(tmp_path / "DCIM") == before


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def iqa(*arguments: object) -> None:
    command = [sys.executable, "-m", "iqa_cli", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_the_file_behind_a_photo_is_linked(open_page: Callable[..., Page], folder: Path) -> None:
    page = open_page()
    page.locator("button.card", has_text=IMAGE_NAME).click()
    address = page.evaluate("document.getElementById('open').href")
    assert address == (folder / "DCIM" / IMAGE_NAME).as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_accessible_and_never_too_wide(open_page: Callable[..., Page], scheme: str, width: int, lang: str) -> None:
    page = open_page(lang, viewport={"width": width, "height": 740}, color_scheme=scheme)
    background = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 128 * 3) == (scheme == "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert grave(page) == []
    page.locator("button.card").first.click()
    assert grave(page) == []
    assert page.evaluate("document.querySelector('#view').scrollWidth") <= width


def grave(page: Page) -> list[str]:
    """What axe-core finds that is serious or critical."""
    found = [entry for entry in Axe().run(page).response["violations"] if entry["impact"] in ("serious", "critical")]
    return [f"{entry['id']}: {entry['nodes'][0]['html'][:200]}" for entry in found]


def test_theme_by_hand(open_page: Callable[..., Page]) -> None:
    page = open_page(color_scheme="light")
    before = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.locator("#theme").click()
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert dark != before
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == before


def test_chinese(open_page: Callable[..., Page]) -> None:
    page = open_page("zh")
    expect(page.locator("h1")).to_have_text("影调问题：DCIM")
    page.locator("[name=label]").select_option(label="整体偏暗")
    expect(page.locator("#shown")).to_have_text("显示 2 张，共 7 张")


def test_without_scripts_the_summary_is_there(browser: Browser, pages: Callable[..., Path]) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(pages().as_uri())
    expect(page.locator(".summary")).to_contain_text("too dark")
    expect(page.locator("body")).to_contain_text("shown by a script")
    context.close()


def test_the_page_says_how_it_was_made(open_page: Callable[..., Page]) -> None:
    said = open_page().locator(".run").inner_text()
    assert "checkpoint mean-brightness, decoding scaled, normal, made " in said
    made = dt.datetime.fromisoformat(said.partition("made ")[2])
    assert abs((dt.datetime.now().astimezone() - made).total_seconds()) < 3600


def test_a_verdict_holds_for_the_levels_that_were_shown(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.locator("button.card").first.focus()
    page.keyboard.press("p")
    assert page.locator("#cards .mark").first.inner_text() == "verdict right"
    page.evaluate(
        """() => {
          const [key] = Object.keys(localStorage);
          localStorage.setItem(key, localStorage.getItem(key).replace(/"judged":"[^"]*"/, '"judged":"1,1,1,1,1,1"'));
        }"""
    )
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert page.locator("#cards .mark").first.inner_text() == "judged otherwise when reviewed"
    page.locator("#export-labels").click()
    expect(page.locator("#shown")).to_contain_text("Nothing was reviewed")


def test_two_windows_of_one_page_keep_what_was_said_in_both(open_page: Callable[..., Page]) -> None:
    first = open_page()
    second = first.context.new_page()
    second.goto(first.url)
    second.wait_for_selector("html[data-ready]")
    for page, place, key in ((first, 0, "p"), (second, 1, "x")):
        page.locator("button.card").nth(place).focus()
        page.keyboard.press(key)
    expect(first.locator("#cards .mark").nth(1)).to_have_text("verdict wrong")
    second.reload()
    second.wait_for_selector("html[data-ready]")
    assert second.locator("#cards .mark").all_text_contents()[:2] == ["verdict right", "verdict wrong"]


def test_the_way_past_the_head_keeps_the_view(open_page: Callable[..., Page]) -> None:
    page = open_page(fragment="#status=ok&sort=name")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#status=ok&sort=name"
    assert page.evaluate("document.activeElement.id") == "gallery"
    expect(page.locator("#cards li")).to_have_count(5)


def test_keys_of_the_large_view_do_not_lose_the_place(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.locator("button.card").first.click()
    page.keyboard.press("x")
    assert page.evaluate("document.activeElement.getAttribute('aria-keyshortcuts')") == "x"


@pytest.fixture(scope="module")
def page_with_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose pictures lie beside it, of more photos than are built at once."""
    folder = tmp_path_factory.mktemp("f#1 %")
    graph = read_graph(find_graph("smartphone-6"))
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    thumbnail = thumbnail_of(picture, examine(picture))
    findings = tuple(Finding(label, 2, 0.9, "measured") for label in graph.label_names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "INSIDE_BYTES", 0)
        provenance = writer.Provenance(("DCIM",), "default", "scaled", "normal", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        with writer.HtmlWriter(folder / "a#b.html", graph, "en", provenance) as page:
            for number in range(130):
                page.write(PhotoReport(f"{number}\n.jpg", "ok", findings=findings, thumbnail=thumbnail))
            page.finish()
    return folder / "a#b.html"


def test_pictures_beside_the_page_show_and_print_has_all(browser: Browser, page_with_folder: Path) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.goto(page_with_folder.as_uri())
    page.wait_for_selector("html[data-ready]")
    first = page.locator("#cards img.photo").first
    first.evaluate("(image) => image.decode()")
    assert first.evaluate("(image) => image.naturalWidth") == 64
    assert page.locator("#cards li").count() < 130
    page.pdf()  # prints
    expect(page.locator("#cards li")).to_have_count(130)
    page.emulate_media(media="print")
    expect(page.locator("#filters")).to_be_hidden()
    page.emulate_media(media="screen")
    page.locator("#which").select_option(label="all shown")
    with page.expect_download() as download:
        page.locator("#export-paths").click()
    content = Path(download.value.path()).read_bytes()
    assert content == b"".join(b"%d\n.jpg\0" % number for number in range(130))
    assert noise == []
    page.close()
