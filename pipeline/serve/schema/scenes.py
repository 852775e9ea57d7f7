"""Uploads and scenes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, model_validator

from pipeline.records import Anchor
from pipeline.records.claim import Unit
from pipeline.serve.records import FOV_DEG, SceneInput, Upload
from pipeline.serve.schema.base import ID, Answer, Listed, Strict

Id = Annotated[str, ID]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\S")]
Coordinate = Annotated[float, Field(ge=-1e9, le=1e9)]
Pixel = tuple[Coordinate, Coordinate]
Length = Annotated[float, Field(gt=0, le=1e9)]
Option = Annotated[str, Field(min_length=1, max_length=100)]
DepthKindName = Literal["metric", "scale_invariant", "depth_affine", "disparity_affine"]
Degrees = Annotated[float, Field(ge=FOV_DEG[0], le=FOV_DEG[1])]
_EXAMPLE_IMAGE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA..."


class UploadView(Answer):
    """A file that was uploaded."""

    id: str = Field(description="Its id, for the other requests.", examples=["pXbn2kPkUuQ0m0mB0oYq3A"])
    name: str = Field(description="Its name, for display.", examples=["kitchen.jpg"])
    media_type: str = Field(description="Its type, recognised by its content.", examples=["image/jpeg"])
    size: int = Field(description="Its size [bytes].", examples=[183204])

    @classmethod
    def of(cls, upload: Upload) -> UploadView:
        """What clients see of an upload: not where it lies."""
        return cls(id=upload.id, name=upload.name, media_type=upload.media_type, size=upload.size)


class Intrinsics(Strict):
    """Intrinsics of the camera, of the upright image."""

    fx: float = Field(gt=0, description="Focal length along x [px].", examples=[525.0])
    fy: float = Field(gt=0, description="Focal length along y [px].", examples=[525.0])
    cx: float = Field(description="Principal point; 0 is the centre of the leftmost pixel [px].", examples=[319.5])
    cy: float = Field(description="Principal point; 0 is the centre of the topmost pixel [px].", examples=[239.5])


class FileSource(Strict):
    """A file within a JSON request; exactly one of data, url and path."""

    data: str | None = Field(None, description="Its content in base64, or as a data URL.", examples=[_EXAMPLE_IMAGE])
    url: str | None = Field(
        None, max_length=4000, description="Its address; refused unless serve.fetch_hosts names the host."
    )
    path: str | None = Field(
        None, max_length=4000, description="Its path on the server; refused unless it lies in serve.read_paths."
    )
    name: str = Field("", max_length=255, description="Its name, for display and messages.")

    @model_validator(mode="after")
    def _is_one(self) -> FileSource:
        if sum(given is not None for given in (self.data, self.url, self.path)) != 1:
            raise ValueError("Give exactly one of data, url and path")
        return self


SourceLike = Annotated[str, Field(min_length=1, description="Base64, or a data URL.")] | FileSource


class AnchorGiven(Strict):
    """A known length: exactly one of size, between, between_px, to_camera, to_camera_px, camera_height and plane."""

    size: Name | None = Field(None, description="Label of the region whose height, width or depth is known.")
    between: tuple[Name, Name] | None = Field(None, description="Labels of two regions whose distance is known.")
    between_px: tuple[Pixel, Pixel] | None = Field(None, description="Two pixels whose distance is known.")
    to_camera: Name | None = Field(None, description="Label of the region whose distance to the camera is known.")
    to_camera_px: Pixel | None = Field(None, description="Pixel whose distance to the camera is known.")
    camera_height: Length | None = Field(None, description="The camera's height above a plane.")
    above: Name | None = Field(None, description="Label of that plane's region; null takes the floor or table found.")
    plane: Name | None = Field(None, description="Label of a region that is flat.")
    measure: Literal["height", "width", "depth", "centre", "nearest", "straight", "z"] | None = Field(
        None, description="height, width, depth of a size; centre, nearest between; straight, z to the camera."
    )
    value: Length | None = Field(None, description="The length.")
    unit: Unit | None = Field(None, description="Unit of length.")
    error: Length | None = Field(None, description="Standard deviation; null is 3 % of the value.")
    frame: Annotated[int, Field(ge=0)] | None = Field(None, description="Index of the image; null is all of them.")

    def record(self) -> Anchor:
        """The anchor.

        Raises:
            RecordError: If no kind or several are given, or a rule of the kind is broken.
        """
        return Anchor.from_plain(self.model_dump())

    @model_validator(mode="after")
    def _is_an_anchor(self) -> AnchorGiven:
        self.record()
        return self


class SceneOptions(Strict):
    """What may come with the images of a scene."""

    depth_kind: DepthKindName = Field(
        "metric",
        description="What the numbers of the depth files mean; disparity_affine, as of MiDaS, gives no metres.",
    )
    depth_scale: float | None = Field(
        None, gt=0, description="Metres, or units, per stored number; null takes that of the file's format."
    )
    camera: Intrinsics | None = Field(None, description="null reads EXIF, or assumes a field of view.")
    fov_deg: Degrees | None = Field(
        None, description="Field of view along the longer side where no camera is known [degrees]."
    )
    anchors: Listed[AnchorGiven] = Field(
        [],
        max_length=32,
        description="Known lengths, which give metres to depth of unknown scale.",
        examples=[[{"size": "mug", "measure": "height", "value": 9.5, "unit": "cm"}]],
    )
    options: dict[Literal["depth", "ocr", "segment"], Option] = Field(
        {},
        description="Options that differ from the server's, among those that it allows.",
        examples=[{"segment": "grabcut"}],
    )

    def input(self, images: Sequence[str], depth: Sequence[str]) -> SceneInput:
        """What a scene is read from.

        Args:
            images: Ids of uploads.
            depth: Ids of uploads.
        """
        return SceneInput(
            tuple(images),
            tuple(depth),
            depth_kind=self.depth_kind,
            depth_scale=self.depth_scale,
            camera=None if self.camera is None else self.camera.model_dump(),
            fov_deg=self.fov_deg,
            anchors=tuple(anchor.record() for anchor in self.anchors),
            options={str(group): name for group, name in self.options.items()},
        )


class SceneBody(SceneOptions):
    """A scene, from uploaded files."""

    images: Listed[Id] = Field(
        min_length=1,
        max_length=1000,
        validation_alias=AliasChoices("images", "uploads"),
        description="Ids of uploads: images of one scene, one video, or one export of a device; uploads names it too.",
        examples=[["pXbn2kPkUuQ0m0mB0oYq3A"]],
    )
    depth: Listed[Id] = Field(
        [],
        max_length=1000,
        validation_alias=AliasChoices("depth", "depth_uploads"),
        description="Ids of uploads: one depth file per image, or none; depth_uploads names it too.",
    )


class WithScene(SceneOptions):
    """A scene by its id, or what it is read from: files in this request, or uploads."""

    scene: Id | None = Field(
        None, description="Id of a scene that the server knows, in place of images and what comes with them."
    )
    images: Listed[SourceLike] = Field(
        [], max_length=1000, description="Images of one scene, one video, or one export of a device."
    )
    depth: Listed[SourceLike] = Field([], max_length=1000, description="One depth file per image, or none.")
    uploads: Listed[Id] = Field([], max_length=1000, description="Ids of uploads, in place of images.")
    depth_uploads: Listed[Id] = Field([], max_length=1000, description="Ids of uploads, in place of depth.")

    @model_validator(mode="after")
    def _is_one_scene(self) -> WithScene:
        ways = [self.scene is not None, bool(self.images), bool(self.uploads)]
        if sum(ways) != 1:
            raise ValueError("Give the id of a scene, images, or ids of uploads: exactly one of these three")
        if self.depth and self.depth_uploads:
            raise ValueError("Give depth or depth_uploads, not both")
        if self.scene is not None and (given := self.model_fields_set & _OF_A_NEW_SCENE):
            raise ValueError(
                f"The field {min(given)} belongs to a new scene; leave it out, or give images instead of a scene"
            )
        return self


_OF_A_NEW_SCENE = {*SceneOptions.model_fields, "depth", "depth_uploads"}


class SceneCreated(Answer):
    """A scene that the server knows now."""

    id: str = Field(description="Its id, for questions about it.", examples=["n8GqH0XbUuC9m1xB0oYq3A"])
