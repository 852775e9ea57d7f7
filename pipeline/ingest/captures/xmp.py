"""Fields of XMP, the metadata that phones write as RDF/XML.

Source: XMP specification part 1 (ISO 16684-1). A field stands as an attribute or as an element; structures are nested
elements, with or without ``rdf:Description`` between.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.etree import ElementTree

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

Element = ElementTree.Element


def parse_xmp(data: bytes) -> Element:
    """The root of an XMP packet; nothing in it is expanded or fetched.

    Raises:
        ValueError: If it is not XML, or declares a document type, which XMP never does.
    """
    text = data.decode("utf-8", "replace").strip("\0 \r\n\t\ufeff")
    # Without a document type there are no entities that could grow or name files.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("its XMP declares a document type")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(f"its XMP is not XML: {error}") from None


def fields(element: Element, namespace: str) -> dict[str, str]:
    """Simple fields of a namespace that stand directly on an element; a final slash of namespaces does not matter."""
    found: dict[str, str] = {}
    for holder in _holders(element):
        plain = {child.tag: child.text or "" for child in holder if not len(child)}
        for tag, value in {**plain, **holder.attrib}.items():
            space, name = _split(tag)
            if space == namespace.rstrip("/"):
                found.setdefault(name, value.strip())
    return found


def all_fields(root: Element, namespace: str) -> dict[str, str]:
    """Simple fields of a namespace anywhere; the first of a name counts."""
    found: dict[str, str] = {}
    for element in root.iter():
        for name, value in fields(element, namespace).items():
            found.setdefault(name, value)
    return found


def elements(root: Element, namespace: str, name: str) -> Iterator[Element]:
    """Elements of a name, in document order."""
    for element in root.iter():
        if _split(element.tag) == (namespace.rstrip("/"), name):
            yield element


def numbers(root: Element, namespace: str, name: str) -> list[float]:
    """The numbers of a list (``rdf:Seq``), or nothing if it is missing or holds something else."""
    for element in elements(root, namespace, name):
        listed = [number(item.text) for item in element.iter(f"{{{RDF}}}li")]
        return [value for value in listed if value is not None] if None not in listed else []
    return []


def number(text: str | None) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _holders(element: Element) -> Iterator[Element]:
    yield element
    for child in element:
        if child.tag == f"{{{RDF}}}Description":
            yield child


def _split(tag: object) -> tuple[str, str]:
    """Namespace without its final slash, and name, of ``{namespace}name``."""
    space, _, name = str(tag).rpartition("}")
    return space.lstrip("{").rstrip("/"), name
