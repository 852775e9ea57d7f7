"""The wheel holds everything that the commands need, and nothing else."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(repository)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed package; its dependencies come from the environment of the tests."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_ships_what_the_checkout_has_and_nothing_else(wheel: Path, repository: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, place in (("pipeline", "pipeline"), ("conf", "pipeline/conf"), ("data", "pipeline/data")):
        files = [
            path for path in (repository / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        assert files
        missing = {f"{place}/{path.relative_to(repository / folder).as_posix()}" for path in files} - names
        assert not missing
    assert {"pipeline/conf/run.yaml", "pipeline/py.typed"} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for name in names:
        assert name.startswith(("pipeline/", "theodolite-", "theodolite.py")), name
        assert "/tests/" not in name and "__pycache__" not in name and not name.endswith(".pyc")


def test_the_metadata_of_wheel_and_citation_agree(wheel: Path, repository: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (place,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    metadata = email.message_from_bytes(archive.read(place))
    citation = yaml.safe_load((repository / "CITATION.cff").read_text("utf-8"))
    # The keys that the Citation File Format 1.2.0 requires.
    assert citation.keys() >= {"cff-version", "message", "title", "authors"} and citation["cff-version"] == "1.2.0"
    assert citation["title"].lower() == metadata["Name"] and str(citation["version"]) == metadata["Version"]
    assert citation["license"] == metadata["License-Expression"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("-c", "import pipeline; print(pipeline.__file__)"), "{installed}"),
        (("-m", "pipeline"), "python -m pipeline doctor"),
        (("-m", "pipeline", "schema"), '"$schema": "https://json-schema.org/'),
        (("-m", "pipeline", "run", "--help"), "export: default"),
    ],
)
def test_the_installed_package_runs(installed: Path, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert words.format(installed=installed) in done.stdout


def toy_wheel(folder: Path, module: str) -> Path:
    """A package that installs a module ``pipeline`` too."""
    path = folder / "toy-1.0-py3-none-any.whl"
    files = {
        module: "raise RuntimeError('not to be run')\n",
        "toy-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n",
        "toy-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files["toy-1.0.dist-info/RECORD"] = "".join(f"{name},,\n" for name in [*files, "toy-1.0.dist-info/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize(
    ("module", "is_last", "code", "words"),
    [
        ("pipeline/__init__.py", True, 2, "Theodolite's cannot work, because 1 of its files were replaced"),
        ("pipeline/__init__.py", False, 0, "Theodolite's wins, and the other package cannot work."),
        ("pipeline/cli.py", True, 2, "toy 1.0 installed a module pipeline too."),
        ("pipeline.py", True, 0, "Theodolite's wins"),
    ],
)
def test_beside_another_package_with_that_module_the_command_says_which_one_wins(
    wheel: Path, tmp_path: Path, module: str, is_last: bool, code: int, words: str
) -> None:
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    site = next((tmp_path / "venv").rglob("site-packages"))
    # The dependencies come from the environment of the tests.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    order = [wheel, toy_wheel(tmp_path, module)] if is_last else [toy_wheel(tmp_path, module), wheel]
    for package in order:
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", str(package)]
        subprocess.run(pip, check=True, capture_output=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for command in ("doctor", "--help"):
        done = subprocess.run(
            [python.with_name("theodolite"), command], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == code, done.stderr
        said = done.stderr if code else done.stdout
        assert "Traceback" not in done.stderr
        if code or command == "doctor":
            assert words in said
            assert "pip uninstall toy, then pip install --force-reinstall --no-deps theodolite" in said
