"""What a client says of images and claims, as fields and files of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

from pipeline.records import Anchor, Camera, Claim, Region, to_plain
from pipeline.records.errors import InputError
from pipeline.serve.client_files import FileLike, Part, depth_part, image_part, listed
from pipeline.serve.schema.results import StoredResult


@dataclass(frozen=True)
class RemoteScene:
    """A scene that a server knows.

    Args:
        id: Its id.
    """

    id: str


Images = FileLike | Sequence[FileLike] | RemoteScene | StoredResult
"""What to ask about: images, a video or an export of a device; a scene of ``Client.scene``; or an earlier result."""


class SceneOptions(TypedDict, total=False):
    """What may come with images.

    Args:
        depth: One depth file per image: paths, contents, or float arrays (H, W), of metres unless ``depth_kind`` says
            otherwise.
        depth_kind: What the numbers mean: metric, scale_invariant, depth_affine or disparity_affine.
        depth_scale: Metres, or units, per stored number.
        camera: Intrinsics of the upright image: a Camera, or fx, fy, cx, cy [px].
        fov_deg: Field of view along the longer side where no camera is known [deg].
        anchors: Known lengths, or their JSON forms.
        options: Options of depth, ocr and segment that differ from the server's.
    """

    depth: FileLike | Sequence[FileLike]
    depth_kind: str
    depth_scale: float
    camera: Camera | Mapping[str, float]
    fov_deg: float
    anchors: Sequence[Anchor | Mapping[str, Any]]
    options: Mapping[str, str]


def body(
    images: Images, options: SceneOptions, fields: Mapping[str, Any]
) -> tuple[dict[str, Any], list[tuple[str, Part]]]:
    """The fields and the files of a request.

    Args:
        images: What it is about.
        options: What comes with new images.
        fields: Its other fields; those that are None, or empty lists, are left out.

    Raises:
        InputError: If something cannot be sent, or comes with a scene that the server knows.
    """
    plain = {key: value for key, value in fields.items() if value not in (None, [])}
    if isinstance(images, RemoteScene | StoredResult):
        if options:
            raise InputError(f"{min(options)} belongs to new images; a scene that the server knows has its own.")
        return {**plain, "scene": images.id if isinstance(images, RemoteScene) else images.scene}, []
    if unknown := options.keys() - SceneOptions.__annotations__:
        raise TypeError(f"There is no option {min(unknown)}; there are {', '.join(SceneOptions.__annotations__)}.")
    files = [("images", image_part(image, number)) for number, image in enumerate(listed(images))]
    files += [("depth", depth_part(each, number)) for number, each in enumerate(listed(options.get("depth", ())))]
    for key, value in options.items():
        if key == "camera" and isinstance(value, Camera):
            plain[key] = {name: getattr(value, name) for name in ("fx", "fy", "cx", "cy")}
        elif key == "anchors":
            plain[key] = [_anchor(anchor) for anchor in value]  # type: ignore[attr-defined]
        elif key != "depth" and value is not None:
            plain[key] = value
    return plain, files


def plain_regions(regions: Sequence[Region]) -> list[dict[str, Any]]:
    """Regions as requests hold them."""
    keys = ("label", "box_px", "frame", "mask")
    return [{key: part for key, part in to_plain(region).items() if key in keys} for region in regions]


def plain_claim(claim: Claim) -> dict[str, Any]:
    """A claim as requests hold it."""
    own = ("text_span", "origin", "truth")
    return {key: part for key, part in to_plain(claim).items() if key not in own}


def _anchor(anchor: Anchor | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(anchor, Anchor):
        return dict(anchor)
    parts = asdict(anchor)
    kind, names, points = str(parts.pop("kind")), parts.pop("names"), parts.pop("points_px")
    plain = {key: part for key, part in parts.items() if part is not None}
    if kind == "camera_height":
        return {kind: plain.pop("value"), **plain, **({"above": names[0]} if names else {})}
    subject = list(names or points)
    return {kind: subject if len(subject) > 1 else subject[0], **plain}
