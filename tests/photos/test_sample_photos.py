"""Every sample photo of real cameras, read as the program reads them."""

import numpy as np
import pytest
from PIL import Image

from iqa_cli.photos import read_photo
from iqa_cli.photos.discover import discover
from iqa_cli.photos.preview import read_preview
from iqa_cli.records import Photo, Unreadable

UNREADABLE = {
    "edge_metadata-extractor/beach.jpg": "states no size",  # height 0
    "pillow/ultrahdr.jpg": "cut off",  # the file ends where its picture begins
    "sharp/truncated.jpg": "cut off: only 1 %",
}


def luma(rgb):
    return float((rgb @ np.array([0.2126, 0.7152, 0.0722])).mean())


def test_every_file_gives_a_photo_or_a_reason(dcim):
    found = discover([dcim])
    assert found.skipped == ()
    reasons = {}
    for ref in found.photos:
        result, _ = read_photo(ref)
        if isinstance(result, Unreadable):
            reasons[ref.path.relative_to(dcim).as_posix()] = result.reason
        else:
            assert result.rgb.shape[2] == 3
            assert max(result.rgb.shape) <= 512
    assert reasons.keys() == UNREADABLE.keys()
    assert all(UNREADABLE[name] in reason for name, reason in reasons.items())


@pytest.mark.parametrize("series", ["Landscape", "Portrait"])
def test_one_scene_in_all_orientations_looks_the_same(dcim, series):
    pictures = [read_photo(ref)[0] for ref in discover(sorted((dcim / "orientation").glob(f"{series}_*"))).photos]
    assert len(pictures) >= 4
    for other in pictures[1:]:
        assert other.rgb.shape == pictures[0].rgb.shape
        assert np.abs(other.rgb.astype(float) - pictures[0].rgb).mean() < 5


@pytest.mark.parametrize(
    "name",
    [
        "phones_metadata-extractor/Apple_iPhone_6.jpg",
        "ultrahdr/Ultra_HDR_Samples_Originals_01.jpg",
        "pillow/flower.jpg",
    ],
)
def test_scaled_and_full_decoding_agree(dcim, name):
    (ref,) = discover([dcim / name]).photos
    scaled, full = read_photo(ref, mode="scaled")[0], read_photo(ref, mode="full")[0]
    assert luma(scaled.rgb) == pytest.approx(luma(full.rgb), abs=0.5)


def test_a_portrait_heic_is_upright_and_its_settings_are_as_stored(dcim):
    (ref,) = discover([dcim / "photoprism/iphone_15_pro.heic"]).photos
    photo, capture = read_photo(ref)
    assert isinstance(photo, Photo)
    assert (photo.width, photo.height) == (3024, 4032)
    assert (capture.image_width, capture.image_height, capture.orientation) == (4032, 3024, 6)


def test_exif_at_the_end_of_a_heic_is_found(dcim):
    (ref,) = discover([dcim / "heic_metadata-extractor/exif-at-eof.heic"]).photos
    _, capture = read_photo(ref)
    assert (capture.make, capture.model, capture.iso) == ("Apple", "iPhone 11 Pro", 32)


def test_a_cmyk_photo_with_a_profile_has_natural_colours(dcim):
    (ref,) = discover([dcim / "sharp/Channel_digital_image_CMYK_color.jpg"]).photos
    photo, _ = read_photo(ref)
    assert photo.notes == ()
    assert 40 < luma(photo.rgb) < 200


def test_previews_show_what_their_photos_show(dcim):
    """Size, settings and shape are the photo's in every mode; so is the tone, for most."""
    apart = []
    for ref in discover([dcim]).photos:
        seen = read_preview(ref.path)
        if seen.photo is None:
            continue
        photo, capture = read_photo(ref)
        assert isinstance(photo, Photo)
        assert seen.capture == capture
        assert (seen.photo.width, seen.photo.height) == (photo.width, photo.height)
        shape, small = photo.rgb.shape, seen.photo.rgb.shape
        assert small[1] / small[0] == pytest.approx(shape[1] / shape[0], rel=0.04)
        apart.append(abs(luma(seen.photo.rgb) - luma(photo.rgb)))
    assert len(apart) >= 30
    assert np.mean(np.array(apart) < 5) > 0.9


@pytest.mark.parametrize("name", ["iphone_15_pro.heic", "../immich/IMG_2682.heic"])
def test_the_thumbnail_of_a_heic_file_is_its_picture(dcim, name):
    (ref,) = discover([dcim / "photoprism" / name]).photos
    seen, (photo, _) = read_preview(ref.path), read_photo(ref)
    whole = Image.fromarray(photo.rgb).resize((40, 40), Image.Resampling.BOX)  # coarse: sharpened, half a pixel off
    small = Image.fromarray(seen.photo.rgb).resize((40, 40), Image.Resampling.BOX)
    assert np.abs(np.asarray(whole, dtype=float) - np.asarray(small)).mean() < 6
    assert seen.bytes_read < 40_000
