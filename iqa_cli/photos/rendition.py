"""The standard rendition of a picture whose numbers are not those of sRGB: PQ, HLG, linear, wide primaries.

Light is relative to reference white: 1.0 is what a sheet of paper sends, 203 cd/m2 in PQ and 75 % of the signal in HLG
(ITU-R BT.2408). 1.0 becomes the white of sRGB. If a picture has more light than that, highlights are rolled off into
the range below by the curve of ITU-R BT.2390 (EETF), from the picture's own peak: what was graded for SDR and has
none comes back as it was, and tones up to a grey card stay untouched in every picture.

HLG is mapped by scene light (BT.2408, 5.1.4): without the system gamma that a 1000 cd/m2 screen adds. A grey
card, which BT.2408 puts at 38 % HLG, so comes to 118 of 255, which is what ISO 12232 asks of an sRGB camera. See
docs/decisions/0091.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iqa_cli.photos.cicp import ColourCoding

    Floats = NDArray[np.floating]

REFERENCE_WHITE_NITS = 203.0
"""cd/m2 of HDR reference white in PQ, ITU-R BT.2408, 2.1."""
REFERENCE_WHITE_HLG = 0.75
"""Its signal in HLG, from the same place."""

PQ_PEAK_NITS = 10_000.0

# SMPTE ST 2084, in ITU-R BT.2100-2, table 4.
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32

# ARIB STD-B67, in ITU-R BT.2100-2, table 5.
_A = 0.17883277
_B = 1 - 4 * _A
_C = 0.5 - _A * float(np.log(4 * _A))

_PEAK_PERCENTILE = 99.9
"""Of the brightest channel: above it lie glints, ringing and hot pixels, which may clip."""

_HIGHEST_PEAK = 1000 / REFERENCE_WHITE_NITS
"""The reference screen of BT.2408. What is brighter clips, or a lamp would make the rest of a picture darker."""
_KNEE_OFFSET = 1.0
"""BT.2390 has 0.5, with which bright skies of HDR pictures come out clipped; see docs/decisions/0091."""

# (x, y) of red, green, blue and white by ITU-T H.273, table 2. All of these have D65.
_D65 = (0.3127, 0.3290)
_CHROMATICITIES: dict[int, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    22: ((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)),
}
_UNSPECIFIED, _BT2020, _SRGB = 2, 9, 1


def pq_to_nits(signal: Floats) -> Floats:
    """Light of a PQ signal (EOTF of SMPTE ST 2084).

    signal   any shape, 0..1
    returns  the same shape, cd/m2, 0..10000
    """
    power = np.clip(signal, 0.0, 1.0) ** (1 / _M2)
    linear: Floats = np.maximum(power - _C1, 0.0) / (_C2 - _C3 * power)
    return PQ_PEAK_NITS * linear ** (1 / _M1)


def nits_to_pq(nits: Floats) -> Floats:
    """PQ signal of light, the inverse of `pq_to_nits`."""
    power = (np.clip(nits, 0.0, PQ_PEAK_NITS) / PQ_PEAK_NITS) ** _M1
    signal: Floats = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2
    return signal


def hlg_to_scene(signal: Floats) -> Floats:
    """Scene light of an HLG signal (inverse OETF of ARIB STD-B67).

    signal   any shape, 0..1
    returns  the same shape, 0..1 of the most that HLG can hold; reference white is 0.265
    """
    value = np.clip(signal, 0.0, 1.0)
    light: Floats = np.where(value <= 0.5, value * value / 3, (np.exp((value - _C) / _A) + _B) / 12)
    return light


def scene_to_hlg(light: Floats) -> Floats:
    """HLG signal of scene light, the inverse of `hlg_to_scene`."""
    value = np.clip(light, 0.0, 1.0)
    bright = _A * np.log(np.maximum(12 * value - _B, 1e-9)) + _C
    signal: Floats = np.where(value <= 1 / 12, np.sqrt(3 * value), bright)
    return signal


def srgb_to_light(signal: Floats) -> Floats:
    """Light of sRGB values (IEC 61966-2-1), going on above 1 by the same formula; any shape, not negative."""
    light: Floats = np.where(signal <= 0.04045, signal / 12.92, ((np.maximum(signal, 0.0) + 0.055) / 1.055) ** 2.4)
    return light


def light_to_srgb(light: Floats) -> Floats:
    """The inverse of `srgb_to_light`."""
    signal: Floats = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0) ** (1 / 2.4) - 0.055)
    return signal


@functools.cache
def to_srgb_matrix(primaries: int) -> NDArray[np.float64]:
    """(3, 3), from linear light in these primaries to that in those of sRGB; a column times it from the right.

    primaries  of ITU-T H.273; 2 (unspecified) is BT.2020
    raises     KeyError  for primaries that are not known here

    By way of XYZ: SMPTE RP 177-1993.
    """
    wide = _to_xyz(_BT2020 if primaries == _UNSPECIFIED else primaries)
    return np.asarray(np.linalg.solve(_to_xyz(_SRGB), wide))


def _to_xyz(primaries: int) -> NDArray[np.float64]:
    """(3, 3), from linear light in these primaries to CIE XYZ, white having Y = 1."""
    x, y = np.array([*_CHROMATICITIES[primaries], _D65]).T
    xyz = np.stack([x / y, np.ones(4), (1 - x - y) / y])  # (3, 4)
    weights = np.linalg.solve(xyz[:, :3], xyz[:, 3])
    return np.asarray(xyz[:, :3] * weights)


@functools.lru_cache(maxsize=8)
def decoding_table(transfer: int, codes: int, offset: float, white: float) -> NDArray[np.float32]:
    """What every code of a picture stands for: its light as sRGB would encode it, going on above 1 for highlights.

    transfer       of ITU-T H.273: 5 (gamma 2.8), 8 (linear), 16 (PQ), 18 (HLG); any other is a curve of SDR
    codes          256 or 65536
    offset, white  a code c is the signal (c + offset) / white
    returns        (codes,) float32, from 0

    Encoded, because it is averaged over pixels before it becomes light again: the same photograph in SDR is averaged
    in that encoding, too, and PQ values are not averages of anything.
    """
    signal = np.clip((np.arange(codes) + offset) / white, 0.0, 1.0)
    if transfer == 16:
        light = pq_to_nits(signal) / REFERENCE_WHITE_NITS
    elif transfer == 18:
        light = hlg_to_scene(signal) / hlg_to_scene(np.array(REFERENCE_WHITE_HLG))
    elif transfer == 8:
        light = signal
    elif transfer == 5:
        light = signal**2.8
    else:
        return np.asarray(signal, np.float32)
    return np.asarray(light_to_srgb(light), np.float32)


def rendition(encoded: NDArray[np.float32], coding: ColourCoding) -> NDArray[np.uint8]:
    """The picture in sRGB.

    encoded  (H, W, 3) from `decoding_table`, in the primaries of `coding`
    returns  (H, W, 3) uint8; colours outside sRGB are clipped to it
    raises   KeyError  for primaries that are not known here, see `ColourCoding.is_convertible`
    """
    light = srgb_to_light(encoded)
    if coding.hdr_curve is not None:
        light = roll_off(light)
    # Primaries that are not known are taken for sRGB's, as without a statement; HDR is not converted at all then.
    if (coding.primaries in _CHROMATICITIES and coding.primaries != _SRGB) or coding.hdr_curve is not None:
        light = light @ to_srgb_matrix(coding.primaries).T.astype(np.float32)
    picture: NDArray[np.uint8] = np.rint(255 * light_to_srgb(light.clip(0.0, 1.0))).astype(np.uint8)
    return picture


def roll_off(light: Floats) -> Floats:
    """Highlights above reference white brought below it, each channel by itself.

    light    (H, W, 3), 1.0 is reference white
    returns  the same shape, 0..1; the same light if hardly any of it is above 1

    The EETF of ITU-R BT.2390 with a lower knee, for a screen that ends at reference white and a picture that ends at
    its own peak, which is 1000 cd/m2 at most: in PQ, a Hermite spline from a knee up to the peak. A peak of 1000 cd/m2
    has the knee at 17 % of reference white, one of 400 at 49 %.
    """
    peak = min(_HIGHEST_PEAK, float(np.percentile(light.max(axis=2), _PEAK_PERCENTILE)))
    if peak <= 1.0:
        return light.clip(0.0, 1.0)
    white, top = (float(nits_to_pq(np.array(REFERENCE_WHITE_NITS * value))) for value in (1.0, peak))
    limit = white / top
    knee = (1 + _KNEE_OFFSET) * limit - _KNEE_OFFSET
    signal = np.minimum(nits_to_pq(light * REFERENCE_WHITE_NITS) / top, 1.0)
    part = np.maximum((signal - knee) / (1 - knee), 0.0)
    square, cube = part**2, part**3
    spline = (2 * cube - 3 * square + 1) * knee + (cube - 2 * square + part) * (1 - knee)
    spline += (3 * square - 2 * cube) * limit
    return np.where(signal < knee, light, pq_to_nits(spline * top) / REFERENCE_WHITE_NITS).clip(0.0, 1.0)
