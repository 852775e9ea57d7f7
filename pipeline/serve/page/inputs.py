"""The inputs of the left column that are Gradio's own, and their words in every language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.records.anchor import LENGTH_UNITS
from pipeline.records.message import LANGUAGES, Language
from pipeline.serve.page.requests import CONFIGURED, Settings
from pipeline.serve.page.texts import say, texts

_KINDS = ("metric", "scale_invariant", "depth_affine", "disparity_affine")
_HINTS = ("none", "table", "image", "both")
_ANCHORS = ("height", "width", "points", "between", "camera", "camera_height")


@dataclass
class Inputs:
    """Gradio's components, and how their words follow the language.

    Args:
        settings: Components whose values are the fields of ``Settings``, by their names.
        worded: Components, and what makes their words.
        fields: Components that a new scene sets back, with what is theirs now.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    worded: list[tuple[Any, Callable[[Language], dict[str, Any]]]] = field(default_factory=list)
    fields: list[Any] = field(default_factory=list)

    def add(self, component: Any, words: Callable[[Language], dict[str, Any]]) -> Any:
        """A component whose words follow the language."""
        self.worded.append((component, words))
        return component

    def updates(self, language: Language) -> list[dict[str, Any]]:
        """What changes each of the worded components into a language."""
        import gradio as gr

        return [gr.update(**words(language)) for _, words in self.worded]


def own_html(html: str, script: str, elem_id: str | None = None) -> Any:
    """Markup of the page's own, without Gradio's styles.

    Args:
        html: The markup.
        script: What runs once it is there; ``element`` is its element.
        elem_id: Its id on the page.
    """
    import gradio as gr

    return gr.HTML(html, js_on_load=script, elem_id=elem_id, apply_default_css=False)


def label(code: str, info: str = "") -> Callable[[Language], dict[str, Any]]:
    """The label of a component, and a hint below it."""

    def words(language: Language) -> dict[str, Any]:
        return {"label": say(language, code), **({"info": say(language, info)} if info else {})}

    return words


def value(code: str) -> Callable[[Language], dict[str, Any]]:
    """The words on a button."""
    return lambda language: {"value": say(language, code)}


def choices(code: str, options: Sequence[str], prefix: str) -> Callable[[Language], dict[str, Any]]:
    """The label and the options of a list, in words where there are any."""

    def words(language: Language) -> dict[str, Any]:
        known = texts(language)
        shown = [(known.get(f"{prefix}{option}", option), option) for option in options]
        return {"label": say(language, code), "choices": shown}

    return words


def option_choices(code: str, options: Sequence[str], default: str = "as_configured") -> Callable[..., dict[str, Any]]:
    """A list whose first option is that of the configuration."""

    def words(language: Language) -> dict[str, Any]:
        found = choices(code, options, "choice_")(language)
        return {**found, "choices": [(say(language, default), CONFIGURED), *found["choices"]]}

    return words


def build_settings(inputs: Inputs, offered: Mapping[str, Sequence[str]], language: Language = "en") -> None:
    """The folded groups: depth files, camera, options.

    Args:
        inputs: Receives the components.
        offered: Options of the groups depth, ocr and segment that requests may choose.
        language: First language.
    """
    import gradio as gr

    def folded(code: str, elem_id: str) -> Any:
        words = label(code)
        return inputs.add(gr.Accordion(**words(language), open=False, elem_id=elem_id), words)

    def number(name: str, code: str, info: str = "") -> None:
        words = label(code, info)
        inputs.settings[name] = inputs.add(
            gr.Number(interactive=True, **words(language), value=None, minimum=0, elem_id=f"td-{name}"), words
        )

    def chosen(name: str, words: Callable[[Language], dict[str, Any]], first: str) -> None:
        inputs.settings[name] = inputs.add(
            gr.Dropdown(interactive=True, **words(language), value=first, filterable=False, elem_id=f"td-{name}"), words
        )

    with folded("rgbd", "td-rgbd"):
        own_html(_DEPTH_DROP, "TheodolitePage.mountDepth(element)", "td-depth-files")
        chosen("depth_kind", choices("depth_kind", _KINDS, "kind_"), "metric")
        number("depth_scale", "depth_scale", "depth_scale_help")
    with folded("camera_known", "td-camera"):
        number("focal_px", "focal_px")
        number("focal_35mm", "focal_35mm")
        number("fov_deg", "fov_deg")
        own_html('<p class="td-help" data-t="camera_help"></p>', "TheodolitePage.translate(element)")
    with folded("options", "td-options"):
        for group in ("depth", "ocr", "segment"):
            chosen(group, option_choices(f"option_{group}", tuple(offered.get(group, ()))), CONFIGURED)
        chosen("hints", option_choices("option_hints", _HINTS), CONFIGURED)
        chosen("language", option_choices("option_language", LANGUAGES, "language_of_question"), CONFIGURED)
    names = list(inputs.settings)
    first = [component.value for component in inputs.settings.values()]
    gr.on(
        [component.change for component in inputs.settings.values()],
        None,
        list(inputs.settings.values()),
        None,
        js=f"(...values) => TheodolitePage.marked({json.dumps(names)}, {json.dumps(first)}, values)",
        api_visibility="private",
    )


_DEPTH_DROP = """<div class="td-depth"><button type="button" class="td-button" data-t="depth_drop"></button>
<p class="td-help" data-t="depth_help"></p><input type="file" multiple hidden></div>"""


def build_anchors(inputs: Inputs, language: Language = "en") -> dict[str, Any]:
    """The group of known lengths; the scripts read its components when a length is added.

    Returns:
        The components by name: what, first, second, value, unit, add, judge.
    """
    import gradio as gr

    words = label("anchor")
    with inputs.add(gr.Accordion(**words(language), open=False, elem_id="td-anchors"), words):
        own_html('<p class="td-help" data-t="anchor_help"></p>', "TheodolitePage.translate(element)")
        kinds = choices("anchor_what", _ANCHORS, "anchor_")
        what = inputs.add(
            gr.Dropdown(
                interactive=True, **kinds(language), value="height", filterable=False, elem_id="td-anchor-what"
            ),
            kinds,
        )
        found = {"what": what}
        for name, code in (("first", "anchor_object"), ("second", "anchor_second")):
            found[name] = inputs.add(name_field(code, f"td-anchor-{name}", language), label(code))
        with gr.Row(elem_classes="td-pair"):
            found["value"], found["unit"] = add_length(inputs, "anchor_value", "cm", language)
        own_html('<ul class="td-chips"></ul>', "TheodolitePage.mountAnchors(element)", "td-anchor-list")
        with gr.Row(elem_classes="td-pair"):
            found["add"] = inputs.add(
                gr.Button(**value("anchor_add")(language), size="sm", min_width=60, elem_id="td-anchor-add"),
                value("anchor_add"),
            )
            found["judge"] = inputs.add(
                gr.Button(
                    **value("anchor_judge")(language),
                    size="sm",
                    min_width=60,
                    variant="primary",
                    elem_id="td-anchor-judge",
                ),
                value("anchor_judge"),
            )
    inputs.fields += [found[name] for name in ("what", "first", "second", "value", "unit")]
    return found


def name_field(code: str, elem_id: str, language: Language) -> Any:
    """The name of an object, which the scripts offer from the last answer."""
    import gradio as gr

    return gr.Textbox(
        interactive=True, **label(code)(language), max_lines=1, max_length=200, elem_id=elem_id, elem_classes="td-name"
    )


def add_length(inputs: Inputs, code: str, unit: str, language: Language, elem_id: str | None = None) -> tuple[Any, Any]:
    """The number and the unit of a length.

    Args:
        inputs: Where they are added.
        code: Text of the number's label.
        unit: The unit at first.
        language: Language at first.
        elem_id: Beginning of the ids that scripts know them by.
    """
    import gradio as gr

    ids = {part: elem_id and f"{elem_id}-{part}" for part in ("value", "unit")}
    number = gr.Number(
        interactive=True, **label(code)(language), value=None, minimum=0, min_width=80, elem_id=ids["value"]
    )
    units = gr.Dropdown(
        interactive=True,
        choices=[str(each) for each in LENGTH_UNITS],
        value=unit,
        filterable=False,
        min_width=80,
        elem_id=ids["unit"],
        **label("anchor_unit")(language),
    )
    return inputs.add(number, label(code)), inputs.add(units, label("anchor_unit"))


def build_commands(inputs: Inputs, anchors: Mapping[str, Any]) -> None:
    """What the scripts can set: two marked points as what is known, and all fields as they were at first.

    Args:
        inputs: The components.
        anchors: Those of known lengths, by name.
    """
    import gradio as gr

    form = gr.HTML(html_template="", js_on_load=_FORM, elem_id="td-form", visible="hidden")
    form.points(None, None, anchors["what"], js="() => 'points'", api_visibility="private")
    fields = [*inputs.settings.values(), *inputs.fields]
    first = json.dumps([component.value for component in fields])
    form.reset(None, None, fields, js=f"() => {first}", api_visibility="private")


_FORM = """TheodolitePage.setForm = (name) => {
  if (name === "points") trigger("points");
  else if (name === "reset") trigger("reset");
};"""


def settings_of(values: Sequence[Any], names: Sequence[str]) -> Settings:
    """The settings that the components hold, in the order of their names."""
    return Settings(**{name: given for name, given in zip(names, values, strict=True) if given is not None})
