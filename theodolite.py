"""The command ``theodolite``: makes sure that the module ``pipeline`` is Theodolite's, and runs its command line.

Other packages install a module ``pipeline`` too. Where two share a folder, the one that was installed last replaces
files of the other. This module has a name of its own, so that it can tell.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

_NAME, _MODULE = "theodolite", "pipeline"
_REINSTALL = f"pip install --force-reinstall --no-deps {_NAME}"


def main() -> int:
    """Run the command line, or say what is in its way.

    Returns:
        The exit code.
    """
    try:
        if _is_ours(_place()):
            code: int = import_module(f"{_MODULE}.cli").main()
            return code
    except Exception:
        if conflict() is None:
            raise
    sys.stderr.write(f"Error: {conflict() or _foreign()}\n")
    return 2


def conflict() -> str | None:
    """Which module ``pipeline`` wins where another package installed one too, and how to mend it; None without one."""
    owners = {
        distribution.metadata["Name"]: distribution
        for distribution in reversed(list(metadata.distributions()))  # Of one name, Python finds the first.
        if any(path.parts[0] in (_MODULE, f"{_MODULE}.py") for path in distribution.files or ())
    }
    ours = owners.pop(_NAME, None)
    if not owners:
        return None
    others = " and ".join(f"{name} {owners[name].version}" for name in sorted(owners))
    replaced = sum(map(_is_replaced, (ours and ours.files) or ()))
    if _is_ours(_place()) and not replaced:
        wins = "that of Theodolite wins, and the other package cannot work."
    else:
        wins = f"that of Theodolite cannot work, because {replaced or 'all'} of its files were replaced or hidden."
    return (
        f"{others} installed a module {_MODULE} too. In {_place().parent}, {wins} Install Theodolite into an "
        f"environment of its own, or mend this one: pip uninstall {' '.join(sorted(owners))}, then {_REINSTALL}."
    )


def _foreign() -> str:
    return (
        f"The module {_MODULE} in {_place().parent} is not the one of Theodolite. Run the command in another folder, "
        f"take that one out of PYTHONPATH, or mend it: {_REINSTALL}."
    )


def _place() -> Path:
    """The file that ``import pipeline`` reads."""
    spec = find_spec(_MODULE)
    return Path((spec and spec.origin) or f"no folder/{_MODULE}")


def _is_ours(file: Path) -> bool:
    """Whether the file is that of Theodolite's package, without running it."""
    return file.is_file() and file.read_bytes().startswith(b'"""Theodolite: ')


def _is_replaced(path: metadata.PackagePath) -> bool:
    """Whether a module's file is not the one that was installed."""
    if path.parts[0] != _MODULE or path.suffix != ".py" or path.hash is None:
        return False
    file = Path(str(path.locate()))
    digest = hashlib.new(path.hash.mode, file.read_bytes() if file.is_file() else b"").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != path.hash.value


if __name__ == "__main__":
    sys.exit(main())
