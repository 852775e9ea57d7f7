"""Hook of mkdocs: adds the pages that are made from the code, and keeps links within the site.

Pages in docs/ are read on a forge too, so they link to files of the repository by path. On the site, such a link leads
to the page that is made from the file; a link to a file without a page loses its target.
"""

from __future__ import annotations

import json
import posixpath
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# Files of the repository that are pages of the site.
OTHER_PAGES = {
    "CONTRIBUTING.md": "reference/contributing.md",
    "CHANGELOG.md": "reference/changelog.md",
    "README.md": "index.md",
    "data/models/theodolite-vl-nano/README.md": "reference/model-cards/theodolite-vl-nano.md",
    "data/models/theodolite-depth-nano/README.md": "reference/model-cards/theodolite-depth-nano.md",
    "data/README.md": "reference/model-cards/index.md",
    "data/samples/README.md": "reference/model-cards/samples.md",
    "docs/tour.ipynb": "notebooks/tour.md",
}
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def made_pages() -> dict[str, str]:
    """Every page that is made from the code, by its path in the site's sources."""
    import docs_configuration
    import docs_reference

    conf = ROOT / "conf"
    groups = [group for group in docs_configuration.GROUPS if (conf / group).is_dir()]
    pages = {
        "reference/relations.md": docs_reference.relations_page(),
        "reference/commands.md": docs_reference.commands_page(),
        "reference/schema.md": docs_reference.schema_page(),
        "reference/tables.md": docs_reference.tables_page(),
        "reference/results.schema.json": docs_reference.schema_file(),
        "reference/configuration/index.md": docs_configuration.command_page(conf),
        **{f"reference/configuration/{group}.md": docs_configuration.group_page(conf, group) for group in groups},
        **{f"reference/api/{name}": text for name, text in docs_reference.api_pages(ROOT).items()},
    }
    for source, page in OTHER_PAGES.items():
        if page != "index.md" and (ROOT / source).exists():
            text = (ROOT / source).read_text("utf-8")
            text = notebook_page(text) if source.endswith(".ipynb") else _without_front_matter(text)
            pages[page] = moved_links(text, source, page)
    return pages


def _without_front_matter(text: str) -> str:
    return re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)


def notebook_page(text: str) -> str:
    """The cells of a notebook as Markdown, code with what it printed."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif cell["cell_type"] == "code":
            parts.append(f"```python\n{source}\n```")
            printed = "".join("".join(output.get("text", ())) for output in cell["outputs"]).strip()
            parts += [f"```text\n{printed}\n```"] if printed else []
    return "\n\n".join(parts) + "\n"


def moved_links(text: str, source: str, page: str) -> str:
    """The text of a file with the links that hold where its page is.

    Args:
        text: Markdown.
        source: Path of the file in the repository.
        page: Path of its page in the site's sources.
    """

    def moved(match: re.Match[str]) -> str:
        target = match["target"]
        if re.match(r"[a-z]+:", target):
            return match[0]
        place = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        aim = OTHER_PAGES.get(place) or (place.removeprefix("docs/") if place.startswith("docs/") else None)
        if aim is None:
            return match["text"] if "`" in match["text"] else f"{match['text']} (`{place}`)"
        return f"[{match['text']}]({posixpath.relpath(aim, posixpath.dirname(page) or '.')}{match['anchor'] or ''})"

    # Fenced code shows links; it has none.
    parts = re.split(r"(?ms)(^```.*?^```)", text)
    return "".join(part if index % 2 else _LINK.sub(moved, part) for index, part in enumerate(parts))


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Expand the folders that the navigation names into their made pages."""
    # The hook is loaded by its path; what it imports lies beside it, and the package in the repository.
    for folder in (str(ROOT / "scripts"), str(ROOT)):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    config["made_pages"] = made_pages()
    config.nav = _expanded(config.nav, list(config["made_pages"]))
    return config


def _expanded(entry: Any, pages: list[str]) -> Any:
    if isinstance(entry, dict):
        return {title: _expanded([part] if isinstance(part, str) else part, pages) for title, part in entry.items()}
    expanded: list[Any] = []
    for part in entry:
        if isinstance(part, dict):
            expanded.append(_expanded(part, pages))
        elif part.endswith("/"):
            found = [page for page in pages if page.startswith(part) and page.endswith(".md")]
            expanded += sorted(found, key=lambda page: not page.endswith("/index.md"))
        else:
            expanded.append(part)
    return expanded


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the made pages."""
    from mkdocs.structure.files import File

    for path, text in config["made_pages"].items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to files outside docs/ to the pages that are made from them."""
    path = page.file.src_uri
    return markdown if path in config["made_pages"] else moved_links(markdown, f"docs/{path}", path)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let long names in tables break after dots, and keep numbers with their per cent signs."""
    parts = re.split(r"(<code.*?</code>)", html, flags=re.DOTALL)
    parts[::2] = [re.sub(r"(\d) %", "\\1&nbsp;%", part) for part in parts[::2]]
    html = "".join(parts)
    return re.sub(r"<td><code>[\w./]+</code>", lambda found: re.sub(r"(?<=\w)([./])(?=\w)", "\\1<wbr>", found[0]), html)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Name the dialog of the search, which the theme leaves without a name."""
    return output.replace(
        'data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'
    )
