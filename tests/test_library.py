"""The package as a library: public names, resolved on first use, importing nothing heavy."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import iqa_cli
from iqa_cli import errors, pipeline, records


def test_every_public_name_is_there() -> None:
    for name in iqa_cli.__all__:
        assert getattr(iqa_cli, name) is not None
    assert [name for name in dir(iqa_cli) if not name.startswith("__")] == sorted({*iqa_cli.__all__} - {"__version__"})


def test_public_names_are_the_things_themselves() -> None:
    assert iqa_cli.assess is pipeline.assess
    assert iqa_cli.PhotoReport is records.PhotoReport
    assert iqa_cli.IqaError is errors.IqaError


def test_every_error_of_the_tree_is_public() -> None:
    tree = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.IqaError)
    }
    assert tree <= set(iqa_cli.__all__)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'asess'"):
        _ = iqa_cli.asess


def test_importing_the_package_loads_nothing_but_the_package() -> None:
    code = "import sys; before = set(sys.modules); import iqa_cli; print(*sorted(set(sys.modules) - before))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "iqa_cli" in loaded
    assert not [
        name for name in loaded if name.split(".")[0] in {"numpy", "PIL", "pandas", "onnxruntime", "torch", "typer"}
    ]


def test_the_example_for_notebooks_ends_in_a_report_that_shows_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (Path(__file__).parents[1] / "docs" / "library.md").read_text("utf-8")
    section = page.partition("## In a notebook\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"^```python\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Image.linear_gradient("L").save("photo.jpg")
    # As a notebook does it: the last line of a cell is what it shows.
    *lines, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    names: dict[str, object] = {}
    exec(compile(ast.Module(lines, []), "docs/library.md", "exec"), names)  # noqa: S102 - our own page
    shown = eval(compile(ast.Expression(last.value), "docs/library.md", "eval"), names)  # noqa: S307 - the same
    assert isinstance(shown, iqa_cli.PhotoReport)
    html = shown._repr_html_()
    assert "data:image/jpeg;base64," in html
    assert all(finding.label in html for finding in shown.findings)
