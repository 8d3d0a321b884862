"""The libraries that iqa needs, and the extras that it may use."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import re
from typing import TYPE_CHECKING

from iqa_cli.inspection.install.records import checked
from iqa_cli.inspection.records import Check, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

DISTRIBUTION = "iqa-cli"
_MODULES = {
    "pillow": "PIL",
    "pillow-heif": "pillow_heif",
    "pillow-jxl-plugin": "pillow_jxl",
    "iterative-stratification": "iterstrat",
    "open-clip-torch": "open_clip",
    "scikit-image": "skimage",
    "scikit-learn": "sklearn",
}
"""What is imported, where that has another name than what is installed."""
_PASSED_OVER = frozenset({"all", "docs", "test"})
"""Extras for those who work on iqa."""
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def libraries() -> Iterator[Check]:
    """Whether each library of the base install can be imported, and its version."""
    for name in sorted(_required().get("", ())):
        yield checked(name, functools.partial(_version, name), f'pip install --force-reinstall "{name}"')


def extras() -> Iterator[Check]:
    """Which extras are there. Nothing of them is imported, which for torch would take seconds."""
    for extra, names in sorted(_required().items()):
        if extra and extra not in _PASSED_OVER:
            missing = sorted(name for name in names if _installed(name) is None)
            hint = f'pip install "{DISTRIBUTION}[{extra}]"'
            if missing:
                yield Check(extra, Outcome.NOTE, f"not installed: {', '.join(missing)}", hint=hint)
            else:
                yield Check(extra, Outcome.OK, ", ".join(f"{name} {_installed(name)}" for name in sorted(names)))


def version_of(name: str) -> str:
    """Of an installed distribution; "?" where its metadata is missing."""
    return _installed(name) or "?"


def _required() -> dict[str, set[str]]:
    """Names of distributions by extra, "" for the base install.

    raises  PackageNotFoundError  for a checkout that was never installed
    """
    found: dict[str, set[str]] = {}
    for line in importlib.metadata.requires(DISTRIBUTION) or ():
        requirement, _, condition = line.partition(";")
        name, extra = _NAME.match(requirement.strip()), re.search(r"extra\s*==\s*['\"]([^'\"]+)", condition)
        if name is not None and name[0] != DISTRIBUTION:
            found.setdefault("" if extra is None else extra[1], set()).add(name[0].lower().replace("_", "-"))
    return found


def _version(name: str) -> str:
    importlib.import_module(_MODULES.get(name, name.replace("-", "_")))
    return version_of(name)


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
