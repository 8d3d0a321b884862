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


def scaled(picture: torch.Tensor, factor: float) -> torch.Tensor:
    column = torch.full((len(picture), 1, 1, 1), factor)
    return tone.quantised(tone.contrast_scaled(picture.float() / 255, column, torch.zeros_like(column)))


def lstar_of(picture: torch.Tensor) -> torch.Tensor:
    """L* of a picture, (B, 1, S, S)."""
    return tone.lstar_from_luminance(tone.weighted_rec709(tone.linear_from_srgb8(picture)))


def grey_of(lstar: torch.Tensor) -> torch.Tensor:
    """A grey picture of the given L* (B, 1, S, S), as bytes."""
    light = severity._luminance_from_lstar(lstar.clamp(0, 100))
    return tone.quantised(tone.srgb_from_linear(light).expand(-1, 3, -1, -1))


@pytest.fixture
def textured() -> torch.Tensor:
    """A dark foreground below a light distance, with the spread (about 17 L*) and the detail (about 8) of photographs.

    (3, 3, 96, 96) uint8
    """
    up = torch.linspace(1, -1, 96).view(1, 1, 96, 1)
    fine = torch.randn(3, 1, 96, 96, generator=torch.Generator().manual_seed(0)).clamp(-2, 2)
    return grey_of(50 + 25 * up + 8 * fine)


@pytest.mark.parametrize(("factor", "level"), [(0.65, 1), (0.45, 2), (0.2, 3)])
def test_less_contrast_is_the_ratio_of_spreads(reference: torch.Tensor, factor: float, level: int) -> None:
    for row in levels(reference, scaled(reference, factor)):
        assert row == dict.fromkeys(LABELS, 0) | {"low_contrast": level}


@pytest.mark.parametrize(("factor", "level"), [(1.0, 0), (1.6, 1), (2.2, 2), (4.0, 3)])
def test_more_contrast_is_high_contrast(textured: torch.Tensor, factor: float, level: int) -> None:
    for row in levels(textured, scaled(textured, factor)):
        assert row["high_contrast"] == level
        assert row["bright"] == row["dark"] == row["low_contrast"] == row["over_suppressed"] == 0


def test_a_stretch_of_a_very_flat_picture_is_not_yet_hard(reference: torch.Tensor) -> None:
    """Its spread is half as large again, which is the ordinary one of a photograph."""
    picture = scaled(reference, 1.5)
    assert float((lstar_of(picture).std((1, 2, 3)) / lstar_of(reference).std((1, 2, 3))).min()) > 1.35
    assert all(row["high_contrast"] == 0 for row in levels(reference, picture))


@pytest.mark.parametrize("factor", [0.1, 0.3, 0.6, 1.5, 3.0, 8.0])
@pytest.mark.parametrize("ev", [-1.0, 0.0, 0.7])
def test_a_picture_of_ordinary_spread_and_detail_is_never_severe_contrast(
    textured: torch.Tensor, factor: float, ev: float
) -> None:
    """However much flatter or harder the good rendering was, as long as nothing was crushed."""
    fine = torch.randn(3, 1, 96, 96, generator=torch.Generator().manual_seed(1)).clamp(-2, 2)
    up = torch.linspace(1, -1, 96).view(1, 1, 96, 1)
    picture = grey_of(50 + 31 * up + 9 * fine)
    assert lstar_of(picture).std((1, 2, 3)).tolist() == pytest.approx([20] * 3, abs=1.0)
    assert float(lstar_of(picture).min()) > 0
    for good in (exposed(scaled(textured, factor), ev), exposed(scaled(picture, factor), ev)):
        for row in levels(good, picture):
            assert row["high_contrast"] < 2
            assert row["low_contrast"] < 2


@pytest.mark.parametrize(("share", "level"), [(0.03, 0), (0.1, 1), (0.2, 2), (0.4, 3)])
def test_crushed_shadows_are_high_contrast_whatever_the_spread(
    reference: torch.Tensor, share: float, level: int
) -> None:
    """The darkest of a picture that is flat by its spread become black."""
    picture = reference.clone()
    rank = lstar_of(reference).flatten(1).argsort(1).argsort(1).view(3, 1, 96, 96)
    picture[(rank < round(share * 96 * 96)).expand_as(picture)] = 0
    deviation = severity.deviation(reference, picture)
    assert bool((deviation.values["high_contrast"] >= 1 + 5 * share - 0.02).all())
    assert deviation.positions(("high_contrast",)).flatten().tolist() == [level] * 3


def test_shadows_that_were_black_from_the_start_are_not_crushed(textured: torch.Tensor) -> None:
    black = textured.clone()
    black[:, :, 60:] = 0
    assert severity.deviation(black, black).values["high_contrast"].tolist() == pytest.approx([1.0] * 3, abs=0.01)


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_haze_over_the_distance_is_low_contrast_though_the_frame_keeps_its_spread(
    textured: torch.Tensor, share: float
) -> None:
    veil = torch.zeros(3, 1, 96, 96)
    veil[:, :, :48] = share
    hazed = tone.hazed(tone.linear_from_srgb8(textured), veil, torch.full((3, 3, 1, 1), 0.75))
    picture = tone.quantised(tone.srgb_from_linear(hazed))
    assert bool((lstar_of(picture).std((1, 2, 3)) > lstar_of(textured).std((1, 2, 3))).all())
    for row in levels(textured, picture):
        assert row["low_contrast"] >= 1
        assert row["high_contrast"] == row["over_suppressed"] == 0


def test_flatness_grows_with_the_veil(textured: torch.Tensor) -> None:
    scene, airlight = tone.linear_from_srgb8(textured), torch.full((3, 3, 1, 1), 0.6)
    veiled = [
        tone.quantised(tone.srgb_from_linear(tone.hazed(scene, torch.full((3, 1, 96, 96), share), airlight)))
        for share in (0.0, 0.15, 0.3, 0.5, 0.7, 0.9)
    ]
    flatness = [severity.deviation(textured, picture).values["low_contrast"] for picture in veiled]
    assert all(bool((more > less).all()) for less, more in itertools.pairwise(flatness))
    assert levels(textured, veiled[-1])[0]["low_contrast"] == 3


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
    grey[:, :, :12] = 130
    for row in levels(bright, grey):
        assert row["over_suppressed"] == 3
        assert row["overexposed"] == row["bright"] == row["dark"] == row["high_contrast"] == 0


def test_highlights_that_still_look_white_have_lost_nothing(textured: torch.Tensor) -> None:
    """However light the good rendering was: a loss counts up to 0.8 (85 - L*)."""
    white = textured.clone()
    white[:, :, :12] = 255
    for lstar, level in ((97.0, 0), (90.0, 0), (78.0, 0), (72.0, 1), (64.0, 2), (55.0, 3)):
        kept = white.clone()
        kept[:, :, :12] = grey_of(torch.full((3, 1, 12, 96), lstar))
        deviation = severity.deviation(white, kept)
        assert float(deviation.values["over_suppressed"].max()) <= 0.8 * (85 - lstar) + 0.5
        assert deviation.positions(("over_suppressed",)).flatten().tolist() == [level] * 3


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


@pytest.mark.parametrize(
    ("first", "second", "values"),
    [
        ("overexposed", "over_suppressed", {"overexposed": [0.2, 0.03, 0.0], "over_suppressed": [9.0, 25.0, 9.0]}),
        ("high_contrast", "low_contrast", {"high_contrast": [3.0, 1.4, 1.0], "low_contrast": [1.5, 3.0, 1.5]}),
    ],
    ids=["highlights", "contrast"],
)
def test_of_labels_that_exclude_each_other_the_graver_is_kept(
    first: str, second: str, values: dict[str, list[float]]
) -> None:
    deviation = severity.Deviation({name: torch.tensor(values.get(name, [0.0] * 3)) for name in LABELS})
    positions = deviation.positions(LABELS)
    assert positions[:, LABELS.index(first)].tolist() == [3, 0, 0]
    assert positions[:, LABELS.index(second)].tolist() == [0, 3, 1]
    # Alone, neither loses anything.
    assert deviation.positions((first,)).flatten().tolist() == [3, 1, 0]
    assert deviation.positions((second,)).flatten().tolist() == [1, 3, 1]


def test_of_equal_labels_that_exclude_each_other_the_harder_to_repair_is_kept() -> None:
    equal = {"overexposed": 0.1, "over_suppressed": 15.0, "high_contrast": 1.8, "low_contrast": 2.0}
    deviation = severity.Deviation({name: torch.tensor([equal.get(name, 0.0)]) for name in LABELS})
    row = dict(zip(LABELS, deviation.positions(LABELS)[0].tolist(), strict=True))
    assert row == dict.fromkeys(LABELS, 0) | {"overexposed": 2, "high_contrast": 2}
