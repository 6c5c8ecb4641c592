"""Slides for a class: `python site/slides.py` writes a deck for each notebook to build/slides.

A deck shows what a teacher projects: the title, each prediction, the pictures and short outputs that answer it,
and the five lines of the summary, in the notebook's order and as they are stored there. It is one HTML file that
needs no network and nothing beside it. Arrow keys, page keys and the space bar turn the page; it prints.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbconvert.filters import markdown2html

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "build" / "slides"
MOST_LINES = 14  # of an output that is still read from the last row
UNSHOWN = {"setup", "parameters", "prediction", "exercise", "solution"}  # tags of cells
DECK = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>
html {{ scroll-snap-type: y mandatory; font-family: system-ui, sans-serif; color: #1a1a1a; background: #fff; }}
body {{ margin: 0; }}
section {{ height: 100vh; box-sizing: border-box; padding: 3vh 6vw; overflow: hidden; scroll-snap-align: start;
  display: flex; flex-direction: column; justify-content: center; break-after: page; }}
h1 {{ font-size: 7vh; }} h2 {{ font-size: 5vh; margin: 0 0 4vh; color: #555; }}
p {{ font-size: 4.4vh; line-height: 1.4; }}
li {{ font-size: 3.9vh; line-height: 1.35; margin: 0 0 1.6vh; }} a {{ color: inherit; text-decoration: none; }}
img {{ max-width: 100%; height: 94vh; object-fit: contain; }}
pre {{ margin: 0 auto; line-height: 1.4; font-size: min(4.2vh, 140vw / var(--columns)); }}
.anchor-link {{ display: none; }}
</style>
<main>
{slides}
</main>
<script>
const slides = [...document.querySelectorAll("section")];
const turns = {{ ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1 }};
addEventListener("keydown", event => {{
  if (!(event.key in turns)) return;
  event.preventDefault();
  const at = slides.findIndex(slide => slide.getBoundingClientRect().bottom > innerHeight / 2);
  slides[Math.max(0, Math.min(slides.length - 1, at + turns[event.key]))].scrollIntoView();
}});
</script>
</html>
"""


def rendered(markdown: str) -> str:
    """HTML of Markdown whose links lead nowhere from a projector."""
    return markdown2html(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown))


def output_slide(output: nbformat.NotebookNode) -> str | None:
    """The slide of a cell's output: a picture, or a text that is short enough."""
    data = output.get("data", {})
    if "image/png" in data:
        alt = html.escape(output.metadata["image/png"]["alt"])
        return f'<img alt="{alt}" src="data:image/png;base64,{data["image/png"].strip()}">'
    # The line that says where recorded runs come from is for readers.
    lines = [line for line in output.get("text", "").rstrip().splitlines() if not line.startswith("recorded:")]
    if output.get("name") != "stdout" or not 0 < len(lines) <= MOST_LINES:
        return None
    text = html.escape("\n".join(lines))
    return f'<pre style="--columns: {max(map(len, lines))}">{text}</pre>'


def slides(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """What stands on each slide of a notebook's deck, as HTML."""
    title, first = (cell.source for cell in notebook.cells[:2])
    yield rendered(f"{title}\n\n{first.split('**You')[0]}")
    heading = ""
    for cell in notebook.cells[1:]:
        if cell.cell_type == "code" and not UNSHOWN & set(cell.metadata.get("tags", ())):
            yield from filter(None, map(output_slide, cell.outputs))
        elif cell.cell_type == "markdown":
            for part in cell.source.split("\n\n"):
                if part.startswith("## "):
                    heading = part
                if part.startswith("**Predict.**"):
                    yield rendered(f"{heading}\n\n{part}")
            if cell.source.startswith("## Summary"):
                yield rendered(cell.source)


def main() -> None:
    """Write all decks."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        body = "\n".join(f"<section>{slide}</section>" for slide in slides(notebook))
        title = html.escape(notebook.cells[0].source.removeprefix("# "))
        (TARGET / f"{path.stem}.html").write_text(DECK.format(title=title, slides=body), encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}: a deck for each notebook")


if __name__ == "__main__":
    main()
