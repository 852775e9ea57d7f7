"""What the page sends, as records of the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.ingest.annotations import parse_claims
from pipeline.records import Anchor, Camera, Claim, Region
from pipeline.records.errors import InputError
from pipeline.records.message import Language
from pipeline.serve.page.texts import known_language, say
from pipeline.serve.records import Ask, Judge, Rejudge, SceneInput, Work

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
        scene: The scene; its id where the server knows it already.
        plain: All that the page sent.
        settings: What the inputs on the left say.
    """

    run: str
    page_language: Language
    scene: SceneInput | str
    plain: Mapping[str, Any]
    settings: Settings

    def work(self, scene: str) -> Work:
        """What is to be done about a scene.

        Args:
            scene: Its id.

        Raises:
            InputError: If there is nothing to do, in the language of the page.
        """
        kind = self.plain.get("kind")
        if kind == "ask":
            return self._ask(scene)
        if kind == "judge":
            claims, regions = _claims(self._list("claims")), _regions(self._list("regions"))
            if not claims:
                raise InputError(say(self.page_language, "no_claim"))
            # Sentences are answered in their own language.
            fallback = None if any(isinstance(one, str) for one in claims) else self.page_language
            return Judge(scene, claims, regions, self.results_language or fallback)
        if kind == "rejudge":
            if not (result := _text(self.plain.get("result"))):
                raise InputError(say(self.page_language, "no_answer"))
            return Rejudge(scene, result)
        raise InputError(say(self.page_language, "bad_request"))

    def _ask(self, scene: str) -> Ask:
        questions = tuple(one.strip() for one in self._list("questions") if isinstance(one, str) and one.strip())
        if not questions:
            raise InputError(say(self.page_language, "no_question"))
        return Ask(
            scene,
            questions,
            _regions(self._list("regions")),
            hints=_chosen(self.settings.hints) or _text(self.plain.get("hints")),
            language=self.results_language,
            after=_text(self.plain.get("after")),
        )

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """The known lengths.

        Raises:
            RecordError: If one breaks a rule.
        """
        return tuple(Anchor.from_plain(one) for one in self._list("anchors"))

    @property
    def results_language(self) -> Language | None:
        """Language of the results; None leaves it to each question."""
        return known_language(self.settings.language)

    def _list(self, name: str) -> Sequence[Any]:
        return _listed(self.plain.get(name))


def request_of(plain: Any, settings: Settings) -> Request:
    """The request that the page sent.

    Args:
        plain: Its JSON.
        settings: What the inputs on the left say.

    Raises:
        InputError: If it lacks something, in the language of the page.
        RecordError: If a length, claim or box cannot be used.
    """
    if not isinstance(plain, Mapping):
        raise InputError(say("en", "bad_request"))
    language = known_language(plain.get("page_language")) or "en"
    scene = _text(plain.get("scene"))
    return Request(
        str(plain.get("run", ""))[:40], language, scene or _scene(plain, settings, language), plain, settings
    )


def _scene(plain: Mapping[str, Any], settings: Settings, language: Language) -> SceneInput:
    images = _ids(plain.get("images"))
    if not images:
        raise InputError(say(language, "no_images"))
    options = {name: option for name in ("depth", "ocr", "segment") if (option := _chosen(getattr(settings, name)))}
    depth = _ids(plain.get("depth"))
    if depth:
        options.setdefault("depth", "file")
    camera, fov_deg = _camera(settings, plain.get("size"), language)
    if camera is None and fov_deg is None and isinstance(known := plain.get("camera"), Mapping):
        camera = {str(name): float(value) for name, value in known.items() if isinstance(value, int | float)}
    stored_scale = plain.get("depth_scale")
    scale = settings.depth_scale or (float(stored_scale) if isinstance(stored_scale, int | float) else None)
    return SceneInput(
        images,
        depth,
        settings.depth_kind,
        scale,
        camera,
        fov_deg,
        tuple(Anchor.from_plain(one) for one in _listed(plain.get("anchors"))),
        options,
    )


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


def _claims(values: Sequence[Any]) -> tuple[Claim | str, ...]:
    """Sentences as they are, and claims of a relation and its names."""
    claims: list[Claim | str] = []
    for value in values:
        if isinstance(value, str):
            claims += [value.strip()] if value.strip() else []
        else:
            claims += parse_claims([value])
    return tuple(claims)


def _regions(values: Sequence[Any]) -> tuple[Region, ...]:
    """Boxes drawn by hand: ``{"label": "cup", "box_px": [10, 20, 30, 40], "frame": 0}``."""
    regions = []
    for value in values:
        if not isinstance(value, Mapping):
            raise InputError("A box must be an object {label, box_px, frame}.")
        label, frame = str(value.get("label", "")), value.get("frame", 0)
        regions.append(Region(label, value.get("box_px", ()), frame, origin="given"))  # type: ignore[arg-type]
    return tuple(regions)


def _chosen(option: str) -> str | None:
    return None if option in ("", CONFIGURED) else option


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _ids(value: Any) -> tuple[str, ...]:
    return tuple(one for one in _listed(value) if isinstance(one, str))
