"""Elements in and out of bytes with lxml, entities, DTDs, network and huge trees off. Knows no element's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from lxml import etree

Element = etree._Element  # noqa: SLF001 - the only public name of the type is in lxml's stubs


def element(
    space: str,
    name: str,
    *below: Element | None,
    text: str = "",
    prefixes: Mapping[str, str] | None = None,
    **attributes: str,
) -> Element:
    """An element of namespace `space` with its text, attributes and children in the order given; None is left out.

    `prefixes` declares namespaces here; "" is the default one.
    """
    declared = {key or None: uri for key, uri in (prefixes or {}).items()}  # lxml's default namespace has the key None
    tag = f"{{{space}}}{name}" if space else name
    made = etree.Element(tag, dict(attributes), nsmap=cast("Mapping[str, str]", declared))
    made.text = text or None
    made.extend([child for child in below if child is not None])
    return made


def to_bytes(root: Element) -> bytes:
    """UTF-8 with its declaration, no white space between elements."""
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def parse(body: bytes) -> Element | None:
    """The root, or None when these bytes are no XML that we read. A document type is such: it could name entities."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, LookupError):
        return None
    return root if root.getroottree().docinfo.internalDTD is None else None


def local_name(node: Element) -> str:
    """The name without its namespace: the replies' namespaces are not public, so none is asked for."""
    return etree.QName(node).localname


def namespace(node: Element) -> str:
    """The element's namespace, "" for none."""
    return etree.QName(node).namespace or ""


def children(node: Element, name: str) -> list[Element]:
    """The child elements of that name."""
    return [child for child in node if local_name(child) == name]


def text_of(node: Element, name: str) -> str:
    """The text below the descendants of that name, white space folded; "" when there is none or they disagree."""
    texts = {
        " ".join("".join(str(part) for part in below.itertext()).split())
        for below in node.iter()
        if local_name(below) == name
    }
    return texts.pop() if len(texts) == 1 else ""
