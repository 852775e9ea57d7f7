"""Any folder of described RGB-D frames: what the sensor measured is the truth, a network's depth may lie beside it.

Format: that of ``evaluate.datasets.rgbd_files``, one subfolder per place, described in ``frame.json`` or in the
configuration. A npy file in it, float (H, W) of any size, may hold what a network predicted for its one image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.datasets.arc2017 import image_of_data, read_folder
from pipeline.datasets.depth_base import DepthDataset, DepthSample
from pipeline.datasets.formats.rgbd_files import FrameFiles, find_frames, read_frame
from pipeline.datasets.listed import checked_kind, metric_truth
from pipeline.datasets.reading import check_count, existing_folder
from pipeline.datasets.registration import every
from pipeline.datasets.rgbd_frames import predicted_depth
from pipeline.records import Region
from pipeline.records.errors import ConfigError, InputError


class RgbdDepth(DepthDataset[FrameFiles]):
    """Described RGB-D frames, one group per place.

    Args:
        path: Folder with one subfolder per place, or one such folder.
        descriptions: How the files of a subfolder are read, by its name; ``frame.json`` may say the same.
        prediction: Name of a file beside a frame, as ``predicted_depth_m.npy``, that becomes its given depth, for
            ``depth=file``; frames without it are left out then. None gives no depth.
        prediction_kind: Kind of the predicted depth; needed with it.
        step: Every so manieth frame of a place is taken.
        limit: Most samples; None takes all.

    Raises:
        InputError: If the folder is missing or holds no frame that can be used.
        ConfigError: If an argument is not usable.
    """

    name = "rgbd_depth"

    def __init__(
        self,
        path: str | Path,
        *,
        descriptions: Mapping[str, Mapping[str, Any]] | None = None,
        prediction: str | None = None,
        prediction_kind: str | None = None,
        step: int = 1,
        limit: int | None = None,
    ) -> None:
        super().__init__(limit)
        if prediction is not None and (not isinstance(prediction, str) or not prediction):
            raise ConfigError(f"dataset.prediction must be the name of a file, or null, not {prediction!r}.")
        check_count("step", step, 1)
        if descriptions is not None and not (
            isinstance(descriptions, Mapping)
            and all(isinstance(each, Mapping | None) for each in descriptions.values())
        ):
            raise ConfigError(f"dataset.descriptions must be a description for each folder, not {descriptions!r}.")
        self.prediction = prediction
        self.prediction_kind = checked_kind(prediction_kind, prediction is not None)
        folder = existing_folder(path, "RGB-D frames", "give a folder with one described subfolder per place")
        found = find_frames(folder, descriptions or {}, self.unreadable)
        places = {files.folder: [each for each in found if each.folder == files.folder] for files in found}
        if prediction is not None:
            places = {place: frames for place, frames in places.items() if (place / prediction).is_file()}
            for place in [place for place, frames in places.items() if len(frames) > 1]:
                self.unreadable[place.name] = (
                    f"{place} has {len(places.pop(place))} frames for one {prediction}; give each its own folder."
                )
            if not places:
                raise InputError(
                    f"No frame of {folder} has a {prediction} of its own; save one, or set dataset.prediction=null."
                )
        self._frames = [files for frames in places.values() for files in every(frames, step)]
        if len({files.name for files in self._frames}) < len(self._frames):
            raise InputError(f"Two folders of frames in {folder} have the same name; rename one.")

    def entries(self) -> Sequence[FrameFiles]:
        """The frames, by place and number."""
        return self._frames

    def entry_name(self, entry: FrameFiles) -> str:
        """The frame's name: its place, and its number where there are several."""
        return entry.name

    def sample(self, entry: FrameFiles) -> DepthSample:
        """Read one frame; objects are those that someone annotated, with their masks.

        Raises:
            InputError: If a file is missing or damaged.
        """
        frame = read_frame(entry)
        depth = frame.given_depth
        assert depth is not None
        truth = metric_truth(depth.values, depth.valid, entry.depth)
        predicted = None
        if self.prediction is not None and self.prediction_kind is not None:
            predicted = predicted_depth(entry.folder / self.prediction, frame, self.prediction_kind)
        regions: tuple[Region, ...] = ()
        if entry.description.get("objects") == "arc2017":
            things = image_of_data(read_folder(entry.folder), depth, frame.camera).things
            regions = tuple(thing.region(mask=True) for thing in things)
        return DepthSample(entry.name, replace(frame, given_depth=predicted), truth, entry.folder.name, regions)
