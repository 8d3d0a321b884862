"""PQ and HLG from the file to the report, in every container; the photograph is the same, so the picture must be."""

from __future__ import annotations

import csv
import io
import struct
import sys
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from iqa_cli.cli.app import main
from iqa_cli.photos import isobmff
from iqa_cli.photos.decode import decode, read_photo
from iqa_cli.photos.headers import read_header
from iqa_cli.photos.pixels import hdr_note
from iqa_cli.photos.rendition import nits_to_pq, scene_to_hlg, srgb_to_light, to_srgb_matrix
from iqa_cli.records import Photo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PQ, HLG, LINEAR, DCI, UNKNOWN = 16, 18, 8, 17, 99
BT709, BT2020, P3 = 1, 9, 12
CURVES = {PQ: "PQ", HLG: "HLG"}


def signal_of(image: Image.Image, transfer: int, primaries: int = BT2020, white: float = 1.0) -> np.ndarray:
    """The picture with its white at `white` times reference white, (H, W, 3) in 0..1."""
    light = white * srgb_to_light(np.asarray(image) / 255) @ np.linalg.inv(to_srgb_matrix(primaries)).T
    light = light.clip(0)
    if transfer == PQ:
        return nits_to_pq(light * 203)
    return scene_to_hlg(light * 0.2649626) if transfer == HLG else light.clip(0, 1)


def heic(signal: np.ndarray, transfer: int, primaries: int = BT2020, matrix: int = 9, thumbnail: int = 0) -> bytes:
    sixteen = np.rint(signal * 65535).astype("<u2")
    file = io.BytesIO()
    made = pillow_heif.from_bytes(mode="RGB;16", size=signal.shape[1::-1], data=sixteen.tobytes())
    if thumbnail:
        made[0].info["thumbnails"] = [thumbnail]
    made.save(
        file,
        quality=95,
        chroma=444,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=matrix,
        full_range_flag=1,
    )
    return file.getvalue()


def png(
    signal: np.ndarray, transfer: int, primaries: int = BT2020, *, depth: int = 16, full: int = 1, profile: bytes = b""
) -> bytes:
    """A PNG file with a `cICP` chunk; (H, W) is grey, (H, W, 3) colours, (H, W, 4) with opacity."""
    low, white = ((0, 255) if full else (16, 219)) if depth == 8 else ((0, 65535) if full else (16 * 256, 219 * 256))
    kind = {2: 0, 3: 2, 4: 6}[signal.ndim if signal.ndim == 2 else signal.shape[2]]
    samples = np.rint(low + white * signal).astype(f">u{depth // 8}")
    rows = b"".join(b"\0" + row.tobytes() for row in samples)
    body = {b"IHDR": struct.pack(">IIBBBBB", *signal.shape[1::-1], depth, kind, 0, 0, 0)}
    body[b"cICP"] = bytes((primaries, transfer, 0, full))
    if profile:
        body[b"iCCP"] = b"a\0\0" + zlib.compress(profile)
    body |= {b"IDAT": zlib.compress(rows), b"IEND": b""}
    chunks = (struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
              for name, data in body.items())  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def avif(signal: np.ndarray, transfer: int, primaries: int = BT2020) -> bytes:
    """Pillow states sRGB; the numbers in the `nclx` box are changed."""
    file = io.BytesIO()
    image = Image.fromarray(np.rint(255 * signal).astype(np.uint8))
    image.save(file, "AVIF", quality=95, subsampling="4:4:4")
    data = file.getvalue()
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def profile_saying(*numbers: int) -> bytes:
    """An sRGB profile whose copyright was overwritten with a `cicp` tag."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entry = next(at for at in range(132, len(profile), 12) if profile[at : at + 4] == b"cprt")
    at = int.from_bytes(profile[entry + 4 : entry + 8], "big")
    profile[entry : entry + 4] = b"cicp"
    profile[at : at + 12] = b"cicp\0\0\0\0" + bytes(numbers)
    return bytes(profile)


CONTAINERS: dict[str, tuple[Callable[..., bytes], float]] = {
    # By how much of 255 the picture may be off on average: the codec's loss, and steps of 8 bit (Pillow reads no more),
    # which are coarse in the dark channel of a strong colour.
    "heic": (heic, 1.6),
    "png": (png, 1.2),
    "png of 8 bit": (lambda signal, *numbers: png(signal, *numbers, depth=8), 1.2),
    "png of narrow range": (lambda signal, *numbers: png(signal, *numbers, full=0), 1.4),
    "avif": (avif, 4.0),
}


@pytest.mark.parametrize("transfer", [PQ, HLG])
@pytest.mark.parametrize("container", CONTAINERS)
def test_a_photograph_looks_as_it_does_in_sdr(picture, container: str, transfer: int) -> None:
    image = picture(320, 240)
    write, tolerance = CONTAINERS[container]
    photo = decode(write(signal_of(image, transfer), transfer))
    assert isinstance(photo, Photo)
    off = photo.rgb.astype(int) - np.asarray(image)
    assert np.abs(off).mean() < tolerance
    assert abs(float(off.mean(axis=(0, 1)) @ (0.2126, 0.7152, 0.0722))) < 0.5
    assert photo.notes == (hdr_note(CURVES[transfer]),)
    assert photo.unclear is None


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_averaging_is_that_of_an_sdr_picture(picture, encode, transfer: int) -> None:
    image = picture(2000, 1504)
    rgb = np.asarray(image).copy()
    rgb[::2] //= 3  # fine stripes: averaging PQ values would darken them
    striped = Image.fromarray(rgb)
    photo, plain = decode(png(signal_of(striped, transfer), transfer)), decode(encode(striped, "PNG"))
    assert photo.rgb.shape == plain.rgb.shape
    off = photo.rgb.astype(int) - plain.rgb
    assert np.abs(off).mean() <= 0.8
    assert abs(off.mean()) < 0.3


@pytest.mark.parametrize(
    ("container", "transfer"),
    [("heic", DCI), ("png", DCI), ("avif", DCI), ("png", UNKNOWN), ("avif", UNKNOWN), ("png", 3)],  # libheif knows them
)
def test_an_unknown_curve_is_judged_and_not_trusted(picture, container: str, transfer: int) -> None:
    photo = decode(CONTAINERS[container][0](signal_of(picture(), PQ), transfer))
    assert photo.unclear == "coding"
    assert f"transfer {transfer}" in photo.notes[0]
    assert "cannot be converted" in photo.notes[0]


def test_constant_luminance_is_not_trusted(picture) -> None:
    data = heic(signal_of(picture(), PQ), PQ)
    at = data.index(b"colrnclx") + 12
    assert decode(data[:at] + b"\0\x0a" + data[at + 2 :]).unclear == "coding"


def test_linear_light_is_converted_without_roll_off(picture) -> None:
    image = picture()
    photo = decode(png(signal_of(image, LINEAR, BT709), LINEAR, BT709))
    assert np.abs(photo.rgb.astype(int) - np.asarray(image)).max() <= 12  # Pillow keeps 8 bit: dark tones are coarse
    assert photo.notes == ()


@pytest.mark.parametrize("transfer", [1, 6, 13])
def test_curves_of_sdr_in_primaries_of_srgb_change_nothing(picture, transfer: int) -> None:
    image = picture()
    assert np.array_equal(decode(png(np.asarray(image) / 255, transfer, 1, depth=8)).rgb, np.asarray(image))


def test_p3_that_is_stated_by_numbers_is_converted(picture) -> None:
    image = picture()
    light = srgb_to_light(np.asarray(image) / 255) @ np.linalg.inv(to_srgb_matrix(P3)).T
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clip(0) ** (1 / 2.4) - 0.055)
    for data in (png(coded.clip(0, 1), 13, P3, depth=8), avif(coded.clip(0, 1), 13, P3)):
        photo = decode(data)
        assert np.abs(photo.rgb.astype(int) - np.asarray(image)).mean() < 2
        assert photo.notes == ()


def test_the_chunk_counts_before_the_profile(picture) -> None:
    image = picture()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = png(signal_of(image, PQ), PQ, profile=profile)
    assert np.array_equal(decode(data).rgb, decode(png(signal_of(image, PQ), PQ)).rgb)


def test_a_profile_with_code_points_counts(picture, encode) -> None:
    image = picture(320, 240)
    coded = Image.fromarray(np.rint(255 * signal_of(image, PQ)).astype(np.uint8))
    profile = profile_saying(BT2020, PQ, 0, 1)
    for data in (encode(coded, icc_profile=profile), encode(coded, "PNG", icc_profile=profile)):
        photo = decode(data)
        assert np.abs(photo.rgb.astype(int) - np.asarray(image)).mean() < 3
        assert photo.notes == (hdr_note("PQ"),)
    unknown = decode(encode(coded, icc_profile=profile_saying(10, PQ, 0, 1)))
    assert unknown.unclear == "coding"


def test_opacity_and_grey_are_kept(picture) -> None:
    image = picture().convert("L").convert("RGB")
    grey = signal_of(image, PQ)
    assert np.abs(decode(png(grey[..., 0], PQ)).rgb.astype(int) - np.asarray(image)).max() <= 2
    opaque = np.ones((*grey.shape[:2], 1))
    opaque[:20] = 0
    photo = decode(png(np.concatenate([grey, opaque], axis=2), PQ))
    assert (photo.rgb[:16] == 255).all() or photo.rgb.shape[0] < grey.shape[0]  # white, perhaps cut off as a margin
    assert "transparent areas are shown on white" in photo.notes


def test_highlights_above_white_are_rolled_off(picture) -> None:
    """A lamp four times as bright as paper: the rest keeps its tone, and the lamp is not all there is of white."""
    image = picture(320, 240)
    signal = signal_of(image, PQ)
    signal[20:60, 200:260] = nits_to_pq(np.array(812.0))
    photo = decode(png(signal, PQ))
    assert photo.rgb[40, 230].tolist() == [255, 255, 255]
    diffuse = np.asarray(image)[100:]
    dim = diffuse.max(axis=2) < 160
    assert np.abs(photo.rgb[100:].astype(int) - diffuse)[dim].mean() <= 1


def test_the_thumbnail_of_an_hdr_picture_is_converted_too(picture) -> None:
    image = picture(640, 480)
    photo, _ = read_photo(heic(signal_of(image, PQ), PQ, thumbnail=160), mode="thumbnail")
    assert photo.notes == (hdr_note("PQ"), "judged from the camera's 160 x 120 preview")
    small = np.asarray(image.resize((160, 120), Image.Resampling.BOX)).astype(int)
    assert np.abs(photo.rgb - small).mean() < 6


@pytest.mark.parametrize("written", [heic, png])
def test_a_model_that_asks_for_more_gets_a_standard_rendition_too(picture, written) -> None:
    image = picture(900, 500)
    photo, _ = read_photo(written(signal_of(image, PQ), PQ), side=448)
    assert photo.large.shape == (448, 806, 3)
    assert photo.rgb.shape == (285, 512, 3)
    for rgb in (photo.large, photo.rgb):
        same = np.asarray(image.resize(rgb.shape[1::-1], Image.Resampling.BOX)).astype(int)
        assert np.abs(rgb - same).mean() < 6


def test_a_grid_that_says_nothing_is_coded_as_its_parts() -> None:
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(body), kind) + body

    def full(kind: bytes, body: bytes) -> bytes:
        return box(kind, bytes(4) + body)

    properties = box(b"ispe", struct.pack(">III", 0, 100, 100)) + box(b"colr", b"nclx\0\x09\0\x12\0\x09\x80")
    linked = struct.pack(">IHBBHBB", 2, 1, 1, 1, 2, 1, 2)
    meta = full(
        b"meta",
        full(b"pitm", struct.pack(">H", 1))
        + full(b"iref", box(b"dimg", struct.pack(">HHHH", 1, 2, 2, 3)))
        + box(b"iprp", box(b"ipco", properties) + full(b"ipma", linked)),
    )
    boxes = isobmff.read_boxes(box(b"ftyp", b"heic\0\0\0\0mif1heic") + meta)
    assert boxes.coding is not None
    assert (boxes.coding.hdr_curve, boxes.width) == ("HLG", 100)


def test_a_chunk_that_was_cut_says_nothing(picture) -> None:
    data = png(signal_of(picture(), PQ), PQ)
    at = data.index(b"cICP")
    short = data[: at - 4] + struct.pack(">I", 2) + data[at : at + 6] + struct.pack(">I", zlib.crc32(data[at : at + 6]))
    assert read_header("png", short + data[at + 12 :]).coding is None


def test_a_picture_opened_by_pillow_heif_is_converted(picture) -> None:
    image = picture(320, 240)
    opened = pillow_heif.open_heif(heic(signal_of(image, PQ), PQ)).to_pillow()
    photo = decode(opened)
    assert np.abs(photo.rgb.astype(int) - np.asarray(image)).mean() < 3
    assert photo.notes == (hdr_note("PQ"),)


def test_the_report_says_how_it_was_judged(
    picture, tmp_path: Path, checkpoint_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One photograph in seven files: one mean tone, one level, and doubt only where nothing could be converted."""
    image = picture(320, 240)
    image.save(tmp_path / "0.png")
    for name, (write, _) in {
        "1.heic": CONTAINERS["heic"],
        "2.png": CONTAINERS["png"],
        "3.avif": CONTAINERS["avif"],
    }.items():
        (tmp_path / name).write_bytes(write(signal_of(image, PQ), PQ))
    (tmp_path / "4.heic").write_bytes(heic(signal_of(image, HLG), HLG))
    (tmp_path / "5.heic").write_bytes(heic(signal_of(image, PQ), DCI))
    table = tmp_path / "audit.csv"
    arguments = ["assess", tmp_path, "--checkpoint", checkpoint_folder, "--csv", table, "--no-cache"]
    monkeypatch.setattr(sys, "argv", ["iqa", *map(str, arguments)])
    with pytest.raises(SystemExit):
        main()
    with table.open(encoding="utf-8", newline="") as stream:
        plain, *others, unknown = csv.DictReader(stream)
    for row in others:
        assert row["status"] == plain["status"]
        assert "judged in a standard rendition (ITU-R BT.2408)" in row["note"]
        assert float(row["luma_median"]) == pytest.approx(float(plain["luma_median"]), abs=0.01)
        assert {key: row[key] for key in row if key.endswith("_level")} == {
            key: plain[key] for key in plain if key.endswith("_level")
        }
    assert unknown["status"] == "uncertain"
    assert "cannot be converted" in unknown["note"]
    assert "save it as sRGB" in unknown["note"]


def test_of_a_picture_with_a_gain_map_the_base_is_judged(picture, encode) -> None:
    """ISO 21496-1 and Ultra HDR: the map lies behind the base, which is the SDR rendition."""
    base = encode(picture(320, 240))
    gain_map = encode(Image.new("L", (80, 60), 255))
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
    data = base[:2] + struct.pack(">BBH", 0xFF, 0xE1, 2 + len(xmp)) + xmp + base[2:] + gain_map
    assert np.array_equal(decode(data).rgb, decode(base).rgb)
    assert decode(data).notes == ()
