from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from ingest.tars import QUESTION, array, depth_png, image, write_tar

from pipeline.cli import main
from pipeline.export.run_tables import run_tables
from pipeline.ingest.item import Item
from pipeline.ingest.source import FileSource
from pipeline.records.errors import InputError


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "temporary"


def test_a_sample_becomes_the_scene_of_its_files_and_leaves_none(tmp_path: Path, temporary: Path) -> None:
    members = {
        "dir/a.jpg": image(90),
        "dir/a.depth.png": depth_png(1500),
        "dir/a.json": {**QUESTION, "depth_scale": 1e-3},
    }
    source = FileSource(write_tar(tmp_path / "a.tar", {**members, "dir/b.jpg": image(200), "dir/b.npy": array(3.0)}))
    first, second = [source.scene(item) for item in source.items() if isinstance(item, Item)]
    assert (first.id, first.questions, first.frames[0].name) == ("dir/a", ("Where is the cup?",), "a.jpg")
    for scene, grey, metres in ((first, 90, 1.5), (second, 200, 3.0)):
        frame = scene.frames[0]
        assert frame.rgb.shape == (30, 40, 3) and abs(int(frame.rgb.mean()) - grey) <= 1
        assert frame.given_depth is not None and np.allclose(frame.given_depth.values, metres)
    assert list(temporary.iterdir()) == []


def test_a_damaged_image_is_named_by_its_place_in_the_archive(tmp_path: Path, temporary: Path) -> None:
    tar = write_tar(tmp_path / "a.tar", {"a.jpg": image()[:100]})
    source = FileSource(tar)
    (item,) = source.items()
    assert isinstance(item, Item)
    with pytest.raises(InputError) as refused:
        source.scene(item)
    assert f"{tar}/a.jpg" in str(refused.value) and str(temporary) not in str(refused.value)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("change", ["cut", "gone"])
def test_an_archive_that_changes_under_a_run_is_told(tmp_path: Path, change: str) -> None:
    tar = write_tar(tmp_path / "a.tar", {"a.jpg": image()})
    source = FileSource(tar)
    (item,) = source.items()
    if change == "cut":
        tar.write_bytes(tar.read_bytes()[:700])
    else:
        tar.unlink()
    assert isinstance(item, Item)
    with pytest.raises(InputError, match=r"a\.tar cannot be unpacked"):
        source.scene(item)


def test_archives_are_run_in_parts_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pyarrow import parquet

    monkeypatch.chdir(tmp_path)
    claim = {"relation": "left_of", "subject": "cup", "object": "lid"}
    regions = [{"label": name, "box_px": box} for name, box in (("cup", [1, 1, 15, 20]), ("lid", [20, 1, 38, 20]))]
    for shard in range(2):
        members = {}
        for number in range(3):
            members[f"{number}.jpg"] = image(90 + number) if (shard, number) != (1, 1) else b"torn"
            members[f"{number}.json"] = {"regions": regions, "claims": [claim]}
        write_tar(tmp_path / f"s-{shard}.tar", members)
    light = ("depth=none", "export.report=false", "export.overlay=false", "export.scenes=false", "cache_dir=null")
    arguments = ["verify", "input=s-{0..1}.tar", *light]
    assert main([*arguments, "output_dir=part", "shard=2/3"]) == 1
    items = parquet.read_table(run_tables(Path("part"), tmp_path / "made")["results"])["item"].to_pylist()
    assert items == ["s-0/1"], "the second of three, and the fifth is torn"
    assert main([*arguments, "output_dir=whole", "limit=2"]) == 0
    assert main([*arguments, "output_dir=whole", "resume=true"]) == 1
    rows = parquet.read_table(run_tables(Path("whole"), tmp_path / "made")["verdicts"])
    assert rows["item"].to_pylist() == ["s-0/0", "s-0/1", "s-0/2", "s-1/0", "s-1/2"]
    assert set(rows["status"].to_pylist()) == {"supported"}
