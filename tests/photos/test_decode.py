"""Good pictures of every kind: what comes out is known, because it was drawn."""

import contextlib
import io
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from iqa_cli.photos import decode as decode_module
from iqa_cli.photos import read_photo
from iqa_cli.photos.decode import decode
from iqa_cli.photos.pixels import WORKING_LONG_SIDE
from iqa_cli.records import Photo

# What a camera held the other way stored: for EXIF orientation k, the upright picture with this applied.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def luma(rgb):
    return float((rgb @ np.array([0.2126, 0.7152, 0.0722])).mean())


def photo(source, **options) -> Photo:
    result = decode(source, **options)
    assert isinstance(result, Photo), result
    return result


def close(rgb, image, tolerance=3.0):
    """Mean absolute difference to a drawn RGB picture, in units of 255."""
    return np.abs(rgb.astype(float) - np.asarray(image.convert("RGB"), dtype=float)).mean() <= tolerance


def exif(**tags):
    block = Image.Exif()
    block[0x0112] = tags["orientation"]
    return block


def heic(stored, orientation=1):
    """A HEIC file that holds these pixels and says how to turn them, in the container and in EXIF."""
    file = pillow_heif.from_bytes("RGB", stored.size, stored.tobytes())
    file[0].info["exif"] = exif(orientation=orientation).tobytes()
    buffer = io.BytesIO()
    file.save(buffer, quality=95, chroma=444)
    return buffer.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_exif_orientation_gives_the_same_upright_picture(picture, encode, kind, orientation):
    upright = picture()
    stored = upright.transpose(STORED[orientation]) if orientation > 1 else upright
    options = {"lossless": True} if kind == "WEBP" else {}
    result, capture = read_photo(encode(stored, kind, exif=exif(orientation=orientation), **options))
    assert (result.width, result.height) == upright.size
    assert close(result.rgb, upright)
    assert capture.orientation == orientation
    assert (capture.image_width, capture.image_height) == stored.size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_avif_rotation_is_applied_once(picture, encode, orientation):
    upright = picture()
    stored = upright.transpose(STORED[orientation]) if orientation > 1 else upright
    data = encode(stored, "AVIF", quality=95, exif=exif(orientation=orientation))
    result, capture = read_photo(data)
    assert (result.width, result.height) == upright.size
    assert close(result.rgb, upright, tolerance=6)
    assert (capture.image_width, capture.image_height) == stored.size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_heic_rotation_is_applied_once(picture, orientation):
    upright = picture()
    stored = upright.transpose(STORED[orientation]) if orientation > 1 else upright
    result, capture = read_photo(heic(stored, orientation))
    assert (result.width, result.height) == upright.size
    assert close(result.rgb, upright, tolerance=6)
    assert capture.orientation == orientation
    assert (capture.image_width, capture.image_height) == stored.size


def test_an_orientation_out_of_range_is_ignored(picture, encode):
    result, capture = read_photo(encode(picture(), exif=exif(orientation=0)))
    assert close(result.rgb, picture())
    assert capture.orientation is None


def test_the_suffix_does_not_matter(picture, encode, ref, tmp_path):
    path = tmp_path / "really_a_png.jpg"
    path.write_bytes(encode(picture(), "PNG"))
    assert close(photo(ref(path)).rgb, picture(), tolerance=0)


def test_a_small_picture_is_not_enlarged(picture, encode):
    assert photo(encode(picture(40, 30), "PNG")).rgb.shape == (30, 40, 3)


def test_one_pixel_is_a_photo(encode):
    result = photo(encode(Image.new("RGB", (1, 1), (10, 20, 30)), "PNG"))
    assert result.rgb.tolist() == [[[10, 20, 30]]]


@pytest.mark.parametrize(("width", "height"), [(3000, 2000), (900, 1400), (4000, 10), (513, 512), (5000, 1)])
@pytest.mark.parametrize("mode", ["scaled", "full"])
def test_the_working_picture_is_at_most_512_long_and_keeps_its_shape(picture, encode, mode, width, height):
    result = photo(encode(picture(width, height)), mode=mode)
    rows, columns, _ = result.rgb.shape
    assert max(rows, columns) <= WORKING_LONG_SIDE
    assert max(rows, columns) >= 384
    assert (result.width, result.height) == (width, height)
    assert rows == pytest.approx(height * columns / width, abs=1)


def test_scaled_and_full_decoding_agree_in_mean_luma(picture, encode):
    noisy = np.asarray(picture(2400, 1600)).astype(int) + np.random.default_rng(1).integers(-60, 60, (1600, 2400, 1))
    data = encode(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), quality=90, subsampling=2)
    scaled, full = photo(data, mode="scaled"), photo(data, mode="full")
    assert luma(scaled.rgb) == pytest.approx(luma(full.rgb), abs=0.5)


def test_shrinking_keeps_mean_tone(picture):
    array = np.asarray(picture(1999, 1333))
    assert luma(photo(array).rgb) == pytest.approx(luma(array), abs=0.6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_brightening_never_lowers_luma(picture, encode, kind):
    values = np.asarray(picture()).astype(int)
    steps = [Image.fromarray((values + add).clip(0, 255).astype(np.uint8)) for add in (0, 10, 40, 120, 255)]
    lumas = [luma(photo(encode(step, kind)).rgb) for step in steps]
    assert lumas == sorted(lumas)
    assert lumas[-1] == pytest.approx(255, abs=1)


def test_the_first_picture_of_a_multi_picture_file_is_judged(picture, encode):
    data = encode(picture(), "MPO", save_all=True, append_images=[Image.new("RGB", (96, 64), (0, 0, 0))], quality=95)
    assert close(photo(data).rgb, picture())


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF"])
def test_the_first_frame_of_an_animation_is_judged_and_noted(picture, encode, kind):
    data = encode(picture(), kind, save_all=True, append_images=[Image.new("RGB", (96, 64), (0, 0, 255))])
    result = photo(data)
    assert close(result.rgb, picture(), tolerance=6)
    assert any("first frame" in note for note in result.notes)


def test_cmyk_without_a_profile_is_not_inverted(picture, encode):
    assert close(photo(encode(picture().convert("CMYK"))).rgb, picture(), tolerance=4)


def test_grey_jpeg(picture, encode):
    grey = picture().convert("L")
    assert close(photo(encode(grey)).rgb, grey)


def test_progressive_jpeg(picture, encode):
    assert close(photo(encode(picture(), progressive=True)).rgb, picture())


def test_sixteen_bit_grey_is_scaled_not_clipped(encode):
    ramp = np.tile(np.linspace(0, 65535, 100).astype(np.uint16), (20, 1))
    result = photo(encode(Image.fromarray(ramp), "PNG"))
    assert np.abs(result.rgb[0, :, 0].astype(float) - ramp[0] / 257).max() <= 0.51


def test_sixteen_bit_colour_png():
    result = photo(_png_rgb16(50, 30, (40000, 20000, 65535)))
    assert np.abs(result.rgb.astype(int) - [156, 78, 255]).max() <= 1


def test_large_sixteen_bit_grey_keeps_its_mean_tone(encode):
    ramp = np.tile(np.linspace(0, 65535, 1400).astype(np.uint16), (900, 1))
    result = photo(encode(Image.fromarray(ramp), "PNG"))
    assert result.rgb.shape[1] == WORKING_LONG_SIDE
    assert result.rgb.mean() == pytest.approx(127.5, abs=0.3)
    assert np.abs(np.diff(result.rgb[0, :, 0].astype(int)) - 0.5).max() <= 0.5  # an even ramp, nothing clipped


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_large_transparent_pictures_keep_their_tone_and_their_holes(picture, encode, mode):
    image = picture(1400, 900).convert(mode)
    image.putalpha(Image.new("L", image.size, 255))
    image.paste((0,) * len(mode), (0, 450, 1400, 900))
    result = photo(encode(image, "PNG"))
    whole = photo(picture(1400, 900).convert(mode[:-1]))
    half = result.rgb.shape[0] // 2
    assert np.abs(result.rgb[: half - 2].astype(int) - whole.rgb[: half - 2]).mean() < 1
    assert result.rgb[half + 2 :].min() == 255
    assert result.notes == ("transparent areas are shown on white",)


@pytest.mark.parametrize(
    ("kind", "options", "at_once"),
    [("PNG", {}, 1), ("JPEG", {"progressive": True}, 1), ("JPEG", {}, 2)],
)
def test_only_one_picture_that_fills_the_memory_is_decoded_at_a_time(
    picture, encode, monkeypatch, kind, options, at_once
):
    monkeypatch.setattr(decode_module, "LARGE_MEGAPIXELS", 0)
    inside, most = 0, 0
    lock, both = threading.Lock(), threading.Barrier(2)
    finish = decode_module.finish

    def count(*arguments, **keywords):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(30 if at_once == 2 else 0.2)  # the other comes, if it may
        with lock:
            inside -= 1
        return finish(*arguments, **keywords)

    monkeypatch.setattr(decode_module, "finish", count)
    data = encode(picture(), kind, **options)
    with ThreadPoolExecutor(2) as pool:
        assert all(isinstance(result, Photo) for result in pool.map(decode, [data, data]))
    assert most == at_once


@pytest.mark.parametrize("mode", ["P", "1", "LA", "RGBA", "L"])
def test_png_modes(picture, encode, mode):
    image = picture().convert(mode)
    result = photo(encode(image, "PNG"))
    assert close(result.rgb, image.convert("RGB"), tolerance=0.5)
    assert result.notes == ()


def test_a_transparent_palette_is_shown_on_white(encode):
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 200, 100, 50])
    image.paste(0, (0, 0, 4, 8))
    result = photo(encode(image, "PNG", transparency=0))
    assert result.rgb[0, 0].tolist() == [255, 255, 255]
    assert result.rgb[0, 7].tolist() == [200, 100, 50]
    assert any("white" in note for note in result.notes)


def test_half_transparent_black_is_middle_grey(encode):
    result = photo(encode(Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "PNG"))
    assert np.abs(result.rgb.astype(int) - 127).max() <= 1


# Colour profiles.

P3_PRIMARIES = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
SRGB_PRIMARIES = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
D65 = np.array([0.95047, 1.0, 1.08883])


def _to_xyz(primaries):
    columns = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in primaries]).T
    return columns * np.linalg.solve(columns, D65)


def _profile(primaries, gamma):
    """A version 2 matrix profile with a pure power curve, its colorants adapted to D50 (Bradford)."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    d50 = np.array([0.96422, 1.0, 0.82521])
    adapt = np.linalg.solve(bradford, np.diag((bradford @ d50) / (bradford @ D65)) @ bradford)

    def xyz(values):
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))
    colorants = (adapt @ _to_xyz(primaries)).T
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(79),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
    }
    tags |= {b"wtpt": xyz(d50)} | {name: xyz(c) for name, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), colorants, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += name + struct.pack(">II", start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = struct.pack(">I4xI4s4s4s12x4s", start + len(body), 0x02100000, b"mntr", b"RGB ", b"XYZ ", b"acsp")
    return header.ljust(68, b"\0") + struct.pack(">3i", 63190, 65536, 54061) + bytes(48) + table + body


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_wide_gamut_profile_is_converted_to_srgb(encode, kind):
    stored = np.array([200, 120, 90])
    data = encode(Image.new("RGB", (32, 32), tuple(stored)), kind, icc_profile=_profile(P3_PRIMARIES, 2.2), quality=98)
    linear = np.linalg.solve(_to_xyz(SRGB_PRIMARIES), _to_xyz(P3_PRIMARIES) @ (stored / 255) ** 2.2)
    expected = 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    result = photo(data)
    assert np.abs(expected - stored).max() > 8  # the profile matters
    assert np.abs(result.rgb.reshape(-1, 3).mean(axis=0) - expected).max() <= 3
    assert result.notes == ()


def test_an_srgb_profile_changes_nothing(picture, encode):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    with_profile, without = encode(picture(), icc_profile=profile), encode(picture())
    difference = photo(with_profile).rgb.astype(int) - photo(without).rgb.astype(int)
    assert np.abs(difference).max() <= 1


def test_a_profile_that_differs_from_srgb_in_the_shadows_alone_is_converted(encode):
    data = encode(Image.new("RGB", (32, 32), (20, 20, 20)), "PNG", icc_profile=_profile(SRGB_PRIMARIES, 2.2))
    linear = (20 / 255) ** 2.2
    assert photo(data).rgb.mean() == pytest.approx(255 * (1.055 * linear ** (1 / 2.4) - 0.055), abs=1)
    assert photo(data).rgb.mean() < 18


@pytest.mark.parametrize("profile", [b"broken", bytes(300), _profile(P3_PRIMARIES, 2.2)[:200]])
def test_a_broken_profile_costs_a_note_not_the_photo(picture, encode, profile):
    result = photo(encode(picture(), icc_profile=profile))
    assert close(result.rgb, picture())
    assert any("colour profile" in note for note in result.notes)


def test_a_profile_of_another_kind_of_picture_costs_a_note(picture, encode):
    result = photo(encode(picture().convert("L"), icc_profile=_profile(P3_PRIMARIES, 2.2)))
    assert close(result.rgb, picture().convert("L"))
    assert any("colour profile" in note for note in result.notes)


# Photos from memory.


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "LA", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_pil_images_of_any_mode(picture, mode):
    image = picture().convert(mode)
    before = image.tobytes()
    assert close(photo(image).rgb, image, tolerance=2)
    assert image.tobytes() == before


def test_pil_image_in_mode_i_is_sixteen_bit_grey():
    assert photo(Image.new("I", (4, 4), 65535)).rgb.min() == 255
    assert photo(Image.new("I", (4, 4), 32896)).rgb.min() == 128


def test_the_orientation_of_a_pil_image_is_applied(picture):
    image = picture().transpose(STORED[6])
    image.getexif()[0x0112] = 6
    result, capture = read_photo(image)
    assert close(result.rgb, picture(), tolerance=0)
    assert capture.orientation == 6


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("is_loaded", [False, True])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiff_that_pillow_opened_is_turned_once(picture, encode, orientation, is_loaded, compression):
    upright = picture()
    stored = upright.transpose(STORED[orientation]) if orientation > 1 else upright
    data = encode(stored, "TIFF", exif=exif(orientation=orientation), compression=compression)
    with Image.open(io.BytesIO(data)) as image:
        if is_loaded:
            image.load()
        result = photo(image)
    assert (result.width, result.height) == upright.size
    assert close(result.rgb, upright, tolerance=0)


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def xmp_options(kind):
    if kind != "PNG":
        return {"xmp": XMP, "quality": 95}
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return {"pnginfo": text}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_an_orientation_in_xmp_alone_turns_neither_file_nor_image(picture, encode, kind):
    data = encode(picture(), kind, **xmp_options(kind))
    assert b"tiff:Orientation" in data
    with Image.open(io.BytesIO(data)) as image:
        assert image.getexif()[0x0112] == 6  # what Pillow makes of it
        for source in (data, image):
            assert (photo(source).width, photo(source).height) == picture().size


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_orientation_in_exif_counts_beside_one_in_xmp(picture, encode, kind):
    stored = picture().transpose(STORED[6])
    data = encode(stored, kind, exif=exif(orientation=6), **xmp_options(kind))
    with Image.open(io.BytesIO(data)) as image:
        for source in (data, image):
            assert (photo(source).width, photo(source).height) == picture().size


def test_an_image_that_pillow_opened_is_judged_like_its_file(picture, encode):
    data = encode(picture().transpose(STORED[8]), exif=exif(orientation=8))
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(photo(image).rgb, photo(data).rgb)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", ">u2", "float32", "float64"])
def test_arrays_of_every_accepted_type_agree(picture, dtype):
    values = np.asarray(picture())
    factor = {"uint8": 1, "uint16": 257, ">u2": 257}.get(dtype, 1 / 255)
    assert np.array_equal(photo((values * np.float64(factor)).round(9).astype(dtype)).rgb, values)


def test_grey_and_rgba_arrays():
    grey = np.full((5, 7), 77, np.uint8)
    assert photo(grey).rgb.tolist() == [[[77, 77, 77]] * 7] * 5
    clear = np.zeros((5, 7, 4), np.uint8)
    assert photo(clear).rgb.min() == 255


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4,), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((4, 4), np.int32),
        np.zeros((4, 4), bool),
        np.full((4, 4), 1.5),
        np.full((4, 4), -0.1),
        np.full((4, 4), np.nan),
    ],
)
def test_a_wrong_array_is_the_callers_mistake(array):
    with pytest.raises(ValueError, match=r"expected .* got"):
        decode(array)


@pytest.mark.parametrize("source", [None, "photo.jpg", 3, [1, 2]])
def test_a_wrong_type_is_the_callers_mistake(source):
    with pytest.raises(TypeError, match="expected"):
        decode(source)


def test_a_wrong_mode_is_the_callers_mistake(picture):
    with pytest.raises(ValueError, match="scaled"):
        decode(picture(), mode="quick")


def test_threads_side_by_side_give_the_same_pictures(picture, encode):
    files = [encode(picture(300 + 10 * n, 200), kind) for n in range(4) for kind in ("JPEG", "PNG", "WEBP")] * 3
    alone = [photo(data).rgb for data in files]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda data: photo(data).rgb, files))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_no_global_of_pillow_is_touched(picture, encode):
    from PIL import ImageFile

    def globals_of_pillow():
        return Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, sorted(Image.OPEN), sorted(Image.EXTENSION)

    # Encoding registers Pillow's own plug-ins, so it comes first.
    files = [encode(picture(), kind) for kind in ("JPEG", "PNG", "WEBP", "AVIF")]
    files += [files[0][:-300], heic(picture())]
    before = globals_of_pillow()
    for data in files:
        decode(data)
    assert globals_of_pillow() == before
    assert "HEIF" not in before[2]


def _png_rgb16(width, height, colour):
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = (b"\0" + struct.pack(">3H", *colour) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
