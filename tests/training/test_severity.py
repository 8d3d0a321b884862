"""Severity: known deviations give their own size back, and nothing gives nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the tone ladder needs the train extra")

from iqa_cli.training import severity, tone  # noqa: E402 - torch may be missing

LABELS = ("bright", "dark", "high_contrast", "low_contrast", "overexposed", "over_suppressed")


@pytest.fixture
def reference() -> torch.Tensor:
    """Smooth scenes in the middle of the scale, mean L* near 50, nothing near the ends. (3, 3, 96, 96) uint8."""
    coarse = torch.from_numpy(np.random.default_rng(0).uniform(0.15, 0.75, (3, 3, 8, 8))).float()
    return tone.quantised(torch.nn.functional.interpolate(coarse, size=(96, 96), mode="bicubic"))


def exposed(reference: torch.Tensor, ev: float) -> torch.Tensor:
    light = tone.linear_from_srgb8(reference) * 2.0**ev
    return tone.quantised(tone.srgb_from_linear(light.clamp_max(1.0)))


def levels(reference: torch.Tensor, picture: torch.Tensor) -> list[dict[str, int]]:
    positions = severity.deviation(reference, picture).positions(LABELS)
    return [dict(zip(LABELS, row.tolist(), strict=True)) for row in positions]


def test_an_untouched_picture_has_no_problem(reference: torch.Tensor) -> None:
    deviation = severity.deviation(reference, reference).values
    for name in ("bright", "dark", "overexposed", "over_suppressed"):
        assert deviation[name].abs().max() < 0.02
    assert torch.allclose(deviation["high_contrast"], torch.ones(3), atol=0.01)
    assert all(level == 0 for row in levels(reference, reference) for level in row.values())


@pytest.mark.parametrize("ev", [-3.0, -1.8, -1.0, -0.5, 0.4, 0.8])
def test_the_exposure_error_is_the_ev_that_was_applied(reference: torch.Tensor, ev: float) -> None:
    good, changed = (
        tone.weighted_rec709(tone.linear_from_srgb8(p)).flatten(1) for p in (reference, exposed(reference, ev))
    )
    measured = severity._exposure_error_ev(good, tone.lstar_from_luminance(changed).mean(1))
    assert measured.tolist() == pytest.approx([ev] * 3, abs=0.1)  # flare hides a little of the darkest


@pytest.mark.parametrize(("ev", "level"), [(-0.6, 0), (-1.2, 1), (-2.0, 2), (-3.0, 3)])
def test_a_darkened_picture_is_dark_and_nothing_else(reference: torch.Tensor, ev: float, level: int) -> None:
    for row in levels(reference, exposed(reference, ev)):
        assert row == dict.fromkeys(LABELS, 0) | {"dark": level}


@pytest.mark.parametrize(("ev", "level"), [(0.5, 0), (0.95, 1), (1.6, 2), (2.6, 3)])
def test_a_brightened_picture_is_bright_and_not_flat(reference: torch.Tensor, ev: float, level: int) -> None:
    for row in levels(reference, exposed(reference, ev)):
        assert row["bright"] == level
        assert row["dark"] == row["high_contrast"] == row["low_contrast"] == row["over_suppressed"] == 0


@pytest.mark.parametrize(
    ("factor", "label", "level"),
    [(0.65, "low_contrast", 1), (0.45, "low_contrast", 2), (0.2, "low_contrast", 3), (1.5, "high_contrast", 1)],
)
def test_contrast_is_the_ratio_of_spreads(reference: torch.Tensor, factor: float, label: str, level: int) -> None:
    column = torch.full((3, 1, 1, 1), factor)
    picture = tone.quantised(tone.contrast_scaled(reference.float() / 255, column, torch.zeros_like(column)))
    for row in levels(reference, picture):
        assert row[label] == level
        assert row["bright"] == row["dark"] == row["over_suppressed"] == 0


@pytest.mark.parametrize(("share", "level"), [(0.01, 0), (0.03, 1), (0.1, 2), (0.3, 3)])
def test_clipping_counts_the_pixels_that_lost_detail(reference: torch.Tensor, share: float, level: int) -> None:
    picture = reference.clone()
    picture[:, :, : round(96 * share)] = 255
    deviation = severity.deviation(reference, picture)
    assert deviation.values["overexposed"].tolist() == pytest.approx([round(96 * share) / 96] * 3)
    assert deviation.positions(LABELS)[:, LABELS.index("overexposed")].tolist() == [level] * 3


def test_what_was_white_before_is_not_clipped_by_anybody(reference: torch.Tensor) -> None:
    white = reference.clone()
    white[:, :, :30] = 255
    assert severity.deviation(white, white).values["overexposed"].tolist() == [0.0] * 3


def test_greyed_highlights_are_suppressed_and_the_rest_is_fine(reference: torch.Tensor) -> None:
    bright = reference.clone()
    bright[:, :, :12] = 235  # an eighth of the frame is a bright sky
    grey = bright.clone()
    grey[:, :, :12] = 165
    for row in levels(bright, grey):
        assert row["over_suppressed"] == 3
        assert row["overexposed"] == row["bright"] == row["dark"] == row["high_contrast"] == 0


def test_severity_never_falls_as_exposure_moves_further_away(reference: torch.Tensor) -> None:
    for label, direction in (("dark", -1.0), ("bright", 1.0)):
        column = LABELS.index(label)
        seen = [
            severity.deviation(reference, exposed(reference, direction * step / 4)).positions(LABELS)[:, column]
            for step in range(14)
        ]
        for lower, higher in itertools.pairwise(seen):
            assert bool((higher >= lower).all())


def test_mirroring_changes_no_level(reference: torch.Tensor) -> None:
    picture = exposed(reference, -1.7)
    assert levels(reference, picture) == levels(reference.flip(-1), picture.flip(-1))


@pytest.mark.parametrize("black_rows", [0, 20, 80, 96])
@pytest.mark.parametrize("rest", [40, 140, 255])
def test_black_and_white_areas_are_no_fault_of_the_same_picture(black_rows: int, rest: int) -> None:
    picture = torch.full((1, 3, 96, 96), rest, dtype=torch.uint8)
    picture[:, :, :black_rows] = 0
    noisy = picture.clone()
    noisy[:, :, :black_rows:2] = 1  # the least that sensor noise does to black
    assert levels(picture, picture)[0] == dict.fromkeys(LABELS, 0)
    assert levels(picture, noisy)[0] == dict.fromkeys(LABELS, 0)


def test_a_label_that_is_not_asked_for_takes_nothing_from_another() -> None:
    values = {name: torch.zeros(1) for name in LABELS}
    values["overexposed"], values["over_suppressed"] = torch.tensor([0.06]), torch.tensor([25.0])
    assert severity.Deviation(values).positions(("bright", "overexposed")).tolist() == [[0, 2]]


def test_a_deviation_that_is_no_number_is_never_a_level() -> None:
    values = {name: torch.zeros(1) for name in LABELS} | {"dark": torch.tensor([float("nan")])}
    with pytest.raises(ValueError, match="dark"):
        severity.Deviation(values).positions(LABELS)


def test_clipped_and_suppressed_never_come_together() -> None:
    values = {name: torch.zeros(3) for name in LABELS}
    values["overexposed"] = torch.tensor([0.2, 0.03, 0.0])
    values["over_suppressed"] = torch.tensor([9.0, 25.0, 9.0])
    positions = severity.Deviation(values).positions(LABELS)
    assert positions[:, LABELS.index("overexposed")].tolist() == [3, 0, 0]
    assert positions[:, LABELS.index("over_suppressed")].tolist() == [0, 3, 1]
