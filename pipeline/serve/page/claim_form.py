"""The group of the left column in which a claim is stated: in words, or as a relation of objects."""

from __future__ import annotations

from typing import Any

from pipeline.records.message import Language
from pipeline.records.relations import RELATIONS, Need, ValueUse
from pipeline.serve.page.inputs import Inputs, add_length, choices, label, name_field, own_html, value
from pipeline.serve.page.texts import say

_HOW = ("relation", "words")
_MEASURED = {"size": ("height", "width", "depth")}


def relation_forms() -> dict[str, dict[str, Any]]:
    """What each relation that a claim can state takes, by its code; those that no prompt offers are left out.

    Sizes have a code for each side. ``objects`` counts all names, ``value`` is ``none``, ``optional`` or ``required``,
    and ``is_length`` says whether that number has a unit.
    """
    found = {}
    for name, entry in RELATIONS.items():
        if entry.implied:
            continue
        is_length = entry.value_need is Need.METRIC and not entry.counts
        # A hidden share is no number that a person knows.
        takes = entry.value if is_length or entry.counts else ValueUse.NONE
        form = {"objects": entry.objects + 1, "value": str(takes), "is_length": is_length, "relation": str(name)}
        for measure in _MEASURED.get(name, ("",)):
            found[f"{name}_{measure}" if measure else str(name)] = {**form, **({"measure": measure} if measure else {})}
    return found


def build_claim(inputs: Inputs, language: Language = "en") -> dict[str, Any]:
    """The group in which a claim is stated; the scripts read its components when it is to be judged.

    Returns:
        The components by name: how, words, relation, subject, object, other, value, unit, judge.
    """
    import gradio as gr

    words = label("claim")
    with inputs.add(gr.Accordion(**words(language), open=False, elem_id="td-claim"), words):
        own_html('<p class="td-help" data-t="claim_help"></p>', "TheodolitePage.mountClaim(element)")
        ways, relations = choices("claim_how", _HOW, "claim_as_"), choices("claim_relation", _codes(), "relation_")
        found = {
            "how": inputs.add(gr.Radio(interactive=True, **ways(language), value="relation", elem_id="td-how"), ways),
            "words": inputs.add(
                gr.Textbox(
                    interactive=True,
                    **_sentence(language),
                    lines=2,
                    max_lines=4,
                    max_length=4000,
                    elem_id="td-claim-words",
                ),
                _sentence,
            ),
            "relation": inputs.add(
                gr.Dropdown(
                    interactive=True,
                    **relations(language),
                    value="left_of",
                    elem_id="td-claim-relation",
                    filterable=True,
                ),
                relations,
            ),
        }
        for name, code in (("subject", "claim_subject"), ("object", "claim_object"), ("other", "claim_other")):
            found[name] = inputs.add(name_field(code, f"td-claim-{name}", language), label(code))
        with gr.Row(elem_classes="td-pair", elem_id="td-claim-number"):
            found["value"], found["unit"] = add_length(inputs, "claim_value", "m", language, elem_id="td-claim")
        found["judge"] = inputs.add(
            gr.Button(**value("claim_judge")(language), size="sm", variant="primary", elem_id="td-claim-judge"),
            value("claim_judge"),
        )
    inputs.fields += [component for name, component in found.items() if name != "judge"]
    stated = [found[name] for name in ("how", "words", "relation", "subject", "object", "other", "value", "unit")]
    found["judge"].click(None, stated, None, js="(...values) => TheodolitePage.claim(values)", api_visibility="private")
    for name in ("how", "relation"):
        found[name].change(
            None,
            [found["how"], found["relation"]],
            None,
            js="(...values) => TheodolitePage.chooseClaim(values)",
            api_visibility="private",
        )
    return found


def _codes() -> tuple[str, ...]:
    return tuple(relation_forms())


def _sentence(language: Language) -> dict[str, Any]:
    return {"label": say(language, "claim_text"), "placeholder": say(language, "claim_placeholder")}
