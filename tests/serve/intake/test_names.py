from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serve.intake.names import clean_name


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\my cat.jpg", "my cat.jpg"),
        ("/etc/shadow/", "shadow"),
        ("a\r\nSet-Cookie: x.png", "a Set-Cookie x.png"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("a\0b.png", "ab.png"),
        ("..", "file"),
        ("", "file"),
        (".htaccess", "htaccess"),
        ("<img src=x onerror=alert(1)>.png", "img src=x onerror=alert(1).png"),
        ("*?[a].png", "a.png"),
        ("床の猫.jpg", "床の猫.jpg"),
        ("x" * 300 + ".jpeg", "x" * 75 + ".jpeg"),
        ("e\u0301.png", "é.png"),
        ("\ud800.png", "png"),
    ],
)
def test_a_name_is_one_plain_line_without_folders(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


@given(st.text(st.characters(), max_size=200))
def test_any_name_can_be_a_name_of_a_file(name: str) -> None:
    cleaned = clean_name(name)
    assert 0 < len(cleaned) <= 80 and cleaned[0] != "." and cleaned == cleaned.strip()
    assert not set('/\\\0*?[]<>:"|`') & set(cleaned)
    assert not [c for c in cleaned if unicodedata.category(c)[0] == "C"]
    cleaned.encode("utf-8")
    assert clean_name(cleaned) == cleaned
