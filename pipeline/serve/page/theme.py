"""The look of Gradio's own components: the colours and fonts of the report, all of them of the system."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradio.themes import Base

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei")
_MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "DejaVu Sans Mono")

# Variables of ``static/page.css``, which change with light and dark.
_VARIABLES: dict[str, str] = {
    "body_background_fill": "var(--td-paper)",
    "body_text_color": "var(--td-ink)",
    "body_text_color_subdued": "var(--td-soft)",
    "background_fill_primary": "var(--td-paper)",
    "background_fill_secondary": "var(--td-card)",
    "block_background_fill": "transparent",
    "block_border_color": "var(--td-line)",
    "block_label_background_fill": "transparent",
    "block_label_text_color": "var(--td-soft)",
    "block_title_text_color": "var(--td-ink)",
    "block_info_text_color": "var(--td-soft)",
    "border_color_primary": "var(--td-line)",
    "border_color_accent": "var(--td-accent)",
    "input_background_fill": "var(--td-paper)",
    "input_background_fill_focus": "var(--td-paper)",
    "input_border_color": "var(--td-edge)",
    "input_border_color_focus": "var(--td-accent)",
    "input_placeholder_color": "var(--td-soft)",
    "button_primary_background_fill": "var(--td-button)",
    "button_primary_background_fill_hover": "var(--td-button-hover)",
    "button_primary_text_color": "#ffffff",
    "button_primary_border_color": "transparent",
    "button_secondary_background_fill": "var(--td-paper)",
    "button_secondary_background_fill_hover": "var(--td-press)",
    "button_secondary_text_color": "var(--td-ink)",
    "button_secondary_border_color": "var(--td-edge)",
    "panel_background_fill": "transparent",
    "color_accent": "var(--td-accent)",
    "color_accent_soft": "var(--td-press)",
    "link_text_color": "var(--td-accent)",
}


def page_theme() -> Base:
    """The theme, which loads no font."""
    import gradio as gr

    theme = gr.themes.Base(
        font=[gr.themes.Font(name) for name in (*_SANS, "sans-serif")],
        font_mono=[gr.themes.Font(name) for name in (*_MONO, "monospace")],
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_md,
        spacing_size=gr.themes.sizes.spacing_md,
    )
    values: dict[str, Any] = {}
    for name, value in _VARIABLES.items():
        values[name] = value
        if hasattr(theme, f"{name}_dark"):
            values[f"{name}_dark"] = value
    return theme.set(
        **values,
        block_shadow="none",
        input_shadow="none",
        input_shadow_focus="none",
        input_border_width="1px",
        button_border_width="1px",
    )
