"""The conventions of families of models, each with its source."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, get_args

from pipeline.claims.coordinates.conventions import QWEN_2_RESIZE, Convention, CoordinateUnit, Padding, Resize

CoordinateChoice = Literal[
    "auto",
    "thousandths",
    "thousandths_yx",
    "per_999",
    "per_1024_yx",
    "pixels",
    "resized_pixels",
    "fractions",
    "percent",
]
"""A unit, or ``auto``: that of the model's family, or what the prompt asks for where the family is unknown."""

_THOUSANDTHS = Convention(CoordinateUnit.THOUSANDTHS)
_YX = Convention(CoordinateUnit.THOUSANDTHS_YX)
_RESIZED = Convention(CoordinateUnit.RESIZED_PIXELS, QWEN_2_RESIZE)
_FRACTIONS = Convention(CoordinateUnit.FRACTIONS)
_PIXELS = Convention(CoordinateUnit.PIXELS)
_PER_999 = Convention(CoordinateUnit.PER_999)

# Of the names that occur in a model's name, the longest decides.
_FAMILIES: dict[str, Convention] = {
    # QwenLM/Qwen-VL README (values in [0, 1000)); QwenLM/Qwen3-VL issues 866 and 663.
    "qwen-vl": _THOUSANDTHS,
    "qwen2-vl": _THOUSANDTHS,
    # QwenLM/Qwen3-VL issues 866, 931 and 1367; smart_resize of qwen-vl-utils.
    "qwen2.5-vl": _RESIZED,
    "qwen2.5-omni": _RESIZED,
    # om-ai-lab/VLM-R1 issue 198 and the maintainers of RoboBrain 2.0: pixels of the original image.
    "vlm-r1": _PIXELS,
    "robobrain2.0": _PIXELS,
    "mimo-vl": _RESIZED,
    "cosmos-reason1": _RESIZED,
    # QwenLM/Qwen3-VL cookbooks/2d_grounding.ipynb; roboflow/supervision detection/vlm.py.
    "qwen3-vl": _THOUSANDTHS,
    "qwen3.5": _THOUSANDTHS,
    "qwen3.6": _THOUSANDTHS,
    "qwen3.8": _THOUSANDTHS,
    "cosmos-reason2": _THOUSANDTHS,
    "robobrain2.5": _THOUSANDTHS,
    # internvl.readthedocs.io, chat data format, grounding and detection data.
    "internvl": _THOUSANDTHS,
    "xcomposer": _THOUSANDTHS,  # InternLM/InternLM-XComposer issue 319
    "all-seeing": Convention(CoordinateUnit.PER_999, padding=Padding.CENTRE),
    "asmv2": Convention(CoordinateUnit.PER_999, padding=Padding.CENTRE),  # OpenGVLab/all-seeing issue 10
    # Gemini cookbook, Spatial_understanding: box_2d is [ymin, xmin, ymax, xmax], points are [y, x].
    "gemini": _YX,
    "gemma-3": _YX,
    "gemma-4": _YX,
    # roboflow/supervision detection/vlm.py, from_paligemma.
    "paligemma": Convention(CoordinateUnit.PER_1024_YX),
    # microsoft/Florence-2-large processing_florence2.py, 1000 bins.
    "florence-2": _THOUSANDTHS,
    "kosmos-2": _FRACTIONS,
    "kosmos-2.5": Convention(CoordinateUnit.PIXELS, is_certain=False),
    "shikra": _FRACTIONS,
    # haotian-liu/LLaVA: fractions of the image padded to a square.
    "llava-1.5": Convention(CoordinateUnit.FRACTIONS, padding=Padding.CENTRE),
    "llava-v1.5": Convention(CoordinateUnit.FRACTIONS, padding=Padding.CENTRE),
    "llava": _FRACTIONS,
    "mplug-owl": _FRACTIONS,
    "docowl": _PER_999,
    "spatialbot": _FRACTIONS,
    # THUDM/CogVLM README, grounding: [[x0, y0, x1, y1]] from 000 to 999.
    "cogvlm": _THOUSANDTHS,
    "cogagent": _THOUSANDTHS,
    # zai-org/GLM-V README: coordinates normalised to 0-1000.
    "glm-v": _THOUSANDTHS,
    "glm-4.1v": _THOUSANDTHS,
    "glm-4.5v": _THOUSANDTHS,
    "glm-4.6v": _THOUSANDTHS,
    "glm-5v": _THOUSANDTHS,
    "minicpm": _THOUSANDTHS,
    # MoonshotAI/Kimi-VL README, agent grounding: fractions.
    "kimi": _FRACTIONS,
    "moondream": _FRACTIONS,
    "ferret": _THOUSANDTHS,
    # deepseek-ai/DeepSeek-VL2 README, <|det|> from 0 to 999.
    "deepseek-vl2": _PER_999,
    "deepseek-ocr": _PER_999,
    # bytedance/UI-TARS README_coordinates.md: 1.5 writes pixels of the resized image.
    "ui-tars": _THOUSANDTHS,
    "ui-tars-1.5": Convention(CoordinateUnit.RESIZED_PIXELS, Resize(28, 78_400, 28 * 28 * 16384)),
    "seed1.5-vl": _THOUSANDTHS,
    "seed-1.5-vl": _THOUSANDTHS,
    "seed1.6": _THOUSANDTHS,
    "doubao": _THOUSANDTHS,
    "ernie": _THOUSANDTHS,
    "keye": _THOUSANDTHS,
    "locateanything": _THOUSANDTHS,
    # allenai/molmo: points in per cent; Molmo 2 in thousandths.
    "molmo": Convention(CoordinateUnit.PERCENT),
    "molmo2": _THOUSANDTHS,
    "molmo-2": _THOUSANDTHS,
    "robopoint": _FRACTIONS,
    "roborefer": _FRACTIONS,
    "ovis2.5": _FRACTIONS,
    # Anthropic's vision documentation: pixels of the image, which is reduced to 1568 px and about 1.2 megapixels.
    "claude": Convention(CoordinateUnit.RESIZED_PIXELS, Resize(1, 0, 1_229_312, max_side_px=1568)),
    "gpt-4": _PIXELS,
    "gpt-5": _PIXELS,
    "grok": _PIXELS,
    "llama-4": _FRACTIONS,
}


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """A pattern of each family's name, with any separators; "qwen3-8b" has eight billion weights and is not 3.8."""
    marks = r"[\s_.-]*"
    return {
        family: re.compile(
            marks.join(re.sub(r"[\s_.-]", "", family)) + (r"(?!\d|b\b)" if family[-1].isdigit() else ""), re.IGNORECASE
        )
        for family in _FAMILIES
    }


def convention_of(model: str, choice: CoordinateChoice = "auto") -> Convention:
    """The convention of a model's coordinates.

    Args:
        model: Name of the model.
        choice: A unit, or ``auto``: that of its family. Of an unknown family, thousandths are only what the prompt
            asks for, and not certain.

    >>> convention_of("Qwen/Qwen2.5-VL-7B-Instruct").unit
    <CoordinateUnit.RESIZED_PIXELS: 'resized_pixels'>
    """
    names = [family for family, pattern in _patterns().items() if pattern.search(model)]
    known = _FAMILIES[max(names, key=len)] if names else None
    if choice == "auto":
        return known or Convention(is_certain=False)
    unit = CoordinateUnit(choice)
    return known if known is not None and known.unit is unit else Convention(unit)


assert set(get_args(CoordinateChoice)) == {"auto", *CoordinateUnit}
