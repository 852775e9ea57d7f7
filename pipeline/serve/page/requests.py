"""What the page sends, as records of the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.records import Anchor, Camera
from pipeline.records.errors import InputError
from pipeline.records.message import Language
from pipeline.serve.page.texts import known_language, say
from pipeline.serve.records import SceneInput, Work
from pipeline.serve.schema.base import read
from pipeline.serve.schema.scenes import SceneOptions, WithScene
from pipeline.serve.schema.work import BODIES
from pipeline.serve.settings import Limits

# What the page calls the kinds of work of the API.
_NAMES = {"ask": "ask", "judge": "verify", "rejudge": "rejudge"}
CONFIGURED = "configured"
"""What a list of choices calls the option of the configuration."""


@dataclass(frozen=True)
class Settings:
    """What the inputs on the left say.

    Args:
        depth: Option of the group depth.
        hints: Depth hints in the prompt.
        ocr: Option of the group ocr.
        segment: Option of the group segment.
        language: Language of the results.
        depth_kind: What the numbers of depth files mean.
        depth_scale: Metres per stored number.
        focal_px: Focal length [px].
        focal_35mm: Focal length on a 36 x 24 mm frame [mm].
        fov_deg: Field of view along the longer side [deg].
    """

    depth: str = CONFIGURED
    hints: str = CONFIGURED
    ocr: str = CONFIGURED
    segment: str = CONFIGURED
    language: str = CONFIGURED
    depth_kind: str = "metric"
    depth_scale: float | None = None
    focal_px: float | None = None
    focal_35mm: float | None = None
    fov_deg: float | None = None


@dataclass(frozen=True)
class Request:
    """One request of the page.

    Args:
        run: The page's own number of it.
        page_language: Language of the page.
        kind: ask, judge or rejudge.
        scene: The scene; its id where the server knows it already.
        anchors: The known lengths.
        result: Id of the result that is judged again.
        before: Id of the result whose lengths are shown beside the new ones; None for the same.
        body: What is to be done, checked as a request of the API.
        limits: Those of the server.
    """

    run: str
    page_language: Language
    kind: str
    scene: SceneInput | str
    anchors: tuple[Anchor, ...]
    result: str | None
    before: str | None
    body: WithScene
    limits: Limits

    def work(self, scene: str) -> Work:
        """What is to be done about a scene.

        Args:
            scene: Its id.

        Raises:
            ServeError: If there is more than the limits allow.
            RecordError: If a claim or box breaks a rule.
        """
        work: Work = self.body.work(scene, self.limits)  # type: ignore[attr-defined]
        return work


def request_of(plain: Any, settings: Settings, limits: Limits) -> Request:
    """The request that the page sent, checked by the models of the API.

    Args:
        plain: Its JSON.
        settings: What the inputs on the left say.
        limits: Those of the server.

    Raises:
        InputError: If it lacks something, in the language of the page.
        ServeError: If it does not fit, or breaks a limit, in the words of the API.
    """
    if not isinstance(plain, Mapping):
        raise InputError(say("en", "bad_request"))
    language = known_language(plain.get("page_language")) or "en"
    kind = plain.get("kind")
    if not isinstance(kind, str) or kind not in _NAMES:
        raise InputError(say(language, "bad_request"))
    known = _text(plain.get("scene"))
    new = {} if known else _scene(plain, settings, language)
    fields = _fields(kind, plain, settings, language)
    body: WithScene = read(BODIES[_NAMES[kind]], {**fields, **(new or {"scene": known})}, limits)
    # Known lengths are not those of a known scene, but of one that is made with them.
    anchors = read(SceneOptions, {"anchors": _listed(plain.get("anchors"))}, limits).anchors
    scene = known or body.input(body.uploads, body.depth_uploads)
    records = tuple(anchor.record() for anchor in anchors)
    run, result, before = str(plain.get("run", ""))[:40], _text(plain.get("result")), _text(plain.get("before"))
    return Request(run, language, kind, scene, records, result, before, body, limits)


def _fields(kind: str, plain: Mapping[str, Any], settings: Settings, language: Language) -> dict[str, Any]:
    """What is asked, as fields of the API's request."""
    if kind == "rejudge":
        if not (result := _text(plain.get("result"))):
            raise InputError(say(language, "no_answer"))
        return {"result": result}
    results_language = known_language(settings.language)
    regions = _listed(plain.get("regions"))
    if kind == "judge":
        if not (claims := _said(plain.get("claims"))):
            raise InputError(say(language, "no_claim"))
        # Sentences are answered in their own language.
        fallback = None if any(isinstance(one, str) for one in claims) else language
        return {"claims": claims, "regions": regions, "language": results_language or fallback}
    if not (questions := [one for one in _said(plain.get("questions")) if isinstance(one, str)]):
        raise InputError(say(language, "no_question"))
    return {
        "questions": questions,
        "regions": regions,
        "hints": _chosen(settings.hints) or _text(plain.get("hints")),
        "language": results_language,
        "after": _text(plain.get("after")),
    }


def _scene(plain: Mapping[str, Any], settings: Settings, language: Language) -> dict[str, Any]:
    """A new scene, as fields of the API's request."""
    images, depth = _listed(plain.get("images")), _listed(plain.get("depth"))
    if not images:
        raise InputError(say(language, "no_images"))
    options = {name: option for name in ("depth", "ocr", "segment") if (option := _chosen(getattr(settings, name)))}
    if depth:
        options.setdefault("depth", "file")
    camera, fov_deg = _camera(settings, plain.get("size"), language)
    return {
        "uploads": images,
        "depth_uploads": depth,
        "depth_kind": settings.depth_kind,
        "depth_scale": settings.depth_scale or plain.get("depth_scale"),
        "camera": plain.get("camera") if camera is None and fov_deg is None else camera,
        "fov_deg": fov_deg,
        "anchors": _listed(plain.get("anchors")),
        "options": options,
    }


def _camera(settings: Settings, size: Any, language: Language) -> tuple[dict[str, float] | None, float | None]:
    """The camera, or its field of view [deg]; the principal point of a focal length is the centre of the image."""
    given = [value for value in (settings.focal_px, settings.focal_35mm, settings.fov_deg) if value]
    if len(given) > 1:
        raise InputError(say(language, "one_camera"))
    if not given or settings.fov_deg:
        return None, settings.fov_deg or None
    sides = [float(side) for side in _listed(size) if isinstance(side, int | float) and 0 < side < 1e6]
    if len(sides) != 2:
        raise InputError(say(language, "no_size"))
    width, height = sides
    focal_px = settings.focal_px or Camera.from_focal_35mm(int(width), int(height), settings.focal_35mm or 0.0).fx
    return {"fx": focal_px, "fy": focal_px, "cx": (width - 1) / 2, "cy": (height - 1) / 2}, None


def _said(value: Any) -> list[Any]:
    """Sentences without blanks around them, and what is none; empty ones are left out."""
    stripped = [one.strip() if isinstance(one, str) else one for one in _listed(value)]
    return [one for one in stripped if one != ""]


def _chosen(option: str) -> str | None:
    return None if option in ("", CONFIGURED) else option


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
