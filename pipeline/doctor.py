"""What is installed, which device there is, which models are on disk."""

from __future__ import annotations

import importlib
import platform
from importlib import metadata

from omegaconf import OmegaConf
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.resources import resource_dir

_PACKAGES = (
    # distribution, module, what it is for
    ("torch", "torch", "models"),
    ("torchvision", "torchvision", "image processors"),
    ("transformers", "transformers", "MiDaS, SAM and Qwen3-VL"),
    ("timm", "timm", "backbone of the hybrid DPT"),
    ("qwen-vl-utils", "qwen_vl_utils", "picture sizes"),
    ("open3d", "open3d", "point clouds"),
    ("opencv-python-headless", "cv2", "pictures"),
    ("av", "av", "video"),
    ("OpenEXR", "OpenEXR", "EXR depth files"),
    ("openai", "openai", "remote models"),
    ("rapidocr", "rapidocr", "text in pictures: bash scripts/setup.sh ocr"),
    ("hydra-core", "hydra", "configuration"),
)


def print_report(console: Console) -> None:
    """Print versions, whether each package can be imported, the device, and the state of every model."""
    from pipeline import __version__

    console.print(f"Theodolite {__version__}, Python {platform.python_version()}, {platform.platform()}", markup=False)
    packages = Table("Package", "Version", "State", "For", box=None, pad_edge=False)
    for distribution, module, purpose in _PACKAGES:
        version, state = package_state(distribution, module)
        packages.add_row(distribution, version, escape(state), escape(purpose))
    console.print(packages)
    console.print()
    console.print(device_line(), markup=False)
    console.print()
    models = Table("Choice", "Model", "Size", "State", box=None, pad_edge=False)
    for row in model_rows():
        models.add_row(*(escape(cell) for cell in row))
    console.print(models)


def package_state(distribution: str, module: str) -> tuple[str, str]:
    """Version of a package, and whether it can be imported here."""
    from pipeline.torchvision_fix import ensure_torchvision

    version = "-"
    for name in (distribution, f"{distribution}-cpu"):
        try:
            version = metadata.version(name)
            break
        except metadata.PackageNotFoundError:
            continue
    else:
        return "-", "not installed"
    try:
        if module in ("torchvision", "timm", "qwen_vl_utils"):
            ensure_torchvision()
        importlib.import_module(module)
    except Exception as error:
        return version, f"cannot be imported: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
    return version, "ok"


def device_line() -> str:
    """The device and precision that ``auto`` takes."""
    try:
        from pipeline.device import choose_device, choose_dtype

        device = choose_device("auto")
        return f"Device: {device}, {str(choose_dtype(device)).removeprefix('torch.')}"
    except Exception as error:
        return f"Device: cannot be told ({error})"


def model_rows() -> list[tuple[str, str, str, str]]:
    """(choice, model, download size, state) of every configuration that names a model of the hub."""
    from pipeline.hub import model_status

    rows = []
    for group in ("depth", "segment", "vlm"):
        folder = resource_dir("conf") / group
        for path in sorted(folder.glob("*.yaml")):
            config = OmegaConf.load(path)
            model, size_gb = OmegaConf.select(config, "model"), OmegaConf.select(config, "size_gb")
            if isinstance(model, str) and isinstance(size_gb, int | float):
                rows.append((f"{group}={path.stem}", model, f"{size_gb:g} GB", model_status(model)))
    return rows
