"""The command ``doctor``: installed packages, the device in use, and the models on disk."""

from __future__ import annotations

import importlib
import platform
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from omegaconf import DictConfig
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import pipeline
from pipeline.config.options import option, options_of, user_folder

_PACKAGES = (
    # distribution, module, what it is for
    ("torch", "torch", "models"),
    ("torchvision", "torchvision", "image processors"),
    ("transformers", "transformers", "depth networks, SAM and Qwen3-VL"),
    ("timm", "timm", "backbone of the hybrid DPT"),
    ("qwen-vl-utils", "qwen_vl_utils", "image sizes"),
    ("open3d", "open3d", "point clouds"),
    ("opencv-python-headless", "cv2", "images"),
    ("av", "av", "video"),
    ("OpenEXR", "OpenEXR", "EXR depth files"),
    ("openai", "openai", "remote models"),
    ("rapidocr", "rapidocr", "text in images: bash scripts/setup.sh ocr"),
    ("hydra-core", "hydra", "configuration"),
)

_FILE_WIDTH = 250  # Characters.


def print_report(console: Console) -> None:
    """Print versions, whether each package can be imported, the device, and the state of every model."""
    from theodolite import conflict

    console.print(
        f"Theodolite {pipeline.__version__}, Python {platform.python_version()}, {platform.platform()}", markup=False
    )
    packages = Table("Package", "Version", "State", "For", box=None, pad_edge=False)
    for distribution, module, purpose in _PACKAGES:
        version, state = package_state(distribution, module)
        packages.add_row(distribution, version, escape(state), escape(purpose))
    console.print(packages)
    console.print()
    module = conflict() or f"Module pipeline: {Path(pipeline.__file__).parent}, from Theodolite only"
    own = f"Own options: {user_folder()}{'' if user_folder().is_dir() else ', which does not exist'}"
    console.print(f"{module}\n{own}\n{device_line()}\n", markup=False)
    models = Table(box=None, pad_edge=False)
    for title in ("Choice", "Model", "Size", "Licence", "State"):
        models.add_column(title, overflow="fold")  # A truncated name could not be copied.
    for row in model_rows():
        models.add_row(*(escape(cell) for cell in row))
    if not console.is_terminal:  # In a file, each model stays on one line.
        console = Console(file=console.file, width=_FILE_WIDTH)
    console.print(models)


def package_state(distribution: str, module: str) -> tuple[str, str]:
    """Version of a package, and whether it can be imported here."""
    from pipeline.models.torchvision_fix import ensure_torchvision

    installed = [*metadata.distributions(name=distribution), *metadata.distributions(name=f"{distribution}-cpu")]
    if not installed:
        return "-", "not installed"
    version = installed[0].version
    try:
        if module in ("torchvision", "timm", "qwen_vl_utils"):
            ensure_torchvision()
        importlib.import_module(module)
    except Exception as error:
        return version, f"cannot be imported: {(str(error) or type(error).__name__).splitlines()[0]}"
    return version, "ok"


def device_line() -> str:
    """The device and precision that ``auto`` chooses."""
    try:
        from pipeline.models.device import choose_device, choose_dtype

        device = choose_device("auto")
        return f"Device: {device}, {str(choose_dtype(device)).removeprefix('torch.')}"
    except Exception as error:
        return f"Device: unknown ({error})"


class ModelRow(NamedTuple):
    """An option that names a model."""

    choice: str
    model: str
    size: str
    licence: str
    state: str


def model_rows() -> list[ModelRow]:
    """Every option that names a model to download; needs no network."""
    rows = []
    for group in ("depth", "segment", "vlm"):
        for name in options_of(group):
            config = option(group, name)
            model, size_gb = config.get("model"), config.get("size_gb")
            if isinstance(model, str) and isinstance(size_gb, int | float):
                licence = str(config.get("licence") or "-")
                rows.append(ModelRow(f"{group}={name}", model, f"{size_gb:g} GB", licence, _state(config)))
    return rows


def _state(config: DictConfig) -> str:
    """Whether the model is on disk: as its class says, otherwise according to the hub's cache."""
    from pipeline.models.hub import model_status

    module, _, name = str(config["_target_"]).rpartition(".")
    status = getattr(getattr(importlib.import_module(module), name), "model_status", model_status)
    return str(status(config["model"], config.get("revision")))
