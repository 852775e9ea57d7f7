"""What the parts of the server pass to each other: uploads, scenes, work, jobs and their events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.records import Anchor, Claim, Region
from pipeline.records.message import Language


@dataclass(frozen=True)
class Upload:
    """A file that a client sent.

    Args:
        id: Random, unguessable; the name of its file in the store, which has no other.
        path: Where it lies.
        name: The client's name for it, without folders; for display only.
        media_type: Recognised by its content.
        sha256: Of its content.
        size: In bytes.
        created_s: When it came [s since 1970].
        owner: The client that sent it; empty if nobody's share of the store counts.
    """

    id: str
    path: Path
    name: str
    media_type: str
    sha256: str
    size: int
    created_s: float
    owner: str = ""


# From a telescope to a fisheye; beyond them, rays of pixels are hardly numbers any more.
FOV_DEG = (5.0, 170.0)


@dataclass(frozen=True)
class SceneInput:
    """What a scene is read from.

    Args:
        images: Ids of uploads: images of one scene, one video, or one export of a device.
        depth: Ids of uploads: one depth file per image; empty for none.
        depth_kind: What their numbers mean, see ``conf/input/auto.yaml``.
        depth_scale: Metres or units per stored number; None as there.
        camera: fx, fy, cx, cy [px of the upright image]; None reads EXIF.
        fov_deg: Field of view along the longer side if no camera is known [deg]; None takes the configured one. It lies
            within ``FOV_DEG``.
        anchors: Known lengths.
        options: Options of the groups depth, ocr and segment that differ from the configured ones.
    """

    images: tuple[str, ...]
    depth: tuple[str, ...] = ()
    depth_kind: str = "metric"
    depth_scale: float | None = None
    camera: Mapping[str, float] | None = None
    fov_deg: float | None = None
    anchors: tuple[Anchor, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RunLengths:
    """A mask as run lengths, column by column, starting with zeros (COCO's uncompressed RLE).

    Args:
        size: Height and width [px].
        counts: The lengths.
    """

    size: tuple[int, int]
    counts: tuple[int, ...] = field(repr=False)


@dataclass(frozen=True)
class MaskedRegion:
    """A region whose mask is decoded by the job that needs it, because a few bytes can be a mask of any size.

    Args:
        region: The region, without a mask.
        mask: Its mask.
    """

    region: Region
    mask: RunLengths

    def with_mask(self, mask: np.ndarray) -> Region:
        """The region with its mask, bool (H, W)."""
        return replace(self.region, mask=mask)


Regions = tuple[Region | MaskedRegion, ...]


@dataclass(frozen=True)
class Ask:
    """Questions about a scene.

    Args:
        scene: Id of the scene.
        questions: The questions, which are answered together.
        regions: Regions that the client gives, for questions that name them.
        hints: Depth hints in the prompt: none, table, image or both; None takes the configured ones.
        language: Language of the results; None takes that of each question.
        after: Id of a result with a refuted claim: its question is asked again with the evidence.
    """

    scene: str
    questions: tuple[str, ...]
    regions: Regions = ()
    hints: str | None = None
    language: Language | None = None
    after: str | None = None


@dataclass(frozen=True)
class Judge:
    """Claims to be judged without a model.

    Args:
        scene: Id of the scene.
        claims: Claims, or sentences that state them.
        regions: The regions that they name.
        language: Language of the result.
    """

    scene: str
    claims: tuple[Claim | str, ...]
    regions: Regions
    language: Language | None = None


@dataclass(frozen=True)
class Rejudge:
    """An answer to be judged again with other anchors, without a model.

    Args:
        scene: Id of the scene with these anchors.
        result: Id of the result that holds the answer.
    """

    scene: str
    result: str


@dataclass(frozen=True)
class MeasureDepth:
    """Depth of a scene's frames.

    Args:
        scene: Id of the scene.
    """

    scene: str


Work = Ask | Judge | Rejudge | MeasureDepth

WORK_NAMES: Mapping[type[Work], str] = {Ask: "ask", Judge: "verify", MeasureDepth: "depth", Rejudge: "rejudge"}
"""What clients call each kind of work."""


class JobState(StrEnum):
    """How far a job is; ``interrupted`` is one that the server's end cut off."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self not in (JobState.WAITING, JobState.RUNNING)


EventKind = Literal["position", "stage", "text", "result", "state"]


@dataclass(frozen=True)
class Event:
    """Something that happened to a job.

    Args:
        number: Counted from one, for clients that continue a stream.
        kind: ``position`` in the queue, ``stage`` that began, ``text`` of the answer so far, a ``result``, or a
            ``state``.
        data: ``{"position": 2}``; ``{"stage": "depth"}``; ``{"question": 0, "attempt": 0, "text": "The cup"}``, the
            whole text so far; ``{"question": 0, "result": ID}``; ``{"state": "failed", "problem": {...}}``.
    """

    number: int
    kind: EventKind
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Job:
    """A piece of work, and how far it is.

    Args:
        id: Random, unguessable.
        work: What is asked.
        client: Whose it is: a name made of the address or the token, for limits.
        state: How far it is.
        created_s: When it came [s since 1970].
        finished_s: When it ended [s since 1970].
        results: Ids of its results, one per question; None for a question that failed or is not answered yet.
        problem: Problem details (RFC 9457) of a job that failed.
        position: Place in the queue, counted from one; None once it runs.
        stage: The stage that runs.
    """

    id: str
    work: Work
    client: str
    state: JobState
    created_s: float
    finished_s: float | None = None
    results: tuple[str | None, ...] = ()
    problem: Mapping[str, Any] | None = None
    position: int | None = None
    stage: str | None = None
