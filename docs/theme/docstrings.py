"""Reads the docstrings of this project for the library reference.

They list parameters without further words, each name in a column of its own:

    paths    files and folders
    returns  one report per photo, in the order
             of their paths
    raises   UsageError    if jobs is below 1
             InvalidInput  if a path does not exist

which becomes the sections that griffe knows.
"""  # noqa: INP001 - a script beside documents, no package

from __future__ import annotations

import re
from typing import Any

import griffe

_ROW = re.compile(r"^(?P<name>\*{0,2}[A-Za-z_]\w*(?:, \*{0,2}[A-Za-z_]\w*)*) {2,}(?P<text>\S.*)$")
_ERROR = re.compile(r"^(?P<name>[A-Z]\w+) +(?P<text>\S.*)$")

Row = tuple[str, str]


class HouseDocstrings(griffe.Extension):
    """Splits docstrings into text and lists of parameters, what is returned, and what is raised."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Read the docstring of one class, function or attribute."""
        if obj.docstring is not None:
            obj.docstring.__dict__["parsed"] = sections(obj.docstring.value, obj)


def sections(text: str, obj: griffe.Object) -> list[griffe.DocstringSection]:
    """The sections of a docstring; what stands before, between and after the rows is text."""
    found: list[griffe.DocstringSection] = []
    prose: list[str] = []
    rows: list[tuple[str, list[str]]] = []

    def close_prose() -> None:
        if any(line.strip() for line in prose):
            found.append(griffe.DocstringSectionText("\n".join(prose).strip("\n")))
        prose.clear()

    lines = iter(text.split("\n"))
    for line in lines:
        row = _ROW.match(line)
        if row and (obj.is_function or obj.is_class):
            close_prose()
            rows.append((row["name"], [row["text"]]))
        elif rows and line.startswith("  "):
            rows[-1][1].append(line.strip())
        elif rows and not line.strip():
            continue
        else:
            found += _sections_of(rows, obj)
            rows = []
            prose.append(line)
    found += _sections_of(rows, obj)
    close_prose()
    return found


def _sections_of(rows: list[tuple[str, list[str]]], obj: griffe.Object) -> list[griffe.DocstringSection]:
    """Rows that stand together, by what they are about."""
    parameters = _parameters(obj)
    listed = [
        griffe.DocstringParameter(name, description=" ".join(text), annotation=annotation, value=default)
        for names, text in rows
        if names not in ("returns", "yields", "raises")
        for name in names.split(", ")
        for annotation, default in [parameters.get(name, (None, None))]
    ]
    returned = [" ".join(text) for name, text in rows if name in ("returns", "yields")]
    raised = [error for name, text in rows if name == "raises" for error in _errors(text)]
    found: list[griffe.DocstringSection] = []
    if listed:
        found.append(griffe.DocstringSectionParameters(listed))
    if returned:
        annotation = obj.annotation if isinstance(obj, griffe.Function) else None
        found.append(
            griffe.DocstringSectionReturns(
                [griffe.DocstringReturn("", description=text, annotation=annotation) for text in returned]
            )
        )
    if raised:
        found.append(
            griffe.DocstringSectionRaises(
                [griffe.DocstringRaise(description=text, annotation=name) for name, text in raised]
            )
        )
    return found


def _parameters(obj: griffe.Object) -> dict[str, tuple[Any, Any]]:
    """Type and default of every parameter of a function, or of what makes a class."""
    function = obj
    if isinstance(obj, griffe.Class):
        maker = obj.members.get("__init__")
        if not isinstance(maker, griffe.Function):
            return {}
        function = maker
    if not isinstance(function, griffe.Function):
        return {}
    return {parameter.name: (parameter.annotation, parameter.default) for parameter in function.parameters}


def _errors(lines: list[str]) -> list[Row]:
    """What is raised, and when; a line that names no error goes on with the one before."""
    errors: list[Row] = []
    for line in lines:
        row = _ERROR.match(line)
        if row and (not errors or re.match(r"[A-Z]\w*(?:Error|Input|Extra|Lost|Readable|Diverged)\b", line)):
            errors.append((row["name"], row["text"]))
        elif errors:
            errors[-1] = (errors[-1][0], f"{errors[-1][1]} {line}")
    return errors
