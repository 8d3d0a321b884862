"""Pictures with previews made by hand: the preview differs from its picture, so that it shows which was judged."""

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, ImageOps

from iqa_cli.photos import heif_thumbnail, isobmff, preview, tiff
from iqa_cli.photos import read_photo as read
from iqa_cli.photos.files import FIRST_WINDOW_BYTES, Windows
from iqa_cli.photos.preview import DAMAGED, OTHER_SHAPE, OTHER_SIZE, read_preview
from iqa_cli.photos.surroundings import without_bars
from iqa_cli.records import Photo, Unreadable

STATED_WIDTH, STATED_HEIGHT = 0xA002, 0xA003
VGA, FULL_HD, SECOND_EYE, GAIN_MAP = 0x010001, 0x010002, 0x020002, 0


def with_thumbnail(exif, thumbnail):
    """An EXIF block as Pillow writes it, with a second directory that holds a JPEG thumbnail."""
    block = exif.tobytes().removeprefix(b"Exif\0\0")
    order = "<" if block.startswith(b"II") else ">"
    link = 10 + 12 * struct.unpack_from(f"{order}H", block, 8)[0]
    second = len(block)
    directory = struct.pack(f"{order}HHHIIHHIII", 2, 0x0201, 4, 1, second + 30, 0x0202, 4, 1, len(thumbnail), 0)
    linked = block[:link] + struct.pack(f"{order}I", second) + block[link + 4 :]
    return b"Exif\0\0" + linked + directory + thumbnail


def tags(orientation=1, **settings):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0112] = orientation
    exif.get_ifd(0x8769).update({int(key[1:], 16): value for key, value in settings.items()})
    return exif


def after_first_marker(data, kind, body):
    return data[:2] + struct.pack(">BBH", 0xFF, kind, 2 + len(body)) + body + data[2:]


@pytest.fixture
def camera(picture, encode):
    """camera(...) -> a noisy JPEG of a camera whose preview is the same scene, inverted."""

    def _camera(size=(800, 600), small=(160, 120), exif=None, thumbnail=None, image=None, **options):
        image = image or picture(*size)
        preview_of = encode(ImageOps.invert(picture(*small))) if thumbnail is None else thumbnail
        return encode(image, exif=with_thumbnail(exif or tags(), preview_of), **options)

    return _camera


def grey(image_or_rgb):
    return np.asarray(image_or_rgb, dtype=float)


def is_like(rgb, image, tolerance=4.0):
    return rgb.shape == np.asarray(image).shape and np.abs(grey(rgb) - grey(image)).mean() <= tolerance


def inverted(picture, *size):
    return ImageOps.invert(picture(*size))


def test_the_preview_is_judged_and_the_size_is_the_pictures(camera, picture):
    photo, capture = read(camera(), mode="thumbnail")
    assert is_like(photo.rgb, inverted(picture, 160, 120))
    assert (photo.width, photo.height) == (800, 600)
    assert photo.notes == ("judged from the camera's 160 x 120 preview",)
    assert capture.make == "Maker"


def test_the_settings_are_those_of_the_whole_file(camera):
    data = camera(exif=tags(6, x8827=64, x829a=0.01))
    assert read(data, mode="thumbnail")[1] == read(data)[1]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_the_picture_is_applied_to_the_preview(camera, picture, orientation):
    photo, _ = read(camera(exif=tags(orientation)), mode="thumbnail")
    stored = inverted(picture, 160, 120)
    stored.getexif()[0x0112] = orientation
    upright = ImageOps.exif_transpose(stored)
    assert is_like(photo.rgb, upright)
    assert (photo.width, photo.height) == ((600, 800) if orientation >= 5 else (800, 600))
    across, down = upright.size
    assert photo.notes == (f"judged from the camera's {across} x {down} preview",)


def test_a_file_on_disk_is_read_at_its_head_only(camera, picture, ref, tmp_path):
    data = camera(size=(2400, 1800), quality=98)
    (tmp_path / "a.jpg").write_bytes(data)
    seen = read_preview(tmp_path / "a.jpg")
    assert is_like(seen.photo.rgb, inverted(picture, 160, 120))
    assert seen.bytes_read <= FIRST_WINDOW_BYTES < len(data) / 4
    assert np.array_equal(read(ref(tmp_path / "a.jpg"), mode="thumbnail")[0].rgb, seen.photo.rgb)


def test_large_segments_between_are_passed_over_unread(camera):
    data = camera()
    filler = b"\xff\xe1\xff\xff" + b"http://ns.adobe.com/xmp/extension/\0".ljust(65533, b"x")
    exif = data.index(b"Exif\0\0")
    at = exif - 2 + int.from_bytes(data[exif - 2 : exif], "big")
    seen = read_preview(data[:at] + 20 * filler + data[at:])
    assert isinstance(seen.photo, Photo)
    assert seen.bytes_read < 150_000


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_the_preview_of_a_picture_that_is_not_in_colour_is_not_used(camera, picture, mode):
    data = camera(image=picture(800, 600).convert(mode))
    assert np.array_equal(read(data, mode="thumbnail")[0].rgb, read(data)[0].rgb)


def test_pixels_in_memory_are_judged_as_they_are(picture):
    for source in (picture(), np.asarray(picture())):
        assert np.array_equal(read(source, mode="thumbnail")[0].rgb, read(source)[0].rgb)


# Previews that are of no use: the picture itself is decoded.


def fallback(data):
    """The notes of a photo that must have been decoded itself."""
    photo, capture = read(data, mode="thumbnail")
    plain, plain_capture = read(data)
    assert np.array_equal(photo.rgb, plain.rgb)
    assert capture == plain_capture
    return photo.notes[len(plain.notes) :]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_without_a_preview_the_picture_is_decoded_and_nothing_is_said(picture, encode, kind):
    assert fallback(encode(picture(400, 300), kind, exif=tags())) == ()


def test_a_tiny_preview_is_passed_over(camera):
    assert fallback(camera(small=(96, 72))) == ()
    assert fallback(camera(size=(960, 540), small=(128, 72))) == ()


@pytest.mark.parametrize("small", [(160, 160), (120, 160), (160, 90)])
def test_a_preview_of_another_shape_is_not_used(camera, small):
    assert fallback(camera(small=small)) == (OTHER_SHAPE,)


def test_a_preview_older_than_a_change_of_size_is_not_used(camera):
    stale = tags(**{f"x{STATED_WIDTH:x}": 4000, f"x{STATED_HEIGHT:x}": 3000})
    assert fallback(camera(exif=stale)) == (OTHER_SIZE,)
    right = tags(**{f"x{STATED_WIDTH:x}": 800, f"x{STATED_HEIGHT:x}": 600})
    assert read_preview(camera(exif=right)).photo is not None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: data[: len(data) // 2] + b"\xff\xd9",  # the rest is filled with grey
        lambda data: b"\0" * len(data),
        lambda data: data[:100] + b"\xff\xd9",
        lambda _: b"<dummy thumbnail>",
    ],
)
def test_a_damaged_preview_is_not_used(camera, picture, encode, damage):
    thumbnail = encode(inverted(picture, 160, 120))
    assert fallback(camera(thumbnail=damage(thumbnail))) == (DAMAGED,)


def test_a_preview_that_claims_to_be_huge_is_not_decoded(camera, encode):
    huge = bytearray(encode(Image.new("RGB", (160, 120))))
    at = huge.index(b"\xff\xc0") + 5
    huge[at : at + 4] = b"\xff\xff\xff\xff"
    assert fallback(camera(thumbnail=bytes(huge))) == (DAMAGED,)


def test_a_file_that_ends_in_its_head_or_soon_after_is_not_judged_by_its_preview(camera):
    data = camera(size=(2400, 1800))
    scan = data.rindex(b"\xff\xda")
    for end in (scan - 40, scan + 2, scan + 2000):
        assert isinstance(read(data[:end], mode="thumbnail")[0], Unreadable)


def test_a_picture_that_is_too_large_is_refused_in_every_mode(picture, monkeypatch):
    data = heic(picture(320, 192), thumbnails=[160])
    monkeypatch.setattr("iqa_cli.photos.decode.MAX_MEGAPIXELS", 0.05)
    assert read(data, mode="thumbnail") == read(data)
    assert "megapixels" in read(data, mode="thumbnail")[0].reason


def test_what_cannot_be_read_has_the_same_reason_in_every_mode(ref, tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("empty.jpg", "folder.jpg", "gone.jpg"):
        assert read(ref(tmp_path / name), mode="thumbnail") == read(ref(tmp_path / name))


@pytest.mark.parametrize("seed", range(30))
def test_mutated_heads_never_raise(camera, picture, seed):
    random_numbers = np.random.default_rng(seed)
    data = bytearray(camera() if seed % 2 else heic(picture(320, 192), thumbnails=[160]))
    for at in random_numbers.integers(0, 700, random_numbers.integers(1, 30)):
        data[at] = random_numbers.integers(256)
    seen = read_preview(bytes(data))
    assert seen.photo is None or min(seen.photo.rgb.shape[:2]) >= preview.MIN_SHORT_SIDE


# Bars.


def with_bars(image, size, colour):
    framed = Image.new("RGB", size, colour)
    framed.paste(image, ((size[0] - image.width) // 2, (size[1] - image.height) // 2))
    return framed


@pytest.mark.parametrize("colour", [(0, 0, 0), (90, 90, 90), (255, 255, 255)])
@pytest.mark.parametrize(
    ("size", "inside", "frame"),
    [((960, 540), (160, 90), (160, 120)), ((900, 600), (160, 107), (160, 120)), ((600, 800), (90, 120), (160, 120))],
)
def test_bars_are_cut_off(camera, picture, encode, size, inside, frame, colour):
    framed = with_bars(inverted(picture, *inside), frame, colour)
    seen = read_preview(camera(size=size, thumbnail=encode(framed, quality=85, subsampling=2)))
    rows, columns, _ = seen.photo.rgb.shape
    assert columns / rows == pytest.approx(size[0] / size[1], rel=0.06)
    top, left = (inside[1] - rows) // 2, (inside[0] - columns) // 2
    assert 0 <= top <= 4
    assert 0 <= left <= 4
    expected = inverted(picture, *inside).crop((left, top, left + columns, top + rows))
    assert is_like(seen.photo.rgb, expected, tolerance=6)
    assert "160 x 120" in seen.photo.notes[0]


def test_a_crop_is_not_taken_for_bars(camera, picture, encode):
    assert fallback(camera(size=(960, 540), thumbnail=encode(picture(160, 120)))) == (OTHER_SHAPE,)
    half = with_bars(picture(160, 105), (160, 120), (0, 0, 0))
    half.paste((200, 30, 30), (0, 0, 160, 15))  # coloured above: no bar
    assert fallback(camera(size=(960, 540), thumbnail=encode(half))) == (OTHER_SHAPE,)


def test_a_dark_sky_of_the_right_shape_is_left_alone(camera, picture, encode):
    night = inverted(picture, 160, 120)
    night.paste((0, 0, 0), (0, 0, 160, 50))
    seen = read_preview(camera(thumbnail=encode(night)))
    assert seen.photo.rgb.shape == (120, 160, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 10_000), (10_000, 1), (30_000, 90)])
def test_a_preview_that_would_be_bars_alone_is_not_used(width, height):
    assert without_bars(Image.new("RGB", (160, 120)), width, height) is None


# Colours.


def swapped_profile():
    """An sRGB profile in which red and blue have changed places."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = {bytes(profile[at : at + 4]): at for at in range(132, 132 + 12 * profile[131], 12)}
    red, blue = entries[b"rXYZ"], entries[b"bXYZ"]
    profile[red + 4 : red + 12], profile[blue + 4 : blue + 12] = (
        profile[blue + 4 : blue + 12],
        profile[red + 4 : red + 12],
    )
    return bytes(profile)


def test_the_profile_of_the_picture_counts_for_the_preview(camera, picture):
    photo, _ = read(camera(icc_profile=swapped_profile()), mode="thumbnail")
    red, green, blue = inverted(picture, 160, 120).split()
    assert is_like(photo.rgb, Image.merge("RGB", (blue, green, red)))


def test_a_profile_of_its_own_counts_first(camera, picture, encode):
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    thumbnail = encode(inverted(picture, 160, 120), icc_profile=srgb)
    photo, _ = read(camera(icc_profile=swapped_profile(), thumbnail=thumbnail), mode="thumbnail")
    assert is_like(photo.rgb, inverted(picture, 160, 120))


# Multi-picture files.


def multi_picture(first, kind, second, order="<"):
    """A JPEG with a multi-picture index that calls `second`, put at the end, a picture of a kind."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    size = 8 + 2 + 12 + 4 + 32
    at = len(first) + 8 + size - 10  # from the byte-order mark, which stands 10 bytes behind the file's start
    index = mark + struct.pack(f"{order}IHHHIII", 8, 1, 0xB002, 7, 32, 26, 0)
    index += struct.pack(f"{order}IIIHH", 0x20030000, at, 0, 0, 0) + struct.pack(
        f"{order}IIIHH", kind, len(second), at, 0, 0
    )
    assert len(index) == size
    return after_first_marker(first, 0xE2, b"MPF\0" + index) + second


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_vga_preview_of_a_multi_picture_file_comes_before_the_thumbnail(camera, picture, encode, order):
    large = ImageOps.mirror(picture(640, 480))
    data = multi_picture(camera(), VGA, encode(large), order)
    photo, _ = read(data, mode="thumbnail")
    assert is_like(photo.rgb, large.reduce(2))
    assert photo.notes == ("judged from the camera's 640 x 480 preview",)


@pytest.mark.parametrize("kind", [FULL_HD, SECOND_EYE, GAIN_MAP])
def test_a_second_picture_that_is_no_small_preview_is_not_taken(camera, picture, encode, kind):
    data = multi_picture(camera(), kind, encode(ImageOps.mirror(picture(640, 480))))
    assert is_like(read(data, mode="thumbnail")[0].rgb, inverted(picture, 160, 120))


def test_the_thumbnail_stands_in_for_a_vga_preview_that_is_gone(camera, picture, encode):
    data = multi_picture(camera(), VGA, encode(picture(640, 480)))
    cut = data[: data.rindex(b"\xff\xd8")]
    assert is_like(read(cut, mode="thumbnail")[0].rgb, inverted(picture, 160, 120))


@pytest.mark.parametrize("index", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"XX*\0" + bytes(60), b"MM\0*" + b"\xff" * 60])
def test_a_broken_index_lists_no_pictures(index):
    assert tiff.pictures(index) == []


# HEIC.


def heic(image, orientation=1, exif=None, **options):
    file = pillow_heif.from_bytes("RGB", image.size, image.tobytes())
    file[0].info["exif"] = tags(orientation).tobytes() if exif is None else exif
    buffer = io.BytesIO()
    file.save(buffer, quality=90, chroma=444, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_thumbnail_of_a_heic_file_is_turned_once(picture, orientation):
    data = heic(picture(512, 384), orientation, thumbnails=[256])
    seen = read_preview(data)
    whole, capture = read(data)
    small = Image.fromarray(whole.rgb).resize(seen.photo.rgb.shape[1::-1], Image.Resampling.BOX)
    assert max(seen.photo.rgb.shape) == 256
    assert is_like(seen.photo.rgb, small, tolerance=6)
    assert (seen.photo.width, seen.photo.height) == (whole.width, whole.height)
    assert seen.capture == capture
    assert seen.photo.notes[-1].startswith("judged from the camera's")


def test_the_thumbnail_in_the_exif_of_a_heic_file_will_do(picture, encode):
    exif = with_thumbnail(tags(), encode(inverted(picture, 160, 120)))
    assert is_like(read_preview(heic(picture(512, 384), exif=exif)).photo.rgb, inverted(picture, 160, 120))


def test_the_thumbnail_in_the_exif_of_an_avif_file_will_do(picture, encode):
    plain = Image.Exif()  # Pillow writes a block anew, without thumbnail, to move its orientation into a box
    plain[0x010F] = "Maker"
    exif = with_thumbnail(plain, encode(inverted(picture, 160, 120)))
    data = encode(picture(512, 384), "AVIF", exif=exif)
    photo, capture = read(data, mode="thumbnail")
    assert is_like(photo.rgb, inverted(picture, 160, 120))
    assert capture == read(data)[1]


def test_a_heic_file_without_thumbnail_is_decoded(picture):
    assert fallback(heic(picture(512, 384))) == ()


def test_a_heic_file_that_is_cut_is_unreadable_in_every_mode(picture):
    data = heic(picture(1024, 768), thumbnails=[256])
    cut = data[: isobmff.read_boxes(data).picture_end - 100]
    assert isinstance(read(cut, mode="thumbnail")[0], Unreadable)


def test_a_damaged_thumbnail_of_a_heic_file_is_not_used(picture):
    data = bytearray(heic(picture(1024, 768), thumbnails=[256]))
    ((first, last),) = isobmff.find_thumbnail(bytes(data)).spans
    data[first:last] = bytes(last - first)
    assert fallback(bytes(data)) == (DAMAGED,)


def test_a_small_heic_file_takes_a_limited_number_of_properties():
    with pytest.raises(ValueError, match="127"):
        heif_thumbnail.as_file([(b"free", b"")] * 128, b"")


# Windows.


def test_windows_read_each_part_once():
    data = bytes(np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8))
    file = Windows(io.BytesIO(data), len(data))
    for at, size in ((0, 64), (1000, 40_000), (150_000, 10), (150_005, 100), (199_990, 100), (300_000, 5)):
        assert file.read(at, size) == data[at : at + size]
    assert file.bytes_read < 60_000
