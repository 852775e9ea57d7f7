"""The scene as a recording for rerun (https://rerun.io): photo, depth, points, boxes and lines over the frames.

Convention: ``ViewCoordinates.RDF``, the axes of OpenCV; of posed frames, the world's own axes with what is up. rerun
places the centre of the top-left pixel at (0.5, 0.5) (https://github.com/rerun-io/rerun/issues/3896), so principal
points are moved by half a pixel. Entities:

- ``world/camera``: pose; below it ``image`` (pinhole, photo), ``image/regions`` (boxes in the image) and
  ``image/contours`` (pixels that decided verdicts).
- ``world/points``, ``world/boxes``, ``world/distances``: what is in space; of several posed frames, one entity each.
- ``depth``, or ``disparity``: values as an image. It lies outside the camera, because rerun would draw it in space,
  where disparity of unknown scale and shift has no place.
- ``answer``: question, answer and verdicts.

The timeline ``frame`` counts frames from 0, ``time`` holds their times where they are known.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from pipeline.export.files import replacing
from pipeline.export.formats import FormatSettings, require_packages
from pipeline.export.palette import region_colours
from pipeline.export.points import coloured_points, is_posed, placeable, placed, shaped
from pipeline.export.regions import RegionDepth, region_depths
from pipeline.export.space import boxes_of, measured_lines, up_axis
from pipeline.export.stored_scene import StoredScene
from pipeline.export.text import one_line
from pipeline.records import DepthKind, DepthMap, Result
from pipeline.records.error_budget import HALF_INTERVAL
from pipeline.records.errors import ExportError
from pipeline.records.versions import versions

_JPEG_QUALITY = 90
_LEVELS = 65535
_FARTHEST_PX = 1e7
_LINE_COLOUR = (220, 20, 60)


def write(path: Path, stored: StoredScene, result: Result, settings: FormatSettings) -> Path | None:
    """Write a result as a rerun recording.

    Posed frames with metric depth share the world; of other frames, each is shown in its own camera frame at its time.
    Without depth that has a shape, the recording holds photo, boxes and depth image only.

    Args:
        path: Where to write.
        stored: Frames and depth.
        result: Regions, answer and verdicts.
        settings: Most points, of all frames of a space together.

    Returns:
        The path.

    Raises:
        DependencyError: If rerun is not installed.
        ExportError: If the file cannot be written.
    """
    require_packages("rrd")
    import rerun as rr

    unique = sha256(f"{result.item_id}\0{result.question or ''}".encode("utf-8", "replace")).hexdigest()[:16]
    # A recording of its own, with no connection to a viewer. rerun's own files say nothing about a full disk.
    recording = rr.RecordingStream("theodolite", recording_id=unique, send_properties=False)
    try:
        recording.set_log_time_enabled(False)
        recording.set_log_tick_enabled(False)
        stream = rr.binary_stream(recording)
        recording.send_blueprint(_blueprint(rr, stored), make_active=False)
        _Writer(rr, recording, stored, result, settings).write()
        content = stream.read(flush=True)
    finally:
        recording.disconnect()
    with replacing(path) as temporary:
        temporary.write_bytes(content or b"")
    return path


class _Writer:
    """Logs one result.

    Args:
        rr: The module rerun.
        recording: Where to log.
        stored: Frames and depth.
        result: Regions, answer and verdicts.
        settings: Most points.
    """

    def __init__(self, rr: Any, recording: Any, stored: StoredScene, result: Result, settings: FormatSettings) -> None:
        self.rr, self.log, self.recording = rr, recording.log, recording
        self.scene, self.result, self.settings = stored.scene, result, settings
        self.depths: tuple[RegionDepth, ...] = region_depths(stored, result.regions)
        self.colours = region_colours(result.regions)
        self.has_contours = any(each.contour_px for verdict in result.verdicts for each in verdict.evidence)
        posed = placeable(self.scene)
        self.is_world = bool(posed) and is_posed(self.scene, posed[0])
        self.spaces = {index: posed for index in posed} if self.is_world else {k: [k] for k in shaped(self.scene)}
        self.origin = np.zeros(3)  # Own camera frames begin at 0.
        self.parts: dict[int, Any] = {}
        for frames in [posed] if self.is_world else list(self.spaces.values()):
            cloud = coloured_points(self.scene, result, settings.max_points, frames, of_regions=False)
            if cloud is not None:
                self.origin = cloud.origin if self.is_world else self.origin
                self.parts |= {index: (cloud, cloud.frames == index) for index in frames}

    def write(self) -> None:
        """Log everything."""
        rr, scene = self.rr, self.scene
        kind = scene.depth[0].kind if scene.depth else None
        self.recording.send_recording_name(one_line(self.result.item_id) or "item")
        about = {
            "rerun_sdk": rr.__version__,
            "theodolite": versions()["theodolite"],
            "item": one_line(self.result.item_id),
            "unit": "m" if kind is DepthKind.METRIC else "unknown",
            "depth_kind": "none" if kind is None else str(kind),
            "origin": self.origin.tolist(),
        }
        self.recording.send_property("theodolite", rr.AnyValues(**about))
        axis, sign = up_axis(scene, list(self.spaces))
        name = f"RIGHT_HAND_{'XYZ'[axis]}_{'UP' if sign > 0 else 'DOWN'}"
        self.log("world", getattr(rr.ViewCoordinates, name), static=True)
        self.log("answer", rr.TextDocument(self._answer(), media_type="text/plain"), static=True)
        for index, frame in enumerate(scene.frames):
            self.recording.set_time("frame", sequence=index)
            if frame.timestamp_s is not None:
                self.recording.set_time("time", duration=frame.timestamp_s)
            self._camera(index)
            self._image_boxes(index)
            self._contours(index)
            if scene.depth:
                self._depth_image(scene.depth[index])
            self._space(index)

    def _camera(self, index: int) -> None:
        rr, frame = self.rr, self.scene.frames[index]
        camera = frame.camera
        if self.is_world and not is_posed(self.scene, index):
            # A frame without a place in the world has a photo only.
            self.log("world/camera", rr.Clear(recursive=True))
        else:
            pose = self._pose(index)
            self.log("world/camera", rr.Transform3D(translation=pose[:3, 3] - self.origin, mat3x3=pose[:3, :3]))
            pinhole = rr.Pinhole(
                focal_length=(camera.fx, camera.fy),
                principal_point=(camera.cx + 0.5, camera.cy + 0.5),
                resolution=(camera.width, camera.height),
                camera_xyz=rr.ViewCoordinates.RDF,
            )
            self.log("world/camera/image", pinhole)
        photo = _encoded(frame.rgb[..., ::-1], ".jpg", (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
        self.log("world/camera/image", rr.EncodedImage(contents=photo, media_type="image/jpeg"))

    def _pose(self, index: int) -> np.ndarray:
        """Camera-to-world of a frame; of one that is shown in its own camera frame, the identity."""
        pose = self.scene.frames[index].pose
        return pose if pose is not None and is_posed(self.scene, index) else np.eye(4)

    def _image_boxes(self, index: int) -> None:
        rr = self.rr
        held = [number for number, region in enumerate(self.result.regions) if region.frame == index]
        # Numbers beyond any image do not fit into float32.
        edges = np.clip([self.result.regions[number].box_px for number in held], -_FARTHEST_PX, _FARTHEST_PX)
        boxes = edges.astype(np.float32).reshape(-1, 4)
        labels = [self._label(number) for number in held]
        colours = [self.colours[number] for number in held]
        named = {"labels": labels, "colors": colours} if held else {}
        self.log("world/camera/image/regions", rr.Boxes2D(array=boxes, array_format=rr.Box2DFormat.XYXY, **named))

    def _contours(self, index: int) -> None:
        """Contours that decided verdicts."""
        entity = "world/camera/image/contours"
        if index > 0 and self.has_contours:
            # Those of an earlier frame do not hold for this one.
            self.log(entity, self.rr.Clear(recursive=False))
        pixels = [
            pixel
            for verdict in self.result.verdicts
            for evidence in verdict.evidence
            for pixel in (evidence.contour_px if evidence.frame == index else ())
        ]
        if pixels:
            places = np.clip(np.array(pixels) + 0.5, -_FARTHEST_PX, _FARTHEST_PX)
            self.log(entity, self.rr.Points2D(places, colors=_LINE_COLOUR))

    def _depth_image(self, depth: DepthMap) -> None:
        """Values as 16-bit PNG; a level of 0 is no depth, ``meter`` says how many levels a unit has."""
        values = np.where(depth.valid, depth.values, 0).astype(np.float64)
        least = min(0.0, float(values.min()))
        largest = float((values - least).max())
        per_unit = _LEVELS / largest if 0 < largest < np.inf else 1.0
        levels = np.where(depth.valid, np.maximum(np.round((values - least) * per_unit), 1), 0).astype(np.uint16)
        name = "disparity" if depth.kind.larger_is_nearer else "depth"
        data = _encoded(levels, ".png", (cv2.IMWRITE_PNG_COMPRESSION, 3))
        self.log(name, self.rr.EncodedDepthImage(blob=data, media_type="image/png", meter=per_unit))

    def _space(self, index: int) -> None:
        """Points, boxes and lines of a frame."""
        rr = self.rr
        below = f"/frame_{index}" if self.is_world and len(self.spaces[min(self.spaces)]) > 1 else ""
        if index > 0 and self.spaces and not self.is_world:
            # What an earlier frame showed in its own space does not hold for this one.
            for name in ("points", "boxes", "distances"):
                self.log(f"world/{name}", rr.Clear(recursive=True))
        if index in self.parts:
            cloud, own = self.parts[index]
            points = rr.Points3D(cloud.positions[own] - self.origin, colors=cloud.colours[own])
            self.log(f"world/points{below}", points)
        if index not in self.spaces:
            return
        boxes = boxes_of(self.result, self.depths, [index])
        if boxes:
            turn = self._pose(index)[:3, :3]
            centres = [placed(self.scene, index, np.array([box.center_m]))[0] - self.origin for _, _, box in boxes]
            quaternions = [Rotation.from_matrix(turn @ box.rotation).as_quat() for _, _, box in boxes]
            names = [self._label(number) + (" (model)" if who == "model" else "") for number, who, _ in boxes]
            drawn = rr.Boxes3D(
                centers=centres,
                half_sizes=[np.array(box.size_m) / 2 for _, _, box in boxes],
                quaternions=[rr.Quaternion(xyzw=each) for each in quaternions],
                labels=names,
                colors=[self.colours[number] for number, _, _ in boxes],
            )
            self.log(f"world/boxes{below}", drawn)
        lines = measured_lines(self.scene, self.result, [index])
        if lines:
            strips = [line.ends - self.origin for line in lines]
            labels = [one_line(f"{line.name}: {line.label}") for line in lines]
            self.log(f"world/distances{below}", rr.LineStrips3D(strips, labels=labels, colors=_LINE_COLOUR))

    def _label(self, number: int) -> str:
        label, depth = one_line(self.result.regions[number].label), self.depths[number]
        if depth.unit is None or depth.value is None or depth.sigma is None:
            return label
        return f"{label} {depth.value:.3g} ± {HALF_INTERVAL * depth.sigma:.2g} m"

    def _answer(self) -> str:
        result = self.result
        lines = [result.question or "", "" if result.answer is None else result.answer.text, ""]
        lines += [f"{verdict.claim_text}: {verdict.status}. {verdict.reason}" for verdict in result.verdicts]
        return "\n".join(lines).strip().encode("utf-8", "replace").decode()


def _blueprint(rr: Any, stored: StoredScene) -> Any:
    """Photo, space and depth side by side, over the answer."""
    import rerun.blueprint as blueprint

    depth = stored.scene.depth
    views: list[Any] = [blueprint.Spatial2DView(origin="world/camera/image", name="photo")]
    if shaped(stored.scene):
        views.append(blueprint.Spatial3DView(origin="world", name="space"))
    if depth:
        name = "disparity" if depth[0].kind.larger_is_nearer else "depth"
        views.append(blueprint.Spatial2DView(origin=name, name=name))
    answer = blueprint.TextDocumentView(origin="answer", name="answer")
    return blueprint.Blueprint(blueprint.Vertical(blueprint.Horizontal(*views), answer, row_shares=[3, 1]))


def _encoded(image: np.ndarray, suffix: str, settings: tuple[int, int]) -> bytes:
    done, data = cv2.imencode(suffix, image, settings)
    if not done:
        raise ExportError(f"An image of {image.shape} cannot be encoded as {suffix}.")
    encoded: bytes = data.tobytes()
    return encoded
