from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from export.stored import result, stored

from pipeline.export import notebook
from pipeline.export.notebook import MOST_POINTS, result_html
from pipeline.export.result_with_scene import with_scene
from pipeline.records import Answer, Box3D, Region
from pipeline.records.errors import DependencyError

HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\"'&\u2028{{ 7 * 7 }}"


class Elements(HTMLParser):
    """All start tags of a document with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


def document(shown: str) -> str:
    """The document within the frame."""
    ((tag, attributes),) = Elements(shown).tags
    assert tag == "iframe"
    assert attributes["sandbox"] == "allow-scripts", "its scripts reach neither the notebook nor its cookies"
    assert 150 < int(attributes["height"] or 0) <= 2400
    return attributes["srcdoc"] or ""


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r"^  var data = (.*);$", text, re.MULTILINE)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_a_result_shows_its_photo_its_verdicts_and_the_viewer_with_all_its_data() -> None:
    text = document(with_scene(result("Where is the cup?"), stored())._repr_html_())
    elements = Elements(text)
    assert "Where is the cup?" in elements.text and "supported, 97.0%" in elements.text
    assert "The nearest points are 1.25 m apart." in elements.text
    images = [attributes["src"] or "" for tag, attributes in elements.tags if tag == "img"]
    assert len(images) == 1 and images[0].startswith("data:image/jpeg;base64,")
    assert "createViewer" in text and "THREE" in text
    data = data_of(text)
    assert data["claims"][0]["lines"][0]["text"] == "1.25 m ± 0.05 m"
    assert data["frames"][0]["count"] == min(4800, MOST_POINTS)


def test_the_document_asks_for_nothing_from_outside() -> None:
    text = document(with_scene(result(), stored())._repr_html_())
    assert "default-src 'none'; script-src 'unsafe-inline'" in text
    for tag, attributes in Elements(text).tags:
        assert tag not in ("link", "base", "iframe", "object") and "onload" not in attributes
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "data:").startswith("data:")


def test_words_of_users_stay_text() -> None:
    hostile = replace(
        result(HOSTILE),
        answer=Answer(HOSTILE),
        regions=(Region(HOSTILE, (10, 20, 30, 40)),),
        verdicts=(replace(result().verdicts[0], reason=HOSTILE, claim_text=HOSTILE, evidence=()),),
        item_id=HOSTILE,
    )
    shown = result_html(hostile, stored())
    text = document(shown)
    assert Elements(shown).tags[0][1]["title"] == HOSTILE
    elements = Elements(text)
    assert [tag for tag, _ in elements.tags].count("script") == 3 and [tag for tag, _ in elements.tags].count(
        "img"
    ) == 1
    assert not any("onerror" in attributes for _, attributes in elements.tags)
    assert "{{ 7 * 7 }}" in elements.text
    assert data_of(text)["regions"][0]["name"] == HOSTILE


def test_a_chinese_result_is_shown_in_chinese() -> None:
    text = document(result_html(replace(result(), language="zh"), stored()))
    assert Elements(text).tags[0] == ("html", {"lang": "zh"})
    assert "成立" in Elements(text).text and data_of(text)["words"]["camera"] != "Camera"


def test_without_a_scene_the_verdicts_remain_and_the_reason_is_said() -> None:
    text = document(with_scene(result("Where?"), None)._repr_html_())
    assert "keeps no scene" in Elements(text).text and "supported" in Elements(text).text
    assert "createViewer" not in text and "<img" not in text


def test_without_depth_the_photo_remains_and_without_claims_that_is_said() -> None:
    text = document(result_html(replace(result(), verdicts=()), stored(None)))
    assert "<img" in text and "makes no claim that can be checked" in Elements(text).text
    assert data_of(text)["notice"]


def test_a_missing_package_of_the_viewer_is_said_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*arguments: object) -> None:
        raise DependencyError("three.js is missing.")

    monkeypatch.setattr(notebook, "_viewer", missing)
    text = document(result_html(result(), stored()))
    assert "three.js is missing." in text and "<img" in text and "supported" in text


def test_many_verdicts_are_cut_and_counted() -> None:
    many = replace(result(), verdicts=result().verdicts * 30)
    text = document(result_html(many, stored()))
    assert text.count("data-claim=") == 24
    assert "6 more verdicts" in Elements(text).text


def test_numbers_that_no_picture_can_hold_do_no_harm() -> None:
    regions = (replace(result().regions[0], box_3d=Box3D((1e308, 0, 1), (1e308, 1e308, 1))), *result().regions[1:])
    evidence = replace(
        result().verdicts[0].evidence[0],
        frame=99,
        numbers={"nearest_visible_m": float("nan")},
        points={"nearest_subject": (float("nan"), 0, 0), "nearest_object": (1e308, 1e308, 1e308)},
    )
    hostile = replace(result(), regions=regions, verdicts=(replace(result().verdicts[0], evidence=(evidence,)),))
    assert "createViewer" in document(result_html(hostile, stored()))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("there is no Chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    arguments = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=[*arguments, "--disable-background-networking"]
        )
        yield opened
        opened.close()


@pytest.mark.parametrize("kind", ["metric", "disparity_affine"])
def test_a_browser_draws_the_viewer_links_it_to_the_claims_and_asks_for_nothing(
    browser: Any, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "cell.html").write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><title>cell</title>{result_html(result(HOSTILE), stored(kind))}',
        encoding="utf-8",
    )
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    said: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "cell.html").as_uri())
    frame = page.frames[1]
    frame.wait_for_function("document.querySelector('.tv-count')?.textContent")
    assert "of 4 800 points" in frame.inner_text(".tv-count")
    assert frame.evaluate("document.querySelector('#viewer canvas').width") > 100
    page.wait_for_timeout(300)
    box = frame.locator("#viewer canvas").first.bounding_box()
    picture = page.screenshot(clip=box)
    assert len(set(pixels(picture))) > 20, "something is drawn"
    claim = frame.locator("[data-claim]")
    claim.click()
    assert claim.get_attribute("aria-pressed") == "true"
    lit = "[...document.querySelectorAll('.mark.lit')].map((one) => one.querySelector('title').textContent).sort()"
    assert frame.evaluate(lit) == ["cup", "wall"], "the boxes of the claim, and not that of the second cup"
    assert frame.locator(".measure.lit").count() == (1 if kind == "metric" else 0)
    claim.press("Enter")
    assert claim.get_attribute("aria-pressed") == "false" and frame.evaluate(lit) == []
    frame.locator(".name", has_text="wall").click()
    assert frame.evaluate(lit) == ["wall"]
    assert frame.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size({"width": 390, "height": 800})
    assert frame.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert said == []
    assert requests == [(tmp_path / "cell.html").as_uri()]
    page.close()


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_frame_is_as_high_as_its_document_in_a_cell_of_common_width(
    browser: Any, tmp_path: Path, count: int, language: str
) -> None:
    long = "The nearest visible points of both are 1.25 m apart, and the interval of that lies within the limits. " * 2
    verdict = replace(
        result().verdicts[0], reason="最近的可见点之间的距离是一米二五。" * 5 if language == "zh" else long
    )
    shown = replace(result("Where is the cup?"), verdicts=(verdict,) * count, language=language)
    (tmp_path / "cell.html").write_text(f'<meta charset="utf-8">{result_html(shown, stored())}', encoding="utf-8")
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.goto((tmp_path / "cell.html").as_uri())
    frame = page.frames[1]
    frame.wait_for_selector(".tv-canvas")
    blank = frame.evaluate("innerHeight - document.body.getBoundingClientRect().height")
    assert 0 <= blank <= 25 + 10 * count, "neither scrolls nor leaves much empty"
    page.close()


def pixels(png: bytes) -> list[bytes]:
    """Colours of a picture."""
    import io

    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    data = image.tobytes()
    return [data[start : start + 3] for start in range(0, len(data), 3)]


def test_the_frame_is_escaped_once() -> None:
    shown = result_html(result("a < b & c"), None, "note")
    assert "a &amp;lt; b &amp;amp; c" in shown and html.unescape(document(shown)).count("a < b & c") == 1
