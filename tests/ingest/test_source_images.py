from __future__ import annotations

import numpy as np
import pytest

from pipeline.ingest.captures.base import Capture
from pipeline.ingest.source_images import IngestSettings, sampled_indices
from pipeline.records.errors import InputError


class Listed(Capture):
    """A capture that has only times."""

    format = "list"

    def __init__(self, times_s, has_times=True):
        super().__init__(None)
        self._times_s, self._has_times = times_s, has_times

    @classmethod
    def recognises(cls, path):
        return False

    @property
    def times_s(self):
        return self._times_s

    @property
    def has_times(self):
        return self._has_times

    def frames(self, indices):
        yield from ()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"video_frames": 3}, [0, 5, 10]),
        ({"video_rate_hz": 5}, [0, 2, 4, 6, 8, 10]),
        ({"video_frames": 2, "video_start_s": 0.2, "video_end_s": 0.5}, [2, 5]),
        ({"video_frames": 50}, list(range(11))),
    ],
)
def test_a_capture_is_sampled_as_a_video(settings, expected):
    assert sampled_indices(Listed(np.arange(11) / 10), IngestSettings(**settings)) == expected


def test_a_capture_without_times_is_sampled_by_number():
    assert sampled_indices(Listed(range(9), has_times=False), IngestSettings(video_frames=3)) == [0, 4, 8]


def test_an_empty_capture_is_refused():
    with pytest.raises(InputError, match="no frames"):
        sampled_indices(Listed([]), IngestSettings())
