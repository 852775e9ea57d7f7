"""Writes the samples that ship: rendered scenes with exact depth, masks, claims, questions and answers.

Usage: python scripts/make_samples.py [FOLDER]

The folder is data/samples unless it is named. ``manifest.jsonl`` in it is an input like any other, and
``answers.jsonl`` holds the correct answers to its questions:
python -m pipeline run input=data/samples/manifest.jsonl vlm=recorded vlm.path=data/samples/answers.jsonl
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.records import Claim, to_plain
from pipeline.records.message import Language
from pipeline.synthetic.claims import claims_of
from pipeline.synthetic.questions import answer_text, questions_about
from pipeline.synthetic.scenes import rendered_sequence
from pipeline.synthetic.shapes import SHAPES
from pipeline.synthetic.view import RenderedView

SIDE_PX = 256
# Seeds of the scenes, their numbers of images and their languages; none is a training seed of the models that ship.
SAMPLES: tuple[tuple[int, int, Language], ...] = (
    (2001, 1, "en"), (2002, 1, "zh"), (2003, 1, "en"), (2005, 1, "zh"), (2008, 3, "en"),
)  # fmt: skip
_CLAIMS, _QUESTIONS = 12, 4
_DEPTH_SCALE = 0.001
# What a claim of a manifest need not say.
_DEFAULTS = {"origin": "given", "comparison": "about", "perspective": "camera", "negated": False}


def write_samples(folder: Path) -> None:
    """Write every sample and the manifest."""
    for name in ("images", "depth", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    samples = [_written(folder, *sample) for sample in SAMPLES]
    _write_lines(folder / "manifest.jsonl", [line for line, _ in samples])
    _write_lines(folder / "answers.jsonl", [answer for _, answers in samples for answer in answers])


def _write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def _written(folder: Path, seed: int, count: int, language: Language) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Write one scene's files, with all names and questions in one language; its line of the manifest, its answers."""
    made = rendered_sequence(seed, count, size_px=(SIDE_PX, SIDE_PX), tidy=True)
    rng = np.random.default_rng(seed)
    names = {item.label: item.label_zh for view in made.views for item in view.objects}
    # Claims of counts name a shape alone.
    every = names | {shape.name: shape.name_zh for shape in SHAPES.values()}
    names_in = {name: name if language == "en" else name_zh for name, name_zh in every.items()}
    asked = questions_about(made.views, rng, _QUESTIONS, (language,))
    claims = [claim for view in made.views for claim in claims_of(view, rng, _CLAIMS // count)]
    paths = [_images(folder, seed, view) for view in made.views]
    camera, name = made.view.frame.camera, f"sample-{seed}"
    line = {
        "id": name,
        "frames": [image for image, _ in paths],
        "depth": [depth for _, depth in paths],
        "depth_scale": _DEPTH_SCALE,
        "camera": {key: getattr(camera, key) for key in ("fx", "fy", "cx", "cy", "width", "height")},
        "poses": [view.frame.pose.tolist() for view in made.views if view.frame.pose is not None],
        "regions": [region for view in made.views for region in _regions(folder, seed, view, names_in)],
        "claims": [_claim(claim, names_in) for claim in claims],
        "questions": [question.text for question in asked],
    }
    answers = [
        {
            "id": name,
            "question": question.text,
            "response": answer_text(question.statement, question.language, names),
            **asdict(question.statement),
        }
        for question in asked
    ]
    return line, answers


def _images(folder: Path, seed: int, view: RenderedView) -> tuple[str, str]:
    """Paths of the image and of its depth in millimetres."""
    name = f"{seed}-{view.index}.png"
    Image.fromarray(view.frame.rgb).save(folder / "images" / name, optimize=True)
    depth = view.frame.given_depth
    assert depth is not None
    stored = np.where(depth.valid, np.round(depth.values / _DEPTH_SCALE), 0).clip(0, 65_535)
    Image.fromarray(stored.astype(np.uint16)).save(folder / "depth" / name, optimize=True)
    return f"images/{name}", f"depth/{name}"


def _regions(folder: Path, seed: int, view: RenderedView, names: dict[str, str]) -> list[dict[str, Any]]:
    regions = []
    for number, item in enumerate(view.objects):
        path = f"masks/{seed}-{view.index}-{number}.png"
        Image.fromarray(item.visible).save(folder / path, optimize=True)
        regions.append({"label": names[item.label], "frame": view.index, "box_px": list(item.box_px), "mask": path})
    return regions


def _claim(claim: Claim, names: dict[str, str]) -> dict[str, Any]:
    told = {key: names.get(value, value) if isinstance(value, str) else value for key, value in to_plain(claim).items()}
    return {key: value for key, value in told.items() if value not in (None, []) and value != _DEFAULTS.get(key)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("data/samples"), help="where to write them")
    write_samples(parser.parse_args().folder)
