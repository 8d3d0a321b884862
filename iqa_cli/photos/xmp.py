"""Camera settings from an XMP packet: what programs write there that leave no EXIF behind.

Properties of the picture itself, under the names of ISO 16684-2 and CIPA DC-010: of nested structures, such as the
history or a depth map, nothing counts. A packet is parsed only if it names one of the namespaces.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from iqa_cli.photos import tiff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lxml.etree import _Element

logger = logging.getLogger(__name__)

_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_TIFF = "http://ns.adobe.com/tiff/1.0/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_CIPA = "http://cipa.jp/exif/1.0/"

_PROPERTIES = {
    f"{{{_TIFF}}}Make": tiff.MAKE,
    f"{{{_TIFF}}}Model": tiff.MODEL,
    f"{{{_TIFF}}}Orientation": tiff.ORIENTATION,
    f"{{{_CIPA}}}LensModel": tiff.LENS_MODEL,
    f"{{{_EXIF}}}DateTimeOriginal": tiff.TAKEN,
    f"{{{_EXIF}}}ExposureTime": tiff.EXPOSURE_TIME,
    f"{{{_EXIF}}}FNumber": tiff.F_NUMBER,
    f"{{{_EXIF}}}ISOSpeedRatings": tiff.ISO,
    f"{{{_EXIF}}}ExposureBiasValue": tiff.EXPOSURE_BIAS,
    f"{{{_EXIF}}}FocalLength": tiff.FOCAL_LENGTH,
    f"{{{_EXIF}}}Fired": tiff.FLASH,  # in the structure Flash
}
_FLASH = f"{{{_EXIF}}}Flash"
_TRUTH = {b"true": b"1", b"false": b"0"}


def tags_of_xmp(packet: bytes) -> dict[int, bytes] | None:
    """The texts of the properties that camera settings are read from, by the EXIF tag they stand for.

    None for a packet that is damaged, or that has a DOCTYPE, in which entities could be defined.
    """
    if not any(space.encode() in packet for space in (_TIFF, _EXIF, _CIPA)):
        return {}
    if b"<!DOCTYPE" in packet:
        return None
    from lxml import etree  # here: few photos need it

    # As for sidecars: nothing outside the packet is opened, no entity is filled in, and sizes have a limit.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(packet.strip(b"\0 \t\r\n"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        logger.debug("XMP packet of %d bytes: %r", len(packet), error)
        return None
    tags: dict[int, bytes] = {}
    for name, text in _properties(root):
        value = " ".join(text.split()).encode("utf-8", "replace")
        tags.setdefault(_PROPERTIES[name], _TRUTH.get(value.lower(), value))
    return tags


def _properties(root: _Element) -> Iterator[tuple[str, str]]:
    """(name, text) of what stands in the descriptions of the picture; of a list its first entry."""
    for rdf in root.iter(f"{_RDF}RDF"):
        for description in rdf.iterchildren(f"{_RDF}Description"):
            yield from _named(description)
            for structure in description.iterchildren(_FLASH):
                yield from _named(structure)
                for inner in structure.iterchildren(f"{_RDF}Description"):
                    yield from _named(inner)


def _named(element: _Element) -> Iterator[tuple[str, str]]:
    """Properties that are written as attributes or as elements of an element."""
    for name, text in element.items():
        if name in _PROPERTIES:
            yield str(name), str(text)
    for child in element.iterchildren(*_PROPERTIES):
        entry = next(child.iter(f"{_RDF}li"), child)
        yield str(child.tag), entry.text or ""
