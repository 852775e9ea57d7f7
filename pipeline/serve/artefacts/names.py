"""The names of a result's artefacts; nothing else is ever looked for on disk."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.serve.problems import UnknownError

REPORT_PAGE = "report/items/result.html"
"""The page of a result in its report."""

_PAGE_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".jpg": "image/jpeg",
}
# One folder and one file at most below "report", without a leading dot.
_IN_REPORT = re.compile(r"report(?:/[A-Za-z0-9_-]+){0,1}/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(\.html|\.js|\.css|\.jpg)")
_OF_FRAME = re.compile(r"(photo|depth)-(0|[1-9][0-9]{0,4})\.(jpg|png)")


@dataclass(frozen=True)
class Kind:
    """A kind of artefact.

    Args:
        name: Its name; ``N`` stands for the index of a frame, ``...`` for a path.
        media_type: Its media type; that of files of a report depends on their suffix.
        words: What it is, for people.
        part: What is made at once: a file, or a folder with those of all frames or pages, in the result's folder.
    """

    name: str
    media_type: str
    words: str
    part: str


ARTEFACTS: tuple[Kind, ...] = (
    Kind("result.json", "application/json", "The result, as its JSON Schema describes it.", "result.json"),
    Kind("view.json", "application/json", "Points, boxes and claims for the 3D viewer.", "view.json"),
    Kind("overlay.jpg", "image/jpeg", "The frames with regions and signs of verdicts, and their depth.", "overlay.jpg"),
    Kind("photo-N.jpg", "image/jpeg", "Frame N, from 0, upright, at most 1280 px wide or high.", "photo"),
    Kind("depth-N.png", "image/png", "Depth of frame N in colour: light is near, hatched has no depth.", "depth"),
    Kind("report/...", "text/html", f"The report, from {REPORT_PAGE} on.", "report"),
    Kind("regions.json", "application/json", "The regions in COCO's format.", "regions.json"),
    Kind("points.ply", "application/octet-stream", "The point cloud, where depth has shape.", "points.ply"),
    Kind("scene.glb", "model/gltf-binary", "Points, boxes and distances, where depth has shape.", "scene.glb"),
    Kind("scene.zip", "application/zip", "Photos, depth, cameras and errors, to be read again.", "scene.zip"),
    Kind("download.zip", "application/zip", "All of the above; the report opens without a server.", "download.zip"),
    Kind("workbench.json", "application/json", "What the page of this server shows of the result.", "workbench.json"),
)
"""All kinds of artefacts."""

_BY_NAME = {kind.name: kind for kind in ARTEFACTS}


@dataclass(frozen=True)
class Wanted:
    """An artefact that is asked for.

    Args:
        name: Its name.
        kind: What it is.
        media_type: Its media type.
        path: Where it lies in the folder of the result.
        frame: Index of its frame; None for those of all frames.
    """

    name: str
    kind: Kind
    media_type: str
    path: str
    frame: int | None = None


def wanted(name: str) -> Wanted:
    """What is asked for by a name.

    Raises:
        UnknownError: If no artefact has such a name, as for every path that leads elsewhere.
    """
    if (of_frame := _OF_FRAME.fullmatch(name)) is not None:
        kind = _BY_NAME.get(f"{of_frame[1]}-N.{of_frame[3]}")
        if kind is not None:
            return Wanted(name, kind, kind.media_type, f"{kind.part}/{name}", int(of_frame[2]))
    elif (in_report := _IN_REPORT.fullmatch(name)) is not None:
        return Wanted(name, _BY_NAME["report/..."], _PAGE_TYPES[in_report[1]], name)
    elif name in _BY_NAME and _BY_NAME[name].part == name:
        kind = _BY_NAME[name]
        return Wanted(name, kind, kind.media_type, name)
    raise UnknownError(f"There is no artefact of this name; there are {', '.join(_BY_NAME)}.")
