"""The documents as a site: it is built without a warning, asks no other host for anything, and has what it should."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import iqa_cli

pytest.importorskip("mkdocs", reason="the site needs the docs extra")
pytest.importorskip("mkdocstrings", reason="the site needs the docs extra")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FETCHED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_every_document_is_a_page(site: Path) -> None:
    documents = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in DOCS.rglob("*.md")}
    joined = {"CHANGELOG.html", "CONTRIBUTING.html", "benchmarks/RESULTS.html", "decisions/index.html"}
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert pages == documents | joined | {"404.html"}


def test_no_page_asks_another_host_for_anything(site: Path) -> None:
    pages = {path.name: path.read_text("utf-8") for path in site.rglob("*.html")}
    assert {name: found for name, text in pages.items() if (found := FETCHED.findall(text))} == {}
    assert [name for name, text in pages.items() if 'class="mermaid"' in text] == [], "its script would be fetched"
    styles = {path.name: path.read_text("utf-8") for path in site.rglob("*.css")}
    assert styles
    assert {
        name for name, text in styles.items() if re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", text)
    } == set()


def test_no_script_of_ours_is_on_the_site(site: Path) -> None:
    assert [path.name for path in site.rglob("*.py")] == []


def test_every_public_name_is_explained_in_the_library_reference(site: Path) -> None:
    text = (site / "library.html").read_text("utf-8")
    anchors = set(re.findall(r'id="iqa_cli\.([\w.]+)"', text))
    assert set(iqa_cli.__all__) - {"__version__"} - anchors == set()


def test_the_parameters_of_a_docstring_are_a_table_of_the_reference(site: Path) -> None:
    text = html.unescape(re.sub(r"<[^>]+>", " ", (site / "library.html").read_text("utf-8")))
    rows = re.findall(
        r"\bpaths\s+Iterable\s*\[.*?files and folders; folders are searched to the bottom", text, re.DOTALL
    )
    assert rows
    assert re.search(r"Raises:\s+Type\s+Description\s+InvalidInput\s+if a path does not exist", text)


def test_links_into_the_repository_lead_to_pages(site: Path) -> None:
    text = (site / "severity.html").read_text("utf-8")
    assert 'href="benchmarks/RESULTS.html"' in text
    assert 'href="ARCHITECTURE.html"' in (site / "CONTRIBUTING.html").read_text("utf-8")


def test_the_list_of_decisions_has_all_of_them(site: Path) -> None:
    text = (site / "decisions" / "index.html").read_text("utf-8")
    content = text[text.index("<article") : text.index("</article")]
    decisions = {path.with_suffix(".html").name for path in (DOCS / "decisions").glob("0*.md")}
    assert len(decisions) > 40
    assert set(re.findall(r'href="(\d+-[\w-]+\.html)"', content)) == decisions
