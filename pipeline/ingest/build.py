"""Turns an item into a scene, and reads all of its files."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.ingest.alignment import aligned_depth
from pipeline.ingest.annotations import Annotations, clipped_note, make_region, read_claims
from pipeline.ingest.camera_checks import CheckedCamera
from pipeline.ingest.cameras import frame_camera
from pipeline.ingest.depth_files import fitted_depth, stored_depth
from pipeline.ingest.depth_kinds import check_kind
from pipeline.ingest.files import POINT_SUFFIXES, printable
from pipeline.ingest.item import Item
from pipeline.ingest.lenses import UndoneLens, given_lens, lens_notes, moved_anchor, pinhole, undone_lens
from pipeline.ingest.resampling import Size, bounded_size, resize_nearest, resize_rgb, size_of
from pipeline.ingest.source_images import IngestSettings, SourceImage, read_images
from pipeline.records import Anchor, Claim, DepthKind, DepthMap, Frame, Region, ScaleSource, Scene
from pipeline.records.camera import Camera
from pipeline.records.errors import InputError, RecordError
from pipeline.records.message import Message, message

logger = logging.getLogger(__name__)


def build_scene(item: Item, settings: IngestSettings | None = None, annotations: Annotations | None = None) -> Scene:
    """Read the images, cameras, depth, regions and claims of an item.

    Args:
        item: What to read.
        settings: How to read it.
        annotations: Further regions and claims, for all items or by id.

    Returns:
        The scene; its frames have cameras and, where given, depth of their own size.

    Raises:
        InputError: If a file cannot be read or the parts do not fit together.
    """
    settings = settings or IngestSettings()
    try:
        images = read_images(item, settings)
        lenses = [_lens(item, index, image, settings) for index, image in enumerate(images)]
        read = [_frame(item, index, image, lenses[index], settings) for index, image in enumerate(images)]
        frames = tuple(frame for frame, _ in read)
        regions, claims, clipped = _regions_and_claims(item, annotations or Annotations(), images, lenses, frames)
        anchors = tuple(_resized_anchor(anchor, item, images, lenses, frames) for anchor in item.anchors)
        placed = {region.frame for region in regions} | {anchor.frame or 0 for anchor in anchors if anchor.points_px}
        notes = [
            found if lens is None else found + lens_notes(index in placed)
            for index, (lens, (_, found)) in enumerate(zip(lenses, read, strict=True))
        ]
        told = (*by_frame(notes), *clipped)
        return Scene(item.id, frames, item.questions, regions, claims, anchors=anchors, notes=told)
    except RecordError as error:
        raise InputError(f"Item {item.id!r}: {error}") from error


def by_frame(notes: Sequence[tuple[Message, ...]]) -> Iterator[Message]:
    """Each note once, with the frames that it concerns unless it is all of them."""
    for note in dict.fromkeys(note for several in notes for note in several):
        which = tuple(index for index, several in enumerate(notes) if note in several)
        yield note if len(which) == len(notes) else message("note_of_frames", frames=which, note=note)


def _lens(item: Item, index: int, image: SourceImage, settings: IngestSettings) -> UndoneLens | None:
    """The lens that the user gave for a frame, with its camera for the stored image."""
    given = item.camera_of(index)
    if given_lens(given) is None:
        return None
    if any(note.code == "lens_undone" for note in image.notes):
        raise InputError(
            f"Item {item.id!r}: {image.name} states its own lens, which was undone; give no k1, k2, p1, p2."
        )
    return undone_lens(given, _camera(item, index, image, settings).camera)


def _camera(
    item: Item, index: int, image: SourceImage, settings: IngestSettings, depth: DepthMap | None = None
) -> CheckedCamera:
    """The camera of the stored image without its lens."""
    given = pinhole(item.camera_of(index))
    known = image.camera or _camera_of_scanner(item, index, size_of(image.rgb))
    return frame_camera(
        size_of(image.rgb),
        given or known,
        focal_35mm=image.focal_35mm,
        fov_deg=settings.fov_deg,
        depth=depth,
        trusted=settings.trust_input,
        is_calibrated=given is None,
    )


def _frame(
    item: Item, index: int, image: SourceImage, lens: UndoneLens | None, settings: IngestSettings
) -> tuple[Frame, tuple[Message, ...]]:
    """A frame, and notes about what was changed on reading."""
    size = bounded_size(size_of(image.rgb), settings.max_side_px)
    depth, notes, name = image.depth, image.notes, f"The depth of {image.name}"
    if item.depth and not item.lidar_to_camera:
        depth, name = _stored_depth(item, index, trusted=settings.trust_input), printable(str(item.depth[index]))
    if depth is not None and not settings.trust_input:
        aligned = aligned_depth(
            depth,
            image.rgb,
            name,
            exif_orientation=image.orientation if item.depth else 1,
            is_recorded=not item.depth,
        )
        depth, notes = aligned.depth, notes + aligned.notes
        if item.depth:
            check_kind(depth, name)
    rgb = image.rgb
    if lens is not None:
        rgb, depth = lens.rgb(rgb), None if depth is None else lens.depth(depth)
    found = _camera(item, index, image, settings, depth)
    camera, notes = found.camera.resized(*size), notes + found.notes
    if settings.trust_input and (item.depth or item.camera_of(index)):
        notes = (*notes, message("input_was_trusted"))
    logger.debug("The camera of %s is %s, fx %.1f px.", image.name, camera.source, camera.fx)
    if item.depth and item.lidar_to_camera:
        depth = _scanned_depth(item, index, found.camera)
        if not settings.trust_input:
            depth = aligned_depth(depth, rgb, printable(str(item.depth[index]))).depth
    if depth is not None and not depth.valid.any():
        depth, notes = None, (*notes, message("depth_without_values", name=name))
    frame = Frame(
        rgb=resize_rgb(rgb, size),
        camera=camera,
        timestamp_s=image.timestamp_s,
        pose=np.array(item.poses[index]) if item.poses else image.pose,
        given_depth=None if depth is None else fitted_depth(depth, size),
        name=image.name,
    )
    return frame, notes


def _camera_of_scanner(item: Item, index: int, size: Size) -> Camera | None:
    """The camera of the calibration that a scanner's pose comes from, if any."""
    if not item.lidar_to_camera:
        return None
    from pipeline.ingest.lidar import camera_of_pose

    return camera_of_pose(item.lidar_to_camera, index, *size)


def _scanned_depth(item: Item, index: int, camera: Camera) -> DepthMap:
    """Depth of a scanner's points, of the size of the camera's image."""
    from pipeline.ingest.lidar import depth_of_points, pose_of_frame

    if item.depth_kind is not DepthKind.METRIC or item.scale_source is not ScaleSource.SENSOR:
        raise InputError(f"Item {item.id!r}: points of a scanner are metric depth of a sensor; leave depth_kind out.")
    pose = pose_of_frame(item.lidar_to_camera, index)
    depth = depth_of_points(item.depth[index], pose, camera, scale_m=item.depth_scale or 1.0)
    return depth if item.depth_backend is None else replace(depth, backend=item.depth_backend)


def _stored_depth(item: Item, index: int, *, trusted: bool) -> DepthMap:
    if item.depth[index].suffix.lower() in POINT_SUFFIXES:
        raise InputError(f"{item.depth[index]} holds points of a scanner; give lidar_to_camera with it.")
    depth = stored_depth(
        item.depth[index],
        kind=item.depth_kind,
        scale_source=item.scale_source or ScaleSource.NONE,
        scale=item.depth_scale,
        key=item.depth_key,
        invalid=item.depth_invalid,
        trusted=trusted,
    )
    return depth if item.depth_backend is None else replace(depth, backend=item.depth_backend)


def _regions_and_claims(
    item: Item,
    annotations: Annotations,
    images: Sequence[SourceImage],
    lenses: Sequence[UndoneLens | None],
    frames: Sequence[Frame],
) -> tuple[tuple[Region, ...], tuple[Claim, ...], tuple[Message, ...]]:
    """Regions in the pixels of their frames, claims, and notes about regions."""
    more = annotations.of(item.id)
    own = read_claims(item.claims).of(item.id) if isinstance(item.claims, Path) else Annotations(claims=item.claims)
    stored = [size_of(image.rgb) for image in images]
    try:
        plains = (*item.regions, *own.regions, *more.regions)
        regions = [make_region(plain, stored) for plain in plains]
        pairs = zip(plains, regions, strict=True)
        clipped = tuple(note for pair in pairs if (note := clipped_note(*pair)) is not None)
        regions = [lens.region(region) if (lens := lenses[region.frame]) else region for region in regions]
    except InputError as error:
        raise InputError(f"Item {item.id!r}, {error}") from None
    claims = (*own.claims, *more.claims)
    for claim in claims:
        if any(frame >= len(frames) for frame in claim.frames):
            raise InputError(
                f"Item {item.id!r}: the claim {claim.in_words()!r} names frames {claim.frames}; "
                f"frames are numbered from 0 to {len(frames) - 1}."
            )
    resized = tuple(_resized(region, stored[region.frame], frames[region.frame]) for region in regions)
    return resized, claims, clipped


def _resized_anchor(
    anchor: Anchor,
    item: Item,
    images: Sequence[SourceImage],
    lenses: Sequence[UndoneLens | None],
    frames: Sequence[Frame],
) -> Anchor:
    """The anchor with the pixels of its resized frame."""
    at = anchor.frame or 0
    if not anchor.points_px or at >= len(frames):
        return anchor
    (width, height), size = size_of(images[at].rgb), size_of(frames[at].rgb)
    if not all(-0.5 <= u <= width - 0.5 and -0.5 <= v <= height - 0.5 for u, v in anchor.points_px):
        raise InputError(
            f"Item {item.id!r}: the anchor {anchor.in_words()!r} names a pixel outside its frame of "
            f"{width} x {height} px."
        )
    try:
        anchor = moved_anchor(anchor, lenses[at])
    except InputError as error:
        raise InputError(f"Item {item.id!r}, anchors: {error}") from None
    scale_x, scale_y = size[0] / width, size[1] / height
    points = tuple(((u + 0.5) * scale_x - 0.5, (v + 0.5) * scale_y - 0.5) for u, v in anchor.points_px)
    return replace(anchor, points_px=points)


def _resized(region: Region, stored: Size, frame: Frame) -> Region:
    size = size_of(frame.rgb)
    if size == stored:
        return region
    scale_x, scale_y = size[0] / stored[0], size[1] / stored[1]
    x1, y1, x2, y2 = region.box_px
    mask = None if region.mask is None else resize_nearest(region.mask, size)
    return replace(region, box_px=(x1 * scale_x, y1 * scale_y, x2 * scale_x, y2 * scale_y), mask=mask)
