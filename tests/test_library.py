"""The package as a library: public names, resolved on first use, importing nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
