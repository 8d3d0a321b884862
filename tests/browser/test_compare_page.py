"""The page of a comparison in a real browser: pairs in turn and over one another, and nothing that is forbidden."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from conftest import photo
from in_browser import IMAGE_NAME  # it skips where there is no browser
from playwright.sync_api import Browser, Page, expect

from iqa_cli.cli.app import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, checkpoint_folder: Path) -> Path:
    """The page of two builds: three pairs got worse, one got better, of one the photo is gone by now."""
    folder = tmp_path_factory.mktemp("builds")
    for name, before, after in (("1.jpg", 128, 5), (IMAGE_NAME, 128, 45), ("3.jpg", 128, 95), ("4.jpg", 45, 128)):
        photo(folder / "A" / name, before)
        photo(folder / "B" / name, after)
    here, arguments = os.getcwd(), sys.argv  # noqa: PTH109 - to go back to
    try:
        os.chdir(folder)
        for run in (
            ["assess", "B", "--jsonl", "B.jsonl"],
            ["compare", "A", "B.jsonl", "--html", "compare.html"],
        ):
            sys.argv = ["iqa", *run, "--checkpoint", str(checkpoint_folder)]
            with pytest.raises(SystemExit) as leaving:
                main()
            assert not leaving.value.code
            (folder / "B" / "3.jpg").unlink(missing_ok=True)
    finally:
        os.chdir(here)
        sys.argv = arguments
    return folder / "compare.html"


@pytest.fixture
def opened(browser: Browser, compared: Path) -> Iterator[Callable[..., Page]]:
    """Opens the page. Afterwards: no message on the console, no request."""
    noise: list[str] = []
    contexts = []

    def opening(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: noise.append(message.text))
        page.on("pageerror", lambda error: noise.append(str(error)))
        address = compared.as_uri()
        page.on("request", lambda asked: None if asked.url.startswith((address, "data:")) else noise.append(asked.url))
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        return page

    yield opening
    for context in contexts:
        context.close()
    assert noise == []


def test_the_worst_pair_comes_first_and_names_are_texts(opened: Callable[..., Page]) -> None:
    page = opened()
    cards = page.locator(".pair")
    expect(cards).to_have_count(4)
    expect(cards.first).to_contain_text("too dark: none → blocking")
    expect(cards.nth(1)).to_contain_text(f"A/{IMAGE_NAME}")
    expect(cards.nth(2)).to_contain_text("no picture")
    assert page.locator(".pair img").count() == 7
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")


def clip(page: Page) -> str:
    shape: str = page.evaluate("getComputedStyle(document.querySelector('#stage img:nth-child(2)')).clipPath")
    return shape


def test_a_pair_blinks_and_swipes(opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator(".pair").first.click()
    assert "50%" in clip(page)
    page.keyboard.press("b")
    expect(page.locator("#status")).to_have_text("A is shown")
    assert "100%" in clip(page)
    page.locator("#blink").click()
    expect(page.locator("#status")).to_have_text("B is shown")
    assert clip(page) == "none"
    page.locator("#swipe").fill("20")
    expect(page.locator("#status")).to_have_text("")
    assert "20%" in clip(page)


def test_keys_go_from_pair_to_pair_and_back_to_the_card(opened: Callable[..., Page]) -> None:
    page = opened()
    page.locator(".pair").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#place")).to_have_text("1 / 4")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#place")).to_have_text("3 / 4")
    # One of the two photos is gone: the other is shown alone, and there is nothing to blink with.
    assert page.locator("#stage img").count() == 1
    expect(page.locator("#blink")).to_be_disabled()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#blink")).to_be_enabled()
    page.keyboard.press("Escape")
    expect(page.locator("#view")).to_be_hidden()
    expect(page.locator(".pair").nth(1)).to_be_focused()


def test_without_scripts_the_numbers_and_the_pictures_are_there(
    opened: Callable[..., Page], browser: Browser, compared: Path
) -> None:
    opened()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(compared.as_uri())
    assert page.locator(".verdict").inner_text().startswith("No difference between A and B can be shown in 4 pairs.")
    assert page.locator(".pair img").count() == 7
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(opened: Callable[..., Page], scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe looks for what keeps people out")
    page = opened(color_scheme=scheme)
    page.locator("summary").click()
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.locator(".pair").first.click()
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
