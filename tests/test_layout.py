"""What import-linter cannot say of the source tree: heavy packages load late, and files stay short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pipeline"
HEAVY = {
    "OpenEXR", "accelerate", "av", "h5py", "matplotlib", "onnxruntime", "open3d", "openai", "pyarrow", "qwen_vl_utils",
    "rapidocr", "ray", "timm", "torch", "torchvision", "transformers",
}  # fmt: skip
MOST_LINES = 400


def sources() -> dict[str, str]:
    """The text of every module, by its path in the package."""
    return {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in sorted(PACKAGE.rglob("*.py"))}


def loaded_at_import(tree: ast.Module) -> Iterator[str]:
    """Top-level packages that importing the module loads: not those within functions or for type checks."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]
        waiting += ast.iter_child_nodes(node)


def faults(source: str) -> list[str]:
    """Why a module may not stay as it is."""
    tree = ast.parse(source)
    found = [f"imports {name} at once" for name in sorted(HEAVY.intersection(loaded_at_import(tree)))]
    if source.count("\n") > MOST_LINES:
        found.append(f"has more than {MOST_LINES} lines")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            found.append(f"imports relatively in line {node.lineno}")
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path":
            found.append(f"touches sys.path in line {node.lineno}")
    return found


def test_modules_are_short_and_load_heavy_packages_where_they_use_them() -> None:
    assert {path: found for path, source in sources().items() if (found := faults(source))} == {}


def test_four_modules_stay_loose() -> None:
    assert {path for path in sources() if "/" not in path} == {"__init__.py", "__main__.py", "api.py", "cli.py"}


@pytest.mark.parametrize(
    "source, found",
    [
        ("import torch.nn", ["imports torch at once"]),
        ("try:\n    import av\nexcept ImportError:\n    av = None", ["imports av at once"]),
        ("def f():\n    import torch", []),
        ("if TYPE_CHECKING:\n    import torch", []),
        ("class A:\n    import timm", ["imports timm at once"]),
        ("sys.path.insert(0, 'x')", ["touches sys.path in line 1"]),
        ("from . import cli", ["imports relatively in line 1"]),
        ("\n" * 401, ["has more than 400 lines"]),
    ],
)
def test_each_fault_is_found(source: str, found: list[str]) -> None:
    assert faults(source) == found
