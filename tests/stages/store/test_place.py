from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pipeline.stages.store import place
from pipeline.stages.store.place import index_path, is_on_network

MOUNTS = r"""
/dev/vda / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
tmpfs /run tmpfs rw 0 0
server:/export /net nfs4 rw,vers=4.2 0 0
/dev/sdb /net/local xfs rw 0 0
//server/share /my\040share cifs rw 0 0
me@host:/data /sshfs fuse.sshfs rw 0 0
overlay /overlay fuse.fuse-overlayfs rw 0 0
/dev/sdc /over ext4 rw 0 0
10.0.0.1@tcp:/work /over lustre rw 0 0
none /shared 9p rw 0 0
""".strip().splitlines()


@pytest.mark.parametrize(
    "path, network",
    [
        ("/home/me", False),
        ("/", False),
        ("/net", True),
        ("/net/cache/v2", True),
        ("/network", False),
        ("/net/local/cache", False),
        ("/my share/cache", True),
        ("/my", False),
        ("/sshfs/a/b", True),
        ("/overlay/a", False),
        ("/over/a", True),
        ("/shared", True),
        ("/net/../home", False),
    ],
)
def test_the_last_mount_above_a_path_decides(path: str, network: bool) -> None:
    assert is_on_network(Path(path), MOUNTS) == network


@pytest.mark.parametrize("lines", [[], ["", "x", "/dev/vda"], ["a b"], [r"a /\777 nfs"]])
def test_lines_that_cannot_be_read_say_nothing(lines: list[str]) -> None:
    assert not is_on_network(Path("/home"), lines)


def test_where_the_system_does_not_say_a_path_is_local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(place, "_MOUNTS", tmp_path / "nowhere")
    assert not is_on_network(tmp_path)


def test_the_index_of_a_local_cache_lies_in_it(tmp_path: Path) -> None:
    assert index_path(tmp_path / "v2") == tmp_path / "v2" / "index.sqlite"


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder on a network drive; the user's folder for caches is beside it."""
    mounts = tmp_path / "mounts"
    mounts.write_text(f"server:/ {tmp_path / 'net'} nfs rw 0 0\n")
    monkeypatch.setattr(place, "_MOUNTS", mounts)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    (tmp_path / "net").mkdir()
    return tmp_path / "net"


def test_the_index_of_a_cache_on_a_network_drive_lies_in_the_users_folder(network: Path, tmp_path: Path) -> None:
    one, other = index_path(network / "v2"), index_path(network / "other" / "v2")
    assert one is not None and other is not None and one != other
    assert one.parent == other.parent == tmp_path / "home" / "theodolite" / "index"
    assert stat.S_IMODE(one.parent.stat().st_mode) == 0o700
    os.symlink(network, tmp_path / "link")
    assert index_path(tmp_path / "link" / "v2") == one, "one cache has one index"


def test_where_home_is_a_network_drive_the_index_lies_among_temporary_files(
    network: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(network / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = index_path(network / "v2")
    assert path is not None and path.parent == tmp_path / f"theodolite-{os.getuid()}"
    path.parent.rmdir()
    os.symlink(tmp_path / "net", path.parent)
    assert index_path(network / "v2") is None, "a link that others may have put there is not used"
    path.parent.unlink()
    monkeypatch.setattr("tempfile.tempdir", str(network))
    assert index_path(network / "v2") is None
