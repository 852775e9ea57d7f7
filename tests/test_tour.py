"""The tour in ``docs/``: it is committed without outputs, runs on what ships, and shows the viewer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="nbclient is not installed")

TOUR = Path("docs/tour.ipynb")


@pytest.fixture(scope="module")
def executed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The tour, executed in a folder that is not the checkout."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(repository / TOUR, as_version=4)
    folder = tmp_path_factory.mktemp("tour")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(repository))
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        client = nbclient.NotebookClient(
            notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
        )
        yield client.execute()


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def test_it_is_committed_without_outputs(repository: Path) -> None:
    notebook = nbformat.read(repository / TOUR, as_version=4)
    nbformat.validate(notebook)
    assert outputs(notebook) == []
    assert all(cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert (repository / TOUR).stat().st_size < 20_000


@pytest.mark.slow
def test_it_runs_on_what_ships_and_shows_the_viewer(executed: Any) -> None:
    found = outputs(executed)
    assert [output.evalue for output in found if output.output_type == "error"] == []
    shown = [output.data["text/html"] for output in found if "text/html" in output.get("data", {})]
    assert len(shown) == 3
    for frame in shown:
        assert frame.startswith("<iframe srcdoc=") and "createViewer" in frame and "data:image/jpeg" in frame
        assert len(frame) < 2_000_000


@pytest.mark.slow
def test_what_it_prints_is_what_its_text_says(executed: Any) -> None:
    text = "".join(output.text for output in outputs(executed) if output.get("name") == "stdout")
    assert "disparity_affine, which has no shape" in text
    assert "supported | " in text and "PointCloud with " in text
    assert "55 of 55 decided claims" in text
    assert "sample-2008 {" in text
