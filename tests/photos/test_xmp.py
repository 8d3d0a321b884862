"""Settings from XMP: written as programs write them, for what EXIF does not have."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from iqa_cli.photos import exif, read_photo
from iqa_cli.photos.exif import EXIF_DAMAGED, LEFT_OUT, TURNED_BY_XMP, XMP_DAMAGED, capture_of_header, read_capture
from iqa_cli.photos.files import SIGNATURE_BYTES, sniff
from iqa_cli.photos.headers import read_header
from iqa_cli.photos.xmp import tags_of_xmp
from iqa_cli.records import Capture, Photo
from tests.photos.exif_blocks import CAMERA, EXPOSED, block, exif_segments, jpeg, segment

MARK = b"http://ns.adobe.com/xap/1.0/\0"
SPACES = (
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    'xmlns:exifEX="http://cipa.jp/exif/1.0/" xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"'
)
ATTRIBUTES = (
    'tiff:Make="Maker" tiff:Model="Model &amp; X" exifEX:LensModel="Lens" exif:ExposureTime="1/125" '
    'exif:FNumber="18/10" exif:DateTimeOriginal="2024-05-31T18:03:59+02:00" exif:ExposureBiasValue="-7/10" '
    'exif:FocalLength="68/10"'
)
ELEMENTS = (
    "<tiff:Make>Maker</tiff:Make><tiff:Model>Model &amp; X</tiff:Model><exifEX:LensModel>Lens</exifEX:LensModel>"
    "<exif:ExposureTime>1/125</exif:ExposureTime><exif:FNumber>1.8</exif:FNumber>"
    "<exif:DateTimeOriginal>2024-05-31T18:03:59.00</exif:DateTimeOriginal>"
    "<exif:ExposureBiasValue>-0.7</exif:ExposureBiasValue><exif:FocalLength>6.8</exif:FocalLength>"
)
LISTS = (
    "<exif:ISOSpeedRatings><rdf:Seq><rdf:li>400</rdf:li><rdf:li>800</rdf:li></rdf:Seq></exif:ISOSpeedRatings>"
    '<exif:Flash rdf:parseType="Resource"><exif:Fired>True</exif:Fired><exif:Mode>1</exif:Mode></exif:Flash>'
)


def packet(attributes: str = "", elements: str = "") -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {SPACES} {attributes}>{elements}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def read(data: bytes) -> tuple[Capture, tuple[str, ...]]:
    kind = sniff(data[:SIGNATURE_BYTES])
    assert kind is not None
    return capture_of_header(read_header(kind, data))


def with_xmp(kind: str, xmp: bytes) -> bytes:
    """A picture of this kind with the packet and no EXIF."""
    if kind == "JPEG":
        return jpeg(segment(MARK + xmp))
    file = io.BytesIO()
    picture = Image.new("RGB", (96, 64), (90, 80, 70))
    if kind == "PNG":
        from PIL.PngImagePlugin import PngInfo

        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp.decode(), zip=True)
        picture.save(file, "PNG", pnginfo=text)
    else:
        picture.save(file, kind, xmp=xmp)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize(("attributes", "elements"), [(ATTRIBUTES, LISTS), ("", ELEMENTS + LISTS)])
def test_the_settings_are_read_where_there_is_no_exif(kind: str, attributes: str, elements: str) -> None:
    capture, notes = read(with_xmp(kind, packet(attributes, elements)))
    assert (capture.make, capture.model, capture.lens_model) == ("Maker", "Model & X", "Lens")
    assert capture.taken_at is not None
    assert capture.taken_at.isoformat() == "2024-05-31T18:03:59"
    assert (capture.exposure_time_s, capture.f_number, capture.iso) == (0.008, 1.8, 400)
    assert (capture.exposure_bias_ev, capture.flash_fired, capture.focal_length_mm) == (-0.7, True, 6.8)
    assert notes == ()


def test_exif_counts_before_xmp_and_xmp_for_the_rest() -> None:
    first = exif_segments(block(CAMERA, EXPOSED))
    capture, notes = read(
        jpeg(first + segment(MARK + packet(ATTRIBUTES.replace("Maker", "Other").replace("18/10", "4"))))
    )
    assert (capture.make, capture.model, capture.f_number, capture.lens_model) == ("Maker", "Model X", 1.8, "Lens")
    assert (capture.orientation, notes) == (6, ())


def test_an_orientation_that_only_xmp_has_is_told_and_does_not_turn() -> None:
    data = with_xmp("JPEG", packet('tiff:Orientation="6"'))
    photo, capture = read_photo(data)
    assert isinstance(photo, Photo)
    assert (photo.rgb.shape[:2], capture.orientation, photo.notes) == ((64, 96), None, (TURNED_BY_XMP,))
    assert read(with_xmp("JPEG", packet('tiff:Orientation="1"')))[1] == ()
    both = jpeg(exif_segments(block(CAMERA)) + segment(MARK + packet('tiff:Orientation="3"')))
    assert (read(both)[0].orientation, read(both)[1]) == (6, ())


def test_an_orientation_in_words_that_would_not_count_is_not_named() -> None:
    assert read(with_xmp("JPEG", packet('tiff:Orientation="Top-left"'))) == (
        Capture(image_width=96, image_height=64),
        (),
    )


def test_a_mistake_of_ours_in_the_settings_costs_no_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> None:
        raise RecursionError

    monkeypatch.setattr(exif, "camera_tags", fail)
    monkeypatch.setattr(exif, "tags_of_xmp", fail)
    photo, _ = read_photo(jpeg(exif_segments(block(CAMERA)) + segment(MARK + packet(ATTRIBUTES))))
    assert isinstance(photo, Photo)
    assert photo.notes == (EXIF_DAMAGED, XMP_DAMAGED)


def test_a_picture_that_pillow_opened_has_the_same_settings() -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        data = with_xmp(kind, packet(ATTRIBUTES, LISTS))
        with Image.open(io.BytesIO(data)) as opened:
            assert read_capture(opened) == read_capture(data)


def test_what_cannot_be_read_is_named() -> None:
    capture, notes = read(with_xmp("JPEG", packet('exif:FNumber="f/5,6" exif:DateTimeOriginal="2024-05-31"')))
    assert (capture.f_number, capture.taken_at) == (None, None)
    assert notes == (f'{LEFT_OUT} DateTimeOriginal ("2024-05-31"), FNumber ("f/5,6")',)


def test_xmp_stands_in_for_exif_that_is_damaged() -> None:
    data = jpeg(exif_segments(b"garbage") + segment(MARK + packet(ATTRIBUTES)))
    assert (read(data)[0].make, read(data)[1]) == ("Maker", (EXIF_DAMAGED,))


@pytest.mark.parametrize(
    "damaged",
    [
        packet(ATTRIBUTES)[:-60],
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + packet('tiff:Make="&amp;"'),
        packet(ATTRIBUTES).replace(b"Maker", b"K\xf6nig"),
        packet("", "<a>" * 3000 + "</a>" * 3000),
    ],
)
def test_a_damaged_packet_is_told(damaged: bytes) -> None:
    assert read(jpeg(segment(MARK + damaged))) == (Capture(image_width=96, image_height=64), (XMP_DAMAGED,))


def test_what_belongs_to_another_picture_does_not_count() -> None:
    nested = (
        f'<xmpMM:Ingredients><rdf:Bag><rdf:li rdf:parseType="Resource"><tiff:Make>Other</tiff:Make></rdf:li></rdf:Bag>'
        f"</xmpMM:Ingredients><xmpMM:Pantry><rdf:Description {ATTRIBUTES}/></xmpMM:Pantry>"
    )
    assert tags_of_xmp(packet("", nested)) == {}


def test_a_packet_without_camera_settings_is_not_parsed() -> None:
    assert tags_of_xmp(b"<x:xmpmeta and no XML") == {}
