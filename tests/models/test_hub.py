from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest
from huggingface_hub import constants
from models.hub_cache import COMMIT, NAME, empty_snapshot
from models.vlm.recording_server import Reply, recording_server

from pipeline.models.hub import folder_digest, locate_model, model_status
from pipeline.records.errors import ModelUnavailableError


def make_folder(folder: Path, weights: bytes = b"weights", config: str = "{}") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors").write_bytes(weights)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty Hugging Face cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def online(monkeypatch):
    """Lets the hub be asked, at an address of this machine."""

    def at(address: str) -> None:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setenv("NO_PROXY", "*")

    return at


def test_a_local_folder_is_found_with_its_digest(tmp_path):
    folder = make_folder(tmp_path / "model")
    location = locate_model(str(folder))
    assert (location.path_or_name, location.local, location.hub_revision) == (str(folder), True, None)
    assert location.revision == folder_digest(folder)
    assert model_status(str(folder)) == "on disk"


@pytest.mark.parametrize(
    ("missing", "message"), [("config.json", "no config.json"), ("model.safetensors", "weight files are missing")]
)
def test_an_incomplete_folder_is_refused(tmp_path, missing, message):
    folder = make_folder(tmp_path / "model")
    (folder / missing).unlink()
    with pytest.raises(ModelUnavailableError, match=message):
        locate_model(str(folder))
    assert model_status(str(folder)) == "not downloaded"


def test_a_sharded_model_is_complete_only_with_every_shard(tmp_path):
    folder = make_folder(tmp_path / "model")
    (folder / "model.safetensors").rename(folder / "model-1-of-2.safetensors")
    index = {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert model_status(str(folder)) == "not downloaded"
    (folder / "model-2-of-2.safetensors").write_bytes(b"more")
    assert model_status(str(folder)) == "on disk"


def test_a_path_that_does_not_exist_is_refused_without_asking_the_hub(tmp_path, online):
    online("http://127.0.0.1:1")
    with pytest.raises(ModelUnavailableError, match=r"model folder .* does not exist"):
        locate_model(str(tmp_path / "nowhere"))


def test_a_cached_model_is_found_without_the_network(cache):
    snapshot = make_folder(empty_snapshot(cache))
    location = locate_model(NAME)
    assert (location.path_or_name, location.local, location.revision) == (str(snapshot), True, COMMIT)
    assert model_status(NAME) == "on disk"


def test_a_model_whose_weights_are_not_in_the_cache_counts_as_not_downloaded(cache):
    (make_folder(empty_snapshot(cache)) / "model.safetensors").unlink()
    assert model_status(NAME) == "not downloaded"
    with pytest.raises(ModelUnavailableError):
        locate_model(NAME)


def test_offline_the_error_is_one_line_with_name_size_and_ways_out_and_comes_at_once(cache):
    start = time.perf_counter()
    with pytest.raises(ModelUnavailableError) as caught:
        locate_model(NAME, size_gb=0.49, group="depth")
    assert time.perf_counter() - start < 5
    message = str(caught.value)
    assert "\n" not in message
    for part in (NAME, "0.49 GB", f"hf download {NAME}", "depth.model=/path/to/folder", "another depth="):
        assert part in message


def test_a_hub_that_does_not_answer_is_given_up_after_seconds(cache, online):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        online(f"http://127.0.0.1:{listener.getsockname()[1]}")
        start = time.perf_counter()
        with pytest.raises(ModelUnavailableError, match="cannot be reached"):
            locate_model(NAME)
        assert time.perf_counter() - start < 5


def test_a_closed_port_is_given_up_at_once(cache, online):
    online("http://127.0.0.1:1")
    with pytest.raises(ModelUnavailableError, match="cannot be reached"):
        locate_model(NAME)


def test_a_reachable_model_is_pinned_to_its_commit(cache, online):
    with recording_server() as hub:
        online(hub.url)
        hub.replies = [Reply({"id": NAME, "modelId": NAME, "sha": COMMIT})]
        location = locate_model(NAME)
    assert hub.paths == [f"/v1/api/models/{NAME}"]
    assert (location.path_or_name, location.local, location.hub_revision) == (NAME, False, COMMIT)


def test_a_model_that_the_hub_does_not_have_is_named(cache, online):
    with recording_server() as hub:
        online(hub.url)
        hub.replies = [Reply({}, 404, headers={"X-Error-Code": "RepoNotFound"})]
        with pytest.raises(ModelUnavailableError, match="has no such model"):
            locate_model(NAME)


def test_the_digest_depends_on_content_and_not_on_the_place(tmp_path):
    weights = bytes(3 << 20)
    original = folder_digest(make_folder(tmp_path / "a", weights))
    assert folder_digest(make_folder(tmp_path / "b" / "c", weights)) == original
    (tmp_path / "b" / "c" / ".gitattributes").write_text("not part of the model")
    assert folder_digest(tmp_path / "b" / "c") == original
    others = [
        make_folder(tmp_path / "config", weights, config='{"a": 1}'),
        make_folder(tmp_path / "size", weights + b"\0"),
        make_folder(tmp_path / "first", b"\1" + weights[1:]),
        make_folder(tmp_path / "last", weights[:-1] + b"\1"),
    ]
    assert len({original, *map(folder_digest, others)}) == 5
