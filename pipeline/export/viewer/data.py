"""Data of one result for the 3D viewer, as plain JSON.

Convention: OpenCV axes (x right, y down, z forward); metres where depth is metric, else the unit of the depth. Pixel
(0, 0) is the centre of the top-left pixel.
"""

from __future__ import annotations

from typing import Any

from pipeline.export.stored_scene import StoredScene
from pipeline.export.viewer.boxes import region_entries
from pipeline.export.viewer.frames import MOST_FRAMES, colour_ends, frame_entry, shown_frames
from pipeline.export.viewer.lines import claim_entries
from pipeline.export.viewer.words import viewer_words
from pipeline.records import Result, Scene
from pipeline.records.message import message

VERSION = 1
# Most points of all frames, as a multiple of those of one: a page of 0.9 MB of photos, where one has 66 000.
_SEVERAL = 3


def view_data(stored: StoredScene, result: Result, most_points: int = 66_000) -> dict[str, Any]:
    """What the viewer shows of a result.

    The keys of the data:

    - ``version``: 1; ``id``: that of the item; ``language``; ``words``: of the viewer, in that language.
    - ``notice``: what the viewer says about depth that has no scale, no shape or no points, or None.
    - ``views``: what can be chosen to be shown, each with its ``label`` and the positions of its ``frames`` in the list
      below; the first one is shown first.
    - ``frames``: those that have depth, at most 48, of which those that regions and evidence name come first.
      ``index`` in the scene, ``name``, ``kind`` of depth, ``relief`` (whether z has no shape and is made up),
      ``shared`` (whether its space is that of all frames with a pose), ``width`` and ``height`` [px], ``camera``: fx,
      fy, cx, cy [px], ``pose``: 4 x 4, from its camera to its space, ``up``: unit vector against gravity in that
      space, ``errors``: see ``DepthErrors``, ``depth``: ``least``, ``largest`` and ``linear`` of the levels,
      ``ends``: z at the near and the far end of the colours of depth, as in the picture of its depth,
      ``confidence``: whether its points have it, ``count`` of its points and ``total`` of the valid pixels that they
      are chosen from, ``points``: see ``pipeline.export.viewer.points``.
    - ``regions``: one per region of the result. ``name``, ``frame`` (index in the scene), ``colour``: RGB, ``corners``:
      eight of the upright box around what is visible of it, or four of its frame in a relief, ``given``: eight of the
      box that the model gave; in the camera frame of its frame; ``repeated``: true where a region of another frame
      shows the same object in the same space by more points, so that views of several frames need one box only.
    - ``claims``: one per verdict. ``text``, ``status``, ``regions``: indices, ``lines``: each with ``kind``
      (``distance``, or ``order`` for what was compared), ``frame`` (index in the scene), ``from``, ``to``, ``text`` and
      ``dashed`` (beside the line that decides), ``contours``: each with ``frame`` and ``points``; in the camera frame
      of that frame.

    Args:
        stored: The scene and the errors of its depth.
        result: Regions and verdicts.
        most_points: Most points of one frame; several frames together have at most three times as many.

    Returns:
        A mapping of strings, numbers, lists and None.
    """
    scene = stored.scene
    shown = shown_frames(stored, result)
    counts = _shares([min(int(frame.valid.sum()), most_points) for frame in shown], _SEVERAL * most_points)
    ends = colour_ends(stored, shown)
    frames = [
        {**frame_entry(stored, result, frame, count), "ends": list(ends[frame.index])}
        for frame, count in zip(shown, counts, strict=True)
    ]
    by_index = {frame.index: frame for frame in shown}
    return {
        "version": VERSION,
        "id": scene.id,
        "language": result.language,
        "words": viewer_words(result.language),
        "notice": _notice(stored, frames, result),
        "views": _views(stored.scene, frames, result),
        "frames": frames,
        "regions": region_entries(stored, result, by_index),
        "claims": claim_entries(scene, result, by_index),
    }


def _shares(counts: list[int], most: int) -> list[int]:
    """Shares of the counts, whole numbers that add up to at most ``most``.

    >>> _shares([2, 2, 2], 4), _shares([1], 4)
    ([1, 1, 2], [1])
    """
    if sum(counts) <= most:
        return counts
    ends = [sum(counts[: index + 1]) * most // sum(counts) for index in range(len(counts))]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def _views(scene: Scene, frames: list[dict[str, Any]], result: Result) -> list[dict[str, Any]]:
    """All frames that share a space together, where there are several, then each frame alone."""
    shared = [position for position, frame in enumerate(frames) if frame["shared"]]
    views = [{"label": frame["name"], "frames": [position]} for position, frame in enumerate(frames)]
    if len(shared) > 1:
        if len(scene.depth) > MOST_FRAMES:
            label = message("viewer_some_frames", count=len(shared), total=len(scene.depth))
        else:
            label = message("viewer_all_frames", count=len(shared))
        views.insert(0, {"label": label.text(result.language), "frames": shared})
    return views


def _notice(stored: StoredScene, frames: list[dict[str, Any]], result: Result) -> str | None:
    if not stored.scene.depth:
        code = "viewer_no_depth"
    elif not frames:
        code = "viewer_empty"
    elif frames[0]["relief"]:
        code = "viewer_relief"
    elif frames[0]["kind"] == "scale_invariant":
        code = "viewer_no_scale"
    else:
        return None
    return message(code).text(result.language)
