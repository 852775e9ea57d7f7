"""Images that the tests of ingest write themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import ExifTags, Image


@pytest.fixture
def image(tmp_path: Path) -> Callable[..., Path]:
    """Writes an image of one colour with EXIF tags, and returns its path."""

    def write(
        name: str = "photo.png",
        size: tuple[int, int] = (32, 24),
        colour: object = (200, 100, 50),
        orientation: int = 1,
        **tags: object,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Image.new("RGB", size, colour)
        exif = made.getexif()
        exif[ExifTags.Base.Orientation] = orientation
        exif.get_ifd(ExifTags.IFD.Exif).update({ExifTags.Base[tag]: value for tag, value in tags.items()})
        made.save(path, exif=exif)
        return path

    return write
