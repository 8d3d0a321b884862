"""What the site holds beside `docs/`: documents of the repository, the list of decisions, links between them.

Every document is written so that its links work where it lies in the repository. Here they are led to the pages of the
site; what is no page, such as a config, is named without a link.
"""  # noqa: INP001 - a script beside documents, no package

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

logger = logging.getLogger("mkdocs.hooks.iqa")
DOCS = "docs"
ROOT = Path(__file__).parents[2]
JOINED = ("CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/RESULTS.md")
"""Documents of the repository that are pages of the site, too."""
DECISIONS = "decisions/"

_FACTS = re.compile(r"^```(\w+)(?: +(title=\"[^\"]*\"))?(?: +\w+=.*)$", re.MULTILINE)
"""What the head of a code block says to a test: mkdocs would not read the block."""
_OPTION = re.compile(r"<code>(?=--?[a-z][\w-]*</code>)")
_CELL = re.compile(r"<td[ >].*?</td>", re.DOTALL)
_LINK = re.compile(r"(?P<text>\[(?:[^\]\[]|\[[^\]]*\])*\])\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies elsewhere, and fill in the nav."""
    for name in JOINED:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    decisions = sorted(
        (file for file in files.documentation_pages() if file.src_uri.startswith(DECISIONS)),
        key=lambda file: file.src_uri,
    )
    titles = {file.src_uri: _title(file.content_string) for file in decisions}
    index = f"{DECISIONS}index.md"
    files.append(File.generated(config, index, content=_list_of_decisions(titles)))
    pages = [index, *({title: name} for name, title in titles.items())]
    config.nav = _filled(config.nav or [], pages)
    return files


def _title(markdown: str) -> str:
    """A decision's heading: its number, then its words."""
    heading = re.search(r"^# +0*(\d+)\.? +(.+?) *$", markdown, re.MULTILINE)
    if heading is None:
        raise ValueError(f"a decision begins with its number: {markdown[:60]!r}")
    return f"{heading[1]}. {heading[2]}"


def _list_of_decisions(titles: dict[str, str]) -> str:
    """A page of links."""
    lines = [f"- [{title}]({name.removeprefix(DECISIONS)})" for name, title in titles.items()]
    return "\n".join(
        [
            "# Decisions",
            "",
            "What was chosen against what, and what would change the choice.",
            "",
            *lines,
            "",
        ]
    )


def _filled(nav: list[Any], decisions: list[Any]) -> list[Any]:
    """The nav with the decisions in their place."""
    filled: list[Any] = []
    for entry in nav:
        ((title, target),) = entry.items()
        if isinstance(target, list):
            target = _filled(target, decisions)
        filled.append({title: decisions if target == DECISIONS else target})
    return filled


def on_page_markdown(markdown: str, page: Page, files: Files, **_: Any) -> str:
    """Lead links that leave a folder of the repository to the page of the site; leave out what only tests read."""
    markdown = _FACTS.sub(lambda head: " ".join(filter(None, (f"```{head[1]}", head[2]))), markdown)
    source = page.file.src_uri
    place = source if source in JOINED else f"{DOCS}/{source}"

    def led(link: re.Match[str]) -> str:
        target, _, anchor = link["target"].partition("#")
        if not target or re.match(r"[a-z][a-z0-9+.-]*:", target):
            return link[0]
        meant = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
        on_site = meant.removeprefix(f"{DOCS}/")
        if on_site == meant and meant not in JOINED:
            if not (ROOT / meant).exists():
                return link[0]  # dead: mkdocs says so
            return link["text"][1:-1] if "`" in link["text"] else f"{link['text'][1:-1]} (`{meant}`)"
        if files.get_file_from_path(f"{on_site}/index.md"):
            on_site = f"{on_site}/index.md"
        relative = posixpath.relpath(on_site, posixpath.dirname(source) or ".")
        return f"{link['text']}({relative}{'#' if anchor else ''}{anchor})"

    parts: list[str] = []
    end = 0
    for code in _CODE.finditer(markdown):
        parts += [_LINK.sub(led, markdown[end : code.start()]), code[0]]
        end = code.end()
    return "".join([*parts, _LINK.sub(led, markdown[end:])])


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Mark options, which should not break after their dashes; tell of a code block that was not read as one."""
    if "```" in html:
        logger.warning("%s: a code block that Markdown did not read as one", page.file.src_uri)
    html = _CELL.sub(lambda cell: cell[0].replace("\\|", "|"), html)  # code in a cell keeps the backslash that hid it
    return _OPTION.sub('<code class="option">', html)
