"""The process in which ``matlab.read_matlab`` reads a file: FILE STRUCT BYTES NAME..., arrays as npz to its output.

Exit status: 0, 2 where the content is too large, another one or a signal where the file cannot be read.
"""

from __future__ import annotations

import contextlib
import math
import sys

import numpy as np
from scipy.io import loadmat, whosmat

# Size of the largest number of MATLAB.
_VALUE_BYTES = 8
# Memory that decoding needs, as a multiple of the arrays.
_OVERHEAD = 4
_TOO_LARGE = 2


def main(file: str, struct: str, most_bytes: int, names: list[str]) -> None:
    """Write the wanted arrays, of a struct's fields or of variables, to the standard output."""
    _limit_memory(_OVERHEAD * most_bytes)
    wanted = [struct] if struct else names
    shapes = {name: shape for name, shape, _ in whosmat(file)}
    if any(math.prod(shapes.get(name, ())) * _VALUE_BYTES > most_bytes for name in wanted):
        sys.exit(_TOO_LARGE)
    found = loadmat(file, variable_names=wanted)
    if struct and struct in found:
        (record,) = found[struct].ravel()
        found = {name: record[name] for name in found[struct].dtype.names}
    arrays = {name: np.asarray(found[name]) for name in names if name in found}
    if any(array.dtype.kind not in "biuf" for array in arrays.values()):
        raise TypeError
    np.savez(sys.stdout.buffer, **arrays)  # type: ignore[arg-type]


def _limit_memory(more_bytes: int) -> None:
    """Limit how much more memory the process may take, where the system supports it."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open("/proc/self/statm", encoding="ascii") as fields:
            taken = int(fields.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + more_bytes, taken + more_bytes))


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:])
    except MemoryError:
        sys.exit(_TOO_LARGE)
