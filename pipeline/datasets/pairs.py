"""A folder of pairs: an image and its true depth, matched by their names.

Format: any images, and depth as PNG, PGM, TIFF, npy, npz, PFM or EXR (``pipeline.ingest.depth_files``). Patterns
below one folder select the files; the text that the wildcards match is the name of the pair: ``rgb/*.jpg`` and
``depth/*_depth.png`` pair ``rgb/7.jpg`` with ``depth/7_depth.png`` as ``7``; ``*/rgb/*.jpg`` and ``*/depth/*.png``
pair ``garden/rgb/7.jpg`` with ``garden/depth/7.png`` as ``garden/7``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AllowInfNan

from pipeline.datasets.arguments import check_optional_camera, check_prediction_kind, existing_folder
from pipeline.datasets.base import DepthDataset, DepthSample, reader
from pipeline.datasets.listed import metric_truth
from pipeline.datasets.pairs_match import check_pattern, list_reasons, matched_files, without_partner
from pipeline.geometry.orientation import QUARTER_TURNS
from pipeline.ingest.cameras import camera_for
from pipeline.ingest.depth_files import read_depth
from pipeline.ingest.images import read_image_and_exif
from pipeline.ingest.resampling import size_of
from pipeline.records import Camera, CameraSource, DepthKind, DepthMap, Frame, ScaleSource
from pipeline.records.errors import ConfigError, InputError
from pipeline.records.settings import FieldOfView, Positive, Text

_ASSUMED_FOV_DEG = 60.0
_Number = Annotated[float, AllowInfNan()]
_DEPTH_KEY = re.compile(r"\bdepth_(?=(?:scale|key|invalid|kind)\b)")


@dataclass(frozen=True)
class Pair:
    """Files of one sample.

    Args:
        name: The text that the wildcards match.
        image: The image.
        depth: Its true depth.
        prediction: Its predicted depth, or None.
    """

    name: str
    image: Path
    depth: Path
    prediction: Path | None


@reader
class Pairs(DepthDataset[Pair]):
    """A folder of images with true depth in metres, and optionally with predicted depth.

    Args:
        path: The folder.
        images: Pattern of the images.
        depths: Pattern of the true depth; depth of another size is resampled by the nearest pixel.
        depth_scale: Metres per stored number; needed where whole numbers are stored.
        depth_invalid: Stored numbers that mean "no depth"; None is 0 for whole numbers.
        depth_key: Name of the array in an npz or of the channel in an EXR.
        predictions: Pattern of predicted depth, or None; depth of another size is enlarged linearly.
        prediction_kind: What the predicted numbers mean after ``prediction_scale``; needed with ``predictions``.
        prediction_source: Source of the scale of metric predictions: ``model``, or ``sensor`` for a measured prompt.
        prediction_scale: Metres, or units, per stored number.
        prediction_invalid: Stored numbers that mean "no depth"; None is 0 for whole numbers.
        prediction_key: Name of the array or channel.
        camera: fx, fy, cx and cy [px] of all images, with width and height where meant for another size; None reads
            EXIF, else assumes a field of view.
        fov_deg: Known field of view of all images along the longer side [deg]; an alternative to ``camera``.
        group_by_folder: Whether the images of one folder show one place or sequence.
        limit: Maximum number of samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no pair, or the camera lacks a number.
        RecordError: If a number of the camera is not usable.
        ConfigError: If another argument is not usable.
    """

    name = "pairs"

    path: Text | Path = field(kw_only=False)
    images: str = "images/*.png"
    depths: str = "depths/*.png"
    depth_scale: Positive | None = None
    depth_invalid: _Number | Sequence[_Number] | None = None
    depth_key: Text | None = None
    predictions: str | None = None
    prediction_kind: str | None = None
    prediction_source: Literal["model", "sensor"] = "model"
    prediction_scale: Positive | None = None
    prediction_invalid: _Number | Sequence[_Number] | None = None
    prediction_key: Text | None = None
    camera: Mapping[str, float] | None = None
    fov_deg: FieldOfView | None = None
    group_by_folder: bool = False

    def __post_init__(self) -> None:
        """List the pairs."""
        patterns = {"images": self.images, "depths": self.depths}
        if self.predictions is not None:
            patterns["predictions"] = self.predictions
        for key, pattern in patterns.items():
            check_pattern(pattern, key)
        if self.camera is not None and self.fov_deg is not None:
            raise ConfigError("dataset.camera and dataset.fov_deg exclude each other; give one, the other null.")
        check_optional_camera(self.camera)
        self._kind = check_prediction_kind(self.prediction_kind, self.predictions is not None)
        self._stored, self._predicted = (self._reading(what) for what in ("depth", "prediction"))
        self.folder = existing_folder(self.path, "pairs of images and depth", "give the folder that holds both")
        self._pairs = self._matched(patterns)

    def _reading(self, what: str) -> dict[str, Any]:
        """Arguments of ``read_depth`` for true or predicted depth."""
        scale, key, invalid = (getattr(self, f"{what}_{part}") for part in ("scale", "key", "invalid"))
        return {"scale": scale, "key": key, "invalid": (invalid,) if isinstance(invalid, float) else invalid}

    def _matched(self, patterns: Mapping[str, str]) -> tuple[Pair, ...]:
        matches = {key: matched_files(self.folder, pattern, key) for key, pattern in patterns.items()}
        self.unreadable = without_partner(matches, patterns)
        names = [name for name in matches["images"] if name not in self.unreadable]
        if not names:
            reasons = list(self.unreadable.values()) or ["no file matches"]
            raise InputError(
                f"{self.folder} holds no pair of {' and '.join(patterns.values())}: {list_reasons(reasons)}; "
                "the wildcards of all patterns must match the same text."
            )
        predictions = matches.get("predictions", {})
        return tuple(
            Pair(name, matches["images"][name], matches["depths"][name], predictions.get(name)) for name in names
        )

    def entries(self) -> tuple[Pair, ...]:
        """The pairs in the natural order of the images' names."""
        return self._pairs

    def entry_name(self, entry: Pair) -> str:
        """The text that the wildcards match."""
        return entry.name

    def sample(self, entry: Pair) -> DepthSample:
        """Read a pair.

        Raises:
            InputError: If a file is damaged or needs a scale or a key.
        """
        image = read_image_and_exif(entry.image)
        size = size_of(image.rgb)
        read = partial(read_depth, size=size, quarter_turn=image.orientation in QUARTER_TURNS)
        truth = read(entry.depth, kind=DepthKind.METRIC, scale_source=ScaleSource.SENSOR, **self._stored)
        prediction = None if entry.prediction is None else self._prediction(entry.prediction, read)
        frame = Frame(image.rgb, self._camera(image.focal_35mm, size), given_depth=prediction, name=entry.name)
        group = entry.image.parent.relative_to(self.folder).as_posix() if self.group_by_folder else ""
        return DepthSample(entry.name, frame, metric_truth(truth.values, truth.valid, entry.depth), group=group)

    def _prediction(self, file: Path, read: Callable[..., DepthMap]) -> DepthMap:
        source = self.prediction_source if self._kind is DepthKind.METRIC else ScaleSource.NONE
        try:
            return read(file, kind=self._kind, scale_source=source, **self._predicted)
        except InputError as error:
            # The reader names the keys of true depth; the path must stay as it is.
            path = str(file.absolute())
            said = [_DEPTH_KEY.sub("prediction_", part) for part in str(error).split(path)]
            raise InputError(path.join(said)) from error

    def _camera(self, focal_35mm: float | None, size: tuple[int, int]) -> Camera:
        if self.fov_deg is not None:
            return Camera.from_fov(*size, self.fov_deg, CameraSource.GIVEN)
        return camera_for(*size, self.camera, focal_35mm, _ASSUMED_FOV_DEG)
