"""Commands import what they need and no more, so that they start fast and run without what they do not use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_layout import HEAVY

PROGRAM = """
import json, sys
from pipeline.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as stop:
    code = stop.code or 0
print(json.dumps([code, sorted(sys.modules)]))
"""


def loaded(*arguments: str) -> set[str]:
    """The modules that a command imports."""
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stderr
    return set(modules)


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help")])
def test_help_imports_neither_arrays_nor_records(arguments: tuple[str, ...]) -> None:
    unused = {"numpy", "pydantic", "scipy", "cv2", "hydra", "filelock", "pipeline.records.claim"}
    assert not loaded(*arguments) & (HEAVY | unused)


def test_judging_claims_imports_no_evaluation_no_data_sets_and_no_renderer(tmp_path: Path) -> None:
    Image.fromarray(np.full((60, 80, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    np.save(tmp_path / "depth.npy", np.full((60, 80), 2.0, np.float32))
    regions = [{"label": "cup", "box_px": [5, 5, 30, 50]}, {"label": "lid", "box_px": [25, 5, 70, 50]}]
    claims = [{"relation": name, "subject": "cup", "object": "lid"} for name in ("left_of", "closer", "occludes")]
    (tmp_path / "claims.json").write_text(json.dumps({"regions": regions, "claims": claims}))
    modules = loaded(
        "verify", f"input={tmp_path / 'photo.png'}", f"input.depth={tmp_path / 'depth.npy'}", "depth=file",
        f"claims={tmp_path / 'claims.json'}", f"output_dir={tmp_path / 'out'}", "cache_dir=null",
    )  # fmt: skip
    assert list((tmp_path / "out" / "report" / "items").iterdir()), "the page of the result is written"
    assert modules & HEAVY == {"pyarrow"}, "which writes the tables"
    assert "pandas" not in modules
    own = {name for name in modules if name == "pipeline" or name.startswith("pipeline.")}
    assert not {name for name in own if name.split(".")[1:2] in (["evaluate"], ["datasets"], ["synthetic"])}
    assert len(own) <= 194, (
        "of which the report takes 26, batches ten, commands and their output four, the tables three"
    )
