"""The page: three columns, their components, and what happens on their events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.records.errors import TheodoliteError
from pipeline.serve.guard.rates import client_of as named_by_address
from pipeline.serve.page.conversation import Service, conversation, opened
from pipeline.serve.page.inputs import Inputs, build_anchors, build_claim, build_settings, own_html, settings_of, value
from pipeline.serve.page.texts import known_language, language_of, say
from pipeline.serve.page.turns import rendered

if TYPE_CHECKING:
    from gradio import Blocks

_COMMANDS = Path(__file__).parent / "static" / "commands.js"


def build_page(service: Service, described: Mapping[str, Any], result_days: float) -> Blocks:
    """The page as Gradio's blocks.

    Args:
        service: The service.
        described: What the service says about itself: ``choices`` and ``is_small``.
        result_days: Age at which results are deleted [days].
    """
    import gradio as gr

    inputs = Inputs()
    with gr.Blocks(title="Theodolite", analytics_enabled=False, fill_width=True) as blocks:
        header = rendered("header.html", is_small=described.get("is_small", False), days=f"{result_days:g}")
        own_html(header, "TheodolitePage.mountHeader(element)", "td-header")
        with gr.Row(elem_id="td-columns", equal_height=False):
            with gr.Column(elem_id="td-left", min_width=0):
                own_html(rendered("uploader.html"), "TheodolitePage.mountUploader(element)", "td-uploader")
                build_settings(inputs, described.get("choices", {}))
                anchors = build_anchors(inputs)
                claim = build_claim(inputs)
            with gr.Column(elem_id="td-centre", min_width=0):
                own_html(rendered("scene.html"), "TheodolitePage.mountScene(element)", "td-scene")
            with gr.Column(elem_id="td-right", min_width=0):
                own_html(rendered("chat.html"), "TheodolitePage.mountChat(element)", "td-chat")
                question, ask, stop = _composer(inputs)
        # What the scripts send, and what they get.
        command = gr.HTML(
            html_template="",
            js_on_load=_COMMANDS.read_text(encoding="utf-8"),
            elem_id="td-command",
            visible="hidden",
        )
        sent = gr.JSON(visible=False)
        feed, loaded, spoken = (_feed(gr, name) for name in ("run", "opened", "language"))
    with blocks:
        _events(blocks, service, inputs, command, sent, feed, loaded, spoken)
        for button, action in ((ask, "ask"), (stop, "stop")):
            button.click(None, None, None, js=f"() => TheodolitePage.{action}()", api_visibility="private")
        question.submit(None, None, None, js="() => TheodolitePage.ask()", api_visibility="private")
        parts = (*("what", "first", "second", "value", "unit"),)
        given = [anchors[name] for name in parts]
        for name in ("add", "judge"):
            script = f"(...values) => TheodolitePage.anchor('{name}', values)"
            anchors[name].click(None, given, None, js=script, api_visibility="private")
        anchors["what"].change(
            None, anchors["what"], None, js="(what) => TheodolitePage.chooseAnchor(what)", api_visibility="private"
        )
        stated = [claim[name] for name in ("words", "relation", "subject", "object", "other")]
        claim["judge"].click(
            None, stated, None, js="(...values) => TheodolitePage.claim(values)", api_visibility="private"
        )
    return blocks


def _feed(gr: Any, name: str) -> Any:
    """A component that shows nothing, and hands its values to the scripts."""
    script = f"watch('value', () => TheodolitePage.receive('{name}', props.value));"
    return gr.HTML(html_template="", js_on_load=script, elem_id=f"td-feed-{name}", visible="hidden")


def _composer(inputs: Inputs) -> tuple[Any, Any, Any]:
    import gradio as gr

    def words(language: Any) -> dict[str, Any]:
        return {"label": say(language, "question"), "placeholder": say(language, "question_placeholder")}

    with gr.Row(elem_id="td-composer"):
        question = gr.Textbox(
            **words("en"),
            show_label=False,
            lines=1,
            max_lines=6,
            max_length=4000,
            interactive=True,
            elem_id="td-question",
            container=False,
        )
        inputs.add(question, words)
        ask = inputs.add(
            gr.Button(**value("ask")("en"), variant="primary", elem_id="td-ask", min_width=64), value("ask")
        )
        stop = inputs.add(
            gr.Button(**value("stop")("en"), variant="stop", elem_id="td-stop", min_width=64), value("stop")
        )
    return question, ask, stop


def _events(
    blocks: Blocks,
    service: Service,
    inputs: Inputs,
    command: Any,
    sent: Any,
    feed: Any,
    loaded: Any,
    spoken: Any,
) -> None:
    import gradio as gr

    names = list(inputs.settings)
    running: dict[str, set[str]] = {}

    async def run(plain: Any, request: Any, *values: Any) -> AsyncIterator[dict[str, Any]]:
        own = running.setdefault(str(request.session_hash), set())
        async with aclosing(conversation(service, plain, settings_of(values, names), client_of(request))) as updates:
            async for update in updates:
                if job := update.get("job"):
                    own.add(job)
                yield update
        own.clear()

    def left(request: Any) -> None:
        # Gradio closes a generator only at its next value, for which a job may keep it waiting.
        for job in running.pop(str(request.session_hash), ()):
            with suppress(TheodoliteError):
                service.cancel(job)

    def stopped(plain: Any) -> None:
        with suppress(TheodoliteError):
            service.cancel(str(plain.get("job", "")) if isinstance(plain, Mapping) else "")

    def open_result(plain: Any) -> dict[str, Any]:
        plain = plain if isinstance(plain, Mapping) else {}
        language = known_language(plain.get("page_language")) or "en"
        return opened(service, plain.get("result"), language)

    def speak(plain: Any, request: Any) -> list[Any]:
        language = _language(plain, request)
        return [{"language": language}, *inputs.updates(language)]

    # Gradio recognises the parameter by its type, which this module imports only here.
    for function in (run, speak, left):
        function.__annotations__["request"] = gr.Request
    private = {
        "api_visibility": "private",
        "concurrency_limit": None,
        "show_progress": "hidden",
        "trigger_mode": "multiple",
    }

    def outgoing(name: str) -> str:
        return f"(...values) => TheodolitePage.outgoing('{name}', values)"

    worded = [component for component, _ in inputs.worded]
    command.run(run, [sent, *inputs.settings.values()], feed, js=outgoing("run"), **private).then(
        None, None, None, js="() => TheodolitePage.ended()", api_visibility="private"
    )
    command.halt(stopped, sent, None, js=outgoing("halt"), **private)
    command.open(open_result, sent, loaded, js=outgoing("open"), **private)
    blocks.unload(left)
    next(reversed(blocks.fns.values())).api_visibility = "private"
    command.speak(speak, sent, [spoken, *worded], js=outgoing("speak"), **private)


def _language(plain: Any, request: Any) -> Any:
    chosen = plain.get("page_language") if isinstance(plain, Mapping) else None
    return known_language(chosen) or language_of(request.headers.get("accept-language"))


def client_of(request: Any) -> str:
    """Whose request it is, for limits, as the server's guard names clients."""
    scope: MutableMapping[str, Any] = request.request.scope
    return str(scope.get("state", {}).get("client") or named_by_address(scope))
