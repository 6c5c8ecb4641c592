"""Build the reading edition: `python site/build.py` writes the notebooks, as they are stored, to build/site.

`python site/build.py --check` says whether the pages there are as new as the notebooks. Nothing is executed, and
no network is needed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import pages  # noqa: E402

TARGET = HERE.parent / "build" / "site"


def sources(notebooks: Path) -> list[Path]:
    """The files that become pages, in their order."""
    return [*sorted(notebooks.glob("*.ipynb")), *sorted(notebooks.glob("*.md"))]


def checksums(notebooks: Path) -> dict[str, str]:
    """All that the pages show, by its name."""
    files = [*sources(notebooks), *sorted(notebooks.glob("*.js")), *sorted(notebooks.glob("*.png"))]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def prepare(notebooks: Path, folder: Path) -> None:
    """Write to `folder` what Sphinx reads."""
    figures = folder / "_extra" / "figures"
    for new in (figures, folder / "_static"):
        new.mkdir(parents=True)
    for path in sources(notebooks):
        (folder / path.name).write_text(pages.page(path, figures), encoding="utf-8")
    for image in notebooks.glob("*.png"):
        shutil.copy(image, folder)
    index = (HERE / "index.md").read_text(encoding="utf-8")
    listed = "\n".join(path.stem for path in sources(notebooks))
    (folder / "index.md").write_text(index.replace("PAGES", listed), encoding="utf-8")
    (folder / "_extra" / "sources.json").write_text(json.dumps(checksums(notebooks)), encoding="utf-8")
    for name in ("style.css", "page.js"):
        shutil.copy(HERE / name, folder / "_static")
    source = notebooks / "explorers.js"
    module = source.read_text(encoding="utf-8") if source.exists() else ""
    loader = (HERE / "loader.js").read_text(encoding="utf-8")
    (folder / "_static" / "loader.js").write_text(
        f"{{const SOURCE = {json.dumps(module)};\n{loader}}}", encoding="utf-8"
    )


def build(notebooks: Path, target: Path) -> None:
    """Write the edition to `target`, in place of what is there, once all of it has been built.

    Raises:
        pages.PageError: a notebook has something that a page cannot show, or Sphinx warns.
    """
    try:
        import myst_nb  # noqa: F401
        import sphinx_book_theme  # noqa: F401
        from sphinx.application import Sphinx
    except ImportError as error:
        way = f"{sys.executable} -m pip install -r site/requirements.txt"
        raise pages.PageError(f"{error.name} is not installed: {way}") from error
    if not sources(notebooks):
        raise pages.PageError(f"there are no notebooks in {notebooks}")
    if target.exists() and any(target.iterdir()) and not (target / "sources.json").exists():
        raise pages.PageError(
            f"{target} has other files than the edition's, and would be replaced: name a new folder"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(notebooks, folder / "source")
        warnings = io.StringIO()
        # Every time from nothing: it takes seconds, and no page can be left over.
        paths = [str(folder / "source"), str(HERE), str(folder / "html"), str(folder / "trees")]
        beside = {f"html_{kind}_path": [str(folder / "source" / f"_{kind}")] for kind in ("extra", "static")}
        Sphinx(*paths, "html", confoverrides=beside, status=None, warning=warnings).build()
        if said := re.sub(r"\x1b\[[0-9;]*m", "", warnings.getvalue()).strip().splitlines():
            first = said[0].replace(f"{folder / 'source'}/", "")
            raise pages.PageError(f"Sphinx has {len(said)} objections, the first: {first}")
        for left in (".buildinfo", "objects.inv"):
            (folder / "html" / left).unlink(missing_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder / "html", target)


def check(notebooks: Path, target: Path) -> None:
    """Compare the pages with the notebooks.

    Raises:
        pages.PageError: a page is older than its notebook, or there is none.
    """
    try:
        built = json.loads((target / "sources.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise pages.PageError(f"there are no pages in {target}: run python site/build.py") from error
    now = checksums(notebooks)
    old = sorted(name for name in now.keys() | built.keys() if now.get(name) != built.get(name))
    if old:
        raise pages.PageError(f"these pages are older than their notebooks: {', '.join(old)}; build them again")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the pages are up to date")
    parser.add_argument("--notebooks", type=Path, default=HERE.parent / "notebooks", help="where they are")
    parser.add_argument("--target", type=Path, default=TARGET, help="where the pages go")
    given = parser.parse_args()
    try:
        (check if given.check else build)(given.notebooks, given.target)
    except pages.PageError as error:
        sys.exit(f"site/build.py: {error}")


if __name__ == "__main__":
    main()
