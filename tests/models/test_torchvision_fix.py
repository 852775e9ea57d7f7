from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pipeline.models.torchvision_fix import ensure_torchvision
try:
    import torchvision
    imports_by_itself = True
except RuntimeError:
    imports_by_itself = False
ensure_torchvision()
import torchvision
first = torchvision
ensure_torchvision()
assert sys.modules["torchvision"] is first
decoder = torchvision.io.decode_image.__module__
assert decoder == ("torchvision.io.image" if imports_by_itself else "pipeline.models.torchvision_fix"), decoder
from torchvision.transforms.v2 import functional
import torch
assert functional.resize(torch.zeros(3, 8, 8), [4, 4]).shape == (3, 4, 4)
from transformers import AutoImageProcessor, DPTImageProcessor
print("mended", len(DPTImageProcessor()(torch.zeros(3, 8, 8), return_tensors="pt")["pixel_values"]))
"""


def run(*arguments: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(folder) for folder in (cwd, path) if folder)}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=cwd, env=environment)


def test_torchvision_imports_and_processes_images_and_a_second_call_changes_nothing(repository):
    result = run("-c", PROGRAM, cwd=repository)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "mended 1"


@pytest.mark.parametrize("as_module", [True, False])
def test_a_program_that_is_not_ours_starts_with_torchvision_mended(repository, tmp_path, as_module):
    program = tmp_path / "their_program.py"
    program.write_text("import sys, torchvision\nprint(__name__, sys.argv[1:], torchvision.io.decode_image.__name__)\n")
    target = program.stem if as_module else str(program)
    result = run("-m", "pipeline.models.torchvision_fix", target, "--flag", "x", cwd=repository, path=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "__main__ ['--flag', 'x'] decode_image"


def test_without_a_program_the_usage_is_shown(repository):
    result = run("-m", "pipeline.models.torchvision_fix", cwd=repository)
    assert result.returncode != 0
    assert "usage" in result.stderr


def test_images_are_decoded_by_pillow(tmp_path):
    import numpy as np
    import torch
    from PIL import Image

    from pipeline.models.torchvision_fix import decode_image

    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    path = tmp_path / "image.png"
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn by a quarter to show it upright.
    Image.fromarray(pixels).save(path, exif=exif)
    encoded = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
    expected = torch.from_numpy(pixels).permute(2, 0, 1)
    assert torch.equal(decode_image(encoded), expected)
    assert torch.equal(decode_image(str(path), mode="RGB"), expected)
    assert torch.equal(decode_image(path, "RGB", apply_exif_orientation=True), torch.rot90(expected, -1, (1, 2)))
    assert decode_image(path, "GRAY").shape == (1, 5, 7)
    assert decode_image(path, "RGBA").shape == (4, 5, 7)


def test_a_missing_torchvision_is_named(monkeypatch):
    from pipeline.models import torchvision_fix
    from pipeline.records.errors import DependencyError

    def import_nothing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(torchvision_fix.importlib, "import_module", import_nothing)
    with pytest.raises(DependencyError, match="pip install torchvision"):
        torchvision_fix.ensure_torchvision()
