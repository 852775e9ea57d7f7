"""Backends that obey the protocols and count their calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.models.depth.base import DepthBackend
from pipeline.models.ocr.base import OcrBackend
from pipeline.models.vlm.base import Generation, Request, VisionLanguageModel
from pipeline.records import Answer, DepthKind, DepthMap, Frame, Region, Scene
from pipeline.records.errors import TheodoliteError
from pipeline.records.message import Language
from pipeline.stages.verify import Verified, VerifyStage


@dataclass
class CountingDepth(DepthBackend):
    """Depth that follows from the brightness of a frame, and the digests of the frames it was asked for."""

    identity: str | None = "counting 1"
    focal_px: float | None = None
    kind: DepthKind | None = DepthKind.METRIC
    asked: list[list[str]] = field(default_factory=list)

    def frame_key(self, frame: Frame) -> str:
        return frame.digest

    def estimate(self, frames: Sequence[Frame]) -> list[DepthMap]:
        self.asked.append([frame.digest for frame in frames])
        return [depth_of(frame, self.focal_px) for frame in frames]


def depth_of(frame: Frame, focal_px: float | None = None) -> DepthMap:
    """What ``CountingDepth`` gives for a frame."""
    values = frame.rgb[..., 0].astype(np.float32) / 100 + 1
    return DepthMap(values, values > 0, "metric", "model", "counting", focal_px=focal_px)  # type: ignore[arg-type]


@dataclass
class CountingOcr(OcrBackend):
    """One line per frame, named by its size, and the indices it was asked for."""

    identity: str | None = "counting 1"
    asked: list[int] = field(default_factory=list)

    def read(self, frame: Frame, frame_index: int) -> list[Region]:
        self.asked.append(frame_index)
        return [Region(f"SIGN {frame.width}", (1, 2, 3, 4), frame_index, score=0.9, origin="ocr")]  # type: ignore[arg-type]


class FailingJudge(VerifyStage):
    """Crashes on answers that say "odd"."""

    def __call__(self, scene: Scene, answer: Answer | None, language: Language = "en") -> Verified:
        if answer is not None and "odd" in answer.text:
            raise ZeroDivisionError("division by zero")
        return super().__call__(scene, answer, language)


@dataclass
class ScriptedModel(VisionLanguageModel):
    """Says what the script says to a request, and keeps the requests, one by one and as they came together."""

    script: Callable[[Request], str]
    identity: str | None = None
    can_ground: bool = True
    takes_followups: bool = False
    requests: list[Request] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def generate_all(self, requests: Sequence[Request]) -> list[Generation | TheodoliteError]:
        self.batches.append(len(requests))
        return super().generate_all(requests)

    def generate(self, request: Request) -> Generation:
        self.requests.append(request)
        return Generation(
            self.script(request), "scripted", "r1", {"t": 0}, 7, prompt_tokens=10, completion_tokens=2, seconds=0.5
        )
