"""Where the index of a cache lies: in the cache, or on a local disk where the cache is on a network drive."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pipeline.stages.store.layout import INDEX

# SQLite: "file locking of network filesystems is often buggy" (https://www.sqlite.org/whentouse.html). Names as in
# /proc/mounts, see proc_mounts(5). Further ones start with "fuse.": sshfs, s3fs, rclone, glusterfs and others.
_NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "gfs2", "gpfs", "lustre", "mfs", "ncpfs", "nfs",
    "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "pvfs2", "smb", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs",
    "vmhgfs", "wekafs",
})  # fmt: skip
_LOCAL_FUSE = frozenset({"fuse.fuse-overlayfs", "fuse.ntfs", "fuse.ntfs-3g", "fuse.mergerfs"})
_MOUNTS = Path("/proc/mounts")
_ESCAPED = re.compile(r"\\([0-7]{3})")


def index_path(root: Path) -> Path | None:
    """Where the index of a cache lies.

    Args:
        root: The folder of the format.

    Returns:
        The file, which need not exist; None if no local disk can be written.
    """
    if not is_on_network(root):
        return root / INDEX
    name = f"{hashlib.sha256(os.fsencode(os.path.realpath(root))).hexdigest()[:32]}.sqlite"
    for folder in _local_folders():
        # Home folders of clusters are network drives, too.
        if not is_on_network(folder) and _is_own(folder):
            return folder / name
    return None


def is_on_network(path: Path, mounts: Iterable[str] | None = None) -> bool:
    """Whether a path lies on a network drive; where the system does not say, it counts as local.

    Args:
        path: The path, which need not exist.
        mounts: Lines of ``/proc/mounts``; by default those of this system.
    """
    real = os.path.realpath(path)
    if real.startswith("\\\\"):
        return True
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
        except OSError:
            return False
    best, kind = "", ""
    for line in mounts:
        _, point, name, *_ = (*line.split(" "), "", "", "")
        point = _ESCAPED.sub(lambda code: chr(int(code[1], 8)), point).rstrip("/") + "/"
        # Later lines are mounted over earlier ones.
        if f"{real}/".startswith(point) and len(point) >= len(best):
            best, kind = point, name
    return kind in _NETWORK or (kind.startswith("fuse.") and kind not in _LOCAL_FUSE)


def _local_folders() -> Iterable[Path]:
    """The user's folder for caches, then one among the temporary files."""
    home = Path(os.path.expanduser("~"))
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    yield base / "theodolite" / "index"
    user = os.getuid() if hasattr(os, "getuid") else "index"
    yield Path(tempfile.gettempdir()) / f"theodolite-{user}"


def _is_own(folder: Path) -> bool:
    """Whether the folder can be made, or is there and belongs to this user alone."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.lstat()
    except OSError:
        return False
    is_mine = not hasattr(os, "getuid") or state.st_uid == os.getuid()
    return stat.S_ISDIR(state.st_mode) and is_mine and os.access(folder, os.W_OK)
