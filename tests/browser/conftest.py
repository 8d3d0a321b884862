"""A page of drawn photos, opened in a browser. `in_browser` is imported where it is used: it may skip tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from iqa_cli.cli.app import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

_FOLDER = str(Path(__file__).parent)
if _FOLDER not in sys.path:
    sys.path.insert(0, _FOLDER)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audit")


def photo(path: Path, grey: int, *, model: str = "Phone 1", iso: int = 100, day: str = "2026:07:04 09:05:03") -> None:
    """A shaded photo of this mean, with camera settings."""
    from in_browser import COMMENT

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
    from in_browser import IMAGE_NAME, SCRIPT

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
    from in_browser import BROWSER
    from playwright.sync_api import sync_playwright

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
