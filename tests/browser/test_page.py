"""The page in a real browser: what a click, a key and a filter do, and that nothing else happens."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from in_browser import IMAGE_NAME, SCRIPT, names  # it skips where there is no browser
from playwright.sync_api import Browser, Page, expect

from iqa_cli.hexgraph import read_graph
from iqa_cli.paths import find_graph
from iqa_cli.photometry import examine
from iqa_cli.pipeline.thumbnail import thumbnail_of
from iqa_cli.provenance import Provenance
from iqa_cli.records import Finding, PhotoReport
from iqa_cli.report.audit.html import writer

if TYPE_CHECKING:
    from collections.abc import Callable

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


def test_a_filter_without_a_choice_is_not_there(open_page: Callable[..., Page]) -> None:
    page = open_page()
    expect(page.locator("#filters [name=lens]")).to_be_hidden()
    expect(page.locator("#filters [name=camera]")).to_be_visible()


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
    # A dialog says that it closed in a task of its own: the focus comes back a moment after it is hidden.
    expect(page.locator("button.card").nth(2)).to_be_focused()


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
    from axe_playwright_python.sync_playwright import Axe

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
    assert "checkpoint mean-brightness, decoding auto, strictness normal, made " in said
    made = dt.datetime.fromisoformat(said.partition("made ")[2])
    assert abs((dt.datetime.now().astimezone() - made).total_seconds()) < 3600


def test_the_way_past_the_head_keeps_the_view(open_page: Callable[..., Page]) -> None:
    page = open_page(fragment="#status=ok&sort=name")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#status=ok&sort=name"
    expect(page.locator("#gallery")).to_be_focused()
    expect(page.locator("#cards li")).to_have_count(5)


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
        provenance = Provenance(("DCIM",), "default", "scaled", "normal", dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
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
