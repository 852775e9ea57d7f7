"""The command ``theodolite``: checks that the module ``pipeline`` is Theodolite's, then runs its command line.

Other packages install a module ``pipeline`` too. If two share a folder, the one installed last overwrites files of the
other. This module has a unique name, so it can detect that.
"""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path

_REINSTALL = "pip install --force-reinstall --no-deps theodolite"


def main() -> int:
    """Run the command line, or say why it cannot run.

    Returns:
        The exit code.
    """
    try:
        if _is_ours(_origin()):
            code: int = import_module("pipeline.cli").main()
            return code
    except Exception:
        if conflict() is None:
            raise
    foreign = (
        f"The module pipeline in {_origin().parent} is not Theodolite's. Run the command in another folder, remove "
        f"that folder from PYTHONPATH, or reinstall: {_REINSTALL}."
    )
    sys.stderr.write(f"Error: {conflict() or foreign}\n")
    return 2


def conflict() -> str | None:
    """Which module ``pipeline`` wins if another package installed one too, and how to repair it; None otherwise."""
    owners = {
        distribution.name: distribution
        for distribution in reversed(list(metadata.distributions()))  # Of one name, Python finds the first.
        if any(path.parts[0] in ("pipeline", "pipeline.py") for path in distribution.files or ())
    }
    ours = owners.pop("theodolite", None)
    if not owners:
        return None
    others = " and ".join(f"{name} {owners[name].version}" for name in sorted(owners))
    replaced = sum(map(_is_replaced, (ours and ours.files) or ()))
    wins = "Theodolite's wins, and the other package cannot work."
    if replaced or not _is_ours(_origin()):
        wins = f"Theodolite's cannot work, because {replaced or 'all'} of its files were replaced or hidden."
    return (
        f"{others} installed a module pipeline too. In {_origin().parent}, {wins} Install Theodolite into an "
        f"environment of its own, or repair this one: pip uninstall {' '.join(sorted(owners))}, then {_REINSTALL}."
    )


def _origin() -> Path:
    """The file that ``import pipeline`` reads."""
    spec = find_spec("pipeline")
    return Path((spec and spec.origin) or "no folder/pipeline")


def _is_ours(file: Path) -> bool:
    """Whether the file is Theodolite's package, without running it."""
    return file.is_file() and file.read_bytes().startswith(b'"""Theodolite: ')


def _is_replaced(path: metadata.PackagePath) -> bool:
    """Whether a module is missing or has another size than the one that was installed."""
    file = Path(str(path.locate()))
    is_module = path.parts[0] == "pipeline" and path.suffix == ".py" and path.size is not None
    return is_module and (not file.is_file() or file.stat().st_size != path.size)


if __name__ == "__main__":
    sys.exit(main())
