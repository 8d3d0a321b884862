"""Tone operators: identity at strength zero, known values, and the direction each of them pushes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="the tone ladder needs the train extra")

from iqa_cli.training import tone  # noqa: E402 - torch may be missing


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(-1, 1, 1, 1)


@pytest.fixture
def pictures() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(4, 3, 6, 6, generator=generator) * 0.85 + 0.02
    return torch.nn.functional.interpolate(coarse, size=(48, 48), mode="bilinear")


def test_srgb_matches_the_standard_at_known_points() -> None:
    encoded = torch.tensor([0.0, 0.04045, 0.5, 1.0])
    assert tone.linear_from_srgb(encoded).tolist() == pytest.approx([0.0, 0.0031308, 0.2140411, 1.0], abs=1e-6)
    assert tone.srgb_from_linear(tone.linear_from_srgb(encoded)).tolist() == pytest.approx(encoded.tolist(), abs=1e-6)


def test_the_table_of_8_bit_values_is_the_formula() -> None:
    values = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(tone.linear_from_srgb8(values), tone.linear_from_srgb(values.float() / 255))


def test_lightness_matches_cie_1976_at_known_points() -> None:
    luminance = torch.tensor([0.0, 216 / 24389, 0.184187, 1.0])
    assert tone.lstar_from_luminance(luminance).tolist() == pytest.approx([0.0, 8.0, 50.0, 100.0], abs=1e-3)


@pytest.mark.parametrize("knee", [0.5, 0.8, 1.0])
def test_shoulder_and_its_inverse_cancel_up_to_white(pictures: torch.Tensor, knee: float) -> None:
    at = column(*[knee] * 4)
    pictures = pictures / pictures.amax((1, 2, 3), keepdim=True)
    scene = tone.scene_from_linear(pictures, at)
    assert torch.allclose(tone.linear_from_scene(scene, at), pictures, atol=1e-5)
    at_white = scene[pictures == 1.0]
    assert bool((at_white > 1.0).all()) if knee < 1 else bool((at_white == 1.0).all())


def test_strength_zero_leaves_every_picture_as_it_is(pictures: torch.Tensor) -> None:
    zero, one = column(*[0.0] * 4), column(*[1.0] * 4)
    generator = torch.Generator().manual_seed(0)
    for result in (
        tone.hazed(pictures, zero, torch.full((4, 3, 1, 1), 0.8), zero),
        tone.backlit(pictures, zero),
        tone.contrast_scaled(pictures, one, one),
        tone.highlights_lifted(pictures, zero, column(*[0.5] * 4)),
        tone.highlights_suppressed(pictures, zero, column(*[0.5] * 4)),
        tone.noisy(pictures, zero, generator),
    ):
        assert torch.allclose(result, pictures, atol=1e-6)


def test_each_row_gets_its_own_strength(pictures: torch.Tensor) -> None:
    factor = column(0.3, 1.0, 1.5, 2.5)
    spread = tone.contrast_scaled(pictures, factor, column(*[0.0] * 4)).std((1, 2, 3)) / pictures.std((1, 2, 3))
    assert spread.tolist() == pytest.approx(factor.flatten().tolist(), rel=1e-4)


def test_contrast_has_no_step_where_it_begins(pictures: torch.Tensor) -> None:
    softness = column(*[1.0] * 4)
    before, after = (tone.contrast_scaled(pictures, column(*[factor] * 4), softness) for factor in (1.0, 1.001))
    assert float((after - before).abs().max()) < 0.002


def test_a_soft_stretch_stays_inside_where_a_hard_one_clips(pictures: torch.Tensor) -> None:
    hard, soft = (tone.contrast_scaled(pictures, column(*[6.0] * 4), column(*[s] * 4)) for s in (0.0, 1.0))
    assert float(hard.max()) > 1.5
    assert float(soft.max()) < float(hard.max()) * 0.5


def test_haze_lifts_the_darkest_and_flattens(pictures: torch.Tensor) -> None:
    hazed = tone.hazed(pictures, column(*[0.5] * 4), torch.full((4, 3, 1, 1), 0.9), column(*[0.0] * 4))
    assert torch.allclose(hazed, 0.5 * pictures + 0.45, atol=1e-6)  # Koschmieder's law with transmission 0.5


def test_backlight_spreads_large_areas_apart(pictures: torch.Tensor) -> None:
    before, after = tone.weighted_rec709(pictures), tone.weighted_rec709(tone.backlit(pictures, column(*[2.0] * 4)))
    assert bool((after.log2().std((1, 2, 3)) > before.log2().std((1, 2, 3))).all())


def test_highlight_operators_leave_shadows_alone(pictures: torch.Tensor) -> None:
    start = column(*[0.6] * 4)
    dark = (tone.weighted_rec709(pictures) < 0.6).expand_as(pictures)
    lifted = tone.highlights_lifted(pictures, column(*[0.8] * 4), start)
    suppressed = tone.highlights_suppressed(pictures, column(*[0.8] * 4), start)
    assert torch.allclose(lifted[dark], pictures[dark])
    assert torch.allclose(suppressed[dark], pictures[dark], atol=1e-6)
    bright = tone.weighted_rec709(pictures) > 0.65
    assert bool((tone.weighted_rec709(lifted)[bright] > tone.weighted_rec709(pictures)[bright]).all())
    assert bool((tone.weighted_rec709(suppressed)[bright] < tone.weighted_rec709(pictures)[bright]).all())


def test_noise_has_the_stated_strength() -> None:
    grey = torch.full((1, 3, 96, 96), 0.5)
    noisy = tone.noisy(grey, column(0.05), torch.Generator().manual_seed(1))
    assert float((noisy - grey).std()) == pytest.approx(0.05, rel=0.05)


def test_quantising_clips_and_rounds() -> None:
    assert tone.quantised(torch.tensor([-0.5, 0.0, 0.5, 0.999, 1.7])).tolist() == [0, 0, 128, 255, 255]
