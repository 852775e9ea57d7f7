"""The group in which a claim is stated."""

from __future__ import annotations

import pytest

gr = pytest.importorskip("gradio", reason="the extra serve is not installed")

from pipeline.ingest.annotations import parse_claim  # noqa: E402
from pipeline.records.message import LANGUAGES  # noqa: E402
from pipeline.records.relations import RELATIONS  # noqa: E402
from pipeline.serve.page.claim_form import build_claim, relation_forms  # noqa: E402
from pipeline.serve.page.inputs import Inputs  # noqa: E402
from pipeline.serve.page.texts import texts  # noqa: E402


def test_every_relation_that_a_prompt_offers_can_be_stated_under_a_name_of_its_own() -> None:
    forms = relation_forms()
    assert {form["relation"] for form in forms.values()} == {name for name, one in RELATIONS.items() if not one.implied}
    for language in LANGUAGES:
        assert len({texts(language)[f"relation_{code}"] for code in forms}) == len(forms)


@pytest.mark.parametrize("code", list(relation_forms()))
def test_what_a_form_takes_makes_a_claim(code: str) -> None:
    form = relation_forms()[code]
    plain = dict(zip(("subject", "object", "other_object"), ("cup", "plate", "lamp")[: form["objects"]], strict=False))
    number = {"value": 2, "unit": "m" if form["is_length"] else "count"} if form["value"] != "none" else {}
    measure = {"measure": form["measure"]} if "measure" in form else {}
    claim = parse_claim({"relation": form["relation"], **plain, **number, **measure})
    assert claim.value == (2 if number else None) and claim.measure == form.get("measure")


def test_the_form_offers_both_ways_and_clears_all_its_fields() -> None:
    inputs = Inputs()
    with gr.Blocks(analytics_enabled=False):
        found = build_claim(inputs)
    assert [value for _, value in found["relation"].choices] == list(relation_forms())
    assert set(inputs.fields) == {component for name, component in found.items() if name != "judge"}
