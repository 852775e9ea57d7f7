from __future__ import annotations

import time

import pytest
from ingest.captures.photo_files import RDF, packet

from pipeline.ingest.captures.xmp import all_fields, elements, fields, number, numbers, parse_xmp

SPACE = "http://example.org/a/"


def described(content: str, attributes: str = "") -> bytes:
    return packet(
        f'<rdf:Description xmlns:a="{SPACE}" xmlns:b="http://example.org/b/" {attributes}>{content}</rdf:Description>'
    )


@pytest.mark.parametrize(
    "data",
    [
        described("", 'a:Near="0.5" b:Near="9"'),
        described("<b:Near>9</b:Near><a:Near> 0.5 </a:Near>"),
        described('<a:Depth><rdf:Description a:Near="0.5"/></a:Depth>'),
        described('<a:Depth rdf:parseType="Resource"><a:Near>0.5</a:Near></a:Depth>'),
        described("", 'a:Near="0.5"').replace(b"org/a/", b"org/a"),
        b"\xef\xbb\xbf" + described("", 'a:Near="0.5"') + b"\n \0\0",
    ],
)
def test_a_field_is_found_in_every_form(data):
    assert all_fields(parse_xmp(data), SPACE)["Near"] == "0.5"


def test_fields_of_an_element_are_its_own():
    root = parse_xmp(described('<a:One a:Near="1"><a:Two a:Near="2"/></a:One>'))
    assert fields(next(elements(root, SPACE, "One")), SPACE) == {"Near": "1", "Two": ""}
    assert fields(next(elements(root, SPACE, "Two")), SPACE) == {"Near": "2"}


def test_lists_are_numbers_or_nothing():
    root = parse_xmp(described("<a:M><rdf:Seq><rdf:li>1</rdf:li><rdf:li>-2.5</rdf:li></rdf:Seq></a:M>"))
    assert numbers(root, SPACE, "M") == [1, -2.5]
    assert numbers(root, SPACE, "N") == []
    assert numbers(parse_xmp(described("<a:M><rdf:Seq><rdf:li>x</rdf:li></rdf:Seq></a:M>")), SPACE, "M") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.5", 1.5), (" 2 ", 2), ("", None), (None, None), ("nan", None), ("1e999", None), ("m", None)],
)
def test_numbers_are_finite(text, expected):
    assert number(text) == expected


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(12))
    + f"]><rdf:RDF {RDF}>&m;</rdf:RDF>"
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (BOMB.encode(), "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "document type"),
        (BOMB.encode("utf-16"), "not XML"),
        (b'<?xml version="1.0" encoding="utf-7"?>' + b"+ADw-", "not XML"),
        (packet("<rdf:Description>"), "not XML"),
        (b"", "not XML"),
        (b"\0" * 500, "not XML"),
    ],
)
def test_bombs_and_damaged_packets_are_refused_at_once(data, words):
    start = time.monotonic()
    with pytest.raises(ValueError, match=words):
        parse_xmp(data)
    assert time.monotonic() - start < 1


def test_deep_nesting_does_not_end_the_program():
    depth = 200_000
    try:
        root = parse_xmp(b"<a>" * depth + b"</a>" * depth)
    except ValueError:
        return
    assert all_fields(root, SPACE) == {}
