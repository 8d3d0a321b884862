"""What can be measured about the tone of a picture, and whether it is a photograph: pure functions of pixels.

`measure` and `examine` take an upright sRGB picture, (H, W, 3) uint8, and every number is a count or comes from
histograms on a fine integer scale, so that a picture of 512 x 384 costs a few milliseconds and its mirror image
is measured the very same.

Words used here
    luma       Y' of Rec. ITU-R BT.709-6, on the encoded sRGB values; 0..1; what a camera's histogram shows
    luminance  Y of IEC 61966-2-1 (sRGB), on linear light; 0..1
    lstar      lightness L* of CIE 1976 (CIE 015:2018), from luminance against the display's white; 0..100
"""

from iqa_cli.photometry.measure import MEASUREMENT_NAMES, Examination, examine, measure
from iqa_cli.photometry.subject import Doubt

__all__ = ["MEASUREMENT_NAMES", "Doubt", "Examination", "examine", "measure"]
