"""The notebooks as Sphinx is to take them: pictures with alternative text, links to pages, folds, explorers."""

from __future__ import annotations

import base64
import html
import json
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

REPOSITORY = "https://github.com/OWNER/REPO"
WIDGET = "application/vnd.jupyter.widget-view+json"
EXPLORER = "application/vnd.learning-rates.explorer+json"  # DATA_TYPE of notebooks/explorers.py
PNG_START = b"\x89PNG\r\n\x1a\n"

Cell = dict[str, Any]


class PageError(Exception):
    """What is wrong with a notebook, in one sentence."""


def slug(fragment: str) -> str:
    """What MyST and GitHub call a heading. JupyterLab's name for it, "1.-What-happens?", gives the same."""
    return re.sub(r"[^\w\- ]", "", unquote(fragment).lower()).replace(" ", "-")


def link(target: str, path: Path, suffix: str = "") -> str:
    """Where a link of the file at `path` leads in the edition: to a page, or to the public repository.

    Args:
        target: what stands in the file.
        path: a notebook or Markdown file. The files in its folder are pages, those elsewhere are not.
        suffix: what pages end on. Sphinx wants the file's own name in Markdown, HTML outputs need ".html".

    Raises:
        PageError: there is no such file.
    """
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return target
    fragment = f"#{slug(parts.fragment)}" if parts.fragment else ""
    if not parts.path:
        return fragment
    file = (path.parent / unquote(parts.path)).resolve()
    if not file.exists():
        raise PageError(f"{path.name} links to {target}, and there is no such file")
    if file.parent == path.parent.resolve() and file.suffix in (".ipynb", ".md"):
        return (file.stem + suffix if suffix else file.name) + fragment
    kind = "tree" if file.is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/main/{file.relative_to(path.resolve().parent.parent).as_posix()}{fragment}"


def markdown(text: str, path: Path) -> str:
    """Markdown with its links changed. Code, fenced or not, stays as it is, and so do pictures."""
    parts = re.split(r"(^```.*?^```|`[^`\n]+`)", text, flags=re.MULTILINE | re.DOTALL)
    for i in range(0, len(parts), 2):
        if formula := re.search(r"\$[^$\n]+\$", parts[i]):
            raise PageError(f"{path.name} has the formula {formula[0]}, and the edition only shows plain text")
        parts[i] = re.sub(r"(!\[[^\]]*)?\]\(([^)\s]+)\)", lambda m: _linked(m, path), parts[i])
    return "".join(parts)


def _linked(match: re.Match[str], path: Path) -> str:
    """A link or picture of Markdown, found by its end, "](target)"."""
    return match[0] if match[1] else f"]({link(match[2], path)})"


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a PNG file, each with its four letters."""
    at = len(PNG_START)
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        yield png[at + 4 : at + 8], png[at : at + 12 + length]
        at += 12 + length


def still(png: bytes) -> bytes | None:
    """The picture that an animated PNG shows where nothing can move; None if it is not animated."""
    names = {name for name, _ in chunks(png)}
    if b"acTL" not in names:
        return None
    return PNG_START + b"".join(part for name, part in chunks(png) if name not in (b"acTL", b"fcTL", b"fdAT"))


def picture(png: bytes, alt: str, name: str, folder: Path) -> str:
    """Store a picture as `name`; the HTML that shows it. One that moves gets a twin that is still."""
    width, height = struct.unpack(">II", png[16:24])  # known before it has come, so that the page does not jump
    calm = still(png)
    files = {f"{name}.png": png} | ({f"{name}-still.png": calm} if calm else {})
    images = ""
    for (file, content), kind in zip(files.items(), ("moving" if calm else "only", "still"), strict=False):
        (folder / file).write_bytes(content)
        size = f'width="{width}" height="{height}"'
        images += f'<img class="{kind}" src="figures/{file}" alt="{html.escape(alt)}" {size}>'
    return f'<div class="picture">{images}</div>'


def boxed(text: str, path: Path) -> str:
    """An HTML output with its links changed. A table gets a box that scrolls, so that the page need not."""
    text = re.sub(r'(?<=\bhref=")[^"]*', lambda m: html.escape(link(html.unescape(m[0]), path, ".html")), text)
    if "<table" not in text:
        return text
    # A keyboard can only scroll what it can reach, and what it reaches must have a name.
    caption = re.search(r"<caption>(.*?)</caption>", text, re.DOTALL)
    name = html.unescape(re.sub(r"<[^>]+>", "", caption[1]).strip()) if caption else "Table"
    return f'<div class="table-box" role="region" tabindex="0" aria-label="{html.escape(name)}">{text}</div>'


def explorer(data: dict[str, Any]) -> str:
    """The place of an explorer: its data for site/loader.js, and words that stand there where nothing runs."""
    words = f"<p>{html.escape(''.join(data.get('text/plain', '')))}</p>"
    if EXPLORER not in data:  # a widget of another kind
        return words
    carried = json.dumps(data[EXPLORER]).replace("<", "\\u003c")  # nothing in it may end the script
    return f'<div class="explorer">{words}<script type="application/json">{carried}</script></div>'


def output_html(output: Cell, name: str, path: Path, folder: Path) -> str | None:
    """An output as HTML, if it has more to show than text."""
    data = output.get("data", {})
    if "image/png" in data:
        alt = output["metadata"].get("image/png", {}).get("alt", "").strip()
        if not alt:
            raise PageError(f"{path.name} has a picture without alternative text")
        return picture(base64.b64decode("".join(data["image/png"])), alt, name, folder)
    if WIDGET in data:
        return explorer(data)
    if "text/html" in data:
        return boxed("".join(data["text/html"]), path)
    return None


def page(path: Path, folder: Path) -> str:
    """A notebook or Markdown file for Sphinx. Its pictures go into `folder`."""
    if path.suffix == ".md":
        return markdown(path.read_text(encoding="utf-8"), path)
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise PageError(f"{path.name} is not a notebook: {error}") from error
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "markdown":
            cell["source"] = markdown("".join(cell["source"]), path)
        if cell["cell_type"] != "code":
            continue
        if "".join(cell["source"]).strip() and cell["execution_count"] is None:
            raise PageError(f"{path.name} has a code cell that was not run: run the notebook and save it")
        tags = cell["metadata"].setdefault("tags", [])
        if "solution" in tags:  # what it prints gives it away, too
            cell["metadata"]["tags"] = [tag for tag in tags if tag != "hide-input"] + ["hide-cell"]
            cell["metadata"]["mystnb"] = {"code_prompt_show": "Solution"}
        elif cell["metadata"].get("jupyter", {}).get("source_hidden") and "hide-input" not in tags:
            tags.append("hide-input")
        for i, output in enumerate(cell["outputs"]):
            text = output_html(output, f"{path.stem[:2]}-{number}-{i}", path, folder)
            if text is not None:
                output["data"], output["metadata"] = {"text/html": text}, {}
    notebook["metadata"].pop("widgets", None)
    return json.dumps(notebook)
