"""Makes torchvision importable where its compiled operators do not fit the installed torch.

Package indexes serve one torchvision wheel per platform, linked against CUDA. Beside a torch built
for the CPU its library does not load, and ``import torchvision`` ends in ``operator torchvision::nms
does not exist``; transformers' image processors, timm and qwen-vl-utils fail with it. They need only
its Python transforms. Declaring the missing operators' schemas lets the import succeed; the compiled
operators themselves (``torchvision.ops.nms``) stay unusable.

A program that cannot call :func:`ensure_torchvision` itself is started through this module:
``python -m pipeline.models.torchvision_fix transformers.cli.transformers serve MODEL``.
"""

from __future__ import annotations

import importlib
import io
import logging
import os
import runpy
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from pipeline.records.errors import DependencyError

logger = logging.getLogger(__name__)

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_PIL_MODES = {"GRAY": "L", "GRAY_ALPHA": "LA", "RGB": "RGB", "RGB_ALPHA": "RGBA"}

_lock = threading.Lock()
_libraries: list[Any] = []  # A Library takes its schemas with it when it is collected.


def ensure_torchvision() -> None:
    """Import torchvision, repairing the import where its operators do not fit the installed torch.

    Call it before the first import of transformers' processors, timm or qwen-vl-utils. Further
    calls do nothing, nor does the first where torchvision imports by itself.

    Raises:
        DependencyError: If torchvision is not installed.
    """
    with _lock:
        try:
            importlib.import_module("torchvision")
        except ModuleNotFoundError as error:
            if error.name != "torchvision":
                raise
            raise DependencyError("torchvision is not installed: install it with 'pip install torchvision'.") from None
        except RuntimeError as error:
            if "operator torchvision::nms does not exist" not in str(error):
                raise
            _import_without_operators()


def _import_without_operators() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in _SCHEMAS:
        library.define(schema)
    _libraries.append(library)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    for name in ("torchvision.io.image", "torchvision.io"):
        importlib.import_module(name).__dict__["decode_image"] = decode_image
    logger.debug("torchvision's compiled operators do not fit torch %s; using its Python part.", torch.__version__)


def decode_image(input: Any, mode: Any = "UNCHANGED", apply_exif_orientation: bool = False) -> Any:
    """Decode an image with Pillow, with the signature of ``torchvision.io.decode_image``.

    Args:
        input: Encoded bytes as a uint8 tensor of one dimension, or the path of an image file.
        mode: Name or member of ``torchvision.io.ImageReadMode``.
        apply_exif_orientation: Whether to turn the image upright.

    Returns:
        Tensor (channels, height, width), uint8, or uint16 for an unchanged 16-bit image.
    """
    import torch

    source: Any = io.BytesIO(input.cpu().numpy().tobytes()) if isinstance(input, torch.Tensor) else Path(input)
    with Image.open(source) as opened:
        image = ImageOps.exif_transpose(opened) if apply_exif_orientation else opened
        name = str(getattr(mode, "name", mode)).upper()
        if name != "UNCHANGED":
            image = image.convert(_PIL_MODES["RGB_ALPHA" if name == "RGBA" else name])
        elif image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
            image = image.convert("RGB")
        pixels = np.array(image)
    return torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1).contiguous()


def main(arguments: list[str]) -> None:
    """Run a module or a script as the main program, with torchvision importable.

    Args:
        arguments: Dotted module name or path of a script, then its own arguments.
    """
    if not arguments:
        sys.exit("usage: python -m pipeline.models.torchvision_fix MODULE_OR_SCRIPT [ARGUMENTS ...]")
    ensure_torchvision()
    sys.argv = arguments
    if os.path.isfile(arguments[0]):
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
