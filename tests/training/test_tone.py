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
        tone.hazed(pictures, torch.zeros(4, 1, 48, 48), torch.full((4, 3, 1, 1), 0.8)),
        tone.flared(pictures, zero, torch.ones(4, 1, 48, 48)),
        tone.relit(pictures, zero, tone.bright_side(pictures)),
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


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 1.0])
def test_an_even_veil_is_koschmieders_law(pictures: torch.Tensor, share: float) -> None:
    airlight = torch.tensor([0.9, 0.85, 0.8]).view(1, 3, 1, 1).expand(4, -1, -1, -1)
    hazed = tone.hazed(pictures, torch.full((4, 1, 48, 48), share), airlight)
    transmission = 1 - share
    assert torch.allclose(hazed, pictures * transmission + airlight * (1 - transmission), atol=1e-6)
    # The law's other form: the contrast of an object against the airlight falls with the transmission.
    assert torch.allclose((hazed - airlight) / airlight, transmission * (pictures - airlight) / airlight, atol=1e-5)


def test_haze_stays_where_its_map_is(pictures: torch.Tensor) -> None:
    share = torch.zeros(4, 1, 48, 48)
    share[:, :, :24] = 0.7
    hazed = tone.hazed(pictures, share, torch.full((4, 3, 1, 1), 0.9))
    assert torch.equal(hazed[:, :, 24:], pictures[:, :, 24:])
    above, before = hazed[:, :, :24], pictures[:, :, :24]
    assert bool((above.std((1, 2, 3)) < before.std((1, 2, 3))).all())
    assert bool((above.amin((1, 2, 3)) > before.amin((1, 2, 3))).all())


def test_flare_adds_light_everywhere_and_all_of_it_at_its_source(pictures: torch.Tensor) -> None:
    glow = torch.zeros(4, 1, 48, 48)
    glow[:, :, 10, 20] = 1.0
    added = tone.flared(pictures, column(0.1, 0.2, 0.4, 0.8), glow) - pictures
    assert added[:, :, 10, 20].mean(1).tolist() == pytest.approx([0.1, 0.2, 0.4, 0.8], abs=1e-5)
    assert added[:, :, 40, 40].mean(1).tolist() == pytest.approx([0.02, 0.04, 0.08, 0.16], abs=1e-5)


def test_light_from_a_side_and_its_opposite_cancel(pictures: torch.Tensor) -> None:
    side, stops = tone.bright_side(pictures), column(0.5, 1.0, 3.0, 5.0)
    assert torch.allclose(tone.relit(tone.relit(pictures, stops, side), -stops, side), pictures, rtol=1e-5)


def test_the_two_sides_differ_by_the_stops_that_were_asked_for() -> None:
    grey = torch.full((1, 3, 8, 8), 0.2)
    side = torch.ones(1, 1, 8, 8)
    side[..., 4:, :] = -1.0
    lit = tone.relit(grey, column(3.0), side)
    assert float((lit[0, 0, 0, 0] / lit[0, 0, 7, 0]).log2()) == pytest.approx(3.0, abs=1e-5)


def test_light_from_behind_spreads_large_areas_apart_and_evening_brings_them_nearer(pictures: torch.Tensor) -> None:
    def spread(scene: torch.Tensor) -> torch.Tensor:
        return tone.weighted_rec709(scene).log2().std((1, 2, 3))

    side = tone.bright_side(pictures)
    behind, evened = (tone.relit(pictures, column(*[stops] * 4), side) for stops in (2.0, -1.0))
    assert bool((spread(behind) > spread(pictures)).all())
    assert bool((spread(evened) < spread(pictures)).all())


def test_the_bright_side_is_where_it_is_bright() -> None:
    scene = torch.full((1, 3, 48, 48), 0.05)
    scene[:, :, :24] = 0.8
    side = tone.bright_side(scene)
    assert side.shape == (1, 1, 48, 48)
    assert float(side[0, 0, 2].min()) > 0.8
    assert float(side[0, 0, -2].max()) < -0.8
    assert float(side.abs().max()) <= 1.0
    assert float(tone.bright_side(torch.full((1, 3, 48, 48), 0.3)).abs().max()) < 1e-5
    # A gain over the whole frame moves nothing to another side.
    assert torch.allclose(tone.bright_side(scene * 0.5), side, atol=1e-5)


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


def test_noise_may_differ_over_the_frame() -> None:
    grey, sigma = torch.full((1, 3, 96, 96), 0.5), torch.zeros(1, 1, 96, 96)
    sigma[:, :, 48:] = 0.05
    noisy = tone.noisy(grey, sigma, torch.Generator().manual_seed(1))
    assert torch.equal(noisy[:, :, :48], grey[:, :, :48])
    assert float((noisy - grey)[:, :, 48:].std()) == pytest.approx(0.05, rel=0.05)


def test_quantising_clips_and_rounds() -> None:
    assert tone.quantised(torch.tensor([-0.5, 0.0, 0.5, 0.999, 1.7])).tolist() == [0, 0, 128, 255, 255]
