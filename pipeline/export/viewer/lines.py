"""What a verdict measured, as lines and contours of the viewer.

Convention: points are (x, y, z) in the camera frame of the evidence's frame, in the unit of its depth.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pipeline.export.viewer.frames import ShownFrame
from pipeline.export.viewer.lengths import plus_minus
from pipeline.geometry.backprojection import back_project_pixels
from pipeline.records import DepthKind, Evidence, Point, Result, Scene, Verdict
from pipeline.records.error_budget import HALF_INTERVAL
from pipeline.records.message import Language, Message, length_text, message

_CAMERA: Point = (0.0, 0.0, 0.0)
# The contour belongs to the nearer of two objects, which its pixels miss by at most this much.
_BESIDE_PX = 1
_MOST_CONTOUR_PX = 2000


def claim_entries(scene: Scene, result: Result, shown: dict[int, ShownFrame]) -> list[dict[str, Any]]:
    """One entry per verdict of the result, in their order; ``view_data`` says what its keys mean."""
    entries = []
    for verdict in result.verdicts:
        seen = [evidence for evidence in verdict.evidence if evidence.frame in shown]
        regions = dict.fromkeys(region for evidence in verdict.evidence for region in evidence.regions)
        entries.append(
            {
                "text": verdict.claim_text,
                "status": str(verdict.status),
                "regions": list(regions),
                "lines": [
                    line
                    for evidence in seen
                    if not shown[evidence.frame].is_relief
                    for line in _lines(verdict, evidence, shown[evidence.frame].depth.kind, result.language)
                ],
                "contours": [
                    contour for evidence in seen if (contour := _contour(evidence, shown[evidence.frame], scene))
                ],
            }
        )
    return entries


def _lines(verdict: Verdict, evidence: Evidence, kind: DepthKind, language: Language) -> list[dict[str, Any]]:
    """The measured lines of a verdict in one frame; lengths only where depth is metric."""
    is_metric = kind is DepthKind.METRIC
    points, numbers, found = evidence.points, evidence.numbers, []

    def add(kind: str, ends: tuple[Point, Point], words: Message | None, *, dashed: bool = False) -> None:
        if all(map(math.isfinite, (*ends[0], *ends[1]))):
            text = "" if words is None else words.text(language)
            line = {"kind": kind, "frame": evidence.frame, "from": list(ends[0]), "to": list(ends[1])}
            found.append({**line, "text": text, "dashed": dashed})

    if "nearest_subject" in points:
        for measure, length in (("nearest", "nearest_visible_m"), ("centre", "centres_m")):
            names = f"{measure}_subject", f"{measure}_object"
            is_known = is_metric and length in numbers and all(name in points for name in names)
            if is_known and verdict.claim.measure in (None, measure):
                ends = points[names[0]], points[names[1]]
                error_m = HALF_INTERVAL * numbers.get(f"{measure}_sigma_relative", 0.0) * numbers[length]
                add("distance", ends, plus_minus(numbers[length], error_m), dashed=measure == "centre")
    elif "subject" in points and "object" in points:
        add("order", (points["subject"], points["object"]), _difference(numbers))
    elif "subject" in points and "middle_m" in numbers and is_metric:
        error_m = HALF_INTERVAL * numbers.get("sigma_relative", 0.0) * numbers["middle_m"]
        add("distance", (_CAMERA, points["subject"]), plus_minus(numbers["middle_m"], error_m))
    return found


def _difference(numbers: dict[str, float]) -> Message | None:
    """How far two objects are apart in depth, in metres or as a ratio; None where depth was not compared."""
    if "difference_m" in numbers and "sigma_m" in numbers:
        return message("viewer_in_depth", gap=plus_minus(numbers["difference_m"], HALF_INTERVAL * numbers["sigma_m"]))
    if "z_subject_m" in numbers and "z_object_m" in numbers:
        gap_m = abs(numbers["z_subject_m"] - numbers["z_object_m"])
        return message("viewer_in_depth", gap=length_text(gap_m))
    if numbers.get("z_subject_relative", 0) > 0 and numbers.get("z_object_relative", 0) > 0:
        ends = sorted((numbers["z_subject_relative"], numbers["z_object_relative"]))
        return message("viewer_ratio", ratio=ends[1] / ends[0])
    return None


def _contour(evidence: Evidence, shown: ShownFrame, scene: Scene) -> dict[str, Any] | None:
    """The contour of an occlusion, at the depth of the nearer side of each of its pixels."""
    pixels = np.asarray(evidence.contour_px, dtype=np.float64).reshape(-1, 2)
    pixels = pixels[np.isfinite(pixels).all(axis=1)]
    if not len(pixels):
        return None
    pixels = pixels[:: -(-len(pixels) // _MOST_CONTOUR_PX)]
    nearest = np.where(shown.valid, shown.z, np.inf)
    height, width = nearest.shape
    z = np.full(len(pixels), np.inf)
    for beside_u in range(-_BESIDE_PX, _BESIDE_PX + 1):
        for beside_v in range(-_BESIDE_PX, _BESIDE_PX + 1):
            columns = np.clip(np.rint(pixels[:, 0]).astype(np.int64) + beside_u, 0, width - 1)
            rows = np.clip(np.rint(pixels[:, 1]).astype(np.int64) + beside_v, 0, height - 1)
            z = np.minimum(z, nearest[rows, columns])
    known = np.isfinite(z)
    if not known.any():
        return None
    pixels, z = pixels[known], z[known]
    points = back_project_pixels(pixels[:, 0], pixels[:, 1], z, scene.frames[evidence.frame].camera)
    return {"frame": evidence.frame, "points": [[float(f"{number:.5g}") for number in point] for point in points]}
