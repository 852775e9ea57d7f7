"""Arrays of MATLAB files up to level 5, read by SciPy in a separate process.

Many damaged files crash SciPy's reader, and a file of some kilobytes may claim to hold any number of values, so the
process has limits of memory and time.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.ingest.files import existing_file
from pipeline.records.errors import InputError

MOST_BYTES = 256 * 2**20
"""Largest file, and largest content of it, that is read [bytes]: several times that of any data set in such files."""

_MOST_SECONDS = 60
_PROCESS = Path(__file__).with_name("matlab_process.py")


def read_matlab(path: Path, fields_of: str | None, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The wanted arrays of real numbers that the file holds, by name.

    Args:
        path: The file.
        fields_of: Name of a struct whose fields are wanted, or None for variables.
        names: Wanted arrays; everything else is ignored.

    Raises:
        InputError: If the file is missing, damaged or too large, or a wanted field is not an array of real numbers.
    """
    file = existing_file(path, "a MATLAB file")
    if file.stat().st_size > MOST_BYTES:
        raise _too_large(file)
    try:
        # -P: modules beside the script must not hide those that SciPy imports.
        done = subprocess.run(
            [sys.executable, "-P", str(_PROCESS), str(file.absolute()), fields_of or "", str(MOST_BYTES), *names],
            capture_output=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _too_large(file) from None
    if done.returncode == 2:
        raise _too_large(file)
    if done.returncode != 0:
        raise InputError(f"{file} cannot be read as a MATLAB 5 file; copy it again.")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as stored:
        return {name: stored[name] for name in names if name in stored}


def _too_large(file: Path) -> InputError:
    return InputError(
        f"{file} holds more than {MOST_BYTES // 2**20} MiB, more than any file of a data set; copy it again."
    )
