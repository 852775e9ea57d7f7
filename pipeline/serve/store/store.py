"""Uploads, scenes, jobs and results on disk, where a restarted server finds them."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline.export.files import replacing
from pipeline.export.stored_scene import StoredScene, read_scene, write_scene
from pipeline.records import Result, from_json
from pipeline.records.errors import ExportError, RecordError
from pipeline.serve.records import Job, SceneInput, Upload
from pipeline.serve.settings import GB, StoreSettings
from pipeline.serve.store.entries import Entry, Kind, gone
from pipeline.serve.store.forms import job_of, job_text, record_text, result_text
from pipeline.serve.store.incoming import Incoming
from pipeline.serve.store.index import Index
from pipeline.serve.store.layout import Layout, bytes_below, new_id, only_server
from pipeline.serve.store.opening import put_in_order
from pipeline.serve.store.shares import Shares
from pipeline.serve.store.sweeping import make_room, make_room_of, sweep

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ResultInfo:
    """What the store knows of a result without reading it.

    Args:
        id: Its id.
        scene: Id of the scene that it is about.
        job: Id of the job that it came from.
        created_s: When it came [s since 1970].
        question: Its question; None where only claims were judged.
    """

    id: str
    scene: str
    job: str
    created_s: float
    question: str | None


class Store:
    """What the server keeps, safe for several threads of one process.

    Files are written before the index names them, and an index entry goes before its file does, so that a process that
    ends at any moment leaves nothing torn; what it leaves over is removed when the store is opened. Jobs that had not
    ended then become ``interrupted``, or ``done`` where all their results are there.

    Args:
        settings: The folder, and the bounds of age and size. The folder is kept from other users.

    Raises:
        ConfigError: If another server uses the folder, or it cannot be used.
        ExportError: If it cannot be written.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self.settings = settings
        self.folder = Path(settings.folder).absolute()
        self._shares = Shares(settings.client_share * settings.size_gb * GB, self._make_room_of)
        with ExitStack() as opened:
            self._layout = Layout(self.folder)
            opened.enter_context(only_server(self.folder))
            self._index = Index(self._layout.index)
            opened.callback(self._index.close)
            put_in_order(self._index, self._layout, time.time())
            self.sweep()
            self._opened = opened.pop_all()

    def close(self) -> None:
        """Let another server use the folder; closing twice does nothing."""
        self._opened.close()

    def new_upload(self, client: str = "") -> Incoming:
        """An upload to be written and finished within a ``with`` block.

        Args:
            client: The client that sends it; its uploads take no more than ``client_share`` of the store, beyond which
                the oldest of them go first. An empty one has no share of its own.
        """

        def add(upload: Upload) -> None:
            about = {"name": upload.name, "media_type": upload.media_type, "sha256": upload.sha256}
            owner = upload.owner or None
            self._add(Entry(Kind.UPLOAD, upload.id, upload.created_s, upload.size, json.dumps(about), owner=owner))

        return Incoming(self._layout, add, client, self._shares)

    def discard_upload(self, upload_id: str) -> None:
        """Delete an upload at once.

        Raises:
            UnknownError: If there never was one of that id.
            GoneError: If it was deleted.
            ExportError: If the index cannot be written.
        """
        self._index.remove([self._index.find(Kind.UPLOAD, upload_id)], time.time())
        self._layout.upload(upload_id).unlink(missing_ok=True)

    def upload(self, upload_id: str) -> Upload:
        """An upload.

        Raises:
            UnknownError: If there never was one of that id.
            GoneError: If it was deleted.
        """
        entry = self._index.find(Kind.UPLOAD, upload_id)
        about = json.loads(entry.record)
        path = self._layout.upload(entry.id)
        return Upload(
            id=entry.id, path=path, size=entry.bytes, created_s=entry.created_s, owner=entry.owner or "", **about
        )

    def add_scene(self, given: SceneInput) -> str:
        """Keep what a scene is read from.

        Returns:
            Its id.

        Raises:
            RecordError: If it holds numbers that are not finite.
            ExportError: If it cannot be written.
        """
        scene_id = new_id()
        self._add(Entry(Kind.SCENE, scene_id, time.time(), record=record_text(given)))
        return scene_id

    def scene(self, scene_id: str) -> SceneInput:
        """What a scene is read from.

        Raises:
            UnknownError: If there never was one of that id.
            GoneError: If it was deleted.
        """
        record = self._index.find(Kind.SCENE, scene_id).record
        with _reading(Kind.SCENE):
            return from_json(SceneInput, record)

    def add_job(self, job: Job) -> None:
        """Keep a job.

        Raises:
            RecordError: If it holds numbers that are not finite.
            ExportError: If it cannot be written.
        """
        self._add(_job_entry(job))

    def update_job(self, job: Job) -> None:
        """Keep a job's new state.

        Raises:
            UnknownError: If it was never added.
            GoneError: If it was deleted.
            ExportError: If it cannot be written.
        """
        self._index.find(Kind.JOB, job.id)
        self._index.add(_job_entry(job))

    def job(self, job_id: str) -> Job:
        """A job as it was kept last.

        Raises:
            UnknownError: If there never was one of that id.
            GoneError: If it was deleted.
        """
        record = self._index.find(Kind.JOB, job_id).record
        with _reading(Kind.JOB):
            return job_of(record)

    def add_result(self, result: Result, stored: StoredScene, scene: str, job: str) -> str:
        """Keep a result; results of equal photos and depth share one file of them.

        Args:
            result: The result.
            stored: The scene with its depth and errors on which it was judged.
            scene: Id of the scene.
            job: Id of the job.

        Returns:
            The result's id.

        Raises:
            ExportError: If it cannot be written.
        """
        result_id, digest = new_id(), _digest(stored)
        data = result_text(result).encode()
        about = json.dumps({"scene": scene, "job": job, "question": result.question})
        path = self._layout.result(result_id)
        with self._being_added(digest):
            size = self._index.size_of(Kind.STORED, digest)
            if size is None:
                size = write_scene(self._layout.scene(digest), stored.scene, stored.errors).stat().st_size
            try:
                with replacing(path) as temporary:
                    temporary.write_bytes(data)
                now_s = time.time()
                self._index.add(
                    Entry(Kind.STORED, digest, now_s, size),
                    Entry(Kind.RESULT, result_id, now_s, len(data), about, job=job, scene=digest),
                )
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        self._make_room()
        return result_id

    def result(self, result_id: str) -> Result:
        """A result.

        Raises:
            UnknownError: If there never was one of that id.
            GoneError: If it was deleted.
        """
        path = self.result_file(result_id)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise gone(Kind.RESULT) from None
        with _reading(Kind.RESULT):
            return from_json(Result, data)

    def stored_scene(self, result_id: str) -> StoredScene:
        """The scene on which a result was judged, its depth rounded and large photos reduced as files hold them.

        Raises:
            UnknownError: If there never was a result with that id.
            GoneError: If it was deleted.
            ExportError: If the file is damaged.
        """
        with self.held(result_id):
            return read_scene(self.scene_file(result_id))

    def result_info(self, result_id: str) -> ResultInfo:
        """What is known of a result without reading it.

        Raises:
            UnknownError: If there never was one of that id.
            GoneError: If it was deleted.
        """
        entry = self._index.find(Kind.RESULT, result_id)
        return ResultInfo(id=entry.id, created_s=entry.created_s, **json.loads(entry.record))

    def result_file(self, result_id: str) -> Path:
        """The file of a result's JSON form.

        Raises:
            UnknownError: If there never was one of that id.
            GoneError: If it was deleted.
        """
        return self._layout.result(self._index.find(Kind.RESULT, result_id).id)

    def scene_file(self, result_id: str) -> Path:
        """The file of a result's scene, see ``pipeline.export.stored_scene``.

        Raises:
            UnknownError: If there never was a result with that id.
            GoneError: If it was deleted.
        """
        scene = self._index.find(Kind.RESULT, result_id).scene
        assert scene is not None
        return self._layout.scene(scene)

    @property
    def assets(self) -> Path:
        """Folder of what the report pages of all results share; it is emptied when the store is opened."""
        return self._layout.assets

    def folder_of(self, result_id: str) -> Path:
        """The folder for artefacts of a result that are made on demand.

        Raises:
            UnknownError: If there never was one of that id.
            GoneError: If it was deleted.
            ExportError: If the folder cannot be made.
        """
        folder = self._layout.artefacts_of(self._index.find(Kind.RESULT, result_id).id)
        if not folder.is_dir():
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise ExportError(f"Cannot make {folder}: {error.strerror or error}.") from error
        return folder

    @contextmanager
    def held(self, result_id: str) -> Iterator[None]:
        """Keep a result and its artefacts from being deleted while the block runs.

        Raises:
            UnknownError: If there never was one of that id.
            GoneError: If it was deleted.
        """
        with self._index.held(Kind.RESULT, result_id):
            self._index.find(Kind.RESULT, result_id)
            yield

    def note_artefacts(self, result_id: str) -> None:
        """Count the artefacts of a result, after some were made.

        Raises:
            ExportError: If the index cannot be written.
        """
        self._add(Entry(Kind.ARTEFACTS, result_id, time.time(), bytes_below(self._layout.artefacts_of(result_id))))

    def sweep(self, now_s: float | None = None) -> int:
        """Delete what is too old, and then the oldest of what is too much.

        Args:
            now_s: The time [s since 1970]; None takes that of the clock.

        Returns:
            How many uploads, scenes, jobs, results and folders of artefacts were deleted.

        Raises:
            ExportError: If the index cannot be written.
        """
        now_s = time.time() if now_s is None else now_s
        return sweep(self._index, self._layout, self.settings, now_s)

    def _add(self, entry: Entry) -> None:
        self._index.add(entry)
        self._make_room()

    def _make_room(self) -> None:
        make_room(self._index, self._layout, self.settings, time.time())

    def _make_room_of(self, client: str, most_bytes: float) -> None:
        make_room_of(self._index, self._layout, client, most_bytes, time.time())

    @contextmanager
    def _being_added(self, digest: str) -> Iterator[None]:
        """Keep a stored scene while a result of it is added; if that fails, nothing of it stays."""
        try:
            with self._index.held(Kind.STORED, digest):
                yield
        except BaseException:
            # If the index cannot be written either, the next start removes the file.
            with suppress(ExportError), self._index.transaction():
                if self._index.remove_scene(digest):
                    self._layout.scene(digest).unlink(missing_ok=True)
            raise


def _job_entry(job: Job) -> Entry:
    return Entry(Kind.JOB, job.id, job.created_s, record=job_text(job), is_open=not job.state.is_final)


@contextmanager
def _reading(kind: Kind) -> Iterator[None]:
    """Count what cannot be read as deleted, as when an earlier version wrote it."""
    try:
        yield
    except RecordError as error:
        logger.warning("A %s of the store cannot be read: %s", kind, error)
        raise gone(kind) from error


def _digest(stored: StoredScene) -> str:
    """A name of a scene that differs wherever its photos, depth, cameras, poses or errors do."""
    scene = stored.scene
    digest = hashlib.sha256(repr((scene.id, stored.errors)).encode("utf-8", "replace"))
    for frame in scene.frames:
        pose = None if frame.pose is None else frame.pose.tolist()
        digest.update(
            repr((frame.digest, frame.camera, pose, frame.timestamp_s, frame.name)).encode("utf-8", "replace")
        )
    for depth in scene.depth:
        digest.update(
            repr((depth.digest, depth.scale_error, depth.disagreement, depth.misfit, depth.focal_px)).encode()
        )
        if depth.confidence is not None:
            digest.update(depth.confidence.tobytes())
    return digest.hexdigest()[:40]
