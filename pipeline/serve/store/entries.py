"""What the index of the store lists."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pipeline.serve.problems import GoneError
from pipeline.serve.store.layout import BLOCK_BYTES

# What a row takes in the index besides its record [bytes].
_ROW_BYTES = 512


class Kind(StrEnum):
    """What an entry is; a scene's photos and depth are ``stored``, shared by results, and live as long as they."""

    UPLOAD = "upload"
    SCENE = "scene"
    JOB = "job"
    RESULT = "result"
    STORED = "stored"
    ARTEFACTS = "artefacts"


ASKED_FOR = (Kind.UPLOAD, Kind.SCENE, Kind.JOB, Kind.RESULT)
"""Those that a client may ask for by id."""


@dataclass(frozen=True)
class Entry:
    """Something in the store.

    Args:
        kind: What it is.
        id: Its id; of stored scenes the digest, of artefacts that of their result.
        created_s: When it was made [s since 1970].
        bytes: Size of its file.
        record: What is known of it, as JSON.
        job: Of results, the job.
        scene: Of results, the digest of the stored scene.
        is_open: Whether it is a job that has not ended, which stays.
        owner: Of uploads, the client whose share they count for.
    """

    kind: Kind
    id: str
    created_s: float
    bytes: int = 0
    record: str = ""
    job: str | None = None
    scene: str | None = None
    is_open: bool = False
    owner: str | None = None

    @property
    def on_disk(self) -> int:
        """Bytes that it takes on disk, in its file and in the index."""
        return -(-self.bytes // BLOCK_BYTES) * BLOCK_BYTES + len(self.record.encode()) + _ROW_BYTES


def gone(kind: Kind) -> GoneError:
    """The error of something that was deleted."""
    return GoneError(f"This {kind} was deleted, because of its age or to make room.")
