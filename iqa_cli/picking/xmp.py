"""The XML of a sidecar: a new one, or a judgement merged into one that others wrote.

XMP is RDF: `rdf:Description` elements hold properties, simple ones as elements or attributes, lists as `rdf:Bag` or
`rdf:Seq` of `rdf:li`. Of what is there nothing is touched but our own: keywords below `iqa`, the words that
`iqa:auditKeywords` says we added, the rating that `iqa:auditRating` says we gave, and what else is in our namespace.
ISO 16684-1:2019; lr and digiKam as these programs write them.
"""

from __future__ import annotations

import codecs
import dataclasses
import re
from typing import TYPE_CHECKING, Any

from lxml import etree

from iqa_cli._version import __version__
from iqa_cli.picking.judgement import ROOT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from iqa_cli.picking.judgement import Judgement

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NAMESPACES = {
    "rdf": RDF,
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "iqa": "urn:iqa-cli:xmp:1.0/",
}
_RATING = "xmp:Rating"
_WORDS = "dc:subject"
_HIERARCHIES = (("lr:hierarchicalSubject", "Bag", "|"), ("digiKam:TagsList", "Seq", "/"))
# Not `iqa:version` and the like: exiftool would copy such a name into the property that another namespace has of it.
_OUR_RATING = "iqa:auditRating"
_OUR_WORDS = "iqa:auditKeywords"
_NOT_RATED = (None, "", "0")

_EMPTY = f"""<?xml version="1.0" encoding="UTF-8"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="iqa {__version__}">
 <rdf:RDF xmlns:rdf="{RDF}">
  <rdf:Description rdf:about=""{"".join(f' xmlns:{p}="{u}"' for p, u in NAMESPACES.items() if p != "rdf")}>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""


# XML 1.0, Char: no control characters but tab and line ends, no lone surrogates.
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NoXmp(ValueError):  # noqa: N818 - as `InvalidInput`
    """A file is no XMP; the message says where."""


def sidecar(judgement: Judgement, existing: bytes | None = None) -> bytes:
    """The content of a sidecar.

    judgement  characters that XML cannot hold are replaced in it
    existing   what it holds now; None for a new one
    returns    `existing` itself if there is nothing to change
    raises     NoXmp  if that is no XMP
    """
    judgement = _storable(judgement)
    document = _Sidecar(_EMPTY.encode() if existing is None else existing)
    document.rate(judgement.rating)
    document.name(judgement)
    document.describe(judgement)
    if existing is not None and not document.is_changed:
        return existing
    return document.as_bytes()


def _storable(judgement: Judgement) -> Judgement:
    """The judgement with U+FFFD for what XML cannot hold, as a label of a graph may."""
    return dataclasses.replace(
        judgement,
        keywords=tuple(tuple(map(_clean, hierarchy)) for hierarchy in judgement.keywords),
        levels=tuple(map(_clean, judgement.levels)),
        probabilities=tuple(map(_clean, judgement.probabilities)),
    )


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


class _Sidecar:
    """A document whose properties can be looked up and renewed where they stand. Raises NoXmp if it is none."""

    def __init__(self, content: bytes) -> None:
        # Nothing outside the file is opened, no entity is filled in, and sizes have a limit.
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            self._root = etree.fromstring(content, parser)
        except etree.XMLSyntaxError as error:
            raise NoXmp(str(error.msg)) from None
        except ValueError as error:
            raise NoXmp(str(error)) from None
        document = self._root.getroottree().docinfo
        if document.doctype:
            raise NoXmp("it has a DOCTYPE")
        self._rdf = next(self._root.iter(_name("rdf:RDF")), None)
        if self._rdf is None:
            raise NoXmp("there is no rdf:RDF in it")
        self._encoding = document.encoding or "UTF-8"
        try:
            codecs.lookup(self._encoding)
        except LookupError:  # libxml2 knows some that Python does not
            raise NoXmp(f"its encoding is {self._encoding}") from None
        self._descriptions = self._rdf.findall(_name("rdf:Description"))
        self._has_mark = content.startswith(codecs.BOM_UTF8)
        self._is_declared = content.removeprefix(codecs.BOM_UTF8).startswith(b"<?xml ")
        self.is_changed = False

    def as_bytes(self) -> bytes:
        """The document in its own encoding, with what stands before and behind its root."""
        encoding = self._encoding
        around = [*reversed([*self._root.itersiblings(preceding=True)]), self._root, *self._root.itersiblings()]
        parts = [etree.tostring(part, encoding="unicode", with_tail=False) for part in around]
        if self._is_declared or encoding.upper() != "UTF-8":
            parts.insert(0, f'<?xml version="1.0" encoding="{encoding}"?>')
        mark = codecs.BOM_UTF8 if self._has_mark else b""
        return mark + "\n".join([*parts, ""]).encode(encoding, errors="xmlcharrefreplace")

    def rate(self, rating: int | None) -> None:
        """Give a rating where there is none, or ours as we left it: one that somebody cleared stays cleared."""
        given, ours = self._text(_RATING), self._text(_OUR_RATING)
        if given in _NOT_RATED if ours is None else given == ours:
            self._set(_OUR_RATING, rating)
            if rating is not None or ours is not None:
                self._set(_RATING, rating)

    def name(self, judgement: Judgement) -> None:
        """Renew our keywords; a word that was there before us is not ours."""
        old = {property_: self._below_root(property_, separator) for property_, _, separator in _HIERARCHIES}
        ours = set(self._items(_OUR_WORDS))
        if not ours:  # another program wrote the file anew and left out what it does not know
            ours = {
                word
                for property_, _, separator in _HIERARCHIES
                for path in old[property_]
                for word in path.split(separator)
            }
        added = self._renew(_WORDS, "Bag", ours, judgement.words)
        self._put(_OUR_WORDS, "Bag", [word for word in judgement.words if word in ours or word in added])
        for property_, kind, separator in _HIERARCHIES:
            self._renew(property_, kind, old[property_], [separator.join(path) for path in judgement.keywords])

    def describe(self, judgement: Judgement) -> None:
        """Renew what stands in our namespace."""
        self._set("iqa:auditedBy", f"iqa {__version__}")
        self._set("iqa:auditStatus", judgement.status)
        self._put("iqa:auditLevels", "Seq", judgement.levels)
        self._put("iqa:auditProbabilities", "Seq", judgement.probabilities)

    def _below_root(self, property_: str, separator: str) -> list[str]:
        return [item for item in self._items(property_) if item.split(separator)[0] == ROOT]

    def _ours(self) -> Any:
        """The description that new properties are put into: one that declares our namespace, made if need be."""
        for description in self._descriptions:
            if NAMESPACES["iqa"] in description.nsmap.values():
                return description
        about = self._descriptions[0].get(_name("rdf:about"), "") if self._descriptions else ""
        made = _append(self._rdf, "rdf:Description", NAMESPACES)
        made.set(_name("rdf:about"), about)
        self._descriptions.append(made)
        return made

    def _text(self, property_: str) -> str | None:
        """A simple property, written as an attribute or an element; None if there is none."""
        key = _name(property_)
        for description in self._descriptions:
            element = description.find(key)
            if key in description.attrib or element is not None:
                return str(description.get(key) if element is None else element.text or "").strip()
        return None

    def _set(self, property_: str, value: object) -> None:
        """Give a simple property a value where it stands, or in our description; None removes it."""
        if self._text(property_) == (None if value is None else str(value)):
            return
        self.is_changed = True
        key = _name(property_)
        for description in self._descriptions:
            element = description.find(key)
            if key in description.attrib and value is not None:
                description.set(key, str(value))
                return
            if element is not None and value is not None:
                element.text = str(value)
                return
            if element is not None:
                _remove(element)
            description.attrib.pop(key, None)
        if value is not None:
            _append(self._ours(), property_).text = str(value)

    def _list(self, property_: str) -> Any:
        """The `rdf:Bag` or its like of a property; None if it has none."""
        for description in self._descriptions:
            for kind in ("Bag", "Seq", "Alt"):
                found = description.find(f"{_name(property_)}/{_name(f'rdf:{kind}')}")
                if found is not None:
                    return found
        return None

    def _items(self, property_: str) -> list[str]:
        """The texts of a list."""
        found = self._list(property_)
        return [] if found is None else [item.text or "" for item in found.findall(_name("rdf:li"))]

    def _put(self, property_: str, kind: str, items: Sequence[str]) -> None:
        """Have a list of ours hold just these, in this order; an empty one is removed."""
        if self._items(property_) == list(items):
            return
        self.is_changed = True
        found = self._list(property_)
        if not items:
            _remove(found.getparent())
            return
        if found is None:
            found = self._new_list(property_, kind)
        for item in list(found):
            _remove(item)
        for text in items:
            _append(found, "rdf:li").text = text

    def _renew(self, property_: str, kind: str, drop: Collection[str], add: Sequence[str]) -> list[str]:
        """Remove items from a list and add others; those on both sides stay where they are.

        returns  what was added
        """
        found = self._list(property_)
        for item in () if found is None else found.findall(_name("rdf:li")):
            if item.text in drop and item.text not in add:
                self.is_changed = True
                _remove(item)
        missing = [text for text in add if text not in self._items(property_)]
        if missing:
            self.is_changed = True
            if found is None:
                found = self._new_list(property_, kind)
            for text in missing:
                _append(found, "rdf:li").text = text
        elif found is not None and not len(found) and drop:
            _remove(found.getparent())
        return missing

    def _new_list(self, property_: str, kind: str) -> Any:
        """An empty list for a property that has none; a simple value that stands there becomes its first item."""
        value = self._text(property_)
        if value is not None:
            self._set(property_, None)
        found = _append(_append(self._ours(), property_), f"rdf:{kind}")
        if value:
            _append(found, "rdf:li").text = value
        return found


def _name(property_: str) -> str:
    """`dc:subject` as lxml spells it."""
    prefix, _, name = property_.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{name}"


def _append(parent: Any, property_: str, namespaces: Mapping[str, str] | None = None) -> Any:
    """A new last child, on a line of its own where its siblings are.

    namespaces  to declare in it; its own is in any case
    """
    prefix = property_.partition(":")[0]
    child = etree.SubElement(parent, _name(property_), nsmap=namespaces or {prefix: NAMESPACES[prefix]})
    before = child.getprevious()
    if before is not None:
        child.tail, before.tail = before.tail, parent.text
    elif parent.getparent() is not None:
        # The first: one step further in than its parent, which ends on a line of its own.
        outside = _line_start(parent)
        parent.text, child.tail = (outside and outside + " "), outside
    return child


def _line_start(element: Any) -> str | None:
    """The line end and spaces that an element stands behind; None if it is not on a line of its own."""
    before = element.getprevious()
    text = element.getparent().text if before is None else before.tail
    return text if text and not text.strip() and "\n" in text else None


def _remove(element: Any) -> None:
    """Remove a child and the line that it stood on."""
    parent, before, behind = element.getparent(), element.getprevious(), element.getnext()
    if behind is None and before is not None:
        before.tail = element.tail
    elif behind is None:
        parent.text = None
    parent.remove(element)
