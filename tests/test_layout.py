"""The rules of the source tree: imports point one way, heavy packages load late, files stay short."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pipeline"
FILES = sorted(PACKAGE.rglob("*.py"))

# From the lowest to the highest; a part imports its own layer and lower ones only.
LAYERS = (
    {
        "checkpoint_errors", "errors", "relations", "camera", "records", "resources", "versions", "device", "hub",
        "torchvision_fix",
    },
    {"geometry", "claims", "noise", "error_budget"},
    {"rules"},
    {"ingest", "depth", "ocr", "segment", "vlm", "verify", "fusion", "anchors", "export", "evaluate"},
    {"stages"},
    {
        "api", "batch", "serve", "build", "build_evaluation", "evaluation_jobs", "overrides", "summary", "doctor",
        "cli", "__main__",
    },
)  # fmt: skip
LEVELS = {part: level for level, parts in enumerate(LAYERS) for part in parts}

# Beyond the layers: geometry knows neither claims nor models, depth knows no claim.
FORBIDDEN = {("geometry", "claims"), ("geometry", "error_budget"), ("depth", "claims"), ("depth", "vlm")}

HEAVY = {
    "OpenEXR", "accelerate", "av", "h5py", "matplotlib", "onnxruntime", "open3d", "openai", "pyarrow", "qwen_vl_utils",
    "rapidocr", "ray", "timm", "torch", "torchvision", "transformers",
}  # fmt: skip
MOST_LINES = 400


def part_of(path: Path) -> str:
    """Name of the module or folder directly below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of the modules that are imported anywhere in the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name the whole module"
            if node.module == "pipeline":
                yield from (f"pipeline.{alias.name}" for alias in node.names)
            elif node.module:
                yield node.module


def wrong_imports(part: str, source: str) -> list[str]:
    """Imports of the package's own parts that point upward or are forbidden."""
    wrong = []
    for name in imported(ast.parse(source)):
        package, _, rest = name.partition(".")
        other = rest.split(".")[0]
        if package != "pipeline" or other in ("", "__version__"):
            continue
        if LEVELS[other] > LEVELS[part] or (part, other) in FORBIDDEN:
            wrong.append(name)
    return wrong


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
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (name.split(".")[0] for name in imported(node))
        waiting += ast.iter_child_nodes(node)


def forbidden_words(source: str) -> list[str]:
    """Calls of print and uses of sys.path."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            found.append(f"print in line {node.lineno}")
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path":
            found.append(f"sys.path in line {node.lineno}")
    return found


def named(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_every_part_has_a_layer() -> None:
    parts = {part_of(path) for path in FILES} - {"__init__"}
    assert parts <= set(LEVELS), "give the new part a layer in this test"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_point_one_way(path: Path) -> None:
    if path == PACKAGE / "__init__.py":
        pytest.skip("offers the two entry points of the highest layer, loaded on first use")
    assert wrong_imports(part_of(path), path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", FILES, ids=named)
def test_heavy_packages_are_imported_where_they_are_used(path: Path) -> None:
    assert HEAVY.isdisjoint(loaded_at_import(ast.parse(path.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_files_are_short_and_neither_print_nor_touch_the_search_path(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count("\n") <= MOST_LINES
    assert forbidden_words(source) == []


def test_the_command_line_starts_without_heavy_packages() -> None:
    program = f"import sys, pipeline.cli, pipeline.records; print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "part, source, wrong",
    [
        ("geometry", "from pipeline.records import Claim", []),
        ("geometry", "from pipeline.claims.names import normal_name", ["pipeline.claims.names"]),
        ("geometry", "def f():\n    from pipeline.depth.base import DepthBackend", ["pipeline.depth.base"]),
        ("depth", "import pipeline.claims.prose", ["pipeline.claims.prose"]),
        ("records", "from pipeline import cli", ["pipeline.cli"]),
        ("versions", "from pipeline import __version__", []),
        ("export", "from pipeline.stages.compose import run", ["pipeline.stages.compose"]),
        ("stages", "from pipeline.export.jsonl import ResultWriter", []),
        ("cli", "from pipeline.stages.compose import run", []),
    ],
)
def test_the_import_rule_finds_what_it_must(part: str, source: str, wrong: list[str]) -> None:
    assert wrong_imports(part, source) == wrong


@pytest.mark.parametrize(
    "source, loaded",
    [
        ("import torch.nn", {"torch"}),
        ("try:\n    import av\nexcept ImportError:\n    av = None", {"av"}),
        ("def f():\n    import torch", set()),
        ("if TYPE_CHECKING:\n    import torch", set()),
        ("class A:\n    import timm", {"timm"}),
    ],
)
def test_the_heavy_rule_finds_what_it_must(source: str, loaded: set[str]) -> None:
    assert set(loaded_at_import(ast.parse(source))) == loaded


def test_the_word_rule_finds_what_it_must() -> None:
    assert len(forbidden_words("print(1)\nsys.path.insert(0, 'x')\nconsole.print(1)")) == 2
