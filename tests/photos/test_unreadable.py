"""Files that are no good: one plain line each, never an exception."""

import io
import os
import random
import struct
import zlib
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image, JpegImagePlugin

from iqa_cli.photos import decode as decode_module
from iqa_cli.photos import read_photo
from iqa_cli.photos.decode import decode
from iqa_cli.records import Photo, Unreadable


def reason(source):
    result = decode(source)
    assert isinstance(result, Unreadable), result
    assert result.reason
    assert "\n" not in result.reason
    return result.reason


def heic(image):
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer)
    return buffer.getvalue()


@pytest.fixture
def at(tmp_path, ref):
    """at(bytes) -> reference to a file with these bytes."""

    def _at(data):
        path = tmp_path / "photo.jpg"
        path.write_bytes(data)
        return ref(path)

    return _at


def test_an_empty_file(at):
    assert reason(at(b"")) == "the file is empty (0 bytes)"
    assert reason(b"") == "the file is empty (0 bytes)"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"hello, this is a text file\n", "text"),
        (b"%PDF-1.7" + bytes(50), "PDF"),
        (b"\0\0\0\x18ftypisom" + bytes(50), "video"),
        (b"\0\x05\x16\x07" + bytes(50), "AppleDouble"),
        (bytes(4096), "zero bytes"),
        (b"\x93\x12\xfe\xdc" * 9, "starts with 93 12 fe dc"),
    ],
)
def test_what_is_not_a_photo_is_named(at, data, words):
    for source in (data, at(data)):
        text = reason(source)
        assert text.startswith("not a photo format that iqa reads")
        assert words in text


def test_a_folder(tmp_path, ref):
    assert "folder" in reason(ref(tmp_path))


def test_a_file_that_is_gone(tmp_path, ref):
    assert "not there" in reason(ref(tmp_path / "gone.jpg"))


def test_links_that_lead_nowhere(tmp_path, ref):
    (tmp_path / "a.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "b.jpg").symlink_to("b.jpg")
    assert "nowhere" in reason(ref(tmp_path / "a.jpg"))
    assert "back to itself" in reason(ref(tmp_path / "b.jpg"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_not_opened(tmp_path, ref):
    os.mkfifo(tmp_path / "pipe.jpg")
    assert reason(ref(tmp_path / "pipe.jpg")) == "not a regular file"


def test_a_file_that_may_not_be_read(at, picture, encode, monkeypatch):
    source = at(encode(picture()))

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert reason(source) == "permission denied"


def test_a_disk_error_is_told(at, picture, encode, monkeypatch):
    source = at(encode(picture()))

    def fail(*_args, **_kwargs):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", fail)
    assert reason(source) == "reading failed: Input/output error"


# Absurd sizes: refused by the header, before a decoder takes memory.


def jpeg_that_claims(data, width, height):
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def png_that_claims(data, width, height):
    header = b"IHDR" + struct.pack(">II", width, height) + data[24:29]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def boxes_that_claim(data, width, height):
    at = data.index(b"ispe") + 8
    return data[:at] + struct.pack(">II", width, height) + data[at + 8 :]


@pytest.fixture
def claims(picture, encode):
    """claims(kind, width, height) -> a small file whose header states that size."""

    def _claims(kind, width, height):
        if kind == "JPEG":
            return jpeg_that_claims(encode(picture()), width, height)
        if kind == "PNG":
            return png_that_claims(encode(picture(), "PNG"), width, height)
        return boxes_that_claim(heic(picture()) if kind == "HEIC" else encode(picture(), "AVIF"), width, height)

    return _claims


@pytest.mark.parametrize("kind", ["PNG", "HEIC", "AVIF"])
def test_a_claim_of_400_megapixels_is_refused_without_decoding(claims, kind, monkeypatch):
    def never(*_args, **_kwargs):
        raise AssertionError("a decoder was called")

    monkeypatch.setattr(decode_module.jpeg_decoder, "load", never)
    monkeypatch.setattr(pillow_heif, "open_heif", never)
    monkeypatch.setattr(decode_module, "_open_other", never)
    expected = "claims 20000 x 20000 = 400.0 megapixels; the limit is 300"
    assert reason(claims(kind, 20000, 20000)) == expected


def test_a_jpeg_that_claims_more_than_scaled_decoding_can_do_is_refused_without_decoding(claims, monkeypatch):
    monkeypatch.setattr(decode_module.jpeg_decoder, "load", lambda *_, **__: pytest.fail("a decoder was called"))
    assert "takes too much to decode (65000 x 65000 pixels" in reason(claims("JPEG", 65000, 65000))


def test_a_jpeg_panorama_above_the_limit_of_others_is_read(encode):
    wide = Image.linear_gradient("L").resize((60_000, 5_500), Image.Resampling.NEAREST)
    photo = decode(encode(wide, quality=30))
    assert (photo.width, photo.height) == (60_000, 5_500)


def test_a_claim_just_above_the_limit_does_not_seem_to_be_within_it(claims):
    assert "= 300.1 megapixels; the limit is 300" in reason(claims("PNG", 20000, 15001))


def test_a_claim_between_the_limits_of_pillow_and_ours_is_decoded(claims):
    # 190 megapixels: Image.open would raise DecompressionBombError. At 1/8 it costs nothing.
    assert "picture" in reason(claims("JPEG", 19000, 10000))


def test_a_lazily_opened_image_of_absurd_size_is_refused(claims):
    with JpegImagePlugin.JpegImageFile(io.BytesIO(claims("JPEG", 20000, 20000))) as image:
        assert "400.0 megapixels" in reason(image)


def test_thousands_of_scans_are_refused(picture, encode):
    data = encode(picture(), progressive=True)
    last_scan = data.rindex(b"\xff\xda")
    assert "limit is 500" in reason(data[:last_scan] + data[last_scan:-2] * 600 + b"\xff\xd9")


# Damage.


def test_a_jpeg_without_a_picture(picture, encode):
    data = encode(picture(), exif=_exif(make="Canon"))
    result, capture = read_photo(data[: data.index(b"\xff\xda")])
    assert result == Unreadable("cut off: the file ends before the picture begins")
    assert capture.make == "Canon"  # the settings are there all the same


def test_a_damaged_jpeg_header(picture, encode):
    data = encode(picture())
    assert reason(data.replace(b"\xff\xc0", b"\xff\xc7")).startswith("could not be decoded")
    at = data.index(b"\xff\xdb")
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    assert reason(data[:at] + data[at + 2 + length :]).startswith("could not be decoded")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "HEIC"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_other_formats_that_are_cut_are_unreadable(picture, encode, kind, share):
    data = heic(picture(400, 300)) if kind == "HEIC" else encode(picture(400, 300), kind)
    assert reason(data[: int(len(data) * share)]).startswith("cut off:")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "HEIC"])
def test_what_follows_the_picture_does_no_harm(picture, encode, kind):
    data = heic(picture()) if kind == "HEIC" else encode(picture(), kind)
    assert isinstance(decode(data + b"trailing bytes, as of a motion photo" * 50), Photo)


@pytest.mark.parametrize("block", [b"Exif\0\0garbage", b"Exif\0\0II*\0" + b"\xff" * 60, b"Exif\0\0MM\0*\0\0\0\x08"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_damaged_exif_block_costs_a_note_not_the_photo(picture, encode, kind, block):
    result, capture = read_photo(encode(picture(), kind, exif=block))
    assert isinstance(result, Photo)
    assert any("EXIF" in note for note in result.notes)
    assert (capture.make, capture.orientation) == (None, None)


def test_a_damaged_exif_block_in_avif_costs_a_note_not_the_photo(picture, encode):
    data = encode(picture(), "AVIF", exif=_exif(make="Canon"))
    damaged = data.replace(b"MM\0*\0\0\0\x08", b"XX\0*\0\0\0\x08")
    assert damaged != data
    result, _ = read_photo(damaged)
    assert isinstance(result, Photo)
    assert any("EXIF" in note for note in result.notes)


def test_our_own_mistake_is_logged_with_its_traceback(picture, encode, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("a bug\nof ours")

    monkeypatch.setattr(decode_module, "finish", broken)
    with caplog.at_level("DEBUG", logger="iqa_cli.photos"):
        assert reason(encode(picture())) == "could not be decoded (ZeroDivisionError: a bug of ours)"
    assert any(record.exc_info for record in caplog.records)


def test_running_out_of_memory_is_one_unreadable_photo(picture, encode, monkeypatch):
    def hungry(*_args, **_kwargs):
        raise MemoryError

    monkeypatch.setattr(decode_module.jpeg_decoder, "load", hungry)
    assert reason(encode(picture())) == "not enough memory to decode it"


def test_being_interrupted_is_not_swallowed(picture, encode, monkeypatch):
    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(decode_module.jpeg_decoder, "load", interrupt)
    with pytest.raises(KeyboardInterrupt):
        decode(encode(picture()))


@pytest.mark.parametrize("kind", ["JPEG", "progressive", "PNG", "WEBP", "AVIF", "HEIC"])
def test_mutated_files_never_raise(picture, encode, kind):
    image = picture(120, 90)
    options = {"exif": _exif(make="Canon")}
    if kind == "HEIC":
        original = heic(image)
    elif kind == "progressive":
        original = encode(image, "JPEG", progressive=True, **options)
    else:
        original = encode(image, kind, **options)
    random_numbers = random.Random(f"photos {kind}")  # noqa: S311 - mutations, not secrets
    kinds = set()
    for _ in range(100):
        data = bytearray(original)
        for _ in range(random_numbers.choice((1, 3, 30))):
            at = random_numbers.randrange(len(data) if random_numbers.random() < 0.5 else min(700, len(data)))
            change = random_numbers.randrange(3)
            if change == 0:
                data[at] = random_numbers.randrange(256)
            elif change == 1:
                del data[at : at + random_numbers.randrange(1, 20)]
            else:
                data[at:at] = random_numbers.randbytes(random_numbers.randrange(1, 20))
        result, _ = read_photo(bytes(data))
        kinds.add(type(result))
    assert Unreadable in kinds
    if kind != "PNG":  # its checksums find every mutation
        assert Photo in kinds


def _exif(make):
    block = Image.Exif()
    block[0x010F] = make
    return block
