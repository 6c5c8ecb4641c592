"""Settings of Sphinx for the reading edition. site/build.py prepares the pages and starts it."""

from __future__ import annotations

import html
import os
import sys
from typing import Any

from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.application import Sphinx

sys.path.insert(0, os.path.dirname(__file__))
from pages import REPOSITORY

project = author = "Learning rates, verified"
html_title = project
language = "en"
extensions = ["myst_nb"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # pages show what is stored
nb_ipywidgets_js = {}  # they would come from another host
nb_code_prompt_show = nb_code_prompt_hide = "Code"
nb_merge_streams = True

html_theme = "sphinx_book_theme"
html_theme_options = {
    "repository_url": REPOSITORY,
    "repository_branch": "main",
    "path_to_docs": "notebooks",
    "use_repository_button": True,
    "use_fullscreen_button": False,
    # A notebook alone does not run: it needs its neighbours, which Binder, Colab and the repository have.
    "use_download_button": False,
    "launch_buttons": {
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com",
        "notebook_interface": "jupyterlab",
    },
    "home_page_in_toc": True,
    "toc_title": "On this page",
    "navbar_persistent": [],  # search stands in the sidebar, and at the top of narrow windows
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": (
        '<p>Code: <a href="https://spdx.org/licenses/MIT.html">MIT</a>. Text and figures: '
        '<a href="https://creativecommons.org/licenses/by/4.0/">CC BY 4.0</a>.</p>'
    ),
}
html_copy_source = False
html_show_sourcelink = False
html_use_index = False
html_favicon = "favicon.svg"
html_context = {"default_mode": "auto"}
html_css_files = ["style.css"]
html_js_files = ["page.js"]
templates_path = []


def open_fold(translator: Any, node: HideCodeCellNode) -> None:
    """MyST's own fold calls itself "Toggle hidden content" to a screen reader, whatever is written on it."""
    translator.body.append(f"<details class='fold'><summary>{html.escape(node['prompt_show'])}</summary>\n")


def close_fold(translator: Any, node: HideCodeCellNode) -> None:
    """The end of what `open_fold` began."""
    translator.body.append("</details>\n")


def finish(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """The last touch to a page, before the theme's frame is put around it."""
    body = context.get("body", "")
    # A table in Markdown; its columns may be aligned.
    context["body"] = body.replace('<th class="head', '<th scope="col" class="head')
    if 'class="explorer"' in body:  # other pages do not need their code
        app.add_js_file("loader.js", loading_method="defer")


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("html-page-context", finish)
    app.add_node(HideCodeCellNode, override=True, html=(open_fold, close_fold))
