"""Weights that are not needed for a while: gone, and back as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

torch = pytest.importorskip("torch", reason="models need the train extra")

from iqa_cli.models import parking  # noqa: E402 - the train extra may be missing
from iqa_cli.models.parking import parked  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> torch.nn.Sequential:
    monkeypatch.setattr(parking, "_LEAST", 1)
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.Linear(3, 2).double(), torch.nn.Linear(2, 2).bfloat16())
    model[0].weight.requires_grad_(requires_grad=False)
    return model


def test_what_is_parked_is_gone_and_comes_back_bit_for_bit(model: torch.nn.Sequential, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    parameters = dict(model.named_parameters())
    with parked(model, model[1], tmp_path):
        assert {name: value.numel() for name, value in model.named_parameters()} == {
            "0.weight": 0, "0.bias": 0, "1.weight": 6, "1.bias": 2, "2.weight": 0, "2.bias": 0
        }  # fmt: skip
        assert list(tmp_path.iterdir()) == []
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value is parameters[name] for name, value in model.named_parameters())  # what an optimiser holds
    assert not model[0].weight.requires_grad
    assert model[0].bias.requires_grad


def test_what_goes_wrong_meanwhile_costs_no_weights(model: torch.nn.Sequential, tmp_path: Path) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(KeyboardInterrupt), parked(model, model[1], tmp_path):
        raise KeyboardInterrupt
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_little_is_not_worth_a_file(
    model: torch.nn.Sequential, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    with parked(model, model[1], tmp_path):
        assert model[0].weight.numel() == 15
