"""What all pages share: their style, what may stand in them, and data that nothing can break out of."""

from __future__ import annotations

import base64
import hashlib
import importlib.resources
import json
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from iqa_cli.records import Language


LANGUAGE_TAGS: Mapping[Language, str] = {"en": "en", "zh": "zh-Hans"}
"""What a page says of the language that it is in (BCP 47)."""


def style() -> str:
    """The style sheet of all pages."""
    return resource("iqa_cli.report", "page.css")


def resource(package: str, name: str) -> str:
    """A text file of a package."""
    return importlib.resources.files(package).joinpath(name).read_text(encoding="utf-8")


def template(package: str, name: str) -> jinja2.Template:
    """A page's template: what it is given is escaped, and what it is not given is an error."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(resource(package, name))


def policy(css: str, js: str, *, images: str) -> str:
    """The Content-Security-Policy of a page that has one style sheet and one script inside, and asks nobody.

    images  where its pictures come from, as the policy names it
    """
    return (
        f"default-src 'none'; img-src {images}; style-src '{_hash(css)}'; script-src '{_hash(js)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    """As a Content-Security-Policy names what may stand in the page (CSP Level 3, section 2.3.1)."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def script_json(value: Mapping[str, Any]) -> Markup:
    """Data for a script element."""
    return harmless_in_script(json.dumps(value, ensure_ascii=False, allow_nan=False))


_MEANT_IN_HTML = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def harmless_in_script(text: str) -> Markup:
    """JSON in which nothing can end the script element, or the line for an old reader of scripts."""
    return Markup(text.translate(_MEANT_IN_HTML))  # noqa: S704 - made safe right here
