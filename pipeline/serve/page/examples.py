"""Examples: rendered scenes with suggested questions, made when a browser first shows them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pipeline.synthetic.scenes import TIDY_SIZE_PX, RenderedScene, rendered_sequence

if TYPE_CHECKING:
    from fastapi import FastAPI

_DEPTH_SCALE = 0.001  # Metres per stored number of depth files.
_AGE_S = 86_400


@dataclass(frozen=True)
class Example:
    """A rendered scene, outside the training data of the small models.

    Args:
        name: Its name in addresses.
        code: Code of what it shows, in the texts of the page.
        seed: Seed of the scene.
        questions: Suggested questions, by language.
        frames: Number of images.
        has_depth: Whether it comes with depth files and the camera, as from a depth camera.
    """

    name: str
    code: str
    seed: int
    questions: dict[str, tuple[str, ...]]
    frames: int = 1
    has_depth: bool = False

    def plain(self) -> dict[str, Any]:
        """The example as the scripts read it."""
        count = range(self.frames)
        return {
            "name": self.name,
            "code": self.code,
            "questions": {language: list(asked) for language, asked in self.questions.items()},
            "images": [f"/page/examples/{self.name}-{number}.png" for number in count],
            "depth": [f"/page/examples/{self.name}-{number}-depth.png" for number in count] if self.has_depth else [],
            "camera": f"/page/examples/{self.name}-camera.json" if self.has_depth else None,
            "depth_scale": _DEPTH_SCALE if self.has_depth else None,
            # The small model never saw a prompt with depth in metres.
            "hints": "none" if self.has_depth else None,
        }


EXAMPLES = (
    Example(
        "table",
        "example_one",
        2,
        {
            "en": ("Is the brown ball below the pink cone?", "Is the cyan ball to the right of the brown ball?"),
            "zh": ("粉色圆锥在青色球的左侧吗？", "粉色圆锥在棕色球的前方吗？"),
        },
    ),
    Example(
        "floor",
        "example_one",
        4,
        {
            "en": ("Is the blue box right of the grey wedge?", "Is the yellow ball behind the black ring?"),
            "zh": ("绿色棱锥在灰色楔块的上面吗？", "蓝色盒子在灰色楔块的下面吗？"),
        },
    ),
    Example(
        "solids",
        "example_depth",
        5,
        {
            "en": (
                "Is the blue cylinder occluded by the yellow pyramid?",
                "Is the pink capsule behind the blue cylinder?",
            ),
            "zh": ("粉色胶囊比黄色棱锥离相机更近吗？", "黄色棱锥在粉色胶囊的左边吗？"),
        },
        has_depth=True,
    ),
    Example(
        "cone",
        "example_depth",
        8,
        {
            "en": (
                "Is the purple cone closer to the camera than the orange ring?",
                "Is the orange ring above the purple cone?",
            ),
            "zh": ("橙色圆环在紫色圆锥的后面吗？", "紫色圆锥在橙色圆环的右边吗？"),
        },
        has_depth=True,
    ),
    Example(
        "views",
        "example_views",
        9,
        {
            "en": (
                "Is the cyan capsule occluded by the blue capsule?",
                "Is the grey wedge in front of the white wedge?",
            ),
            "zh": ("白色楔块在蓝色胶囊的右边吗？", "蓝色胶囊在灰色楔块的下面吗？"),
        },
        frames=3,
    ),
)
_BY_NAME = {example.name: example for example in EXAMPLES}


@lru_cache(maxsize=len(EXAMPLES))
def _made(name: str) -> RenderedScene:
    example = _BY_NAME[name]
    return rendered_sequence(example.seed, example.frames, size_px=TIDY_SIZE_PX, tidy=True)


def image_png(name: str, number: int) -> bytes:
    """An image of an example as PNG.

    Raises:
        KeyError: If there is no such example.
        IndexError: If it has fewer images.
    """
    return _png(_made(name).scene.frames[_checked(name, number)].rgb[..., ::-1])


def depth_png(name: str, number: int) -> bytes:
    """The exact depth of an image in millimetres as a 16-bit PNG; 0 where there is none.

    Raises:
        KeyError: If there is no such example, or it has no depth.
        IndexError: If it has fewer images.
    """
    if not _BY_NAME[name].has_depth:
        raise KeyError(name)
    depth = _made(name).scene.frames[_checked(name, number)].given_depth
    assert depth is not None
    stored = np.where(depth.valid, np.round(np.nan_to_num(depth.values) / _DEPTH_SCALE), 0)
    return _png(np.clip(stored, 0, 65535).astype(np.uint16))


def camera_of(name: str) -> dict[str, float]:
    """The camera of an example [px].

    Raises:
        KeyError: If there is no such example.
    """
    camera = _made(name).scene.frames[0].camera
    return {part: float(getattr(camera, part)) for part in ("fx", "fy", "cx", "cy")}


def add_examples(app: FastAPI) -> None:
    """Serve the examples below ``/page/examples``."""
    from fastapi import Response
    from fastapi.responses import JSONResponse
    from starlette.concurrency import run_in_threadpool

    headers = {"Cache-Control": f"public, max-age={_AGE_S}"}

    async def image(name: str, number: int) -> Response:
        return await _answer(image_png, name, number)

    async def depth(name: str, number: int) -> Response:
        return await _answer(depth_png, name, number)

    async def camera(name: str) -> Response:
        try:
            return JSONResponse(await run_in_threadpool(camera_of, name), headers=headers)
        except KeyError:
            return Response(status_code=404)

    async def _answer(make: Any, name: str, number: int) -> Response:
        try:
            return Response(await run_in_threadpool(make, name, number), media_type="image/png", headers=headers)
        except (KeyError, IndexError):
            return Response(status_code=404)

    for path, answer in (
        ("/page/examples/{name}-{number:int}.png", image),
        ("/page/examples/{name}-{number:int}-depth.png", depth),
        ("/page/examples/{name}-camera.json", camera),
    ):
        app.add_api_route(path, answer, methods=["GET"], include_in_schema=False)


def _checked(name: str, number: int) -> int:
    if not 0 <= number < _BY_NAME[name].frames:
        raise IndexError(number)
    return number


def _png(image: np.ndarray) -> bytes:
    done, content = cv2.imencode(".png", image)
    assert done
    return content.tobytes()
