"""Transfer curves, primaries and the roll-off of highlights, against published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from iqa_cli.photos.cicp import ColourCoding
from iqa_cli.photos.rendition import (
    decoding_table,
    hlg_to_scene,
    light_to_srgb,
    nits_to_pq,
    pq_to_nits,
    rendition,
    roll_off,
    scene_to_hlg,
    srgb_to_light,
    to_srgb_matrix,
)

PQ, HLG, LINEAR = ColourCoding(9, 16), ColourCoding(9, 18), ColourCoding(9, 8)
SIXTEEN = (65536, 0.0, 65535.0)


def through(values: np.ndarray, coding: ColourCoding) -> np.ndarray:
    """Signal values 0..1, as grey pixels of a picture, to its rendition."""
    table = decoding_table(coding.transfer, *SIXTEEN)
    row = table[np.rint(values * 65535).astype(int)]
    return rendition(np.repeat(row[None, :, None], 3, axis=2), coding)[0, :, 0]


@pytest.mark.parametrize(
    ("nits", "signal"),
    # ITU-R BT.2408, table 1 (grey card, reference white) and the values that ST 2084 is quoted with.
    [(0, 0.0), (26, 0.38), (100, 0.5081), (203, 0.5807), (1000, 0.7518), (4000, 0.9026), (10_000, 1.0)],
)
def test_pq_has_the_published_values(nits: float, signal: float) -> None:
    assert float(nits_to_pq(np.array(float(nits)))) == pytest.approx(signal, abs=3e-3 if nits == 26 else 5e-5)
    assert float(pq_to_nits(nits_to_pq(np.array(float(nits))))) == pytest.approx(nits, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("scene", "signal"),
    # BT.2100-2, table 5: the curves meet at 1/12; BT.2408, table 1: a card of 18 % at 38 %, reference white at 75 %.
    [(0, 0.0), (1 / 48, 0.25), (1 / 12, 0.5), (0.18 * 0.26496, 0.378), (0.26496, 0.75), (1.0, 1.0)],
)
def test_hlg_has_the_published_values(scene: float, signal: float) -> None:
    assert float(scene_to_hlg(np.array(scene))) == pytest.approx(signal, abs=5e-4)
    assert float(hlg_to_scene(scene_to_hlg(np.array(scene)))) == pytest.approx(scene, abs=1e-6)


@pytest.mark.parametrize("transfer", [1, 5, 8, 16, 18])
@pytest.mark.parametrize("codes", [(256, 0.0, 255.0), (256, 0.5, 256.0), (256, -16.0, 219.0), SIXTEEN])
def test_a_higher_code_is_never_less_light(transfer: int, codes: tuple[int, float, float]) -> None:
    table = decoding_table(transfer, *codes)
    assert table.shape == (codes[0],)
    assert (np.diff(table) >= 0).all()
    assert table[0] >= 0


def test_matrices_are_the_published_ones() -> None:
    # ITU-R BT.2407; and Display P3 as every CSS library has it.
    assert to_srgb_matrix(9) == pytest.approx(
        np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]), abs=1e-4
    )
    assert to_srgb_matrix(12) == pytest.approx(
        np.array([[1.2249, -0.2249, 0.0], [-0.0420, 1.0420, 0.0], [-0.0196, -0.0786, 1.0979]]), abs=5e-4
    )
    assert to_srgb_matrix(1) == pytest.approx(np.eye(3), abs=1e-12)
    assert np.array_equal(to_srgb_matrix(2), to_srgb_matrix(9))


@pytest.mark.parametrize("primaries", [1, 5, 6, 7, 9, 12, 22])
def test_white_stays_white_in_all_primaries(primaries: int) -> None:
    assert to_srgb_matrix(primaries).sum(axis=1) == pytest.approx(np.ones(3), abs=1e-9)


@pytest.mark.parametrize("coding", [PQ, HLG, LINEAR])
def test_a_picture_graded_for_sdr_comes_back(coding: ColourCoding) -> None:
    srgb = np.arange(256)
    light = srgb_to_light(srgb / 255)
    signals = {16: nits_to_pq(light * 203), 18: scene_to_hlg(light * 0.26496), 8: light}
    assert np.abs(through(signals[coding.transfer], coding).astype(int) - srgb).max() <= 1


def test_colours_of_a_picture_graded_for_sdr_come_back() -> None:
    steps = np.linspace(0, 1, 9)
    srgb = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
    wide = srgb_to_light(srgb) @ np.linalg.inv(to_srgb_matrix(9)).T
    encoded = light_to_srgb(wide).astype(np.float32)
    assert np.abs(rendition(encoded, PQ).astype(int) - srgb * 255).max() <= 1


def test_a_grey_card_comes_where_its_curve_says() -> None:
    """HLG by scene light: 18 % of white is 118, as of an sRGB camera (ISO 12232). PQ: 26 of 203 cd/m2."""
    assert through(scene_to_hlg(np.array([0.18 * 0.26496])), HLG) == pytest.approx([118], abs=1)
    assert through(nits_to_pq(np.array([26.0])), PQ) == pytest.approx([255 * light_to_srgb(np.array(26 / 203))], abs=1)


@pytest.mark.parametrize("peak", [1.01, 1.5, 3.77, 4.926, 49.2])
def test_highlights_are_rolled_off_and_diffuse_tones_are_not(peak: float) -> None:
    light = np.linspace(0, peak, 10_000).reshape(1, -1, 1).repeat(3, axis=2)
    rolled = roll_off(light)[0, :, 0]
    ramp = light[0, :, 0]
    assert (np.diff(rolled) >= -1e-9).all()
    assert rolled.max() <= 1.0
    assert rolled[-1] == pytest.approx(1.0, abs=0.01)
    assert (rolled <= ramp + 1e-6).all()
    # The knee of the highest peak, 1000 cd/m2, is at 17 % of white; a grey card hardly moves.
    assert rolled[ramp <= 0.17] == pytest.approx(ramp[ramp <= 0.17], abs=1e-6)
    if peak > 3:  # highlights keep their steps: they do not all clip, and white is not grey
        white, double = 255 * light_to_srgb(np.interp([1.0, 2.0], ramp, rolled))
        assert 205 < white < 225
        assert white + 20 < double < 250


def test_a_few_glints_do_not_darken_a_picture() -> None:
    light = np.full((100, 100, 3), 0.9)
    light[0, :5] = 40.0
    assert roll_off(light)[50, 50] == pytest.approx([0.9] * 3)


def test_wide_primaries_of_sdr_are_converted_and_nothing_is_rolled_off() -> None:
    red = np.array([[[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]], np.float32)
    found = rendition(red, ColourCoding(12, 13))
    assert found.tolist() == [[[255, 0, 0], [255, 255, 255]]]
    # A P3 red that sRGB holds: 0.8 of it is what sRGB calls more.
    muted = np.array([[[0.7, 0.4, 0.4]]], np.float32)
    assert rendition(muted, ColourCoding(12, 13))[0, 0, 0] > round(0.7 * 255)
