"""Looking up graphs and checkpoints: by name or path, and what is said when there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iqa_cli.errors import CheckpointError, GraphError
from iqa_cli.paths import find_checkpoint, find_graph

if TYPE_CHECKING:
    from pathlib import Path


def test_a_name_is_a_shipped_one_and_a_slash_makes_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "default").mkdir()
    monkeypatch.chdir(tmp_path)
    assert find_graph("smartphone-6").name == "smartphone-6.json"
    assert find_checkpoint("./default").resolve() == tmp_path / "default"
    assert find_checkpoint("default").resolve() != tmp_path / "default"


def test_a_folder_of_that_name_here_is_pointed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no checkpoint is called 'mine'\nhint: did you mean \./mine\?"):
        find_checkpoint("mine")


def test_no_name_is_no_checkpoint() -> None:
    with pytest.raises(CheckpointError, match="no checkpoint is called ''"):
        find_checkpoint("")


@pytest.mark.parametrize("name", ["x" * 300, f"./{'x' * 300}"])
def test_a_name_that_leads_nowhere_is_the_callers_mistake_whatever_the_system_says(name: str) -> None:
    with pytest.raises(CheckpointError, match="no "):
        find_checkpoint(name)
    with pytest.raises(GraphError, match="no "):
        find_graph(name)
