"""The tokenizer of theodolite-vl-nano: whole prompts, names and numbers are one token each.

So small a language model has no room for spelling. The fixed blocks of the pipeline's prompts, the wordings of
``questions``, the parts of the JSON and the numbers from 0 to 1000 are single tokens; everything else is byte pairs.
"""

from __future__ import annotations

import re
from typing import Any

from random_qwen3vl import byte_pair_tokenizer

from pipeline.models.vlm.prompt import answer_instruction, ground_instruction
from pipeline.models.vlm.templates import render
from pipeline.records import Unit
from pipeline.records.message import Language
from pipeline.synthetic.layout import COLOURS
from pipeline.synthetic.questions import WORDINGS
from pipeline.synthetic.shapes import SHAPES

LANGUAGES: tuple[Language, ...] = ("en", "zh")
NUMBERS = 1001
_JSON = (
    "```json\n[", "```json\n{\"objects\": [", "{\"bbox_2d\": [", "}, {\"bbox_2d\": [", "], \"label\": \"",
    "\", \"picture\": ", "}]\n```", "}], \"claims\": [{\"relation\": \"", "], \"claims\": [{\"relation\": \"",
    "\", \"subject\": \"", "\", \"object\": \"", "\"}]}\n```", "\", \"negated\": true}]}\n```", ", ", "\n\n", "\n",
    "]\n```", "| ", " | ", " | [", "] | 0.", "] | 1.", " |\n", " |\n\n", "user\n", "assistant\n", "table",
)  # fmt: skip
_CORPUS_REPEATS = 3
_BYTE_PAIRS = 700


def phrases() -> list[str]:
    """Everything but numbers that is one token, the same each time."""
    found: list[str] = list(_JSON)
    for language in LANGUAGES:
        found += [ground_instruction(language), answer_instruction(language)]
        found += [render(language, "depth_affine", tables=""), render(language, "ocr", lines="")]
        for template in ("picture", "depth_affine_table", "ocr_line", "question"):
            found += _fixed_parts(language, template)
        for wordings in WORDINGS.values():
            wording = wordings[language]
            for sentence in (*wording.questions, wording.yes, wording.no):
                found += re.split(r"\{[ab]\}", sentence)
        for sentence in (WHERE[language], *(evidence[language] for evidence in EVIDENCE.values())):
            found += re.split(r"\{[abpq]\}", sentence)
    found += [name for name in WORDINGS]
    for colour, (chinese, _) in COLOURS.items():
        found += [colour, chinese]
    for shape in SHAPES.values():
        found += [f" {shape.name}", shape.name_zh]
    return [phrase for phrase in dict.fromkeys(found) if phrase]


WHERE: dict[Language, str] = {"en": "Where is the {a}?", "zh": "{a}在哪里？"}
"""A question that only asks where one object is."""
EVIDENCE: dict[str, dict[Language, str]] = {
    "x": {
        "en": "From the left, the middle of the {a} is at {p} and that of the {b} at {q}. ",
        "zh": "从左起，{a}的中心在{p}，{b}的中心在{q}。",
    },
    "y": {
        "en": "From the top, the middle of the {a} is at {p} and that of the {b} at {q}. ",
        "zh": "从上起，{a}的中心在{p}，{b}的中心在{q}。",
    },
    "order": {
        "en": "Counted from the camera, the {a} is number {p} and the {b} number {q}. ",
        "zh": "由近到远，{a}排第{p}，{b}排第{q}。",
    },
}
"""What is told before yes or no: two numbers, of which the answer is a comparison."""


def synonyms() -> list[tuple[str, str]]:
    """Tokens of one meaning in English and Chinese."""
    colours = [(english, chinese) for english, (chinese, _) in COLOURS.items()]
    return colours + [(f" {shape.name}", shape.name_zh) for shape in SHAPES.values()]


def _fixed_parts(language: Language, template: str) -> list[str]:
    """What stands between the numbers and names of a template."""
    mark = "\x00"
    names = ("number", "picture", "rows", "box", "line", "question")
    return render(language, template, **dict.fromkeys(names, mark)).split(mark)


def build_tokenizer() -> Any:
    """A ``Qwen2Tokenizer`` of transformers."""
    from transformers import AddedToken

    tokenizer = byte_pair_tokenizer(_corpus(), _BYTE_PAIRS)
    known = set(tokenizer.get_vocab())
    whole = [text for text in (*phrases(), *map(str, range(NUMBERS))) if text not in known or not text.isascii()]
    tokenizer.add_tokens([AddedToken(text, normalized=False, special=False) for text in whole])
    return tokenizer


def _corpus() -> list[str]:
    """Words that a question may be asked in."""
    texts = [*phrases(), *(str(unit) for unit in Unit)]
    for language in LANGUAGES:
        texts.append(ground_instruction(language))
    return texts * _CORPUS_REPEATS
